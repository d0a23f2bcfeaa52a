"""Planning engines as methods of the gate: savings, PyVRP, VROOM, and ours with learned travel times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from verticals.pipeline.files import write_json
from verticals_logistics import peers
from verticals_logistics.checker import timed as timed_route
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem
from verticals_logistics.reasons import with_reasons
from verticals_logistics.savings import savings, savings_routes
from verticals_logistics.travel import TravelTimes, departing, problems_of, retimed
from verticals_plugins import Baseline, Budget, Examples, Predictions

MOVES = {"quick": 20_000, "standard": 200_000, "best": 1_000_000}
"""Moves of our engine per example, in all its threads."""
EXPLORATION = {"quick": 1, "standard": 3, "best": 5}
"""How far VROOM explores, 0 to 5."""
PYVRP_ITERATIONS = {"quick": 150, "standard": 1_500, "best": 8_000}


class Planner:
    """A method without anything to fit: ``plan(problem, budget)`` for each example."""

    def __init__(self, name: str, plan: Callable[[Problem, Budget], Plan]) -> None:
        self.name, self._plan = name, plan
        self.budget = Budget()

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Keep the budget; a problem that the engine does not cover is refused here."""
        self.budget = budget
        for problem in problems_of(train)[:1]:
            self._plan(problem, replace(budget, preset="quick", iterations=1))

    def predict(self, examples: Examples) -> Predictions:
        """(N,) plans."""
        plans = [with_reasons(one, self._plan(one, self.budget)) for one in problems_of(examples)]
        return Predictions(examples, as_objects(plans))

    def save(self, folder: Path) -> None:
        """The budget that makes the plans repeatable."""
        write_json(folder / "planner.json", budget_json(self.budget))

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.budget = load_budget(folder / "planner.json")


class Engine:
    """Ruin and recreate from savings; with trips in the history, on learned travel times.

    Then: solve on usual times, re-time each stop's ways at the hour at which the plan is there, solve again from that
    plan. The quantile that is planned with guards windows against late hours.
    """

    def __init__(self, name: str = "sisr") -> None:
        self.name = name
        self.budget = Budget()
        self.travel: TravelTimes | None = None

    @property
    def notes(self) -> dict[str, object]:
        """What the report says of the core."""
        return {"travel times": "from the matrix"} if self.travel is None else self.travel.notes

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Learn travel times where the examples hold finished trips."""
        self.budget = budget
        self.travel = TravelTimes.fit(train, valid, budget, self.travel)

    def predict(self, examples: Examples) -> Predictions:
        """(N,) plans."""
        return Predictions(examples, as_objects([self.plan(one) for one in problems_of(examples)]))

    def plan(self, problem: Problem) -> Plan:
        """One problem's plan, with a reason for each stop that is left out."""
        moves = self.budget.iterations or MOVES.get(self.budget.preset, MOVES["standard"])
        effort = Effort(moves=moves, seed=self.budget.seed, threads=1)
        if self.travel is None or problem.origin is None or problem.place is None:
            return with_reasons(problem, search(problem, effort, savings_routes(problem)))
        effort = replace(effort, moves=moves // 2)
        usual = self.travel.at(problem, None)
        first = search(usual, effort, savings_routes(usual))
        timed = self.travel.at(usual, retimed(usual, first))
        kept = [one for one in first.routes if is_on_time(timed, one)]
        second = search(timed, replace(effort, seed=effort.seed + 1), kept)
        plan = replace(second, iterations=2 * second.iterations, routes=departing(timed, second))
        return with_reasons(timed, plan)

    def save(self, folder: Path) -> None:
        """JSON, and the travel-time model's own files."""
        write_json(folder / "engine.json", budget_json(self.budget) | {"travel": self.travel is not None})
        if self.travel is not None:
            self.travel.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        import json

        self.budget = load_budget(folder / "engine.json")
        has = json.loads((folder / "engine.json").read_text())["travel"]
        self.travel = TravelTimes.load(folder) if has else None


def is_on_time(problem: Problem, route: Route) -> bool:
    """Whether a route keeps every rule, windows taken as walls."""
    return not timed_route(replace(problem, lateness=None), route).faults


def budget_json(budget: Budget) -> dict[str, object]:
    """What of a budget decides a plan."""
    return {"seed": budget.seed, "preset": budget.preset, "iterations": budget.iterations}


def load_budget(path: Path) -> Budget:
    """A budget from :func:`budget_json`."""
    import json

    stored = json.loads(path.read_text())
    return Budget(seed=stored["seed"], preset=stored["preset"], iterations=stored["iterations"])


def as_objects(plans: list[Plan]) -> np.ndarray:
    """(N,) object array."""
    out = np.empty(len(plans), dtype=object)
    out[:] = plans
    return out


def _pyvrp(problem: Problem, budget: Budget) -> Plan:
    tried = budget.iterations or PYVRP_ITERATIONS.get(budget.preset, PYVRP_ITERATIONS["standard"])
    return peers.pyvrp_plan(problem, seed=budget.seed, iterations=tried)


def _vroom(problem: Problem, budget: Budget) -> Plan:
    return peers.vroom_plan(problem, exploration=EXPLORATION.get(budget.preset, EXPLORATION["standard"]))


def _built(name: str, module: str, plan: Callable[[Problem, Budget], Plan]) -> Planner:
    from verticals_plugins import need

    need(module, extra="logistics")
    return Planner(name, plan)


SAVINGS = Baseline(
    "savings", build=lambda task: Planner("savings", lambda problem, budget: savings(problem)),
    summary="Clarke & Wright's savings",
)  # fmt: skip
PYVRP = Baseline("pyvrp", build=lambda task: _built("pyvrp", "pyvrp", _pyvrp), summary="PyVRP's default solver")
VROOM = Baseline(
    "vroom", build=lambda task: _built("vroom", "vroom", _vroom),
    summary="VROOM's solver",
)  # fmt: skip
SISR = Baseline("sisr", build=lambda task: Engine(), summary="ruin and recreate on learned travel times")
