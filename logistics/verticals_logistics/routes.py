"""The task logistics.routes: from a depot-day to routes, and a reason for every stop that is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.splits import TimeSplit
from verticals_logistics.checker import check
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.examples import DepotDays
from verticals_logistics.map import svg
from verticals_logistics.methods import PYVRP, SAVINGS, SISR, VROOM
from verticals_logistics.plan import Plan
from verticals_logistics.problem import Problem
from verticals_logistics.reasons import with_reasons
from verticals_logistics.schema import SCHEMA
from verticals_logistics.simulate import simulate_city
from verticals_logistics.travel import Driven, Outcome, drive, problems_of
from verticals_plugins import (
    BadInput,
    DataError,
    Decision,
    Examples,
    Fold,
    Metric,
    Parts,
    Predictions,
    Rule,
    Section,
    Task,
    policy_field,
)  # fmt: skip

AS_GIVEN = -1.0
MAPS = 3


@dataclass(frozen=True)
class RoutePolicy:
    """What a route costs. Anything given here replaces the data's own figure, and the plan is improved for it."""

    cost_per_distance: float = policy_field(
        AS_GIVEN, help="cost per unit of distance; -1 = as in the data", unit="cost"
    )
    cost_per_hour: float = policy_field(
        AS_GIVEN, help="cost per 3,600 units of time; -1 = as in the data", unit="cost/h"
    )
    cost_per_route: float = policy_field(AS_GIVEN, help="fixed cost of a route; -1 = as in the data", unit="cost")
    lateness_per_hour: float = policy_field(AS_GIVEN, help="cost of being late; -1 = as in the data", unit="cost/h")

    def changes(self, problem: Problem) -> Problem:
        """The problem with this policy's costs."""
        if max(self.cost_per_distance, self.cost_per_hour, self.cost_per_route, self.lateness_per_hour) < 0:
            return problem
        fleet = tuple(
            replace(
                one,
                per_distance=one.per_distance if self.cost_per_distance < 0 else self.cost_per_distance,
                fixed=one.fixed if self.cost_per_route < 0 else self.cost_per_route,
                per_time=one.per_time if self.cost_per_hour < 0 else self.cost_per_hour / 3600,
            )
            for one in problem.vehicles
        )
        late = problem.lateness if self.lateness_per_hour < 0 else self.lateness_per_hour / 3600
        return replace(problem, vehicles=fleet, lateness=late)


@dataclass(frozen=True, kw_only=True)
class PlanSplit:
    """By time where there are finished trips to learn from; else nothing is fitted and every part is all instances."""

    by_time: TimeSplit = field(default_factory=lambda: TimeSplit(valid=0.17, gate=0.25, test=0.21))

    def __call__(self, examples: Examples, seed: int) -> Parts:
        truth = examples.truth
        learns = truth is not None and any(isinstance(one, Outcome) and len(one.trips) for one in truth)
        if learns:
            return self.by_time(examples, seed)
        rows = np.arange(len(examples))
        notes = {"by": "nothing is fitted: cost is known at once, every part is all instances"}
        return Parts((Fold(rows, rows, rows),), rows, rows, notes)


def outcome_cost(problem: Problem, plan: Plan, outcome: object) -> float:
    """The checked cost of a plan; where the day's traffic is known, its times are those of the traffic."""
    checked = check(problem, plan)
    traffic = outcome.traffic if isinstance(outcome, Outcome) else None
    if traffic is None:
        return checked.cost
    return checked.penalties + sum(
        driven_cost(problem, one.vehicle, drive(problem, one, traffic)) for one in plan.routes
    )


def driven_cost(problem: Problem, vehicle: int, driven: Driven) -> float:
    """What a driven route costs, lateness included."""
    kind = problem.vehicles[vehicle]
    late = sum(driven.late) + max(0.0, driven.end - kind.shift[1])
    cost = kind.fixed + kind.per_distance * driven.distance + kind.per_time * driven.duration
    return float(cost + (problem.lateness or 0.0) * late)


def costs_of(predictions: Predictions) -> np.ndarray:
    """(N,) checked costs."""
    truth = predictions.examples.truth
    outcomes: Sequence[object] = [None] * len(predictions) if truth is None else list(truth)
    found = zip(problems_of(predictions.examples), predictions.values, outcomes, strict=True)
    return np.array([outcome_cost(problem, plan, outcome) for problem, plan, outcome in found])


def mean_cost(predictions: Predictions, weight: np.ndarray | None) -> float:
    """Mean checked cost per instance."""
    return float(np.average(_cached(predictions), weights=weight))


def mean_ratio(predictions: Predictions, weight: np.ndarray | None) -> float:
    """Mean of checked cost over best known cost, less one; NaN where none is known."""
    best = np.array([one.best_known or np.nan for one in problems_of(predictions.examples)])
    gap = _cached(predictions) / best - 1
    known = np.isfinite(gap)
    if not known.any() or (weight is not None and not weight[known].any()):
        return float("nan")
    return float(np.average(gap[known], weights=None if weight is None else weight[known]))


def left_out(predictions: Predictions, weight: np.ndarray | None) -> float:
    """Mean number of stops that no route serves."""
    counts = np.array([len(plan.unserved) for plan in predictions.values], dtype=float)
    return float(np.average(counts, weights=weight))


_CACHE: dict[int, tuple[Predictions, np.ndarray]] = {}


def _cached(predictions: Predictions) -> np.ndarray:
    """The costs of these predictions, computed once: a bootstrap asks a thousand times."""
    found = _CACHE.get(id(predictions))
    if found is None or found[0] is not predictions:
        if len(_CACHE) > 16:
            _CACHE.clear()
        found = (predictions, costs_of(predictions))
        _CACHE[id(predictions)] = found
    return found[1]


COST = Metric(name="cost", label="checked cost per instance", larger_is_better=False, score=mean_cost)
GAP = Metric(name="gap", label="gap to best known", larger_is_better=False, score=mean_ratio)
UNSERVED = Metric(name="unserved", label="stops left out per instance", larger_is_better=False, score=left_out)


def verify(predictions: Predictions) -> list[str]:
    """Violations of any constraint, found by the independent checker."""
    return [
        f"{problem.id}: {fault}"
        for problem, plan in zip(problems_of(predictions.examples), predictions.values, strict=True)
        for fault in check(problem, plan).faults
    ]


def decide(predictions: Predictions, policy: RoutePolicy, rule: Rule) -> Decision:
    """Routes by stop, and the stops that are left out with their reasons."""
    rows, cost, routes, far, late, left = [], 0.0, 0, 0.0, 0.0, 0
    truth = predictions.examples.truth
    unit = "cost"
    for number, (given, plan) in enumerate(zip(problems_of(predictions.examples), predictions.values, strict=True)):
        problem = policy.changes(given)
        plan = plan if problem is given else improved(problem, plan)
        rows += stop_rows(problem, plan)
        cost += outcome_cost(problem, plan, None if truth is None else truth[number])
        checked = check(problem, plan)
        routes, far, left = routes + len(plan.routes), far + checked.distance, left + len(plan.unserved)
        traffic = truth[number].traffic if truth is not None and isinstance(truth[number], Outcome) else None
        late += sum(sum(drive(problem, one, traffic).late) for one in plan.routes)
        unit = problem.units.cost or "cost"
    headline = f"{routes} routes, {left} stops left out, cost {cost:,.2f} {unit}" + (
        f", {late / 60:.0f} min late" if late else ""
    )
    summary = {"routes": routes, "unserved": left, "cost": cost, "distance": far, "late minutes": late / 60}
    return Decision(table=pd.DataFrame(rows, columns=COLUMNS), headline=headline, summary=summary, unit=unit)


COLUMNS = ["id", "action", "route", "position", "vehicle", "arrival", "reason"]


def improved(problem: Problem, plan: Plan) -> Plan:
    """The plan improved for other costs, from what it is."""
    found = search(problem, Effort(moves=20_000), plan.routes)
    better = with_reasons(problem, found)
    return better if check(problem, better).cost < check(problem, plan).cost else plan


def stop_rows(problem: Problem, plan: Plan) -> list[tuple[object, ...]]:
    """One row a stop: its route and arrival, or why it is left out."""
    rows: list[tuple[object, ...]] = []
    for number, route in enumerate(check(problem, plan).routes, start=1):
        name = problem.vehicles[route.vehicle].id
        for position, visit in enumerate(route.visits, start=1):
            at = _moment(problem, max(visit.arrival, route.departure))
            rows.append((f"{problem.id}/{problem.stops[visit.stop].id}", "serve", number, position, name, at, ""))
    for one in plan.unserved:
        rows.append((f"{problem.id}/{problem.stops[one.stop].id}", "leave out", 0, 0, "", "", one.reason))
    return rows


def _moment(problem: Problem, seconds: float) -> str:
    if problem.origin is None or not np.isfinite(seconds):
        return f"{seconds:.1f}"
    return str(problem.origin + np.timedelta64(int(seconds), "s"))[:16]


def sections(predictions: Predictions, decision: Decision) -> list[Section]:
    """Maps of the first days, and what each route costs."""
    shown = list(zip(problems_of(predictions.examples), predictions.values, strict=True))[:MAPS]
    out = [
        Section(f"Map of {problem.id}", f"{len(plan.routes)} routes, {len(plan.unserved)} stops left out.",
            html=svg(problem, plan))
        for problem, plan in shown if problem.place is not None
    ]  # fmt: skip
    rows = [
        {"day": problem.id, "route": number, "vehicle": problem.vehicles[one.vehicle].id, "stops": len(one.visits),
         "distance": one.distance, "duration": one.duration, "cost": one.cost}
        for problem, plan in shown for number, one in enumerate(check(problem, plan).routes, start=1)
    ]  # fmt: skip
    return [*out, Section("Routes", "As planned, recomputed by the checker.", table=pd.DataFrame(rows))]


def _write(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return make


SHORT = """NAME: x
TYPE: CVRP
DIMENSION: 3
CAPACITY: 2
EDGE_WEIGHT_TYPE: EXPLICIT
EDGE_WEIGHT_FORMAT: FULL_MATRIX
EDGE_WEIGHT_SECTION
0 1 2 1 0
DEMAND_SECTION
1 0 2 1 3 1
DEPOT_SECTION
1 -1
"""
MISSPELT = """{"vehicles": [{"id": 1, "start_index": 0, "time_windows": [[0, 9]]}],
 "jobs": [{"id": 7, "location_index": 1}], "matrices": {"car": {"durations": [[0, 9], [9, 0]]}}}"""
BAD = (
    BadInput(name="matrix with too few numbers", make=_write("short.vrp", SHORT), match="5 numbers.*9 for FULL_MATRIX",
             error=DataError),
    BadInput(name="unknown matrix format", make=_write("word.vrp", SHORT.replace("FULL_MATRIX", "FLFL")), match="FLFL",
             error=DataError),
    BadInput(name="unknown key in VROOM JSON", make=_write("key.json", MISSPELT),
             match=r"vehicles\[0\]\.time_windows.*time_window\.", error=DataError),
    BadInput(name="stops without coordinates", make=_write("stops.csv", "id,street\na,x\nb,y\n"),
             match="no column for longitude", error=DataError),
)  # fmt: skip


ROUTES = Task(
    name="logistics.routes",
    summary="Plan a depot's day: routes within capacity, windows and shifts, and why a stop is left out",
    schema=SCHEMA,
    adapters=("logistics.vrplib", "logistics.solomon", "logistics.vroom", "logistics.osrm", "logistics.stops"),
    demo=simulate_city,
    examples=DepotDays(),
    split=PlanSplit(),
    core=SISR,
    baselines=(SAVINGS, PYVRP, VROOM),
    metric=COST,
    metrics=(GAP, UNSERVED),
    decide=decide,
    policy=RoutePolicy,
    verify=verify,
    sections=sections,
    bad_inputs=BAD,
    protocol="each plan recomputed by the checker; by day where trips are learnt from, else cost is known at once",
)
