"""Cases from practitioners' complaints: what went wrong elsewhere goes right here."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from verticals_logistics.adapters import osrm, stops, vroom, vrplib
from verticals_logistics.checker import check
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.examples import DepotDays
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import Problem
from verticals_logistics.reasons import with_reasons
from verticals_logistics.schema import SCHEMA
from verticals_plugins import DataError, Ledger, ReadOptions

TRIANGLE = """NAME: T4
TYPE: CVRP
DIMENSION: 4
EDGE_WEIGHT_TYPE: EXPLICIT
EDGE_WEIGHT_SECTION:
1 10 100 1000 10000
100000
EDGE_WEIGHT_FORMAT: LOWER_ROW
CAPACITY: 2
DEMAND_SECTION
1 0
2 1
3 1
4 1
DEPOT_SECTION
1
-1
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def planned(problem: Problem) -> Plan:
    return with_reasons(problem, search(problem, Effort(moves=200)))


def test_line_breaks_mean_nothing_in_a_triangle(tmp_path: Path) -> None:
    problem = vrplib.read_vrplib(write(tmp_path, "t.vrp", TRIANGLE), Ledger())
    d = problem.distance
    assert [d[1, 0], d[2, 0], d[2, 1], d[3, 0], d[3, 1], d[3, 2]] == [1, 10, 100, 1000, 10000, 100000]
    plan = Plan("T4", (Route(0, (0, 1)), Route(0, (2,))))
    assert check(problem, plan).cost == 2111


def test_a_wrong_count_of_numbers_names_both_counts(tmp_path: Path) -> None:
    text = TRIANGLE.replace("\n100000\n", "\n")
    with pytest.raises(DataError, match=r"5 numbers.*6 for LOWER_ROW"):
        vrplib.read_vrplib(write(tmp_path, "t.vrp", text), Ledger())


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("UPPER_ROW", "1 10 1000 100 10000 100000"), ("UPPER_COL", "1 10 100 1000 10000 100000"),
        ("LOWER_COL", "1 10 1000 100 10000 100000"), ("LOWER_DIAG_ROW", "0 1 0 10 100 0 1000 10000 100000 0"),
        ("UPPER_DIAG_ROW", "0 1 10 1000 0 100 10000 0 100000 0"),
        ("FULL_MATRIX", "0 1 10 1000 1 0 100 10000 10 100 0 100000 1000 10000 100000 0"),
    ],
)  # fmt: skip
def test_every_matrix_format_gives_the_same_distances(tmp_path: Path, form: str, values: str) -> None:
    wanted = vrplib.read_vrplib(write(tmp_path, "a.vrp", TRIANGLE), Ledger()).distance
    text = TRIANGLE.replace("1 10 100 1000 10000\n100000", values).replace("LOWER_ROW", form)
    assert np.array_equal(vrplib.read_vrplib(write(tmp_path, "b.vrp", text), Ledger()).distance, wanted)


MISSPELT = {
    "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "time_windows": [[28800, 36000]]}],
    "jobs": [{"id": 7, "location_index": 1, "service": 600, "time_windows": [[50000, 52000]]}],
    "matrices": {"car": {"durations": [[0, 900], [900, 0]]}},
}


def test_an_unknown_key_is_refused_with_its_path_and_the_nearest_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"vehicles\[0\]\.time_windows.*time_window\."):
        vroom.read_vroom(write(tmp_path, "a.json", json.dumps(MISSPELT)), Ledger())


def test_a_window_under_another_key_is_refused_with_its_path_and_the_nearest_known(tmp_path: Path) -> None:
    text = json.dumps(MISSPELT).replace('"time_windows": [[50000, 52000]]', '"time_window": [50000, 52000]')
    with pytest.raises(DataError, match=r"jobs\[0\]\.time_window is not a key.*time_windows\."):
        vroom.read_vroom(write(tmp_path, "a.json", text), Ledger())


def test_a_window_after_the_shift_is_unserved_with_that_reason(tmp_path: Path) -> None:
    content = json.loads(
        json.dumps(MISSPELT).replace('"time_windows": [[28800, 36000]]', '"time_window": [28800, 36000]')
    )
    problem = vroom.read_vroom(write(tmp_path, "a.json", json.dumps(content)), Ledger())
    plan = planned(problem)
    assert plan.routes == ()
    assert "shift" in plan.unserved[0].reason


def test_a_stop_without_a_road_is_named_and_the_others_planned(tmp_path: Path) -> None:
    text = '{"code":"Ok","durations":[[0,300,null],[300,0,null],[null,null,0]]}'
    problem = osrm.read_osrm(write(tmp_path, "m.json", text), Ledger())
    plan = planned(problem)
    assert [route.stops for route in plan.routes] == [(0,)]
    assert [(one.stop, one.reason) for one in plan.unserved] == [(1, "no route from/to stop 2")]
    assert check(problem, Plan("m", plan.routes, plan.unserved)).routes[0].duration == 600


def test_a_road_that_is_missing_one_way_is_not_taken(tmp_path: Path) -> None:
    text = '{"code":"Ok","durations":[[0,300,400],[300,0,200],[null,250,0]]}'
    problem = osrm.read_osrm(write(tmp_path, "m.json", text), Ledger())
    plan = planned(problem)
    assert [route.stops for route in plan.routes] == [(1, 0)]
    assert check(problem, plan).cost == 950
    assert check(problem, Plan("m", (Route(0, (0, 1)),))).faults


@pytest.mark.parametrize("cell", ["null", "-1", "NaN", "1e300"])
def test_no_odd_cell_is_ever_a_cost(tmp_path: Path, cell: str) -> None:
    text = f'{{"code":"Ok","durations":[[0,{cell}],[9,0]]}}'
    plan = planned(osrm.read_osrm(write(tmp_path, "m.json", text), Ledger()))
    assert plan.routes == ()


GERMAN = """Kunde;Strasse;PLZ;Ort;Länge;Breite;Zeitfenster;Gewicht
Bäckerei Nord;Hafenstr. 1;01067;Dresden;13,7373;51,0504;9-12;12,5
Café Süd;Am Markt 3;01069;Dresden;51,0331;13,7402;13:30-15;7
Depot West;Weg 9;01159;Dresden;13,69;51,04;;1.250
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "cp850"])
def test_a_german_spreadsheet_is_read_in_its_own_words(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "tour.csv", GERMAN.encode(encoding))
    told = {} if encoding.startswith("utf") else {"encoding": encoding}
    dataset = stops.read(path, ReadOptions(schema=SCHEMA, options=told))
    main = dataset.main
    assert list(main["id"]) == ["Bäckerei Nord", "Café Süd", "Depot West"]
    assert list(main["PLZ"]) == ["01067", "01069", "01159"]
    assert list(main["demand"]) == [12.5, 7, 1250]
    assert (main["longitude"][0], main["latitude"][0]) == (13.7373, 51.0504)
    assert (main["opens"][0], main["closes"][0]) == (9 * 3600, 12 * 3600)
    assert (main["opens"][1], main["closes"][1]) == (13.5 * 3600, 15 * 3600)
    assert np.isnan(main["opens"][2])
    assert main["longitude"][1] == 51.0331
    swaps = [one for one in dataset.provenance.ledger.warnings if "swapped" in one]
    assert len(swaps) == 1
    assert "Café Süd" in swaps[0]
    assert "5,325 km" in swaps[0]
    assert any("1.650 read with decimal comma" in one for one in dataset.provenance.ledger.warnings)


def test_an_encoding_is_asked_for_and_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="encoding=cp1252"):
        stops.read(write(tmp_path, "tour.csv", GERMAN.encode("cp1252")), ReadOptions(schema=SCHEMA))


def test_swapped_coordinates_are_swapped_only_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "tour.csv", GERMAN)
    dataset = stops.read(path, ReadOptions(schema=SCHEMA, options={"fix": "swapped-coordinates"}))
    assert (dataset.main["longitude"][1], dataset.main["latitude"][1]) == (13.7402, 51.0331)
    problem = DepotDays()(dataset).inputs["problem"].values[0]  # type: ignore[attr-defined]
    assert [one.id for one in problem.depots] == ["Depot West"]
    assert problem.stops[0].windows == ((32400, 43200),)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("9", 32400), ("13:30", 48600), ("9.15 Uhr", 33300), ("9h30", 34200), ("1 pm", 46800), ("12 am", 0), ("25:10",
        90600),
     ("9:75", None), ("soon", None)],
)  # fmt: skip
def test_clock_times(text: str, seconds: float | None) -> None:
    assert stops.clock(text) == seconds


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    for reader, name in itertools.product((vrplib.read_vrplib, vroom.read_vroom, osrm.read_osrm), ("a.vrp", "a.json")):
        with pytest.raises(DataError, match="empty"):
            reader(write(tmp_path, name, ""), Ledger())
