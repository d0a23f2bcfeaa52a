"""A table as a matrix: numbers as they are, categories as codes of the training part's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins import DataError, Examples, Table

RARE = 5
"""A category seen less often than this in training shares the code of the unseen (0)."""


@dataclass(frozen=True)
class TableEncoder:
    """Column names and vocabularies, learnt on the training part alone."""

    numbers: tuple[str, ...]
    categories: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])

    @classmethod
    def fit(cls, table: Table) -> TableEncoder:
        """Learn which columns are numbers and the codes of the categories, the most frequent first."""
        frame = table.frame
        categories: dict[str, dict[str, int]] = {}
        for name in frame.columns:
            if is_category(frame[name]):
                counts = frame[name].dropna().astype(str).value_counts()
                names = sorted(counts.index[counts >= RARE], key=lambda one: (-int(counts[one]), one))
                categories[name] = {one: code for code, one in enumerate(names, start=1)}
        return cls(tuple(name for name in frame.columns if name not in categories), categories)

    @property
    def names(self) -> list[str]:
        """Names of the matrix's columns."""
        return [*self.numbers, *self.categories]

    def matrix(self, table: Table) -> np.ndarray:
        """(N, F) float32, NaN = missing number; categories as codes, 0 = unseen or missing.

        Raises:
            DataError: a column of the training part is missing.
        """
        frame = table.frame
        missing = [name for name in self.names if name not in frame]
        if missing:
            raise DataError(f"The table lacks columns {missing[:5]}.", expected="The columns the model was trained on.")
        out = np.empty((len(frame), len(self.names)), dtype=np.float32)
        out[:, : len(self.numbers)] = number_matrix(frame, self.numbers)
        for place, (name, codes) in enumerate(self.categories.items(), start=len(self.numbers)):
            out[:, place] = category_codes(frame[name], codes)
        return out

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"numbers": list(self.numbers), "categories": {k: dict(v) for k, v in self.categories.items()}}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> TableEncoder:
        """From :meth:`to_json`."""
        return cls(tuple(state["numbers"]), state["categories"])


def number_matrix(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(N, F) float32 of the columns ``names``, NaN = missing; at once where they are the table's first ones."""
    first = frame.columns[: len(names)].tolist() == list(names)
    numbers = frame.iloc[:, : len(names)] if first else frame[list(names)]
    return np.asarray(numbers.to_numpy(dtype=np.float32, na_value=np.nan))


def category_codes(column: pd.Series, codes: Mapping[str, int]) -> np.ndarray:
    """(N,) int64 codes of a column's words, 0 = unseen or missing."""
    if len(column) == 1:
        word = column.iloc[0]
        return np.array([0 if pd.isna(word) else codes.get(str(word), 0)], dtype=np.int64)
    kind: Any = column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category")
    by_level = np.array([codes.get(str(level), 0) for level in kind.cat.categories] + [0], dtype=np.int64)
    return by_level[kind.cat.codes.to_numpy()]


def is_category(column: pd.Series) -> bool:
    """Whether a column of a Table is a category (text or pandas category) and not a number."""
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def table_of(examples: Examples, block: str = "table") -> Table:
    """The Table block called ``block``."""
    found = examples.inputs.get(block)
    if not isinstance(found, Table):
        raise DataError(f"These examples have no table {block!r}.", expected=f"Blocks: {sorted(examples.inputs)}.")
    return found
