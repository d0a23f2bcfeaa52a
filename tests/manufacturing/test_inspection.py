"""Examples, splits, decisions and methods of the two inspection tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals_manufacturing.anomalies import ANOMALIES
from verticals_manufacturing.decide import (
    GoodOnlyPolicy,
    InspectionPolicy,
    decide_inspection,
    high_limit,
    low_limit,
    tune_good_only,
    tune_inspection,
)
from verticals_manufacturing.defects import DEFECTS
from verticals_manufacturing.examples import PieceExamples
from verticals_manufacturing.novelty import PatchPca, TextureMemory
from verticals_manufacturing.self_trained import SelfTrained
from verticals_manufacturing.simulate import simulate_pieces
from verticals_plugins import Budget, DataError, Dataset, Examples, Images, Method, Predictions


@pytest.fixture(scope="module")
def pieces() -> Dataset:
    return simulate_pieces(3, pieces=90)


def scored(scores: list[float], truth: list[int] | None, names: tuple[str, ...] = ("good", "defect")) -> Predictions:
    many = len(scores)
    frame = pd.DataFrame({"id": [f"p{i}" for i in range(many)], "entity": range(many), "time": pd.Timestamp(0)})
    images = Images(np.zeros((1, 4, 4, 1), dtype=np.uint8), np.zeros(many, dtype=np.int64))
    known = None if truth is None else np.array(truth)
    return Predictions(Examples(frame, {"image": images}, known, names=names), np.array(scores))


# ------------------------------------------------------------------------------------------------------ examples


def test_two_photos_of_a_piece_and_near_duplicates_share_a_group(pieces: Dataset) -> None:
    shifted = np.clip(pieces.arrays["image"][:1].astype(int) + 9, 0, 255).astype(np.uint8)
    pixels = np.concatenate([pieces.arrays["image"], shifted])
    copy = pieces.main.iloc[:1].assign(id="again", piece="another piece", image=len(pixels) - 1)
    main = pd.concat([pieces.main, copy], ignore_index=True)
    examples = PieceExamples()(Dataset({"main": main}, pieces.schema, pieces.provenance, {"image": pixels}))
    group = examples.frame.set_index("id")["group"]
    assert group["again"] == group["p0000a"]
    assert group["p0007a"] == group["p0007b"]
    assert group["p0001a"] != group["p0002a"]


def test_no_group_stands_on_two_sides_of_the_split(pieces: Dataset) -> None:
    examples = PieceExamples()(pieces)
    parts = DEFECTS.split(examples, 0)
    group = examples.frame["group"].to_numpy()
    assert not set(group[parts.test]) & set(group[parts.final])
    for fold in parts.folds:
        assert not set(group[fold.train]) & set(group[np.concatenate([fold.valid, fold.gate])])


def test_a_given_split_leaves_out_training_photos_of_test_pieces(pieces: Dataset) -> None:
    main = pieces.main.copy()
    main["split"] = np.where(np.arange(len(main)) < 70, "train", "test")
    main.loc[main["id"] == "p0007b", "split"] = "test"
    examples = PieceExamples()(pieces.with_main(main))
    parts = DEFECTS.split(examples, 0)
    ids = examples.frame["id"].to_numpy()
    assert "p0007b" in ids[parts.test]
    assert "p0007a" not in ids[parts.final]


def test_later_photos_leave_earlier_groups_unchanged(pieces: Dataset) -> None:
    whole = PieceExamples()(pieces).frame["group"].to_numpy()
    first = PieceExamples()(pieces.with_main(pieces.main.iloc[:40])).frame["group"].to_numpy()
    assert np.array_equal(whole[:40], first)


def test_classes_unknown_at_training_are_refused_later(pieces: Dataset) -> None:
    builder = PieceExamples()
    past = builder.memory(pieces)
    later = pieces.with_main(pieces.main.assign(**{"class": "rust"}))
    with pytest.raises(DataError, match="not there in training"):
        builder(later, past)


def test_new_photos_are_brought_to_the_shape_and_depth_of_training(pieces: Dataset) -> None:
    builder = PieceExamples()
    past = builder.memory(pieces.with_main(pieces.main.head(9)))
    assert past is not None
    past = replace(past, provenance=replace(past.provenance, notes={**past.provenance.notes, "bits": "12"}))
    bright = replace(pieces.provenance, notes={"bits": "10"})
    pixels = np.repeat(np.repeat(pieces.arrays["image"], 2, axis=1), 3, axis=3)
    later = Dataset({"main": pieces.main.drop(columns="class")}, pieces.schema, bright, {"image": pixels})
    block = builder(later, past).inputs["image"]
    assert isinstance(block, Images)
    assert block.pixels.shape == pieces.arrays["image"].shape
    assert np.abs(block.pixels.astype(float) - pieces.arrays["image"] * (1023 / 4095)).max() <= 1


def test_good_pieces_alone_get_drawn_defects_for_the_gate_only(pieces: Dataset) -> None:
    good = pieces.with_main(pieces.main[pieces.main["class"] == "good"].reset_index(drop=True))
    examples = PieceExamples(two_classes=True)(good)
    drawn = examples.frame["simulated"].to_numpy()
    assert examples.truth is not None
    assert np.array_equal(examples.truth == 1, drawn)
    assert drawn.any()
    source = examples.frame.loc[drawn, "id"].str.removesuffix("#drawn")
    group = examples.frame.set_index("id")["group"]
    assert (group[source].to_numpy() == examples.frame.loc[drawn, "group"].to_numpy()).all()
    assert "simulated" not in PieceExamples(two_classes=True)(pieces).frame


# ----------------------------------------------------------------------------------------------------- decisions


def test_a_limit_from_good_pieces_alone_rejects_none_of_them_or_a_stated_share() -> None:
    rule = tune_good_only(scored([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]), GoodOnlyPolicy(inspect_rate=0.25))
    assert rule.numbers["reject"] == 4.0
    assert rule.numbers["shown_reject"] == pytest.approx(0.2)
    decision = decide_inspection(scored([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]), GoodOnlyPolicy(), rule)
    assert decision.table["action"].tolist() == ["accept"] * 4
    assert "unknown" in str(decision.summary["recall"])
    assert not any("f1" in key.lower() for key in decision.summary)


def test_equal_scores_of_good_pieces_reject_none() -> None:
    same = scored([2.0] * 4, [0] * 4)
    decision = decide_inspection(same, GoodOnlyPolicy(), tune_good_only(same, GoodOnlyPolicy()))
    assert decision.summary["accepted"] == 4


def test_limits_hold_their_risk_on_new_pieces() -> None:
    rng = np.random.default_rng(0)
    misses, rejects = [], []
    for _ in range(300):
        bad, good = rng.normal(2, 1, 99), rng.normal(0, 1, 99)
        misses.append(np.mean(rng.normal(2, 1, 500) < low_limit(bad, 0.05)[0]))
        rejects.append(np.mean(rng.normal(0, 1, 500) > high_limit(good, 0.05)[0]))
    assert np.mean(misses) == pytest.approx(0.05, abs=0.006)
    assert np.mean(rejects) == pytest.approx(0.05, abs=0.006)


def test_a_risk_that_too_few_defects_cannot_show_is_said() -> None:
    valid = scored([0.1, 0.2, 0.3, 0.8, 0.9], [0, 0, 0, 1, 1])
    policy = InspectionPolicy(miss_risk=0.01)
    rule = tune_inspection(valid, policy)
    assert rule.numbers["accept"] == 0.8
    assert "cannot be shown with 2 defective pieces" in decide_inspection(valid, policy, rule).headline


def test_every_piece_gets_an_action_and_a_reason() -> None:
    valid = scored([0.1, 0.2, 0.9, 0.4, 0.7, 0.95], [0, 0, 0, 1, 1, 1])
    rule = tune_inspection(valid, InspectionPolicy(miss_risk=0.3, reject_risk=0.3))
    decision = decide_inspection(scored([0.05, 0.5, 0.99], None), InspectionPolicy(), rule)
    assert decision.table["action"].tolist() == ["accept", "inspect", "reject"]
    assert decision.table["reason"].str.len().gt(20).all()


def test_without_a_good_class_pieces_are_sorted_or_inspected() -> None:
    said = scored([0.0, 0.0, 0.0], [0, 1, 2], ("dent", "hole", "rust"))
    values = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
    said = Predictions(said.examples, values)
    decision = decide_inspection(said, InspectionPolicy(), tune_inspection(said, InspectionPolicy(miss_risk=0.1)))
    assert decision.table["action"].tolist() == ["reject", "reject", "inspect"]
    assert decision.summary["accepted"] == 0


def test_risks_outside_zero_and_one_are_refused() -> None:
    with pytest.raises(ValueError, match="miss_risk"):
        InspectionPolicy(miss_risk=0.0)


# ------------------------------------------------------------------------------------------------------- methods


@pytest.mark.parametrize("make", [TextureMemory, PatchPca, SelfTrained], ids=lambda make: make.name)
def test_novelty_methods_find_pasted_squares_and_survive_a_round_trip(make: type, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = np.clip(rng.normal(120, 12, (60, 64, 64, 1)), 0, 255).astype(np.uint8)
    for number in range(50, 60):
        pixels[number, 20:36, 8:24] = rng.choice([20, 240], (16, 16, 1))
    frame = pd.DataFrame({"id": range(60), "entity": range(60), "time": pd.Timestamp(0), "group": range(60)})
    examples = Examples(frame, {"image": Images(pixels, np.arange(60))}, (np.arange(60) >= 50).astype(int))
    method: Method = make()
    method.fit(examples.take(np.arange(40)), None, Budget(preset="quick", threads=1))
    said = method.predict(examples.take(np.arange(40, 60)))
    assert said.extras["map"].shape == (20, 32, 32)
    assert said.values[10:].min() > said.values[:10].max()
    assert said.extras["map"][10:, 12:16, 6:10].mean() > said.extras["map"][10:, 24:, 20:].mean()
    method.save(tmp_path)
    fresh: Method = make()
    fresh.load(tmp_path)
    assert np.array_equal(fresh.predict(examples.take(np.arange(40, 60))).values, said.values)
    assert np.array_equal(fresh.predict(examples.take(np.array([45]))).values, said.values[5:6])


def test_too_few_good_pieces_are_refused() -> None:
    few = scored([0.0] * 5, [0] * 5).examples
    with pytest.raises(DataError, match="too few"):
        PatchPca().fit(few, None, Budget())


def test_both_tasks_ship_a_simulator_with_every_class() -> None:
    for task in (DEFECTS, ANOMALIES):
        dataset = task.demo(0)
        assert set(dataset.main["class"]) == {"good", "scratch", "spot", "stain"}
        assert "simulated" in dataset.provenance.notes
