"""A dataset: tables, what they mean, and where every row came from or why it was dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from verticals_plugins.schema import Schema


@dataclass(frozen=True)
class Source:
    """One file that was read: its path as given, size in bytes, sha256 and rows taken from it."""

    path: str
    bytes: int
    sha256: str
    rows: int


@dataclass
class Ledger:
    """Rows that were dropped, and things that were noticed. Nothing is lost without a line in here."""

    dropped: dict[str, int] = field(default_factory=dict[str, int])
    where: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    warnings: list[str] = field(default_factory=list[str])

    def drop(self, reason: str, count: int, where: Sequence[str] = ()) -> None:
        """Count ``count`` rows dropped for ``reason``; keep the first five places (file and line)."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count
            kept = self.where.setdefault(reason, [])
            kept.extend(list(where)[: 5 - len(kept)])

    def warn(self, message: str) -> None:
        """Note something that was seen and left as it is."""
        if message not in self.warnings:
            self.warnings.append(message)


@dataclass(frozen=True)
class Provenance:
    """Where the data came from. ``mapping`` is field name -> column name as found in the file."""

    adapter: str
    sources: tuple[Source, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    ledger: Ledger = field(default_factory=Ledger)
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Dataset:
    """Tables (``main`` is the schema's), arrays that do not fit a table (images, matrices), schema and provenance.

    Times are ``datetime64[ns]`` in UTC without zone; the zone of origin, if any, is in ``provenance.notes``.
    """

    tables: Mapping[str, pd.DataFrame]
    schema: Schema
    provenance: Provenance
    arrays: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def main(self) -> pd.DataFrame:
        """The schema's table."""
        return self.tables["main"]

    def with_main(self, main: pd.DataFrame) -> Dataset:
        """The same dataset with another main table."""
        return replace(self, tables={**self.tables, "main": main})
