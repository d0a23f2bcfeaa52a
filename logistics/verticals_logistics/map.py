"""A map of a plan as one inline SVG: no tiles, no network."""

from __future__ import annotations

import html

import numpy as np

from verticals_logistics.checker import route_places, timed
from verticals_logistics.plan import Plan
from verticals_logistics.problem import Problem

WIDTH, HEIGHT, EDGE = 720, 480, 24
COLOURS = ("#2364aa", "#d1495b", "#2e933c", "#8f5db7", "#e08e1b", "#148f8b", "#7a4b2a", "#c23b95", "#5c6b73", "#9aa11d")


def svg(problem: Problem, plan: Plan) -> str:
    """Routes as lines, stops as dots with a title (name, arrival, load), stops left out as crosses."""
    assert problem.place is not None
    at = _project(problem)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" aria-label="map of routes" '
             f'style="max-width:{WIDTH}px;background:#f7f7f4;border:1px solid #ddd">']  # fmt: skip
    for number, route in enumerate(plan.routes):
        colour, found = COLOURS[number % len(COLOURS)], timed(problem, route)
        line = " ".join(f"{at[one, 0]:.1f},{at[one, 1]:.1f}" for one in route_places(problem, route))
        name = html.escape(f"route {number + 1}, {problem.vehicles[route.vehicle].id}: {len(route.stops)} stops")
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" opacity=".75">'
                     f"<title>{name}</title></polyline>")  # fmt: skip
        for visit in found.visits:
            stop = problem.stops[visit.stop]
            said = html.escape(f"{stop.id}, route {number + 1}, arrival {_clock(problem, visit.arrival)}")
            parts.append(_dot(at[stop.place], 4, colour, said))
    for one in plan.unserved:
        x, y = at[problem.stops[one.stop].place]
        said = html.escape(f"{problem.stops[one.stop].id} is left out: {one.reason}")
        parts.append(f'<path d="M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10" stroke="#b00" stroke-width="2.5">'
                     f"<title>{said}</title></path>")  # fmt: skip
    for depot in problem.depots:
        x, y = at[depot.place]
        parts.append(f'<rect x="{x - 6:.1f}" y="{y - 6:.1f}" width="12" height="12" fill="#222">'
                     f"<title>{html.escape('depot ' + depot.id)}</title></rect>")  # fmt: skip
    return "".join([*parts, "</svg>"])


def _dot(place: np.ndarray, radius: int, colour: str, said: str) -> str:
    return (f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius}" fill="{colour}" stroke="#fff">'
            f"<title>{said}</title></circle>")  # fmt: skip


def _project(problem: Problem) -> np.ndarray:
    """(L, 2) pixels; degrees are shrunk by the cosine of the latitude, north is up."""
    place = np.array(problem.place, dtype=float)
    used = [one.place for one in problem.stops] + [one.place for one in problem.depots]
    if not problem.plane:
        place[:, 0] *= np.cos(np.radians(place[used, 1].mean()))
    low, high = place[used].min(axis=0), place[used].max(axis=0)
    scale = float(np.min((np.array([WIDTH, HEIGHT]) - 2 * EDGE) / np.maximum(high - low, 1e-9)))
    spare = (np.array([WIDTH, HEIGHT]) - (high - low) * scale) / 2
    out = (place - low) * scale + spare
    out[:, 1] = HEIGHT - out[:, 1]
    return out


def _clock(problem: Problem, seconds: float) -> str:
    if problem.origin is None:
        return f"{seconds:.0f}"
    return f"{int(seconds // 3600):02d}:{int(seconds % 3600 // 60):02d}"
