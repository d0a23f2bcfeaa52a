"""Every sample file of a format that is read gives the facts that are written down for it, or is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from verticals_logistics.adapters import osrm, solomon, stops, vroom, vrplib
from verticals_logistics.checker import check
from verticals_logistics.plan import Plan, Route, Unserved
from verticals_logistics.problem import Problem
from verticals_logistics.schema import SCHEMA
from verticals_plugins import DataError, Ledger, ReadOptions

Shared = Callable[[str], Path]
FORMATS = "formats/logistics/"


def total_demand(problem: Problem) -> float:
    return sum(sum(one.demand) for one in problem.stops)


def published(path: Path, problem: Problem) -> Plan:
    """A CVRPLIB solution: customers are numbered from 1 without the depot."""
    found = re.findall(r"Route\s*#\d+\s*:\s*([\d ]*)", path.read_text())
    routes = [Route(0, tuple(int(one) - 1 for one in row.split())) for row in found if row.split()]
    return Plan(problem.id, tuple(routes))


@pytest.mark.parametrize(
    ("name", "stops", "demand", "capacity"),
    [
        ("E-n13-k4", 12, 18200, 6000), ("ORTEC-n242-k12", 241, 1471, 125), ("CMT6", 50, 777, 160),
        ("Golden_1", 240, 4800, 550), ("att48", 47, 47, 15), ("eil33", 32, 29370, 8000), ("eil7", 6, 6, 3),
        ("eil31", 30, 903, 140), ("OkSmall", 4, 18, 10),
    ],
)  # fmt: skip
def test_vrplib_gives_the_listed_facts(shared: Shared, name: str, stops: int, demand: float, capacity: float) -> None:
    problem = vrplib.read_vrplib(shared(f"{FORMATS}vrplib/{name}.vrp"), Ledger())
    assert (len(problem.stops), total_demand(problem)) == (stops, demand)
    assert problem.vehicles[0].capacity == (capacity,)


@pytest.mark.parametrize(
    ("name", "cost"), [("E-n13-k4", 247), ("ORTEC-n242-k12", 123750), ("CMT6", 555.43), ("Golden_1", 5623.47)]
)
def test_published_solutions_cost_what_they_say(shared: Shared, name: str, cost: float) -> None:
    path = shared(f"{FORMATS}vrplib/{name}.vrp")
    problem = vrplib.read_vrplib(path, Ledger())
    checked = check(problem, published(path.with_suffix(".sol"), problem))
    assert checked.faults == ()
    assert checked.cost == pytest.approx(cost, abs=0.006)
    assert problem.best_known == cost


def test_a_triangle_without_its_diagonal_is_read_with_a_warning(shared: Shared) -> None:
    ledger = Ledger()
    vrplib.read_vrplib(shared(FORMATS + "vrplib/eil7.vrp"), ledger)
    assert any("no diagonal" in one for one in ledger.warnings)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("EdgeWeightsNotFullMatrix.vrp", "FLFL"), ("NoColonSpecification.txt", "line 2"),
        ("C201R0.25.vrp", "RELEASE_TIME|RELOAD"), ("OkSmallMutuallyExclusiveGroups.vrp", "MUTUALLY_EXCLUSIVE_GROUP"),
    ],
)  # fmt: skip
def test_vrplib_refuses_what_it_must_not_guess(shared: Shared, name: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        vrplib.read_vrplib(shared(f"{FORMATS}vrplib/{name}"), Ledger())


def test_several_depots_keep_their_vehicles(shared: Shared) -> None:
    problem = vrplib.read_vrplib(shared(FORMATS + "vrplib/OkSmallMultipleDepots.vrp"), Ledger())
    assert [one.place for one in problem.depots] == [0, 1]
    assert [(one.start, one.count) for one in problem.vehicles] == [(0, 2), (1, 1)]
    assert total_demand(problem) == 13


def test_a_prize_of_nothing_is_a_required_stop(shared: Shared) -> None:
    problem = vrplib.read_vrplib(shared(FORMATS + "vrplib/OkSmallPrizes.vrp"), Ledger())
    assert [one.penalty for one in problem.stops] == [None, 15, 10, 10]


def test_shipments_of_lkh_files_are_pairs(shared: Shared) -> None:
    path = shared(FORMATS + "vrplib/SmallShipments.vrp")
    problem = vrplib.read_vrplib(path, Ledger())
    pairs = {(problem.stops[s.pickup].id, problem.stops[s.delivery].id) for s in problem.shipments}
    assert pairs == {("3", "2"), ("4", "5"), ("6", "7"), ("9", "8")}
    checked = check(problem, published(path.with_suffix(".sol"), problem))
    assert (checked.faults, checked.cost) == ((), 65128)


def test_linehaul_and_backhaul_are_both_loads(shared: Shared) -> None:
    problem = vrplib.read_vrplib(shared(FORMATS + "vrplib/SmallVRPSPD.vrp"), Ledger())
    assert total_demand(problem) == 35
    assert sum(sum(one.pickup) for one in problem.stops) == 53
    assert not problem.backhauls_last


def test_an_asymmetric_matrix_keeps_its_directions(shared: Shared) -> None:
    path = shared(FORMATS + "euro_neurips_ortec/ORTEC-VRPTW-ASYM-31c42adc-d1-n206-k12.txt")
    problem = vrplib.read_vrplib(path, Ledger())
    assert (problem.distance[0, 1], problem.distance[1, 0], problem.distance.max()) == (2760, 2787, 4936)
    assert (len(problem.stops), total_demand(problem)) == (206, 1399)
    assert problem.vehicles[0].shift == (0, 41340)
    assert sum(one.service for one in problem.stops) == 100500


@pytest.mark.parametrize(
    ("name", "stops", "demand", "horizon", "vehicles"),
    [
        ("solomon/C101_cvrplib.txt", 100, 1810, 1236, 25), ("solomon/C101_jsprit.txt", 100, 1810, 1236, 25),
        ("solomon/C101.25.txt", 25, 460, 1236, 25), ("solomon/R101_irb.txt", 100, 1458, 230, 25),
        ("gehring_homberger/C1_2_1.txt", 200, 3530, 1351, 50),
    ],
)  # fmt: skip
def test_solomon_files_give_the_listed_facts(
    shared: Shared, name: str, stops: int, demand: float, horizon: float, vehicles: int
) -> None:
    problem = solomon.read_solomon(shared(FORMATS + name), Ledger())
    assert (len(problem.stops), total_demand(problem)) == (stops, demand)
    assert (problem.vehicles[0].shift[1], problem.vehicles[0].count) == (horizon, vehicles)


@pytest.mark.parametrize(("rounding", "cost"), [("decimal", 827.3), ("exact", 828.9369), ("integer", 829)])
def test_the_rounding_convention_is_the_readers_choice(shared: Shared, rounding: str, cost: float) -> None:
    path = shared(FORMATS + "solomon/C101_cvrplib.txt")
    problem = solomon.read_solomon(path, Ledger(), rounding)
    checked = check(problem, published(path.with_suffix(".sol"), problem))
    assert checked.cost == pytest.approx(cost, abs=1e-4)


@pytest.mark.parametrize("name", ["LC101.txt", "lr101.txt"])
def test_li_and_lim_files_are_shipments(shared: Shared, name: str) -> None:
    problem = solomon.read_solomon(shared(f"{FORMATS}lilim/{name}"), Ledger())
    assert (len(problem.stops), len(problem.shipments)) == (106, 53)
    assert (problem.vehicles[0].count, problem.vehicles[0].capacity) == (25, (200,))


def test_vroom_breaks_are_refused_unless_asked_away(shared: Shared) -> None:
    path = shared(FORMATS + "vroom/example_1.json")
    with pytest.raises(DataError, match=r"vehicles\[1\]\.breaks"):
        vroom.read_vroom(path, Ledger())
    ledger = Ledger()
    problem = vroom.read_vroom(path, ledger, frozenset({"breaks"}))
    assert [one.id for one in problem.stops] == ["1", "2", "5", "6", "pickup-4", "delivery-3"]
    assert len(problem.shipments) == 1
    assert problem.vehicles[0].shift == (1600416000, 1600430400)
    assert any("breaks is ignored" in one for one in ledger.warnings)


def test_vroom_matrix_without_coordinates(shared: Shared) -> None:
    problem = vroom.read_vroom(shared(FORMATS + "vroom/example_2.json"), Ledger())
    assert (problem.duration[0, 1], problem.duration[1, 0]) == (2104, 2103)
    plan = Plan(problem.id, (Route(0, (0, 1)),))
    answer = vroom.solution(problem, plan)
    assert (answer["summary"]["cost"], answer["routes"][0]["duration"]) == (5461, 5461)
    assert [one["arrival"] for one in answer["routes"][0]["steps"]] == [0, 2104, 4359, 5461]
    assert [one.get("id") for one in answer["routes"][0]["steps"]] == [None, 1414, 1515, None]


def test_a_vroom_solution_is_no_problem(shared: Shared) -> None:
    with pytest.raises(DataError, match="solution"):
        vroom.read_vroom(shared(FORMATS + "vroom/example_1_sol.json"), Ledger())


def test_osrm_table_keeps_its_directions(shared: Shared) -> None:
    problem = osrm.read_osrm(shared(FORMATS + "osrm/mapbox_directions_matrix_3x3.json"), Ledger())
    assert (problem.duration[0, 1], problem.duration[1, 0]) == (1888.3, 1921.5)
    assert len(problem.stops) == 2


def test_an_osrm_route_is_no_table(shared: Shared) -> None:
    with pytest.raises(DataError, match="route response"):
        osrm.read_osrm(shared(FORMATS + "osrm/standard_osrm_polyline6_response.json"), Ledger())


def test_station_list_with_an_unquoted_comma(shared: Shared) -> None:
    options = ReadOptions(schema=SCHEMA)
    dataset = stops.read(shared(FORMATS + "csv_stops/D_Bahnhof_2016_01_alle.head300.csv"), options)
    place = dataset.main[["longitude", "latitude"]]
    assert len(place) == 299
    assert place.min().tolist() == [6.070715, 47.48855]
    assert place.max().tolist() == [14.278627, 54.362315]
    assert sum(dataset.provenance.ledger.dropped.values()) == 1


def test_two_stops_may_share_a_name(shared: Shared) -> None:
    options = ReadOptions(schema=SCHEMA)
    dataset = stops.read(shared(FORMATS + "csv_stops/route4me_orders 1000 with order id.csv"), options)
    assert len(dataset.main) == 5
    assert (dataset.main["longitude"] < 0).all()
    assert dataset.main["id"].is_unique


def test_a_table_without_rows_is_refused(shared: Shared) -> None:
    with pytest.raises(DataError):
        stops.read(shared(FORMATS + "csv_stops/route4me_schedules.csv"), ReadOptions(schema=SCHEMA))


def test_unserved_needs_a_reason(shared: Shared) -> None:
    problem = vrplib.read_vrplib(shared(FORMATS + "vrplib/eil7.vrp"), Ledger())
    empty = Plan(problem.id, ())
    assert len(check(problem, empty).faults) == 6
    said = Plan(problem.id, (), tuple(Unserved(stop, "closed") for stop in range(6)))
    assert check(problem, said).faults == ()
    assert np.isfinite(check(problem, said).cost)
