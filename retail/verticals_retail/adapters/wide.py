"""Sheets with one row a series: competition files (V1, V2, …) and sheets whose column heads are dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from verticals.data.convert import as_text, convert, decoded, is_text
from verticals.data.files import encoding_of, head_of, kind_of, layout_of, open_bytes, tables_in
from verticals.data.match import plain
from verticals.data.parse import numbers, plain_numbers
from verticals.data.raw import Raw, read_raw
from verticals.data.series import SeriesExamples, report_gaps
from verticals.data.table import OPTIONS, reading_of
from verticals_plugins import (
    Adapter,
    DataError,
    Dataset,
    Ledger,
    Provenance,
    ReadOptions,
    Schema,
    Sniff,
    Time,
    VerticalsError,
)
from verticals_retail.adapters.heads import NUMBER, date_heads, first_days, moments_of, plain_letters
from verticals_retail.schema import DEMAND_SCHEMA

pc: Any = pyarrow.compute
STEPS = {"hourly": "1h", "daily": "1D", "weekly": "7D", "monthly": "30D", "quarterly": "91D", "yearly": "365D"}
HORIZONS = {"hourly": 48, "daily": 14, "weekly": 13, "monthly": 18, "quarterly": 8, "yearly": 6}
TIMES = ("date", "time", "datetime", "timestamp", "ds", "day", "week", "month", "hour", "period")
KNOWN = {
    plain(one)
    for field in (DEMAND_SCHEMA.entity, DEMAND_SCHEMA.target, *DEMAND_SCHEMA.fields)
    if field is not None
    for one in (field.name, *field.aliases)
}
LETTERS = {"h": "hourly", "d": "daily", "w": "weekly", "m": "monthly", "q": "quarterly", "y": "yearly"}
TOTAL = {
    "total", "totals", "grandtotal", "subtotal", "sum", "gesamt", "gesamtsumme", "gesamtergebnis", "summe", "ergebnis",
    "zwischensumme", "insgesamt", "totaux", "totale", "totalgeneral", "sumatotal", "totaal", "eindtotaal",
}  # fmt: skip


def columns_of(path: Path) -> list[str]:
    """The column heads of a text table; none if it is not one."""
    try:
        if path.is_dir() or kind_of(path) != "text":
            return []
        with open_bytes(path) as stream:
            encoding = encoding_of(stream.read(2000), None, path.name)
        return list(layout_of(path, encoding, {}).names) if head_of(path, encoding) else []
    except (VerticalsError, OSError, ValueError, EOFError):
        return []


# --------------------------------------------------------------------------------------------- V1, V2, V3, …


def sniff_competition(path: Path) -> Sniff:
    """Sure of heads V1, V2, … and of a folder with such a train and test file."""
    for heads in map(columns_of, _texts(path) if path.is_dir() else [path]):
        if len(heads) > 2 and heads == [f"V{n}" for n in range(1, len(heads) + 1)]:
            return Sniff(0.95, "columns V1, V2, …: one series a row")
    return Sniff(0.0, "no columns V1, V2, …")


def _texts(path: Path) -> list[Path]:
    return [one for one in tables_in(path.iterdir()) if kind_of(one) == "text"]


def _pair(path: Path) -> list[Path]:
    """A folder's train file and its test file.

    Raises:
        DataError: it holds no train file or several.
    """
    files = _texts(path)
    train = [one for one in files if "train" in one.name.lower()]
    if len(train) != 1:
        raise DataError(
            f"{path} holds {len(train)} files with train in their name ({', '.join(one.name for one in files[:6])}).",
            expected="One, such as Weekly-train.csv, and perhaps Weekly-test.csv.",
            todo="Give one file, or a folder with that train file and its test file.",
        )
    wanted = re.sub("train", "test", train[0].name, flags=re.I).lower()
    return [train[0], *(one for one in files if one.name.lower() == wanted)]


def read_competition(path: Path, options: ReadOptions) -> Dataset:
    """One row a series: id, then values; empty cells at the end are padding, others are missing. There are no dates.

    Raises:
        DataError: a value is no number, ids repeat, or the test file holds other series than the train file.
    """
    files = _pair(path) if path.is_dir() else [path]
    told = options.options
    layout = {name: told[name] for name in ("encoding", "delimiter") if name in told}
    raws = [read_raw(one, {"header": "1", **layout}) for one in files]
    parts = [wide_values(raw, raw.table.column_names[1:], told.get("decimal", "")) for raw in raws]
    ids = [_ids(raw) for raw in raws]
    frequency = frequency_of(files[0].name, ids[0])
    series = {one: _unpadded(row) for one, row in zip(ids[0], parts[0], strict=True)}
    if len(raws) > 1:
        if set(ids[0]) != set(ids[1]):
            raise DataError(
                f"{files[1].name} holds other series than {files[0].name}.", expected="The same ids in both files."
            )
        series = {one: np.concatenate([series[one], _unpadded(row)]) for one, row in zip(ids[1], parts[1], strict=True)}
    horizon = HORIZONS.get(frequency)
    if len(raws) > 1:
        horizon = max(len(_unpadded(row)) for row in parts[1])
    ledger = raws[0].ledger
    if "test" in files[0].name.lower():
        ledger.warn(f"{files[0].name} looks like the test part alone: each series has only its last values")
    empty = [one for one, values in series.items() if not len(values)]
    ledger.drop("a series without a value", len(empty), empty[:5])
    frame = _steps({one: values for one, values in series.items() if len(values)})
    return finished(frame, options, STEPS.get(frequency, ""), horizon, raws, "retail.m4", ledger)


def frequency_of(name: str, ids: list[str]) -> str:
    """The word in a file's name, else the letter that all ids begin with; "" if neither says."""
    for word in STEPS:
        if word in name.lower():
            return word
    letters = {re.sub(r"\d+$", "", one).lower() for one in ids}
    return LETTERS.get(next(iter(letters)), "") if len(letters) == 1 else ""


# ------------------------------------------------------------------------------------------------ date heads


def sniff_sheet(path: Path) -> Sniff:
    """Sure of several column heads that are dates, or of a first column of dates with a number a series beside it."""
    heads = columns_of(path)
    dates = date_heads(heads)
    if len(dates) >= 3 and len(dates) >= len(heads) - 12:
        return Sniff(0.9, f"{len(dates)} column heads are dates: one series a row")
    if times_down(heads):
        return Sniff(0.6, "a first column of times and one column a series")
    if yearless(heads):
        return Sniff(0.5, f"{yearless(heads)} columns without a year")
    return Sniff(0.0, "no column heads that are dates")


def yearless(heads: list[str]) -> str:
    """What the heads name without its year, "month" or "week"; "" if neither, or if one names a time."""
    if {plain(one) for one in heads} & set(TIMES):
        return ""
    if sum(plain_letters(plain(one)) in NUMBER for one in heads) >= 6:
        return "month"
    weeks = [one for one in heads if re.fullmatch(r"(?:w|kw|cw|wk|week|woche)\.?[-_ ]?\d{1,2}", one, re.IGNORECASE)]
    return "week" if len(weeks) >= 3 else ""


def times_down(heads: list[str]) -> bool:
    """Whether a first column of times stands beside one column a series."""
    return len(heads) > 2 and plain(heads[0]) in TIMES and not _named(heads)


def _named(heads: list[str]) -> bool:
    """Whether a head names a series or a quantity, as in a long table."""
    return bool({plain(one) for one in heads} & KNOWN)


def read_sheet(path: Path, options: ReadOptions) -> Dataset:
    """Columns before the dates name the series together; an empty cell is a missing value, not a zero.

    Rows and columns of totals and empty rows are left out and counted.

    Raises:
        DataError: the heads name months without a year, a series repeats, a column among the dates is no date, or a
            cell is no number.
    """
    told = options.options
    raw = read_raw(path, {k: v for k, v in told.items() if k in ("encoding", "delimiter", "header")})
    heads = raw.table.column_names
    dates = date_heads(heads)
    if len(dates) < 2 and plain(heads[0]) in TIMES:
        return _read_columns(raw, options)
    if len(dates) < 2:
        raise DataError(
            f"{raw.name}: the columns name {yearless(heads) or 'month'}s without a year ({', '.join(heads[1:4])} …).",
            expected="Column heads that are dates, such as 2024-03-04 or 2024-03.",
            todo="Write the year into the column heads; which year it is, the file does not say.",
        )
    times = moments_of(dates, told.get("date_format", ""), raw.name)
    keys = _keys(raw, dates, told.get("series", ""))
    values = wide_values(raw, dates, told.get("decimal", ""))
    _tell_dashes(raw, dates)
    names = joined_names(raw, keys)
    kept = _series_rows(raw, keys, values)
    names, values = [names[row] for row in kept], values[kept]
    _no_repeats(names, keys, raw, kept)
    order = np.argsort(times, kind="stable")
    frame = long_of(names, times[order], values[:, order])
    for field, column in _described(options.schema, keys).items():
        cells = np.array(texts_of(raw, column), dtype=object)[kept]
        frame[field] = np.repeat(cells, len(dates))
    if told.get("prices"):
        frame = _with_prices(frame, Path(told["prices"]), keys, options, raw.ledger)
    return _with_gaps_told(finished(frame, options, "", None, [raw], "retail.wide", raw.ledger), times[order])


def _keys(raw: Raw, dates: list[str], said: str) -> list[str]:
    """The columns that name a series: those said, or all before the first date; totals are left out.

    Raises:
        DataError: no column is left, or one stands among the dates.
    """
    heads = raw.table.column_names
    others = [one for one in heads if one not in dates]
    totals = [one for one in others if plain(one) in TOTAL]
    if said:
        keys = named_columns(said, heads, raw.name)
    else:
        unnamed = [one for one in others if one.startswith(("column ", "Unnamed: "))]
        keys = [one for one in others if one not in totals and one not in unnamed]
        keys = keys or [one for one in unnamed if one == heads[0]]  # an index that was saved without its name
        late = [one for one in keys if heads.index(one) > heads.index(dates[0])]
        if late:
            raise DataError(
                f"{raw.name}: column {late[0]!r} stands among the dates and is no date.",
                expected="Columns that name the series, then dates.",
                todo="Correct its head, or say which columns name a series: --option series=A,B.",
            )
    left = [one for one in others if one not in keys]
    if left:
        raw.ledger.warn(f"columns left out: {', '.join(left)}")
    if not keys:
        raise DataError(f"{raw.name} has only date columns.", expected="At least one column that names the series.")
    return keys


def _series_rows(raw: Raw, keys: list[str], values: np.ndarray) -> np.ndarray:
    """Row numbers of the series; empty rows, rows without a name and rows of totals are dropped and counted."""
    cells = [texts_of(raw, one) for one in keys]
    rows = list(zip(*cells, strict=True))
    nameless = np.array([not any(row) for row in rows])
    empty = nameless & np.isnan(values).all(axis=1)
    exact = np.array([any(plain(cell) in TOTAL for cell in row) for row in rows])
    likely = np.array([any(set(map(plain, cell.split())) & TOTAL for cell in row) for row in rows])
    filled, plain_rows = np.nan_to_num(values), ~(nameless | exact | likely)
    total, since = exact.copy(), 0
    for row in np.flatnonzero(likely & ~exact):
        before = plain_rows[since:row]
        sums = (filled[plain_rows].sum(axis=0), filled[since:row][before].sum(axis=0))
        total[row] = any(np.allclose(filled[row], one) for one in sums)
        since = int(row) + 1 if total[row] else since
    raw.drop("an empty row", np.flatnonzero(empty))
    raw.drop("a row of totals", np.flatnonzero(total))
    raw.drop("a row without a name", np.flatnonzero(nameless & ~empty))
    kept = np.flatnonzero(~(nameless | total))
    for name, column in zip(keys, cells, strict=True):
        gaps = [int(row) for row in kept if not column[row]]
        if gaps:
            raw.ledger.warn(
                f"{len(gaps)} rows have no {name} ({', '.join(raw.places(gaps[:3]))}); nothing was filled in"
            )
    return kept


def _read_columns(raw: Raw, options: ReadOptions) -> Dataset:
    """A first column of times, then one column a series."""
    heads, told = raw.table.column_names, options.options
    if told.get("prices"):
        raise DataError(f"{raw.name} has one column a series.", expected="With prices=FILE, one row a series.",
                        todo="Turn both sheets, or give one long table with a price column.")  # fmt: skip
    raw = raw if {"date_format", "time_unit"} & set(told) else with_periods(raw, heads[0])
    times, keep = _times_down(raw, heads[0], told)
    order = np.argsort(times, kind="stable")
    names = [one for one in heads[1:] if plain(one) not in TOTAL]
    if len(names) < len(heads) - 1:
        raw.ledger.warn(f"columns left out: {', '.join(one for one in heads[1:] if one not in names)}")
    values = wide_values(raw, names, told.get("decimal", ""), keep)
    _tell_dashes(raw, names)
    frame = long_of(names, times[order], values[order].T)
    return _with_gaps_told(finished(frame, options, "", None, [raw], "retail.wide", raw.ledger), times[order])


def _times_down(raw: Raw, name: str, told: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) of the rows that have one, and which these are (N,); the others are dropped and counted.

    Raises:
        DataError: most rows have no time, or one occurs twice.
    """
    time = convert(raw.table[name], Time(name), name, reading_of(told, raw.machine))
    keep = ~(time.missing | time.bad)
    if time.bad.sum() > keep.sum():
        said = str(raw.table[name][int(time.bad.argmax())].as_py())
        raise DataError(
            f"{raw.name}: column {name!r} cannot be read as a time, for example {said[:40]!r}.",
            expected="A time in each row.", todo="Say how it is written: --option date_format=%d.%m.%Y.",
        )  # fmt: skip
    raw.drop(f"{name} cannot be read as a time", np.flatnonzero(~keep), name)
    for note in time.notes:
        if note.startswith(("dates read as", "zone", "numbers read as")):
            raw.ledger.warn(f"{name}: {note}")
    times, rows = time.values.to_numpy()[keep].astype("datetime64[ns]"), np.flatnonzero(keep)
    twin = pd.Series(times).duplicated().to_numpy()
    if twin.any():
        moment = times[int(twin.argmax())]
        places = raw.places(rows[np.flatnonzero(times == moment)[:2]].tolist())
        raise DataError(
            f"{raw.name}: {str(moment)[:19]} stands in {' and '.join(places)}.",
            expected="One row a time, one column a series.",
            todo="Sum the rows. If it is a long table: --adapter long --map series=A --map demand=B.",
        )
    return times, keep


def with_periods(raw: Raw, name: str) -> Raw:
    """A column of months, weeks, quarters or years (2024-01, 2024-W05, 2024Q1) as their first days."""
    text = pc.utf8_trim_whitespace(as_text(decoded(raw.table[name])))
    days = first_days([one for one in pc.unique(text).to_pylist() if one], raw.name)
    if not days:
        return raw
    first = next(iter(days))
    if first.isdigit() and len(first) == 6 and "week" in plain(name):
        raise DataError(
            f"{raw.name}: {first} in column {name!r} can be a week or a month.",
            expected="Weeks such as 2024-W05, or a day of the week.",
            todo="Write them so, or call the column month if these are months.",
        )
    raw.ledger.warn(f"{name}: {first} is taken as {days[first]}, the first day of the period")
    column = pa.array([days.get(one, one) for one in text.to_pylist()], pa.string())
    return replace(raw, table=raw.table.set_column(raw.table.column_names.index(name), name, column))


def _tell_dashes(raw: Raw, columns: list[str]) -> None:
    texts = [raw.table[name] for name in columns if is_text(raw.table[name])]
    count = sum(pc.sum(pc.equal(pc.utf8_trim_whitespace(as_text(one)), "-")).as_py() or 0 for one in texts)
    if count:
        raw.ledger.warn(f"{count:,} cells hold a dash: not known, and no zero")


def tell_gaps(dataset: Dataset, ledger: Ledger) -> None:
    """Missing steps inside series, or why there is no regular step, as warnings."""
    try:
        lines = report_gaps(dataset, SeriesExamples())
    except DataError as err:
        lines = [err.found]
    for line in lines:
        ledger.warn(line)


def _with_gaps_told(dataset: Dataset, times: np.ndarray) -> Dataset:
    """The dataset; steps that its sheet lacks are told."""
    axis = pd.DataFrame({"series": "(all)", "time": times, "demand": 0.0})
    tell_gaps(dataset.with_main(axis), dataset.provenance.ledger)
    return dataset


def _with_prices(
    frame: pd.DataFrame, path: Path, keys: list[str], options: ReadOptions, ledger: Ledger
) -> pd.DataFrame:  # fmt: skip
    """A second sheet of the same shape holds the prices; where it is empty the price is not known."""
    told = options.options
    raw = read_raw(path)
    dates = date_heads(raw.table.column_names)
    missing = [one for one in keys if one not in raw.table.column_names]
    if missing or not dates:
        raise DataError(
            f"{path.name} is no price sheet of these series.", expected=f"Columns {', '.join(keys)} and dates."
        )
    times = moments_of(dates, told.get("date_format", ""), raw.name)
    values = wide_values(raw, dates, told.get("decimal", ""))
    kept, names = _series_rows(raw, keys, values), joined_names(raw, keys)
    _no_repeats([names[row] for row in kept], keys, raw, kept)
    prices = long_of([names[row] for row in kept], times, values[kept]).rename(columns={"demand": "price"})
    for what, mine in (("series", frame["series"]), ("time", frame["time"])):
        others = sorted({str(one) for one in prices[what].unique()} - {str(one) for one in mine.unique()})
        if others:
            ledger.warn(f"{raw.name}: {len(others)} {what} of prices are not in the sheet and left out ({others[0]})")
    return frame.merge(prices, on=["series", "time"], how="left", validate="many_to_one")


# ------------------------------------------------------------------------------------------------ shared parts


def wide_values(raw: Raw, columns: list[str], decimal: str = "", keep: np.ndarray | None = None) -> np.ndarray:
    """(S, T) float64 of the rows ``keep`` (all); empty cells are NaN.

    All cells are one quantity: the decimal mark that some prove holds for all.

    Raises:
        DataError: a cell is no number, or has two readings; names the first with its line.
    """
    rows = np.arange(raw.table.num_rows) if keep is None else np.flatnonzero(keep)
    table = raw.table.select(columns) if keep is None else raw.table.select(columns).filter(pa.array(keep))
    out = np.full((len(rows), len(columns)), np.nan)
    texts = [at for at, name in enumerate(columns) if is_text(table[name])]
    for at, name in enumerate(columns):
        if at not in texts:
            out[:, at] = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    fast = [plain_numbers(as_text(table[columns[at]])) for at in texts] if raw.machine and decimal != "," else [None]
    if texts and all(one is not None for one in fast):
        out[:, texts] = np.array(fast).T
        return out
    if texts:
        cells = pa.chunked_array([chunk for at in texts for chunk in as_text(table[columns[at]]).chunks])
        found = numbers(cells, stated=decimal, machine=raw.machine)
        for note in found.notes:
            raw.ledger.warn(note)
        bad = np.flatnonzero(found.bad)
        if len(bad):
            place, row = divmod(int(bad[0]), len(rows))
            raise DataError(
                f"{raw.name}: {cells[int(bad[0])].as_py()!r} in column {columns[texts[place]]}, "
                f"{raw.places([int(rows[row])])[0]}, is no number{' for certain' if found.why else ''}.",
                expected="Numbers, or empty cells where nothing is known.",
                todo=f"{found.why}" if found.why else "Correct the cell.",
            )
        out[:, texts] = np.where(found.missing, np.nan, found.values).reshape(len(texts), len(rows)).T
    return out


def long_of(names: list[str], times: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """One row a series and time, in order of the sheet."""
    return pd.DataFrame(
        {
            "series": names_of(np.repeat(np.arange(len(names)), len(times)), names),
            "time": np.tile(times, len(names)),
            "demand": values.reshape(-1),
        }
    )


def names_of(codes: np.ndarray, names: list[str]) -> pd.Categorical:
    """A column of series names from their numbers (T,)."""
    return pd.Categorical.from_codes(codes.tolist(), pd.Index(names))


def named_columns(text: str, heads: list[str], where: str) -> list[str]:
    """The columns that an option names, parted by commas.

    Raises:
        DataError: one is not there.
    """
    wanted = [one.strip() for one in text.split(",") if one.strip()]
    for one in wanted:
        if one not in heads:
            raise DataError(f"{where} has no column {one!r}.", expected=f"Columns: {', '.join(heads[:20])}.")
    return wanted


def texts_of(raw: Raw, name: str) -> list[str]:
    """A column's cells as text, "" where nothing was; whole numbers stay whole."""
    return [one.strip() for one in as_text(decoded(raw.table[name])).to_pylist()]


def joined_names(raw: Raw, keys: list[str]) -> list[str]:
    """The key columns' text, joined by a slash."""
    return ["/".join(row) for row in zip(*(texts_of(raw, one) for one in keys), strict=True)]


def _no_repeats(names: list[str], keys: list[str], raw: Raw, rows: np.ndarray | None = None) -> None:
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in seen:
            first, again = raw.places([int(rows[at]) if rows is not None else at for at in (seen[name], row)])
            raise DataError(
                f"{raw.name}: series {name!r} stands in {first} and {again}.",
                expected=f"One row for each {' + '.join(keys)}.",
                todo="Sum the rows, or name all columns that make a series: --option series=A,B.",
            )
        seen[name] = row


def _described(schema: Schema, keys: list[str]) -> dict[str, str]:
    """Fields of the schema that key columns carry (a store, a group)."""
    found = {}
    for field in schema.fields:
        wanted = {plain(one) for one in (field.name, *field.aliases)}
        hit = [one for one in keys if plain(one) in wanted]
        if hit and field.name in ("store", "group"):
            found[field.name] = hit[0]
    return found


def _ids(raw: Raw) -> list[str]:
    ids = texts_of(raw, raw.table.column_names[0])
    if "" in ids:
        raise DataError(
            f"{raw.name}: {raw.places([ids.index('')])[0]} has no id.",
            expected="An id in the first column of each row.",
        )
    _no_repeats(ids, [raw.table.column_names[0]], raw)
    return ids


def _unpadded(row: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(row))
    return row[: known[-1] + 1] if len(known) else row[:0]


def _steps(series: dict[str, np.ndarray]) -> pd.DataFrame:
    """Series without dates: steps are numbered from 0."""
    lengths = [len(one) for one in series.values()]
    return pd.DataFrame(
        {
            "series": names_of(np.repeat(np.arange(len(series)), lengths), list(series)),
            "time": np.concatenate([np.arange(n) for n in lengths]) if lengths else np.empty(0, dtype=np.int64),
            "demand": np.concatenate(list(series.values())) if lengths else np.empty(0),
        }
    )


def finished(
    frame: pd.DataFrame, options: ReadOptions, step: str, horizon: int | None, raws: list[Raw], name: str,
    ledger: Ledger,
) -> Dataset:  # fmt: skip
    """The dataset, with the step in its schema and the horizon in its notes."""
    schema = options.schema
    if not len(frame):
        raise DataError(f"{raws[0].name} holds no value.", expected="At least one series with values.")
    assert schema.time is not None
    if step:
        schema = replace(schema, time=replace(schema.time, step=step))
    notes: dict[str, Any] = {} if horizon is None else {"horizon": str(horizon)}
    if "horizon" in options.options:
        notes["horizon"] = str(whole_steps(options.options["horizon"]))
    if options.limit is not None:
        frame = frame.head(options.limit)
    sources = tuple(source for raw in raws for source in raw.sources)
    return Dataset({"main": frame.reset_index(drop=True)}, schema, Provenance(name, sources, {}, ledger, notes))


def whole_steps(text: str) -> int:
    """The option ``horizon``.

    Raises:
        DataError: it is no whole number of steps.
    """
    if not re.fullmatch(r"[1-9]\d*", text.strip()):
        raise DataError(f"The horizon is {text!r}.", expected="A whole number of steps.")
    return int(text)


HORIZON_HELP = {"horizon": "how many steps to foretell"}
M4 = Adapter(
    name="retail.m4",
    summary="a competition sheet with columns V1, V2, … (M4), one series a row; a folder with its train and test file",
    sniff=sniff_competition, read=read_competition,
    options={**HORIZON_HELP, **{name: OPTIONS[name] for name in ("encoding", "delimiter", "decimal")}},
)  # fmt: skip
WIDE = Adapter(
    name="retail.wide",
    summary="a wide sheet: one row a series, one column a date",
    sniff=sniff_sheet, read=read_sheet,
    options={
        **HORIZON_HELP, "series": "columns that name a series together, parted by commas",
        "prices": "a second sheet of the same shape with the prices",
        "date_format": "dmy, mdy or a format like %d.%m.%Y", "decimal": OPTIONS["decimal"],
        "encoding": "encoding of the text", "delimiter": "what parts the cells", "header": "line of the column heads",
    },
)  # fmt: skip
