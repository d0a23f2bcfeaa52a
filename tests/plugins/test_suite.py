"""The conformance suite finds what it is there to find: each of these tasks breaks one promise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
import toy

from verticals.data.table import TABLE
from verticals.pipeline.conformance import PipelineRunner
from verticals_plugins import (
    BadInput,
    DataError,
    Dataset,
    Events,
    Examples,
    Parts,
    Predictions,
    Schema,
    Sniff,
    Table,
    Task,
)
from verticals_plugins.testing import CHECKS, Outcome, Subject, outcome_of
from verticals_plugins.testing.compare import difference, seen_of
from verticals_plugins.testing.json_schema import violations

BY_NAME = {check.__name__: check for check in CHECKS}


def outcome(check: str, task: Task, folder: Path) -> Outcome:
    return outcome_of(BY_NAME[check], Subject(task, PipelineRunner(), folder))


class Leaky(toy.Past):
    """Standardises with all rows, those of the future too."""

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        examples = super().__call__(dataset, past)
        frame = examples.inputs["table"].frame
        size = frame["log_size"]
        table = Table(frame.assign(log_size=(size - size.mean()) / size.std()))
        return replace(examples, inputs={**examples.inputs, "table": table})


class Peeking(toy.Past):
    """Lets the label of the last event be seen at once."""

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        examples = super().__call__(dataset, past)
        events = examples.inputs["events"]
        return replace(examples, inputs={**examples.inputs, "events": replace(events, revealed={})})


@dataclass(frozen=True)
class Silent:
    calls: int = 5


def restless(seed: int) -> Dataset:
    data = toy.simulate(seed)
    noise = np.random.default_rng().random(len(data.main))
    return data.with_main(data.main.assign(size=data.main["size"] + noise))


def overlapping(examples: Examples, seed: int) -> Parts:
    parts = toy.TASK.split(examples, seed)
    return replace(parts, final=np.append(parts.final, parts.test[:1]))


def hasty(examples: Examples, seed: int) -> Parts:
    return toy.TASK.split(replace(examples, known_at=examples.frame["time"].to_numpy()), seed)


def raising(path: Path) -> Sniff:
    raise RuntimeError(path)


def written(folder: Path) -> Path:
    (folder / "a.csv").write_text("account,when,size,kind,late\na,2026-01-01,5,x,1\nb,2026-01-02,6,y,0\n")
    return folder / "a.csv"


def changed(**slots: Any) -> Task:
    return replace(toy.TASK, **slots)


@pytest.mark.parametrize(
    ("check", "task", "why"),
    [
        ("later_rows_change_no_earlier_input", changed(examples=Leaky()), "log_size"),
        ("truth_that_is_not_known_yet_changes_no_input", changed(examples=Peeking()), "late"),
        ("demo_is_deterministic", changed(demo=restless), "size"),
        ("split_parts_are_disjoint", changed(split=overlapping), "test part"),
        ("split_waits_until_truth_is_known", changed(split=hasty), "not known"),
        ("name_is_industry_dot_job", changed(name="Toy"), "industry.job"),
        ("summary_is_one_line", changed(summary=""), "summary"),
        ("policy_is_frozen_with_help_for_each_number", changed(policy=Silent), "calls"),
        ("named_parts_are_registered", changed(baselines=("magic",)), "magic"),
        ("named_parts_are_registered", changed(core=replace(toy.TASK.core, stems=("smell",))), "smell"),
        ("schema_is_complete", changed(schema=Schema(id=toy.SCHEMA.id)), "no target"),
        ("adapters_sniff_without_raising", changed(adapters=(replace(TABLE, sniff=raising),)), "RuntimeError"),
    ],
)
def test_broken_promise_is_found(check: str, task: Task, why: str, tmp_path: Path) -> None:
    assert outcome(check, toy.TASK, tmp_path / "good").state == "passed"
    found = outcome(check, task, tmp_path / "bad")
    assert found.state == "failed"
    assert why in found.why


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (BadInput(name="no trouble", make=written, match="x", error=DataError), "without an error"),
        (BadInput(name="other words", make=lambda folder: folder / "none.csv", match="moon", error=DataError), "moon"),
        (BadInput(name="other error", make=lambda folder: folder / "none.csv", match="", error=KeyError), "KeyError"),
    ],
    ids=lambda one: one.name if isinstance(one, BadInput) else "",
)
def test_bad_input_that_is_not_refused_as_documented_is_found(bad: BadInput, why: str, tmp_path: Path) -> None:
    found = outcome("documented_bad_inputs_give_the_documented_error", changed(bad_inputs=(bad,)), tmp_path)
    assert (found.state, why in found.why) == ("failed", True), found.why


def test_check_that_does_not_apply_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    found = outcome("every_plan_is_feasible", toy.TASK, tmp_path)
    assert found == Outcome("every_plan_is_feasible", "does not apply", "the task returns no plans")


def test_check_that_raises_fails_and_the_suite_goes_on(tmp_path: Path) -> None:
    def explode(seed: int) -> Dataset:
        raise SystemExit(3)

    assert outcome("demo_loads", changed(demo=explode), tmp_path).state == "failed"


# ------------------------------------------------------------------------------------------------------------ pieces


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([0.1 + 0.2]), np.array([0.3]), False),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", None]}), True),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), False),
        ({"a": [1, (2, 3)]}, {"a": [1, (2, 3)]}, True),
        ({"a": [1, (2, 3)]}, {"a": [1, (2, 4)]}, False),
        (Silent(3), Silent(3), True),
        (Silent(3), Silent(4), False),
        (None, 0, False),
    ],
)
def test_equality_is_bit_for_bit(a: Any, b: Any, same: bool) -> None:
    assert (difference(a, b) == "") == same


def test_a_label_that_is_not_revealed_is_not_seen() -> None:
    frame = pd.DataFrame({"late": [1, 1]})
    times = np.array([0.0, 1.0])
    block = Events(frame, times, np.array([0]), np.array([2]), np.array([5.0]), {"late": np.array([4.0, 9.0])})
    assert list(seen_of(block, 0)["event late"]) == [1, None]


METRICS = PipelineRunner().metrics_schema()


def bare(**changes: Any) -> dict[str, Any]:
    """The least that fits the schema."""
    interval = [0.0, 1.0]
    gate = dict(metric="m", classic="a", candidate="b", shipped="a", difference=0.1, ci95=interval, decision="tie")
    sizes = dict.fromkeys(("train", "valid", "gate", "final", "test", "folds"), 1)
    return {
        "task": "a.b", "protocol": "", "seed": 0, "preset": "quick", "version": "1", "metric": "m", "unit": "id",
        "data": {"adapter": "", "sources": [], "rows": {"main": 3}, "examples": 3, "dropped": {}}, "split": sizes,
        "methods": {"a": {"m": 0.5}}, "intervals": {"a": {"m": interval}}, "gate_part": {"methods": {}, "leads": {}},
        "shipped": "a", "classic": "a", "gate": gate, "decision": {"headline": "", "unit": ""}, "policy": {},
        "rule": {}, "warnings": [], "seconds": {"read": 0.1},
    } | changes  # fmt: skip


CASES: list[tuple[str, Callable[[], dict[str, Any]], bool]] = [
    ("least", bare, True),
    ("more fields", lambda: bare(further=1), True),
    ("seed as text", lambda: bare(seed="0"), False),
    ("seed as truth value", lambda: bare(seed=True), False),
    ("no method", lambda: bare(methods={}), False),
    ("value as text", lambda: bare(methods={"a": {"m": "high"}}), False),
    ("value missing", lambda: bare(methods={"a": {"m": None}}), True),
    ("half an interval", lambda: bare(intervals={"a": {"m": [0.5]}}), False),
    ("unknown preset", lambda: bare(preset="fast"), False),
    ("negative seconds", lambda: bare(seconds={"read": -1.0}), False),
    ("empty test part", lambda: bare(split={**bare()["split"], "test": 0}), False),
]


@pytest.mark.parametrize(("make", "fits"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_own_validator_agrees_with_jsonschema(make: Callable[[], dict[str, Any]], fits: bool) -> None:
    jsonschema.Draft202012Validator.check_schema(dict(METRICS))
    value = json.loads(json.dumps(make()))
    assert (not violations(value, METRICS)) == fits
    assert jsonschema.Draft202012Validator(dict(METRICS)).is_valid(value) == fits


def test_validator_refuses_words_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="oneOf"):
        violations({}, {"oneOf": []})


def test_plan_that_breaks_a_constraint_would_be_shown(tmp_path: Path) -> None:
    class Done:
        def __init__(self) -> None:
            self.metrics = {"violations": {"engine": ["too heavy"]}}

    def verify(predictions: Predictions) -> list[str]:
        return []

    subject = Subject(changed(verify=verify), PipelineRunner(), tmp_path)
    subject.__dict__["run"] = Done()
    assert "too heavy" in outcome_of(BY_NAME["every_plan_is_feasible"], subject).why
