"""OULAD: a folder with studentRegistration.csv (or studentInfo.csv, or studentVle.csv alone).

Days count from the start of a presentation, whose name says year and month: 2013B begins in February, 2013J in October.
The files give no exact day, so the first of the month is used. Registrations come from studentRegistration; where that
file is absent, from studentInfo (at the start), or from the first click in studentVle. Pass and Distinction are known
at the end of the presentation. Clicks of one student, site and day are summed into the table ``activity``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from verticals.data.raw import Raw, read_raw
from verticals_education.adapters.common import TEXT_OPTIONS, Found, finished
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

KEY = ["code_module", "code_presentation", "id_student"]
FILES = ("studentRegistration", "studentInfo", "studentVle")
MONTHS = {letter: month for month, letter in enumerate("ABCDEFGHIJKL", start=1)}
PASSED = {"pass", "distinction"}
USUAL_LENGTH = 260.0


def read_oulad(path: Path, options: ReadOptions) -> Dataset:
    """Read the enrolments of a folder, or of one of its files.

    Raises:
        DataError: none of the three files is there, a column is missing, or a presentation's name has no year.
    """
    folder, named = (path, "") if path.is_dir() else (path.parent, path.stem)
    raws = {name: _raw(folder, name, options) for name in (FILES if not named else (_known(named),))}
    present = {name: raw for name, raw in raws.items() if raw is not None}
    if not present:
        raise DataError(
            f"{path} holds none of {', '.join(f'{one}.csv' for one in FILES)}.", expected="The files of OULAD."
        )
    base = next(name for name in FILES if name in present)
    ledger = Ledger()
    table = _table(
        present[base], base, ledger, {"studentRegistration": "date_registration", "studentVle": "date"}.get(base)
    )
    if base == "studentVle":
        table = table.groupby(KEY, sort=True)["date"].min().reset_index()
    table = _with_results(table, present.get("studentInfo"), ledger)
    frame = _enrolments(table, base, _raw(folder, "courses", options), ledger)
    sources = tuple(one for raw in present.values() for one in raw.sources)
    mapping = {"learner": "id_student", "course": "code_module", "time": "date_registration"}
    found = Found(frame, "education.oulad", sources, ledger, mapping)
    if "studentVle" in present:
        found.tables["activity"] = activity(present["studentVle"])
    return finished(found, options)


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


def activity(raw: Raw) -> pd.DataFrame:
    """Clicks summed by student, course, site and day; rows are never dropped as repetitions."""
    columns = [*KEY, "id_site", "date", "sum_click"]
    _need(raw, "studentVle", columns)
    table = pd.DataFrame({name: _text(raw, name) for name in columns})
    table["clicks"] = pd.to_numeric(table.pop("sum_click"), errors="coerce")
    table["day"] = pd.to_numeric(table.pop("date"), errors="coerce")
    summed = table.groupby([*KEY, "id_site", "day"], sort=True)["clicks"].sum().reset_index()
    return summed.rename(columns={"id_student": "learner", "code_module": "course"})


def _table(raw: Raw, name: str, ledger: Ledger, day: str | None) -> pd.DataFrame:
    _need(raw, name, [*KEY, *([day] if day else [])])
    table = pd.DataFrame({one: _text(raw, one) for one in KEY})
    table["date"] = pd.to_numeric(pd.Series(_text(raw, day)), errors="coerce") if day else 0.0
    if "date_unregistration" in raw.table.column_names:
        table["left"] = pd.to_numeric(pd.Series(_text(raw, "date_unregistration")), errors="coerce")
    for reason, count in raw.ledger.dropped.items():
        ledger.drop(f"{name}: {reason}", count, raw.ledger.where.get(reason, ()))
    for one in KEY:
        hit = np.flatnonzero(table[one] == "")
        ledger.drop(f"{name}: {one} is missing", len(hit), raw.places([int(row) for row in hit[:5]]))
        table = table[table[one] != ""]
    return table.reset_index(drop=True)


def _with_results(table: pd.DataFrame, info: Raw | None, ledger: Ledger) -> pd.DataFrame:
    if info is None or "final_result" not in info.table.column_names:
        return table
    _need(info, "studentInfo", KEY)
    results = pd.DataFrame({one: _text(info, one) for one in (*KEY, "final_result")}).drop_duplicates(KEY)
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
        length = _lengths(courses).reindex(pd.MultiIndex.from_frame(table[KEY[:2]])).fillna(USUAL_LENGTH).to_numpy()
        end = (begin + pd.to_timedelta(length, unit="D")).to_numpy("datetime64[ns]")
        passed = table["final_result"].str.casefold().isin(PASSED).to_numpy()
        frame["completed"] = np.where(passed, end, np.datetime64("NaT", "ns"))
    return frame


def _lengths(courses: Raw | None) -> pd.Series:
    """Days of each presentation."""
    if courses is None or "module_presentation_length" not in courses.table.column_names:
        return pd.Series(dtype=float, index=pd.MultiIndex.from_tuples([], names=KEY[:2]))
    table = pd.DataFrame({one: _text(courses, one) for one in (*KEY[:2], "module_presentation_length")})
    return pd.to_numeric(table.set_index(KEY[:2])["module_presentation_length"], errors="coerce")


def _raw(folder: Path, name: str, options: ReadOptions) -> Raw | None:
    told = {key: value for key, value in options.options.items() if key in ("encoding", "delimiter")}
    for ending in (".csv", ".csv.gz", ".csv.zip", ".parquet"):
        for file in sorted(folder.glob(f"{name}*{ending}")):
            if _known(file.name.split(".")[0]) == name:
                return read_raw(file, told, limit=options.limit)
    return None


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
        return (
            Sniff(0.9, "an OULAD file")
            if _known(path.name.split(".")[0]) in FILES
            else Sniff(0.0, "not named like OULAD")
        )
    if not path.is_dir():
        return Sniff(0.0, "nothing there")
    known = {_known(one.name.split(".")[0]) for one in path.iterdir() if one.is_file()} & set(FILES)
    return Sniff(0.95 if known else 0.0, f"holds {', '.join(sorted(known))}" if known else "no OULAD file")


OULAD = Adapter(
    name="education.oulad",
    summary="OULAD folders (studentRegistration, studentInfo, studentVle)",
    sniff=sniff_oulad,
    read=read_oulad,
    options=TEXT_OPTIONS,
)
