"""Travel times learnt from finished trips: quantiles by place, distance, hour and day of the week."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals_logistics.checker import Timed, timed
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem
from verticals_plugins import Budget, CoreSpec, Examples, Objects, Table

HOUR = 3600.0
SPEC = CoreSpec(
    stems=("nodes", "table"), head="regress", width=24, layers=1, heads=2, epochs=6, batch=256, learning_rate=4e-3
)
"""The core of travel times: both ends of a trip as nodes, the hour and the way as a table."""
PLANNED = 0.5
"""Quantile that plans use; the later quantiles tell how late an arrival may be."""


@dataclass(frozen=True)
class Outcome:
    """What is known after a day: its trips, and for simulated days the traffic itself.

    ``trips`` has columns departed (seconds of the problem's clock), x1, y1, x2, y2, distance (of the problem's unit)
    and seconds. ``traffic`` (H, L, L) are durations by hour of departure.
    """

    trips: pd.DataFrame
    traffic: np.ndarray | None = None


def problems_of(examples: Examples) -> list[Problem]:
    """The problems of the block "problem"."""
    block = examples.inputs["problem"]
    assert isinstance(block, Objects)
    return list(block.values)


class TravelTimes:
    """A core that says how long a way takes at an hour."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self.notes: dict[str, object] = {}

    @classmethod
    def fit(
        cls, train: Examples, valid: Examples | None, budget: Budget, earlier: TravelTimes | None
    ) -> TravelTimes | None:
        """Learn from the trips of the days in ``train``; None if there are none."""
        from verticals.model.core import CoreMethod

        trips = trip_examples(train)
        if trips is None or not len(trips):
            return None
        checked = None if valid is None else trip_examples(valid)
        core = CoreMethod(SPEC) if earlier is None else earlier.core
        core.fit(trips, checked, budget)
        found = cls(core)
        found.notes = {"travel times from trips": len(trips), **core.notes}
        if checked is not None:
            found.notes["median error %"] = round(float(np.abs(np.expm1(
                core.predict(checked).values[:, 0, 2] - np.asarray(checked.truth))).mean()) * 100, 1)  # fmt: skip
        return found

    def at(self, problem: Problem, hours: np.ndarray | None) -> Problem:
        """The problem with the durations that are usual when each place is left at ``hours`` (L,), None = mid-shift."""
        if problem.place is None or problem.origin is None:
            return problem
        size = len(problem.place)
        if hours is None:
            shift = [one.shift for one in problem.vehicles if np.isfinite(one.shift[1])]
            middle = float(np.mean([sum(one) / 2 for one in shift])) if shift else 12 * HOUR
            hours = np.full(size, middle)
        i, j = (one.ravel() for one in np.indices((size, size)))
        ways = pd.DataFrame({
            "departed": hours[i], "x1": problem.place[i, 0], "y1": problem.place[i, 1], "x2": problem.place[j, 0],
            "y2": problem.place[j, 1], "distance": problem.distance[i, j], "seconds": 1.0,
        })  # fmt: skip
        said = self.core.predict(pack([(problem.origin, ways)]))
        level = said.levels.index(PLANNED)
        long = (np.exp(said.values[:, 0, level]) * ways["distance"].to_numpy()).reshape(size, size)
        long[np.isinf(problem.duration)] = np.inf
        np.fill_diagonal(long, 0.0)
        return replace(problem, duration=long)

    def save(self, folder: Path) -> None:
        """The core's own files."""
        self.core.save(folder)

    @classmethod
    def load(cls, folder: Path) -> TravelTimes:
        """Read what :meth:`save` wrote."""
        from verticals.model.core import CoreMethod

        core = CoreMethod(SPEC)
        core.load(folder)
        found = cls(core)
        found.notes = dict(core.notes)
        return found


def trip_examples(examples: Examples) -> Examples | None:
    """All trips of the examples' days, as examples of their own."""
    if examples.truth is None:
        return None
    days = [
        (problem.origin, outcome.trips)
        for problem, outcome in zip(problems_of(examples), examples.truth, strict=True)
        if isinstance(outcome, Outcome) and problem.origin is not None and len(outcome.trips)
    ]
    return pack(days) if days else None


def pack(days: list[tuple[np.datetime64, pd.DataFrame]]) -> Examples:
    """Trips as examples; the truth is the logarithm of seconds per unit of distance."""
    trips = pd.concat([one for _, one in days], ignore_index=True)
    weekday = np.concatenate([
        np.full(len(one), (origin.astype("datetime64[D]").astype(int) + 3) % 7, dtype=float) for origin, one in days
    ])  # fmt: skip
    hour = trips["departed"].to_numpy() / HOUR
    far = np.maximum(trips["distance"].to_numpy(dtype=float), 1e-6)
    table = pd.DataFrame({"hour": hour, "log distance": np.log(far), "weekday": weekday, "weekend": weekday >= 5})
    ends = trips[["x1", "y1", "x2", "y2"]].to_numpy(dtype=float).reshape(-1, 2, 2)
    from verticals.model.stems.nodes import Nodes

    frame = pd.DataFrame({"id": np.arange(len(trips)).astype(str), "entity": "trip", "time": np.datetime64(0, "ns")})
    pace = np.log(np.maximum(trips["seconds"].to_numpy(dtype=float), 1.0) / far)
    return Examples(frame, {"nodes": Nodes(ends), "table": Table(table.astype(float))}, pace)


def retimed(problem: Problem, plan: Plan) -> np.ndarray:
    """(L,) when each place is left in the plan; the shift's middle for places it does not visit."""
    shift = [one.shift for one in problem.vehicles if np.isfinite(one.shift[1])]
    middle = float(np.mean([sum(one) / 2 for one in shift])) if shift else 12 * HOUR
    left = np.full(len(problem.distance), middle)
    starts: dict[int, list[float]] = {}
    for route in plan.routes:
        found, vehicle = timed(problem, route), problem.vehicles[route.vehicle]
        for visit in found.visits:
            stop = problem.stops[visit.stop]
            left[stop.place] = visit.start + stop.service
        if vehicle.start is not None:
            starts.setdefault(problem.depots[vehicle.start].place, []).append(found.departure)
    for place, times in starts.items():
        left[place] = float(np.mean(times))
    return left


def departing(problem: Problem, plan: Plan) -> tuple[Route, ...]:
    """The plan's routes with the departures that the problem's durations ask for."""
    return tuple(replace(one, departure=timed(problem, one).departure) for one in plan.routes)


@dataclass(frozen=True)
class Driven:
    """A route as the day went: end, duration, distance, and minutes late at each stop."""

    end: float
    duration: float
    distance: float
    late: tuple[float, ...]


def drive(problem: Problem, route: Route, traffic: np.ndarray | None) -> Driven:
    """A route driven through the day's traffic; without traffic, on the problem's own durations."""
    planned: Timed = timed(problem, route)
    vehicle = problem.vehicles[route.vehicle]
    clock = planned.departure if route.departure is None else route.departure
    began, late = clock, []
    at = None if vehicle.start is None else problem.depots[vehicle.start].place
    for number in route.stops:
        stop = problem.stops[number]
        clock += _way(problem, traffic, at, stop.place, clock)
        opens = next((a for a, b in stop.windows if clock <= b), clock) if stop.windows else clock
        late.append(max(0.0, clock - stop.windows[-1][1]) if stop.windows else 0.0)
        clock, at = max(clock, opens) + stop.service, stop.place
    end = None if vehicle.end is None else problem.depots[vehicle.end].place
    clock += 0.0 if end is None else _way(problem, traffic, at, end, clock)
    return Driven(clock, clock - began, planned.distance, tuple(late))


def _way(problem: Problem, traffic: np.ndarray | None, a: int | None, b: int, clock: float) -> float:
    if a is None:
        return 0.0
    if traffic is None:
        return float(problem.duration[a, b])
    return float(traffic[int(clock // HOUR) % len(traffic), a, b])


__all__ = ["Outcome", "TravelTimes", "departing", "drive", "pack", "problems_of", "retimed"]
