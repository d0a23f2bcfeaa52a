"""Examples as of their index time, the classic methods, the split, the decision and its worth, and a whole run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verticals
from verticals.model.core import CoreMethod
from verticals_healthcare.decide import DiagnosisPolicy, actions, decide, net_benefit, risk_of, tune, worth
from verticals_healthcare.diagnosis import CORE, DIAGNOSIS
from verticals_healthcare.pixels import HogSvm, PixelForest, grey, hog, shrunk
from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.sections import sections
from verticals_healthcare.simulate import breast_biopsies, simulate_ward
from verticals_healthcare.splits import CaseSplit
from verticals_healthcare.timeline import timeline_frame
from verticals_healthcare.units import canonical, converted
from verticals_plugins import (
    Budget,
    DataError,
    Dataset,
    Examples,
    Images,
    Method,
    Predictions,
    Provenance,
    Rule,
    Table,
)


@pytest.fixture(scope="module")
def ward() -> Dataset:
    return simulate_ward(0, 240)


@pytest.fixture(scope="module")
def examples(ward: Dataset) -> Examples:
    return DIAGNOSIS.examples(ward)


def predicted(risk: np.ndarray, truth: np.ndarray | None = None) -> Predictions:
    frame = pd.DataFrame({"id": np.arange(len(risk)).astype(str), "entity": np.arange(len(risk)).astype(str)})
    frame["time"] = pd.Timestamp("2025-01-01")
    return Predictions(Examples(frame, {}, truth, None, ("no", "yes")), risk)


# ------------------------------------------------------------------------------------------------ examples


def test_case_row_timeline_and_picture_stand_side_by_side(examples: Examples) -> None:
    assert set(examples.inputs) == {"table", "timeline", "image"}
    image = examples.inputs["image"]
    assert isinstance(image, Images)
    assert 0.2 < (image.index < 0).mean() < 0.5
    assert examples.names == ("stable", "deteriorated")
    assert examples.truth is not None
    assert 0.1 < examples.truth.mean() < 0.6


def test_rows_after_the_index_time_change_nothing(ward: Dataset) -> None:
    timeline = ward.tables["timeline"]
    late = timeline.copy()
    late["time"] = late["time"] + pd.Timedelta(days=400)
    late["value"] = 1e6
    more = replace(ward, tables={**ward.tables, "timeline": pd.concat([timeline, late], ignore_index=True)})
    before, after = (DIAGNOSIS.examples(one) for one in (ward, more))
    for a, b in zip(_numbers(before), _numbers(after), strict=True):
        np.testing.assert_array_equal(a, b)


def _numbers(examples: Examples) -> list[np.ndarray]:
    table, events = examples.inputs["table"], examples.inputs["timeline"]
    assert isinstance(table, Table)
    frame = events.frame.iloc[: int(events.stop.max())]  # type: ignore[attr-defined]
    numbers = table.frame.select_dtypes("number").to_numpy()
    return [numbers, frame.to_numpy(), events.start, events.stop]  # type: ignore[attr-defined]


def test_a_picture_taken_after_the_index_time_is_not_seen(ward: Dataset) -> None:
    late = ward.main.assign(image_time=ward.main["time"] + pd.Timedelta(hours=1))
    image = DIAGNOSIS.examples(ward.with_main(late)).inputs["image"]
    assert isinstance(image, Images)
    assert (image.index == -1).all()


def test_memory_carries_no_patient(ward: Dataset) -> None:
    kept = DIAGNOSIS.examples.memory(ward)
    assert kept is not None
    assert not len(kept.main)
    assert "timeline" not in kept.tables
    assert "images" not in kept.arrays


def test_new_patients_without_timeline_and_pictures_have_the_same_columns(ward: Dataset, examples: Examples) -> None:
    bare = Dataset(
        {"main": ward.main.drop(columns=["outcome", "image", "image_time"]).head(5)}, SCHEMA, Provenance("x")
    )
    found = DIAGNOSIS.examples(bare, DIAGNOSIS.examples.memory(ward))
    assert set(found.inputs) == set(examples.inputs)
    a, b = found.inputs["table"], examples.inputs["table"]
    assert isinstance(a, Table)
    assert isinstance(b, Table)
    assert list(a.frame.columns) == list(b.frame.columns)
    assert found.truth is None


def test_a_missing_column_is_named(ward: Dataset) -> None:
    past = DIAGNOSIS.examples.memory(ward)
    with pytest.raises(DataError, match="albumin"):
        DIAGNOSIS.examples(ward.with_main(ward.main.drop(columns="albumin")), past)


def test_pictures_of_another_size_are_refused(ward: Dataset) -> None:
    past = DIAGNOSIS.examples.memory(ward)
    small = replace(ward, arrays={"images": ward.arrays["images"][:, :14, :14]})
    with pytest.raises(DataError, match="14 x 14"):
        DIAGNOSIS.examples(small, past)


def test_a_weight_in_pounds_is_the_same_variable_as_in_kilograms() -> None:
    frame = timeline_frame(["a", "b"], ["2024-01-01", "2024-01-01"], ["weight", "weight"], [185.0, 83.9])
    found = canonical(frame.assign(unit=["[lb_av]", "kg"]))
    assert found["variable"].tolist() == ["weight (kg)"] * 2
    assert found["value"].iloc[0] == pytest.approx(83.91, abs=0.01)


@pytest.mark.parametrize(
    ("value", "name", "unit", "wanted", "right"),
    [
        (5.5, "glucose", "mmol/L", "mg/dL", 99.09),
        (88.4, "Creatinine", "µmol/L", "mg/dL", 1.0),
        (98.6, "temperature", "[degF]", "Cel", 37.0),
        (820.0, "peak flow", "cL/s", "L/s", 8.2),
        (7.0, "WBC", "10*3/uL", "10^9/L", 7.0),
        (14.0, "Urea nitrogen", "mg/dL", "mmol/L", 5.0),
        (14.0, "LOINC//3094-0", "mg/dL", "mmol/L", 5.0),
        (5.0, "urea", "mmol/L", "mg/dL", 30.03),
        (3.1, "Phosphate", "mg/dL", "mmol/L", 1.0),
        (140.0, "Sodium", "mEq/L", "mmol/L", 140.0),
        (5.0, "Calcium", "mEq/L", "mg/dL", 10.02),
        (40.0, "troponin", "ng/L", "µg/L", 0.04),
        (3.0, "folate", "mcg/mL", "ug/mL", 3.0),
        (10.0, "PEEP", "cmH2O", "mmHg", 7.356),
        (4.5, "RBC", "10*6/uL", "x10^12/L", 4.5),
        (250.0, "platelets", "10E3/mm3", "10*9/L", 250.0),
        (7000.0, "WBC", "{cells}/uL", "K/uL", 7.0),
        (30.0, "ALT", "IU/L", "U/L", 30.0),
        (0.5, "drug", "gm", "mg", 500.0),
    ],
)
def test_units_are_converted_by_ucum(value: float, name: str, unit: str, wanted: str, right: float) -> None:
    found = converted(np.array([value]), name, unit, wanted)
    assert found is not None
    assert found[0] == pytest.approx(right, rel=1e-3)


def test_units_of_another_kind_are_not_converted() -> None:
    assert converted(np.array([40.0]), "glucose", "%", "mg/dL") is None
    assert converted(np.array([1.0]), "unknown analyte", "mmol/L", "mg/dL") is None
    assert converted(np.array([1.0]), "glucose", "mEq/L", "mmol/L") is None


def test_an_ion_is_one_variable_in_any_of_its_units() -> None:
    unit, names = ["mg/dL", "mmol/L", "mEq/L", "mmol/L", "meq/l"], ["calcium"] * 3 + ["bicarbonate"] * 2
    frame = timeline_frame(["a"] * 5, ["2024-01-01"] * 5, names, [10.02, 2.5, 5.0, 24.0, 24.0])
    found = canonical(frame.assign(unit=unit))
    assert found["variable"].tolist() == ["calcium (mmol/l)"] * 3 + ["bicarbonate (mmol/l)"] * 2
    assert found["value"].tolist() == pytest.approx([2.5, 2.5, 2.5, 24.0, 24.0])


# ------------------------------------------------------------------------------------------------ split


def test_a_given_test_part_stays_and_no_patient_is_on_two_sides(examples: Examples) -> None:
    part = np.where(np.arange(len(examples)) < 40, "test", "train")
    marked = replace(examples, frame=examples.frame.assign(split=part))
    parts = CaseSplit(few=10)(marked, 0)
    assert sorted(parts.test.tolist()) == list(range(40))
    every = np.concatenate([parts.folds[0].train, parts.folds[0].valid, parts.folds[0].gate])
    assert sorted(every.tolist()) == list(range(40, len(examples)))


def test_a_patient_in_both_parts_is_refused(examples: Examples) -> None:
    frame = examples.frame.assign(split=np.where(np.arange(len(examples)) < 40, "test", "train"))
    frame.loc[100, "entity"] = frame["entity"].iloc[0]
    with pytest.raises(DataError, match="stand in the test part and in the training part"):
        CaseSplit()(replace(examples, frame=frame), 0)


def test_few_patients_give_nested_folds(examples: Examples) -> None:
    assert len(CaseSplit()(examples, 0).folds) == 5


# ------------------------------------------------------------------------------------------------ classic methods


def test_means_over_areas_are_exact() -> None:
    picture = np.arange(12, dtype=float).reshape(1, 3, 4)
    assert shrunk(picture, 1)[0, 0, 0] == pytest.approx(picture.mean())
    assert np.allclose(shrunk(picture, 12)[0, ::4, ::3], picture[0])


def test_hog_does_not_see_brightness() -> None:
    picture = np.random.default_rng(0).random((2, 28, 28))
    assert np.allclose(hog(picture), hog(picture + 0.3), atol=1e-6)


@pytest.mark.parametrize("method", [HogSvm, PixelForest])
def test_a_method_on_pictures_learns_and_comes_back_bit_for_bit(method: type[Method], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(120) % 2
    pixels = rng.integers(0, 80, (120, 28, 28, 1), dtype=np.uint8)
    pixels[truth == 1, 8:20, 8:20] += 120
    index = np.where(np.arange(120) % 10 == 9, -1, np.arange(120))
    frame = pd.DataFrame({"id": np.arange(120), "entity": np.arange(120), "time": pd.Timestamp("2025-01-01")})
    block = Examples(frame, {"image": Images(pixels, index)}, truth, None, ("no", "yes"))
    fitted = method()
    fitted.fit(block, None, Budget(threads=1))
    values = fitted.predict(block).values
    assert (
        DIAGNOSIS.metric.score(  # type: ignore[union-attr]
            Predictions(block.take(np.flatnonzero(index >= 0)), values[index >= 0]), None
        )
        > 0.95
    )
    assert len(set(values[index < 0].tolist())) == 1
    fitted.save(tmp_path)
    again = method()
    again.load(tmp_path)
    assert np.array_equal(again.predict(block).values, values)


def test_missing_pictures_are_missing_numbers(examples: Examples) -> None:
    image = examples.inputs["image"]
    assert isinstance(image, Images)
    assert np.array_equal(np.isnan(grey(image)[:, 0, 0]), image.index < 0)


@pytest.mark.parametrize("baseline", DIAGNOSIS.baselines, ids=lambda one: one.name)
def test_each_classic_method_survives_a_round_trip(baseline: object, examples: Examples, tmp_path: Path) -> None:
    fitted = baseline.build(DIAGNOSIS)  # type: ignore[attr-defined]
    fitted.fit(examples.take(np.arange(160)), examples.take(np.arange(160, 200)), Budget(threads=1))
    test = examples.take(np.arange(200, 240))
    values = fitted.predict(test).values
    fitted.save(tmp_path)
    again = baseline.build(DIAGNOSIS)  # type: ignore[attr-defined]
    again.load(tmp_path)
    assert np.array_equal(again.predict(test).values, values)
    assert ((values >= 0) & (values <= 1)).all()


# ------------------------------------------------------------------------------------------------ decision


def test_net_benefit_by_hand() -> None:
    ill = np.array([1.0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    seen = np.array([True, False, True, True, False, False, False, False, False, False])
    assert net_benefit(ill, seen, 0.2) == pytest.approx((1 - 2 * 0.25) / 10)
    assert worth(ill, ill, np.ones(10, dtype=bool), 0.2)["net_benefit"] == pytest.approx(100 * (2 - 8 * 0.25) / 10)


def test_a_sensitivity_floor_is_kept_on_new_patients() -> None:
    rng = np.random.default_rng(0)

    def draw(n: int) -> Predictions:
        truth = (rng.random(n) < 0.3).astype(np.int64)
        return predicted(1 / (1 + np.exp(-(rng.normal(0, 1, n) + 1.5 * truth - 1))), truth)

    policy = DiagnosisPolicy(sensitivity=0.9, abstain=0.0)
    kept = []
    for _ in range(40):
        rule, new = tune(draw(400), policy), draw(2000)
        assert new.examples.truth is not None
        kept.append((risk_of(new) >= rule.numbers["threshold"])[new.examples.truth == 1].mean())
    assert np.mean(kept) >= 0.9
    assert np.mean(kept) < 0.93


def test_abstention_is_bounded_and_near_the_threshold() -> None:
    risk = np.linspace(0.01, 0.99, 200)
    rule = tune(predicted(risk), DiagnosisPolicy(threshold=0.3, abstain=0.1))
    what = actions(predicted(risk), rule)
    assert (what == "abstain").sum() == 20
    assert np.abs(risk[what == "abstain"] - 0.3).max() < 0.12
    assert (actions(predicted(risk), tune(predicted(risk), DiagnosisPolicy(abstain=0.0))) != "abstain").all()


def test_a_decision_depends_on_no_other_patient() -> None:
    risk = np.random.default_rng(0).random(50)
    rule = Rule({"threshold": 0.4, "width": 0.3})
    alone = [str(actions(predicted(risk[[i]]), rule)[0]) for i in range(50)]
    assert alone == actions(predicted(risk), rule).tolist()


def test_conformal_sets_that_settle_the_question_forbid_abstention() -> None:
    risk = np.array([0.41, 0.41])
    sets = np.array([[True, True], [False, True]])
    found = actions(replace(predicted(risk), extras={"set": sets}), Rule({"threshold": 0.4, "width": 1.0}))
    assert found.tolist() == ["abstain", "refer"]


def test_without_outcomes_the_net_benefit_is_expected_from_the_risks() -> None:
    decision = decide(predicted(np.array([0.9, 0.1])), DiagnosisPolicy(), Rule({"threshold": 0.2, "width": 0.0}))
    assert decision.summary["net_benefit"] == pytest.approx(100 * (0.9 - 0.25 * 0.1) / 2)
    assert decision.table["action"].tolist() == ["refer", "reassure"]
    assert decision.unit == "net benefit per 100 patients"


def test_several_classes_and_labels_name_their_finding() -> None:
    frame = pd.DataFrame({"id": ["a"], "entity": ["a"], "time": [pd.Timestamp("2025-01-01")]})
    rule = Rule({"threshold": 0.5, "width": 0.0})
    classes = Predictions(Examples(frame, {}, None, None, ("none", "flu", "cold")), np.array([[0.2, 0.7, 0.1]]))
    assert decide(classes, DiagnosisPolicy(), rule).table["finding"].tolist() == ["flu"]
    labels = Predictions(Examples(frame, {}, np.array([[1.0, 0.0]]), None, ("a", "b")), np.array([[0.8, 0.6]]))
    assert decide(labels, DiagnosisPolicy(), rule).table["finding"].tolist() == ["a, b"]


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.0}, {"sensitivity": 1.0}, {"abstain": -0.1}])
def test_a_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        DiagnosisPolicy(**wrong)


def test_sections_show_curve_sets_and_groups_of_some_size() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(200) < 0.3).astype(np.int64)
    said = predicted(np.clip(0.3 * truth + rng.random(200) * 0.6, 0.01, 0.99), truth)
    frame = said.examples.frame.assign(sex=np.where(np.arange(200) < 190, "female", "male"))
    said = replace(said, examples=replace(said.examples, frame=frame), extras={"set": np.ones((200, 2), dtype=bool)})
    rule = Rule({"threshold": 0.4, "width": 0.0})
    found = {one.title: one for one in sections(said, decide(said, DiagnosisPolicy(), rule))}
    assert set(found) == {"Net benefit", "Conformal sets", "Subgroups"}
    groups = found["Subgroups"].table
    assert groups is not None
    assert groups["group"].tolist() == ["sex female"]


# ------------------------------------------------------------------------------------------------ whole


def test_the_simulator_is_deterministic() -> None:
    a, b = simulate_ward(3, 50), simulate_ward(3, 50)
    pd.testing.assert_frame_equal(a.main, b.main)
    pd.testing.assert_frame_equal(a.tables["timeline"], b.tables["timeline"])
    assert np.array_equal(a.arrays["images"], b.arrays["images"])


def test_the_core_reads_all_blocks_and_any_of_them_may_be_missing(examples: Examples, tmp_path: Path) -> None:
    small = replace(CORE, width=16, epochs=1, pretrain_epochs=1, members=1)
    core = CoreMethod(small)
    core.fit(examples.take(np.arange(160)), examples.take(np.arange(160, 200)), Budget(threads=1))
    test = examples.take(np.arange(200, 240))
    values = core.predict(test).values
    assert np.isfinite(values).all()
    core.save(tmp_path)
    again = CoreMethod(small)
    again.load(tmp_path)
    assert np.array_equal(again.predict(test).values, values)


def test_breast_biopsies_run_from_table_to_decision(tmp_path: Path) -> None:
    core = {"epochs": 2, "pretrain_epochs": 1, "members": 1, "width": 16}
    done = verticals.run(
        "healthcare.diagnosis", breast_biopsies(), out=tmp_path / "run", preset="quick", threads=1, core=core,
        policy={"sensitivity": "0.95"},
    )  # fmt: skip
    assert done.metrics["methods"][done.metrics["shipped"]]["auroc"] > 0.98
    assert done.decision.summary["sensitivity"] > 0.85
    assert (tmp_path / "run" / "report.html").is_file()
    new = breast_biopsies()
    table = verticals.load(tmp_path / "run").predict(new.with_main(new.main.drop(columns="outcome").head(10)))
    assert len(table) == 10
    assert set(table["action"]) <= {"refer", "reassure", "abstain"}
