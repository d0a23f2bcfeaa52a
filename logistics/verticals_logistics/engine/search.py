"""The search around the compiled moves: cooling, rounds, all cores sharing their best, and the plan that comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from verticals_logistics.engine.arrays import CHANGING, Search, arrays, copy
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem

CHUNK_SECONDS = 0.02
FIRST_CHUNK = 200


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to search: ``moves`` in all (repeatable) or ``seconds`` of wall-clock; one of them is given.

    ``clock`` measures the seconds (a benchmark on a busy machine may count processor time). ``rounds`` is how often
    the ``threads`` searchers take over the best of all.
    """

    moves: int | None = None
    seconds: float | None = None
    seed: int = 0
    threads: int = 1
    rounds: int = 10
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        if (self.moves is None) == (self.seconds is None):
            raise ValueError("give either moves or seconds")


@dataclass
class Searcher:
    """One thread's solution and how many moves it made."""

    search: Search
    tick: int = 0
    pace: int = FIRST_CHUNK


def search(problem: Problem, effort: Effort, start: Sequence[Route] = (), *, began: float | None = None) -> Plan:
    """A plan by ruin and recreate from ``start``; unserved stops come without reasons.

    ``began`` is when the effort's clock started, if earlier than now.
    """
    began = effort.clock() if began is None else began
    if not problem.stops:
        return Plan(problem.id, (), engine="sisr")
    first = arrays(problem, effort.seed * 1000)
    stops = np.array([c for route in start for c in (*route.stops, -1)], dtype=np.int64)
    kinds = np.array([route.vehicle for route in start], dtype=np.int64)
    from verticals_logistics.engine import kernel

    kernel.build(first, stops, kinds, 0)
    searchers = [Searcher(first)]
    searchers += [Searcher(copy(first, effort.seed * 1000 + number)) for number in range(1, effort.threads)]
    if len(problem.stops) > 1 and effort.moves != 0:
        _rounds(searchers, effort, began, *temperatures(first))
    best = min(searchers, key=lambda one: float(one.search.now["best"][0]))
    moves = sum(one.tick for one in searchers)
    return Plan(problem.id, routes_of(best.search), engine="sisr", iterations=moves, seconds=effort.clock() - began)


def temperatures(one: Search) -> tuple[float, float]:
    """Start and end of the cooling: multiples of the mean edge, or of the mean way to the ten nearest when timed."""
    if one.now["timed"][0]:
        rows = np.arange(len(one.near))[:, None]
        mean = float(one.cost[0][rows, one.near[:, :10]].mean()) or 1.0
        return 5.0 * mean, 0.02 * mean
    used = one.routes[one.routes["kind"] >= 0]
    edges = max(1, int(one.now["routes"][0] + one.now["routed"][0]))
    mean = float(used["cost"].sum() - one.types["fixed"][used["kind"]].sum()) / edges or 1.0
    return mean, 0.003 * mean


def _rounds(searchers: list[Searcher], effort: Effort, began: float, hot: float, cold: float) -> None:
    with ThreadPoolExecutor(len(searchers)) as pool:
        for number in range(effort.rounds):
            work: Callable[[Searcher], None]
            if effort.moves is not None:
                share = max(1, effort.moves // (effort.rounds * len(searchers)))
                ends = [hot * (cold / hot) ** ((number + step) / effort.rounds) for step in (0, 1)]
                work = _by_moves(share, ends[0], ends[1])
            else:
                assert effort.seconds is not None
                work = _by_clock(effort, began, (number + 1) / effort.rounds, hot, cold)
            list(pool.map(work, searchers))
            share_best(searchers)


def _by_moves(moves: int, hot: float, cold: float) -> Callable[[Searcher], None]:
    from verticals_logistics.engine.kernel import anneal

    def work(one: Searcher) -> None:
        anneal(one.search, moves, hot, cold, one.tick)
        one.tick += moves

    return work


def _by_clock(effort: Effort, began: float, until: float, hot: float, cold: float) -> Callable[[Searcher], None]:
    from verticals_logistics.engine.kernel import anneal

    seconds, clock = effort.seconds or 0.0, effort.clock

    def work(one: Searcher) -> None:
        while (done := (clock() - began) / seconds) < until:
            now = clock()
            temperature = hot * (cold / hot) ** min(1.0, done)
            anneal(one.search, one.pace, temperature, temperature, one.tick)
            one.tick += one.pace
            took = max(1e-6, clock() - now)
            one.pace = int(min(max(10, one.pace * min(4.0, CHUNK_SECONDS / took)), 100_000))

    return work


def share_best(searchers: list[Searcher]) -> None:
    """Everyone whose best is worse takes over the state of whoever has the best, and goes on from there."""
    best = min(searchers, key=lambda one: float(one.search.now["best"][0]))
    for one in searchers:
        if one.search.now["best"][0] > best.search.now["best"][0]:
            rng = one.search.now["rng"][0]
            for name in CHANGING:
                getattr(one.search, name)[:] = getattr(best.search, name)
            one.search.now["rng"] = rng
            one.tick = max(one.tick, best.tick)


def routes_of(one: Search) -> tuple[Route, ...]:
    """The best solution's routes."""
    size, out = len(one.near), []
    for slot, kind in enumerate(one.routes["best_kind"]):
        if kind < 0:
            continue
        stops, x = [], int(one.nodes["best"][size + 2 * slot])
        while x < size:
            stops.append(x)
            x = int(one.nodes["best"][x])
        out.append(Route(int(kind), tuple(stops)))
    return tuple(out)
