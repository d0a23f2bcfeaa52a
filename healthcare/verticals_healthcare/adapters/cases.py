"""A table of cases (CSV, parquet, Arrow), alone or in a folder with a timeline and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.files import kind_of, tables_in
from verticals.data.match import plain
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS, dataset_of, typed
from verticals_healthcare.adapters.common import EPOCH, part_name, tell_event, words
from verticals_healthcare.adapters.pictures import SIDE, Picture, as_bytes, read_picture, tell_treatments
from verticals_healthcare.schema import LABELS, SCHEMA, TIMELINE
from verticals_healthcare.units import defaults_of, unified
from verticals_plugins import (
    Adapter,
    Category,
    DataError,
    Dataset,
    Ledger,
    Number,
    ReadOptions,
    Schema,
    Sniff,
    Time,
    UsageError,
)

TIMELINE_NAMES = ("timeline", "events", "measurements", "observations", "labs", "vitals", "labevents")
AS_NUMBER = {"valuenum", "numericvalue", "valueasnumber"}
"""Columns beside a laboratory's ``value`` in words (">300") that hold its number, written plainly."""
CASE_NAMES = ("cases", "case", "patients", "main", "labels", "data")
IMAGES = "images"


def parts_of(path: Path) -> tuple[Path | None, Path | None, Path | None]:
    """The files of the cases and of the timeline, and the folder of pictures; a timeline is known by its name."""
    if path.is_file():
        return path, None, path.parent
    tables = tables_in(path.iterdir())
    stems = {one.name.split(".")[0].lower(): one for one in tables}
    timeline = next((stems[name] for name in TIMELINE_NAMES if name in stems), None)
    rest = [one for one in tables if one != timeline]
    cases = next((stems[name] for name in CASE_NAMES if name in stems), rest[0] if len(rest) == 1 else None)
    return cases, timeline, path / IMAGES if (path / IMAGES).is_dir() else path


def sniff(path: Path) -> Sniff:
    """A table file, or a folder that holds a table of cases."""
    try:
        if path.is_file():
            return Sniff(0.5, "a table") if kind_of(path) else Sniff(0.0, "no table file")
        cases, timeline, _ = parts_of(path)
        if cases is None:
            return Sniff(0.0, "no table of cases in the folder")
        return Sniff(
            0.85 if timeline is not None or cases.stem.lower() in CASE_NAMES else 0.5, f"cases in {cases.name}"
        )
    except OSError as err:
        return Sniff(0.0, f"cannot be opened: {err}")


def read(path: Path, options: ReadOptions) -> Dataset:
    """Cases with whatever stands beside them. Without a patient each row is one; without a time the order is kept.

    Raises:
        DataError: a table cannot be read rightly, a timeline has no index time to be cut at, or a picture is damaged.
    """
    cases, events, images = parts_of(path)
    if cases is None:
        raise DataError(f"{path} holds no table of cases.", expected=f"A table called {CASE_NAMES[0]}.csv.")
    raw = read_raw(cases, options.options, limit=options.limit)
    options = replace(options, mapping={**plain_id(raw, options), **options.mapping})
    told = replace(options, schema=fitting(raw, options), options=_table_options(options.options))
    refuse_repeats(raw, told)
    found = dataset_of(raw, told, adapter="healthcare.cases")
    main, ledger = completed(found.main, found.provenance.ledger), found.provenance.ledger
    tables, sources = {"main": main}, list(found.provenance.sources)
    unread = [one.name for one in tables_in(path.iterdir()) if one not in (cases, events)] if path.is_dir() else []
    if unread:
        ledger.warn(f"tables beside {cases.name} that are not read: {', '.join(unread)}")
    if events is not None:
        if "time" not in found.main:
            raise DataError(
                f"{cases.name} has no index time, but there is a timeline.", expected="The moment of each decision.",
                todo="Map it: --map time=COLUMN (nothing later is used).",
            )  # fmt: skip
        timeline = read_raw(events, _table_options(options.options))
        tables["timeline"] = timeline_of(timeline, options.options, ledger)
        sources += timeline.sources
        if options.limit is None:  # of the first rows alone nobody could say whose timeline is missing
            tell_strangers(tables["timeline"]["patient"], main["patient"], events.name, ledger)
    arrays: dict[str, np.ndarray] = {}
    if "image" in main and images is not None:
        pixels, index = pictures_of(main["image"], images, int(side_of(options.options)), ledger)
        tables["main"], arrays["images"] = main.assign(image=index), pixels
    provenance = replace(found.provenance, sources=tuple(sources))
    return Dataset(tables, SCHEMA, provenance, arrays)


def plain_id(raw: Raw, options: ReadOptions) -> dict[str, str]:
    """What a column called just "id" names: the case where it never repeats, else the patient; never an input."""
    name = next((one for one in raw.table.column_names if plain(one) == "id"), None)
    if name is None or name in options.mapping.values():
        return {}
    taken = {plain(one) for one in raw.table.column_names}
    role = SCHEMA.id if len(raw.table[name].unique()) == raw.table.num_rows else SCHEMA.entity
    if role is None or any(plain(one) in taken for one in (role.name, *role.aliases)):
        return {}
    raw.ledger.warn(f"{name} is taken as the {role.name}: it {'never repeats' if role is SCHEMA.id else 'repeats'}")
    return {role.name: name}


def fitting(raw: Raw, options: ReadOptions) -> Schema:
    """The schema without patient, time and target where the file has none of them (labels stand in for a target)."""
    columns = {plain(one) for one in raw.table.column_names}
    schema = SCHEMA

    def there(role: str) -> bool:
        one = getattr(schema, role)
        return one.name in options.mapping or any(plain(name) in columns for name in (one.name, *one.aliases))

    if schema.id is not None and not there("id"):
        schema = replace(schema, id=replace(schema.id, aliases=()))
    if not there("entity"):
        schema = replace(schema, entity=None)
    if not there("time"):
        schema = replace(schema, time=None)
    labels = labels_in(raw)
    if labels and not there("target"):
        schema = replace(schema, target=None)
    return replace(schema, fields=(*schema.fields, *(Number(one) for one in labels)))


def labels_in(raw: Raw) -> list[str]:
    """Columns of a multi-label target: ``label_…``, but not the time at which a label became known."""
    assert SCHEMA.label_time is not None
    others = {plain(one) for one in SCHEMA.label_time.aliases}
    return [one for one in raw.table.column_names if one.lower().startswith(LABELS) and plain(one) not in others]


def tell_strangers(patients: pd.Series, known: pd.Series, name: str, ledger: Ledger) -> None:
    """Note rows of a timeline that belong to none of the cases.

    Raises:
        DataError: no row belongs to one.
    """
    strange = ~patients.isin(known.astype(str))
    if strange.all():
        raise DataError(
            f"No patient of {name} is one of the cases: it says {patients.iloc[0]!r}, they say {known.iloc[0]!r}.",
            expected="The same ids in both tables.", todo="Write them alike (leading zeros count), or map the column: "
            "--map patient=COLUMN",
        )  # fmt: skip
    if strange.any():
        ledger.warn(f"{int(strange.sum())} rows of {name} belong to patients who are not among the cases")


def refuse_repeats(raw: Raw, options: ReadOptions) -> None:
    """A case's id stands in one row; further columns are inputs, so rows that differ in them are no repetition.

    Raises:
        DataError: ids repeat with different content, as in a table with a row for each measurement.
    """
    one = options.schema.id
    wanted = {plain(name) for name in (one.name, *one.aliases)} if one is not None else set[str]()
    mapped = options.mapping.get("case")
    name = mapped or next((found for found in raw.table.column_names if plain(found) in wanted), None)
    if name is None or name not in raw.table.column_names:
        return
    frame = raw.table.to_pandas()
    clash = np.flatnonzero((frame[name].duplicated() & ~frame.duplicated()).to_numpy())
    if len(clash):
        first = frame[name].iloc[clash[0]]
        rows = [int(row) for row in np.flatnonzero((frame[name] == first).to_numpy())[:2]]
        raise DataError(
            f"{raw.name}: {len(clash)} values of {name!r} repeat with different content, for example {first!r} in "
            f"{' and '.join(raw.places(rows))}.",
            expected="One row a case.",
            todo="Give a table of measurements as timeline.csv beside cases.csv, or map another column: "
            "--map case=COLUMN",
        )


def completed(main: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """With a patient and a time for every row, labels in lower case, and parts of a split under their common names."""
    main = main.rename(columns={one: one.lower() for one in main.columns if str(one).lower().startswith(LABELS)})
    main["case"] = main["case"].astype(str)
    for name in (one for one in main.columns if one.startswith(LABELS)):
        if strange := sorted(set(main[name].dropna()) - {0.0, 1.0}):
            raise DataError(f"{name} says {strange[0]:g}.", expected="0, 1, yes, no, or nothing where it is not known.")
    if "outcome" in main:
        main["outcome"] = one_spelling(main["outcome"], ledger)
    tell_event(main, ledger)
    if "patient" not in main:
        ledger.warn("no column names the patient: each row counts as a patient of its own")
        main["patient"] = main["case"]
    if "time" not in main:
        ledger.warn("no index time: the rows' order stands for it, and nothing can be said of later data")
        main["time"] = EPOCH + np.arange(len(main)).astype("timedelta64[s]")
    if "split" in main:
        main["split"] = main["split"].map(part_name, na_action="ignore").fillna("train").astype(str)
    return main


def one_spelling(outcome: pd.Series, ledger: Ledger) -> pd.Series:
    """Outcomes that differ in case alone under the spelling that most rows have."""
    counts = outcome.dropna().astype(str).value_counts()
    first: dict[str, str] = {}
    for name in counts.index:
        first.setdefault(name.casefold(), name)
    if len(first) == len(counts):
        return outcome
    ledger.warn(f"outcomes that differ in case alone are one: {', '.join(sorted(counts.index))}")
    return words([None if pd.isna(one) else first[str(one).casefold()] for one in outcome])


def timeline_of(raw: Raw, options: Mapping[str, str], ledger: Ledger) -> pd.DataFrame:
    """The timeline's columns with one unit a variable; what is dropped is counted with the cases' ledger."""
    patient, time = TIMELINE[0], TIMELINE[1]
    assert isinstance(patient, Category)
    assert isinstance(time, Time)
    schema = Schema(entity=patient, time=time, fields=TIMELINE[2:])
    number = next((name for name in raw.table.column_names if plain(name) in AS_NUMBER), None)
    frame = typed(raw, schema, mapping={"value": number} if number else {}, options=_table_options(options))
    for reason, count in raw.ledger.dropped.items():
        ledger.drop(f"timeline: {reason}", count, raw.ledger.where.get(reason, []))
    for line in raw.ledger.warnings:
        ledger.warn(f"timeline: {line}")
    frame["patient"], frame["variable"] = frame["patient"].astype(str), frame["variable"].astype(str)
    if "value" not in frame:
        frame["value"] = np.nan
    return unified(frame, ledger, defaults_of(options.get("units", "")))


def pictures_of(names: pd.Series, folder: Path, side: int, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """(M, side, side, C) pixels and (N,) their numbers, -1 where a row names none.

    Raises:
        DataError: a named file is not there, cannot be read, or lies outside the folder.
    """
    index = np.full(len(names), -1, dtype=np.int64)
    found: list[Picture] = []
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name is None or name != name or not str(name).strip():
            continue
        file = folder / str(name).strip()
        if not file.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"The picture {name} lies outside {folder.name}.", expected="Names below that folder.")
        if not file.is_file():
            raise DataError(
                f"The picture {name} (row {row + 1}) is not in {folder.name}.", expected="Files named in 'image'."
            )
        if str(file) not in seen:
            seen[str(file)] = len(found)
            found.append(read_picture(file))
        index[row] = seen[str(file)]
    tell_treatments(((Path(name).name, found[number]) for name, number in seen.items()), ledger)
    colours = 3 if any(one.values.ndim == 3 for one in found) else 1
    pixels = [as_bytes(one, side, colours) for one in found]
    return np.stack(pixels) if pixels else np.zeros((0, side, side, 1), dtype=np.uint8), index


def side_of(options: Mapping[str, str]) -> int:
    text = options.get("side", str(SIDE))
    if not text.isdigit() or not 8 <= int(text) <= 512:
        raise UsageError(f"Option side={text!r} is not understood.", expected="A number of pixels from 8 to 512.")
    return int(text)


def _table_options(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if name in OPTIONS}


CASES = Adapter(
    name="healthcare.cases",
    summary="a table of cases (CSV, parquet, Arrow), with timeline.csv and images/ beside it if there are any",
    sniff=sniff,
    read=read,
    options={
        **OPTIONS,
        "units": "units of values that have none, for example glucose=mg/dL",
        "side": f"side in pixels to which pictures are brought (default {SIDE})",
    },
)
