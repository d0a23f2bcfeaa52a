"""Every public sample file of logistics, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from samples import unclear

from verticals_logistics.routes import ROUTES

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
    assert unclear(ROUTES, shared(f"formats/logistics/{name}")) == []
