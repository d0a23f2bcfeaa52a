"""The forecast head: rising quantiles of every step of a horizon.

Legend: B batch, H horizon, D width, Q levels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.evaluate.blend import QuantileBlend
from verticals.evaluate.calibrate import ConformalQuantiles
from verticals.model.tokens import Tokens
from verticals_plugins import Examples, Head, Predictions

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)


def scale_of(examples: Examples, rows: np.ndarray | None = None) -> np.ndarray:
    """(N,) size of each example's errors: its seasonal naive error, else the mean of its truth, else 1."""
    frame = examples.frame if rows is None else examples.frame.iloc[rows]
    scale = frame["naive_error"].to_numpy(dtype=float).copy()
    truth = examples.truth if rows is None or examples.truth is None else examples.truth[rows]
    if truth is not None:
        known = np.isfinite(truth)
        mean = np.where(known, np.abs(truth), 0).sum(1) / np.maximum(known.sum(1), 1)
        scale = np.where(np.isfinite(scale) & (scale > 1e-3 * mean), scale, mean)
    return np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)


def fit_forecast(examples: Examples) -> dict[str, Any]:
    """Whether values below zero occur, and the usual size of an error."""
    truth = examples.truth
    assert truth is not None
    return {
        "levels": list(LEVELS), "positive": bool(np.nanmin(truth) >= 0),
        "usual": float(scale_of(examples).mean()), "loss": "pinball", "power": 0.5, "divisors": [1.0, 1.0],
    }  # fmt: skip


class ForecastHead(nn.Module):
    """Tokens (B, H, D) of a series stem -> quantiles (B, H, Q) = level + spread x (base + net).

    ``loss`` is "pinball", each example weighted by its error size to the ``power`` (0: all series count alike, as in
    MASE; 1: large ones count more, as in the weighted quantile loss), or "owa": mean of sMAPE and MASE of the median,
    each over its of ``divisors`` (Makridakis et al. 2020), with a share of pinball for the other levels.
    """

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.config, self.levels, self.positive = config, tuple(config["levels"]), config["positive"]
        self.level: Tensor
        self.register_buffer("level", torch.tensor(self.levels), persistent=False)
        half = max(width // 2, 16)
        self.net = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, half), nn.GELU())
        self.out = nn.Linear(half, len(self.levels))
        nn.init.zeros_(self.out.weight)
        self.middle = int(np.argmin(np.abs(np.array(self.levels) - 0.5)))
        normal = math.sqrt(2) * torch.erfinv(2 * self.level - 1)
        gaps = (normal[1:] - normal[:-1]) * 0.8
        start = torch.cat([gaps[: self.middle], torch.zeros(1), gaps[self.middle :]])
        self.out.bias.data = torch.where(start > 0, torch.log(torch.expm1(start.clamp(min=1e-3))), start)

    def forward(self, tokens: Tokens) -> Tensor:
        level, spread, base = (tokens.extras[name] for name in ("level", "spread", "base"))
        raw = self.out(self.net(tokens.x[:, -base.shape[1] :]))
        m = self.middle
        gaps = F.softplus(raw)
        median = raw[..., m : m + 1]
        below = median - gaps[..., :m].flip(-1).cumsum(-1).flip(-1)
        above = median + gaps[..., m + 1 :].cumsum(-1)
        z = torch.cat([below, median, above], -1) + base.unsqueeze(-1)
        return level[:, None, None] + spread[:, None, None] * z

    def target(self, examples: Examples, rows: np.ndarray) -> Tensor:
        """(B, H, 2): the truth, NaN = unknown, and one over the example's error size."""
        assert examples.truth is not None
        truth, scale = examples.truth[rows], scale_of(examples, rows)
        both = np.stack([truth, np.repeat(1 / scale[:, None], truth.shape[1], 1)], axis=-1)
        return torch.as_tensor(both, dtype=torch.float32)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Pinball or OWA; unknown steps are left out."""
        truth, inverse = target[..., 0], target[..., 1]
        known = ~torch.isnan(truth)
        truth = truth.nan_to_num()
        error = truth.unsqueeze(-1) - output
        pinball = 2 * torch.maximum(self.level * error, (self.level - 1) * error).mean(-1)
        size = (self.config["usual"] * inverse) ** (1 - self.config["power"]) / self.config["usual"]
        each = pinball * size
        if self.config["loss"] == "owa":
            miss = error[..., self.middle].abs()
            relative = 200 * miss / (truth.abs() + output[..., self.middle].detach().abs() + 1e-9)
            by_relative, by_scale = self.config["divisors"]
            each = 0.5 * (relative / by_relative + miss * inverse / by_scale) + 0.2 * pinball * inverse / by_scale
        if weight is not None:
            each = each * weight[:, None]
        return (each * known).sum() / known.sum().clamp(min=1)

    def decode(self, outputs: np.ndarray, examples: Examples) -> Predictions:
        """Rising quantiles (N, H, Q); not below zero where the truth never was."""
        return as_quantiles(outputs, examples, self.levels, positive=self.positive)


def as_quantiles(values: np.ndarray, examples: Examples, levels: tuple[float, ...], *, positive: bool) -> Predictions:
    """Predictions of sorted quantiles (N, H, Q)."""
    values = np.sort(values.astype(np.float64), axis=-1)
    return Predictions(examples, np.maximum(values, 0.0) if positive else values, levels)


FORECAST = Head(
    "forecast", fit=fit_forecast, build=ForecastHead, blends=lambda: (QuantileBlend(),), calibrate=ConformalQuantiles
)
