"""Plain tables: CSV, parquet, Arrow, or a frame in memory -> a dataset, by the schema and the words of its columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.columnar import is_columnar
from verticals.data.convert import Column, Reading, convert, dates_in, extra, positives
from verticals.data.files import COLUMNAR, TEXT, head_of, kind_of, layout_of, tables_in
from verticals.data.match import match, plain, required
from verticals.data.parse import TimeOptions
from verticals.data.raw import Raw, raw_of_frame, read_raw
from verticals_plugins import (
    Adapter,
    Category,
    DataError,
    Dataset,
    Field,
    Ledger,
    Number,
    Provenance,
    ReadOptions,
    Schema,
    Sniff,
    Time,
    VerticalsError,
)

OPTIONS: Mapping[str, str] = {
    "encoding": "encoding of the text, for example cp1252 (default: by byte-order mark, else UTF-8)",
    "delimiter": "what parts the cells (default: found)",
    "header": "line number of the header (default 1)",
    "decimal": "the decimal mark, . or ,",
    "date_format": "dmy, mdy or a format like %d/%m/%Y",
    "timezone": "zone of times without offset, for example Europe/Berlin",
    "time_unit": "unit of times that are numbers: s, ms, min, h, D",
    "time_origin": "the moment that such times count from",
    "positive": "the word of the target that counts as 1",
}
KNOWN_AT = "label_known_at"
"""Column that says when a target became known, where the schema names none."""
MOSTLY = 0.5
"""With more unreadable cells than this share a column is of the wrong type."""


def read_table(path: Path, options: ReadOptions, *, adapter: str = "table") -> Dataset:
    """Read a file or a folder of files as the schema's table.

    Columns that no field asks for are kept under their own names. Rows whose needed cells are missing or unreadable are
    dropped and counted with their lines; unreadable cells of other fields become missing and are told.

    Raises:
        DataError: a needed column is missing or of the wrong type, ids repeat with different content, times are
            ambiguous, or no row is left.
    """
    return dataset_of(read_raw(path, options.options, limit=options.limit), options, adapter=adapter)


def dataset_of_frame(frame: pd.DataFrame, options: ReadOptions, *, adapter: str = "frame") -> Dataset:
    """The same for a table in memory."""
    if not len(frame):
        raise DataError("The table has no rows.", expected="At least one row.")
    return dataset_of(raw_of_frame(frame), options, adapter=adapter)


def dataset_of(raw: Raw, options: ReadOptions, *, adapter: str = "table") -> Dataset:
    """A raw table as a dataset."""
    mapping = matched(raw, options)
    columns = columns_of(raw, options.schema, mapping, reading_of(options.options, raw.machine))
    main = rows_of(raw, options, mapping, columns)
    if not len(main):
        raise DataError(
            f"{raw.name}: none of {raw.table.num_rows:,} rows can be used ({_reasons(raw.ledger)}).",
            expected="Rows whose needed cells can be read.", todo="Check the mapping with --explain-data.",
        )  # fmt: skip
    return assembled(main, raw, options.schema, mapping, columns, adapter)


def matched(raw: Raw, options: ReadOptions) -> dict[str, str]:
    """Field -> column; doubts go to the ledger, and a header on a later line is pointed at."""
    schema = options.schema
    try:
        found = match(schema, raw.table.column_names, options.mapping, need_target=options.need_target, where=raw.name)
    except DataError as err:
        line = raw.header_line({plain(one) for _, field in schema.roles() for one in (field.name, *field.aliases)})
        if not line:
            raise
        todo = f"Line {line} looks like the header: pass --option header={line}"
        raise DataError(err.found, expected=err.expected, todo=todo) from err
    for doubt in found.doubts:
        raw.ledger.warn(doubt)
    return dict(found.mapping)


def columns_of(raw: Raw, schema: Schema, mapping: Mapping[str, str], reading: Reading) -> dict[str, Column]:
    """The fields that were found, each read by its kind.

    Where all of a column's cells are like "1.650", the decimal mark that the file's other columns prove decides.
    """
    columns: dict[str, Column] = {}
    for role, field in schema.roles():
        if field.name in mapping:
            columns |= _read_field(raw, schema, role, field, mapping[field.name], reading)
    marks = {one.reading for one in columns.values() if one.reading in (".", ",")}
    if len(marks) == 1 and not reading.decimal:
        again = replace(reading, elsewhere=next(iter(marks)))
        for role, field in schema.roles():
            column = columns.get(field.name)
            if column is not None and isinstance(field, Number) and column.bad.any() and not column.reading:
                columns |= _read_field(raw, schema, role, field, mapping[field.name], again)
    for name, column in columns.items():
        if name in mapping:
            _tell(column, name, mapping[name], raw.ledger)
    return columns


def _read_field(raw: Raw, schema: Schema, role: str, field: Field, name: str, reading: Reading) -> dict[str, Column]:
    cells = raw.table[name]
    if role == "target" and not isinstance(field, Time) and dates_in(cells):
        return _from_dates(cells, schema, field, name, reading, raw.ledger)
    if role == "target" and reading.positive:
        said = positives(cells, reading.positive, name)
        return {field.name: Column(pd.Series(said.values), said.missing, said.bad, said.notes)}
    return {field.name: convert(cells, field, name, reading)}


def rows_of(raw: Raw, options: ReadOptions, mapping: Mapping[str, str], columns: Mapping[str, Column]) -> pd.DataFrame:
    """The rows that can be used, with an id each; what is left out is counted."""
    schema = options.schema
    keep = _usable(raw, schema, columns, mapping, options.need_target)
    main = pd.DataFrame({name: column.values for name, column in columns.items()})
    used, comma = set(mapping.values()), options.options.get("decimal", "") == "," or not raw.machine
    for name in raw.table.column_names:
        if name not in used and name not in main:
            main[name] = extra(raw.table[name], comma=comma)
    return _with_id(main.loc[keep].reset_index(drop=True), schema, raw, np.flatnonzero(keep))


def assembled(
    main: pd.DataFrame,
    raw: Raw,
    schema: Schema,
    mapping: Mapping[str, str],
    columns: Mapping[str, Column],
    adapter: str,
) -> Dataset:
    """The rows as a dataset in order of time, with where they came from."""
    _report_bounds(main, schema, raw.ledger)
    notes = {name: "; ".join(column.notes) for name, column in columns.items() if column.notes}
    provenance = Provenance(adapter, raw.sources, dict(mapping), raw.ledger, notes)
    return Dataset({"main": _in_time_order(main, schema, raw.ledger)}, schema, provenance)


def typed(
    raw: Raw,
    schema: Schema,
    *,
    mapping: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    need_target: bool = False,
    extras: bool = False,
) -> pd.DataFrame:
    """A further table (a timeline, a price list) as a frame of the schema's columns.

    What is dropped goes to the raw table's ledger. ``extras`` keeps the columns that no field asks for.
    """
    wanted = ReadOptions(schema=schema, mapping=mapping or {}, options=options or {}, need_target=need_target)
    frame = dataset_of(raw, wanted).main
    return frame if extras else frame[[name for name in schema.names() if name in frame]]


def reading_of(options: Mapping[str, str], machine: bool = True) -> Reading:
    """The options of a user as :class:`~verticals.data.convert.Reading`."""
    times = TimeOptions(
        date_format=options.get("date_format", ""), timezone=options.get("timezone", ""),
        unit=options.get("time_unit", ""), origin=options.get("time_origin", "1970-01-01"),
    )  # fmt: skip
    return Reading(
        decimal=options.get("decimal", ""), machine=machine, times=times, positive=options.get("positive", "")
    )


def sniff_table(path: Path) -> Sniff:
    """A table of any columns: sure enough to be taken when no adapter knows the file better."""
    try:
        file = path
        if path.is_dir():
            inside = tables_in(path.iterdir()) or tables_in(path.rglob("*"))
            if not inside:
                return Sniff(0.0, "no table file in the folder")
            file = inside[0]
        kind = kind_of(file)
        if kind == "columnar" or is_columnar(file):
            return Sniff(0.4, "a columnar file")
        if kind == "text":
            found = layout_of(file, "utf-8-sig", {}) if head_of(file, "utf-8-sig") else None
            wide = found is not None and len(found.names) > 1
            return Sniff(0.35 if wide else 0.25, "delimited text" if wide else "text in one column")
        return Sniff(0.0, f"not {', '.join(TEXT + COLUMNAR)}")
    except (VerticalsError, OSError, ValueError, EOFError) as err:
        return Sniff(0.2 if kind_of(path) else 0.0, f"a table that cannot be opened: {err}")


TABLE = Adapter(
    name="table",
    summary="a table (CSV, parquet, Arrow) whose columns are named or mapped",
    sniff=sniff_table,
    read=read_table,
    options=OPTIONS,
)


# ------------------------------------------------------------------------------------------------ truth


NEGATIVE = frozenset(
    ("no", "n", "false", "negative", "neg", "none", "normal", "legit", "legitimate", "genuine", "valid", "ok",
     "good", "benign", "healthy", "alive", "lived", "survived", "absent", "absence", "control", "stable")
)  # fmt: skip
"""Words that say it did not happen. So do "no X", "non-X" and "without X", "notX" beside "X", and "F" beside "T"."""


@dataclass(frozen=True)
class Classes:
    """Codes (N,) int64, -1 = unknown, and the classes' names; of two, the first is the negative one."""

    codes: np.ndarray
    names: tuple[str, ...]


def classes_of(target: pd.Series) -> Classes:
    """The classes of a target column, numbers in order of size, words in order of the alphabet, "no" before "yes"."""
    if pd.api.types.is_numeric_dtype(target) and not isinstance(target.dtype, pd.CategoricalDtype):
        text = pd.Series(target).map(lambda one: "" if pd.isna(one) else f"{float(one):g}")
    else:
        text = pd.Series(target).astype(object).map(lambda one: "" if pd.isna(one) else str(one).strip())
    names = in_class_order({one for one in text.unique() if one})
    codes = text.map({name: code for code, name in enumerate(names)}).fillna(-1).to_numpy(dtype=np.int64)
    return Classes(codes, tuple(names))


def in_class_order(names: Collection[str]) -> list[str]:
    """Numbers by size, then words; what says "no" comes first, so that of two classes the second is the event."""
    joined = {plain(one) for one in names}

    def order(name: str) -> tuple[int, float, str]:
        try:
            return 0, float(name), name
        except ValueError:
            return (0, -1.0, name) if says_no(name, joined) else (1, 0.0, name)

    return sorted(names, key=order)


def says_no(name: str, others: Collection[str] = ()) -> bool:
    """Whether a class's name says that it did not happen; ``others`` are the plain names of the classes beside it."""
    text = re.sub(r"[\W_]+", " ", name.casefold()).strip()
    first, _, rest = text.partition(" ")
    if rest and first in ("no", "not", "non", "without"):
        return not says_no(rest)  # "not ok" is no "no"
    if text in NEGATIVE or (text == "f" and "t" in others):
        return True
    denied = [one for one in others for before in ("no", "not", "non", "un") if plain(name) == before + one]
    return any(not says_no(one) for one in denied)


# ------------------------------------------------------------------------------------------------ small things


def _from_dates(
    cells: Any, schema: Schema, field: Field, name: str, reading: Reading, ledger: Ledger
) -> dict[str, Column]:
    """A target column of dates: where there is one the outcome is 1, and it became known then."""
    known = convert(cells, Time(name), name, reading)
    happened = ~known.missing & ~known.bad
    ledger.warn(f"{name} holds dates: {field.name} is 1 where there is one, known from then on")
    truth: Any = pd.Series(happened.astype(np.float64))
    if isinstance(field, Category):
        truth = pd.Series(np.where(happened, "1", "0"), dtype="category")
    label = schema.label_time.name if schema.label_time is not None else KNOWN_AT
    nothing = np.zeros(len(happened), dtype=bool)
    return {field.name: Column(truth, nothing, known.bad), label: replace(known, missing=nothing, bad=nothing)}


def _tell(column: Column, field: str, name: str, ledger: Ledger) -> None:
    for note in column.notes:
        if "no zone" not in note and "normalised" not in note:
            ledger.warn(f"{name} ({field}): {note}")


def _usable(
    raw: Raw, schema: Schema, columns: Mapping[str, Column], mapping: Mapping[str, str], need_target: bool
) -> np.ndarray:
    """(N,) bool: rows whose needed cells say something that can be read; the others are counted by reason."""
    keep = np.ones(raw.table.num_rows, dtype=bool)
    for role, field in schema.roles():
        column = columns.get(field.name)
        if column is None:
            continue
        name = mapping.get(field.name, field.name)
        _refuse_wrong_type(raw, field, name, column)
        needed = required(role, field, need_target) or role == "id"
        for rows, what in ((column.missing, "is missing"), (column.bad, _unread(field, column))):
            hit = np.flatnonzero(rows & keep)
            if len(hit) and needed:
                raw.drop(f"{name} {what}", hit, name if rows is column.bad else "")
                keep[hit] = False
            elif len(hit) and rows is column.bad:
                raw.ledger.warn(f"{len(hit):,} cells of {name} {what}{_shown(raw, name, hit)}; they count as missing")
    return keep


def _unread(field: Field, column: Column) -> str:
    kind = "a time" if isinstance(field, Time) else "a number"
    return f"cannot be read as {kind}" + (f" ({column.why})" if column.why else "")


def _refuse_wrong_type(raw: Raw, field: Field, name: str, column: Column) -> None:
    said = ~column.missing
    if said.any() and column.bad[said].mean() > MOSTLY and isinstance(field, Number | Time):
        kind = "a time" if isinstance(field, Time) else "a number"
        bad = np.flatnonzero(column.bad)
        raise DataError(
            f"{raw.name}: column {name!r} {_unread(field, column)}{_shown(raw, name, bad)}.",
            expected=f"{field.name} is {kind}.",
            todo=f"Map another column: --map {field.name}=COLUMN.",
        )  # fmt: skip


def _shown(raw: Raw, name: str, rows: np.ndarray) -> str:
    values = list(dict.fromkeys(str(raw.table[name][int(row)].as_py()) for row in rows[:20]))[:3]
    return f", for example {', '.join(repr(one[:40]) for one in values)}" if values else ""


def _with_id(main: pd.DataFrame, schema: Schema, raw: Raw, rows: np.ndarray) -> pd.DataFrame:
    """An id a row: as given, else its number. Repeated rows are dropped, ids that repeat otherwise refused."""
    if schema.id is None:
        return main
    name = schema.id.name
    if name not in main:
        return main.assign(**{name: rows})
    again = main[name].duplicated(keep="first").to_numpy()
    if not again.any():
        return main
    told = [one for one in schema.names() if one in main]
    same = main[told].duplicated(keep="first").to_numpy() & again
    if (again & ~same).any():
        first = int(np.flatnonzero(again & ~same)[0])
        hits = rows[np.flatnonzero((main[name] == main[name].iloc[first]).to_numpy())[:3]]
        raise DataError(
            f"{raw.name}: {int((again & ~same).sum())} ids repeat with different content, for example "
            f"{name} {main[name].iloc[first]} in {' and '.join(raw.places([int(row) for row in hits]))}.",
            expected=f"One row for each {name}.",
            todo=f"Map another column, --map {name}=COLUMN, or correct the rows.",
        )
    raw.drop("a repetition of an earlier row", rows[same])
    return main.loc[~same].reset_index(drop=True)


def _report_bounds(main: pd.DataFrame, schema: Schema, ledger: Ledger) -> None:
    for _, field in schema.roles():
        if not isinstance(field, Number) or field.name not in main:
            continue
        values = main[field.name].to_numpy(dtype=float)
        unit = f" {field.unit}" if field.unit else ""
        if field.lower is not None and (values < field.lower).any():
            count, worst = int((values < field.lower).sum()), np.nanmin(values)
            ledger.warn(f"{count} values of {field.name} are below {field.lower:g}{unit} (down to {worst:g})")
        if field.upper is not None and (values > field.upper).any():
            count, worst = int((values > field.upper).sum()), np.nanmax(values)
            ledger.warn(f"{count} values of {field.name} are above {field.upper:g}{unit} (up to {worst:g})")


def _in_time_order(main: pd.DataFrame, schema: Schema, ledger: Ledger) -> pd.DataFrame:
    if schema.time is None or schema.time.name not in main:
        return main
    time = main[schema.time.name].to_numpy()
    if len(time) < 2 or (time[1:] >= time[:-1]).all():
        return main
    late = _out_of_order(main, schema, time)
    if late:
        ledger.warn(f"{late:,} rows came after a later one; all were put in order of {schema.time.name}")
    return main.iloc[np.argsort(time, kind="stable")].reset_index(drop=True)


def _out_of_order(main: pd.DataFrame, schema: Schema, time: np.ndarray) -> int:
    """Rows whose predecessor, of the same entity where there are entities, is later."""
    if schema.entity is None or schema.entity.name not in main:
        return int((time[1:] < time[:-1]).sum())
    who = pd.factorize(main[schema.entity.name])[0]
    order = np.argsort(who, kind="stable")
    same = who[order][1:] == who[order][:-1]
    return int((same & (time[order][1:] < time[order][:-1])).sum())


def _reasons(ledger: Ledger) -> str:
    return "; ".join(f"{count:,} rows: {reason}" for reason, count in ledger.dropped.items()) or "no reason known"


__all__ = [
    "OPTIONS",
    "TABLE",
    "Classes",
    "classes_of",
    "dataset_of",
    "dataset_of_frame",
    "in_class_order",
    "read_table",
    "says_no",
    "typed",
]
