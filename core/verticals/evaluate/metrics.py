"""Metrics: (predictions with their truth, how often each example was drawn) -> one number.

``weight`` (N,) counts draws; None = once each. Legend as in ``verticals_plugins.examples``: N, H, Q, K.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from verticals_plugins import Metric, Predictions

EPS = 1e-7
ABSENT = 1_000_000_000


def _truth(predictions: Predictions) -> np.ndarray:
    truth = predictions.examples.truth
    if truth is None:
        raise ValueError("a metric needs the truth, and these examples have none")
    return truth


def _ones(weight: np.ndarray | None, n: int) -> np.ndarray:
    return np.ones(n) if weight is None else weight


# ------------------------------------------------------------------------------------------------- classification


def binary_average_precision(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Average precision: sum over distinct thresholds of (R_n - R_{n-1}) P_n. NaN without a positive."""
    order = np.argsort(-score, kind="stable")
    hit, score, weight = truth[order] * weight[order], score[order], weight[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    hits, seen = np.cumsum(hit)[last], np.cumsum(weight)[last]
    if not len(hits) or hits[-1] <= 0:
        return float("nan")
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])


def binary_auroc(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Area under the ROC curve (Mann-Whitney, ties count half). NaN with one class only."""
    order = np.argsort(score, kind="stable")
    score, positive = score[order], truth[order] * weight[order]
    negative = (1 - truth[order]) * weight[order]
    group = np.append(0, np.cumsum(np.diff(score) != 0))
    pos, neg = np.bincount(group, positive), np.bincount(group, negative)
    below = np.cumsum(neg) - neg
    total = pos.sum() * neg.sum()
    return float(np.sum(pos * (below + neg / 2)) / total) if total > 0 else float("nan")


def _per_class(
    one: Callable[[np.ndarray, np.ndarray, np.ndarray], float], p: Predictions, w: np.ndarray | None
) -> float:
    """A binary score as it is; of several classes (one against the rest) or labels the mean over those present."""
    truth, values, weight = _truth(p), p.values, _ones(w, len(p))
    if values.ndim == 1:
        known = ~np.isnan(truth.astype(float))
        return one(truth[known].astype(float), values[known], weight[known])
    labels = truth.astype(float) if truth.ndim == 2 else (truth[:, None] == np.arange(values.shape[1])).astype(float)
    scores = []
    for k in range(values.shape[1]):
        known = ~np.isnan(labels[:, k])
        scores.append(one(labels[known, k], values[known, k], weight[known]))
    finite = [s for s in scores if np.isfinite(s)]
    return float(np.mean(finite)) if finite else float("nan")


def _probabilities(p: Predictions) -> np.ndarray:
    """(N, K) probabilities, of a binary score too."""
    return p.values if p.values.ndim == 2 else np.stack([1 - p.values, p.values], axis=1)


def _accuracy(p: Predictions, w: np.ndarray | None) -> float:
    truth = _truth(p)
    if truth.ndim == 2:
        right = ((p.values >= 0.5) == (truth >= 0.5)).mean(axis=1)
    else:
        right = _probabilities(p).argmax(axis=1) == truth
    return float(np.average(right, weights=_ones(w, len(p))))


def _macro_f1(p: Predictions, w: np.ndarray | None) -> float:
    truth, guess, weight = _truth(p), _probabilities(p).argmax(axis=1), _ones(w, len(p))
    scores = []
    for k in np.unique(truth):
        hit = np.sum(weight * ((guess == k) & (truth == k)))
        both = np.sum(weight * (guess == k)) + np.sum(weight * (truth == k))
        scores.append(2 * hit / both if both else 0.0)
    return float(np.mean(scores))


def _brier(p: Predictions, w: np.ndarray | None) -> float:
    truth = _truth(p)
    if p.values.ndim == 1:
        error = (p.values - truth) ** 2
    elif truth.ndim == 2:
        error = np.nanmean((p.values - truth) ** 2, axis=1)
    else:
        error = ((p.values - (truth[:, None] == np.arange(p.values.shape[1]))) ** 2).sum(axis=1)
    return float(np.average(error, weights=_ones(w, len(p))))


def _log_loss(p: Predictions, w: np.ndarray | None) -> float:
    truth = _truth(p)
    if truth.ndim == 2:
        chance = np.clip(p.values, EPS, 1 - EPS)
        loss = -(truth * np.log(chance) + (1 - truth) * np.log(1 - chance)).mean(axis=1)
    else:
        chance = np.clip(_probabilities(p), EPS, 1)
        loss = -np.log(chance[np.arange(len(p)), truth.astype(int)])
    return float(np.average(loss, weights=_ones(w, len(p))))


# ----------------------------------------------------------------------------------------------------- forecasts


def _point(p: Predictions) -> np.ndarray:
    """(N, H) the median, or the level nearest to it."""
    return p.values[..., int(np.argmin(np.abs(np.array(p.levels) - 0.5)))]


def pinball(truth: np.ndarray, values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """(N, H, Q) quantile loss of ``values`` (N, H, Q) at ``levels`` for ``truth`` (N, H); NaN truth gives NaN."""
    error = truth[..., None] - values
    level = np.array(levels)
    return np.maximum(level * error, (level - 1) * error)


def _weighted_quantile_loss(p: Predictions, w: np.ndarray | None) -> float:
    """2 x sum of pinball losses / sum of |truth|, mean over levels (Salinas et al. 2020; 0 = perfect)."""
    truth, weight = _truth(p), _ones(w, len(p))
    loss = np.nansum(2 * pinball(truth, p.values, p.levels), axis=1).mean(axis=1)
    size = np.nansum(np.abs(truth), axis=1)
    total = float(np.sum(weight * size))
    return float(np.sum(weight * loss)) / total if total > 0 else float("nan")


def _wape(p: Predictions, w: np.ndarray | None) -> float:
    """Sum of |error| of the median / sum of |truth|."""
    truth, weight = _truth(p), _ones(w, len(p))
    error = np.nansum(np.abs(truth - _point(p)), axis=1)
    total = float(np.sum(weight * np.nansum(np.abs(truth), axis=1)))
    return float(np.sum(weight * error)) / total if total > 0 else float("nan")


def _mase(p: Predictions, w: np.ndarray | None) -> float:
    """Mean absolute error of the median / the in-sample seasonal naive error, frame column ``naive_error``."""
    scale = p.examples.frame["naive_error"].to_numpy(dtype=float)
    error = np.nanmean(np.abs(_truth(p) - _point(p)), axis=1)
    usable = (scale > 0) & np.isfinite(error)
    weight = _ones(w, len(p))[usable]
    return float(np.average(error[usable] / scale[usable], weights=weight)) if weight.sum() > 0 else float("nan")


def _coverage_80(p: Predictions, w: np.ndarray | None) -> float:
    """Share of truths between the quantiles .1 and .9."""
    truth = _truth(p)
    low, high = (p.values[..., int(np.argmin(np.abs(np.array(p.levels) - q)))] for q in (0.1, 0.9))
    inside = np.where(np.isnan(truth), np.nan, (truth >= low) & (truth <= high))
    return float(np.average(np.nanmean(inside, axis=1), weights=_ones(w, len(p))))


# ------------------------------------------------------------------------------------------------------- ranking


def ranks(p: Predictions) -> np.ndarray:
    """(N,) place of the true item among the candidates, 0 = first; ABSENT when it is not among them."""
    found = p.extras["item"] == _truth(p)[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1), ABSENT)


def _ndcg_10(p: Predictions, w: np.ndarray | None) -> float:
    place = ranks(p)
    return float(np.average(np.where(place < 10, 1 / np.log2(place + 2), 0.0), weights=_ones(w, len(p))))


def _hr_10(p: Predictions, w: np.ndarray | None) -> float:
    return float(np.average(ranks(p) < 10, weights=_ones(w, len(p))))


# ---------------------------------------------------------------------------------------------------- the metrics

average_precision = Metric(
    name="average_precision", label="average precision", larger_is_better=True,
    score=lambda p, w: _per_class(binary_average_precision, p, w),
)  # fmt: skip
auroc = Metric(name="auroc", label="AUROC", larger_is_better=True, score=lambda p, w: _per_class(binary_auroc, p, w))
auprc = replace(average_precision, name="auprc", label="AUPRC")
accuracy = Metric(name="accuracy", label="accuracy", larger_is_better=True, score=_accuracy)
macro_f1 = Metric(name="macro_f1", label="macro F1", larger_is_better=True, score=_macro_f1)
brier = Metric(name="brier", label="Brier score", larger_is_better=False, score=_brier)
log_loss = Metric(name="log_loss", label="log loss", larger_is_better=False, score=_log_loss)
weighted_quantile_loss = Metric(
    name="weighted_quantile_loss", label="weighted quantile loss", larger_is_better=False,
    score=_weighted_quantile_loss, unit="entity",
)  # fmt: skip
wape = Metric(name="wape", label="WAPE", larger_is_better=False, score=_wape, unit="entity")
mase = Metric(name="mase", label="MASE", larger_is_better=False, score=_mase, unit="entity")
coverage_80 = Metric(
    name="coverage_80", label="coverage of 80 %", larger_is_better=True, score=_coverage_80, unit="entity"
)
ndcg_10 = Metric(name="ndcg_10", label="NDCG@10", larger_is_better=True, score=_ndcg_10, unit="entity")
hr_10 = Metric(name="hr_10", label="HR@10", larger_is_better=True, score=_hr_10, unit="entity")

ALL = (
    average_precision, auroc, auprc, accuracy, macro_f1, brier, log_loss,
    weighted_quantile_loss, wape, mase, coverage_80, ndcg_10, hr_10,
)  # fmt: skip
