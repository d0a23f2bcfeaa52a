"""The table stem: one row an example -> one vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from verticals.baselines.encode import is_category, number_matrix
from verticals.model.stems.categories import Categories, category_codes, category_config
from verticals.model.stems.numbers import Numbers, number_config
from verticals.model.tokens import Tokens
from verticals_plugins import Stem, Table


def fit_table(block: Table, width: int) -> dict[str, Any]:
    """Quantile edges and vocabularies of the training part."""
    frame = block.frame
    categories = [name for name in frame.columns if is_category(frame[name])]
    numbers = [name for name in frame.columns if name not in categories]
    return {
        "numbers": numbers,
        "edges": number_config(frame, numbers),
        "categories": category_config(frame, categories),
    }


class TableStem(nn.Module):
    """Numbers and categories of a row, summed, then a residual layer: (B, 1, D)."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.config = config
        self._cache: tuple[pd.DataFrame | None, np.ndarray, np.ndarray] = (None, np.empty(0), np.empty(0))
        self.numbers = Numbers(config["edges"], width) if config["numbers"] else None
        sizes = [len(codes) for codes in config["categories"].values()]
        self.categories = Categories(sizes, width) if sizes else None
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def collate(self, block: Table, rows: np.ndarray) -> dict[str, Tensor]:
        """``numbers`` (B, F) float32 and ``codes`` (B, C) int64."""
        if self._cache[0] is not block.frame:
            numbers = number_matrix(block.frame, self.config["numbers"])
            self._cache = (block.frame, numbers, category_codes(block.frame, self.config["categories"]))
        _, numbers, codes = self._cache
        return {"numbers": torch.from_numpy(numbers[rows]), "codes": torch.from_numpy(codes[rows])}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        x = torch.zeros((), device=batch["numbers"].device)
        if self.numbers is not None:
            x = x + self.numbers(batch["numbers"])
        if self.categories is not None:
            x = x + self.categories(batch["codes"])
        x = (x + self.mix(x)).unsqueeze(1)
        return Tokens(x, torch.ones(x.shape[:2], dtype=torch.bool, device=x.device), torch.zeros_like(x[..., 0]))


TABLE = Stem("table", kind=Table, fit=fit_table, build=TableStem)
