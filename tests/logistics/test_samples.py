"""Every public sample file of logistics, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verticals.pipeline.reading import choose
from verticals_logistics.routes import ROUTES
from verticals_plugins import DataError, ReadOptions

FOLDERS = (
    "amazon_last_mile",
    "cordeau_mdvrp",
    "csv_stops",
    "euro_neurips_ortec",
    "gehring_homberger",
    "geojson",
    "google_route_optimization",
    "gpx",
    "graphhopper_vrp",
    "gtfs",
    "jsprit_xml",
    "lilim",
    "openrouteservice",
    "osrm",
    "other_vrp_text",
    "pragmatic_vrp",
    "solomon",
    "taxi_trips",
    "tsplib",
    "valhalla",
    "vroom",
    "vrplib",
)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, shared: Callable[[str], Path]) -> None:
    mute = []
    for path in sorted(one for one in shared(f"formats/logistics/{name}").rglob("*") if one.is_file()):
        try:
            found = choose(ROUTES, path).adapter.read(path, ReadOptions(schema=ROUTES.schema))
        except DataError as err:
            mute += [] if err.found and (err.expected or err.todo) else [f"{path.name}: {err}"]
        else:
            assert len(found.main), path
            assert found.provenance.sources, path
    assert not mute
