"""Predictions as columns of a table that people and files can hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from verticals_plugins import Predictions


def value_columns(predictions: Predictions) -> pd.DataFrame:
    """One row an example: ``id`` and what was said of it; nothing but the id for plans.

    A probability is ``probability``; classes are ``p(NAME)``; forecasts are the median and outer quantiles of the sum
    over the horizon; rankings are ``item_1 ...``; sets are ``set``.
    """
    table = pd.DataFrame({"id": predictions.examples.frame["id"].to_numpy()})
    values, names = predictions.values, predictions.examples.names
    if values.dtype == object:
        return table
    if values.ndim == 1:
        table["probability" if _is_chance(values) else "score"] = values
    elif values.ndim == 2 and "item" in predictions.extras:
        for place in range(min(3, values.shape[1])):
            table[f"score_{place + 1}"] = values[:, place]
    elif values.ndim == 2:
        for place in range(values.shape[1]):
            table[f"p({names[place] if place < len(names) else place})"] = values[:, place]
    elif values.ndim == 3:
        for place in {0, values.shape[2] // 2, values.shape[2] - 1}:
            level = predictions.levels[place] if predictions.levels else place
            table[f"sum of quantiles {level:g}"] = values[:, :, place].sum(axis=1)
    sets = predictions.extras.get("set")
    if sets is not None and sets.ndim == 2:
        labels = np.array([names[k] if k < len(names) else str(k) for k in range(sets.shape[1])], dtype=object)
        table["set"] = [" or ".join(labels[row]) or "none" for row in sets]
    return table


def with_values(table: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """The decision's table with the value columns it lacks, where it has one row an example at most."""
    if "id" not in table or table["id"].duplicated().any():
        return table
    values = value_columns(predictions).drop_duplicates("id")
    new = [name for name in values.columns if name == "id" or name not in table]
    return table.merge(values[new], on="id", how="left", sort=False) if len(new) > 1 else table


def _is_chance(values: np.ndarray) -> bool:
    return bool(len(values) == 0 or (np.nanmin(values) >= 0 and np.nanmax(values) <= 1))
