"""OSRM's table JSON (and Mapbox's): a matrix of seconds; place 0 is the depot, each other place a stop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from verticals_logistics.adapters.common import dataset_of, text_of
from verticals_logistics.adapters.vroom import square
from verticals_logistics.problem import Depot, Problem, Stop, Units, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff


def read_osrm(path: Path, ledger: Ledger) -> Problem:
    """One table response. Without distances the durations alone cost.

    Raises:
        DataError: no table (a route, an error code), or not square.
    """
    try:
        content = json.loads(text_of(path))
    except ValueError as err:
        raise DataError(f"{path.name} is not JSON: {err}.", expected="An OSRM table response.") from err
    if not isinstance(content, Mapping) or "durations" not in content:
        what = "a route response" if isinstance(content, Mapping) and "routes" in content else "no table response"
        raise DataError(f"{path.name} is {what}.", expected='The table service\'s answer, with "durations".')
    if content.get("code", "Ok") != "Ok":
        raise DataError(f"{path.name} says code {content['code']}.", expected="code Ok.", todo="Ask the service again.")
    duration = square(content["durations"], f"{path.name}: durations")
    far = content.get("distances")
    distance = np.where(np.isfinite(duration), 0.0, np.inf) if far is None else square(far, f"{path.name}: distances")
    distance[~np.isfinite(distance) | ~np.isfinite(duration)] = np.inf
    points = [one.get("location") for one in content.get("sources", []) if isinstance(one, Mapping)]
    whole = len(points) == len(duration) and all(points)
    return Problem(
        id=path.stem, stops=tuple(Stop(str(place), place) for place in range(1, len(duration))),
        depots=(Depot("0", 0),), vehicles=(Vehicle("vehicle", 1, per_distance=0.0, per_time=1.0),), distance=distance,
        duration=duration, place=np.array(points, dtype=float) if whole else None, units=Units("m", "s", "s"),
    )  # fmt: skip


def sniff(path: Path) -> Sniff:
    """Certain when a JSON file has durations."""
    try:
        content = json.loads(path.read_bytes()) if path.is_file() and path.suffix.lower() == ".json" else None
    except (OSError, ValueError):
        return Sniff(0.0, "no JSON")
    found = isinstance(content, Mapping) and (
        "durations" in content or ("routes" in content and "waypoints" in content)
    )
    return Sniff(0.9, "OSRM table") if found else Sniff(0.0, "no durations")


def read(path: Path, options: ReadOptions) -> Dataset:
    """A file, or a folder's .json files."""
    return dataset_of(path, "logistics.osrm", (".json",), read_osrm, options.limit)


OSRM = Adapter(name="logistics.osrm", summary="OSRM table JSON", sniff=sniff, read=read)
