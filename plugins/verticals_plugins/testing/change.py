"""Datasets changed as time or a user would change them: cut off early, with other later truth, with new entities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins.dataset import Dataset
from verticals_plugins.schema import Schema, Time


def cut_of(dataset: Dataset) -> pd.Timestamp | None:
    """A moment at about 70 % of the main table, between two days where there are several; None without a time."""
    schema = dataset.schema
    if schema.time is None or schema.time.name not in dataset.main:
        return None
    time = pd.Series(dataset.main[schema.time.name]).dropna().sort_values()
    if time.nunique() < 2:
        return None
    cut = time.iloc[int(0.7 * len(time))]
    day = cut.floor("D")
    return day if (time < day).any() else cut


def before(dataset: Dataset, cut: pd.Timestamp | None) -> Dataset:
    """What was there before ``cut``; without a time, the first 70 % of the main table's rows."""
    main, schema = dataset.main, dataset.schema
    if cut is None or schema.time is None:
        return dataset.with_main(main.iloc[: max(1, int(0.7 * len(main)))].reset_index(drop=True))
    tables = {name: _early(table, _time_of(schema, name), cut) for name, table in dataset.tables.items()}
    return replace(dataset, tables=tables)


def _early(table: pd.DataFrame, time: str | None, cut: pd.Timestamp) -> pd.DataFrame:
    if time is None or time not in table:
        return table
    return table[table[time] < cut].reset_index(drop=True)


def _time_of(schema: Schema, table: str) -> str | None:
    if table == "main":
        return schema.time.name if schema.time is not None else None
    return next((one.name for one in schema.tables.get(table, ()) if isinstance(one, Time)), None)


def unknown_at(dataset: Dataset, now: np.datetime64 | None) -> np.ndarray:
    """Rows of the main table whose truth is not known at ``now``; all without a time. Rows at ``now`` count."""
    schema, main = dataset.schema, dataset.main
    if now is None or schema.time is None or schema.time.name not in main:
        return np.ones(len(main), dtype=bool)
    time = main[schema.time.name].to_numpy()
    if schema.label_time is not None and schema.label_time.name in main:
        known_at = main[schema.label_time.name].to_numpy()
    else:
        known_at = time + np.timedelta64(int(schema.label_delay_days * 86_400), "s")
    return np.asarray(~((known_at <= now) & (time < now)))


def with_other_truth(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Another target in ``rows``: 0 and 1 swapped, other numbers made larger, classes each replaced by the next."""
    assert dataset.schema.target is not None
    name, main = dataset.schema.target.name, dataset.main.copy()
    column = main[name]
    if pd.api.types.is_bool_dtype(column):
        changed: Any = ~column
    elif pd.api.types.is_numeric_dtype(column):
        binary = set(column.dropna().unique()) <= {0, 1}
        changed = 1 - column if binary else (column * 2 + 1).astype(column.dtype)
    else:
        values = sorted(column.dropna().astype(str).unique())
        following = dict(zip(values, values[1:] + values[:1], strict=True))
        changed = column.astype(object).map(lambda one: following.get(str(one), one)).astype(column.dtype)
    main[name] = column.where(~rows, changed)
    return dataset.with_main(main)


def with_unseen_entities(dataset: Dataset, most: int = 3) -> Dataset:
    """The rows of the first few entities, under names that were never seen, in every table that names them."""
    schema = dataset.schema
    assert schema.entity is not None
    name = schema.entity.name
    first = list(pd.unique(dataset.main[name]))[:most]
    tables = {}
    for table, frame in dataset.tables.items():
        if name in frame:
            frame = frame[frame[name].isin(first)].reset_index(drop=True)
            frame = frame.assign(**{name: _renamed(frame[name])})
        tables[table] = frame
    return replace(dataset, tables=tables)


def _renamed(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column + 900_000_000
    return ("never seen " + column.astype(str)).astype(column.dtype if column.dtype != "category" else "category")
