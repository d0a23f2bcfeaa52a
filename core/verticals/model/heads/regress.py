"""The regress head: quantiles of one number an example."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.evaluate.blend import QuantileBlend
from verticals.evaluate.calibrate import Identity
from verticals.model.tokens import Tokens
from verticals_plugins import Examples, Head, Predictions

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


def fit_regress(examples: Examples) -> dict[str, Any]:
    """Centre, spread and quantiles of the truth (N,): training starts at the plain quantiles."""
    truth = np.asarray(examples.truth, dtype=float)
    truth = truth[np.isfinite(truth)]
    centre = float(np.median(truth))
    spread = float(np.subtract(*np.quantile(truth, [0.75, 0.25]))) or float(truth.std()) or 1.0
    start = [(float(np.quantile(truth, level)) - centre) / spread for level in LEVELS]
    return {"levels": list(LEVELS), "centre": centre, "spread": spread, "start": start}


class RegressHead(nn.Module):
    """Pooled tokens -> (B, Q) rising quantiles in units of the truth's spread: the first, and positive steps."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.centre, self.spread = config["centre"], config["spread"]
        self.register_buffer("levels", torch.tensor(config["levels"]))
        self.net = nn.Sequential(
            nn.LayerNorm(4 * width), nn.Linear(4 * width, width), nn.GELU(), nn.Linear(width, len(config["levels"]))
        )
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        start = torch.tensor(config["start"])
        steps = start.diff().clamp(min=1e-3)
        last.bias.data = torch.cat([start[:1], torch.log(torch.expm1(steps))])

    def forward(self, tokens: Tokens) -> Tensor:
        raw = self.net(tokens.pooled())
        return torch.cat([raw[:, :1], F.softplus(raw[:, 1:])], dim=1).cumsum(dim=1)

    def target(self, examples: Examples, rows: np.ndarray) -> Tensor:
        """Scaled truth (B,), NaN = unknown."""
        assert examples.truth is not None
        scaled = (np.asarray(examples.truth, dtype=float)[rows] - self.centre) / self.spread
        return torch.as_tensor(scaled, dtype=torch.float32)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Pinball loss, mean over levels (Koenker & Bassett, Econometrica 46, 1978); unknown truths are left out."""
        known = ~torch.isnan(target)
        gap = torch.nan_to_num(target).unsqueeze(1) - output
        levels = self.get_buffer("levels")
        each = torch.maximum(levels * gap, (levels - 1) * gap).mean(dim=1) * known
        factor = known.float() if weight is None else weight * known
        return (each * factor).sum() / factor.sum().clamp(min=1e-9)

    def decode(self, outputs: np.ndarray, examples: Examples) -> Predictions:
        """(N, 1, Q) quantiles in the truth's own unit."""
        values = outputs.astype(np.float64) * self.spread + self.centre
        return Predictions(examples, values[:, None, :], tuple(round(float(x), 6) for x in self.get_buffer("levels")))


REGRESS = Head("regress", fit=fit_regress, build=RegressHead, blends=lambda: (QuantileBlend(),), calibrate=Identity)
