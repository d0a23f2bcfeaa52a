"""A simulated city: a depot at its edge, rush hours that are worse in the middle, customers with promised windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from verticals_logistics.adapters.common import dataset_of_problems, haversine_km
from verticals_logistics.problem import Depot, Problem, Stop, Units, Vehicle
from verticals_logistics.travel import Outcome
from verticals_plugins import Dataset, Provenance

CENTRE = np.array([13.74, 51.05])
DAYS, TRIPS = 24, 120
RUSH = np.array(
    [0, 0, 0, 0, 0, 0.1, 0.5, 1.3, 1.5, 0.8, 0.4, 0.4, 0.5, 0.5, 0.5, 0.8, 1.3, 1.5, 0.9, 0.4, 0.2, 0.1, 0, 0]
)
"""How much longer ways take at each hour of the day, in the middle of the city."""


def simulate_city(seed: int, days: int = DAYS) -> Dataset:
    """``days`` working days of 30 to 45 stops; each day's trips and its traffic become known after it. Simulated."""
    rng = np.random.default_rng(seed)
    homes = CENTRE + rng.normal(0, [0.07, 0.045], (180, 2))
    problems, outcomes = [], {}
    for day in [day for day in range(days * 2) if (day + 3) % 7 < 5][:days]:
        origin = np.datetime64("2026-01-01", "ns") + np.timedelta64(day * 86_400_000_000_000, "ns")
        problem = _day(rng, homes, origin)
        problems.append(problem)
        outcomes[problem.id] = _outcome(rng, problem)
    data = dataset_of_problems(problems, Provenance("simulator", notes={"simulated": "our city with rush hours"}))
    return Dataset(data.tables, data.schema, data.provenance, {**data.arrays, "outcome": outcomes})


def _day(rng: np.random.Generator, homes: np.ndarray, origin: np.datetime64) -> Problem:
    chosen = rng.choice(len(homes), int(rng.integers(30, 46)), replace=False)
    place = np.vstack([CENTRE + np.array([0.11, -0.06]), homes[chosen]])
    metres = np.round(haversine_km(place) * 1300)
    usual = np.round(metres / _speed(place) * 1.1)
    stops = []
    for number in range(1, len(place)):
        opens = 3600.0 * float(rng.integers(14, 32)) / 2
        windows = ((opens, opens + 3600.0 * float(rng.choice([1.5, 2.0, 3.0]))),) if rng.random() < 0.6 else ()
        stops.append(
            Stop(f"c{chosen[number - 1]:03d}", number, (float(rng.integers(1, 11)),), windows=windows,
                 service=60.0 * float(rng.integers(4, 11)))
        )  # fmt: skip
    return Problem(
        id=str(origin)[:10], stops=tuple(stops), depots=(Depot("depot", 0),),
        vehicles=tuple(
            Vehicle(name, count, (room,), fixed=fixed, per_distance=0.00035, per_time=28 / 3600, shift=(6.5 * 3600.0,
                19 * 3600.0))
            for name, count, room, fixed in (("van", 8, 50.0, 45.0), ("truck", 3, 110.0, 80.0))
        ),
        distance=metres, duration=usual, place=place, units=Units("m", "s", "EUR"), lateness=1.0 / 60, origin=origin,
    )  # fmt: skip


def _speed(place: np.ndarray) -> np.ndarray:
    """(L, L) metres per second when nobody else drives: slower near the middle."""
    near = _nearness(place)
    return np.asarray((45.0 - 22.0 * (near[:, None] + near) / 2) / 3.6)


def _nearness(place: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-(((place - CENTRE) / [0.06, 0.04]) ** 2).sum(axis=1)))


def _outcome(rng: np.random.Generator, problem: Problem) -> Outcome:
    assert problem.place is not None
    near = _nearness(problem.place)
    middle = (near[:, None] + near) / 2
    mood = float(np.exp(rng.normal(0, 0.06)))
    free = problem.distance / _speed(problem.place)
    jam = 1 + RUSH[:, None, None] * mood * (0.25 + 1.15 * middle)
    traffic = np.round(free * 1.05 * jam)
    size = len(problem.place)
    a, b = rng.integers(0, size, TRIPS), rng.integers(0, size, TRIPS)
    a, b = a[a != b], b[a != b]
    left = rng.uniform(6.5, 19.0, len(a)) * 3600
    seconds = traffic[(left // 3600).astype(int), a, b] * np.exp(rng.normal(0, 0.08, len(a)))
    place = problem.place
    trips = pd.DataFrame({
        "departed": left, "x1": place[a, 0], "y1": place[a, 1], "x2": place[b, 0], "y2": place[b, 1],
        "distance": problem.distance[a, b], "seconds": seconds,
    })  # fmt: skip
    return Outcome(trips[trips["distance"] > 0].reset_index(drop=True), traffic)
