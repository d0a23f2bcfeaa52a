"""Clarke & Wright's savings (Operations Research 12, 1964): merge routes end to end where it saves most.

Pairs come from each stop's nearest neighbours, so that stops near a depot are not left alone. What the merging leaves
over (shipments, a fleet that is too small) is put in at its cheapest place.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from verticals_logistics.checker import timed
from verticals_logistics.engine.arrays import nearest
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem, capacity, load

NEIGHBOURS = 50


@dataclass
class Tour:
    """A route being merged: its stops in order, their load (D), the depot it starts from."""

    stops: list[int]
    load: tuple[float, ...]
    depot: int | None


def savings(problem: Problem) -> Plan:
    """A plan by savings, then cheapest insertion of what is left."""
    began = time.perf_counter()
    start = savings_routes(problem)
    plan = search(problem, Effort(moves=0), start)
    return replace(plan, engine="savings", seconds=time.perf_counter() - began)


def savings_routes(problem: Problem) -> list[Route]:
    """Routes by savings within the fleet; stops of shipments are left out."""
    problem = replace(problem, lateness=None)
    if problem.shipments or problem.backhauls_last or not problem.stops:
        return []
    tours = _singles(problem)
    most = {depot: _most(problem, depot) for depot in {one.depot for one in tours}}
    simple = _is_simple(problem)
    of = list(range(len(problem.stops)))
    for i, j in _pairs(problem, tours):
        a, b = tours[of[i]], tours[of[j]]
        if a is b or a.depot != b.depot or not _ends_meet(a.stops, b.stops, i, j, simple):
            continue
        load = tuple(x + y for x, y in zip(a.load, b.load, strict=True))
        if any(x > y for x, y in zip(load, most[a.depot], strict=True)):
            continue
        left = a.stops if a.stops[-1] == i else a.stops[::-1]
        right = b.stops if b.stops[0] == j else b.stops[::-1]
        if not simple and not _feasible(problem, left + right, a.depot):
            continue
        kept, gone = of[i], of[j]
        tours[kept], tours[gone] = Tour(left + right, load, a.depot), Tour([], b.load, b.depot)
        for stop in right:
            of[stop] = kept
    return _assign(problem, [one for one in tours if one.stops])


def _ends_meet(a: list[int], b: list[int], i: int, j: int, turn: bool) -> bool:
    """Whether ``i`` ends ``a`` and ``j`` begins ``b``, turned round if that may be."""
    return (a[-1] == i and b[0] == j) or (turn and (a[0] == i or a[-1] == i) and (b[0] == j or b[-1] == j))


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
    cost, dims = _cost(problem), problem.dimensions
    out = []
    for number, stop in enumerate(problem.stops):
        near = min(homes, key=lambda home: cost[problem.depots[home].place, stop.place]) if homes else None
        amount = load(stop.demand, dims) + load(stop.pickup, dims)
        out.append(Tour([number], tuple(amount.tolist()), near))
    return out


def _pairs(problem: Problem, tours: list[Tour]) -> list[tuple[int, int]]:
    """Pairs (i, j) of neighbours by falling savings c(i, depot) + c(depot, j) - c(i, j)."""
    cost = _cost(problem)
    place = np.array([one.place for one in problem.stops])
    home = np.array([place[0] if one.depot is None else problem.depots[one.depot].place for one in tours])
    between = cost[np.ix_(place, place)].astype(float)
    np.fill_diagonal(between, np.inf)
    near = nearest(between, NEIGHBOURS)
    i = np.repeat(np.arange(len(place)), near.shape[1])
    j = near.ravel()
    saved = cost[place[i], home[i]] + cost[home[j], place[j]] - between[i, j]
    good = np.flatnonzero(np.isfinite(saved) & (saved > 0))
    order = good[np.argsort(-saved[good], kind="stable")]
    return list(zip(i[order].tolist(), j[order].tolist(), strict=True))


def _most(problem: Problem, depot: int | None) -> list[float]:
    """The largest capacity among the depot's vehicles, by dimension."""
    full = [capacity(one, problem.dimensions) for one in problem.vehicles if one.start == depot]
    return list((np.max(full, axis=0) + 1e-9).tolist())


def _feasible(problem: Problem, stops: list[int], depot: int | None) -> bool:
    kinds = [number for number, one in enumerate(problem.vehicles) if one.start == depot]
    return any(not timed(problem, Route(kind, tuple(stops))).faults for kind in kinds)


def _assign(problem: Problem, tours: list[Tour]) -> list[Route]:
    """The cheapest vehicle that is left for each tour, the fullest tour first; tours without one are dropped."""
    left = [len(problem.stops) if one.count is None else one.count for one in problem.vehicles]
    out = []
    for tour in sorted(tours, key=lambda one: (-sum(one.load), one.stops)):
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
