"""Depot-days as examples: what is known when the day is planned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from verticals_logistics.adapters.common import haversine_km
from verticals_logistics.problem import INFINITY, Depot, Problem, Stop, Units, Vehicle
from verticals_logistics.travel import Outcome
from verticals_plugins import DataError, Dataset, Examples, Objects

DAY = np.timedelta64(86_400, "s")
DETOUR, KMH = 1.3, 30.0
"""Roads are this much longer than the crow flies, and this fast, where a table of stops has no matrix."""
SHIFT = (7 * 3600.0, 18 * 3600.0)
PER_KM, PER_HOUR, PER_ROUTE = 0.4, 30.0, 50.0
CAPACITY = 1000.0


class DepotDays:
    """One example a depot-day (or instance). Rows of other days change nothing of it."""

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        main = dataset.main
        known = {one.id: one for one in dataset.arrays.get("problem", ())}
        outcomes = dataset.arrays.get("outcome", {})
        problems, times = [], []
        for day, rows in main.groupby(main["day"].astype(str), sort=False):
            problems.append(_restricted(known[day], rows) if day in known else problem_of_rows(str(day), rows))
            times.append(rows["time"].max())
        order = np.lexsort((np.array([one.id for one in problems]), np.array(times, dtype="datetime64[ns]")))
        problems, when = [problems[i] for i in order], np.array(times, dtype="datetime64[ns]")[order]
        truth = np.empty(len(problems), dtype=object)
        truth[:] = [outcomes.get(one.id, Outcome(pd.DataFrame())) for one in problems]
        frame = pd.DataFrame({
            "id": [one.id for one in problems], "entity": [one.id for one in problems], "time": when,
            "stops": [len(one.stops) for one in problems],
        })  # fmt: skip
        return Examples(frame, {"problem": Objects(tuple(problems))}, truth, when + DAY)

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset | None:
        """Nothing: a day is planned from its own stops."""
        return None


def _restricted(problem: Problem, rows: pd.DataFrame) -> Problem:
    """The problem with the stops that the table holds."""
    there = set(rows["id"].astype(str))
    kept = [number for number, one in enumerate(problem.stops) if f"{problem.id}/{one.id}" in there]
    return problem if len(kept) == len(problem.stops) else problem.only(kept)


def problem_of_rows(day: str, rows: pd.DataFrame) -> Problem:
    """A problem from a table of stops: ways by the crow, one kind of vehicle, as many as needed.

    Raises:
        DataError: no depot, or no stop.
    """
    depots = rows[_is_depot(rows)]
    stops = rows[~_is_depot(rows)]
    if not len(depots) or not len(stops):
        raise DataError(
            f"Day {day} has {len(depots)} depots and {len(stops)} stops.",
            expected='At least one of each: a row with role "depot" or "depot" in its name, and the stops.',
            todo="Add the depot as a row of the table.",
        )
    every = pd.concat([depots, stops])
    place = every[["longitude", "latitude"]].to_numpy(dtype=float)
    metres = np.round(haversine_km(place) * 1000 * DETOUR)
    demand = _numbers(stops, "demand")
    served = _numbers(stops, "service") * 60
    opens, closes = (_numbers(stops, name, np.nan) for name in ("opens", "closes"))
    kinds = tuple(
        Vehicle(f"from {name}", None, (max(CAPACITY, float(demand.max(initial=0.0))),), n, n, fixed=PER_ROUTE,
                per_distance=PER_KM / 1000, per_time=PER_HOUR / 3600, shift=SHIFT)
        for n, name in enumerate(depots["id"].astype(str))
    )  # fmt: skip
    return Problem(
        id=day,
        stops=tuple(
            Stop(name, len(depots) + n, (demand[n],), windows=_window(opens[n], closes[n]), service=served[n])
            for n, name in enumerate(stops["id"].astype(str))
        ),
        depots=tuple(Depot(name, n) for n, name in enumerate(depots["id"].astype(str))), vehicles=kinds,
        distance=metres, duration=np.round(metres / (KMH / 3.6)), place=place, units=Units("m", "s", "EUR"),
        origin=rows["time"].min().to_numpy().astype("datetime64[D]").astype("datetime64[ns]"),
    )  # fmt: skip


def _is_depot(rows: pd.DataFrame) -> pd.Series:
    if "role" in rows and rows["role"].astype(str).str.lower().eq("depot").any():
        return rows["role"].astype(str).str.lower().eq("depot")
    return rows["id"].astype(str).str.lower().str.contains("depot")


def _numbers(rows: pd.DataFrame, name: str, missing: float = 0.0) -> np.ndarray:
    if name not in rows:
        return np.full(len(rows), missing)
    return np.nan_to_num(rows[name].to_numpy(dtype=float), nan=missing)


def _window(opens: float, closes: float) -> tuple[tuple[float, float], ...]:
    if np.isnan(opens) and np.isnan(closes):
        return ()
    return ((0.0 if np.isnan(opens) else float(opens), INFINITY if np.isnan(closes) else float(closes)),)
