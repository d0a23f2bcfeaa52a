"""The engine keeps every constraint (judged by the checker), improves on its start, and repeats itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from verticals_logistics.adapters import solomon, vrplib
from verticals_logistics.checker import check
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.problem import Depot, Problem, Shipment, Stop, Vehicle
from verticals_logistics.reasons import with_reasons
from verticals_logistics.savings import savings, savings_routes
from verticals_plugins import Ledger

Shared = Callable[[str], Path]
STOPS = 24


def plane(seed: int = 0, stops: int = STOPS, **changes: object) -> Problem:
    """A square with two depots and random stops of demand 1 to 5."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 100, (stops + 2, 2)).astype(float)
    far = np.round(np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1)))
    made = tuple(Stop(str(n), n, (float(rng.integers(1, 6)),)) for n in range(2, stops + 2))
    problem = Problem(
        "plane",
        made,
        (Depot("a", 0), Depot("b", 1)),
        (Vehicle("van", None, (15.0,)),),
        far,
        far,
        place=place,
        plane=True,
    )
    return replace(problem, **changes)  # type: ignore[arg-type]


def windowed(problem: Problem, seed: int = 1) -> tuple[Stop, ...]:
    rng = np.random.default_rng(seed)
    out = []
    for one in problem.stops:
        opens = float(rng.integers(0, 300))
        early = (
            ((opens, opens + 80.0), (opens + 150.0, opens + 220.0)) if rng.random() < 0.3 else ((opens, opens + 120.0),)
        )
        out.append(replace(one, windows=early, service=float(rng.integers(1, 6))))
    return tuple(out)


BASE = plane()
WINDOWS = windowed(BASE)
FLEET = (
    Vehicle("small", 3, (10.0,), 0, 0, fixed=10, per_distance=1.0), Vehicle("large", 4, (30.0,), 1, 1, fixed=40,
        per_distance=1.5),
)  # fmt: skip
VARIANTS: dict[str, Problem] = {
    "capacity": BASE,
    "two dimensions": replace(
        BASE, stops=tuple(replace(s, demand=(*s.demand, float(n % 4))) for n, s in enumerate(BASE.stops)),
        vehicles=(Vehicle("van", None, (15.0, 9.0)),),
    ),
    "windows": replace(BASE, stops=WINDOWS, vehicles=(Vehicle("van", None, (40.0,), shift=(0.0, 700.0)),)),
    "waiting costs": replace(
        BASE, stops=WINDOWS, vehicles=(Vehicle("van", None, (40.0,), per_time=2.0, shift=(0.0, 700.0),
            max_duration=300.0),)
    ),
    "several depots, unlike vehicles": replace(BASE, vehicles=FLEET),
    "limited routes": replace(BASE, vehicles=(Vehicle("van", None, (15.0,), max_distance=250.0),)),
    "limited duration": replace(BASE, vehicles=(Vehicle("van", None, (15.0,), max_duration=220.0),)),
    "open routes": replace(BASE, vehicles=(Vehicle("van", None, (15.0,), end=None),)),
    "prizes": replace(BASE, stops=tuple(replace(s, penalty=60.0) for s in BASE.stops)),
    "pickups and deliveries to the depot": replace(
        BASE, stops=tuple(replace(s, demand=(), pickup=s.demand) if n % 3 == 0 else s for n, s in enumerate(BASE.stops))
    ),
    "backhauls last": replace(
        BASE, backhauls_last=True,
        stops=tuple(replace(s, demand=(), pickup=s.demand) if n % 3 == 0 else s for n, s in enumerate(BASE.stops)),
    ),
    "shipments": replace(
        BASE, stops=tuple(replace(s, demand=()) for s in WINDOWS), vehicles=(Vehicle("van", None, (6.0,), shift=(0.0,
            900.0)),),
        shipments=tuple(Shipment(2 * n, 2 * n + 1, (float(1 + n % 4),)) for n in range(STOPS // 2)),
    ),
    "only some vehicles": replace(
        BASE, vehicles=FLEET, stops=tuple(replace(s, vehicles=frozenset({n % 2})) for n, s in enumerate(BASE.stops))
    ),
    "too few vehicles": replace(BASE, vehicles=(Vehicle("van", 2, (15.0,)),)),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_feasible_and_better_than_its_start(name: str) -> None:
    problem = VARIANTS[name]
    start, plan = (with_reasons(problem, search(problem, Effort(moves=moves))) for moves in (0, 3000))
    first, last = check(problem, start), check(problem, plan)
    assert first.faults == ()
    assert last.faults == ()
    assert last.cost < first.cost
    if name not in ("prizes", "too few vehicles", "shipments", "windows", "waiting costs", "only some vehicles"):
        assert plan.unserved == ()


@pytest.mark.parametrize("name", ["capacity", "windows", "several depots, unlike vehicles", "shipments"])
@pytest.mark.parametrize("threads", [1, 2])
def test_same_seed_and_moves_give_the_same_plan(name: str, threads: int) -> None:
    effort = Effort(moves=1500, seed=7, threads=threads)
    first, again = (search(VARIANTS[name], effort).routes for _ in range(2))
    assert first == again


def test_another_seed_searches_another_way() -> None:
    plans = {search(VARIANTS["windows"], Effort(moves=40, seed=seed)).routes for seed in range(4)}
    assert len(plans) > 1


def test_small_problems_are_solved_to_the_optimum() -> None:
    square = np.array([[0.0, 0], [0, 10], [10, 10], [10, 0]])
    far = np.hypot(*(square[:, None] - square[None]).transpose(2, 0, 1))
    stops = tuple(Stop(str(n), n, (1.0,)) for n in (1, 2, 3))
    problem = Problem("square", stops, (Depot("d", 0),), (Vehicle("v", 1, (3.0,)),), far, far)
    assert check(problem, search(problem, Effort(moves=200))).cost == pytest.approx(40)


def test_savings_are_feasible_and_near() -> None:
    plan = with_reasons(BASE, savings(BASE))
    assert check(BASE, plan).faults == ()
    better = check(BASE, search(BASE, Effort(moves=5000), savings_routes(BASE))).cost
    assert better <= check(BASE, plan).cost <= 1.3 * better


def test_one_stop_and_no_stop() -> None:
    assert search(plane(stops=0), Effort(moves=10)).routes == ()
    assert [one.stops for one in search(plane(stops=1), Effort(moves=10)).routes] == [(0,)]


def test_the_clock_is_kept() -> None:
    search(BASE, Effort(moves=1))
    plan = search(BASE, Effort(seconds=0.3))
    assert 0.25 < plan.seconds < 2.0


@pytest.mark.parametrize("name", ["mdvrptw_vidal", "hfvrp_pessoa"])
def test_public_instances_of_variants(shared: Shared, name: str) -> None:
    path = sorted(shared(f"logistics/{name}").rglob("*.vrp*"))[-1]
    problem = vrplib.read_vrplib(path, Ledger())
    plan = with_reasons(problem, search(problem, Effort(moves=100)))
    assert check(problem, plan).faults == ()


def test_li_and_lim_is_served_whole(shared: Shared) -> None:
    problem = solomon.read_solomon(shared("formats/logistics/lilim/LC101.txt"), Ledger(), "exact")
    plan = with_reasons(problem, search(problem, Effort(moves=4000)))
    assert check(problem, plan).faults == ()
    assert plan.unserved == ()
    assert check(problem, plan).cost < 900  # best known 828.94


def test_solomon_is_near_its_best(shared: Shared) -> None:
    problem = solomon.read_solomon(shared("formats/logistics/solomon/C101_cvrplib.txt"), Ledger())
    plan = with_reasons(problem, search(problem, Effort(moves=6000)))
    assert check(problem, plan).faults == ()
    assert check(problem, plan).cost < 850  # best known 827.3
