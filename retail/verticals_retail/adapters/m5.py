"""The three tables of the M5 competition: sales by day (d_1, d_2, …), the calendar, and prices by week."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from verticals.data.files import kind_of
from verticals.data.parse import MISSING, numbers
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff
from verticals_retail.adapters.heads import moments_of
from verticals_retail.adapters.wide import HORIZON_HELP, columns_of, finished, names_of, texts_of, wide_values

pc: Any = pyarrow.compute
KEYS = ("item_id", "store_id")


def _tables(path: Path) -> dict[str, Path]:
    """sales, calendar and prices of a folder, or those beside a file, told by their columns."""
    found: dict[str, list[Path]] = {}
    folder = path if path.is_dir() else path.parent
    for file in sorted(one for one in folder.iterdir() if one.is_file() and kind_of(one) == "text"):
        heads = columns_of(file)
        if {"date", "d", "wm_yr_wk"} <= set(heads):
            found.setdefault("calendar", []).append(file)
        elif {*KEYS, "wm_yr_wk", "sell_price"} <= set(heads):
            found.setdefault("prices", []).append(file)
        elif set(KEYS) <= set(heads) and any(re.fullmatch(r"d_\d+", one) for one in heads):
            found.setdefault("sales", []).append(file)
    # of several sales files (validation, evaluation) the one that was named, else the one that reaches furthest
    return {
        name: path if path in files else max(files, key=lambda one: len(columns_of(one)))
        for name, files in found.items()
    }


def sniff_m5(path: Path) -> Sniff:
    """Sure of a folder with sales and calendar."""
    try:
        found = _tables(path)
    except OSError:
        return Sniff(0.0, "cannot be opened")
    if path.is_file() and path not in found.values():
        return Sniff(0.0, "not one of the three tables")
    if {"sales", "calendar"} <= set(found):
        return Sniff(0.95, f"{', '.join(found)} tables")
    if "sales" in found:
        return Sniff(0.6, "a sales table without its calendar")
    return Sniff(0.0, "no d_1, d_2, … columns")


def read_m5(path: Path, options: ReadOptions) -> Dataset:
    """One row an item, store and day, days known ahead included; week codes are joined, never computed.

    Days before an item's first price were not on sale: they are dropped and counted. Prices are optional.

    Raises:
        DataError: the calendar is missing or lacks days of the sales, a key repeats, or a cell is no number.
    """
    files = _tables(path)
    if "calendar" not in files or "sales" not in files:
        missing = "calendar (date, d, wm_yr_wk)" if "sales" in files else "sales table (item_id, store_id, d_1 …)"
        raise DataError(
            f"{path} holds no {missing}.", expected="The sales, calendar and, if there are any, prices in one folder."
        )
    sales, calendar = read_raw(files["sales"]), read_raw(files["calendar"])
    days = [one for one in sales.table.column_names if re.fullmatch(r"d_\d+", one)]
    told = options.options
    dates = _calendar(calendar, days, files["calendar"].name, told.get("date_format", ""))
    values = wide_values(sales, days, told.get("decimal", ""))
    item, store = (texts_of(sales, name) for name in KEYS)
    for cells, name in ((item, KEYS[0]), (store, KEYS[1])):
        if "" in cells:
            raise DataError(f"{sales.name}: {sales.places([cells.index('')])[0]} has no {name}.",
                            expected="An item and a store in each row.", todo="Correct the row.")  # fmt: skip
    names = [f"{i}/{s}" for i, s in zip(item, store, strict=True)]
    twice = pd.Series(names)[pd.Series(names).duplicated()]
    if len(twice):
        raise DataError(
            f"{sales.name}: {twice.iloc[0]!r} stands in several rows.", expected="One row an item and store."
        )
    T = len(dates)
    frame = pd.DataFrame(
        {
            "series": names_of(np.repeat(np.arange(len(names)), T), names),
            "time": np.tile(dates["time"].to_numpy(), len(names)),
            "demand": np.pad(values, ((0, 0), (0, T - len(days))), constant_values=np.nan).reshape(-1),
            "event": _category(list(dates["event"]), np.tile(np.arange(T), len(names))),
            "store": _category(store, np.repeat(np.arange(len(names)), T)),
        }
    )
    groups = next((one for one in ("dept_id", "cat_id") if one in sales.table.column_names), None)
    if groups:
        frame["group"] = _category(sales.table[groups].to_pylist(), np.repeat(np.arange(len(names)), T))
    if "state_id" in sales.table.column_names:
        frame["benefit_day"] = _benefit(dates, texts_of(sales, "state_id"), calendar.name)
    raws = [sales, calendar]
    if "prices" in files:
        prices = read_raw(files["prices"])
        frame = _priced(frame, prices, item, store, dates["week"].to_numpy(), len(days), sales, told.get("decimal", ""))
        raws.append(prices)
    return finished(frame, options, "1D", 28, raws, "retail.m5", sales.ledger)


def _category(cells: list[str], codes: np.ndarray) -> pd.Categorical:
    """``cells[codes]`` as a category, without a string a row."""
    names = sorted(set(cells))
    at = {name: place for place, name in enumerate(names)}
    places: Any = np.array([at[one] for one in cells], dtype=np.int32)[codes]
    return pd.Categorical.from_codes(places, pd.Index(names, dtype=object))


def _calendar(raw: Raw, days: list[str], name: str, date_format: str) -> pd.DataFrame:
    """The days from the first of the sales on, in order, with time, week code, event and benefit columns."""
    table = raw.table.to_pandas().astype(str)
    place = {day: row for row, day in enumerate(table["d"])}
    if len(place) < len(table):
        raise DataError(f"{name}: {table['d'][table['d'].duplicated()].iloc[0]} stands in several rows.",
                        expected="One row a day.", todo="Keep the right one.")  # fmt: skip
    table["time"] = moments_of(list(table["date"]), date_format, name)
    table["wm_yr_wk"] = table["wm_yr_wk"].str.removesuffix(".0")
    missing = [day for day in days if day not in place]
    if missing:
        raise DataError(
            f"{name} lacks {len(missing)} days of the sales ({missing[0]} …).", expected="A row for each d_ column."
        )
    known = [place[day] for day in days]
    last = table["time"].iloc[known].max()
    later = table.index[table["time"] > last].tolist()
    out = table.iloc[[*known, *later]].reset_index(drop=True)
    if not (np.diff(out["time"].to_numpy()) == np.timedelta64(1, "D")).all():
        raise DataError(
            f"{name}: the days do not follow one another.", expected="One row a day, in the order of d_1, d_2, …"
        )
    events = [one for one in out.columns if re.fullmatch(r"event_name_\d", one)]
    said = out[events].to_numpy()
    out["event"] = [" + ".join(one.strip() for one in row if one.strip().lower() not in MISSING) for row in said]
    return out.rename(columns={"wm_yr_wk": "week"})


def _benefit(dates: pd.DataFrame, states: list[str], name: str) -> np.ndarray:
    """(S x T,) 1 on days of benefit payments in the series' state."""
    columns = {}
    for state in sorted(set(states)):
        if f"snap_{state}" not in dates:
            continue
        found = numbers(pa.chunked_array([pa.array(list(dates[f"snap_{state}"]), pa.string())]))
        if found.bad.any():
            row = dates.iloc[int(found.bad.argmax())]
            raise DataError(f"{name}: {row[f'snap_{state}']!r} in column snap_{state}, {row['d']}, is no number.",
                            expected="0 or 1.", todo="Correct the cell.")  # fmt: skip
        columns[state] = found.values
    nothing = np.full(len(dates), np.nan)
    return np.concatenate([columns.get(s, nothing) for s in states])


def _priced(
    frame: pd.DataFrame, raw: Raw, item: list[str], store: list[str], week: np.ndarray, days: int, sales: Raw,
    decimal: str,
) -> pd.DataFrame:  # fmt: skip
    """The frame with the price of each item, store and week; days before the first price are dropped and counted."""
    text = {one: pc.utf8_trim_whitespace(raw.table[one]) for one in (*KEYS, "wm_yr_wk")}
    text["wm_yr_wk"] = pc.replace_substring_regex(text["wm_yr_wk"], r"\.0$", "")
    keys = pd.DataFrame({name: column.to_pandas() for name, column in text.items()})
    twice = np.flatnonzero(keys.duplicated())
    if len(twice):
        row = int(twice[0])
        raise DataError(
            f"{raw.name}: {' '.join(keys.iloc[row])} has several prices ({raw.places([row])[0]}).",
            expected="One a week.", todo="Keep the right one.",
        )  # fmt: skip
    weeks, at = np.unique(week.astype(str), return_inverse=True)
    series = pd.MultiIndex.from_arrays([item, store])
    found = series.get_indexer(pd.MultiIndex.from_frame(keys[list(KEYS)]))
    when = pd.Index(weeks).get_indexer(pd.Index(keys["wm_yr_wk"]))
    known = (found >= 0) & (when >= 0)
    by_week = np.full((len(item), len(weeks)), np.nan)
    by_week[found[known], when[known]] = wide_values(raw, ["sell_price"], decimal)[known, 0]
    if (found < 0).any():
        sales.ledger.warn(f"{int((found < 0).sum()):,} prices in {raw.name} are of items and stores without sales")
    price = by_week[:, at]
    frame["price"] = price.reshape(-1)
    priced = np.isfinite(price)
    early = (np.maximum.accumulate(priced, axis=1) == 0) & priced.any(axis=1, keepdims=True)
    idle = early & (np.nan_to_num(frame["demand"].to_numpy().reshape(priced.shape)) == 0)
    idle &= np.cumprod(idle, axis=1).astype(bool)
    sales.ledger.drop("a day before the item's first price (not on sale yet)", int(idle[:, :days].sum()))
    missing = int((~priced.any(axis=1)).sum())
    if missing:
        sales.ledger.warn(f"{missing} of {len(item)} series have no price in {raw.name}")
    return frame[~idle.reshape(-1)].reset_index(drop=True)


M5 = Adapter(
    name="retail.m5", summary="the three M5 tables: sales by day, calendar, prices", sniff=sniff_m5, read=read_m5,
    options={**HORIZON_HELP, "date_format": "order of the calendar's dates: dmy or mdy", "decimal": OPTIONS["decimal"]},
)  # fmt: skip
