"""Dialects and faults of routing files: a rule is honoured or refused by name, never dropped; no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from problems import SMALL

from verticals_logistics.adapters import osrm, solomon, stops, vroom, vrplib
from verticals_logistics.checker import check
from verticals_logistics.engine.search import Effort, search
from verticals_logistics.plan import Plan, Route
from verticals_logistics.problem import INFINITY, Problem
from verticals_logistics.reasons import with_reasons
from verticals_logistics.schema import SCHEMA
from verticals_plugins import DataError, Dataset, Ledger, ReadOptions

Shared = Callable[[str], Path]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def vrp(folder: Path, text: str, ledger: Ledger | None = None) -> Problem:
    return vrplib.read_vrplib(written(folder, "a.vrp", text), ledger or Ledger())


def planned(problem: Problem) -> Plan:
    return with_reasons(problem, search(problem, Effort(moves=300)))


# ------------------------------------------------------------------------------------------------ VRPLIB


def test_small_letters_and_keys_without_blanks_mean_the_same(tmp_path: Path) -> None:
    told = vrp(tmp_path, SMALL.lower().replace(" : ", ":"))
    assert (len(told.stops), told.vehicles[0].capacity, told.distance[0, 1]) == (3, (5,), 5)


@pytest.mark.parametrize(
    ("kind", "far"),
    [
        ("EUC_2D", 2), ("EXACT_2D", 2236), ("FLOOR_2D", 2), ("CEIL_2D", 3), ("MAN_2D", 3), ("MAX_2D", 2),
        ("ATT", 1),
    ],
)  # fmt: skip
def test_each_metric(kind: str, far: float, tmp_path: Path) -> None:
    text = SMALL.replace("EUC_2D", kind).replace("2 3 4\n", "2 1 2\n", 1)
    assert vrp(tmp_path, text).distance[0, 1] == pytest.approx(far)


@pytest.mark.parametrize(
    ("name", "far"), [("burma14.tsp", 153), ("ulysses16.tsp", 509), ("att48.tsp", 1495), ("gr17.tsp", 633),
                      ("gr24.tsp", 257), ("bayg29.tsp", 97), ("brazil58.tsp", 2635), ("dantzig42.tsp", 8),
                      ("swiss42.tsp", 15)],
)  # fmt: skip
def test_tsplib_distances_and_its_one_vehicle(name: str, far: float, shared: Shared) -> None:
    problem = vrplib.read_vrplib(shared(f"formats/logistics/tsplib/{name}"), Ledger())
    assert problem.distance[0, 1] == far
    assert problem.vehicles[0].count == 1


@pytest.mark.parametrize(
    ("name", "length"), [("burma14", 4562), ("gr17", 4722), ("gr24", 3436), ("bayg29", 4625), ("dantzig42", 699),
                         ("swiss42", 2834), ("ulysses16", 9665), ("att48", 49840)],
)  # fmt: skip
def test_tsplib_tour_in_file_order(name: str, length: float, shared: Shared) -> None:
    problem = vrplib.read_vrplib(shared(f"formats/logistics/tsplib/{name}.tsp"), Ledger())
    plan = Plan(problem.id, (Route(0, tuple(range(len(problem.stops)))),))
    assert check(problem, plan).cost == length


def test_a_type_whose_rules_are_not_known_is_refused(tmp_path: Path, shared: Shared) -> None:
    with pytest.raises(DataError, match="TYPE SOP"):
        vrplib.read_vrplib(shared("formats/logistics/tsplib/ESC07.sop"), Ledger())
    with pytest.raises(DataError, match="TYPE CCVRP"):
        vrp(tmp_path, SMALL.replace("CVRP", "CCVRP"))


@pytest.mark.parametrize("key", ["VEHICLES", "SALESMEN", "NUM_VEHICLES"])
def test_each_dialects_fleet_limits_the_plan(key: str, tmp_path: Path) -> None:
    problem = vrp(tmp_path, SMALL.replace("CAPACITY : 5", f"CAPACITY : 3\n{key} : 1"))
    assert problem.vehicles[0].count == 1
    plan = planned(problem)
    assert len(plan.routes) == 1
    assert plan.unserved


def test_a_depot_need_not_be_first_and_an_open_route_does_not_return(tmp_path: Path) -> None:
    text = SMALL.replace("1\n-1", "3\n-1").replace("CVRP", "OVRP").replace("1 0\n", "1 2\n").replace("3 2\n", "3 0\n")
    problem = vrp(tmp_path, text)
    assert [one.id for one in problem.stops] == ["1", "2", "4"]
    assert (problem.depots[0].place, problem.vehicles[0].end) == (2, None)
    assert check(problem, Plan("x", (Route(0, (0,)),))).routes[0].distance == 10


def test_a_limit_of_distance_holds_beside_sections_of_vehicles(tmp_path: Path) -> None:
    more = "DISTANCE : 21\nVEHICLES_DEPOT_SECTION\n1 1\n2 1\nNODE_COORD_SECTION"
    problem = vrp(tmp_path, SMALL.replace("NODE_COORD_SECTION", more))
    assert [(one.count, one.max_distance) for one in problem.vehicles] == [(2, 21)]


def test_figures_of_all_vehicles_may_be_header_lines(tmp_path: Path) -> None:
    more = "VEHICLES_FIXED_COST : 7\nVEHICLES_MAX_DISTANCE : 30\nVEHICLES_UNIT_DISTANCE_COST : 2\nCAPACITY"
    kind = vrp(tmp_path, SMALL.replace("CAPACITY", more)).vehicles[0]
    assert (kind.fixed, kind.max_distance, kind.per_distance) == (7, 30, 2)


def test_rows_of_vehicles_may_come_in_any_order(tmp_path: Path) -> None:
    text = SMALL.replace("DEMAND_SECTION", "CAPACITY_SECTION\n2 20\n1 10\nDEMAND_SECTION").replace("CAPACITY : 5\n", "")
    assert [one.capacity for one in vrp(tmp_path, text).vehicles] == [(10,), (20,)]


def test_lists_of_backhauls_and_marks_of_backhauls(tmp_path: Path) -> None:
    listed = vrp(tmp_path, SMALL.replace("CVRP", "VRPB").replace("DEPOT_S", "BACKHAUL_SECTION\n3 4 -1\nDEPOT_S"))
    marks = SMALL.replace("1 0 0\n", "1 -1 0 0\n").replace("2 3 4", "2 0 3 4").replace("3 0 10", "3 1 0 10")
    ledger = Ledger()
    marked = vrp(tmp_path, marks.replace("4 6 8", "4 1 6 8"), ledger)
    for problem in (listed, marked):
        assert [(one.demand, one.pickup) for one in problem.stops] == [((1,), (0,)), ((0,), (2,)), ((0,), (3,))]
        assert problem.backhauls_last
        assert problem.distance[0, 1] == 5
    assert any("backhauls alone" in one for one in ledger.warnings)


def test_no_route_has_backhauls_alone(tmp_path: Path) -> None:
    problem = vrp(tmp_path, SMALL.replace("CVRP", "VRPB").replace("DEPOT_S", "BACKHAUL_SECTION\n3 4 -1\nDEPOT_S"))
    assert check(problem, Plan("x", (Route(0, (1,)),))).routes[0].faults == ("no road from place 0 to 2",)
    assert check(problem, Plan("x", (Route(0, (0, 2, 1)),))).routes[0].faults == ()
    plan = planned(problem)
    assert plan.unserved == ()
    assert check(problem, plan).faults == ()


def test_a_queiroga_file_is_read_with_its_backhauls(shared: Shared) -> None:
    path = shared("logistics/vrpb_queiroga_all/queiroga/X-n101-50-k13.vrpb")
    problem = vrplib.read_vrplib(path, Ledger())
    assert sum(sum(one.pickup) for one in problem.stops) == 2615
    assert sum(sum(one.demand) for one in problem.stops) == 2532
    assert problem.backhauls_last


def test_lkh_amounts_both_ways_are_no_siblings(tmp_path: Path) -> None:
    rows = "1 0 0 100 0 0 0\n2 0 0 100 1 4 2\n3 0 5 90 1 0 3\n4 0 0 100 1 2 0\n"
    text = SMALL.replace("CVRP", "VRPSPD")
    text = text[: text.index("DEMAND")] + "PICKUP_AND_DELIVERY_SECTION\n" + rows + text[text.index("DEPOT") :]
    problem = vrp(tmp_path, text)
    assert not problem.shipments
    assert [(one.demand, one.pickup) for one in problem.stops] == [((2,), (4,)), ((3,), (0,)), ((0,), (2,))]
    assert problem.stops[1].windows == ((5, 90),)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("-1\nEOF", "-1\n2\nEOF", "DEPOT_SECTION holds 1 -1 2"),
        ("DEPOT_SECTION\n1\n", "DEPOT_SECTION\n0.5 0.5\n", "Numbers of nodes"),
        ("DEPOT_SECTION", "DEMAND_SECTION\n1 0\nDEPOT_SECTION", "second DEMAND_SECTION"),
        ("CAPACITY : 5", "CAPACITY : 5\nCAPACITY : 6", "was '5' before"),
        ("2 1\n3 2", "2 -1\n3 2", "a demand is -1"),
        ("DEPOT_S", "TIME_WINDOW_SECTION\n1 0 9\n2 5 4\n3 0 9\n4 0 9\nDEPOT_S", "window of node 2 is 5 to 4"),
        ("DEPOT_S", "VEHICLES_DEPOT_SECTION\n1 3\nDEPOT_S", "at node 3, which is no depot"),
        ("DEPOT_S", "VEHICLES_DEPOT_SECTION\n1 1\n3 1\nDEPOT_S", "Vehicles 1, 2, 3"),
        ("CAPACITY", "VEHICLES_MAX_RELOADS : 2\nCAPACITY", "reloading at a depot"),
        ("CAPACITY", "NUM_DEPOTS : 2\nCAPACITY", "NUM_DEPOTS is 2"),
        ("CAPACITY", "VEHICLES : 2\nSALESMEN : 3\nCAPACITY", "2 and 3 vehicles"),
        ("DEPOT_S", "EDGE_WEIGHT_SECTION\n0 1\nDEPOT_S", "EDGE_WEIGHT_SECTION and says"),
        ("EUC_2D", "SPECIAL", "EDGE_WEIGHT_TYPE is SPECIAL"),
        ("3 0 10", "3 0 ten", "line 9"),
    ],
)  # fmt: skip
def test_a_faulty_vrplib_file_is_refused_by_name(old: str, new: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match) as found:
        vrp(tmp_path, SMALL.replace(old, new))
    assert found.value.expected
    assert found.value.todo


# ------------------------------------------------------------------------------------------------ Solomon, Li & Lim

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


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("    2      6", "    2x     6", "line 12"), ("10        60", "70        60", "window 70 to 60"),
        ("10        60          5", "10        60", "6 cells"), ("    2      6", "    3      6", "in order"),
    ],
)  # fmt: skip
def test_a_row_of_solomon_is_never_skipped(old: str, new: str, match: str, tmp_path: Path) -> None:
    assert len(solomon.read_solomon(written(tmp_path, "x.txt", SOLOMON), Ledger()).stops) == 2
    with pytest.raises(DataError, match=match):
        solomon.read_solomon(written(tmp_path, "x.txt", SOLOMON.replace(old, new)), Ledger())


PAIRS = "2\t10\t2\n0\t0\t0\t0\t0\t99\t0\t0\t0\n1\t0\t5\t3\t0\t99\t1\t0\t2\n2\t3\t4\t-3\t0\t99\t1\t1\t0\n"


def test_li_and_lim_speed_divides_times_and_costs_are_exact(tmp_path: Path) -> None:
    problem = solomon.read_solomon(written(tmp_path, "x.txt", PAIRS), Ledger())
    assert (problem.distance[0, 1], problem.duration[0, 1], problem.rounding) == (5, 2.5, "exact")


@pytest.mark.parametrize(
    ("old", "new", "match"), [("-3", "-2", "same amount"), ("1\t0\n", "0\t0\n", "names? (it|each other)|neither")]
)
def test_halves_of_a_shipment_must_agree(old: str, new: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        solomon.read_solomon(written(tmp_path, "x.txt", PAIRS.replace(old, new)), Ledger())


def test_files_of_one_name_in_a_folder_stay_apart(tmp_path: Path) -> None:
    written(tmp_path, "a.txt", SOLOMON)
    written(tmp_path, "b.txt", SOLOMON)
    found = solomon.read(tmp_path, ReadOptions(schema=SCHEMA))
    assert [one.id for one in found.arrays["problem"]] == ["X1", "X1 (2)"]
    assert found.main["id"].is_unique


# ------------------------------------------------------------------------------------------------ VROOM

DAY: dict[str, Any] = {
    "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "capacity": [2]}],
    "jobs": [{"id": 1, "location_index": 1, "delivery": [1]}, {"id": 2, "location_index": 2, "delivery": [2]}],
    "matrices": {"car": {"durations": [[0, 10, 20], [10, 0, 15], [20, 15, 0]]}},
}


def day(folder: Path, change: Callable[[dict[str, Any]], object], ignore: frozenset[str] = frozenset()) -> Problem:
    content = json.loads(json.dumps(DAY))
    change(content)
    return vroom.read_vroom(written(folder, "d.json", json.dumps(content)), Ledger(), ignore)


def test_the_more_urgent_job_is_the_one_that_is_served(tmp_path: Path) -> None:
    for urgent in (1, 2):
        plan = planned(day(tmp_path, lambda one, n=urgent: one["jobs"][n - 1].update(priority=50)))  # type: ignore[misc]
        assert [one.stops for one in plan.routes] == [(urgent - 1,)]
        assert "full" in plan.unserved[0].reason


def test_travel_time_is_limited_without_waiting_and_service(tmp_path: Path) -> None:
    def change(one: dict[str, Any]) -> None:
        one["vehicles"][0].update(max_travel_time=45, capacity=[3])
        for job in one["jobs"]:
            job.update(service=100, time_windows=[[500, 900]])

    problem = day(tmp_path, change)
    plan = planned(problem)
    assert sorted(plan.routes[0].stops) == [0, 1]
    assert check(problem, plan).faults == ()
    problem = replace(problem, vehicles=(replace(problem.vehicles[0], max_distance=44),))
    assert check(problem, Plan("d", plan.routes)).faults


def test_driving_alone_costs(tmp_path: Path) -> None:
    def change(one: dict[str, Any]) -> None:
        one["vehicles"][0].update(capacity=[3], costs={"fixed": 7, "per_hour": 7200})
        for job in one["jobs"]:
            job.update(service=100, time_windows=[[500, 900]])

    problem = day(tmp_path, change)
    answer = vroom.solution(problem, Plan("d", (Route(0, (0, 1)),)))
    route = answer["routes"][0]
    assert (answer["summary"]["cost"], route["duration"], route["service"]) == (7 + 2 * 45, 45, 200)
    assert [one["arrival"] for one in route["steps"]] == [490, 500, 615, 735]
    assert route["waiting_time"] == 0
    assert "distance" not in route


def test_set_up_is_served_time_where_places_differ(tmp_path: Path) -> None:
    problem = day(tmp_path, lambda one: one["jobs"][0].update(setup=30, service=5))
    assert problem.stops[0].service == 35
    with pytest.raises(DataError, match="same place"):
        day(tmp_path, lambda one: one["jobs"][0].update(setup=30, location_index=2))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d["vehicles"][0].update(max_tasks=1), r"vehicles\[0\]\.max_tasks"),
        (lambda d: d["vehicles"][0].update(speed_factor=2), "speed_factor"),
        (lambda d: d["vehicles"][0].update(costs={"per_task_hour": 1}), "per_task_hour"),
        (lambda d: d["vehicles"][0].update(costs={"per_km": 1}), "distances"),
        (lambda d: d["vehicles"][0].update(max_distance=9), "distances"),
        (lambda d: d["vehicles"][0].update(profile="truck"), "profile is truck"),
        (lambda d: d["vehicles"][0].update(capacity=[1, 2]), "capacities have 2"),
        (lambda d: d["vehicles"][0].pop("capacity"), "capacities have 0"),
        (lambda d: d["vehicles"][0].pop("id"), "has no id"),
        (lambda d: d["vehicles"][0].update(time_window=[9, 1]), "ends before"),
        (lambda d: d["vehicles"][0].update(breaks=[{"id": 1}]), "breaks"),
        (lambda d: d["jobs"][0].update(time_windows=["08:00", "09:00"]), "time_windows"),
        (lambda d: d["jobs"][0].update(time_windows=[["08:00", "09:00"]]), "'08:00'"),
        (lambda d: d["jobs"][0].update(service="5 min"), "service is '5 min'"),
        (lambda d: d["jobs"][0].update(service=-5), "service is -5"),
        (lambda d: d["jobs"][0].update(delivery=1), "delivery is 1"),
        (lambda d: d["jobs"][0].update(skills="crane"), "skills"),
        (lambda d: d["jobs"][0].update(location_index="1"), "index '1'"),
        (lambda d: d["jobs"][0].update(location_index=9), "place 9"),
        (lambda d: d["jobs"][0].update(id=2), "tasks 2 occur twice"),
        (lambda d: d.update(jobs=[]), "0 tasks"),
        (lambda d: d.update(vehicles=[]), "0 vehicles"),
        (lambda d: d.update(vehicles=[3]), "no list of objects"),
        (lambda d: d.update(matrices=[1]), "matrices is no object"),
        (lambda d: d.update(matrices={"car": [[0]]}), "car is no object"),
        (lambda d: d["matrices"]["car"].update(costs=[[0]]), "costs"),
        (lambda d: d.update(jobs=None, shipments=[{"pickup": 3, "delivery": {}}]), "has no pickup"),
    ],
)  # fmt: skip
def test_a_faulty_vroom_file_is_refused_by_name(change: Callable[[Any], object], match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match) as found:
        day(tmp_path, change)
    assert found.value.expected
    assert found.value.todo


def test_skills_several_windows_and_open_ends_are_kept(tmp_path: Path) -> None:
    def change(one: dict[str, Any]) -> None:
        one["vehicles"].append({"id": 2, "start_index": 1, "capacity": [5], "skills": [4, 7]})
        one["jobs"][0].update(skills=[7], time_windows=[[50, 60], [5, 8]])

    problem = day(tmp_path, change)
    assert problem.stops[0].vehicles == frozenset({1})
    assert problem.stops[0].windows == ((5, 8), (50, 60))
    assert (problem.vehicles[1].start, problem.vehicles[1].end) == (1, None)
    assert check(problem, Plan("d", (Route(0, (0,)),))).faults


def test_the_answer_says_driving_time_and_whole_numbers_for_ids(tmp_path: Path) -> None:
    problem = day(tmp_path, lambda one: one["jobs"][0].update(service=100))
    plan = planned(problem)
    answer = vroom.solution(problem, plan)
    assert answer["routes"][0]["vehicle"] == 1
    assert answer["routes"][0]["duration"] in (20, 40)
    assert {key: answer["unassigned"][0][key] for key in ("type", "id")} in (
        {"type": "job", "id": 1}, {"type": "job", "id": 2},
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ OSRM

A, B, C = ({"location": [13.0 + n, 51.0]} for n in range(3))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"code": "NoTable", "message": "No table found"}, "NoTable: No table found"),
        ({"code": "Ok", "durations": [[5, 6], [7, 8]], "sources": [A, B], "destinations": [B, C]}, "sources are not"),
        ({"code": "Ok", "durations": [[0, 6]], "sources": [A], "destinations": [A, B]}, "sources are not"),
        ({"code": "Ok", "durations": [[5, 6], [7, 8]]}, "place to itself takes 8"),
        ({"code": "Ok", "durations": [[0]]}, "1 places"),
        ({"code": "Ok", "distances": [[0, 1], [1, 0]]}, "distances alone"),
        ({"code": "Ok", "durations": [[0, 1], [1]]}, "square"),
        ({"code": "Ok", "durations": [[0, "a"], [1, 0]]}, "no number"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_matrix_of_places_is_refused(content: dict[str, Any], match: str, tmp_path: Path) -> None:
    path = written(tmp_path, "t.json", json.dumps(content))
    assert osrm.sniff(path).score > 0.5
    with pytest.raises(DataError, match=match):
        osrm.read_osrm(path, Ledger())


def test_estimated_ways_are_told(tmp_path: Path) -> None:
    ledger = Ledger()
    content = {"code": "Ok", "durations": [[0, 1], [1, 0]], "fallback_speed_cells": [[0, 1]], "sources": [A, B]}
    problem = osrm.read_osrm(written(tmp_path, "t.json", json.dumps(content)), ledger)
    assert any("1 ways are estimated" in one for one in ledger.warnings)
    assert problem.place is not None


# ------------------------------------------------------------------------------------------------ stops


def table(folder: Path, text: str) -> Dataset:
    return stops.read(written(folder, "s.csv", text), ReadOptions(schema=SCHEMA))


HEAD = "name,Längengrad,Breitengrad,demand,von,bis\nDepot,13.7,51.0,,,\n"


def test_a_window_past_midnight_ends_on_the_next_day(tmp_path: Path) -> None:
    main = table(tmp_path, HEAD + "a,13.71,51.0,1,22:00,02:00\nb,13.7,51.1,1,2026-03-02T23:30,2026-03-03T01:00\n").main
    assert stops.sniff(tmp_path / "s.csv").score == 0.8
    assert main["closes"][1:].tolist() == [26 * 3600, 25 * 3600]


@pytest.mark.parametrize("text", ["1930", "480", "0.375", "28800", "noon"])
def test_a_number_is_no_time_of_the_day(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"window of a is '{text}'"):
        table(tmp_path, HEAD + f"a,13.71,51.0,1,{text},\n")


def test_places_that_cannot_be_are_dropped_and_counted(tmp_path: Path) -> None:
    found = table(tmp_path, HEAD + "a,0,0,1,,\nb,13.7,511,1,,\nc,13.7,51.1,1,,\nd,,51,1,,\n")
    assert found.main["id"].tolist() == ["Depot", "c"]
    assert sorted(found.provenance.ledger.dropped.values()) == [1, 1, 1]


def test_projected_coordinates_and_negative_amounts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no degrees"):
        table(tmp_path, "id,x,y\na,3567000,5623000\nb,3567100,5623200\n")
    with pytest.raises(DataError, match="demand of row 1 is -3"):
        table(tmp_path, HEAD + "a,13.7,51.0,-3,,\n")


def test_a_vehicle_without_limit_is_unlimited(tmp_path: Path) -> None:
    assert vrp(tmp_path, SMALL).vehicles[0].max_distance == INFINITY
