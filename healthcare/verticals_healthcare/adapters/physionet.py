"""PhysioNet/CinC Challenge 2012: a text file a stay (Time,Parameter,Value), outcomes in a file beside the folder."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.files import DAMAGED, open_bytes
from verticals_healthcare.adapters.common import dataset, hours, source_of, words
from verticals_healthcare.timeline import timeline_frame
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, Source

HEADER = "Time,Parameter,Value"
STAY = re.compile(r"(\d+)\.txt(?:\.gz)?", re.IGNORECASE)
DESCRIPTORS = ("RecordID", "Age", "Gender", "Height", "ICUType", "Weight")
MAY_BE_NEGATIVE = frozenset({"BE", "BaseExcess", "ABE", "SBE"})
"""Parameters for which -1 is a value and not the mark for missing."""
TARGET = "In-hospital_death"
OUTCOMES = "Outcomes*.txt"
OUTCOME = (-1, 0, 1)
LEAKS = ("SAPS-I", "SOFA", "Length_of_stay", "Survival")
UNITS = {1: "coronary care", 2: "cardiac surgery recovery", 3: "medical", 4: "surgical"}
SEX = {0.0: "female", 1.0: "male"}
HORIZON = 48.0
"""Hours after admission at which the prediction is made."""


def records(path: Path) -> list[Path]:
    """The stays' files: ``path`` itself, or the numbered .txt files in it or in a folder set-… of it."""
    if path.is_file():
        return [path]
    here = sorted(one for one in path.glob("*") if STAY.fullmatch(one.name))
    return here or sorted(one for one in path.glob("set-*/*") if STAY.fullmatch(one.name))


def sniff(path: Path) -> Sniff:
    """A stay's file, or a folder of them; the outcomes alone, to say what they lack."""
    try:
        if outcomes_alone(path):
            return Sniff(0.9, f"columns RecordID and {TARGET}, and no stay")
        found = records(path)
        if not found:
            return Sniff(0.0, "no numbered .txt file")
        with open_bytes(found[0]) as stream:
            head = stream.read(64).decode("utf-8-sig", "replace")
        if is_header(head.splitlines()[:1]):
            return Sniff(0.95, f"first line {HEADER}")
        return Sniff(0.0, "another first line")
    except (*DAMAGED, DataError) as err:
        return Sniff(0.0, f"cannot be opened: {err}")


def is_header(first: list[str]) -> bool:
    """Whether a file's first line, if it has one, is :data:`HEADER`, perhaps with quotes, blanks or another case."""
    return bool(first) and [one.lower() for one in cells_of(first[0])] == HEADER.lower().split(",")


def cells_of(line: str) -> list[str]:
    """The cells of a line without blanks and quotes around them."""
    return [one.strip().strip('"').strip() for one in line.split(",")]


def outcomes_alone(path: Path) -> Path | None:
    """The list of outcomes that ``path`` is, or holds without any stay; None if there are stays or no such list."""
    if path.is_dir():
        found = [] if records(path) else sorted(path.glob(OUTCOMES))
        return next((one for one in found if outcomes_alone(one)), None)
    if not path.is_file():
        return None
    with open_bytes(path) as stream:
        head = stream.read(256).decode("utf-8-sig", "replace").partition("\n")[0]
    return path if {"RecordID", TARGET} <= set(cells_of(head)) <= {"RecordID", TARGET, *LEAKS} else None


def read(path: Path, options: ReadOptions) -> Dataset:
    """One case a stay, predicted 48 hours after admission; descriptors in the case row, measurements in the timeline.

    Raises:
        DataError: a file has another header or a row that cannot be read; outcomes are needed and absent, or are all.
    """
    if alone := outcomes_alone(path):
        raise DataError(
            f"{alone.name} holds outcomes and scores of stays, and nothing measured.",
            expected="The stays' files, or a folder set-… of them.",
            todo="Give the folder: outcomes are looked for in it and above it.",
        )  # fmt: skip
    ledger, sources = Ledger(), list[Source]()
    stays, events = [], []
    for file in records(path)[: options.limit]:
        descriptors, rows = read_stay(file, ledger)
        stays.append(descriptors)
        events.append(rows)
        sources.append(source_of(file, len(rows) + 1))
    main = pd.DataFrame(stays)
    if (twice := main["case"].duplicated()).any():
        raise DataError(
            f"{path.name} holds {int(twice.sum())} stays twice, for example record {main['case'][twice].iloc[0]}.",
            expected="One file a stay.", todo="Take the copies out.",
        )  # fmt: skip
    timeline = pd.concat(events, ignore_index=True)
    outcomes = outcomes_of(path, options.options.get("outcomes", ""))
    if outcomes:
        sources += [source_of(one, len(main)) for one in outcomes]
        main = with_outcomes(main, outcomes, ledger, options.need_target)
    elif options.need_target:
        raise DataError(
            f"There are no outcomes beside {path.name}.", expected="Outcomes-a.txt in the folder or above it.",
            todo="Name the file: --option outcomes=FILE",
        )  # fmt: skip
    notes = {"time": f"hours since admission, counted from 1970; predicted at {HORIZON:g} h"}
    return dataset(
        main, adapter="healthcare.physionet2012", sources=sources, ledger=ledger, timeline=timeline, notes=notes,
        name=path.name,
    )  # fmt: skip


def read_stay(path: Path, ledger: Ledger) -> tuple[dict[str, object], pd.DataFrame]:
    """The descriptors of a stay as a case row, and its timeline; -1 is missing, and counted."""
    try:
        with open_bytes(path) as stream:
            lines = stream.read().decode("utf-8-sig").splitlines()
    except (*DAMAGED, UnicodeDecodeError) as err:
        raise DataError(
            f"{path.name} cannot be read as text ({err}).", expected="UTF-8.", todo="Copy it again."
        ) from err
    if not is_header(lines[:1]):
        raise DataError(f"{path.name} begins with {lines[0][:40]!r}." if lines else f"{path.name} is empty.",
                        expected=f"The header {HEADER}.", todo="Copy it again, or take it out.")  # fmt: skip
    described: dict[str, float] = {}
    when, what, value, marks = [], [], [], 0
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        if re.fullmatch(r"\d{1,3}:[0-5]\d,,[^,]*", ",".join(cells_of(line))):
            ledger.drop("rows that name no parameter", 1, [f"{path.name}, line {number}"])
            continue
        hour, name, found = _row(line, path.name, number)
        missing = found == -1 and name not in MAY_BE_NEGATIVE
        if name in DESCRIPTORS and hour == 0 and name not in described:
            described[name] = np.nan if missing else found
            continue
        marks += missing
        if not missing:
            when.append(hour)
            what.append(name)
            value.append(found)
    record = described.get("RecordID", np.nan)
    patient = str(int(record)) if np.isfinite(record) else path.name.split(".")[0]
    if (named := STAY.fullmatch(path.name)) and int(named[1]) != int(patient):
        ledger.warn(f"{path.name} says RecordID {patient}, which counts")
    if marks:
        ledger.warn(f"record {patient}: {marks} values of -1 mean missing and were left out")
    if not when:
        ledger.warn(f"record {patient} has no measurements; it stays as a case without data")
    case: dict[str, object] = {
        "case": patient, "patient": patient, "time": hours(np.array([HORIZON]))[0], "age": described.get("Age", np.nan),
        "sex": SEX.get(described.get("Gender", np.nan)), "height": described.get("Height", np.nan),
        "weight": described.get("Weight", np.nan), "unit": _unit(described.get("ICUType", np.nan)),
    }  # fmt: skip
    return case, timeline_frame([patient] * len(when), list(hours(np.array(when))), what, value)


def _row(line: str, name: str, number: int) -> tuple[float, str, float]:
    cells = cells_of(line)
    clock = re.fullmatch(r"(\d{1,3}):([0-5]\d)", cells[0])
    try:
        if len(cells) != 3 or clock is None or not cells[1]:
            raise ValueError(line)
        value = float(cells[2])
        if not np.isfinite(value):
            raise ValueError(line)
        return int(clock[1]) + int(clock[2]) / 60, cells[1], value
    except ValueError as err:
        raise DataError(
            f"{name}, line {number}: {line[:60]!r} cannot be read.", expected="HH:MM,Parameter,Value.",
            todo="Correct the line; the file may be truncated.",
        ) from err  # fmt: skip


def _unit(code: float) -> str | None:
    return UNITS.get(int(code), str(int(code))) if np.isfinite(code) else None


def outcomes_of(path: Path, named: str) -> list[Path]:
    """The files of outcomes: as named, or Outcomes*.txt in the folder or above; that of the set, else all."""
    if named:
        if not Path(named).is_file():
            raise DataError(f"{named} does not exist.", expected="A file of outcomes.")
        return [Path(named)]
    folder = path if path.is_dir() else path.parent
    for place in (folder, folder.parent):
        found = sorted(place.glob(OUTCOMES))
        letter = folder.name.rpartition("-")[2]
        exact = [one for one in found if one.stem.endswith(f"-{letter}")]
        if found:
            return exact or found
    return []


def with_outcomes(main: pd.DataFrame, paths: list[Path], ledger: Ledger, needed: bool) -> pd.DataFrame:
    """The cases with their outcome; scores and what was known only later are left out and never become inputs."""
    names, target = " and ".join(one.name for one in paths), dict[str, float]()
    for path in paths:
        found = outcomes_in(path, ledger)
        clash = [one for one in found if one in target and target[one] != found[one]]
        if clash:
            raise _two_outcomes(names, clash[0])
        target |= found
    outcome = main["case"].map(target)
    known = outcome.isin([0, 1])
    if needed and not known.all():
        lost = [str(one) for one in main["case"][~known][:5]]
        ledger.drop(f"without an outcome in {names}", int((~known).sum()), [f"record {one}" for one in lost])
        main, outcome = main[known], outcome[known]
    return main.assign(outcome=words([str(int(one)) if one in (0, 1) else "" for one in outcome]).to_numpy())


def _two_outcomes(name: str, record: str) -> DataError:
    return DataError(f"{name} gives record {record} two outcomes.", expected="One.", todo="Correct the list.")


def outcomes_in(path: Path, ledger: Ledger) -> dict[str, float]:
    """Record -> died in hospital, of one file.

    Raises:
        DataError: it is no table, lacks a column, or holds what is no number.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            found = pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True, index_col=False)
    except (ValueError, UnicodeDecodeError, pd.errors.ParserWarning) as err:
        raise DataError(f"{path.name} cannot be read as a table ({err}).", expected="UTF-8, comma-separated.") from err
    found.columns = [str(one).strip() for one in found.columns]
    lacking = [one for one in ("RecordID", TARGET) if one not in found]
    if lacking:
        raise DataError(f"{path.name} has no column {', '.join(lacking)}.", expected=f"RecordID, …, {TARGET}.")
    both = found[["RecordID", TARGET]].apply(pd.to_numeric, errors="coerce")
    bad = both["RecordID"].isna() | ~(both[TARGET].isin(OUTCOME) | found[TARGET].isna())
    if bad.any():
        line = int(np.flatnonzero(bad)[0]) + 2
        raise DataError(
            f"{path.name}, line {line}: RecordID is no number, or {TARGET} is none of 0 and 1.",
            expected="0 = survived, 1 = died in hospital, -1 or nothing = not known.", todo="Correct the line.",
        )  # fmt: skip
    clash = both.drop_duplicates()["RecordID"]
    if clash.duplicated().any():
        raise _two_outcomes(path.name, str(int(clash[clash.duplicated()].iloc[0])))
    left = [one for one in LEAKS if one in found]
    if left:
        ledger.warn(f"{', '.join(left)} of {path.name} are outcomes or scores of the stay: not used as inputs")
    return dict(zip(both["RecordID"].astype(int).astype(str), both[TARGET].astype(float), strict=True))


PHYSIONET2012 = Adapter(
    name="healthcare.physionet2012",
    summary="PhysioNet Challenge 2012 (a text file a stay, Outcomes-a.txt)",
    sniff=sniff,
    read=read,
    options={"outcomes": "file of outcomes (default: Outcomes*.txt in the folder or above it)"},
)
