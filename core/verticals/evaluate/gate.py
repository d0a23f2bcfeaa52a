"""The gate: what ships is whatever wins; the core or a blend ships only if a paired bootstrap excludes zero.

Units (days, patients, series) are resampled, the same draw for both methods (Efron & Tibshirani 1993, ch. 16).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins import Metric, Predictions

DRAWS = 1000
FEWEST, ROW_DRAWS = 200, 40_000_000


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Gate:
    """The verdict: which method ships, and the difference to the best classic one on the gate part.

    ``difference`` is in the metric's unit and positive when ``candidate`` is better, whatever the metric's direction.
    """

    metric: str
    classic: str
    candidate: str
    shipped: str
    difference: float
    ci95: tuple[float, float]
    decision: str
    units: int

    def to_json(self) -> dict[str, Any]:
        """As in metrics.json."""
        return asdict(self) | {"ci95": list(self.ci95)}


def plural(unit: str) -> str:
    """Units of resampling in words: "days", "entities"; rows named "id" are "examples"."""
    return {"id": "examples", "entity": "entities", "series": "series"}.get(unit, f"{unit}s")


class Bootstrap:
    """Draws of whole units, the same for every method that is asked about the same examples."""

    def __init__(self, units: pd.Series, seed: int, draws: int = DRAWS) -> None:
        self.codes, names = pd.factorize(units, use_na_sentinel=False)
        self.units, self.draws = len(names), draws
        self._seed = seed

    def weights(self) -> Iterator[np.ndarray]:
        """``draws`` arrays (N,): how often each example is in the draw."""
        rng = np.random.default_rng(self._seed)
        one = np.full(self.units, 1 / self.units)
        for _ in range(self.draws):
            yield rng.multinomial(self.units, one)[self.codes].astype(float)


def scores(metric: Metric, predictions: Predictions, seed: int, draws: int = DRAWS) -> np.ndarray:
    """(draws,) the metric on each draw of units; NaN where a draw has no truth to score.

    With very many examples there are fewer draws, at least FEWEST.
    """
    draws = min(draws, max(FEWEST, ROW_DRAWS // max(1, len(predictions))))
    bootstrap = Bootstrap(predictions.examples.frame[metric.unit], seed, draws)
    return np.array([metric.score(predictions, weight) for weight in bootstrap.weights()])


def interval(metric: Metric, predictions: Predictions, draws: np.ndarray) -> Interval:
    """The metric with the percentile interval of its draws."""
    value = metric.score(predictions, None)
    finite = draws[np.isfinite(draws)]
    lo, hi = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
    return Interval(value, float(lo), float(hi))


def difference(metric: Metric, a: Predictions, b: Predictions, draws_a: np.ndarray, draws_b: np.ndarray) -> Interval:
    """How much better a is than b (positive = better), with the paired percentile interval."""
    sign = 1.0 if metric.larger_is_better else -1.0
    gap = sign * (draws_a - draws_b)
    finite = gap[np.isfinite(gap)]
    lo, hi = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
    return Interval(sign * (metric.score(a, None) - metric.score(b, None)), float(lo), float(hi))


def decide(
    metric: Metric, predictions: Mapping[str, Predictions], draws: Mapping[str, np.ndarray], classic: list[str]
) -> Gate:
    """Compare the best candidate with the best classic method on the gate part.

    Among classics, the best value ships without a test. A candidate (the core, a blend) must beat that one with an
    interval that excludes zero; of several that do, the one with the largest difference ships.
    """
    sign = 1.0 if metric.larger_is_better else -1.0
    value = {name: sign * metric.score(one, None) for name, one in predictions.items()}
    best = max(classic, key=lambda name: _finite(value[name]))
    found = {
        name: difference(metric, one, predictions[best], draws[name], draws[best])
        for name, one in predictions.items()
        if name not in classic
    }
    units = int(predictions[best].examples.frame[metric.unit].nunique(dropna=False))
    if not found:
        return Gate(metric.name, best, best, best, 0.0, (0.0, 0.0), "classic only", units)
    winners = [name for name, gap in found.items() if gap.lo > 0]
    candidate = max(winners or found, key=lambda name: _finite(found[name].value))
    gap = found[candidate]
    if winners:
        verdict, shipped = f"{candidate} ships: it adds {gap.value:.4g}", candidate
    elif gap.hi < 0:
        verdict, shipped = f"{best} ships: {candidate} loses {-gap.value:.4g}", best
    else:
        verdict, shipped = f"tie: {best} ships", best
    return Gate(metric.name, best, candidate, shipped, gap.value, (gap.lo, gap.hi), verdict, units)


def _finite(value: float) -> float:
    return value if np.isfinite(value) else -np.inf
