"""Clarke & Wright's savings (Operations Research 12, 1964): merge routes end to end where it saves most.

Pairs come from each stop's nearest neighbours, so that stops near a depot are not left alone. What the merging leaves
over (shipments, a fleet that is too small) is put in at its cheapest place.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from verticals_logistics.checker import timed
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem, load

NEIGHBOURS = 100


@dataclass
class Tour:
    """A route being merged: its stops in order, their load, the depot group it starts from."""

    stops: list[int]
    load: np.ndarray
    depot: int | None = field(default=None)


def savings(problem: Problem) -> Plan:
    """A plan by savings, then cheapest insertion of what is left."""
    began = time.perf_counter()
    start = savings_routes(problem)
    plan = search(problem, Effort(moves=0), start)
    return replace(plan, engine="savings", seconds=time.perf_counter() - began)


def savings_routes(problem: Problem) -> list[Route]:
    """Routes by savings within the fleet; stops of shipments are left out."""
    if problem.shipments or problem.backhauls_last or not problem.stops:
        return []
    tours = _singles(problem)
    dims = max(1, problem.dimensions)
    most = {depot: _most(problem, depot, dims) for depot in {one.depot for one in tours}}
    simple = _is_simple(problem)
    of = list(range(len(problem.stops)))
    for i, j in _pairs(problem, tours):
        a, b = tours[of[i]], tours[of[j]]
        if a is b or a.depot != b.depot or a.stops[-1] != i or b.stops[0] != j:
            if not simple or a is b or a.depot != b.depot:
                continue
            a, b = _turned(a, b, i, j)
            if a.stops[-1] != i or b.stops[0] != j:
                continue
        if (a.load + b.load > most[a.depot] + 1e-9).any():
            continue
        if not simple and not _feasible(problem, [*a.stops, *b.stops], a.depot):
            continue
        kept, gone = of[a.stops[0]], of[j]
        tours[kept] = Tour([*a.stops, *b.stops], a.load + b.load, a.depot)
        for stop in b.stops:
            of[stop] = kept
        if gone != kept:
            tours[gone] = Tour([], b.load, b.depot)
    return _assign(problem, [one for one in tours if one.stops])


def _turned(a: Tour, b: Tour, i: int, j: int) -> tuple[Tour, Tour]:
    """Both tours so that ``i`` ends the first and ``j`` begins the second, if they can be turned that way."""
    if a.stops[0] == i:
        a = replace(a, stops=a.stops[::-1])
    if b.stops[-1] == j:
        b = replace(b, stops=b.stops[::-1])
    return a, b


def _is_simple(problem: Problem) -> bool:
    """Only loads matter, and ways cost the same both ways."""
    free = all(not one.windows and one.vehicles is None and not any(one.pickup) for one in problem.stops)
    fleet = all(np.isinf([v.shift[1], v.max_duration, v.max_distance]).all() for v in problem.vehicles)
    return free and fleet and bool((problem.distance == problem.distance.T).all())


def _cost(problem: Problem) -> np.ndarray:
    first = problem.vehicles[0]
    free = first.per_distance == 0 and first.per_time == 0
    return np.asarray(problem.distance if free else _plus(problem, first.per_distance, first.per_time))


def _plus(problem: Problem, per_distance: float, per_time: float) -> np.ndarray:
    """Cost of ways; a factor of 0 leaves the matrix out, so that 0 times no road is no question."""
    out = np.zeros_like(problem.distance)
    for factor, matrix in ((per_distance, problem.distance), (per_time, problem.duration)):
        out = out + factor * matrix if factor else out
    return out


def _singles(problem: Problem) -> list[Tour]:
    """One tour a stop, from the nearest depot that some vehicle starts at."""
    homes = sorted({one.start for one in problem.vehicles if one.start is not None})
    cost, dims = _cost(problem), max(1, problem.dimensions)
    out = []
    for number, stop in enumerate(problem.stops):
        near = min(homes, key=lambda home: cost[problem.depots[home].place, stop.place]) if homes else None
        out.append(Tour([number], load(stop.demand, dims) + load(stop.pickup, dims), near))
    return out


def _pairs(problem: Problem, tours: list[Tour]) -> list[tuple[int, int]]:
    """Pairs (i, j) of neighbours by falling savings c(i, depot) + c(depot, j) - c(i, j)."""
    cost = _cost(problem)
    place = np.array([one.place for one in problem.stops])
    home = np.array([place[0] if one.depot is None else problem.depots[one.depot].place for one in tours])
    between = cost[np.ix_(place, place)].astype(float)
    np.fill_diagonal(between, np.inf)
    near = np.argsort(between, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(place) - 1)]
    i = np.repeat(np.arange(len(place)), near.shape[1])
    j = near.ravel()
    saved = cost[place[i], home[i]] + cost[home[j], place[j]] - between[i, j]
    good = np.flatnonzero(np.isfinite(saved) & (saved > 0))
    order = good[np.argsort(-saved[good], kind="stable")]
    return list(zip(i[order].tolist(), j[order].tolist(), strict=True))


def _most(problem: Problem, depot: int | None, dims: int) -> np.ndarray:
    """The largest capacity among the depot's vehicles, by dimension."""
    rows = [one for one in problem.vehicles if one.start == depot]
    full = [np.concatenate([one.capacity, np.full(dims - len(one.capacity), np.inf)]) for one in rows]
    return np.asarray(np.max(full, axis=0)) if full else np.full(dims, np.inf)


def _feasible(problem: Problem, stops: list[int], depot: int | None) -> bool:
    kinds = [number for number, one in enumerate(problem.vehicles) if one.start == depot]
    return any(not timed(problem, Route(kind, tuple(stops))).faults for kind in kinds)


def _assign(problem: Problem, tours: list[Tour]) -> list[Route]:
    """The cheapest vehicle that is left for each tour, the fullest tour first; tours without one are dropped."""
    left = [len(problem.stops) if one.count is None else one.count for one in problem.vehicles]
    out = []
    for tour in sorted(tours, key=lambda one: (-float(one.load.sum()), one.stops)):
        offers = []
        for kind, one in enumerate(problem.vehicles):
            if left[kind] and one.start == tour.depot:
                found = timed(problem, Route(kind, tuple(tour.stops)))
                if not found.faults:
                    offers.append((found.cost, kind))
        if offers:
            kind = min(offers)[1]
            left[kind] -= 1
            out.append(Route(kind, tuple(tour.stops)))
    return out
