"""Metrics agree with scikit-learn's, weighted as by repetition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from verticals.evaluate import metrics
from verticals_plugins import Examples, Metric, Predictions


def said(truth: np.ndarray, values: np.ndarray, **extras: np.ndarray) -> Predictions:
    n = len(truth)
    frame = pd.DataFrame({"id": np.arange(n), "entity": np.arange(n), "time": np.datetime64("2026-01-01", "ns")})
    return Predictions(Examples(frame, {}, truth), values, (0.1, 0.5, 0.9) if values.ndim == 3 else (), extras)


@pytest.fixture
def binary() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 500)
    score = np.round(np.clip(0.3 * truth + 0.7 * rng.random(500), 0.01, 0.99), 2)
    return truth, score, rng.integers(0, 4, 500)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        (metrics.average_precision, sk.average_precision_score),
        (metrics.auroc, sk.roc_auc_score),
        (metrics.brier, sk.brier_score_loss),
        (metrics.log_loss, sk.log_loss),
    ],
)
def test_binary_metric_equals_scikit_learn(binary, metric: Metric, reference) -> None:
    truth, score, count = binary
    assert metric.score(said(truth, score), None) == pytest.approx(reference(truth, score))
    repeated = np.repeat(np.arange(500), count)
    assert metric.score(said(truth, score), count.astype(float)) == pytest.approx(
        reference(truth[repeated], score[repeated])
    )


def test_classes_are_scored_as_one_against_the_rest() -> None:
    rng = np.random.default_rng(1)
    truth, values = rng.integers(0, 3, 300), rng.dirichlet(np.ones(3), 300)
    expected = sk.roc_auc_score(truth, values, multi_class="ovr")
    assert metrics.auroc.score(said(truth, values), None) == pytest.approx(expected)
    assert metrics.macro_f1.score(said(truth, values), None) == pytest.approx(
        sk.f1_score(truth, values.argmax(1), average="macro")
    )
    assert metrics.accuracy.score(said(truth, values), None) == pytest.approx((values.argmax(1) == truth).mean())


def test_one_class_only_has_no_area() -> None:
    assert np.isnan(metrics.auroc.score(said(np.ones(5, dtype=int), np.arange(5.0) / 5), None))
    assert np.isnan(metrics.average_precision.score(said(np.zeros(5, dtype=int), np.arange(5.0) / 5), None))


def test_quantile_loss_by_hand() -> None:
    truth = np.array([[10.0, 20.0]])
    values = np.array([[[8.0, 10.0, 13.0], [15.0, 18.0, 22.0]]])
    losses = [0.1 * 2 + 0.1 * 5, 0.0 + 0.5 * 2, 0.1 * 3 + 0.1 * 2]
    expected = np.mean([2 * loss / 30 for loss in losses])
    assert metrics.weighted_quantile_loss.score(said(truth, values), None) == pytest.approx(expected)
    assert metrics.wape.score(said(truth, values), None) == pytest.approx(2 / 30)
    assert metrics.coverage_80.score(said(truth, values), None) == pytest.approx(1.0)


def test_missing_future_values_are_left_out() -> None:
    truth = np.array([[10.0, np.nan]])
    values = np.array([[[8.0, 10.0, 13.0], [15.0, 18.0, 22.0]]])
    assert metrics.wape.score(said(truth, values), None) == 0.0


def test_ranking_by_hand() -> None:
    items = np.array([[5, 3, 9], [1, 2, 4]])
    found = said(np.array([3, 7]), np.array([[3.0, 2.0, 1.0]] * 2), item=items)
    assert metrics.hr_10.score(found, None) == 0.5
    assert metrics.ndcg_10.score(found, None) == pytest.approx(0.5 / np.log2(3))
