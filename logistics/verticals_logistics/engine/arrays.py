"""A problem as flat arrays for the compiled search.

Legend: S stops, K depots, N = S + K + 1 matrix nodes (stops, depots, and "nowhere" at no distance from anything, for
routes that begin or end at a stop), V vehicle types, U kinds of cost per edge, R route slots, D load dimensions,
W windows a stop, A neighbours a stop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from verticals_logistics.problem import Problem, capacity, load

NEIGHBOURS = 100
BESIDE = 40
BESIDE_TIMED = 80


def _record(**fields: str) -> np.dtype[np.void]:
    """A record type from type -> names, aligned so that the compiled code reads it fast."""
    return np.dtype([(name, kind) for kind, names in fields.items() for name in names.split()], align=True)


STOP = _record(i8="partner", f8="service penalty key0 key1 key2 key3 key4", bool="first")
"""Partner: the shipment's other end, -1 = none; keys: orders of recreation, small first."""
TYPE = _record(i8="count used start end group", f8="fixed per_distance per_time opens closes max_duration max_distance")
NODE = _record(i4="nxt prv at route best", f8="es la edge")
"""Stops, then start and end of each slot. At: matrix node; route: slot, -1 = left out; es: earliest start of service;
la: latest arrival; edge: cost to the successor; best: the successor in the best solution."""
ROUTE = _record(
    i8="kind size stamp ruined seen touched best_kind old_kind old_size",
    f8="far drive cost old_far old_drive old_cost",
)
"""Kind: vehicle type, -1 = unused; stamp, ruined, seen: the last move that changed, ruined, looked at it."""
WORK = _record(i8="stop after slot seq unit", f8="key into out")
"""Log of changes (slot -1 = an insertion), scratch for a route's nodes, units to put back with their sort keys."""
NOW = _record(
    f8="cost best", i8="routes routed logged touched look beside", u8="rng",
    bool="timed profile waits metered limited backhaul plain",
)  # fmt: skip
"""Costs now and of the best, tallies, and which constraints there are: timed = windows, shifts or shipments; profile =
loads go up and down on the way; waits = waiting costs; metered = routes are limited; limited = waiting counts there;
plain = none of these, loads alone decide."""


class Search(NamedTuple):
    """Everything a search reads and writes."""

    cost: np.ndarray  # (U, N, N) of an edge, the service at its head included
    back: np.ndarray  # (U, N, N) transposed, so that all ways of one stop lie together
    way: np.ndarray  # (2, N, N) distance, duration
    yaw: np.ndarray  # (2, N, N) transposed
    near: np.ndarray  # (S, A) nearest stops, nearest first
    stops: np.ndarray  # (N,) STOP
    win: np.ndarray  # (S, W, 2)
    loads: np.ndarray  # (S, 3, D) demand, pickup, change of load by a shipment
    types: np.ndarray  # (V,) TYPE
    capacity: np.ndarray  # (V, D)
    allowed: np.ndarray  # (S, V)
    nodes: np.ndarray  # (S + 2 R,) NODE
    routes: np.ndarray  # (R,) ROUTE
    held: np.ndarray  # (R, 2, D) load now and before the move
    leg: np.ndarray  # (S + 2 R, 3, D) load when leaving, its maximum up to here, its maximum from here on
    work: np.ndarray  # WORK
    now: np.ndarray  # (1,) NOW


def arrays(problem: Problem, seed: int) -> Search:
    """The problem for the search, every stop left out. Missing roads cost so much that no plan keeps one."""
    size, dims, types = len(problem.stops), max(1, problem.dimensions), problem.vehicles
    places = [one.place for one in problem.stops] + [one.place for one in problem.depots]
    place = np.array(places, dtype=np.int64)
    way, closed = _ways(problem, place)
    stops = _stops(problem, len(place) + 1)
    kinds = sorted({(one.per_distance, one.per_time) for one in types})
    cost = np.stack([pd * way[0] + pt * (way[1] + stops["service"][None, :]) for pd, pt in kinds])
    scale = float(cost.max() + max((v.fixed for v in types), default=0.0) + 1.0)
    scale += max((one.penalty or 0.0 for one in problem.stops), default=0.0)
    cost[:, closed] = 1e6 * scale
    way[:, closed] = 1e6 * (way.max() + 1)
    stops["penalty"][:size] = [1e3 * scale if one.penalty is None else one.penalty for one in problem.stops]
    _set_keys(stops, problem, way[0])
    win = _windows(problem)
    loads = _loads(problem, stops, dims)
    vehicles = _types(problem, size, len(place), kinds)
    allowed = [[one.vehicles is None or v in one.vehicles for v in range(len(types))] for one in problem.stops]
    slots = int(min(vehicles["count"].sum(), size))
    nodes, routes = _empty(size, slots)
    now = _now(problem, win, loads, vehicles, seed)
    near = _neighbours(cost[0], size).astype(np.int32)
    now["beside"] = min(near.shape[1], BESIDE_TIMED if now["timed"][0] else BESIDE)
    alone = (stops["partner"][:size] < 0) | stops["first"][:size]
    now["cost"] = now["best"] = float(stops["penalty"][:size][alone].sum())
    return Search(
        cost=cost, back=_transposed(cost), way=way, yaw=_transposed(way), near=near, stops=stops, win=win,
            loads=loads, types=vehicles,
        capacity=np.array([capacity(v, dims) for v in types]).reshape(len(types), dims),
        allowed=np.array(allowed, dtype=np.bool_).reshape(size, len(types)), nodes=nodes, routes=routes,
        held=np.zeros((slots, 2, dims)), leg=np.zeros((size + 2 * slots, 3, dims)),
        work=np.zeros(4 * size + 8, dtype=WORK), now=now,
    )  # fmt: skip


def copy(search: Search, seed: int) -> Search:
    """The same search to be gone on with on its own, from another seed."""
    fresh = {name: getattr(search, name).copy() for name in CHANGING}
    fresh["now"]["rng"] = _rng(seed)
    return search._replace(**fresh)


CHANGING = ("types", "nodes", "routes", "held", "leg", "work", "now")


def _transposed(matrices: np.ndarray) -> np.ndarray:
    """The same array where ways cost the same both ways: half the memory to look through."""
    if all(np.array_equal(one, one.T) for one in matrices):
        return matrices
    return np.ascontiguousarray(matrices.transpose(0, 2, 1))


def _rng(seed: int) -> np.uint64:
    return np.uint64((seed * 2_654_435_769 + 88_172_645_463_325_252) % (1 << 63) | 1)


def _ways(problem: Problem, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2, N, N) distance and duration, 0 where there is no road; and (N, N) where that is."""
    way = np.zeros((2, len(place) + 1, len(place) + 1))
    way[0, :-1, :-1] = problem.distance[np.ix_(place, place)]
    way[1, :-1, :-1] = problem.duration[np.ix_(place, place)]
    closed = np.asarray(~np.isfinite(way).all(axis=0))
    way[:, closed] = 0.0
    return way, closed


def _stops(problem: Problem, nodes: int) -> np.ndarray:
    stops = np.zeros(nodes, dtype=STOP)
    stops["partner"] = -1
    stops["service"][: len(problem.stops)] = [one.service for one in problem.stops]
    for one in problem.shipments:
        stops["partner"][one.pickup], stops["partner"][one.delivery] = one.delivery, one.pickup
        stops["first"][one.pickup] = True
    return stops


def _types(problem: Problem, size: int, places: int, kinds: list[tuple[float, float]]) -> np.ndarray:
    out = np.zeros(len(problem.vehicles), dtype=TYPE)
    for row, one in zip(out, problem.vehicles, strict=True):
        row["count"] = size if one.count is None else one.count
        row["start"] = places if one.start is None else size + one.start
        row["end"] = places if one.end is None else size + one.end
        row["group"] = kinds.index((one.per_distance, one.per_time))
        row["opens"], row["closes"] = one.shift
        for name in ("fixed", "per_distance", "per_time", "max_duration", "max_distance"):
            row[name] = getattr(one, name)
    return out


def _empty(size: int, slots: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, routes = np.zeros(size + 2 * slots, dtype=NODE), np.zeros(slots, dtype=ROUTE)
    starts = size + 2 * np.arange(slots)
    nodes["at"] = np.arange(len(nodes))
    for name in ("nxt", "prv", "route", "best"):
        nodes[name] = -1
    nodes["nxt"][starts] = nodes["best"][starts] = starts + 1
    nodes["prv"][starts + 1] = starts
    nodes["route"][starts] = nodes["route"][starts + 1] = np.arange(slots)
    routes["kind"] = routes["best_kind"] = -1
    return nodes, routes


def _now(problem: Problem, win: np.ndarray, loads: np.ndarray, types: np.ndarray, seed: int) -> np.ndarray:
    now = np.zeros(1, dtype=NOW)
    windowed = bool((win[..., 0] > 0).any() or np.isfinite(win[..., 1]).any())
    timed = windowed or bool(problem.shipments) or bool(np.isfinite(types["closes"]).any())
    now["timed"] = timed
    now["profile"] = bool(problem.shipments) or bool((loads[:, 0] > 0).any() and (loads[:, 1] > 0).any())
    now["waits"] = timed and bool((types["per_time"] > 0).any())
    now["metered"] = bool(np.isfinite(types["max_duration"]).any() or np.isfinite(types["max_distance"]).any())
    now["limited"] = timed and bool(np.isfinite(types["max_duration"]).any())
    now["backhaul"] = problem.backhauls_last
    now["plain"] = not any(now[name][0] for name in ("timed", "profile", "metered", "backhaul"))
    now["rng"] = _rng(seed)
    return now


def _loads(problem: Problem, stops: np.ndarray, dims: int) -> np.ndarray:
    """(S, 3, D)."""
    out = np.zeros((len(problem.stops), 3, dims))
    for row, one in zip(out, problem.stops, strict=True):
        row[0], row[1] = load(one.demand, dims), load(one.pickup, dims)
    for ship in problem.shipments:
        out[ship.pickup, 2], out[ship.delivery, 2] = load(ship.amount, dims), -load(ship.amount, dims)
    return out


def _neighbours(cost: np.ndarray, size: int) -> np.ndarray:
    """(S, A) nearest other stops by the cheaper direction."""
    both = np.minimum(cost[:size, :size], cost[:size, :size].T)
    np.fill_diagonal(both, np.inf)
    return nearest(both, NEIGHBOURS)


def nearest(far: np.ndarray, wanted: int) -> np.ndarray:
    """(S, A) columns of the smallest numbers of each row, smallest first; ties by number, so that it is repeatable."""
    size = len(far)
    wanted = min(wanted, max(size - 1, 0))
    if wanted < size - 1:
        some = np.sort(np.argpartition(far, wanted, axis=1)[:, :wanted], axis=1)
        order = np.argsort(np.take_along_axis(far, some, axis=1), axis=1, kind="stable")
        return np.ascontiguousarray(np.take_along_axis(some, order, axis=1))
    return np.ascontiguousarray(np.argsort(far, axis=1, kind="stable")[:, :wanted])


def _set_keys(stops: np.ndarray, problem: Problem, dist: np.ndarray) -> None:
    """Sort keys of recreation: -load, nearness to a depot, window length, start, end."""
    size = len(problem.stops)
    full = max((sum(v.capacity) for v in problem.vehicles if v.capacity), default=1.0) or 1.0
    for row, one in enumerate(problem.stops):
        stops["key0"][row] = -(sum(one.demand) + sum(one.pickup)) / full
        stops["key1"][row] = dist[size:-1, row].min() if problem.depots else 0.0
        if one.windows:
            first, last = one.windows[0][0], one.windows[-1][1]
            stops["key2"][row], stops["key3"][row], stops["key4"][row] = last - first, first, last


def _windows(problem: Problem) -> np.ndarray:
    """(S, W, 2); the last window is repeated where a stop has fewer than W."""
    width = max((len(one.windows) for one in problem.stops), default=1) or 1
    rows = [list(one.windows) or [(0.0, np.inf)] for one in problem.stops]
    rows = [[*row, *[row[-1]] * (width - len(row))] for row in rows]
    return np.array(rows, dtype=float).reshape(len(rows), width, 2)
