"""Reasons: which inputs moved a score up most. TreeSHAP where the shipped method offers it, else occlusion."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from verticals.baselines.encode import is_category
from verticals_plugins import Examples, Predictions, Table

if TYPE_CHECKING:
    from verticals.pipeline.bundle import Bundle

MOST = 500
"""More rows than this get no reasons by themselves; those with the highest scores do."""
REASONS = 3


def with_reasons(table: pd.DataFrame, bundle: Bundle, predictions: Predictions, most: int = MOST) -> pd.DataFrame:
    """``table`` with a column ``reason`` for the ``most`` highest scores, if it has none and the inputs are a table."""
    block = table_block(predictions.examples)
    plain = predictions.values.dtype != object and "item" not in predictions.extras and predictions.values.ndim < 3
    if "reason" in table or "id" not in table or block is None or not plain or table["id"].duplicated().any():
        return table
    rows = np.sort(np.argsort(-top_score(predictions.values), kind="stable")[:most])
    reasons = reasons_of(bundle, predictions.examples.take(rows), block)
    said = dict(zip(predictions.examples.frame["id"].to_numpy()[rows], reasons, strict=True))
    return table.assign(reason=[said.get(one, "") for one in table["id"]])


def reasons_of(bundle: Bundle, examples: Examples, block: str) -> list[str]:
    """Up to three reasons an example, the strongest first: ``name value raises it``."""
    names, moved = contributions(bundle, examples, block)
    found = examples.inputs[block]
    assert isinstance(found, Table)
    out = []
    for row in range(len(examples)):
        order = [int(i) for i in np.argsort(-np.abs(moved[row]), kind="stable")[:REASONS] if abs(moved[row, i]) > 1e-6]
        out.append("; ".join(_say(names[i], found.frame[names[i]].iloc[row], moved[row, i]) for i in order))
    return out


def contributions(bundle: Bundle, examples: Examples, block: str) -> tuple[list[str], np.ndarray]:
    """Columns (F,) and how much each moved the score of each example (N, F), in log-odds."""
    explainers: list[Any] = [one for one in bundle.methods.values() if hasattr(one, "contributions")]
    if explainers:
        names, moved = explainers[0].contributions(examples)
        return list(names), np.asarray(moved)
    return occlusion(bundle, examples, block)


def occlusion(bundle: Bundle, examples: Examples, block: str) -> tuple[list[str], np.ndarray]:
    """Each column made missing in turn (Zeiler & Fergus 2014); what the score loses is what the column gave."""
    table = examples.inputs[block]
    assert isinstance(table, Table)
    base = bundle.predict_examples(examples).values
    picked = base.argmax(axis=1) if base.ndim == 2 else None
    names = list(table.frame.columns)
    moved = np.zeros((len(examples), len(names)))
    for place, name in enumerate(names):
        column = table.frame[name]
        blank = pd.Series([None] * len(column), dtype=column.dtype) if is_category(column) else np.nan
        changed = replace(examples, inputs={**examples.inputs, block: Table(table.frame.assign(**{name: blank}))})
        values = bundle.predict_examples(changed).values
        moved[:, place] = _logit(_of(base, picked)) - _logit(_of(values, picked))
    return names, moved


def table_block(examples: Examples) -> str | None:
    """The name of the first table among the inputs."""
    return next((name for name, block in examples.inputs.items() if isinstance(block, Table)), None)


def top_score(values: np.ndarray) -> np.ndarray:
    """(N,) the score, or the highest of several."""
    return values if values.ndim == 1 else values.max(axis=tuple(range(1, values.ndim)))


def _of(values: np.ndarray, picked: np.ndarray | None) -> np.ndarray:
    return values if picked is None else values[np.arange(len(values)), picked]


def _say(name: str, value: Any, moved: float) -> str:
    shown = f"{value:.4g}" if isinstance(value, int | float | np.number) else str(value)
    return f"{name} {'missing' if value is None or value != value else shown} {'raises' if moved > 0 else 'lowers'} it"


def _logit(chance: np.ndarray) -> np.ndarray:
    chance = np.clip(chance.astype(float), 1e-6, 1 - 1e-6)
    return np.log(chance) - np.log1p(-chance)
