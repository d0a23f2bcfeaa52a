"""Tasks that plan: every plan is feasible, repeatable and storable, and later orders leave earlier plans alone."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from verticals_plugins.testing.checks.asof import early_and_whole
from verticals_plugins.testing.compare import difference
from verticals_plugins.testing.outcome import applies, expect
from verticals_plugins.testing.subject import SEED, Subject
from verticals_plugins.types import Baseline, Budget, Method

ITERATIONS = 200


def every_plan_is_feasible(subject: Subject) -> None:
    """The independent check finds no violation, in what ships and in what any method of the run returned."""
    applies(subject.is_planning, "the task returns no plans")
    broken = {name: list(one)[:2] for name, one in subject.run.metrics.get("violations", {}).items() if one}
    expect(not broken, f"methods broke constraints: {broken}")
    found = list(subject.task.verify(subject.bundle.predict_examples(subject.examples.take(subject.some(5)))))
    expect(not found, f"the shipped plans break constraints: {found[:3]}")


def same_budget_gives_the_same_plan(subject: Subject) -> None:
    """The same seed and the same number of iterations plan the same, whatever the clock says."""
    one, other = _planner(subject), _planner(subject)
    asked = subject.examples.take(subject.some(3))
    first, second = one.predict(asked).values, other.predict(asked).values
    found = difference(first, second, "plans")
    expect(not found, f"two plans of one seed and budget differ: {found}")


def plan_survives_a_round_trip(subject: Subject) -> None:
    """A planner stored and opened plans the same; the decision's table says the same after JSON."""
    planner = _planner(subject)
    asked = subject.examples.take(subject.some(3))
    folder = subject.folder / "planner"
    folder.mkdir(exist_ok=True)
    planner.save(folder)
    said = planner.predict(asked)
    copy = _build(subject)
    copy.load(folder)
    found = difference(said.values, copy.predict(asked).values, "plans")
    expect(not found, f"the stored planner plans otherwise: {found}")
    policy = subject.task.default_policy()
    _expect_same_table(subject.task.decide(said, policy, subject.task.tune(said, policy)).table)


def _expect_same_table(table: pd.DataFrame) -> None:
    text = table.to_json(orient="records", date_format="iso", double_precision=15)
    again = pd.read_json(io.StringIO(text), orient="records", convert_dates=False, dtype=False)
    expect(len(again) == len(table), "rows are lost when the plan is written as JSON")
    for name in ("id", "action"):
        found = difference(list(table[name].astype(str)), list(again[name].astype(str)), name)
        expect(not found, f"written as JSON the plan differs: {found}")


def later_orders_change_no_earlier_plan(subject: Subject) -> None:
    """What was planned before they were known stays as it was."""
    planner = _planner(subject)
    early, whole = (one.take(np.arange(min(3, len(one)))) for one in early_and_whole(subject))
    found = difference(planner.predict(early).values, planner.predict(whole).values, "plans")
    expect(not found, f"later orders changed earlier plans: {found}")


def _build(subject: Subject) -> Method:
    applies(subject.is_planning, "the task returns no plans")
    core = subject.task.core
    applies(isinstance(core, Baseline), "the planner is not a method of its own")
    assert isinstance(core, Baseline)
    return core.build(subject.task)


def _planner(subject: Subject) -> Method:
    planner = _build(subject)
    fold = subject.parts.folds[0]
    train, valid = subject.examples.take(fold.train[:5]), subject.examples.take(fold.valid[:3])
    planner.fit(train, valid, Budget(seed=SEED, preset="quick", iterations=ITERATIONS, threads=1))
    return planner


CHECKS = (
    every_plan_is_feasible,
    same_budget_gives_the_same_plan,
    plan_survives_a_round_trip,
    later_orders_change_no_earlier_plan,
)
