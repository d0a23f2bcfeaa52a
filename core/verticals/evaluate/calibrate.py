"""Calibration: predictions that mean what they say. All are fitted on data that no method has seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from verticals.pipeline.files import write_json
from verticals_plugins import Predictions

WHISPER = 1e-6
"""Share of the raw score in an isotonic probability."""


class Identity:
    """Leaves predictions as they are (rankings, plans)."""

    name = "none"

    def fit(self, predictions: Predictions) -> None:
        """Nothing to learn."""

    def apply(self, predictions: Predictions) -> Predictions:
        """The same predictions."""
        return predictions

    def save(self, folder: Path) -> None:
        """Nothing to keep."""

    def load(self, folder: Path) -> None:
        """Nothing to read."""


class Probabilities:
    """Binary: Platt's sigmoid (Platt 1999) or isotonic steps with many positives; classes: a temperature (Guo 2017).

    Then split-conformal sets (Vovk 2005; Mondrian by class) in ``extras["set"]`` (N, K) bool: the true class is in
    the set with chance ``1 - alpha`` for each class apart. Multi-label (truth (N, K)) is left as it is.
    """

    name = "probabilities"

    def __init__(self, *, alpha: float = 0.1, isotonic_from: int = 1000) -> None:
        self.alpha = alpha
        self.isotonic_from = isotonic_from
        self.kind = "none"
        self.curve: list[list[float]] = []
        self.numbers: list[float] = []
        self.limits: list[float] = []

    def fit(self, predictions: Predictions) -> None:
        """Learn the map and the conformal limits."""
        truth = predictions.examples.truth
        assert truth is not None
        if truth.ndim == 2:
            return
        values = predictions.values
        if values.ndim == 1:
            self._fit_binary(values, truth.astype(float))
        else:
            self._fit_temperature(values, truth.astype(int))
        self._fit_limits(_both(self._map(values)), truth.astype(int))

    def apply(self, predictions: Predictions) -> Predictions:
        """Calibrated probabilities, with conformal sets in ``extras["set"]``."""
        values = self._map(predictions.values)
        if not self.limits:
            return replace(predictions, values=values)
        sets = 1 - _both(values) <= np.array(self.limits)
        return replace(predictions, values=values, extras={**predictions.extras, "set": sets})

    def save(self, folder: Path) -> None:
        """Write calibration.json."""
        state = {"kind": self.kind, "curve": self.curve, "numbers": self.numbers, "limits": self.limits}
        write_json(folder / "calibration.json", state | {"alpha": self.alpha})

    def load(self, folder: Path) -> None:
        """Read calibration.json."""
        state = json.loads((folder / "calibration.json").read_text())
        self.kind, self.curve, self.numbers = state["kind"], state["curve"], state["numbers"]
        self.limits, self.alpha = state["limits"], state["alpha"]

    def _fit_binary(self, score: np.ndarray, truth: np.ndarray) -> None:
        from sklearn.isotonic import IsotonicRegression
        from sklearn.linear_model import LogisticRegression

        if len(np.unique(truth)) < 2:
            return
        if truth.sum() >= self.isotonic_from:
            fitted = IsotonicRegression(out_of_bounds="clip").fit(score, truth)
            self.kind = "isotonic"
            self.curve = [fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist()]
        else:
            logit = _logit(score)[:, None]
            model = LogisticRegression(C=1e4).fit(logit, truth)
            if model.coef_[0, 0] > 0:
                self.kind, self.numbers = "sigmoid", [float(model.coef_[0, 0]), float(model.intercept_[0])]

    def _fit_temperature(self, values: np.ndarray, truth: np.ndarray) -> None:
        from scipy.optimize import minimize_scalar

        log, (n, classes) = np.log(np.clip(values, 1e-9, 1)), values.shape
        # Platt's targets: n right answers do not prove that the next one is right
        doubt = 1 / (n + 2)
        target = np.full((n, classes), doubt / max(1, classes - 1))
        target[np.arange(n), truth] = 1 - doubt

        def loss(log_temperature: float) -> float:
            chance = _softmax(log / np.exp(log_temperature))
            return float(-(target * np.log(np.clip(chance, 1e-12, 1))).sum(axis=1).mean())

        found = minimize_scalar(loss, bounds=(-2, 2), method="bounded")
        self.kind, self.numbers = "temperature", [float(np.exp(found.x))]

    def _fit_limits(self, values: np.ndarray, truth: np.ndarray) -> None:
        for k in range(values.shape[1]):
            miss = np.sort(1 - values[truth == k, k])
            place = int(np.ceil((len(miss) + 1) * (1 - self.alpha))) - 1
            self.limits.append(float(miss[place]) if 0 <= place < len(miss) else 1.0)

    def _map(self, values: np.ndarray) -> np.ndarray:
        match self.kind:
            case "isotonic":
                steps = np.interp(values, self.curve[0], self.curve[1])
                # a whisper of the raw score keeps the order inside a step, also inside those at 0 and 1
                return (1 - WHISPER) * steps + WHISPER * np.clip(values, 0.0, 1.0)
            case "sigmoid":
                return 1 / (1 + np.exp(-(self.numbers[0] * _logit(values) + self.numbers[1])))
            case "temperature":
                return _softmax(np.log(np.clip(values, 1e-9, 1)) / self.numbers[0])
            case _:
                return values


class ConformalQuantiles:
    """Conformalised quantiles (Romano et al. 2019): each pair of levels is widened until it covers what it promises.

    The shift of each pair is in units of the prediction's own spread, so that large series get wide bands.
    """

    name = "conformal quantiles"

    def __init__(self) -> None:
        self.shift: list[float] = []
        self.floor: float | None = None

    def fit(self, predictions: Predictions) -> None:
        """Learn one shift per pair of levels (lowest with highest, and so on); counts and the like stay above zero."""
        truth = predictions.examples.truth
        assert truth is not None
        self.floor = 0.0 if np.nanmin(truth) >= 0 and predictions.values.min() >= 0 else None
        values = predictions.values
        spread = _spread(values)
        self.shift = []
        for low in range(values.shape[-1] // 2):
            high = values.shape[-1] - 1 - low
            miss = np.maximum(values[..., low] - truth, truth - values[..., high]) / spread
            miss = miss[np.isfinite(miss)]
            promised = predictions.levels[high] - predictions.levels[low]
            level = min(1.0, np.ceil((len(miss) + 1) * promised) / max(len(miss), 1))
            self.shift.append(float(np.quantile(miss, level)) if len(miss) else 0.0)

    def apply(self, predictions: Predictions) -> Predictions:
        """Shifted quantiles, rising along the levels; the median stays."""
        values, spread = predictions.values.astype(np.float64).copy(), _spread(predictions.values)
        for low, shift in enumerate(self.shift):
            values[..., low] -= shift * spread
            values[..., values.shape[-1] - 1 - low] += shift * spread
        middle = values.shape[-1] // 2
        values[..., : middle + 1] = np.minimum.accumulate(values[..., middle::-1], axis=-1)[..., ::-1]
        values[..., middle:] = np.maximum.accumulate(values[..., middle:], axis=-1)
        return replace(predictions, values=values if self.floor is None else np.maximum(values, self.floor))

    def save(self, folder: Path) -> None:
        """Write calibration.json."""
        write_json(folder / "calibration.json", {"shift": self.shift, "floor": self.floor})

    def load(self, folder: Path) -> None:
        """Read calibration.json."""
        state = json.loads((folder / "calibration.json").read_text())
        self.shift, self.floor = state["shift"], state["floor"]


def reliability(truth: np.ndarray, chance: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean chance, share of positives and count in ``bins`` groups of equal size: the reliability curve (bins,)."""
    groups = np.array_split(np.argsort(chance, kind="stable"), bins)
    groups = [g for g in groups if len(g)]
    mean = np.array([chance[g].mean() for g in groups])
    return mean, np.array([truth[g].mean() for g in groups]), np.array([len(g) for g in groups])


def _spread(values: np.ndarray) -> np.ndarray:
    """(N, H) half the distance between the outer quantiles, never zero."""
    width = (values[..., -1] - values[..., 0]) / 2
    floor = 1e-3 * (np.abs(values).mean(axis=(-2, -1), keepdims=True)[..., 0] + 1e-9)
    return np.maximum(width, floor)


def _both(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 2 else np.stack([1 - values, values], axis=1)


def _logit(chance: np.ndarray) -> np.ndarray:
    chance = np.clip(chance.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(chance) - np.log1p(-chance)


def _softmax(log: np.ndarray) -> np.ndarray:
    chance = np.exp(log - log.max(axis=1, keepdims=True))
    return chance / chance.sum(axis=1, keepdims=True)
