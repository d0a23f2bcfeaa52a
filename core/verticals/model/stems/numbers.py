"""Numbers as vectors: piecewise-linear encoding on quantiles (Gorishniy et al. 2022, arXiv 2203.05556, eq. 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

EQUAL = 16
TAILS = (0.97, 0.985, 0.993, 0.997, 0.999, 0.9995)
SHARES = np.unique([*np.linspace(0, 1, EQUAL + 1), *TAILS, *(1 - t for t in TAILS)])
"""Shares of a column's values below its edges: bins of equal count, cut finer at both ends, where what is rare lies."""
BINS = len(SHARES) - 1


def quantile_edges(x: np.ndarray) -> list[float]:
    """Rising edges of at most BINS bins, of the finite values of one column; [0, 1] if there are none."""
    finite = x[np.isfinite(x)]
    if not len(finite):
        return [0.0, 1.0]
    edges = np.unique(np.quantile(finite, SHARES).astype(np.float32)).astype(float)
    return [float(e) for e in edges] if len(edges) > 1 else [float(edges[0]) - 0.5, float(edges[0]) + 0.5]


class Numbers(nn.Module):
    """(..., F) numbers, NaN = missing -> (..., D): piecewise-linear parts, a missing flag each, one linear layer."""

    edges: Tensor
    width_of: Tensor
    used: Tensor

    def __init__(self, edges: list[list[float]], width: int) -> None:
        super().__init__()
        most = max((len(e) for e in edges), default=2)
        low, size, used = (torch.zeros(len(edges), most - 1) for _ in range(3))
        for place, one in enumerate(edges):
            e = torch.tensor(one)
            n = len(one) - 1
            low[place, :n], size[place, :n], used[place, :n] = e[:-1], (e[1:] - e[:-1]).clamp(min=1e-9), 1.0
            size[place, n:] = 1.0
        self.register_buffer("edges", low, persistent=False)
        self.register_buffer("width_of", size, persistent=False)
        self.register_buffer("used", used, persistent=False)
        self.linear = nn.Linear(len(edges) * most, width)

    def forward(self, x: Tensor) -> Tensor:
        missing = torch.isnan(x)
        filled = torch.where(missing, torch.zeros_like(x), x).unsqueeze(-1)
        part = ((filled - self.edges) / self.width_of).clamp(0, 1) * self.used  # (..., F, bins)
        part = part.masked_fill(missing.unsqueeze(-1), 0.0)
        coded = torch.cat([part * 2 - self.used, missing.unsqueeze(-1).to(part.dtype)], dim=-1)
        return self.linear(coded.flatten(-2))

    def bucket(self, x: Tensor) -> Tensor:
        """(..., F) number of the bin each value falls in, 0 = missing: the target of self-supervised objectives."""
        above = (x.unsqueeze(-1) >= self.edges) & (self.used > 0)
        return above.sum(-1).clamp(min=1).masked_fill(torch.isnan(x), 0)


def number_config(frame: Any, names: list[str], sample: int = 200_000) -> list[list[float]]:
    """Edges per column, from at most ``sample`` evenly spaced rows."""
    step = max(1, len(frame) // sample)
    return [quantile_edges(frame[name].to_numpy(dtype=np.float32, na_value=np.nan)[::step]) for name in names]
