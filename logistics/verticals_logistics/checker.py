"""The independent checker: recomputes each cost and each constraint of a plan from the problem alone.

It shares no code with any engine. Times: a vehicle leaves as late as possible without delaying its end.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import INFINITY, Problem, Stop, Vehicle, Window, capacity, load

SLACK = 1e-6


@dataclass(frozen=True)
class Visit:
    """One stop of a route: arrival, start of service, and the load on board when leaving."""

    stop: int
    arrival: float
    start: float
    load: tuple[float, ...]


@dataclass(frozen=True)
class Timed:
    """A route recomputed: departure, end, distance, duration, cost, visits and what it breaks."""

    vehicle: int
    departure: float
    end: float
    distance: float
    cost: float
    visits: tuple[Visit, ...]
    faults: tuple[str, ...]

    @property
    def duration(self) -> float:
        """From departure to end."""
        return self.end - self.departure


@dataclass(frozen=True)
class Checked:
    """A plan recomputed: its cost with what stops left out count, and every violation in words."""

    routes: tuple[Timed, ...]
    cost: float
    penalties: float
    faults: tuple[str, ...]

    @property
    def distance(self) -> float:
        """Sum over routes."""
        return sum(one.distance for one in self.routes)

    @property
    def duration(self) -> float:
        """Sum over routes."""
        return sum(one.duration for one in self.routes)


def check(problem: Problem, plan: Plan) -> Checked:
    """Recompute a plan. A required stop that is left out is not a fault if the plan says so with a reason."""
    routes = tuple(timed(problem, one) for one in plan.routes)
    faults = [f"route {number + 1}: {what}" for number, one in enumerate(routes) for what in one.faults]
    faults += _served_once(problem, plan) + _fleet(problem, plan)
    left = [problem.stops[one.stop] for one in plan.unserved]
    penalties = float(sum(problem.forfeit if stop.penalty is None else stop.penalty for stop in left))
    return Checked(routes, sum(one.cost for one in routes) + penalties, penalties, tuple(faults))


def timed(problem: Problem, route: Route) -> Timed:
    """One route's times, loads, distance, cost and faults."""
    vehicle = problem.vehicles[route.vehicle]
    places = route_places(problem, route)
    faults = [f"no road from place {a} to {b}" for a, b in _legs(places) if not math.isfinite(_far(problem, a, b))]
    distance = float(sum(problem.distance[a, b] for a, b in _legs(places)))
    _, _, end, late = _forward(problem, vehicle, route, vehicle.shift[0])
    after = sum(over for _, over in late)
    if problem.lateness is None:
        faults += [f"stop {problem.stops[one].id} is reached {over:g} after its last window" for one, over in late]
    departure = _departure(problem, vehicle, route, end, {number for number, _ in late})
    arrivals, starts, _, _ = _forward(problem, vehicle, route, departure)
    loads, over = _loads(problem, vehicle, route)
    faults += over
    duration = end - departure
    if problem.lateness is not None:
        after += max(0.0, end - vehicle.shift[1])
    elif end > vehicle.shift[1] + SLACK:
        faults.append(f"it ends at {end:g}, after the shift's end {vehicle.shift[1]:g}")
    if duration > vehicle.max_duration + SLACK:
        faults.append(f"it takes {duration:g}, more than {vehicle.max_duration:g}")
    if distance > vehicle.max_distance + SLACK:
        faults.append(f"it is {distance:g} long, more than {vehicle.max_distance:g}")
    faults += _order(problem, route)
    cost = vehicle.fixed + _times(vehicle.per_distance, distance) + _times(vehicle.per_time, duration)
    cost += _times(problem.lateness or 0.0, after)
    visits = tuple(Visit(*one) for one in zip(route.stops, arrivals, starts, loads, strict=True))
    return Timed(route.vehicle, departure, end, distance, cost, visits, tuple(faults))


def _times(factor: float, amount: float) -> float:
    """A product in which nothing times no road is nothing."""
    return factor * amount if factor else 0.0


def route_places(problem: Problem, route: Route) -> list[int]:
    """Places in order, the depots at both ends where there are any."""
    vehicle = problem.vehicles[route.vehicle]
    inner = [problem.stops[one].place for one in route.stops]
    start = [] if vehicle.start is None else [problem.depots[vehicle.start].place]
    return start + inner + ([] if vehicle.end is None else [problem.depots[vehicle.end].place])


def first_start(windows: tuple[Window, ...], arrival: float) -> float | None:
    """Earliest start of service within the windows; None if all are over."""
    for opens, closes in windows:
        if arrival <= closes + SLACK:
            return max(arrival, opens)
    return None if windows else arrival


def _legs(places: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(places))


def _far(problem: Problem, a: int, b: int) -> float:
    return float(problem.distance[a, b] + problem.duration[a, b])


def _forward(
    problem: Problem, vehicle: Vehicle, route: Route, clock: float
) -> tuple[list[float], list[float], float, list[tuple[int, float]]]:
    """Arrivals, starts of service, end, and the stops that are reached too late, for a departure at ``clock``."""
    arrivals, starts = list[float](), list[float]()
    late: list[tuple[int, float]] = []
    at: int | None = None if vehicle.start is None else problem.depots[vehicle.start].place
    for number in route.stops:
        stop = problem.stops[number]
        clock += 0.0 if at is None else float(problem.duration[at, stop.place])
        arrivals.append(clock)
        start = first_start(stop.windows, clock)
        if start is None:
            late.append((number, clock - stop.windows[-1][1]))
            start = clock
        starts.append(start)
        clock, at = start + stop.service, stop.place
    if vehicle.end is not None and at is not None:
        clock += float(problem.duration[at, problem.depots[vehicle.end].place])
    return arrivals, starts, clock, late


def _departure(problem: Problem, vehicle: Vehicle, route: Route, end: float, late: set[int]) -> float:
    """Latest departure that reaches the same end and misses no window but those of the stops ``late``."""
    if not math.isfinite(end):
        return vehicle.shift[0]
    clock, at = end, None if vehicle.end is None else problem.depots[vehicle.end].place
    for number in reversed(route.stops):
        stop = problem.stops[number]
        clock -= stop.service + (0.0 if at is None else float(problem.duration[stop.place, at]))
        clock = clock if number in late else _last_start(stop, clock)
        at = stop.place
    if vehicle.start is not None and at is not None:
        clock -= float(problem.duration[problem.depots[vehicle.start].place, at])
    return max(clock, vehicle.shift[0])


def _last_start(stop: Stop, limit: float) -> float:
    for opens, closes in reversed(stop.windows):
        if opens <= limit + SLACK:
            return min(limit, closes)
    return limit


def _loads(problem: Problem, vehicle: Vehicle, route: Route) -> tuple[list[tuple[float, ...]], list[str]]:
    dims = problem.dimensions
    most = capacity(vehicle, dims)
    stops = [problem.stops[one] for one in route.stops]
    on_board = sum((load(one.demand, dims) for one in stops), np.zeros(dims))
    faults = [_too_much(on_board, most, "the depot")] if (on_board > most + SLACK).any() else []
    paired, loads = problem.paired, []
    for number, stop in zip(route.stops, stops, strict=True):
        on_board = on_board - load(stop.demand, dims) + load(stop.pickup, dims)
        if number in paired:
            shipment = problem.shipments[paired[number]]
            sign = 1.0 if shipment.pickup == number else -1.0
            on_board = on_board + sign * load(shipment.amount, dims)
        if (on_board > most + SLACK).any():
            faults.append(_too_much(on_board, most, f"stop {stop.id}"))
        loads.append(tuple(float(one) for one in on_board))
    return loads, faults


def _too_much(on_board: np.ndarray, most: np.ndarray, where: str) -> str:
    worst = int(np.argmax(on_board - most))
    return f"{on_board[worst]:g} on board after {where}, capacity {most[worst]:g}"


def _order(problem: Problem, route: Route) -> list[str]:
    """Shipments whole and pickup first, allowed vehicles, deliveries before backhauls."""
    faults, position = [], {stop: place for place, stop in enumerate(route.stops)}
    paired = problem.paired
    for stop in route.stops:
        one = problem.stops[stop]
        if one.vehicles is not None and route.vehicle not in one.vehicles:
            faults.append(f"stop {one.id} may not be served by vehicle {problem.vehicles[route.vehicle].id}")
        if stop in paired:
            shipment = problem.shipments[paired[stop]]
            if position.get(shipment.pickup, INFINITY) >= position.get(shipment.delivery, -1):
                faults.append(f"the shipment of stop {one.id} is not picked up before it is delivered on this route")
    if problem.backhauls_last:
        back = [place for place, stop in enumerate(route.stops) if any(problem.stops[stop].pickup)]
        out = [place for place, stop in enumerate(route.stops) if any(problem.stops[stop].demand)]
        if back and out and min(back) < max(out):
            faults.append("a pickup comes before a delivery")
    return faults


def _served_once(problem: Problem, plan: Plan) -> list[str]:
    seen = np.zeros(len(problem.stops), dtype=int)
    for route in plan.routes:
        for stop in route.stops:
            seen[stop] += 1
    left = {one.stop for one in plan.unserved}
    faults = [f"stop {problem.stops[i].id} is served {n} times" for i, n in enumerate(seen) if n > 1]
    faults += [
        f"stop {problem.stops[i].id} is missing without a reason" for i in np.flatnonzero(seen == 0) if i not in left
    ]
    return faults + [f"stop {problem.stops[i].id} is both served and left out" for i in left if seen[i]]


def _fleet(problem: Problem, plan: Plan) -> list[str]:
    used = np.bincount([one.vehicle for one in plan.routes], minlength=len(problem.vehicles))
    return [
        f"{used[number]} vehicles of type {one.id} are used, {one.count} there are"
        for number, one in enumerate(problem.vehicles)
        if one.count is not None and used[number] > one.count
    ]
