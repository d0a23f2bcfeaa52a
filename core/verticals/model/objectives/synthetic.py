"""Synthetic series: the model learns to forecast on invented series before it sees a real one.

The prior is made of trends, seasons with harmonics, random walks, mean reversion, heavy tails, counts with many zeros
and breaks of the level; exponential or linear. After ForecastPFN (Dooley 2023) and KernelSynth (Ansari 2024).

Legend: S series, T steps, B batch, W window, H horizon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from verticals.model.objectives.masked_patch import patch_loss, series_blocks
from verticals.model.stems.series import SeriesStem
from verticals_plugins import Objective

if TYPE_CHECKING:
    from verticals.model.core import CoreModel

POOL = 3000


def invent(count: int, length: int, seasons: tuple[int, ...], *, positive: bool, seed: int) -> np.ndarray:
    """(S, T) float32 series with ``seasons``; ``positive`` makes none below zero and a third of them counts."""
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    walk = np.cumsum(rng.normal(0, 1, (count, length)), axis=1) * rng.choice([0, 0.02, 0.06, 0.15], (count, 1))
    slope = np.cumsum(rng.normal(0, 1, (count, length)), axis=1).cumsum(axis=1)
    slope = slope / (np.abs(slope).max(axis=1, keepdims=True) + 1e-9) * rng.choice([0, 0.5, 2.0], (count, 1))
    x = walk + slope + rng.normal(0, 0.4, (count, 1)) * t / length
    for p in seasons:
        strength = rng.choice([0, 0.3, 1.0], (count, 1)) * rng.lognormal(0, 0.4, (count, 1))
        phase, harmonic = np.zeros((count, length)), np.arange(1, min(6, p // 2 + 1) + 1)
        for k in harmonic:
            angle = 2 * np.pi * (k * t / p + rng.random((count, 1)))
            phase += rng.normal(0, 1 / k, (count, 1)) * np.sin(angle)
        x += strength * phase * (1 + rng.normal(0, 0.3, (count, 1)) * t / length)
    noise = rng.standard_t(4, (count, length)) * rng.choice([0.05, 0.15, 0.4], (count, 1))
    carry = rng.choice([0.0, 0.5, 0.9], (count, 1))
    for i in range(1, length):
        noise[:, i] += carry[:, 0] * noise[:, i - 1]
    jump = np.where(rng.random((count, 1)) < 0.2, rng.normal(0, 1, (count, 1)), 0)
    x += noise + jump * (t > rng.integers(0, length, (count, 1)))
    level = rng.lognormal(1.5, 1.5, (count, 1))
    grown = level * np.exp(np.clip(0.4 * x, -6, 6))
    straight = level * (2 + x) if not positive else np.maximum(level * (2 + x), 0)
    out = np.where(rng.random((count, 1)) < 0.6, grown, straight)
    if positive:
        counts = rng.poisson(np.clip(grown, 0, 1e4))
        out = np.where(rng.random((count, 1)) < 0.35, counts, out)
    return out.astype(np.float32)


class Synthetic(nn.Module):
    """Draws windows from a pool of invented series with the seasons of the stem's plan."""

    def __init__(self, stems: nn.ModuleDict, width: int) -> None:
        super().__init__()
        self.blocks = series_blocks(stems)
        self.pools: dict[str, Tensor] = {}

    def forward(self, model: CoreModel, batch: dict[str, dict[str, Tensor]]) -> Tensor:
        """Mean loss over the series blocks; a scalar. The batch gives its size alone."""
        losses = []
        for name in self.blocks:
            stem = model.stems[name]
            assert isinstance(stem, SeriesStem)
            pool = self._pool(name, stem, bool(getattr(model.head, "positive", False)))
            W, H = stem.plan.window, stem.plan.horizon
            B = len(batch[name]["window"])
            row = torch.randint(0, len(pool), (B, 1))
            begin = torch.randint(0, pool.shape[1] - W - H + 1, (B, 1))
            piece = pool[row, begin + torch.arange(W + H)].to(batch[name]["window"].device)
            nothing = {key: torch.full_like(batch[name][key], float("nan")) for key in ("own", "waves")}
            invented = {"window": piece[:, :W], **nothing, "codes": torch.zeros_like(batch[name]["codes"])}
            losses.append(patch_loss(model, {**batch, name: invented}, name, piece[:, W:]))
        return torch.stack(losses).mean() if losses else torch.zeros((), requires_grad=True)

    def _pool(self, name: str, stem: SeriesStem, positive: bool) -> Tensor:
        if name not in self.pools:
            plan = stem.plan
            long = {lag for lag in plan.lags[0] if lag > plan.season and lag % max(plan.season, 2) == 0 and lag > 30}
            seasons = tuple(p for p in {plan.season, *sorted(long)[:1]} if p > 1)
            length = 2 * plan.window + plan.horizon
            values = invent(POOL, length, tuple(sorted(seasons)), positive=positive, seed=11)
            self.pools[name] = torch.from_numpy(values)
        return self.pools[name]


SYNTHETIC = Objective("synthetic", build=Synthetic)
