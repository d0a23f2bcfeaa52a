"""Categories as vectors: a vocabulary of the training part; rare and unseen names share one vector."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from verticals.baselines.encode import category_codes as words_as_codes

RARE = 5
LARGEST = 20_000
DROP = 0.1
"""Share of categories shown as unseen while training, so that the unseen vector means something."""


class Categories(nn.Module):
    """(..., C) codes, 0 = unseen or missing -> (..., D): the sum of one embedding a column."""

    def __init__(self, sizes: list[int], width: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size + 1, width) for size in sizes)
        for table in self.tables:
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, codes: Tensor) -> Tensor:
        if self.training and len(self.tables):
            codes = torch.where(torch.rand(codes.shape, device=codes.device) < DROP, torch.zeros_like(codes), codes)
        vectors = [table(codes[..., place]) for place, table in enumerate(self.tables)]
        return torch.stack(vectors).sum(0)


def category_config(frame: pd.DataFrame, names: list[str]) -> dict[str, dict[str, int]]:
    """Codes by name, the most frequent first, 1 ... ; at most LARGEST."""
    out: dict[str, dict[str, int]] = {}
    for name in names:
        counts = frame[name].dropna().astype(str).value_counts()
        kept = sorted(counts.index[counts >= RARE], key=lambda one: (-int(counts[one]), one))[:LARGEST]
        out[name] = {one: code for code, one in enumerate(kept, start=1)}
    return out


def category_codes(frame: pd.DataFrame, vocabularies: dict[str, dict[str, int]]) -> np.ndarray:
    """(N, C) int64 codes."""
    out = np.zeros((len(frame), len(vocabularies)), dtype=np.int64)
    for place, (name, codes) in enumerate(vocabularies.items()):
        out[:, place] = words_as_codes(frame[name], codes)
    return out
