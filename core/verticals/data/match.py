"""Finds which column of a file carries which field of a schema."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from verticals_plugins.errors import DataError, UsageError
from verticals_plugins.schema import Field, Schema

DATA = r"[-+]?\d+([.,]\d+)*|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?|column \d+"
"""Column names that look like values: numbers, dates, and those that stand for an empty name."""


@dataclass(frozen=True)
class Match:
    """``mapping`` is field -> column; ``doubts`` tell of optional fields that several columns could carry."""

    mapping: Mapping[str, str]
    doubts: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A name without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.casefold())


def required(role: str, field: Field, need_target: bool) -> bool:
    """Entity and time are needed always, a target where it is to be learnt from, other fields where they say so."""
    if role == "target":
        return need_target
    return role in ("entity", "time") or field.required


def match(schema: Schema, columns: Sequence[str], given: Mapping[str, str], *, need_target: bool, where: str) -> Match:
    """Map fields to columns: as ``given``, then by exact name, then by name or alias without case and punctuation.

    Raises:
        UsageError: ``given`` names a field that the schema does not have.
        DataError: ``given`` names a column that the file does not have; a required field has no column or several.
    """
    mapping = _given(schema, columns, given, where)
    roles = list(schema.roles())
    for _, field in roles:
        if field.name not in mapping and field.name in columns and field.name not in mapping.values():
            mapping[field.name] = field.name
    doubts = []
    missing: list[Field] = []
    for role, field in sorted(roles, key=lambda one: not required(one[0], one[1], need_target)):
        if field.name in mapping:
            continue
        wanted = {plain(one) for one in (field.name, *field.aliases)}
        fitting = [one for one in columns if plain(one) in wanted and one not in mapping.values()]
        if len(fitting) == 1:
            mapping[field.name] = fitting[0]
        elif fitting and required(role, field, need_target):
            raise DataError(
                f"{where}: {len(fitting)} columns could be {field.name!r}: {', '.join(fitting)}.",
                todo=f"Say which: --map {field.name}={fitting[0]}",
            )
        elif fitting:
            doubts.append(f"{field.name}: could be {' or '.join(fitting)}; not used (choose with --map {field.name}=…)")
        elif required(role, field, need_target):
            missing.append(field)
    if missing:
        happened = "" if schema.label_time is None else mapping.get(schema.label_time.name, "")
        guess = {schema.target.name: happened} if schema.target is not None and happened else {}
        raise _missing(missing, [one for one in columns if one not in mapping.values()], columns, where, guess)
    return Match(mapping, tuple(doubts))


def _given(schema: Schema, columns: Sequence[str], given: Mapping[str, str], where: str) -> dict[str, str]:
    names = schema.names()
    for field, column in given.items():
        if field not in names:
            raise UsageError(f"There is no field {field!r} to map.", expected=f"Fields: {', '.join(names)}.")
        if column not in columns:
            near = get_close_matches(column, columns, n=3, cutoff=0.6)
            raise DataError(
                f"{where} has no column {column!r}, which is mapped to {field!r}.",
                expected=f"Columns: {_some(columns)}.",
                todo=f"Did you mean {' or '.join(near)}?" if near else "",
            )
    return dict(given)


def _missing(
    missing: Sequence[Field], free: Sequence[str], columns: Sequence[str], where: str, guesses: Mapping[str, str]
) -> DataError:
    names = ", ".join(repr(one.name) for one in missing)
    hints: list[str] = []
    simple = {plain(one): one for one in free}
    for field in missing:
        wanted = [plain(one) for one in (field.name, *field.aliases)]
        near = [simple[hit] for one in wanted for hit in get_close_matches(one, list(simple), n=2, cutoff=0.6)]
        inside = [raw for key, raw in simple.items() if any(len(one) > 2 and one in key for one in wanted)]
        guess = next(iter([*near, *inside]), guesses.get(field.name, "COLUMN"))
        taken = any(one.endswith(f"={guess}") for one in hints)
        hints.append(f"--map {field.name}={'COLUMN' if taken else guess}")
    bare = 2 * sum(bool(re.fullmatch(DATA, one)) for one in columns) >= len(columns)
    return DataError(
        f"{where} has no column for {names}.",
        expected=f"Columns found: {_some(columns)}."
        + (" The first line looks like data: a header line is needed." if bare else ""),
        todo=f"Say which column it is: {' '.join(hints)}",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
