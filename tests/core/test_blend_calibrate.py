"""Blends find the weights that help; calibration makes probabilities and quantiles mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.evaluate.blend import LogitBlend, QuantileBlend
from verticals.evaluate.calibrate import ConformalQuantiles, Probabilities, reliability
from verticals.evaluate.metrics import auroc, log_loss, weighted_quantile_loss
from verticals_plugins import Examples, Predictions


def examples(truth: np.ndarray, names: tuple[str, ...] = ("no", "yes")) -> Examples:
    n = len(truth)
    frame = pd.DataFrame({"id": np.arange(n), "entity": np.arange(n), "time": np.datetime64("2026-01-01", "ns")})
    return Examples(frame, {}, truth, names=names)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_blend_of_two_views_beats_both_and_drops_noise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4000))
    truth = (rng.random(4000) < sigmoid(1.5 * (a + b))).astype(int)
    known = examples(truth)
    members = {"a": Predictions(known, sigmoid(a)), "b": Predictions(known, sigmoid(b)),
               "noise": Predictions(known, rng.random(4000))}  # fmt: skip
    blend = LogitBlend()
    blend.fit(members, auroc, 0)
    joined = blend.combine(members)
    assert auroc.score(joined, None) > max(auroc.score(one, None) for one in members.values()) + 0.03
    assert "noise" not in blend.members
    blend.save(tmp_path)
    again = LogitBlend()
    again.load(tmp_path)
    assert np.array_equal(again.combine(members).values, joined.values)


def test_class_probabilities_stay_probabilities() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    known = examples(truth, ("x", "y", "z"))
    members = {name: Predictions(known, rng.dirichlet(np.ones(3) + 2 * np.eye(3)[0], 300)) for name in "ab"}
    blend = LogitBlend()
    blend.fit(members, log_loss, 0)
    assert blend.combine(members).values.sum(axis=1) == pytest.approx(np.ones(300))


@pytest.mark.parametrize("positives", [200, 4000])
def test_overconfident_scores_become_honest(positives: int) -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(-1, 1.5, positives * 4)
    truth = (rng.random(len(logit)) < sigmoid(logit)).astype(int)
    calibrator = Probabilities()
    half = len(logit) // 2
    calibrator.fit(Predictions(examples(truth[:half]), sigmoid(3 * logit[:half])))
    honest = calibrator.apply(Predictions(examples(truth[half:]), sigmoid(3 * logit[half:])))
    said, was, _ = reliability(truth[half:], honest.values)
    assert np.abs(said - was).mean() < 0.06
    assert calibrator.kind == ("isotonic" if positives > 1000 else "sigmoid")


def test_conformal_sets_cover_each_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    logit = rng.normal(-2, 1.5, 6000)
    truth = (rng.random(6000) < sigmoid(logit)).astype(int)
    calibrator = Probabilities(alpha=0.1)
    calibrator.fit(Predictions(examples(truth[:3000]), sigmoid(logit[:3000])))
    later = Predictions(examples(truth[3000:]), sigmoid(logit[3000:]))
    sets = calibrator.apply(later).extras["set"]
    for k in (0, 1):
        mine = truth[3000:] == k
        assert sets[mine, k].mean() == pytest.approx(0.9, abs=0.04)
    calibrator.save(tmp_path)
    again = Probabilities()
    again.load(tmp_path)
    assert np.array_equal(again.apply(later).values, calibrator.apply(later).values)


def test_ranking_survives_isotonic_steps() -> None:
    rng = np.random.default_rng(3)
    logit = rng.normal(0, 1, 8000)
    truth = (rng.random(8000) < sigmoid(logit)).astype(int)
    calibrator = Probabilities()
    raw = Predictions(examples(truth), sigmoid(logit))
    calibrator.fit(raw)
    assert auroc.score(calibrator.apply(raw), None) == pytest.approx(auroc.score(raw, None), abs=2e-3)


def test_isotonic_steps_at_zero_and_one_keep_their_order() -> None:
    score = np.linspace(0.0, 1.0, 4000)
    raw = Predictions(examples((score > 0.5).astype(int)), score)
    calibrator = Probabilities()
    calibrator.fit(raw)
    said = calibrator.apply(raw).values
    assert calibrator.kind == "isotonic"
    assert (np.diff(said) > 0).all()
    assert said.min() >= 0
    assert said.max() <= 1


def test_quantiles_cover_what_they_promise_and_rise() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(0, 1, (2000, 3)) * np.array([1, 2, 3])
    levels = (0.1, 0.5, 0.9)
    narrow = np.stack([np.full_like(truth, -0.3), np.zeros_like(truth), np.full_like(truth, 0.3)], axis=-1)
    calibrator = ConformalQuantiles()
    calibrator.fit(Predictions(examples(truth[:1000]), narrow[:1000], levels))
    wide = calibrator.apply(Predictions(examples(truth[1000:]), narrow[1000:], levels)).values
    inside = (truth[1000:] >= wide[..., 0]) & (truth[1000:] <= wide[..., 2])
    assert inside.mean() == pytest.approx(0.8, abs=0.03)
    assert (np.diff(wide, axis=-1) >= 0).all()


def test_quantile_blend_prefers_the_sharper_forecast() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(10, 1, (500, 2))
    levels = (0.1, 0.5, 0.9)
    good = np.stack([np.full_like(truth, q) for q in (8.7, 10.0, 11.3)], axis=-1)
    bad = np.stack([np.full_like(truth, q) for q in (2.0, 20.0, 30.0)], axis=-1)
    known = examples(truth)
    blend = QuantileBlend()
    blend.fit(
        {"bad": Predictions(known, bad, levels), "good": Predictions(known, good, levels)}, weighted_quantile_loss, 0
    )
    assert blend.describe() == {"good": 1.0}
