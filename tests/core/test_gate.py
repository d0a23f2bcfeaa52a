"""The gate ships the core only when a paired bootstrap over whole units excludes zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from verticals.evaluate.gate import Bootstrap, decide, difference, interval, scores
from verticals.evaluate.metrics import accuracy, auroc, brier
from verticals_plugins import Examples, Predictions

N = 400


def world(seed: int, noise: float) -> Predictions:
    """Scores of N examples in 40 units; the smaller the noise, the better the scores."""
    truth = np.random.default_rng(0).integers(0, 2, N)
    frame = pd.DataFrame({"id": np.arange(N), "entity": np.arange(N) // 10, "time": np.datetime64("2026-01-01", "ns")})
    score = truth + noise * np.random.default_rng(seed).normal(size=N)
    return Predictions(Examples(frame, {}, truth, names=("no", "yes")), 1 / (1 + np.exp(-score)))


def verdict(**predictions: Predictions):
    draws = {name: scores(auroc, one, 3, 300) for name, one in predictions.items()}
    return decide(auroc, predictions, draws, ["gbm", "logistic"])


def test_better_core_ships_with_interval_above_zero() -> None:
    gate = verdict(gbm=world(1, 2.0), logistic=world(2, 3.0), core=world(3, 0.5))
    assert (gate.shipped, gate.classic, gate.candidate) == ("core", "gbm", "core")
    assert 0 < gate.ci95[0] < gate.difference < gate.ci95[1]


def test_tie_ships_the_classic_method_and_says_tie() -> None:
    gate = verdict(gbm=world(1, 1.0), logistic=world(2, 3.0), core=world(3, 1.0))
    assert gate.shipped == "gbm"
    assert gate.decision.startswith("tie")
    assert gate.ci95[0] <= 0 <= gate.ci95[1]


def test_losing_core_is_named_as_losing() -> None:
    gate = verdict(gbm=world(1, 0.4), logistic=world(2, 3.0), core=world(3, 3.0))
    assert gate.shipped == "gbm"
    assert "loses" in gate.decision
    assert gate.ci95[1] < 0


def test_identical_candidate_is_a_tie() -> None:
    gate = verdict(gbm=world(1, 1.0), logistic=world(2, 3.0), blend=world(1, 1.0))
    assert gate.shipped == "gbm"
    assert gate.difference == 0.0


def test_smaller_is_better_turns_the_sign() -> None:
    good, bad = world(1, 0.3), world(2, 3.0)
    gap = difference(brier, good, bad, scores(brier, good, 1, 200), scores(brier, bad, 1, 200))
    assert gap.value > 0
    assert gap.lo > 0


def test_units_are_drawn_whole_and_the_same_for_all() -> None:
    units = pd.Series(np.arange(N) // 10)
    first, second = list(Bootstrap(units, 5, 4).weights()), list(Bootstrap(units, 5, 4).weights())
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    for weight in first:
        assert all(len(set(weight[units == unit])) == 1 for unit in range(40))
        assert weight.sum() == N


def test_dependent_rows_widen_the_interval() -> None:
    predictions = world(1, 1.0)
    right = ((predictions.values > 0.5) == predictions.examples.truth).astype(float)
    # all ten rows of a unit answer as its first does
    copied = Predictions(
        predictions.examples,
        np.where(
            right[np.arange(N) // 10 * 10] == 1, predictions.examples.truth, 1 - predictions.examples.truth
        ).astype(float),
    )
    by_row = interval(accuracy, copied, scores(accuracy, copied, 1, 300))
    entity = type(accuracy)(name="a", label="a", larger_is_better=True, score=accuracy.score, unit="entity")
    by_unit = interval(entity, copied, scores(entity, copied, 1, 300))
    assert by_unit.hi - by_unit.lo > 2 * (by_row.hi - by_row.lo)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = np.ones(200, dtype=int)
        frame = pd.DataFrame({"id": np.arange(200), "entity": 0, "time": np.datetime64("2026-01-01", "ns")})
        right = Predictions(Examples(frame, {}, truth, names=("no", "yes")), (rng.random(200) < 0.7).astype(float))
        found = interval(accuracy, right, scores(accuracy, right, seed, 200))
        hits += found.lo <= 0.7 <= found.hi
    assert hits == pytest.approx(95, abs=6)
