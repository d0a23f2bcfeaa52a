"""PyVRP and VROOM as baselines, and as engines for rules that ours does not cover (extra "logistics")."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem, capacity, load
from verticals_plugins import DataError, need

WHOLE = 1_000_000
"""Peers compute with whole numbers: coefficients are scaled so that costs stay below this times the largest way."""


def scale_of(problem: Problem) -> float:
    """1 where every number is whole, else a power of ten that keeps three decimals."""
    parts = [problem.distance, problem.duration, np.array([one.service for one in problem.stops])]
    parts += [np.array([window for one in problem.stops for window in one.windows]).ravel()]
    whole = all((part[np.isfinite(part)] % 1 == 0).all() for part in parts)
    return 1.0 if whole else 1000.0


def _int(value: float, scale: float, most: int = 1 << 40) -> int:
    return most if not np.isfinite(value) else min(most, round(value * scale))


@dataclass(frozen=True)
class Until:
    """Stop when ``clock`` says so (PyVRP's own criterion knows the wall-clock alone)."""

    end: float
    clock: Callable[[], float]

    def __call__(self, best_cost: float) -> bool:
        return self.clock() >= self.end


def pyvrp_plan(
    problem: Problem, *, seed: int, iterations: int | None = None, seconds: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Plan:  # fmt: skip
    """PyVRP's default solver for a number of iterations, or for ``seconds`` of ``clock``.

    Raises:
        DataError: shipments, several windows or backhauls after deliveries, which PyVRP does not know.
        MissingExtraError: pyvrp is not installed.
    """
    pyvrp: Any = need("pyvrp", extra="logistics")
    stop_at: Any = need("pyvrp.stop", extra="logistics")
    _refuse(problem, "PyVRP")
    began = clock()
    data = _pyvrp_data(pyvrp, problem)
    stop = stop_at.MaxIterations(iterations) if iterations is not None else Until(began + (seconds or 0.0), clock)
    found = pyvrp.solve(data, stop, seed=seed, display=False).best
    took, tried = clock() - began, iterations or 0
    if not found.is_feasible():
        return Plan(problem.id, (), engine="pyvrp", iterations=tried, seconds=took)
    routes = [
        Route(int(route.vehicle_type()), tuple(int(one.idx) for one in route if one.is_client()))
        for route in found.routes()
    ]
    return Plan(problem.id, tuple(routes), engine="pyvrp", iterations=tried, seconds=took)


def _pyvrp_data(pyvrp: Any, problem: Problem) -> Any:
    scale, dims = scale_of(problem), problem.dimensions
    money = 1.0 if _whole_costs(problem) else 1000.0
    most = int(pyvrp.constants.MAX_VALUE)
    far, long = (np.where(np.isfinite(one), np.round(one * scale), most).astype(np.int64)
                 for one in (problem.distance, problem.duration))  # fmt: skip
    place = np.zeros((len(far), 2)) if problem.place is None else np.nan_to_num(problem.place)
    clients = []
    for one in problem.stops:
        early, late = one.windows[0] if one.windows else (0.0, np.inf)
        optional = one.penalty is not None
        clients.append(pyvrp.Client(
            one.place, delivery=_ints(load(one.demand, dims), scale), pickup=_ints(load(one.pickup, dims), scale),
            service_duration=_int(one.service, scale), tw_early=_int(early, scale), tw_late=_int(late, scale),
            prize=_int(one.penalty or 0.0, scale * money), required=not optional,
        ))  # fmt: skip
    types = [pyvrp.VehicleType(
        len(problem.stops) if one.count is None else one.count, _ints(capacity(one, dims), scale), one.start, one.end,
        fixed_cost=_int(one.fixed, scale * money), tw_early=_int(one.shift[0], scale), tw_late=_int(one.shift[1],
            scale),
        shift_duration=_int(one.max_duration, scale), max_distance=_int(one.max_distance, scale),
        unit_distance_cost=_int(one.per_distance, money), unit_duration_cost=_int(one.per_time, money),
    ) for one in problem.vehicles]  # fmt: skip
    return pyvrp.ProblemData(
        [pyvrp.Location(float(x), float(y)) for x, y in place], clients,
        [pyvrp.Depot(one.place) for one in problem.depots], types, [far], [long],
    )  # fmt: skip


def _whole_costs(problem: Problem) -> bool:
    numbers = [x for one in problem.vehicles for x in (one.fixed, one.per_distance, one.per_time)]
    return all(float(one).is_integer() for one in numbers)


def _ints(values: np.ndarray, scale: float) -> list[int]:
    return [_int(float(one), scale) for one in values]


def _refuse(problem: Problem, engine: str) -> None:
    """What neither peer is given: they would drop the rule."""
    told = {
        "shipments": bool(problem.shipments) and engine == "PyVRP",
        "several time windows of a stop": engine == "PyVRP" and any(len(one.windows) > 1 for one in problem.stops),
        "deliveries before pickups": problem.backhauls_last,
        "stops for certain vehicles": engine == "PyVRP" and any(one.vehicles is not None for one in problem.stops),
        "routes without a depot": engine == "PyVRP" and any(None in (one.start, one.end) for one in problem.vehicles),
        "prizes": engine == "VROOM" and any(one.penalty is not None for one in problem.stops),
        "a limit of duration": engine == "VROOM" and any(np.isfinite(one.max_duration) for one in problem.vehicles),
        "vehicles of different costs": engine == "VROOM"
        and len({(one.per_distance, one.per_time) for one in problem.vehicles}) > 1,
    }  # fmt: skip
    what = [name for name, found in told.items() if found]
    if what:
        raise DataError(f"{engine} is not asked about {problem.id}: it does not know {', '.join(what)}.")


def vroom_plan(problem: Problem, *, threads: int = 1, exploration: int = 5, seconds: float | None = None) -> Plan:
    """VROOM's search on a matrix of costs; ``exploration`` 0 to 5.

    Raises:
        DataError: a rule that VROOM does not know.
        MissingExtraError: pyvroom is not installed.
    """
    from datetime import timedelta

    vroom: Any = need("vroom", extra="logistics")
    _refuse(problem, "VROOM")
    began = time.perf_counter()
    scale, dims = scale_of(problem), problem.dimensions
    given, kinds = _vroom_input(vroom, problem, scale, dims)
    limit = None if seconds is None else timedelta(seconds=max(0.05, seconds - (time.perf_counter() - began)))
    found = given.solve(exploration, threads, limit)
    routes: list[Route] = []
    table = found.routes
    for vehicle, rows in table.groupby("vehicle_id", sort=True):
        visits = rows[rows["type"].isin(["job", "pickup", "delivery"])]
        routes.append(Route(kinds[int(vehicle)], tuple(int(one) for one in visits["id"])))
    return Plan(
        problem.id, tuple(one for one in routes if one.stops), engine="vroom", seconds=time.perf_counter() - began
    )


def _vroom_input(vroom: Any, problem: Problem, scale: float, dims: int) -> tuple[Any, list[int]]:
    most = 10_000_000
    given = vroom.Input()
    first = problem.vehicles[0]
    cost = np.zeros_like(problem.distance)
    for factor, matrix in ((first.per_distance, problem.distance), (first.per_time, problem.duration)):
        cost = cost + factor * matrix if factor else cost
    long, costs = (np.where(np.isfinite(one), np.minimum(np.round(one * scale), most), most).astype(np.uint32)
                   for one in (problem.duration, cost))  # fmt: skip
    far = np.where(np.isfinite(problem.distance), np.minimum(np.round(problem.distance * scale), most), most)
    given.set_durations_matrix("car", long)
    given.set_distances_matrix("car", far.astype(np.uint32))
    given.set_costs_matrix("car", costs)
    paired = {end for one in problem.shipments for end in (one.pickup, one.delivery)}
    for number, one in enumerate(problem.stops):
        if number not in paired:
            given.add_job(vroom.Job(
                number, one.place, default_service=_int(one.service, scale),
                delivery=vroom.Amount(_ints(load(one.demand, dims), scale)),
                pickup=vroom.Amount(_ints(load(one.pickup, dims), scale)), skills=_skills(one.vehicles, number),
                time_windows=_windows(vroom, one.windows, scale),
            ))  # fmt: skip
    for ship in problem.shipments:
        ends = [vroom.ShipmentStep(
            end, problem.stops[end].place, default_service=_int(problem.stops[end].service, scale),
            time_windows=_windows(vroom, problem.stops[end].windows, scale),
        ) for end in (ship.pickup, ship.delivery)]  # fmt: skip
        given.add_shipment(vroom.Shipment(*ends, amount=vroom.Amount(_ints(load(ship.amount, dims), scale)),
                                          skills=_skills(problem.stops[ship.pickup].vehicles,
                                              ship.pickup)))  # fmt: skip
    return given, _vroom_fleet(vroom, given, problem, scale, dims)


def _vroom_fleet(vroom: Any, given: Any, problem: Problem, scale: float, dims: int) -> list[int]:
    """Adds each vehicle by itself; where there are as many as needed, half as many again as their loads ask for."""
    total = np.sum([load(one.demand, dims) + load(one.pickup, dims) for one in problem.stops], axis=0)
    kinds: list[int] = []
    for kind, one in enumerate(problem.vehicles):
        full = capacity(one, dims)
        fill = float(np.max(total / full, initial=1.0)) if np.isfinite(full).all() and full.all() else 1.0
        count = one.count if one.count is not None else min(len(problem.stops), int(1.5 * fill) + 5)
        place = [None if end is None else problem.depots[end].place for end in (one.start, one.end)]
        shift = (
            None if np.isinf(one.shift[1]) else vroom.TimeWindow(_int(one.shift[0], scale), _int(one.shift[1], scale))
        )
        can = {
            number + 1
            for number, stop in enumerate(problem.stops)
            if stop.vehicles is not None and kind in stop.vehicles
        }
        for _ in range(min(count, len(problem.stops))):
            given.add_vehicle(vroom.Vehicle(
                len(kinds), *place, capacity=vroom.Amount([min(one, 1 << 30) for one in _ints(full, scale)]),
                    skills=can,
                time_window=shift, costs=vroom.VehicleCosts(fixed=_int(one.fixed, scale)),
                **({} if np.isinf(one.max_distance) else {"max_distance": _int(one.max_distance, scale)}),
            ))  # fmt: skip
            kinds.append(kind)
    return kinds


def _skills(vehicles: frozenset[int] | None, number: int) -> set[int]:
    return set() if vehicles is None else {number + 1}


def _windows(vroom: Any, windows: tuple[tuple[float, float], ...], scale: float) -> list[Any]:
    return [vroom.TimeWindow(_int(opens, scale), _int(closes, scale)) for opens, closes in windows]
