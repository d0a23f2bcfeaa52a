"""The search, compiled: simulated annealing whose only move is to ruin a few strings of stops and recreate them.

Slack induction by string removals: Christiaens & Vanden Berghe, Transportation Science 54(2), 2020. A variant changes
only "does it fit here, and what does it cost". Lists are linked in flat arrays; a rejected move is undone from a log.
Numba caches the machine code beside this file, so that only the first use on a machine compiles.
"""

# fields of structured arrays are attributes to numba, and unknown to type checkers
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from verticals_logistics.engine.arrays import Search

LONGEST = 10  # L_max of the paper
REMOVED = 10  # c-bar
BLINK = 0.01
DEEPER = 0.01  # beta: chance of a longer middle in a split string
NONE, NEW = -1, -2
TOLERANCE = 1e-9


# Without reference counts: nothing is allocated here, and counting 18 arrays at each call costs more than the work.
OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
compiled: Any = njit(**OPTIONS)
inlined: Any = njit(inline="always", **OPTIONS)


@inlined
def uniform(s: Search) -> float:
    """xorshift64*, in [0, 1)."""
    x = s.now[0].rng
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s.now[0].rng = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def begin(s: Search, stop: int, arrival: float) -> float:
    """Start of service for an arrival; infinite if every window is over."""
    for w in range(s.win.shape[1]):
        if arrival <= s.win[stop, w, 1] + TOLERANCE:
            return max(arrival, s.win[stop, w, 0])
    return math.inf


@compiled
def latest(s: Search, stop: int, limit: float) -> float:
    """Latest arrival whose service starts by ``limit``; minus infinity if there is none."""
    for w in range(s.win.shape[1] - 1, -1, -1):
        if s.win[stop, w, 0] <= limit + TOLERANCE:
            return min(limit, s.win[stop, w, 1])
    return -math.inf


@compiled
def refresh(s: Search, r: int) -> None:
    """Earliest starts, latest arrivals, load profile and (where waiting costs) the cost of one route."""
    start = len(s.near) + 2 * r
    if s.now[0].timed:
        _refresh_times(s, start, s.routes[r].kind)
    if s.now[0].profile:
        _refresh_loads(s, start)
    if s.now[0].waits:
        v = s.routes[r].kind
        total = s.types[v].fixed
        p = start
        while p != start + 1:
            x = s.nodes[p].nxt
            total += s.types[v].per_distance * s.way[0, s.nodes[p].at, s.nodes[x].at]
            p = x
        total += s.types[v].per_time * duration_with(s, r, NONE, NONE, NONE, NONE)
        s.now[0].cost += total - s.routes[r].cost
        s.routes[r].cost = total


@compiled
def _refresh_times(s: Search, start: int, v: int) -> None:
    end = start + 1
    s.nodes[start].es = s.types[v].opens
    p = start
    while p != end:
        x = s.nodes[p].nxt
        arrival = s.nodes[p].es + s.stops[s.nodes[p].at].service + s.way[1, s.nodes[p].at, s.nodes[x].at]
        s.nodes[x].es = arrival if x == end else begin(s, x, arrival)
        p = x
    s.nodes[end].la = s.types[v].closes
    while p != start:
        x = p
        p = s.nodes[p].prv
        limit = s.nodes[x].la - s.way[1, s.nodes[p].at, s.nodes[x].at] - s.stops[s.nodes[p].at].service
        s.nodes[p].la = limit if p == start else latest(s, p, limit)


@compiled
def _refresh_loads(s: Search, start: int) -> None:
    end = start + 1
    for d in range(s.held.shape[2]):
        on_board = 0.0
        x = s.nodes[start].nxt
        while x != end:
            on_board += s.loads[x, 0, d]
            x = s.nodes[x].nxt
        top = on_board
        x = start
        while x != end:
            if x != start:
                on_board += s.loads[x, 1, d] + s.loads[x, 2, d] - s.loads[x, 0, d]
            top = max(top, on_board)
            s.leg[x, 0, d] = on_board
            s.leg[x, 1, d] = top
            x = s.nodes[x].nxt
        top = 0.0
        while x != start:
            x = s.nodes[x].prv
            top = max(top, s.leg[x, 0, d])
            s.leg[x, 2, d] = top


@compiled
def duration_with(s: Search, r: int, p1: int, c1: int, p2: int, c2: int) -> float:
    """Duration of a route with ``c1`` put after ``p1`` and ``c2`` after ``p2`` (NONE = nothing).

    From the latest departure that does not delay the end; infinite if a window or the shift is missed.
    """
    x = len(s.near) + 2 * r
    n = 0
    while x != NONE:
        s.work[n].seq = x
        n += 1
        if x == p1:
            s.work[n].seq = c1
            n += 1
        if c2 != NONE and (x == p2 or (x == p1 and p2 == c1)):
            s.work[n].seq = c2
            n += 1
        x = s.nodes[x].nxt
    return duration(s, s.routes[r].kind, n)


@compiled
def duration(s: Search, v: int, n: int) -> float:
    """Duration of the ``n`` nodes in ``s.work`` on vehicle type ``v``; infinite if it is infeasible in time."""
    time = s.types[v].opens
    for i in range(1, n):
        a, b = s.nodes[s.work[i - 1].seq].at, s.nodes[s.work[i].seq].at
        time += s.stops[a].service + s.way[1, a, b]
        if i < n - 1:
            time = begin(s, s.work[i].seq, time)
    if time > s.types[v].closes + TOLERANCE:
        return math.inf
    leave = time
    for i in range(n - 2, -1, -1):
        a, b = s.nodes[s.work[i].seq].at, s.nodes[s.work[i + 1].seq].at
        leave -= s.way[1, a, b] + s.stops[a].service
        if i > 0:
            leave = latest(s, s.work[i].seq, leave)
    return time - leave


# ------------------------------------------------------------------------------------------------- changing a solution


@inlined
def touch(s: Search, r: int, tick: int) -> None:
    """Remember a route as it was before this move."""
    if s.routes[r].stamp == tick:
        return
    s.routes[r].stamp = tick
    s.routes[s.now[0].touched].touched = r
    s.now[0].touched += 1
    s.routes[r].old_kind, s.routes[r].old_size = s.routes[r].kind, s.routes[r].size
    for d in range(s.held.shape[2]):
        s.held[r, 1, d] = s.held[r, 0, d]
    s.routes[r].old_far, s.routes[r].old_drive, s.routes[r].old_cost = (
        s.routes[r].far,
        s.routes[r].drive,
        s.routes[r].cost,
    )


@inlined
def detour(s: Search, v: int, p: int, c: int) -> float:
    """What it costs vehicle type ``v`` to go over ``c`` on the way on from ``p``."""
    u = s.types[v].group
    return float(s.back[u, c, s.nodes[p].at] + s.cost[u, c, s.nodes[s.nodes[p].nxt].at] - s.nodes[p].edge)


@inlined
def count(s: Search, r: int, c: int, p: int, x: int, sign: float, delta: float) -> None:
    """Book a stop's load, distance, driving and cost on a route."""
    for d in range(s.held.shape[2]):
        s.held[r, 0, d] += sign * (s.loads[c, 0, d] + s.loads[c, 1, d])
    if s.now[0].metered:
        a, b = s.nodes[p].at, s.nodes[x].at
        s.routes[r].far += sign * (s.yaw[0, c, a] + s.way[0, c, b] - s.way[0, a, b])
        s.routes[r].drive += sign * (s.yaw[1, c, a] + s.way[1, c, b] - s.way[1, a, b] + s.stops[c].service)
    s.routes[r].cost += delta
    s.now[0].cost += delta


@compiled
def open_route(s: Search, v: int, tick: int) -> int:
    """An unused slot for vehicle type ``v``; its fixed cost and the way from start to end are booked."""
    r = 0
    while s.routes[r].kind != NONE:
        r += 1
    touch(s, r, tick)
    start = len(s.near) + 2 * r
    s.routes[r].kind = v
    s.nodes[start].at, s.nodes[start + 1].at = s.types[v].start, s.types[v].end
    s.nodes[start].edge = s.cost[s.types[v].group, s.types[v].start, s.types[v].end]
    s.types[v].used += 1
    s.now[0].routes += 1
    for d in range(s.held.shape[2]):
        s.held[r, 0, d] = 0.0
    s.routes[r].far = s.way[0, s.types[v].start, s.types[v].end]
    s.routes[r].drive = s.way[1, s.types[v].start, s.types[v].end]
    s.routes[r].cost = s.types[v].fixed + s.cost[s.types[v].group, s.types[v].start, s.types[v].end]
    s.now[0].cost += s.routes[r].cost
    return r


@compiled
def insert(s: Search, c: int, p: int, tick: int) -> None:
    """Put a stop after ``p``; the caller refreshes the route."""
    r, x = s.nodes[p].route, s.nodes[p].nxt
    v = s.routes[r].kind
    touch(s, r, tick)
    n, u = s.now[0].logged, s.types[v].group
    s.work[n].into = s.nodes[p].edge
    count(s, r, c, p, x, 1.0, detour(s, v, p, c))
    s.nodes[p].edge, s.nodes[c].edge = s.back[u, c, s.nodes[p].at], s.cost[u, c, s.nodes[x].at]
    s.nodes[p].nxt, s.nodes[c].prv, s.nodes[c].nxt, s.nodes[x].prv = c, p, x, c
    s.nodes[c].route = r
    s.routes[r].size += 1
    s.now[0].routed += 1
    s.work[n].stop, s.work[n].after, s.work[n].slot = c, p, NONE
    s.now[0].logged = n + 1


@compiled
def remove(s: Search, c: int, tick: int) -> None:
    """Take a stop out; an empty route is closed. The caller refreshes the route."""
    r, p, x = s.nodes[c].route, s.nodes[c].prv, s.nodes[c].nxt
    touch(s, r, tick)
    v = s.routes[r].kind
    n = s.now[0].logged
    s.work[n].into, s.work[n].out = s.nodes[p].edge, s.nodes[c].edge
    edge = s.cost[s.types[v].group, s.nodes[p].at, s.nodes[x].at]
    count(s, r, c, p, x, -1.0, edge - s.nodes[p].edge - s.nodes[c].edge)
    s.nodes[p].edge = edge
    s.nodes[p].nxt, s.nodes[x].prv = x, p
    s.nodes[c].route = NONE
    s.routes[r].size -= 1
    s.now[0].routed -= 1
    if s.routes[r].size == 0:
        s.now[0].cost -= s.routes[r].cost
        s.routes[r].kind = NONE
        s.types[v].used -= 1
        s.now[0].routes -= 1
    s.work[n].stop, s.work[n].after, s.work[n].slot = c, p, r
    s.now[0].logged = n + 1


@compiled
def undo(s: Search, cost: float) -> None:
    """Take back all changes since the log was emptied."""
    for n in range(s.now[0].logged - 1, -1, -1):
        c, p, r = s.work[n].stop, s.work[n].after, s.work[n].slot
        if r == NONE:
            x = s.nodes[c].nxt
            s.nodes[p].nxt, s.nodes[x].prv, s.nodes[c].route = x, p, NONE
            s.nodes[p].edge = s.work[n].into
            s.now[0].routed -= 1
        else:
            x = s.nodes[p].nxt
            s.nodes[p].nxt, s.nodes[c].prv, s.nodes[c].nxt, s.nodes[x].prv, s.nodes[c].route = c, p, x, c, r
            s.nodes[p].edge, s.nodes[c].edge = s.work[n].into, s.work[n].out
            s.now[0].routed += 1
    for n in range(s.now[0].touched):
        r = s.routes[n].touched
        if s.routes[r].kind != NONE:
            s.types[s.routes[r].kind].used -= 1
            s.now[0].routes -= 1
        v = s.routes[r].old_kind
        s.routes[r].kind, s.routes[r].size = v, s.routes[r].old_size
        for d in range(s.held.shape[2]):
            s.held[r, 0, d] = s.held[r, 1, d]
        s.routes[r].far, s.routes[r].drive, s.routes[r].cost = (
            s.routes[r].old_far,
            s.routes[r].old_drive,
            s.routes[r].old_cost,
        )
        if v != NONE:
            s.types[v].used += 1
            s.now[0].routes += 1
            start = len(s.near) + 2 * r
            s.nodes[start].at, s.nodes[start + 1].at = s.types[v].start, s.types[v].end
            if not s.now[0].plain:
                refresh(s, r)
    s.now[0].cost = cost


# -------------------------------------------------------------------------------------------------- does it fit here?


@inlined
def has_room(s: Search, c: int, r: int) -> bool:
    """Whether a route can carry a stop beside what it carries, where loads do not go up and down on the way."""
    if not s.now[0].profile:
        for d in range(s.held.shape[2]):
            if s.held[r, 0, d] + s.loads[c, 0, d] + s.loads[c, 1, d] > s.capacity[s.routes[r].kind, d] + TOLERANCE:
                return False
    return True


@compiled
def fits(s: Search, c: int, p: int, x: int, r: int) -> bool:
    """Whether a stop may stand between ``p`` and ``x`` of route ``r``, which has room for it (:func:`has_room`)."""
    v = s.routes[r].kind
    if s.now[0].profile:
        for d in range(s.held.shape[2]):
            room = s.capacity[v, d] + TOLERANCE
            if s.leg[p, 1, d] + s.loads[c, 0, d] > room or s.leg[p, 2, d] + s.loads[c, 1, d] > room:
                return False
    if s.now[0].backhaul and not _in_order(s, c, p, x):
        return False
    if s.now[0].metered:
        a, b = s.nodes[p].at, s.nodes[x].at
        if s.routes[r].far + s.yaw[0, c, a] + s.way[0, c, b] - s.way[0, a, b] > s.types[v].max_distance + TOLERANCE:
            return False
        drive = s.yaw[1, c, a] + s.way[1, c, b] - s.way[1, a, b] + s.stops[c].service
        if not s.now[0].timed and s.routes[r].drive + drive > s.types[v].max_duration + TOLERANCE:
            return False
    if s.now[0].timed:
        a = s.nodes[p].at
        start = begin(s, c, s.nodes[p].es + s.stops[a].service + s.yaw[1, c, a])
        if start + s.stops[c].service + s.way[1, c, s.nodes[x].at] > s.nodes[x].la + TOLERANCE:
            return False
        if s.now[0].limited and duration_with(s, r, p, c, NONE, NONE) > s.types[v].max_duration + TOLERANCE:
            return False
    return True


@compiled
def _in_order(s: Search, c: int, p: int, x: int) -> bool:
    size = len(s.near)
    for d in range(s.held.shape[2]):
        for e in range(s.held.shape[2]):
            if s.loads[c, 0, d] > 0 and p < size and s.loads[p, 1, e] > 0:
                return False
            if s.loads[c, 1, d] > 0 and x < size and s.loads[x, 0, e] > 0:
                return False
    return True


@compiled
def fits_alone(s: Search, v: int, c: int, c2: int) -> bool:
    """Whether vehicle type ``v`` can serve a stop, or a shipment, alone."""
    if not s.allowed[c, v] or (c2 != NONE and not s.allowed[c2, v]):
        return False
    for d in range(s.held.shape[2]):
        if max(s.loads[c, 0, d], s.loads[c, 1, d], abs(s.loads[c, 2, d])) > s.capacity[v, d] + TOLERANCE:
            return False
    far, drive, node, idle = 0.0, 0.0, s.types[v].start, 0.0
    time = s.types[v].opens
    first = time
    for i in range(3):
        b = c if i == 0 else c2 if i == 1 else s.types[v].end
        if b == NONE:
            continue
        far += s.way[0, node, b]
        way = s.stops[node].service + s.way[1, node, b]
        drive += way
        arrival = time + way
        time = begin(s, b, arrival) if i < 2 else arrival
        if time == math.inf:
            return False
        if i == 0:
            first = time
        elif i == 1:
            idle = max(0.0, time - arrival - latest(s, c, time - way) + first)
        node = b
    if far > s.types[v].max_distance + TOLERANCE or time > s.types[v].closes + TOLERANCE:
        return False
    return bool(drive + idle <= s.types[v].max_duration + TOLERANCE)


@inlined
def fetched(s: Search, c: int) -> float:
    """Infinity, after walking along a stop's row of costs: its cells are then near when asked for at random."""
    total = 0.0
    for j in range(0, s.cost.shape[2], 8):
        total += s.cost[0, c, j]
    return math.inf if total >= 0 else total


@compiled
def place_one(s: Search, c: int) -> tuple[int, float]:
    """Cheapest place of a stop: predecessor (NEW - v = a new route of type v, NONE = nowhere) and its cost."""
    best, where = fetched(s, c), NONE
    for k in range(s.now[0].beside):
        n = s.near[c, k]
        r = s.nodes[n].route
        if r == NONE or not s.allowed[c, s.routes[r].kind] or not has_room(s, c, r):
            continue
        u, x, p = s.types[s.routes[r].kind].group, s.nodes[n].nxt, s.nodes[n].prv
        cost = s.back[u, c, n] + s.cost[u, c, s.nodes[x].at] - s.nodes[n].edge
        if cost < best and uniform(s) >= BLINK and (s.now[0].plain or fits(s, c, n, x, r)):
            best, where = cost, n
        cost = s.back[u, c, s.nodes[p].at] + s.cost[u, c, n] - s.nodes[p].edge
        if cost < best and uniform(s) >= BLINK and (s.now[0].plain or fits(s, c, p, n, r)):
            best, where = cost, p
    best, where = _new_route(s, c, NONE, best, where)
    if where != NONE:
        return where, best
    for r in range(len(s.routes)):
        if s.routes[r].kind == NONE or not s.allowed[c, s.routes[r].kind]:
            continue
        p = len(s.near) + 2 * r
        x = s.nodes[p].nxt
        while x != NONE:
            cost = detour(s, s.routes[r].kind, p, c)
            if cost < best and has_room(s, c, r) and fits(s, c, p, x, r):
                best, where = cost, p
            p, x = x, s.nodes[x].nxt
    return where, best


@inlined
def _new_route(s: Search, c: int, c2: int, best: float, where: int) -> tuple[float, int]:
    if s.now[0].routes == len(s.routes):
        return best, where
    for v in range(len(s.types)):
        if s.types[v].used >= s.types[v].count:
            continue
        u = s.types[v].group
        cost = s.types[v].fixed + s.cost[u, s.types[v].start, c]
        if c2 == NONE:
            cost += s.cost[u, c, s.types[v].end]
        else:
            cost += s.cost[u, c, c2] + s.cost[u, c2, s.types[v].end]
        if cost < best and fits_alone(s, v, c, c2):
            best, where = cost, NEW - v
    return best, where


@compiled
def place_pair(s: Search, a: int, b: int) -> tuple[int, int, float]:
    """Cheapest places of a shipment's ends: predecessors (see :func:`place_one`) and the cost of both."""
    best, first, second = math.inf, NONE, NONE
    s.now[0].look += 1
    for k in range(2 * s.now[0].beside):
        n = s.near[a, k // 2] if k % 2 == 0 else s.near[b, k // 2]
        r = s.nodes[n].route
        if r == NONE or not (s.allowed[a, s.routes[r].kind] and s.allowed[b, s.routes[r].kind]):
            continue
        if s.routes[r].seen == s.now[0].look:
            continue
        s.routes[r].seen = s.now[0].look
        best, first, second = _pair_in_route(s, a, b, r, best, first, second)
    cost, where = _new_route(s, a, b, best, NONE)
    if where != NONE:
        return where, NONE, cost
    return first, second, best


@compiled
def _pair_in_route(s: Search, a: int, b: int, r: int, best: float, first: int, second: int) -> tuple[float, int, int]:
    v = s.routes[r].kind
    u, p = s.types[v].group, len(s.near) + 2 * r
    while s.nodes[p].nxt != NONE:
        x = s.nodes[p].nxt
        start = begin(s, a, s.nodes[p].es + s.stops[s.nodes[p].at].service + s.way[1, s.nodes[p].at, a])
        if start == math.inf or not _on_board(s, a, p, v):
            p = x
            continue
        into = detour(s, v, p, a)
        q, y, time = a, x, start
        while y != NONE:
            qa, ya = s.nodes[q].at, s.nodes[y].at
            if q == a:
                cost = s.back[u, a, s.nodes[p].at] + s.cost[u, a, b] + s.cost[u, b, ya] - s.nodes[p].edge
            else:
                cost = into + detour(s, v, q, b)
            if cost < best and uniform(s) >= BLINK:
                there = begin(s, b, time + s.stops[qa].service + s.way[1, qa, b])
                if there + s.stops[b].service + s.way[1, b, ya] <= s.nodes[y].la + TOLERANCE and (
                    not s.now[0].metered or _within(s, r, p, a, q, b)
                ):
                    best, first, second = cost, p, q
            if y >= len(s.near) or not _on_board(s, a, y, v):
                break
            time = begin(s, y, time + s.stops[qa].service + s.way[1, qa, ya])
            if time == math.inf:
                break
            q, y = y, s.nodes[y].nxt
        p = x
    return best, first, second


@compiled
def _on_board(s: Search, a: int, p: int, v: int) -> bool:
    """Whether a shipment fits on the leg that leaves ``p``."""
    for d in range(s.held.shape[2]):  # noqa: SIM110  (numba compiles no generators)
        if s.leg[p, 0, d] + s.loads[a, 2, d] > s.capacity[v, d] + TOLERANCE:
            return False
    return True


@compiled
def _within(s: Search, r: int, p: int, a: int, q: int, b: int) -> bool:
    """Whether a route with both ends of a shipment keeps its limits of distance and duration."""
    v = s.routes[r].kind
    if duration_with(s, r, p, a, q, b) > s.types[v].max_duration + TOLERANCE:
        return False
    far = 0.0
    n = s.routes[r].size + 4
    for i in range(1, n):
        far += s.way[0, s.nodes[s.work[i - 1].seq].at, s.nodes[s.work[i].seq].at]
    return bool(far <= s.types[v].max_distance + TOLERANCE)


# ------------------------------------------------------------------------------------------------- ruin and recreate


@compiled
def take_out(s: Search, c: int, out: int, tick: int) -> int:
    """Remove a stop with its partner and note it in ``s.work``; returns how many are noted."""
    mate = s.stops[c].partner
    remove(s, c, tick)
    if mate != NONE:
        remove(s, mate, tick)
    unit = c if mate == NONE or s.stops[c].first else mate
    s.work[out].unit = unit
    s.now[0].cost += s.stops[unit].penalty
    return out + 1


@compiled
def ruin(s: Search, tick: int) -> int:
    """Take strings of stops out of neighbouring routes; returns how many units ``s.work`` holds."""
    size, out, strings = len(s.near), 0, 0
    complete = s.now[0].routed == size
    mean = s.now[0].routed / max(1, s.now[0].routes)
    longest = min(float(LONGEST), mean)
    wanted = int(uniform(s) * (4.0 * REMOVED / (1.0 + longest) - 1.0) + 1.0)
    seed = int(uniform(s) * size)
    for k in range(-1, s.near.shape[1]):
        c = seed if k < 0 else s.near[seed, k]
        if s.nodes[c].route == NONE:
            mate = s.stops[c].partner
            if out < 2 * REMOVED and (mate == NONE or s.stops[c].first) and not _noted(s, c, out):
                s.work[out].unit = c
                out += 1
            continue
        if strings >= wanted:
            if complete:
                break
            continue
        r = s.nodes[c].route
        if s.routes[r].ruined == tick:
            continue
        s.routes[r].ruined = tick
        strings += 1
        out = _string(s, c, r, min(float(s.routes[r].size), longest), out, tick)
        if not s.now[0].plain and s.routes[r].kind != NONE:
            refresh(s, r)
    return out


@compiled
def _noted(s: Search, c: int, out: int) -> bool:
    for i in range(out):  # noqa: SIM110  (numba compiles no generators)
        if s.work[i].unit == c:
            return True
    return False


@compiled
def _string(s: Search, c: int, r: int, most: float, out: int, tick: int) -> int:
    length = int(uniform(s) * most + 1.0)
    length = min(length, s.routes[r].size)
    kept = 0
    if length > 1 and length < s.routes[r].size and uniform(s) < 0.5:
        kept = 1
        while length + kept < s.routes[r].size and uniform(s) < DEEPER:
            kept += 1
    span = length + kept
    size, before, after = len(s.near), 0, 0
    x = s.nodes[c].prv
    while before < span - 1 and x < size:
        before += 1
        x = s.nodes[x].prv
    x = s.nodes[c].nxt
    while after < span - 1 and x < size:
        after += 1
        x = s.nodes[x].nxt
    low, high = max(0, span - 1 - after), min(before, span - 1)
    back = low + int(uniform(s) * (high - low + 1))
    x = c
    for _ in range(back):
        x = s.nodes[x].prv
    hole = span if kept == 0 else int(uniform(s) * (length - 1)) + 1
    for i in range(span):
        s.work[i].seq = x
        x = s.nodes[x].nxt
    for i in range(span):
        if (i < hole or i >= hole + kept) and s.nodes[s.work[i].seq].route != NONE:
            out = take_out(s, s.work[i].seq, out, tick)
    return out


@compiled
def order(s: Search, out: int) -> None:
    """Sort the units for recreation by a key that is drawn anew each time."""
    draw = uniform(s) * (17.0 if s.now[0].timed else 11.0)
    for i in range(out):
        c = s.work[i].unit
        if draw < 4.0:
            key = uniform(s)
        elif draw < 8.0:
            key = s.stops[c].key0
        elif draw < 10.0:
            key = -s.stops[c].key1
        elif draw < 11.0:
            key = s.stops[c].key1
        elif draw < 13.0:
            key = s.stops[c].key2
        elif draw < 15.0:
            key = s.stops[c].key3
        else:
            key = -s.stops[c].key4
        j = i
        while j > 0 and s.work[j - 1].key > key:
            s.work[j].key, s.work[j].unit = s.work[j - 1].key, s.work[j - 1].unit
            j -= 1
        s.work[j].key, s.work[j].unit = key, c


@compiled
def recreate(s: Search, out: int, tick: int) -> None:
    """Put the units back, each at its cheapest place, or leave it out where that is cheaper."""
    size = len(s.near)
    for i in range(out):
        c = s.work[i].unit
        mate = s.stops[c].partner
        behind = NONE
        if mate == NONE:
            where, cost = place_one(s, c)
        else:
            where, behind, cost = place_pair(s, c, mate)
        if where == NONE or cost >= s.stops[c].penalty:
            continue
        if where <= NEW:
            r = open_route(s, NEW - where, tick)
            where, behind = size + 2 * r, c
        insert(s, c, where, tick)
        if mate != NONE:
            insert(s, mate, behind, tick)
        s.now[0].cost -= s.stops[c].penalty
        if not s.now[0].plain:
            refresh(s, s.nodes[c].route)


@compiled
def keep_best(s: Search) -> None:
    """Copy the solution to the best one."""
    s.now[0].best = s.now[0].cost
    for x in range(len(s.nodes)):
        s.nodes[x].best = s.nodes[x].nxt
    for r in range(len(s.routes)):
        s.routes[r].best_kind = s.routes[r].kind


@compiled
def anneal(s: Search, moves: int, hot: float, cold: float, tick: int) -> None:
    """``moves`` moves, cooling from ``hot`` to ``cold``; ``tick`` is the number of moves made before."""
    temperature, factor = hot, (cold / hot) ** (1.0 / max(1, moves))
    for move in range(1, moves + 1):
        before = s.now[0].cost
        s.now[0].logged = 0
        s.now[0].touched = 0
        out = ruin(s, tick + move)
        order(s, out)
        recreate(s, out, tick + move)
        if s.now[0].cost < before - temperature * math.log(max(uniform(s), 1e-300)):
            if s.now[0].cost < s.now[0].best - TOLERANCE:
                keep_best(s)
        else:
            undo(s, before)
        temperature *= factor


@compiled
def build(s: Search, stops: np.ndarray, kinds: np.ndarray, tick: int) -> None:
    """Make the routes ``stops`` (one after another, each closed by -1) of types ``kinds``, then place what is left."""
    size, number, p = len(s.near), 0, NONE
    for c in stops:
        if c == NONE:
            refresh(s, s.nodes[p].route)
            p, number = NONE, number + 1
            continue
        if p == NONE:
            p = size + 2 * open_route(s, kinds[number], tick)
        s.now[0].logged = 0
        insert(s, c, p, tick)
        if s.stops[c].partner == NONE or s.stops[c].first:
            s.now[0].cost -= s.stops[c].penalty
        p = c
    for c in range(size):
        if s.nodes[c].route == NONE and (s.stops[c].partner == NONE or s.stops[c].first):
            s.now[0].logged = 0
            s.work[0].unit = c
            recreate(s, 1, tick)
    keep_best(s)
