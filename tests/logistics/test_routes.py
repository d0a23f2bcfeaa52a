"""The task: examples know only their own day, plans are priced by the checker, and the map needs no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals_logistics import routes
from verticals_logistics.checker import check
from verticals_logistics.examples import DepotDays
from verticals_logistics.map import svg
from verticals_logistics.methods import Engine, Planner, as_objects
from verticals_logistics.plan import Plan, Route
from verticals_logistics.reasons import with_reasons
from verticals_logistics.savings import savings
from verticals_logistics.simulate import simulate_city
from verticals_logistics.travel import Outcome, drive, pack, problems_of
from verticals_plugins import Budget, Dataset, Examples, Predictions, Rule

CITY = simulate_city(3)
EXAMPLES = DepotDays()(CITY)
FEW = EXAMPLES.take(np.arange(2))


def planned(examples: Examples) -> Predictions:
    method = Planner("savings", lambda problem, budget: savings(problem))
    method.fit(examples, None, Budget())
    return method.predict(examples)


def without(dataset: Dataset, rows: pd.Series) -> Dataset:
    return dataset.with_main(dataset.main[~rows].reset_index(drop=True))


def test_later_days_change_nothing_of_earlier_ones() -> None:
    first = str(CITY.main["day"].iloc[0])
    alone = DepotDays()(without(CITY, CITY.main["day"] != first))
    assert len(alone) == 1
    assert problems_of(alone)[0] is problems_of(EXAMPLES)[0]


def test_a_stop_that_is_not_in_the_table_is_not_planned() -> None:
    gone = CITY.main["id"] == CITY.main["id"].iloc[0]
    problem = problems_of(DepotDays()(without(CITY, gone)))[0]
    assert len(problem.stops) == len(problems_of(EXAMPLES)[0].stops) - 1


def test_the_city_is_repeatable() -> None:
    again = simulate_city(3)
    assert again.main.equals(CITY.main)
    assert not simulate_city(4).main.equals(CITY.main)


def test_savings_plans_of_the_city_break_nothing() -> None:
    said = planned(FEW)
    assert routes.verify(said) == []
    assert routes.mean_cost(said, None) > 0


def test_the_gap_is_unknown_without_a_best_known() -> None:
    assert np.isnan(routes.mean_ratio(planned(FEW), None))


def test_weights_count_draws() -> None:
    said = planned(FEW)
    each = routes.costs_of(said)
    assert routes.mean_cost(said, np.array([2.0, 0.0])) == pytest.approx(each[0])


def test_rush_hours_make_late() -> None:
    problem, outcome = problems_of(FEW)[0], FEW.truth[0] if FEW.truth is not None else None
    assert isinstance(outcome, Outcome)
    assert outcome.traffic is not None
    assert (outcome.traffic[8] >= outcome.traffic[3]).all()
    plan = savings(problem)
    calm = sum(sum(drive(problem, one, None).late) for one in plan.routes)
    busy = sum(sum(drive(problem, one, outcome.traffic * 3).late) for one in plan.routes)
    assert calm == 0
    assert busy > 0


def test_the_decision_has_a_row_for_every_stop_and_reasons() -> None:
    said = planned(FEW)
    problem, plan = problems_of(FEW)[0], said.values[0]
    short = with_reasons(problem, replace(plan, routes=plan.routes[1:]))
    decision = routes.decide(replace(said, values=as_objects([short, said.values[1]])), routes.RoutePolicy(), Rule())
    assert len(decision.table) == sum(len(one.stops) for one in problems_of(FEW))
    left = decision.table[decision.table["action"] == "leave out"]
    assert len(left) == len(plan.routes[0].stops)
    assert (left["reason"] != "").all()


def test_a_policy_that_makes_routes_dear_uses_no_more_of_them() -> None:
    said = planned(FEW)
    plain = routes.decide(said, routes.RoutePolicy(), Rule()).summary["routes"]
    dear = routes.decide(said, routes.RoutePolicy(cost_per_route=5000.0), Rule()).summary["routes"]
    assert float(dear) <= float(plain)


def test_the_engine_survives_a_round_trip(tmp_path: Path) -> None:
    plain = FEW.take(np.array([0]))
    engine = Engine()
    engine.budget = Budget(seed=5, iterations=300)
    engine.save(tmp_path)
    again = Engine()
    again.load(tmp_path)
    first, second = engine.predict(plain).values[0], again.predict(plain).values[0]
    assert replace(first, seconds=0.0) == replace(second, seconds=0.0)


def test_trips_become_paces_at_hours() -> None:
    trips = pd.DataFrame({"departed": [7 * 3600.0], "x1": [0.0], "y1": [0.0], "x2": [1.0], "y2": [1.0],
                          "distance": [1000.0], "seconds": [100.0]})  # fmt: skip
    made = pack([(np.datetime64("2026-03-02", "ns"), trips)])
    assert made.truth is not None
    assert np.exp(made.truth[0]) == pytest.approx(0.1)
    assert made.inputs["table"].frame.iloc[0]["hour"] == 7  # type: ignore[attr-defined]
    assert made.inputs["table"].frame.iloc[0]["weekday"] == 0  # type: ignore[attr-defined]


def test_the_map_is_one_inline_drawing() -> None:
    problem = problems_of(FEW)[0]
    named = replace(problem, stops=(replace(problem.stops[0], id="<b>&"), *problem.stops[1:]))
    drawn = svg(named, with_reasons(named, Plan(named.id, (Route(0, (0, 1)),))))
    assert drawn.startswith("<svg")
    assert "http" not in drawn
    assert "<b>" not in drawn
    assert drawn.count("<circle") == 2


@pytest.mark.parametrize("bad", routes.BAD, ids=lambda one: one.name)
def test_bad_input_is_refused_as_documented(bad: routes.BadInput, tmp_path: Path) -> None:
    from verticals.pipeline.reading import read
    from verticals.pipeline.settings import Settings

    path = bad.make(tmp_path)
    with pytest.raises(bad.error, match=bad.match):
        read(routes.ROUTES, Settings(task="logistics.routes", data=str(path)), need_target=False)


def test_the_checker_finds_each_fault() -> None:
    problem = problems_of(FEW)[0]
    every = tuple(range(len(problem.stops)))
    walls = replace(problem, lateness=None)
    faults = " ".join(check(walls, Plan("x", (Route(0, every), Route(0, (0,))))).faults)
    for word in ("on board", "last window", "served 2 times"):
        assert word in faults
