"""Files as other tools, other countries and broken exports write them: the right facts, or a refusal in words."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from problems import SMALL

from verticals.pipeline.reading import choose
from verticals_logistics.problem import Problem
from verticals_logistics.routes import ROUTES
from verticals_plugins import DataError, Dataset, ReadOptions

SOLOMON = """X1

VEHICLE
NUMBER     CAPACITY
  2         10

CUSTOMER
CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME

    0      0         0          0          0       100          0
    1      3         4          2          0        50          5
    2      6         8          3         10        60          5
"""
PAIRS = "2\t10\t1\n0\t0\t0\t0\t0\t99\t0\t0\t0\n1\t0\t5\t3\t0\t99\t1\t0\t2\n2\t3\t4\t-3\t0\t99\t1\t1\t0\n"
VROOM: dict[str, Any] = {
    "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "capacity": [2]}],
    "jobs": [{"id": 1, "location_index": 1, "delivery": [1]}, {"id": 2, "location_index": 2, "delivery": [2]}],
    "matrices": {"car": {"durations": [[0, 10, 20], [10, 0, 15], [20, 15, 0]]}},
}
TABLE = {"code": "Ok", "durations": [[0, 60], [70, 0]], "distances": [[0, 1.2], [1.3, 0]]}
STOPS = "name,lon,lat,demand,service,von,bis\nDepot,13.7,51.0,,,,\n"


def opened(folder: Path, name: str, content: str | bytes, **options: str) -> Dataset:
    """The file as the adapter that takes it reads it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return choose(ROUTES, path).adapter.read(path, ReadOptions(schema=ROUTES.schema, options=options))


def problem_of(data: Dataset) -> Problem:
    found = data.arrays["problem"][0]
    assert isinstance(found, Problem)
    return found


def expect_refusal(folder: Path, name: str, content: str | bytes, match: str, **options: str) -> None:
    with pytest.raises(DataError, match=match) as found:
        opened(folder, name, content, **options)
    assert found.value.found
    assert found.value.expected
    assert found.value.todo


def warned(data: Dataset, text: str) -> bool:
    return any(text in one for one in data.provenance.ledger.warnings)


def changed(content: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> str:
    copy = json.loads(json.dumps(content))
    change(copy)
    return json.dumps(copy)


# ------------------------------------------------------------------------------------------------ bytes

WRITTEN: dict[str, Callable[[str], bytes]] = {
    "mark": lambda text: text.encode("utf-8-sig"),
    "utf16": lambda text: text.encode("utf-16"),
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "mac": lambda text: text.replace("\n", "\r").encode(),
    "packed": lambda text: gzip.compress(text.encode()),
}


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.vrp", SMALL), ("a.txt", SOLOMON), ("b.txt", PAIRS), ("a.json", json.dumps(VROOM)),
        ("o.json", json.dumps(TABLE)),
    ],
)  # fmt: skip
def test_how_a_file_is_written_changes_nothing(way: str, name: str, text: str, tmp_path: Path) -> None:
    wanted = opened(tmp_path, name, text)
    found = opened(tmp_path, name + (".gz" if way == "packed" else ""), WRITTEN[way](text))
    pd.testing.assert_frame_equal(found.main, wanted.main)
    assert np.array_equal(problem_of(found).distance, problem_of(wanted).distance)
    assert problem_of(found).id == problem_of(wanted).id


def test_packed_files_of_a_folder_are_read(tmp_path: Path) -> None:
    opened(tmp_path, "a.vrp", SMALL)
    (tmp_path / "b.vrp.gz").write_bytes(gzip.compress(SMALL.replace("small", "other").encode()))
    data = choose(ROUTES, tmp_path).adapter.read(tmp_path, ReadOptions(schema=ROUTES.schema))
    assert [one.id for one in data.arrays["problem"]] == ["small", "other"]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.vrp", "", "empty"), ("a.json", "", "empty"), ("a.json", " \n", "empty"),
        ("a.vrp.gz", gzip.compress(SMALL.encode())[:-9], "cannot be read"),
        ("a.json", '{"vehicles":[{"id":1}],"jobs":[{"id":1},]}', "line 1 column"),
        ("a.json", "[" * 100_000, "not JSON"), ("a.json", '{"durations":' + "[" * 100_000, "not JSON"),
        ("a.json", '{"vehicles":[{"id":1}],"jobs":[],"jobs":[]}', "'jobs' twice"),
        ("a.json", '{"code":0,"summary":{},"unassigned":[],"routes":[]}', "a VROOM solution"),
    ],
)  # fmt: skip
def test_a_broken_file_says_what_is_broken(name: str, content: str | bytes, match: str, tmp_path: Path) -> None:
    expect_refusal(tmp_path, name, content, match)


# ------------------------------------------------------------------------------------------------ VRPLIB


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("2 3 4", "2 inf 4", "line 8: NODE_COORD is 'inf'"), ("2 3 4", "2 1_0 4", "'1_0'"),
        ("2 1\n", "2 inf\n", "DEMAND is 'inf'"), ("CAPACITY : 5\n", "", "demands and no CAPACITY"),
        ("CAPACITY", "CAPCITY", "demands and no CAPACITY"), (": 5", ": -5", "CAPACITY is -5"),
        ("CAPACITY", "DISTANCE : -1\nCAPACITY", "DISTANCE is -1"), ("CAPACITY", "SCALE : 100\nCAPACITY", "SCALE"),
        ("DEMAND_SECTION\n1 0\n2 1\n3 2\n4 3\n", "", "CAPACITY and no demands"),
        ("1 0\n2 1", "1 7\n2 1", "depot 1 has a demand"),
        ("1 0\n2 1\n3 2\n4 3", "1 0 0\n2 1 5\n3 2 5\n4 3 5", "2 demands a node and 1 capacities"),
        ("DEPOT_S", "VEHICLES_ALLOWED_CLIENTS_SECTION\n1 2 9\nDEPOT_S", "names node 9"),
        ("CAPACITY : 5\n", "CAPACITY_SECTION\n1 5\n2 -7\n", "CAPACITY_SECTION holds -7"),
        ("DEPOT_S", "BACKHAUL_SECTION\n3.5 -1\nDEPOT_S", "BACKHAUL_SECTION names a node"),
        ("DEPOT_S", "LINEHAUL_SECTION\n1 0 2 9 3 9 4 9\nDEPOT_S", "DEMAND_SECTION and LINEHAUL_SECTION"),
    ],
)  # fmt: skip
def test_a_vrplib_file_whose_parts_do_not_fit_is_refused(old: str, new: str, match: str, tmp_path: Path) -> None:
    expect_refusal(tmp_path, "a.vrp", SMALL.replace(old, new, 1), match)


def test_an_unknown_header_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert warned(opened(tmp_path, "a.vrp", SMALL.replace("CAPACITY", "VEHICLE : 1\nCAPACITY")), "is VEHICLES meant?")


def test_degrees_and_minutes_become_degrees(tmp_path: Path) -> None:
    text = SMALL.replace("EUC_2D", "GEO").replace("1 0 0", "1 16.47 96.10").replace("2 3 4", "2 -16.30 94.44")
    data = opened(tmp_path, "a.vrp", text)
    assert data.main["latitude"][0] == pytest.approx(-16.5)
    assert data.main["longitude"][0] == pytest.approx(94 + 44 / 60)
    assert not problem_of(data).plane


def test_a_huge_dimension_is_compared_before_anything_is_laid_out(tmp_path: Path) -> None:
    text = "NAME: t\nTYPE: TSP\nDIMENSION: 900000\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: LOWER_ROW\n"
    expect_refusal(tmp_path, "a.vrp", text + "EDGE_WEIGHT_SECTION\n1 2 3\n", "3 numbers.*404999550000 for LOWER_ROW")


def test_an_absurd_distance_is_no_road(tmp_path: Path) -> None:
    text = "NAME: t\nTYPE: TSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: FULL_MATRIX\n"
    data = opened(tmp_path, "a.tsp", text + "EDGE_WEIGHT_SECTION\n1e9 1e12\n7 0\n")
    assert problem_of(data).distance.tolist() == [[0, np.inf], [7, 0]]
    assert warned(data, "1 distances")


def test_every_end_of_a_shipment_has_its_other_end(tmp_path: Path) -> None:
    rows = "1 0 0 100 0 0 0\n2 5 0 100 0 0 4\n3 -5 0 100 0 2 0\n4 -5 0 100 0 2 0\n"
    text = SMALL[: SMALL.index("DEMAND")].replace("CVRP", "PDPTW") + "PICKUP_AND_DELIVERY_SECTION\n" + rows
    expect_refusal(tmp_path, "a.vrp", text + "DEPOT_SECTION\n1\n-1\n", "stop 2 of 3 is an end of 0")
    expect_refusal(tmp_path, "a.txt", PAIRS + "3\t3\t4\t-3\t0\t99\t1\t1\t0\n", "stop 3 of 3 is an end of 0")


# ------------------------------------------------------------------------------------------------ Solomon


def test_a_file_without_a_title_is_named_after_itself(tmp_path: Path) -> None:
    assert problem_of(opened(tmp_path, "rc1.txt", SOLOMON[4:])).id == "rc1"
    assert problem_of(opened(tmp_path, "lc1.txt", "\n\n" + PAIRS)).id == "lc1"


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("    0      0 ", "    3      9      9     9      0     60     5\n    0      0 ", "in order"),
        ("  2         10", "  inf       10", "'inf'"), ("  2         10", "  2       -10", "capacity -10"),
        ("0          0       100", "7          0       100", "has the demand 7"),
    ],
)  # fmt: skip
def test_no_row_before_the_depot_is_skipped(old: str, new: str, match: str, tmp_path: Path) -> None:
    expect_refusal(tmp_path, "a.txt", SOLOMON.replace(old, new), match)


def test_a_speed_of_nothing_is_none(tmp_path: Path) -> None:
    data = opened(tmp_path, "lr107.txt", PAIRS.replace("2\t10\t1", "2\t10\t0"))
    assert problem_of(data).duration[0, 1] == 5
    assert warned(data, "speed 0")


# ------------------------------------------------------------------------------------------------ VROOM

ENDS: dict[str, Any] = {
    "pickup": {"id": 1, "location_index": 1},
    "delivery": {"id": 1, "location_index": 2},
    "amount": [1],
}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d["jobs"][0].update(amount=[1]), "amount beside delivery"),
        (lambda d: d.update(shipments=[{**ENDS, "pickup": {**ENDS["pickup"], "amount": [2]}}]), r"pickup\.amount"),
        (lambda d: d.update(shipments=[{**ENDS, "delivery": {**ENDS["pickup"], "skills": [2]}}]), r"delivery\.skills"),
        (lambda d: (d["vehicles"][0].pop("start_index"), d["vehicles"][0].pop("end_index")), "neither a start nor"),
        (lambda d: (d.pop("matrices"), [one.update(location=[13, 51]) for one in d["jobs"]]), "there is no matrix"),
        (lambda d: d["vehicles"][0].update(id=None), "id is None"), (lambda d: d["jobs"][0].update(id=-5), "id is -5"),
        (lambda d: d["vehicles"][0].update(max_tasks=0), "max_tasks"),
        (lambda d: d["vehicles"][0].update(skills=[1.5]), r"skills is \[1.5\]"),
        (lambda d: d["jobs"][0].update(time_windows=[[0, 100], [50, 200]]), "overlap"),
        (lambda d: d["matrices"]["car"]["durations"][0].__setitem__(1, "10"), "no number: '10'"),
        (lambda d: d["matrices"]["car"]["durations"][0].__setitem__(1, True), "no number: True"),
    ],
)  # fmt: skip
def test_no_rule_of_vroom_is_dropped(change: Callable[[dict[str, Any]], object], match: str, tmp_path: Path) -> None:
    expect_refusal(tmp_path, "a.json", changed(VROOM, change), match)


def test_a_cell_too_large_for_any_number_is_no_road(tmp_path: Path) -> None:
    text = changed(VROOM, lambda d: d["matrices"]["car"]["durations"][0].__setitem__(1, 10**400))
    assert problem_of(opened(tmp_path, "a.json", text)).duration[0, 1] == np.inf


def test_places_beside_a_matrix_are_kept(tmp_path: Path) -> None:
    def located(one: dict[str, Any]) -> None:
        one["vehicles"][0].update(start=[13.0, 51.0])
        one["jobs"][0].update(location=[13.1, 51.1])
        one["jobs"][1].update(location=[13.2, 51.2])

    data = opened(tmp_path, "a.json", changed(VROOM, located))
    assert data.main[["longitude", "latitude"]].to_numpy().tolist() == [[13.1, 51.1], [13.2, 51.2]]
    assert problem_of(data).duration[0, 2] == 20


def test_service_in_the_table_is_in_the_minutes_of_its_schema(tmp_path: Path) -> None:
    data = opened(tmp_path, "a.json", changed(VROOM, lambda d: d["jobs"][0].update(service=300)))
    assert data.main["service"].tolist() == [5, 0]
    assert problem_of(data).stops[0].service == 300


# ------------------------------------------------------------------------------------------------ OSRM


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.2), ("km", 1200), ("mi", 1931.2128)])
def test_distances_are_metres_whatever_the_service_was_asked_for(unit: str, metres: float, tmp_path: Path) -> None:
    content = {**TABLE, "metadata": {"query": {"units": unit}}}
    assert problem_of(opened(tmp_path, "o.json", json.dumps(content))).distance[0, 1] == pytest.approx(metres)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"distances": [[0, 1, 2], [1, 0, 2], [1, 2, 0]]}, "of 2, 3 places"),
        ({"sources": [{"location": [13, 51]}] * 3, "destinations": [{"location": [13, 51]}] * 3}, "2, 2, 3, 3 places"),
        ({"durations": [[0, "60"], [70, 0]]}, "no number: '60'"),
        ({"metadata": {"query": {"units": "yd"}}}, "unit of distances is 'yd'"),
        ({"durations": None}, "no square matrix"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_each_other_are_refused(more: dict[str, Any], match: str, tmp_path: Path) -> None:
    expect_refusal(tmp_path, "o.json", json.dumps({**TABLE, **more}), match)


# ------------------------------------------------------------------------------------------------ stops


@pytest.mark.parametrize(
    ("begin", "end", "seconds"),
    [
        ("2026-03-02T08:00", "2026-03-04T17:00", (28800, 234000)),
        ("2026-03-02 08:00:00.000", "2026-03-02 17:00:00.000", (28800, 61200)),
        ("31.03.2026 22:00", "01.04.2026 02:00", (79200, 93600)),
        ("3/31/2026 8:00 AM", "3/31/2026 5:00 PM", (28800, 61200)),
        ("2026-03-02T08:00:00+01:00", "2026-03-02T17:00:00+01:00", (28800, 61200)),
        ("8:00:00 AM", "5:00:00 PM", (28800, 61200)), ("08:00:00.000000", "17:00:00", (28800, 61200)),
    ],
)  # fmt: skip
def test_windows_with_dates(begin: str, end: str, seconds: tuple[float, float], tmp_path: Path) -> None:
    main = opened(tmp_path, "s.csv", STOPS + f"a,13.71,51.0,1,,{begin},{end}\n").main
    assert (main["opens"][1], main["closes"][1]) == seconds


def test_a_window_on_the_next_date_is_no_window_of_the_first(tmp_path: Path) -> None:
    rows = "a,13.71,51,1,,2026-03-02T09:00,2026-03-02T10:00\nb,13.72,51,1,,2026-03-03T09:00,2026-03-03T10:00\n"
    assert opened(tmp_path, "s.csv", STOPS + rows).main["opens"][1:].tolist() == [32400, 32400 + 86400]


def test_an_end_without_date_is_on_the_date_of_its_begin(tmp_path: Path) -> None:
    rows = "a,13.71,51,1,,2026-03-02T09:00,10:00\nb,13.72,51,1,,2026-03-04T22:00,02:00\n"
    main = opened(tmp_path, "s.csv", STOPS + rows).main
    assert main["closes"][1:].tolist() == [36000, 3 * 86400 + 7200]


def test_a_folder_of_broken_files_names_each(tmp_path: Path) -> None:
    for name in ("a.vrp", "b.vrp"):
        (tmp_path / name).write_text("DIMENSION : 3\n")
    with pytest.raises(DataError, match=r"None of the 2 files.*a\.vrp has neither.*b\.vrp has neither") as found:
        choose(ROUTES, tmp_path).adapter.read(tmp_path, ReadOptions(schema=ROUTES.schema))
    assert found.value.todo


def test_windows_in_utc_are_told_or_moved_to_their_zone(tmp_path: Path) -> None:
    text = STOPS + "a,13.71,51.0,1,,2026-03-02T08:00:00Z,2026-03-02T17:00:00Z\n"
    data = opened(tmp_path, "s.csv", text)
    assert data.main["opens"][1] == 28800
    assert warned(data, "in UTC")
    assert opened(tmp_path, "s.csv", text, timezone="Europe/Berlin").main["opens"][1] == 32400


@pytest.mark.parametrize(
    ("begin", "end", "match"),
    [
        ("2026-03-02T08:00", "2026-03-01T17:00", "window of a ends before"), ("31.02.2026 08:00", "", "31.02.2026"),
        ("70", "", "window of a is '70'"), ("13 pm", "", "'13 pm'"), ("2026-03-02", "", "'2026-03-02'"),
    ],
)  # fmt: skip
def test_a_window_that_cannot_be_is_refused(begin: str, end: str, match: str, tmp_path: Path) -> None:
    expect_refusal(tmp_path, "s.csv", STOPS + f"a,13.71,51.0,1,,{begin},{end}\n", match)


def test_one_row_has_one_window_and_a_zone_must_exist(tmp_path: Path) -> None:
    text = "name,von,bis,window,lon,lat\nDepot,,,,13,51\na,8:00,10:00,9-12,13.1,51\n"
    expect_refusal(tmp_path, "s.csv", text, "the window '9-12' and another")
    assert opened(tmp_path, "s.csv", text.replace("8:00,10:00", "9:00,12:00")).main["closes"][1] == 43200
    expect_refusal(tmp_path, "s.csv", STOPS + "a,13.71,51,1,,2026-03-02T08:00Z,\n", "Mars", timezone="Mars/Phobos")


def test_a_window_that_ends_before_it_begins_is_told(tmp_path: Path) -> None:
    data = opened(tmp_path, "s.csv", "name,lon,lat,window\nDepot,13.7,51,\na,13.71,51,9-5\n")
    assert (data.main["opens"][1], data.main["closes"][1]) == (32400, 29 * 3600)
    assert warned(data, "end on the next day (a)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,lon,lat\nDepot,13.7,51\nHome Depot 7,13.8,51\na,13.7,51.1\n", "Depot, Home Depot 7: taken as depot"),
        ("name,lon,lat,weight_kg\nDepot,13.7,51,\na,13.8,51,7\n", "no column was found for demand"),
        ("name,lon,lat,service (s)\nDepot,13.7,51,\na,13.8,51,300\n", "no column was found for service"),
        ("name,x,y\nDepot,35,35\na,41,49\nb,35,17\n", "x and y are read as longitude and latitude"),
        ("name,x,y\nDepot,35,35\na,41,49\nb,35,17\n", "are these degrees?"),
        ("name,date,lon,lat\nDepot,2026-03-02,13,51\na,2026-03-02,13,51\nb,2026-03-03,13,51\n", "tells of 2 dates"),
        ("name,day,lon,lat\nDepot,mon,13,51\na,mon,13,51\nb,,13,51\n", "1 rows name no day"),
    ],
)  # fmt: skip
def test_what_is_taken_for_granted_is_told(text: str, said: str, tmp_path: Path) -> None:
    assert warned(opened(tmp_path, "s.csv", text), said)


def test_each_file_of_a_folder_is_a_day(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / f"{day}.csv").write_text(f"name,lon,lat\nDepot,13.7,51\nlost,,51\n{day}'s stop,13.71,51\n")
    data = choose(ROUTES, tmp_path).adapter.read(tmp_path, ReadOptions(schema=ROUTES.schema))
    assert data.main["day"].tolist() == ["monday", "monday", "tuesday", "tuesday"]
    assert data.main["id"].tolist()[1::2] == ["monday's stop", "tuesday's stop"]
    assert warned(data, "each file is planned as a day")


def test_a_column_of_row_numbers_is_a_column_like_others(tmp_path: Path) -> None:
    main = opened(tmp_path, "s.csv", "row,name,lon,lat\n1,Depot,13.7,51\n1,a,13.71,51\n").main
    assert main["row"].tolist() == [1, 1]


def test_a_table_without_a_depot_says_so(tmp_path: Path) -> None:
    assert warned(opened(tmp_path, "s.csv", "name,lon,lat\na,13.7,51\nb,13.71,51\n"), "no row is a depot")


def test_a_pickup_is_no_delivery(tmp_path: Path) -> None:
    expect_refusal(
        tmp_path, "s.csv", "name,type,lon,lat\nX,depot,13.7,51\na,Pickup,13.8,51\n", "role of row 1 is pickup"
    )


def test_a_swap_beyond_the_poles_is_told_and_mended_when_asked(tmp_path: Path) -> None:
    text = "name,lat,lon\nDepot,40.0,-105\na,40.01,-105.01\nb,-105.02,40.02\n"
    data = opened(tmp_path, "s.csv", text)
    assert data.main["id"].tolist() == ["Depot", "a"]
    assert "fix=swapped-coordinates" in next(iter(data.provenance.ledger.dropped))
    data = opened(tmp_path, "s.csv", text, fix="swapped-coordinates")
    assert (data.main["longitude"][2], data.main["latitude"][2]) == (-105.02, 40.02)


def test_a_long_table_is_read_without_all_ways_between_its_rows(tmp_path: Path) -> None:
    rows = "".join(f"s{n},{13 + n / 1e6},51\n" for n in range(200_000))
    assert len(opened(tmp_path, "s.csv", "name,lon,lat\nDepot,13.7,51\n" + rows).main) == 200_001


def test_the_advice_on_a_swap_is_an_option_that_there_is(tmp_path: Path) -> None:
    text = "name,lat,lon\nDepot,51,13.7\na,51.01,13.71\nb,13.72,51.02\n"
    assert warned(opened(tmp_path, "s.csv", text), "--option fix=swapped-coordinates")


def test_names_keep_their_zeros_and_repeated_names_stay_apart(tmp_path: Path) -> None:
    main = opened(tmp_path, "s.csv", STOPS + "007,13.71,51,1,,,\n007,13.72,51,2,,,\n").main
    assert main["id"].tolist() == ["Depot", "007", "007 (2)"]
