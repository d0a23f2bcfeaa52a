"""OULAD: a folder with studentRegistration.csv (or studentInfo.csv, or studentVle.csv alone).

Days count from the start of a presentation, whose name says year and month: 2013B begins in February, 2013J in October.
The files give no exact day, so the first of the month is used. Registrations come from studentRegistration; where that
file is absent, from studentInfo (at the start), or from the first day with clicks in studentVle. Pass and Distinction
are known at the end of the presentation. Clicks of one student, site and day are summed into the table ``activity``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from verticals.data.files import DAMAGED, kind_of, open_bytes
from verticals.data.parse import MISSING
from verticals.data.raw import Raw, read_raw
from verticals_education.adapters.common import TEXT_OPTIONS, Found, catalogue_beside, finished, refuse_mapping
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

KEY = ["code_module", "code_presentation", "id_student"]
FILES = ("studentRegistration", "studentInfo", "studentVle")
MAPPING = {"learner": "id_student", "course": "code_module", "time": "date_registration"}
MONTHS = {letter: month for month, letter in enumerate("ABCDEFGHIJKL", start=1)}
PASSED = {"pass", "distinction"}
USUAL_LENGTH = 260.0
DAYS = 3650
"""A day so far from the start of a presentation is none."""


def read_oulad(path: Path, options: ReadOptions) -> Dataset:
    """Read the enrolments of a folder, or of one of its files.

    Raises:
        UsageError: a column is mapped.
        DataError: none of the three files is there, a column is missing, or a presentation's name has no year.
    """
    refuse_mapping(options.mapping, MAPPING, "education.oulad")
    given = {_known(path.name.split(".")[0]): path} if path.is_file() else _files(path)
    present = {name: _raw(file, options) for name, file in given.items() if name in FILES}
    if not present:
        raise DataError(
            f"{path} holds none of {', '.join(f'{one}.csv' for one in FILES)}.", expected="The files of OULAD.",
            todo="Give the folder, or one of these files.",
        )  # fmt: skip
    base = next(name for name in FILES if name in present)
    ledger = Ledger()
    clicks = activity(present["studentVle"], ledger) if "studentVle" in present else None
    if base == "studentVle" and clicks is not None:
        days = clicks.rename(columns={"learner": KEY[2], "course": KEY[0], "day": "date"})
        table = days.groupby(KEY, sort=True)["date"].min().reset_index()
    else:
        table = _table(present[base], base, ledger, "date_registration" if base == FILES[0] else None)
    folder = path.parent if path.is_file() else path
    named = sorted(one for one in folder.iterdir() if kind_of(one) and _known(one.name.split(".")[0]) == "courses")
    beside = next(iter(named), None)
    courses = None if beside is None else _raw(beside, options)
    for name, raw in (*present.items(), *([("courses", courses)] if courses is not None else [])):
        for reason, count in raw.ledger.dropped.items():
            ledger.drop(f"{name}: {reason}", count, raw.ledger.where.get(reason, ()))
    table = _with_results(table, present.get("studentInfo"), ledger)
    frame = _enrolments(table, base, courses, ledger) if len(table) else table
    sources = tuple(one for raw in present.values() for one in raw.sources)
    found = Found(frame, "education.oulad", sources, ledger, MAPPING)
    if clicks is not None:
        found.tables["activity"] = clicks
    catalogue = catalogue_beside(path, options, ledger) if options.options.get("catalogue") else None
    return finished(found, options, catalogue)


def start_of(presentations: pd.Series) -> pd.Series:
    """The first day of each presentation.

    Raises:
        DataError: a name is not a year and a letter.
    """
    days: dict[str, pd.Timestamp] = {}
    for one in presentations.unique():
        match = re.fullmatch(r"(\d{4})([A-L])", str(one))
        if match is None:
            raise DataError(
                f"The presentation {one!r} says no year and month.",
                expected="Like 2013J: a year and a letter, A = January.",
            )
        days[one] = pd.Timestamp(int(match[1]), MONTHS[match[2]], 1)
    return presentations.map(days)


def activity(raw: Raw, ledger: Ledger) -> pd.DataFrame:
    """Clicks summed by student, course, site and day; rows are never dropped as repetitions."""
    columns = [*KEY, "id_site", "date", "sum_click"]
    _need(raw, "studentVle", columns)
    table = pd.DataFrame({name: _text(raw, name) for name in columns})
    table["clicks"] = _numbers(raw, "sum_click")
    table["day"] = _numbers(raw, "date")
    odd = {f"{one} is missing": table[one] == "" for one in (*KEY, "id_site")}
    odd["a day or a number of clicks that is no number"] = ~(table["clicks"] >= 0) | ~table["day"].between(-DAYS, DAYS)
    table = _without(table, odd, raw, "studentVle", ledger)
    summed = table.groupby([*KEY, "id_site", "day"], sort=True)["clicks"].sum().reset_index()
    return summed.rename(columns={"id_student": "learner", "code_module": "course"})


def _table(raw: Raw, name: str, ledger: Ledger, day: str | None) -> pd.DataFrame:
    _need(raw, name, [*KEY, *([day] if day else [])])
    table = pd.DataFrame({one: _text(raw, one) for one in KEY})
    table["date"] = _numbers(raw, day) if day else 0.0
    if day is None:
        ledger.warn(f"{name} says no day of registration: the start of the presentation is used")
    if "date_unregistration" in raw.table.column_names:
        table["left"] = _numbers(raw, "date_unregistration")
    odd = {f"{one} is missing": table[one] == "" for one in KEY}
    if day:
        said = np.array([one.casefold() not in MISSING for one in _text(raw, day)])
        odd[f"{day} is no number"] = table["date"].isna() & said
        odd[f"{day} is no day of a course"] = table["date"].abs() > DAYS
    return _without(table, odd, raw, name, ledger)


def _without(
    table: pd.DataFrame, odd: Mapping[str, pd.Series], raw: Raw, name: str, ledger: Ledger
) -> pd.DataFrame:  # fmt: skip
    """The rows that are not odd; the others are counted, each under its first reason."""
    keep = np.ones(len(table), dtype=bool)
    for reason, rows in odd.items():
        hit = np.flatnonzero(rows.to_numpy() & keep)
        ledger.drop(f"{name}: {reason}", len(hit), raw.places([int(row) for row in hit[:5]]))
        keep[hit] = False
    return table[keep].reset_index(drop=True)


def _numbers(raw: Raw, column: str) -> pd.Series:
    """(N,) finite numbers, NaN elsewhere."""
    found = pd.to_numeric(pd.Series(_text(raw, column), dtype=object), errors="coerce").astype(float)
    return found.where(np.isfinite(found))


def _with_results(table: pd.DataFrame, info: Raw | None, ledger: Ledger) -> pd.DataFrame:
    if info is None or "final_result" not in info.table.column_names:
        return table
    _need(info, "studentInfo", KEY)
    results = pd.DataFrame({one: _text(info, one) for one in (*KEY, "final_result")}).drop_duplicates()
    twice = results.duplicated(KEY)
    ledger.drop("studentInfo: another result of the same student and presentation", int(twice.sum()))
    results = results[~twice]
    registered, told = pd.MultiIndex.from_frame(table[KEY]), pd.MultiIndex.from_frame(results[KEY])
    ledger.drop("studentInfo: a result without a registration", int((~told.isin(registered)).sum()))
    without = int((~registered.isin(told)).sum())
    if without:
        ledger.warn(f"{without:,} registrations have no row in studentInfo: not known to be passed")
    return table.merge(results, on=KEY, how="left", validate="many_to_one")


def _enrolments(table: pd.DataFrame, base: str, courses: Raw | None, ledger: Ledger) -> pd.DataFrame:
    begin = start_of(table["code_presentation"])
    unknown = table["date"].isna()
    if unknown.any():
        ledger.warn(f"{int(unknown.sum())} registrations have no day; the start of the presentation is used")
    frame = pd.DataFrame(
        {
            "learner": table["id_student"],
            "time": (begin + pd.to_timedelta(table["date"].fillna(0.0), unit="D")).to_numpy("datetime64[ns]"),
            "course": table["code_module"],
            "presentation": table["code_presentation"],
        }
    )
    if "left" in table:
        early = int((table["left"] <= 0).sum())
        if early:
            ledger.warn(f"{early} learners left before the course began; their registrations are kept")
    if "final_result" in table:
        known = _lengths(courses, ledger)
        length = known.reindex(pd.MultiIndex.from_frame(table[KEY[:2]])).fillna(USUAL_LENGTH).to_numpy()
        end = (begin + pd.to_timedelta(length, unit="D")).to_numpy("datetime64[ns]")
        passed = table["final_result"].str.casefold().isin(PASSED).to_numpy()
        frame["completed"] = np.where(passed, end, np.datetime64("NaT", "ns"))
    return frame


def _lengths(courses: Raw | None, ledger: Ledger) -> pd.Series:
    """Days of each presentation."""
    if courses is None or "module_presentation_length" not in courses.table.column_names:
        return pd.Series(dtype=float, index=pd.MultiIndex.from_tuples([], names=KEY[:2]))
    _need(courses, "courses", KEY[:2])
    table = pd.DataFrame({one: _text(courses, one) for one in KEY[:2]})
    table["days"] = _numbers(courses, "module_presentation_length")
    odd = {"a length that is no number of days": ~table["days"].between(1, DAYS)}
    table = _without(table, odd, courses, "courses", ledger).drop_duplicates()
    twice = table.duplicated(KEY[:2])
    ledger.drop("courses: another length of the same presentation", int(twice.sum()))
    return table[~twice].set_index(KEY[:2])["days"]


def _files(folder: Path) -> dict[str, Path]:
    """OULAD's name -> file of a folder.

    Raises:
        DataError: a folder holds several files of one name (studentVle_0.csv, studentVle_1.csv).
    """
    found: dict[str, Path] = {}
    for file in sorted(one for one in folder.iterdir() if one.is_file() and kind_of(one)):
        name = _known(file.name.split(".")[0])
        if name in found and name in (*FILES, "courses"):
            raise DataError(
                f"{folder} holds several files of {name} ({found[name].name}, {file.name}).", expected="One of each.",
                todo="Join them, or give one file.",
            )  # fmt: skip
        found[name] = file
    return found


def _raw(file: Path, options: ReadOptions) -> Raw:
    told = {key: value for key, value in options.options.items() if key in ("encoding", "delimiter")}
    return read_raw(file, told, limit=options.limit)


def _known(stem: str) -> str:
    """The OULAD file that a stem names: ``studentVle_first40rows`` is a studentVle."""
    names = (*FILES, "courses")
    return next((name for name in names if re.fullmatch(rf"{name}([_.-].*)?", stem, re.I)), stem)


def _need(raw: Raw, name: str, columns: list[str]) -> None:
    missing = [one for one in columns if one not in raw.table.column_names]
    if missing:
        raise DataError(
            f"{name} has no column {', '.join(missing)}: it has {', '.join(raw.table.column_names)}.",
            expected=f"The columns of OULAD: {', '.join(columns)}.",
        )


def _text(raw: Raw, column: str | None) -> list[str]:
    cells = raw.table[str(column)].cast(pa.string()).fill_null("").to_pylist()
    return ["" if one.strip() == "?" else one.strip() for one in cells]


def sniff_oulad(path: Path) -> Sniff:
    """By the names of the files."""
    if path.is_file():
        return _sniff_file(path)
    if not path.is_dir():
        return Sniff(0.0, "nothing there")
    known = {_known(one.name.split(".")[0]) for one in path.iterdir() if one.is_file()} & set(FILES)
    return Sniff(0.95 if known else 0.0, f"holds {', '.join(sorted(known))}" if known else "no OULAD file")


def _sniff_file(path: Path) -> Sniff:
    if _known(path.name.split(".")[0]) not in FILES:
        return Sniff(0.0, "not named like OULAD")
    try:
        with open_bytes(path) as stream:
            head = stream.read(10_000).replace(b"\0", b"")
    except (*DAMAGED, DataError) as err:
        return Sniff(0.9, f"named like OULAD: {err}")
    there = b"code_module" in head.lower()
    return Sniff(0.9, "an OULAD file") if there else Sniff(0.3, "named like OULAD, without its columns")


OULAD = Adapter(
    name="education.oulad",
    summary="OULAD folders (studentRegistration, studentInfo, studentVle)",
    sniff=sniff_oulad,
    read=read_oulad,
    options={name: TEXT_OPTIONS[name] for name in ("encoding", "delimiter", "salt", "catalogue")},
)
