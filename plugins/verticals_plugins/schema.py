"""What a task needs of a table: typed fields, who, when, what is to be predicted, and when the truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Field:
    """One column. ``aliases`` are other names under which exports carry it (compared without case and punctuation)."""

    name: str
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    required: bool = field(default=False, kw_only=True)
    known_ahead: bool = field(default=False, kw_only=True)
    help: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Number(Field):
    """A quantity. ``lower``/``upper`` bound what is believable: values outside are reported, never clipped."""

    unit: str = field(default="", kw_only=True)
    lower: float | None = field(default=None, kw_only=True)
    upper: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Category(Field):
    """One of a set of names; unseen names are allowed when scoring."""


@dataclass(frozen=True)
class Time(Field):
    """A moment. ``step`` is the regular distance between rows of a series ("1h", "7D"), if there is one."""

    step: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Text(Field):
    """Free text."""


@dataclass(frozen=True)
class Image(Field):
    """A path to, or an index of, a picture."""


@dataclass(frozen=True)
class Id(Field):
    """Names a row; never an input."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The fields of a task's main table, by role.

    ``label_delay_days`` is the time after which a target is known, unless ``label_time`` names a column that says so.
    ``tables`` describes further tables (a patient's timeline, a depot's vehicles) by name.
    """

    entity: Field | None = None
    time: Time | None = None
    target: Field | None = None
    fields: tuple[Field, ...] = ()
    id: Id | None = None
    label_time: Time | None = None
    label_delay_days: float = 0.0
    tables: Mapping[str, tuple[Field, ...]] = field(default_factory=dict[str, tuple[Field, ...]])

    def roles(self) -> Iterator[tuple[str, Field]]:
        """Yield ``(role, field)`` of the main table; the role of a plain field is ``"field"``."""
        named = (("id", self.id), ("entity", self.entity), ("time", self.time), ("target", self.target))
        for role, one in (*named, ("label_time", self.label_time)):
            if one is not None:
                yield role, one
        for one in self.fields:
            yield "field", one

    def names(self) -> list[str]:
        """Names of the main table's columns, in order of role."""
        return [one.name for _, one in self.roles()]
