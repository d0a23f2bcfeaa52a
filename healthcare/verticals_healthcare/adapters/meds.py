"""MEDS (Medical Event Data Standard 0.3 and 0.4): parquet shards of events, splits, and task labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from verticals_healthcare.adapters.common import FIRST, SPARSE, dataset, part_name, source_of, words
from verticals_healthcare.outcomes import DEATH, OPTIONS, Horizon, index_times, labelled
from verticals_healthcare.timeline import seconds_of, timeline_frame
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, Source, UsageError

NEEDED = ("subject_id", "time", "code")
BIRTH = "MEDS_BIRTH"
YEAR = 365.2425 * 86_400
VALUES = ("boolean_value", "categorical_value", "integer_value")
SPLITS = "subject_splits.parquet"
BESIDE: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "labels": (frozenset({"subject_id", "prediction_time"}),
               frozenset({"subject_id", "prediction_time", "float_value", *VALUES})),
    "a list of codes": (frozenset({"code", "parent_codes"}), frozenset({"code", "description", "parent_codes"})),
    "a list of splits": (frozenset({"subject_id", "split"}), frozenset({"subject_id", "split"})),
}  # fmt: skip
"""What stands beside the events: the columns that it has, and those that it may have."""


def shards(path: Path) -> list[Path]:
    """Parquet files below ``data/``; of a folder without one, all but metadata and labels."""
    if path.is_file():
        return [path]
    below = path / "data"
    if below.is_dir():
        return sorted(below.rglob("*.parquet"))
    other = {"metadata", "task_labels"}
    return sorted(one for one in path.rglob("*.parquet") if not other & set(one.relative_to(path).parts))


def sniff(path: Path) -> Sniff:
    """Parquet with the columns subject_id, time and code; what stands beside them, to say what it lacks."""
    try:
        found = shards(path) if path.is_dir() or path.suffix == ".parquet" else []
        if not found:
            return Sniff(0.0, "no parquet shard")
        names = pq.read_schema(found[0]).names
    except (OSError, pa.ArrowException) as err:
        return Sniff(0.1 if path.is_dir() and (path / "metadata").is_dir() else 0.0, f"cannot be opened: {err}")
    if set(NEEDED) <= set(names):
        return Sniff(0.95, "columns subject_id, time, code")
    if beside := beside_events(names):
        return Sniff(0.9, f"{beside} of MEDS")
    if "patient_id" in names and ("events" in names or "code" in names):
        return Sniff(0.9, "columns of MEDS before 0.3")
    return Sniff(0.0, f"columns {', '.join(names[:4])}")


def read(path: Path, options: ReadOptions) -> Dataset:
    """One case a label (subject at a prediction time); without labels one a subject, by an outcome's code.

    Raises:
        DataError: a shard is damaged or of another layout; there are neither labels nor an outcome where one is needed.
    """
    ledger, told = Ledger(), options.options
    files = shards(path)
    tables = [_shard(one, ledger) for one in files]
    sources = [source_of(file, len(table)) for file, table in zip(files, tables, strict=True)]
    events = pd.concat(tables, ignore_index=True)
    static, dated = events[events["time"].isna()], events[events["time"].notna()]
    birth = _first(dated, (BIRTH,))
    facts = dated[~_is_one_of(dated["code"], (BIRTH,))]
    timeline = timeline_frame(*(list(facts[one]) for one in ("patient", "time", "code", "numeric_value")))
    horizon = Horizon.of(told)
    label_files = labels_of(path, told.get("labels", ""))
    if label_files and not horizon.codes:
        main, used = _from_labels(label_files, ledger)
        sources += used
        if strange := int((~main["patient"].isin(events["patient"])).sum()):
            ledger.warn(f"{strange} labels are of subjects without an event: cases without data")
    else:
        main = _from_subjects(events, timeline, horizon, ledger, options.need_target)
        timeline = timeline[~timeline["variable"].isin(horizon.codes)]
    main = main.merge(static_columns(static, ledger), on="patient", how="left")
    born = main["patient"].map(birth)
    years = (seconds_of(main["time"]) - seconds_of(pd.to_datetime(born))) / YEAR
    main["age"] = np.where(born.notna(), years, np.nan)
    parts = path / "metadata" / SPLITS if path.is_dir() else None
    if parts is not None and parts.is_file():
        main["split"] = main["patient"].map(_splits(parts))
        if stray := int(main["split"].isna().sum()):
            ledger.warn(f"{stray} cases of subjects that {SPLITS} does not name stand in the training part")
        main["split"] = main["split"].fillna("train").astype(str)
        sources.append(source_of(parts, main["patient"].nunique()))
    if options.limit is not None:
        main = main.iloc[: options.limit]
    return dataset(
        main, adapter="healthcare.meds", sources=sources, ledger=ledger, timeline=timeline, name=path.name,
        notes={"times": "as in the files, without zone", "units": "MEDS states none: values are taken as they are",
            SPARSE: "yes"},
    )  # fmt: skip


def beside_events(names: Collection[str]) -> str:
    """Which of :data:`BESIDE` a table of these columns and no others is, "" if it is none."""
    return next((what for what, (has, may) in BESIDE.items() if has <= set(names) <= may), "")


def _shard(path: Path, ledger: Ledger) -> pd.DataFrame:
    """patient (text), time, code, numeric_value of one shard."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as err:
        first = (str(err).splitlines() or ["unreadable"])[0][:120]
        raise DataError(f"{path.name} is damaged or truncated ({first}).", todo="Copy it again.") from err
    names = table.column_names
    if "patient_id" in names and "subject_id" not in names:
        raise DataError(
            f"{path.name} has patient_id{' and nested events' if 'events' in names else ''}: MEDS before 0.3.",
            expected="MEDS 0.3 or 0.4: subject_id, time, code, numeric_value.", todo="Convert it to MEDS 0.4.",
        )  # fmt: skip
    if beside := beside_events(names):
        raise DataError(
            f"{path.name} holds {beside} of MEDS, and no events.", expected="The folder that holds data/.",
            todo="Give that folder: labels and splits are found in it.",
        )  # fmt: skip
    lacking = [one for one in NEEDED if one not in names]
    if lacking:
        raise DataError(f"{path.name} lacks {', '.join(lacking)}.", expected=f"Columns {', '.join(NEEDED)}.")
    if "text_value" in names and (said := len(table) - table["text_value"].null_count):
        ledger.warn(f"{path.name}: {said} values in words (text_value) are not read; their rows count as presence")
    _refuse_types(table, path.name)
    frame = table.select([one for one in (*NEEDED, "numeric_value") if one in names]).to_pandas()
    if frame["code"].isna().any() or frame["subject_id"].isna().any():
        raise DataError(f"{path.name}: rows without code or subject_id.", expected="Both in every row.")
    kind = table.schema.field("time").type
    if not pa.types.is_timestamp(kind) and table["time"].null_count < len(table):
        raise DataError(f"{path.name}: time is {kind}.", expected="timestamp[us].")
    if not pa.types.is_timestamp(kind):
        frame["time"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns]")
    frame["time"] = _nanoseconds(frame["time"], path.name)
    value = frame["numeric_value"] if "numeric_value" in frame else pd.Series(np.nan, index=frame.index)
    value = value.astype(np.float64)
    if endless := int(np.isinf(value).sum()):
        ledger.warn(f"{path.name}: {endless} values are infinite; they count as missing")
    return pd.DataFrame(
        {"patient": frame["subject_id"].astype(str), "time": frame["time"], "code": frame["code"].astype(str),
         "numeric_value": value.where(np.isfinite(value))}
    )  # fmt: skip


def _refuse_types(table: pa.Table, name: str) -> None:
    """Ids are whole numbers: as floats they are rounded beyond 2^53, and as text they meet no label."""
    kinds = {one: table.schema.field(one).type for one in ("subject_id", "numeric_value") if one in table.column_names}
    if not pa.types.is_integer(kinds["subject_id"]):
        raise DataError(
            f"{name}: subject_id is {kinds['subject_id']}.", expected="int64.", todo="Cast it, and the labels'."
        )
    number = kinds.get("numeric_value", pa.float32())
    if not (pa.types.is_floating(number) or pa.types.is_integer(number) or pa.types.is_null(number)):
        raise DataError(f"{name}: numeric_value is {number}.", expected="float.", todo="Words belong in text_value.")


def _nanoseconds(times: pd.Series, name: str) -> pd.Series:
    """datetime64[ns], UTC without zone.

    Raises:
        DataError: a time lies outside the years 1678 to 2261.
    """
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(times.dt, "tz", None) is not None else times
    try:
        return plain.astype("datetime64[ns]")
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as err:
        raise DataError(f"{name}: a time lies outside the years 1678 to 2261 ({err}).", todo="Correct it.") from err


def labels_of(path: Path, name: str) -> list[Path]:
    """Files of the one task below ``task_labels``, or of the task called ``name``.

    Raises:
        UsageError: there are several tasks and none was named, or the named one is not there.
    """
    folder = path / "task_labels"
    if not folder.is_dir():
        return []
    tasks = sorted({one.parent for one in folder.rglob("*.parquet*") if one.is_file()})
    known = {str(one.relative_to(folder)): one for one in tasks}
    if name and name not in known:
        raise UsageError(f"There are no labels {name!r}.", expected=f"One of {', '.join(known)}.")
    if len(known) > 1 and not name:
        raise UsageError(
            f"There are labels of {len(known)} tasks: {', '.join(known)}.", todo="Choose: --option labels=NAME"
        )
    chosen = known[name] if name else next(iter(known.values()), None)
    return sorted(one for one in chosen.glob("*.parquet*") if one.is_file()) if chosen else []


def _from_labels(files: list[Path], ledger: Ledger) -> tuple[pd.DataFrame, list[Source]]:
    frames = []
    for file in files:
        try:
            frames.append(pq.read_table(file).to_pandas())
        except (OSError, pa.ArrowException) as err:
            raise DataError(f"{file.name} is damaged or truncated.", todo="Copy it again.") from err
    found = pd.concat(frames, ignore_index=True)
    lacking = [one for one in ("subject_id", "prediction_time") if one not in found]
    column = next((one for one in VALUES if one in found and found[one].notna().any()), None)
    if lacking or column is None:
        raise DataError(
            f"The labels have columns {', '.join(found.columns)}.",
            expected="subject_id, prediction_time and a boolean, categorical or integer value.",
        )  # fmt: skip
    empty = found[column].isna() | found["prediction_time"].isna()
    ledger.drop(f"labels without {column} or prediction_time", int(empty.sum()))
    found = found[~empty].reset_index(drop=True)
    try:
        patient = found["subject_id"].astype("int64").astype(str)
    except (ValueError, TypeError) as err:
        raise DataError(f"The labels' subject_id cannot be read as a whole number ({err}).") from err
    if not pd.api.types.is_datetime64_any_dtype(found["prediction_time"]):
        raise DataError(
            f"The labels' prediction_time is {found['prediction_time'].dtype}.", expected="timestamp[us]."
        )  # fmt: skip
    raw = found[column]
    text = raw.astype(int).astype(str) if column != "categorical_value" else raw.astype(str)
    main = pd.DataFrame({"patient": patient, "time": _nanoseconds(found["prediction_time"], "The labels")})
    main["case"] = main["patient"] + "@" + main["time"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    main["outcome"] = words(text)
    clash = main.drop_duplicates(["case", "outcome"])["case"]
    if clash.duplicated().any():
        raise DataError(
            f"The labels give {clash[clash.duplicated()].iloc[0]} two values.", expected="One for a subject and time.",
            todo="Correct the labels.",
        )  # fmt: skip
    again = main["case"].duplicated()
    ledger.drop("a second label of one subject at one time", int(again.sum()))
    sources = [source_of(file, len(frame)) for file, frame in zip(files, frames, strict=True)]
    return main[~again].reset_index(drop=True), sources


def _from_subjects(
    events: pd.DataFrame, timeline: pd.DataFrame, horizon: Horizon, ledger: Ledger, needed: bool
) -> pd.DataFrame:
    if needed and not horizon.codes:
        raise DataError(
            "There are no task_labels.", expected="Labels, or the code of the event to predict.",
            todo="Say it: --option outcome=CODE --option horizon_days=365",
        )  # fmt: skip
    names = list(pd.unique(events["patient"]))
    now = index_times(names, timeline, horizon)
    lost = np.isnat(now)
    ledger.drop("have no dated event: no index time", int(lost.sum()))
    names = [one for one, gone in zip(names, lost, strict=True) if not gone]
    main = pd.DataFrame({"case": names, "patient": names, "time": now[~lost]})
    if not horizon.codes:
        return main
    death = {str(name): when.to_datetime64() for name, when in _first(timeline.rename(columns={"variable": "code"}),
                                                                      DEATH).items()}  # fmt: skip
    return labelled(main, timeline, horizon, ledger, death)


def _first(events: pd.DataFrame, codes: tuple[str, ...]) -> pd.Series[pd.Timestamp]:
    return events[_is_one_of(events["code"], codes)].groupby("patient")["time"].min()


def _is_one_of(found: pd.Series[str], codes: tuple[str, ...]) -> pd.Series[bool]:
    """Whether each code is one of ``codes``, or begins with one as in MEDS_DEATH//HOSPITAL."""
    return found.isin(codes) | found.str.startswith(tuple(f"{one}//" for one in codes))


def static_columns(static: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Rows without time as columns: ``NAME`` with a number, or ``NAME//VALUE`` as a category.

    Where a subject has several codes of one name (diagnoses without a date), each code is a column of its own.
    """
    columns: dict[str, pd.Series] = {}
    halves = static["code"].str.partition("//") if len(static) else pd.DataFrame(columns=[0, 1, 2])
    frame = static.assign(name=halves[0], word=halves[2])
    for name, rows in frame.groupby("name", sort=True):
        first = rows.drop_duplicates("patient").set_index("patient")
        numeric = first["numeric_value"].notna().any()
        key = "sex" if str(name).upper() in ("GENDER", "SEX") else str(name).lower()
        key = f"static {key}" if key in FIRST and key != "sex" else key
        further = len(rows.drop_duplicates(["patient", "code"])) - len(first)
        if further and not numeric:
            for code, some in rows.groupby("code", sort=True):
                columns[f"static {str(code).lower()}"] = pd.Series("yes", index=pd.unique(some["patient"]))
            continue
        columns[key] = first["numeric_value"] if numeric else first["word"].replace("", "yes")
        if numeric and len(rows) > len(first):
            ledger.drop(
                f"further values of {name} without a time (the first of a subject is read)", len(rows) - len(first)
            )
    out = pd.DataFrame(columns)
    for column in list(out.columns):
        if out[column].dtype == object:
            out[column] = words(out[column].to_numpy()).to_numpy()
    out.index.name = "patient"
    return out.reset_index()


def _splits(path: Path) -> dict[str, str]:
    try:
        table = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as err:
        raise DataError(f"{path.name} is damaged or truncated.", todo="Copy it again.") from err
    if not {"subject_id", "split"} <= set(table.columns):
        raise DataError(
            f"{path.name} has columns {', '.join(table.columns)}.", expected="subject_id and split.",
        )  # fmt: skip
    found = table.drop_duplicates(["subject_id", "split"])
    if (twice := found["subject_id"].duplicated()).any():
        raise DataError(
            f"{path.name} puts subject {found['subject_id'][twice].iloc[0]} into two splits.", expected="One for each.",
            todo="Correct the list.",
        )  # fmt: skip
    return {str(one): part_name(part) for one, part in zip(found["subject_id"], found["split"], strict=True)}


MEDS = Adapter(
    name="healthcare.meds",
    summary="MEDS 0.3 and 0.4 (parquet shards, task_labels)",
    sniff=sniff,
    read=read,
    options={"labels": "name of the task below task_labels, when there are several", **OPTIONS},
)
