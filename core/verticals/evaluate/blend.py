"""Blends: the predictions of several methods joined, with weights fitted on data no member has seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from verticals.pipeline.files import write_json
from verticals_plugins import Metric, Predictions

SMALLEST = 0.05
"""A member with less weight than this is dropped."""


class WeightedBlend:
    """Greedy ensemble selection with replacement (Caruana et al. 2004) over the members' values.

    Starts from the best member and adds, one at a time, the member that improves the metric most; a member's weight
    is how often it was taken. Ties go to the member named first, so a useless member gets nothing.
    """

    def __init__(self, name: str = "blend", *, logit: bool = False, rounds: int = 20) -> None:
        self.name = name
        self.logit = logit
        self.rounds = rounds
        self.weights: dict[str, float] = {}

    def fit(self, members: Mapping[str, Predictions], metric: Metric, seed: int) -> None:
        """Choose the weights by ``metric`` on these examples."""
        sign = 1.0 if metric.larger_is_better else -1.0
        first = next(iter(members.values()))
        spaces = {name: self._into(one.values) for name, one in members.items()}
        taken = dict.fromkeys(members, 0)
        total, best = np.zeros_like(next(iter(spaces.values()))), -np.inf
        for step in range(self.rounds):
            tried = {
                name: sign * metric.score(replace(first, values=self._back((total + one) / (step + 1))), None)
                for name, one in spaces.items()
            }
            pick = max(tried, key=lambda name: tried[name] if np.isfinite(tried[name]) else -np.inf)
            if step and tried[pick] <= best:
                break
            best = tried[pick]
            taken[pick] += 1
            total = total + spaces[pick]
        raw = {name: count / sum(taken.values()) for name, count in taken.items()}
        kept = {name: weight for name, weight in raw.items() if weight >= SMALLEST}
        self.weights = {name: weight / sum(kept.values()) for name, weight in kept.items()}

    def combine(self, members: Mapping[str, Predictions]) -> Predictions:
        """The weighted mean (of logits, for probabilities); extras are those of the heaviest member."""
        total = sum(weight * self._into(members[name].values) for name, weight in self.weights.items())
        heaviest = max(self.weights, key=lambda name: self.weights[name])
        return replace(members[heaviest], values=self._back(np.asarray(total)))

    @property
    def members(self) -> list[str]:
        """The methods that are joined."""
        return list(self.weights)

    def describe(self) -> Mapping[str, Any]:
        """Weight by member."""
        return {name: round(weight, 3) for name, weight in self.weights.items()}

    def save(self, folder: Path) -> None:
        """Write the weights."""
        write_json(folder / "blend.json", {"logit": self.logit, "weights": self.weights})

    def load(self, folder: Path) -> None:
        """Read the weights."""
        stored = json.loads((folder / "blend.json").read_text())
        self.logit, self.weights = stored["logit"], stored["weights"]

    def _into(self, values: np.ndarray) -> np.ndarray:
        if not self.logit:
            return values.astype(np.float64)
        chance = np.clip(values.astype(np.float64), 1e-7, 1 - 1e-7)
        return np.log(chance) - np.log1p(-chance) if values.ndim == 1 else np.log(chance)

    def _back(self, values: np.ndarray) -> np.ndarray:
        if not self.logit:
            return values
        if values.ndim == 1:
            return 1 / (1 + np.exp(-values))
        chance = np.exp(values - values.max(axis=1, keepdims=True))
        return chance / chance.sum(axis=1, keepdims=True)


class LogitBlend(WeightedBlend):
    """Mean of logits: for probabilities (N,) or class probabilities (N, K) that sum to one."""

    def __init__(self) -> None:
        super().__init__("blend", logit=True)


class MeanBlend(WeightedBlend):
    """Mean of values: for scores and multi-label probabilities."""

    def __init__(self) -> None:
        super().__init__("blend", logit=False)


class QuantileBlend(WeightedBlend):
    """Mean of quantiles, level by level (Vincent averaging), for forecasts (N, H, Q)."""

    def __init__(self) -> None:
        super().__init__("blend", logit=False)
