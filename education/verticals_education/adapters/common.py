"""What every adapter of enrolments ends with: times, pseudonyms, the catalogue, and rows that ask what comes next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from verticals.data.convert import convert
from verticals.data.files import kind_of, sha256
from verticals.data.match import plain
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS, reading_of, typed
from verticals_education.catalogue import catalogue_of, from_json, to_text
from verticals_education.pseudonyms import NOTE, OPTION, pseudonyms, salt_of
from verticals_education.schema import CATALOGUE
from verticals_plugins import DataError, Dataset, Ledger, Provenance, ReadOptions, Schema, Source, Time, UsageError

TEXT_OPTIONS: Mapping[str, str] = {
    **{name: OPTIONS[name] for name in ("encoding", "delimiter", "date_format", "timezone")},
    **OPTION,
    "catalogue": "file with the catalogue: course, title, prerequisites, corequisites, seats (CSV or JSON)",
}
CATALOGUE_NAMES = ("catalogue", "catalog", "courses", "course", "modules")
CATALOGUE_FIELDS = Schema(fields=CATALOGUE)


@dataclass
class Found:
    """What an adapter read: raw learners, times, courses; and what it knows of the files."""

    frame: pd.DataFrame
    adapter: str
    sources: tuple[Source, ...]
    ledger: Ledger = field(default_factory=Ledger)
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    tables: dict[str, pd.DataFrame] = field(default_factory=dict[str, pd.DataFrame])


def finished(found: Found, options: ReadOptions, catalogue: pd.DataFrame | None = None) -> Dataset:
    """A dataset under pseudonyms, in order of time.

    Raises:
        DataError: no row is left; or a row that asks for a recommendation names no learner.
    """
    frame = found.frame
    if not len(frame):
        reasons = "; ".join(f"{count:,}: {reason}" for reason, count in found.ledger.dropped.items())
        raise DataError(
            f"No enrolment can be read ({reasons or 'there is none'}).", expected="Who took what, and when."
        )
    if not options.need_target:
        frame = with_requests(frame)
    salt = salt_of(options.options)
    tables = {name: _hidden(table, salt) for name, table in found.tables.items()}
    frame = _hidden(frame, salt)
    if "course" in frame:
        frame["course"] = _category(frame["course"])
    if "id" not in frame:
        frame.insert(0, "id", np.arange(len(frame)))
    frame = frame.sort_values("time", kind="stable", na_position="last").reset_index(drop=True)
    if catalogue is not None and len(catalogue):
        catalogue_of(catalogue, found.ledger)
        tables["catalogue"] = catalogue
    if salt == salt_of({}):
        found.ledger.warn(
            "pseudonyms were made with the public key; pass --option salt=SECRET to make them irreversible"
        )
    provenance = Provenance(found.adapter, found.sources, found.mapping, found.ledger, {**found.notes, NOTE: salt})
    return Dataset({"main": frame, **tables}, options.schema, provenance)


def refuse_mapping(given: Mapping[str, str], own: Mapping[str, str], adapter: str) -> None:
    """A format whose columns have fixed names takes no others.

    Raises:
        UsageError: ``given`` maps a field to another column.
    """
    for field_, column in given.items():
        if own.get(field_) != column:
            raise UsageError(
                f"{adapter} reads fixed columns: {field_}={column} would change nothing.",
                expected=f"No mapping (it reads {', '.join(f'{key}={value}' for key, value in own.items())}).",
                todo="Leave --map out; a table of other columns is read with --adapter education.enrolments.",
            )


def with_requests(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows, and one row without a course a learner, a second after the last one, unless some rows ask already."""
    if "course" not in frame or frame["course"].isna().any() or frame["time"].isna().any():
        return frame
    last = frame.groupby(frame["learner"].astype(str), sort=True)["time"].max()
    asks = pd.DataFrame({"learner": last.index, "time": last.to_numpy() + np.timedelta64(1, "s")})
    known = frame.assign(learner=frame["learner"].astype(str), course=frame["course"].astype(object))
    if "id" in frame:
        asks["id"] = [f"next of row {one}" for one in known.groupby("learner", sort=True)["id"].last()]
        known["id"] = known["id"].astype(str)
    return pd.concat([known, asks.assign(course=None)], ignore_index=True)


def times_of(cells: Iterable[Any] | pa.ChunkedArray, name: str, options: Mapping[str, str]) -> tuple[np.ndarray, str]:
    """(N,) datetime64[ns] of text cells, NaT where there is none; and how they were read, and why some cannot be."""
    column = cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([pa.array(list(cells), pa.string())])
    got = convert(column, Time(name), name, reading_of(options))
    return got.values.to_numpy().astype("datetime64[ns]"), "; ".join(one for one in (*got.notes, got.why) if one)


def source(path: Path, rows: int) -> Source:
    """The file as provenance."""
    return Source(str(path), path.stat().st_size, sha256(path), rows)


def catalogue_beside(path: Path, options: ReadOptions, ledger: Ledger) -> pd.DataFrame | None:
    """The catalogue that the user named, or the file of that name in the folder, as a table; None if there is none."""
    given = options.options.get("catalogue")
    if given:
        file = Path(given) if Path(given).is_absolute() or Path(given).exists() else path / given
        if not file.is_file():
            raise DataError(f"The catalogue {given} does not exist.", todo="Check --option catalogue=FILE.")
        return read_catalogue(file, ledger)
    if not path.is_dir():
        return None
    for file in sorted(path.iterdir()):
        named = file.name.split(".")[0].casefold() in CATALOGUE_NAMES
        if named and (kind_of(file) or file.suffix.casefold() == ".json"):
            return read_catalogue(file, ledger)
    return None


def read_catalogue(path: Path, ledger: Ledger) -> pd.DataFrame:
    """Course, title, prerequisites, corequisites, seats, from a table or from JSON ``{"courses": {NAME: {...}}}``.

    Raises:
        DataError: there is no column of courses, or a condition cannot be read.
    """
    if path.suffix.casefold() != ".json":
        raw = read_raw(path)
        table = typed(raw, CATALOGUE_FIELDS)
        for reason, count in raw.ledger.dropped.items():
            ledger.drop(f"catalogue: {reason}", count, raw.ledger.where.get(reason, ()))
        for line in raw.ledger.warnings:
            ledger.warn(f"catalogue: {line}")
        return table.assign(course=table["course"].astype(str))
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as err:
        raise DataError(f"{path.name} is no JSON ({err}).", expected='{"courses": {"A": {"prereq": ...}}}') from err
    courses = content.get("courses", content) if isinstance(content, dict) else None
    if not isinstance(courses, dict) or not all(isinstance(one, dict) for one in courses.values()):
        raise DataError(f"{path.name} is no catalogue.", expected='{"courses": {"A": {"prereq": {"and": ["B"]}}}}')
    return table_of_json(courses)


def table_of_json(courses: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A catalogue's table from JSON; keys are understood by the same words as columns."""
    rows = []
    for name, entry in courses.items():
        row: dict[str, Any] = {"course": name}
        for one in CATALOGUE[1:]:
            words = {plain(word) for word in (one.name, *one.aliases)}
            value = next((value for key, value in entry.items() if plain(key) in words), None)
            condition = one.name in ("prerequisites", "corequisites")
            row[one.name] = to_text(from_json(value, name)) if condition else value
        rows.append(row)
    return pd.DataFrame(rows, columns=[one.name for one in CATALOGUE])


def columns_like(raw: Raw, words: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Field -> column, by names compared without case and punctuation; the first word that is there wins."""
    at = {plain(name): name for name in reversed(raw.table.column_names)}
    return {
        key: next(at[plain(w)] for w in ws if plain(w) in at)
        for key, ws in words.items()
        if any(plain(w) in at for w in ws)
    }


def _hidden(frame: pd.DataFrame, salt: str) -> pd.DataFrame:
    return frame.assign(learner=pseudonyms(frame["learner"], salt)) if "learner" in frame else frame


def _category(column: pd.Series) -> pd.Series:
    known = pd.Series([None if pd.isna(one) else str(one) for one in column], index=column.index, dtype=object)
    names = sorted({one for one in known if one is not None})
    return pd.Series(pd.Categorical(known, categories=pd.Index(names, dtype=object)), index=column.index)
