"""VROOM JSON: problems in, solutions out. An unknown key is refused with its path: a rule must not be dropped."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from verticals_logistics.adapters.common import dataset_of, haversine_km, text_of
from verticals_logistics.checker import check
from verticals_logistics.plan import Plan
from verticals_logistics.problem import INFINITY, Depot, Problem, Shipment, Stop, Units, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

DETOUR, KMH = 1.3, 36.0
"""Roads are this much longer than the crow flies, and this fast, where a file has coordinates and no matrix."""
TOP = {"jobs", "shipments", "vehicles", "matrices", "matrix", "distribute_options"}
TASK = {"id", "location", "location_index", "service", "setup", "time_windows", "skills", "priority", "description"}
JOB = TASK | {"delivery", "pickup", "amount"}
SHIPMENT = {"pickup", "delivery", "amount", "skills", "priority"}
VEHICLE = {
    "id", "profile", "start", "start_index", "end", "end_index", "capacity", "skills", "time_window", "costs",
    "max_travel_time", "max_distance", "description", "max_tasks", "speed_factor", "breaks", "steps",
}  # fmt: skip
COSTS = {"fixed", "per_hour", "per_km", "per_task_hour"}
UNCOVERED = {
    "breaks": "breaks of drivers", "steps": "given steps", "max_tasks": "a limit of tasks",
    "speed_factor": "a speed of its own", "setup": "set-up times", "per_task_hour": "a cost per hour of tasks",
}  # fmt: skip
LEFT_OUT = "priority"


def read_vroom(path: Path, ledger: Ledger, ignore: frozenset[str] = frozenset()) -> Problem:
    """One VROOM problem.

    Args:
        ignore: rules to plan without (``{"breaks"}``); each is named in a warning.

    Raises:
        DataError: not JSON, an unknown key (with the nearest known one), a rule that the plans here do not know.
    """
    try:
        content = json.loads(text_of(path))
    except ValueError as err:
        raise DataError(f"{path.name} is not JSON: {err}.", expected="A VROOM problem.") from err
    if not isinstance(content, Mapping) or "vehicles" not in content:
        what = "a VROOM solution" if isinstance(content, Mapping) and "routes" in content else "no VROOM problem"
        raise DataError(f"{path.name} is {what}.", expected='An object with "vehicles" and "jobs" or "shipments".')
    return Reader(path, ledger, ignore, content).problem()


class Reader:
    """Collects places, stops and shipments of one file."""

    def __init__(self, path: Path, ledger: Ledger, ignore: frozenset[str], content: Mapping[str, Any]) -> None:
        self.path, self.ledger, self.ignore, self.content = path, ledger, ignore, content
        self.points: list[tuple[float, float]] = []
        self.stops: list[Stop] = []
        self.shipments: list[Shipment] = []
        self.needs: list[frozenset[int]] = []
        matrices = content.get("matrices") or ({"car": {"durations": content["matrix"]}} if "matrix" in content else {})
        self.matrices: Mapping[str, Any] = matrices

    def problem(self) -> Problem:
        """The whole problem."""
        self._keys(self.content, TOP, "")
        if len(self.matrices) > 1 or len({v.get("profile", "car") for v in self._list("vehicles")}) > 1:
            raise self._error("several routing profiles", "One profile for all vehicles.")
        for number, job in enumerate(self._list("jobs")):
            self._job(job, f"jobs[{number}]")
        for number, one in enumerate(self._list("shipments")):
            self._shipment(one, f"shipments[{number}]")
        depots: list[Depot] = []
        fleet = [self._vehicle(one, f"vehicles[{n}]", depots) for n, one in enumerate(self._list("vehicles"))]
        skills = [frozenset(one.get("skills", ())) for one in self._list("vehicles")]
        stops = [
            Stop(
                **{
                    **vars(stop),
                    "vehicles": frozenset(v for v, has in enumerate(skills) if need <= has) if need else None,
                }
            )
            for stop, need in zip(self.stops, self.needs, strict=True)
        ]
        distance, duration, place = self._matrices()
        return Problem(
            id=self.path.stem, stops=tuple(stops), depots=tuple(depots), vehicles=tuple(fleet), distance=distance,
            duration=duration, shipments=tuple(self.shipments), place=place, units=Units("m", "s", "s"),
        )  # fmt: skip

    def _list(self, name: str) -> Sequence[Mapping[str, Any]]:
        found = self.content.get(name, [])
        if not isinstance(found, list):
            raise self._error(f"{name} is no list", "A list.")
        return found

    def _keys(self, one: Any, known: set[str], where: str) -> None:
        if not isinstance(one, Mapping):
            raise self._error(f"{where or 'the file'} is no object", "An object.")
        for key in one:
            at = f"{where}.{key}" if where else key
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                raise self._error(f"{at} is not a key of VROOM", f"{near[0]}." if near else "A known key.",
                                  "Rename or remove it: a rule that is not understood is not dropped.")  # fmt: skip
            if key in UNCOVERED and one[key] not in (None, 0, 1.0, []):
                if key not in self.ignore:
                    raise self._error(f"{at}: {UNCOVERED[key]}", "Rules that the plans here know.",
                                      f"Plan it with VROOM, or pass --option ignore={key}.")  # fmt: skip
                self.ledger.warn(f"{self.path.name}: {at} is ignored, as asked")

    def _place(self, one: Mapping[str, Any], where: str, prefix: str = "location") -> int | None:
        index = one.get("location_index" if prefix == "location" else f"{prefix}_index")
        point = one.get(prefix)
        if self.matrices:
            if index is None:
                if point is not None:
                    raise self._error(f"{where} has a location and no index into the matrix", f"{prefix}_index.")
                return None
            return int(index)
        if point is None:
            return None
        if not (isinstance(point, list) and len(point) == 2 and abs(point[0]) <= 180 and abs(point[1]) <= 90):
            raise self._error(f"{where}.{prefix} is {point}", "[longitude, latitude] in degrees.")
        pair = (float(point[0]), float(point[1]))
        if pair not in self.points:
            self.points.append(pair)
        return self.points.index(pair)

    def _task(self, one: Mapping[str, Any], where: str, kind: str, demand: Any = None, pickup: Any = None) -> None:
        self._keys(one, JOB, where)
        place = self._place(one, where)
        if place is None:
            raise self._error(f"{where} has no place", "location or location_index.")
        windows = tuple((float(a), float(b)) for a, b in one.get("time_windows", ()))
        if any(a > b for a, b in windows):
            raise self._error(f"{where}.time_windows holds a window that ends before it begins", "[start, end].")
        if not isinstance(one.get("id"), int):
            raise self._error(f"{where}.id is {one.get('id')!r}", "A number.")
        setup = 0.0 if "setup" in self.ignore else float(one.get("setup", 0))
        self.stops.append(Stop(f"{kind}{one['id']}", place, windows=tuple(sorted(windows)),
                               service=float(one.get("service", 0)) + setup, demand=_loads(demand),
                                   pickup=_loads(pickup)))  # fmt: skip
        self.needs.append(frozenset(one.get("skills", ())))

    def _job(self, one: Mapping[str, Any], where: str) -> None:
        self._task(one, where, "", one.get("delivery", one.get("amount")), one.get("pickup"))

    def _shipment(self, one: Mapping[str, Any], where: str) -> None:
        self._keys(one, SHIPMENT, where)
        for end in ("pickup", "delivery"):
            if end not in one:
                raise self._error(f"{where} has no {end}", "Both ends.")
            self._task(one[end], f"{where}.{end}", f"{end}-")
            self.needs[-1] = frozenset(one.get("skills", ()))
        self.shipments.append(Shipment(len(self.stops) - 2, len(self.stops) - 1, _loads(one.get("amount"))))

    def _vehicle(self, one: Mapping[str, Any], where: str, depots: list[Depot]) -> Vehicle:
        self._keys(one, VEHICLE, where)
        costs = one.get("costs", {})
        self._keys(costs, COSTS, f"{where}.costs")
        ends = []
        for end in ("start", "end"):
            place = self._place(one, where, end)
            if place is not None and all(depot.place != place for depot in depots):
                depots.append(Depot(str(place), place))
            ends.append(next((n for n, depot in enumerate(depots) if depot.place == place), None))
        shift = one.get("time_window") or (0.0, INFINITY)
        if "max_travel_time" in one and any(stop.service for stop in self.stops):
            self.ledger.warn(f"{self.path.name}: {where}.max_travel_time is taken as a limit of the whole duration")
        return Vehicle(
            str(one["id"]), 1, _loads(one.get("capacity")), ends[0], ends[1], fixed=float(costs.get("fixed", 0)),
            per_distance=float(costs.get("per_km", 0)) / 1000.0, per_time=float(costs.get("per_hour", 3600)) / 3600.0,
            shift=(float(shift[0]), float(shift[1])), max_duration=float(one.get("max_travel_time", INFINITY)),
            max_distance=float(one.get("max_distance", INFINITY)),
        )  # fmt: skip

    def _matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        if not self.matrices:
            self.ledger.warn(
                f"{self.path.name} has no matrix: ways are {DETOUR:g} times the crow's flight at {KMH:g} km/h"
            )
            place = np.array(self.points, dtype=float).reshape(-1, 2)
            metres = np.round(haversine_km(place) * 1000 * DETOUR)
            return metres, np.round(metres / (KMH / 3.6)), place
        profile, tables = next(iter(self.matrices.items()))
        self._keys(tables, {"durations", "distances", "costs"}, f"matrices.{profile}")
        if "costs" in tables:
            raise self._error(f"matrices.{profile}.costs", "Costs from durations and distances.")
        duration = square(tables.get("durations"), f"{self.path.name}: matrices.{profile}.durations")
        free = np.where(np.isfinite(duration), 0.0, np.inf)
        given, where = tables.get("distances"), f"{self.path.name}: matrices.{profile}.distances"
        return free if given is None else square(given, where), duration, None

    def _error(self, found: str, expected: str, todo: str = "Correct the file.") -> DataError:
        return DataError(f"{self.path.name}: {found}.", expected=expected, todo=todo)


def square(rows: Any, what: str) -> np.ndarray:
    """A JSON matrix as (L, L) float64; null, a negative or an absurd cell is no road, never a cost.

    Raises:
        DataError: no square of numbers.
    """
    if (
        not isinstance(rows, list)
        or not rows
        or any(not isinstance(row, list) or len(row) != len(rows) for row in rows)
    ):
        raise DataError(f"{what} is no square matrix.", expected="A list of rows, as many as columns.")
    try:
        table = np.array([[np.nan if cell is None else float(cell) for cell in row] for row in rows])
    except (TypeError, ValueError) as err:
        raise DataError(f"{what} holds a cell that is no number: {err}.", expected="Numbers or null.") from err
    table[~((table >= 0) & (table < 1e9))] = np.inf
    np.fill_diagonal(table, np.where(np.isfinite(np.diag(table)), np.diag(table), 0.0))
    return table


def _loads(amount: Any) -> tuple[float, ...]:
    return () if amount is None else tuple(float(one) for one in amount)


def solution(problem: Problem, plan: Plan) -> dict[str, Any]:
    """The plan in VROOM's output format; times are the checker's, cost is the checked cost."""
    checked, routes = check(problem, plan), []
    for timed in checked.routes:
        vehicle = problem.vehicles[timed.vehicle]
        steps: list[dict[str, Any]] = []
        if vehicle.start is not None:
            steps.append({"type": "start", "arrival": _whole(timed.departure)})
        for visit in timed.visits:
            stop = problem.stops[visit.stop]
            kind, _, number = stop.id.rpartition("-")
            arrival = max(visit.arrival, timed.departure)
            steps.append({"type": kind or "job", "id": int(number) if number.isdigit() else number,
                          "arrival": _whole(arrival), "service": _whole(stop.service),
                          "waiting_time": _whole(max(0.0, visit.start - arrival)),
                              "load": list(visit.load)})  # fmt: skip
        if vehicle.end is not None:
            steps.append({"type": "end", "arrival": _whole(timed.end)})
        routes.append({"vehicle": vehicle.id, "cost": _whole(timed.cost), "duration": _whole(timed.duration),
                       "distance": _whole(timed.distance), "steps": steps})  # fmt: skip
    unassigned = [{"id": problem.stops[one.stop].id, "description": one.reason} for one in plan.unserved]
    summary = {"cost": _whole(checked.cost), "routes": len(routes), "unassigned": len(unassigned)}
    return {"code": 0, "summary": summary, "unassigned": unassigned, "routes": routes}


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)


def sniff(path: Path) -> Sniff:
    """Certain when a JSON file has vehicles with jobs or shipments."""
    try:
        files = [path] if path.is_file() else sorted(path.rglob("*.json"))[:1]
        content = json.loads(files[0].read_bytes()) if files and files[0].suffix.lower() == ".json" else None
    except (OSError, ValueError):
        return Sniff(0.0, "no JSON")
    if isinstance(content, Mapping) and "vehicles" in content and ("jobs" in content or "shipments" in content):
        return Sniff(0.95, "VROOM problem")
    return Sniff(0.0, "no vehicles with jobs or shipments")


def read(path: Path, options: ReadOptions) -> Dataset:
    """A file, or a folder's .json files."""
    ignore = frozenset(one for one in options.options.get("ignore", "").split(",") if one)
    return dataset_of(
        path, "logistics.vroom", (".json",), lambda file, ledger: read_vroom(file, ledger, ignore), options.limit
    )


VROOM = Adapter(
    name="logistics.vroom", summary="VROOM JSON problems", sniff=sniff, read=read,
    options={"ignore": f"rules to plan without, by comma: {', '.join(UNCOVERED)}"},
)  # fmt: skip
