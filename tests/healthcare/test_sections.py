"""The report's tables by hand: decision curve, conformal sets, subgroups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from verticals_healthcare.decide import DiagnosisPolicy, decide
from verticals_healthcare.sections import sections
from verticals_plugins import Examples, Predictions, Rule

RISK = np.repeat([0.8, 0.1, 0.4, 0.1], [8, 2, 5, 5])
TRUTH = np.repeat([1, 0], 10)
RULE = Rule({"threshold": 0.4, "width": 0.0})


def tables(predictions: Predictions) -> dict[str, pd.DataFrame]:
    found = sections(predictions, decide(predictions, DiagnosisPolicy(), RULE))
    return {one.title: one.table for one in found if one.table is not None}


def predicted(truth: np.ndarray | None = TRUTH, **columns: object) -> Predictions:
    names = np.arange(len(RISK)).astype(str)
    frame = pd.DataFrame({"id": names, "entity": names, "time": pd.Timestamp("2025-01-01"), **columns})
    return Predictions(Examples(frame, {}, truth, None, ("no", "yes")), RISK)


def test_the_decision_curve_counts_a_needless_referral_by_the_odds() -> None:
    curve = tables(predicted())["Net benefit"].set_index("threshold probability")
    assert curve.loc[0.2].to_dict() == {"model": 33.75, "refer everyone": 37.5, "refer nobody": 0.0}
    assert curve.loc[0.5].to_dict() == {"model": 40.0, "refer everyone": 0.0, "refer nobody": 0.0}


def test_a_subgroup_has_its_own_figures() -> None:
    (row,) = tables(predicted(sex="female"))["Subgroups"].to_dict("records")
    assert (row["group"], row["patients"], row["sick"]) == ("sex female", 20, 10)
    assert row["AUROC"] == 0.85
    assert 0.6 < row["from"] < 0.85 < row["to"] <= 1
    assert row["observed by expected"] == pytest.approx(10 / 9.1, abs=1e-3)
    assert (row["referred"], row["sensitivity"]) == (0.65, 0.8)


def test_a_subgroup_is_counted_in_patients_and_not_in_rows() -> None:
    said = predicted(sex="female")
    one = said.examples.frame.assign(entity=["a", "a", *map(str, range(18))])
    assert "Subgroups" not in tables(replace(said, examples=replace(said.examples, frame=one)))


def test_conformal_sets_are_told_by_true_class() -> None:
    yes, no, both, none = [False, True], [True, False], [True, True], [False, False]
    sets = np.array([*[yes] * 8, both, none, *[no] * 7, both, both, yes])
    said = replace(predicted(), extras={"set": sets})
    table = tables(said)["Conformal sets"].set_index("true class")
    assert table.columns.tolist() == ["patients", "class in set", "one class", "several", "none"]
    assert table.loc["yes"].tolist() == [10, 0.9, 0.8, 0.1, 0.1]
    assert table.loc["no"].tolist() == [10, 0.9, 0.8, 0.2, 0.0]
    told = decide(said, DiagnosisPolicy(), RULE).table.set_index("id")["cannot rule out"]
    assert told[["0", "8", "9", "10"]].tolist() == ["yes", "no or yes", "unlike anything seen", "no"]


def test_without_outcomes_there_is_nothing_to_report() -> None:
    assert not tables(predicted(None))
