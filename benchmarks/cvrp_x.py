"""CVRP, Uchoa's X instances: mean gap to the best known solution at equal time, ours against PyVRP and VROOM.

One core each, from reading the file to the plan, in processor seconds (on an idle core the same as wall-clock; on a
shared machine neighbours change little). VROOM has no such clock: its limit is wall-clock, and what it took is told.
Every plan is recomputed by the independent checker. ``--quick`` = every tenth instance at 1 s and 10 s; the long run
takes all, and 60 s for every tenth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _face import Bar, Benchmark, Cost, Value, arguments

from verticals_logistics.adapters.vrplib import read_vrplib
from verticals_logistics.checker import check
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.peers import pyvrp_plan, vroom_plan
from verticals_logistics.plan import Plan
from verticals_logistics.problem import Problem
from verticals_logistics.savings import savings_routes
from verticals_plugins import Ledger

CLOCK = time.process_time
Solve = Callable[[Problem, float, int, float], Plan]


def ours(problem: Problem, seconds: float, seed: int, began: float) -> Plan:
    """Our engine, from savings, one thread."""
    return search(problem, Effort(seconds=seconds, seed=seed, clock=CLOCK), savings_routes(problem), began=began)


def pyvrp(problem: Problem, seconds: float, seed: int, began: float) -> Plan:
    """PyVRP's default."""
    return pyvrp_plan(problem, seed=seed, seconds=max(0.05, seconds - (CLOCK() - began)), clock=CLOCK)


def vroom(problem: Problem, seconds: float, seed: int, began: float) -> Plan:
    """VROOM, one thread, as many seconds of wall-clock."""
    return vroom_plan(problem, threads=1, exploration=5, seconds=max(0.05, seconds - (CLOCK() - began)))


ENGINES: dict[str, Solve] = {"sisr": ours, "pyvrp": pyvrp, "vroom": vroom}


def gap_of(path: Path, solve: Solve, seconds: float, seed: int) -> tuple[float, float]:
    """Gap to the best known in percent, and the seconds it took.

    Raises:
        RuntimeError: the checker finds a violation, or no best known solution is there.
    """
    began = CLOCK()
    problem = read_vrplib(path, Ledger())
    plan = solve(problem, seconds, seed, began)
    took = CLOCK() - began
    checked = check(problem, plan)
    if checked.faults or problem.best_known is None:
        raise RuntimeError(f"{path.name}: {checked.faults[:3] or 'no best known solution'}")
    return 100 * (checked.cost / problem.best_known - 1), took


def mean_of(gaps: list[float]) -> Value:
    """Mean and the 95 % interval of a bootstrap over instances."""
    rng = np.random.default_rng(0)
    means = rng.choice(gaps, (2000, len(gaps))).mean(axis=1)
    return Value(float(np.mean(gaps)), *(float(one) for one in np.quantile(means, [0.025, 0.975])))


def main() -> None:
    """Run every engine on every instance, one after another."""
    args = arguments("cvrp_x", data="logistics/cvrp_x_arnold", seeds=1)
    every = sorted(args.data.glob("*.vrp"), key=lambda one: int(one.stem.split("-n")[1].split("-")[0]))
    chosen = every[5::10]
    files = chosen if args.quick else every
    result = Benchmark(
        "cvrp_x", args, protocol=f"{len(files)} instances, one core, processor seconds from reading the file"
    )
    first = read_vrplib(files[0], Ledger())
    search(first, Effort(moves=100), savings_routes(first))  # compiles, or loads what an earlier run compiled
    found: dict[tuple[str, int], list[float]] = {}
    for seconds in (1, 10) if args.quick else (1, 10, 60):
        for path in files if seconds < 60 else chosen:
            for name, solve in ENGINES.items():
                for seed in range(args.seeds):
                    gap, took = gap_of(path, solve, float(seconds), seed)
                    found.setdefault((name, seconds), []).append(gap)
                    result.extra.setdefault("instances", []).append(
                        {"instance": path.stem, "method": name, "limit": seconds, "gap": gap, "seconds": round(took, 2)}
                    )
                    print(f"{path.stem} {name} {seconds} s: {gap:.2f} % in {took:.1f} s", flush=True)
    for name in ENGINES:
        limits = sorted(limit for engine, limit in found if engine == name)
        result.add(name, {f"gap_{limit}s": mean_of(found[name, limit]) for limit in limits}, Cost(float(limits[-1])))
    ratio = {limit: float(np.mean(found["sisr", limit]) / np.mean(found["pyvrp", limit])) for limit in (1, 10)}
    result.extra |= {f"gap_ratio_{limit}s": value for limit, value in ratio.items()}
    result.finish(
        ours="sisr", best_peer="pyvrp",
        bars=[Bar("gap_ratio_10s", "<=", 0.45, ratio[10]), Bar("gap_ratio_1s", "<=", 0.60, ratio[1])],
    )  # fmt: skip


if __name__ == "__main__":
    main()
