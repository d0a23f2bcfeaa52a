"""Why a stop is left out, found by trying it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verticals_logistics.checker import timed
from verticals_logistics.plan import Plan, Route, Unserved
from verticals_logistics.problem import Problem


def with_reasons(problem: Problem, plan: Plan) -> Plan:
    """The plan with every stop that no route serves, each with its reason."""
    problem = replace(problem, lateness=None)
    served = {stop for route in plan.routes for stop in route.stops}
    left = [stop for stop in range(len(problem.stops)) if stop not in served]
    return replace(plan, unserved=tuple(Unserved(stop, reason(problem, plan, stop)) for stop in left))


def reason(problem: Problem, plan: Plan, stop: int) -> str:
    """The reason of one stop: what every vehicle fails at, a penalty that is cheaper, or a fleet that is used up."""
    one = problem.stops[stop]
    pair = problem.paired.get(stop)
    together = (stop,) if pair is None else (problem.shipments[pair].pickup, problem.shipments[pair].delivery)
    faults: list[str] = []
    for kind, vehicle in enumerate(problem.vehicles):
        found = timed(problem, Route(kind, together))
        if not found.faults:
            optional = one.penalty if one.penalty is not None and one.penalty < problem.forfeit else None
            if optional is not None and found.cost >= optional:
                return f"serving it costs more than leaving it out ({optional:g})"
            return _crowded(problem, plan, optional)
        ends = [problem.depots[end].place for end in (vehicle.start, vehicle.end) if end is not None]
        ways = [
            problem.duration[a, b] + problem.distance[a, b]
            for end in ends
            for a, b in ((end, one.place), (one.place, end))
        ]
        faults.append(f"no route from/to stop {one.id}" if not np.isfinite(ways).all() else found.faults[0])
    if not faults:
        return "there is no vehicle"
    return max(set(faults), key=lambda text: (faults.count(text), text))


def _crowded(problem: Problem, plan: Plan, penalty: float | None) -> str:
    used = np.bincount([one.vehicle for one in plan.routes], minlength=len(problem.vehicles))
    free = any(one.count is None or used[number] < one.count for number, one in enumerate(problem.vehicles))
    if penalty is not None:
        return f"the detour costs more than leaving it out ({penalty:g})"
    return "no place was found for it" if free else "all vehicles are full or out of time"
