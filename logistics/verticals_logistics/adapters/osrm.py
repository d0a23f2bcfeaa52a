"""OSRM's table JSON (and Mapbox's): a matrix of seconds; place 0 is the depot, each other place a stop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from verticals_logistics.adapters.common import dataset_of, json_of, stem_of, suffix_of
from verticals_logistics.adapters.vroom import square
from verticals_logistics.problem import Depot, Problem, Stop, Units, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

ENDS = ("sources", "destinations")
METRES = {"m": 1.0, "km": 1000.0, "mi": 1609.344}


def read_osrm(path: Path, ledger: Ledger) -> Problem:
    """One table response. Without distances the durations alone cost.

    Raises:
        DataError: no table (a route, an error code), or not square.
    """
    content = json_of(path)
    if isinstance(content, Mapping) and content.get("code", "Ok") != "Ok":
        said = f": {content['message']}" if content.get("message") else ""
        raise DataError(f"{path.name} says code {content['code']}{said}.", expected="code Ok.",
                        todo="Ask the service again.")  # fmt: skip
    if not isinstance(content, Mapping) or "durations" not in content:
        told = content if isinstance(content, Mapping) else {}
        what = "a route response" if "routes" in told else "no table response"
        what = "a table of distances alone" if "distances" in told else what
        raise DataError(f"{path.name} is {what}.", expected='The table service\'s answer, with "durations".',
                        todo="Ask the table service with annotations=duration,distance.")  # fmt: skip
    points = [_points(content, name) for name in ENDS]
    if all(points) and points[0] != points[1]:
        raise DataError(f"{path.name}: its {len(points[0])} sources are not its {len(points[1])} destinations.",
                        expected="A table between the same places, the depot first.",
                        todo="Ask for it without sources and destinations.")  # fmt: skip
    if content.get("fallback_speed_cells"):
        ledger.warn(f"{path.name}: {len(content['fallback_speed_cells'])} ways are estimated, not routed")
    duration = square(content["durations"], f"{path.name}: durations")
    far = content.get("distances")
    distance = np.where(np.isfinite(duration), 0.0, np.inf) if far is None else square(far, f"{path.name}: distances")
    counts = [len(duration), len(distance), *(len(told) for told in map(content.get, ENDS) if isinstance(told, list))]
    if len(set(counts)) > 1:
        raise DataError(f"{path.name}: durations, distances, sources and destinations are of "
                        f"{', '.join(map(str, counts))} places.", expected="The same number of each.",
                        todo="Ask the service again.")  # fmt: skip
    distance = distance * _metres(content, path)
    distance[~np.isfinite(distance) | ~np.isfinite(duration)] = np.inf
    if len(duration) < 2 or np.diag(duration).any():
        raise DataError(f"{path.name} has {len(duration)} places, the longest way from a place to itself takes "
                        f"{np.diag(duration).max():g} s.", expected="A depot and a stop; no way to itself.",
                        todo="Ask for the table between the same places.")  # fmt: skip
    place = next((one for one in points if len(one) == len(duration)), None)
    return Problem(
        id=stem_of(path), stops=tuple(Stop(str(place), place) for place in range(1, len(duration))),
        depots=(Depot("0", 0),), vehicles=(Vehicle("vehicle", 1, per_distance=0.0, per_time=1.0),), distance=distance,
        duration=duration, place=None if place is None else np.array(place), units=Units("m", "s", "s"),
    )  # fmt: skip


def _metres(content: Mapping[str, Any], path: Path) -> float:
    """Metres of one unit of distance: as openrouteservice's metadata say, else 1."""
    told: Any = content
    for key in ("metadata", "query", "units"):
        told = told.get(key) if isinstance(told, Mapping) else None
    if told is not None and str(told) not in METRES:
        raise DataError(f"{path.name}: the unit of distances is {told!r}.", expected=f"One of {', '.join(METRES)}.",
                        todo="Ask the service with units=m.")  # fmt: skip
    return METRES[str(told or "m")]


def _points(content: Mapping[str, Any], name: str) -> list[tuple[float, float]]:
    """Longitude and latitude of the sources or the destinations, if all are told."""
    told = content.get(name)
    places = (
        [one.get("location") if isinstance(one, Mapping) else None for one in told] if isinstance(told, list) else []
    )
    good = [
        (float(one[0]), float(one[1])) for one in places
        if isinstance(one, list) and len(one) == 2 and all(isinstance(x, int | float) for x in one)
    ]  # fmt: skip
    return good if len(good) == len(places) else []


def sniff(path: Path) -> Sniff:
    """Certain when a JSON file has durations."""
    try:
        content = json_of(path) if path.is_file() and suffix_of(path) == ".json" else None
    except (OSError, DataError):
        return Sniff(0.0, "no JSON")
    found = isinstance(content, Mapping) and (
        bool({"durations", "distances"} & set(content))
        or "code" in content
        or ("routes" in content and "waypoints" in content)
    )
    return Sniff(0.9, "OSRM table") if found else Sniff(0.0, "no durations")


def read(path: Path, options: ReadOptions) -> Dataset:
    """A file, or a folder's .json files."""
    return dataset_of(path, "logistics.osrm", (".json",), read_osrm, options.limit)


OSRM = Adapter(name="logistics.osrm", summary="OSRM table JSON", sniff=sniff, read=read)
