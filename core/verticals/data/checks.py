"""Checks of a dataset before anything is fitted: they report what they found and change nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals.data.table import classes_of
from verticals_plugins import Category, Dataset, Field, Id, Time

LEAK = 0.995
"""A single column that ranks a two-class target better than this is suspected of telling it."""
MANY_MISSING = 0.5
SAMPLE = 50_000
FEW = 20
"""Categories of more values than this are not suspected: many small groups tell any target."""
RARE = 20
"""A class of fewer rows than this is told."""


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed: ``level`` is "note" or "warning", ``field`` the column it is about."""

    level: str
    field: str
    text: str


def check(dataset: Dataset, now: float | None = None) -> list[Finding]:
    """What is odd in the main table: missing values, constant columns, future times, repeated rows, suspected leaks.

    ``now`` is in seconds since 1970 (default: this moment).
    """
    main, schema = dataset.main, dataset.schema
    found: list[Finding] = []
    for role, field in schema.roles():
        if field.name in main:
            in_file = field.name in dataset.provenance.mapping
            found += _check_field(main[field.name], field, now if now is not None else time.time(), role, in_file)
    found += _duplicates(main, dataset)
    target = schema.target
    if target is not None and target.name in main:
        found += _check_target(main[target.name], target)
        found += _leaks(main, dataset)
    return found


def _check_field(column: pd.Series, field: Field, now: float, role: str, in_file: bool) -> list[Finding]:
    found = []
    missing = 0.0 if role == "label_time" else float(column.isna().mean())
    if missing > MANY_MISSING:
        found.append(Finding("warning", field.name, f"{missing:.0%} of the values are missing"))
    elif missing > 0:
        found.append(Finding("note", field.name, f"{missing:.1%} of the values are missing"))
    found += _rounded(column, field)
    seen = column.nunique()
    if len(column) > 1 and seen == 1 and not isinstance(field, Time):
        found.append(Finding("warning", field.name, f"always {column.dropna().iloc[0]!s}: it tells nothing"))
    if isinstance(field, Time) and pd.api.types.is_datetime64_any_dtype(column):
        late = column > pd.Timestamp(now + 86_400, unit="s")
        if late.any() and not field.known_ahead:
            last = column.max()
            found.append(
                Finding("warning", field.name, f"{int(late.sum())} times lie in the future, up to {last:%Y-%m-%d}")
            )
        early = column < pd.Timestamp("1990-01-01")
        if early.any() and in_file:  # else they count from 1970, which stands for any day
            found.append(Finding("note", field.name, f"{int(early.sum())} times lie before 1990"))
    return found


def _rounded(column: pd.Series, field: Field) -> list[Finding]:
    if not isinstance(field, (Category, Id)) or pd.api.types.is_numeric_dtype(column):
        return []
    many = int(column.astype("string").str.fullmatch(r"\d(?:[.,]\d+)?E\+\d{2,}").sum())
    text = f"{many} values like 4.11E+15: a spreadsheet rounded them, so different ones may have become one"
    return [Finding("warning", field.name, text)] if many else []


def _duplicates(main: pd.DataFrame, dataset: Dataset) -> list[Finding]:
    key = dataset.schema.id.name if dataset.schema.id is not None else None
    rest = [name for name in main.columns if name != key]
    try:
        again = int(main.duplicated(subset=rest).sum())
    except TypeError:
        return []
    return [Finding("warning", "rows", f"{again} rows equal an earlier one in all but the id")] if again else []


def _check_target(column: pd.Series, field: Field) -> list[Finding]:
    if not isinstance(field, Category):
        return []
    counts = column.value_counts()
    counts = counts[counts > 0]
    if len(counts) == 1:
        return [Finding("warning", field.name, f"only one class ({counts.index[0]}): there is nothing to tell apart")]
    rare = int((counts < RARE).sum())
    if rare > FEW:
        return [Finding("warning", field.name, f"{rare:,} of {len(counts):,} classes have fewer than {RARE} rows")]
    if rare:
        few = int(counts.min())
        return [Finding("warning", field.name, f"class {counts.index[-1]} has only {few} row{'' if few == 1 else 's'}")]
    return []


def _leaks(main: pd.DataFrame, dataset: Dataset) -> list[Finding]:
    """Columns that tell a two-class target almost perfectly by themselves."""
    from verticals.evaluate.metrics import binary_auroc

    target = dataset.schema.target
    assert target is not None
    truth = classes_of(main[target.name])
    if len(truth.names) != 2:
        return []
    rows = np.flatnonzero(truth.codes >= 0)
    if len(rows) > SAMPLE:
        rows = rows[:: len(rows) // SAMPLE + 1]
    label = truth.codes[rows].astype(float)
    own = {field.name for role, field in dataset.schema.roles() if role in ("id", "target", "label_time")}
    found = []
    for name in main.columns:
        values = None if name in own or name.startswith("label_known") else _ranked(main[name].iloc[rows], label)
        known = np.isfinite(values) if values is not None else np.zeros(0, dtype=bool)
        if values is None or known.sum() < 50 or label[known].min() == label[known].max():
            continue
        area = binary_auroc(label[known], values[known], np.ones(int(known.sum())))
        if max(area, 1 - area) > LEAK:
            said = f"tells {target.name} almost perfectly (AUROC {max(area, 1 - area):.3f})"
            found.append(Finding("warning", name, f"{said}: is it known at the time of prediction?"))
    return found


def _ranked(column: pd.Series, label: np.ndarray) -> np.ndarray | None:
    """(N,) what a column ranks by: its numbers, or a few categories' shares of the positive class; None for others."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    words = isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column)
    if not words or column.nunique() > FEW:
        return None
    codes = pd.factorize(column)[0]
    share = pd.Series(label).groupby(codes).transform("mean").to_numpy()
    return np.where(codes >= 0, share, np.nan)
