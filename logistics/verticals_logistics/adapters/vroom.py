"""VROOM JSON: problems in, solutions out. An unknown key is refused with its path: a rule must not be dropped."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from verticals_logistics.adapters.common import NO_ROAD, dataset_of, haversine_km, json_of, stem_of, suffix_of
from verticals_logistics.checker import check, first_start, route_places
from verticals_logistics.plan import Plan
from verticals_logistics.problem import INFINITY, Depot, Problem, Shipment, Stop, Units, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

DETOUR, KMH = 1.3, 36.0
"""Roads are this much longer than the crow flies, and this fast, where a file has coordinates and no matrix."""
TOP = {"jobs", "shipments", "vehicles", "matrices", "matrix", "distribute_options"}
TASK = {
    "setup_per_type",
    "service_per_type",
    "id",
    "location",
    "location_index",
    "service",
    "setup",
    "time_windows",
    "skills",
    "priority",
    "description",
}
JOB = TASK | {"delivery", "pickup", "amount"}
END = TASK - {"skills", "priority"}
"""One end of a shipment; skills and priority are the shipment's."""
SHIPMENT = {"pickup", "delivery", "amount", "skills", "priority"}
VEHICLE = {
    "id", "profile", "start", "start_index", "end", "end_index", "capacity", "skills", "time_window", "costs",
    "max_travel_time", "max_distance", "description", "max_tasks", "speed_factor", "breaks", "steps",
    "type",
}  # fmt: skip
COSTS = {"fixed", "per_hour", "per_km", "per_task_hour"}
UNCOVERED = {
    "breaks": "breaks of drivers", "steps": "given steps", "max_tasks": "a limit of tasks",
    "speed_factor": "a speed of its own", "setup": "set-up times", "per_task_hour": "a cost per hour of tasks",
    "setup_per_type": "set-up times by type of vehicle", "service_per_type": "service times by type of vehicle",
}  # fmt: skip
NEUTRAL = {"speed_factor": (None, 1), "max_tasks": (None,)}
"""Values that change nothing, where they are not None, 0 and []."""


def read_vroom(path: Path, ledger: Ledger, ignore: frozenset[str] = frozenset()) -> Problem:
    """One VROOM problem.

    Args:
        ignore: rules to plan without (``{"breaks"}``); each is named in a warning.

    Raises:
        DataError: not JSON, an unknown key (with the nearest known one), a rule that the plans here do not know.
    """
    content = json_of(path)
    if not isinstance(content, Mapping) or "vehicles" not in content:
        what = "a VROOM solution" if isinstance(content, Mapping) and "routes" in content else "no VROOM problem"
        raise DataError(f"{path.name} is {what}.", expected='An object with "vehicles" and "jobs" or "shipments".',
                        todo="Give the file that VROOM was given.")  # fmt: skip
    return Reader(path, ledger, ignore, content).problem()


class Reader:
    """Collects places, stops and shipments of one file."""

    def __init__(self, path: Path, ledger: Ledger, ignore: frozenset[str], content: Mapping[str, Any]) -> None:
        self.path, self.ledger, self.ignore, self.content = path, ledger, ignore, content
        self.points: list[tuple[float, float]] = []
        self.located: dict[int, tuple[float, float]] = {}
        self.ends: set[int] = set()
        self.stops: list[Stop] = []
        self.shipments: list[Shipment] = []
        self.needs: list[frozenset[int]] = []
        self.urgent: list[float] = []
        self.setups = False
        matrices = content.get("matrices") or ({"car": {"durations": content["matrix"]}} if "matrix" in content else {})
        if not isinstance(matrices, Mapping):
            raise self._error("matrices is no object", 'An object such as {"car": {"durations": [...]}}.')
        self.matrices: Mapping[str, Any] = matrices

    def problem(self) -> Problem:
        """The whole problem."""
        self._keys(self.content, TOP, "")
        vehicles, jobs, ships = (self._list(name) for name in ("vehicles", "jobs", "shipments"))
        if not vehicles or not (jobs or ships):
            raise self._error(f"{len(vehicles)} vehicles and {len(jobs) + len(ships)} tasks", "At least one of each.")
        for number, job in enumerate(jobs):
            self._job(job, f"jobs[{number}]")
        for number, one in enumerate(ships):
            self._shipment(one, f"shipments[{number}]")
        depots: list[Depot] = []
        fleet = [self._vehicle(one, f"vehicles[{n}]", depots) for n, one in enumerate(vehicles)]
        self._once([one.id for one in self.stops], "tasks")
        self._once([one.id for one in fleet], "vehicles")
        self._profiles(vehicles)
        self._sizes(fleet)
        skills = [self._skills(one, f"vehicles[{n}]") for n, one in enumerate(vehicles)]
        stops = [
            replace(stop, vehicles=frozenset(v for v, has in enumerate(skills) if need <= has) if need else None)
            for stop, need in zip(self.stops, self.needs, strict=True)
        ]
        distance, duration, place = self._matrices(fleet)
        fleet, distance = self._travel(vehicles, fleet, distance, duration)
        self._set_up(fleet, depots)
        problem = Problem(
            id=stem_of(self.path), stops=tuple(stops), depots=tuple(depots), vehicles=tuple(fleet), distance=distance,
            duration=duration, shipments=tuple(self.shipments), place=place,
            units=Units("s" if distance is duration else "m", "s", "s"),
        )  # fmt: skip
        return self._with_priorities(problem)

    def _with_priorities(self, problem: Problem) -> Problem:
        """Where there are priorities, leaving out costs the more the higher it is, and always more than serving."""
        if not any(self.urgent):
            return problem
        stops = tuple(
            replace(one, penalty=problem.forfeit * (1.0 + more))
            for one, more in zip(problem.stops, self.urgent, strict=True)
        )
        return replace(problem, stops=stops)

    def _profiles(self, vehicles: Sequence[Mapping[str, Any]]) -> None:
        told = {str(one.get("profile", "car")) for one in vehicles}
        if len(self.matrices) > 1 or len(told) > 1:
            raise self._error("several routing profiles", "One profile for all vehicles.")
        if self.matrices and told != set(self.matrices):
            raise self._error(
                f"the vehicles' profile is {min(told)}, the matrix is of {next(iter(self.matrices))}", "The same."
            )

    def _sizes(self, fleet: Sequence[Vehicle]) -> None:
        loads = {len(load) for one in self.stops for load in (one.demand, one.pickup) if load}
        loads |= {len(one.amount) for one in self.shipments if one.amount}
        rooms = {len(one.capacity) for one in fleet}
        if len(loads | rooms) > 1 and loads:
            raise self._error(
                f"capacities have {' or '.join(map(str, sorted(rooms)))} numbers, amounts "
                f"{' or '.join(map(str, sorted(loads)))}", "As many in each capacity, delivery, pickup and amount.",
            )  # fmt: skip

    def _travel(
        self, given: Sequence[Mapping[str, Any]], fleet: list[Vehicle], distance: np.ndarray, duration: np.ndarray
    ) -> tuple[list[Vehicle], np.ndarray]:
        """max_travel_time and per_hour count driving alone: they hold of the duration where nobody waits or serves,
        else of the distance, which then is counted in seconds where the file asks for no distance."""
        most = [self._number(one, "max_travel_time", f"vehicles[{n}]", INFINITY) for n, one in enumerate(given)]
        if not self.setups and not any(one.service or one.windows for one in self.stops):
            return [replace(one, max_duration=top) for one, top in zip(fleet, most, strict=True)], distance
        if any(one.per_distance or one.max_distance < INFINITY for one in fleet):
            if min(most) < INFINITY:
                raise self._error("max_travel_time beside per_km or max_distance, with service times or windows",
                                  "One of these limits.", "Plan it with VROOM, or remove one of them.")  # fmt: skip
            if any(one.per_time for one in fleet):
                self.ledger.warn(f"{self.path.name}: per_hour counts service and waiting too, as "
                                 "per_km or max_distance needs the distances")  # fmt: skip
            return fleet, distance
        self.ledger.warn(f"{self.path.name}: driving alone costs and is limited; distances are counted in seconds")
        driving = [
            replace(one, per_distance=one.per_time, per_time=0.0, max_distance=top)
            for one, top in zip(fleet, most, strict=True)
        ]
        return driving, duration

    def _set_up(self, fleet: Sequence[Vehicle], depots: Sequence[Depot]) -> None:
        """Set-up times are part of the service where no two tasks share a place, so that each arrival asks for one."""
        places = [one.place for one in self.stops] + list({one.place for one in depots})
        if self.setups and len(set(places)) < len(places):
            raise self._error(f"setup: {UNCOVERED['setup']} of tasks at the same place", "A place for each task.",
                              "Plan it with VROOM, or pass --option ignore=setup.")  # fmt: skip

    def _once(self, names: Sequence[str], what: str) -> None:
        twice = sorted({one for one in names if names.count(one) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise self._error(f"{what} {', '.join(twice[:5])} occur twice", "Each id once.")

    def _number(self, one: Mapping[str, Any], key: str, where: str, default: float) -> float:
        """A number of at least 0."""
        value = one.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
            raise self._error(f"{where}.{key} is {value!r}", "A number of at least 0.")
        return float(value)

    def _numbers(self, one: Mapping[str, Any], key: str, where: str) -> tuple[float, ...]:
        """A list of numbers of at least 0; () where there is none."""
        value = one.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._error(f"{where}.{key} is {value!r}", "A list of numbers.")
        return tuple(self._number({key: cell}, key, where, 0.0) for cell in value)

    def _window(self, pair: Any, where: str) -> tuple[float, float]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise self._error(f"{where} is {pair!r}", "[start, end] in seconds.")
        opens, closes = self._numbers({"window": pair}, "window", where)
        if opens > closes:
            raise self._error(f"{where} is {pair!r}, which ends before it begins", "[start, end] in seconds.")
        return opens, closes

    def _skills(self, one: Mapping[str, Any], where: str) -> frozenset[int]:
        skills = self._numbers(one, "skills", where)
        if any(not skill.is_integer() for skill in skills):
            raise self._error(f"{where}.skills is {one['skills']!r}", "A list of whole numbers.")
        return frozenset(int(skill) for skill in skills)

    def _list(self, name: str) -> Sequence[Mapping[str, Any]]:
        found = self.content.get(name) or []
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise self._error(f"{name} is no list of objects", "A list of objects.")
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
            if key == "setup" and key not in self.ignore:
                self.setups = self.setups or bool(one[key])
            elif key in UNCOVERED and one[key] not in NEUTRAL.get(key, (None, 0, [], {})):
                if key not in self.ignore:
                    raise self._error(f"{at}: {UNCOVERED[key]}", "Rules that the plans here know.",
                                      f"Plan it with VROOM, or pass --option ignore={key}.")  # fmt: skip
                self.ledger.warn(f"{self.path.name}: {at} is ignored, as asked")

    def _place(self, one: Mapping[str, Any], where: str, prefix: str = "location") -> int | None:
        index = one.get("location_index" if prefix == "location" else f"{prefix}_index")
        point = self._point(one.get(prefix), f"{where}.{prefix}")
        if index is not None and (isinstance(index, bool) or not isinstance(index, int) or index < 0):
            raise self._error(f"{where}: the index {index!r}", "A whole number of at least 0.")
        if self.matrices:
            if index is None and point is not None:
                raise self._error(f"{where} has a location and no index into the matrix", f"{prefix}_index.")
            if index is not None and point is not None:
                self.located[index] = point
            return index
        if point is None:
            if index is not None:
                raise self._error(f"{where} has an index and no {prefix}, and there is no matrix",
                                  f"matrices, or {prefix}: [longitude, latitude].")  # fmt: skip
            return None
        if point not in self.points:
            self.points.append(point)
        return self.points.index(point)

    def _point(self, point: Any, where: str) -> tuple[float, float] | None:
        if point is None:
            return None
        numeric = isinstance(point, list) and all(isinstance(one, int | float) for one in point)
        if not (numeric and len(point) == 2 and abs(point[0]) <= 180 and abs(point[1]) <= 90):
            raise self._error(f"{where} is {point}", "[longitude, latitude] in degrees.")
        return float(point[0]), float(point[1])

    def _task(
        self, one: Mapping[str, Any], where: str, kind: str, whole: Mapping[str, Any], loads: Sequence[str] = ()
    ) -> None:
        """A stop; skills and priority are those of ``whole``, the job or the shipment."""
        self._keys(one, END if kind else JOB, where)
        place = self._place(one, where)
        if place is None:
            raise self._error(f"{where} has no place", "location or location_index.")
        windows = one.get("time_windows") or []
        if not isinstance(windows, list):
            raise self._error(f"{where}.time_windows is {windows!r}", "A list of [start, end].")
        name = one.get("id")
        if isinstance(name, bool) or not isinstance(name, int) or name < 0:
            raise self._error(f"{where}.id is {name!r}", "A whole number of at least 0.")
        slots = sorted(self._window(pair, f"{where}.time_windows") for pair in windows)
        if any(later[0] <= former[1] for former, later in itertools.pairwise(slots)):
            raise self._error(f"{where}.time_windows overlap", "Windows apart from each other.")
        setup = 0.0 if "setup" in self.ignore else self._number(one, "setup", where, 0.0)
        demand, pickup = (self._numbers(one, name, where) for name in loads) if loads else ((), ())
        self.stops.append(Stop(
            f"{kind}{name}", place, demand, pickup,
            tuple(slots),
            self._number(one, "service", where, 0.0) + setup,
        ))  # fmt: skip
        self.needs.append(self._skills(whole, where))
        self.urgent.append(self._number(whole, "priority", where, 0.0))

    def _job(self, one: Mapping[str, Any], where: str) -> None:
        both = sorted({"delivery", "pickup"} & set(one))
        if "amount" in one and both:
            raise self._error(f"{where} has amount beside {both[0]}", "delivery and pickup, or amount alone.")
        self._task(one, where, "", one, ("delivery" if "delivery" in one else "amount", "pickup"))

    def _shipment(self, one: Mapping[str, Any], where: str) -> None:
        self._keys(one, SHIPMENT, where)
        for end in ("pickup", "delivery"):
            if not isinstance(one.get(end), Mapping):
                raise self._error(f"{where} has no {end}", "Both ends.")
            self._task(one[end], f"{where}.{end}", f"{end}-", one)
        self.shipments.append(Shipment(len(self.stops) - 2, len(self.stops) - 1, self._numbers(one, "amount", where)))

    def _vehicle(self, one: Mapping[str, Any], where: str, depots: list[Depot]) -> Vehicle:
        self._keys(one, VEHICLE, where)
        costs = one.get("costs") or {}
        self._keys(costs, COSTS, f"{where}.costs")
        if isinstance(one.get("id"), bool) or not isinstance(one.get("id"), int | str):
            raise self._error(f"{where} has no id" if "id" not in one else f"{where}.id is {one['id']!r}", "A number.")
        ends = []
        for end in ("start", "end"):
            place = self._place(one, where, end)
            if place is not None and all(depot.place != place for depot in depots):
                depots.append(Depot(str(place), place))
            ends.append(next((n for n, depot in enumerate(depots) if depot.place == place), None))
            self.ends |= set() if place is None else {place}
        if ends == [None, None]:
            raise self._error(f"{where} has neither a start nor an end", "One of them, or both.")
        shift = one.get("time_window")
        return Vehicle(
            str(one["id"]), 1, self._numbers(one, "capacity", where), ends[0], ends[1],
            fixed=self._number(costs, "fixed", f"{where}.costs", 0.0),
            per_distance=self._number(costs, "per_km", f"{where}.costs", 0.0) / 1000.0,
            per_time=self._number(costs, "per_hour", f"{where}.costs", 3600.0) / 3600.0,
            shift=(0.0, INFINITY) if shift is None else self._window(shift, f"{where}.time_window"),
            max_distance=self._number(one, "max_distance", where, INFINITY),
        )  # fmt: skip

    def _matrices(self, fleet: Sequence[Vehicle]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        if not self.matrices:
            self.ledger.warn(
                f"{self.path.name} has no matrix: ways are {DETOUR:g} times the crow's flight at {KMH:g} km/h"
            )
            place = np.array(self.points, dtype=float).reshape(-1, 2)
            metres = np.round(haversine_km(place) * 1000 * DETOUR)
            return metres, np.round(metres / (KMH / 3.6)), place
        profile, tables = next(iter(self.matrices.items()))
        if not isinstance(tables, Mapping):
            raise self._error(f"matrices.{profile} is no object", '{"durations": [...]}.')
        self._keys(tables, {"durations", "distances", "costs"}, f"matrices.{profile}")
        if "costs" in tables:
            raise self._error(f"matrices.{profile}.costs", "Costs from durations and distances.")
        duration = square(tables.get("durations"), f"{self.path.name}: matrices.{profile}.durations")
        free = np.where(np.isfinite(duration), 0.0, np.inf)
        if "distances" not in tables and any(one.per_distance or one.max_distance < INFINITY for one in fleet):
            raise self._error(f"per_km or max_distance, and no matrices.{profile}.distances", "A matrix of metres.")
        given, where = tables.get("distances"), f"{self.path.name}: matrices.{profile}.distances"
        return free if given is None else square(given, where), duration, self._located(len(duration))

    def _located(self, size: int) -> np.ndarray | None:
        """(size, 2) longitude and latitude where the file tells them of each place that it uses; NaN of the others."""
        used = {one.place for one in self.stops} | self.ends
        if not used <= set(self.located) or max(used) >= size:
            return None
        place = np.full((size, 2), np.nan)
        place[list(self.located)] = list(self.located.values())
        return place

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
        raise DataError(f"{what} is no square matrix.", expected="A list of rows, as many as columns.",
                        todo="Ask for the table between the same places.")  # fmt: skip
    cells = [cell for row in rows for cell in row if cell is not None]
    odd = next((cell for cell in cells if isinstance(cell, bool) or not isinstance(cell, int | float)), None)
    if odd is not None:
        raise DataError(f"{what} holds a cell that is no number: {odd!r}.", expected="Numbers or null.",
                        todo="Write numbers without quotes.")  # fmt: skip
    table = np.array(
        [[np.inf if cell is None or not 0 <= cell < NO_ROAD else cell for cell in row] for row in rows], float
    )
    np.fill_diagonal(table, np.where(np.isfinite(np.diag(table)), np.diag(table), 0.0))
    return table


def solution(problem: Problem, plan: Plan) -> dict[str, Any]:
    """The plan in VROOM's output format; times are the checker's, cost is the checked cost."""
    checked, routes = check(problem, plan), list[dict[str, Any]]()
    for timed in checked.routes:
        vehicle = problem.vehicles[timed.vehicle]
        steps: list[dict[str, Any]] = []
        clock, at = timed.departure, None if vehicle.start is None else problem.depots[vehicle.start].place
        if vehicle.start is not None:
            steps.append({"type": "start", "arrival": _whole(timed.departure)})
        for visit in timed.visits:
            stop = problem.stops[visit.stop]
            arrival = clock + (0.0 if at is None else float(problem.duration[at, stop.place]))
            begin = first_start(stop.windows, arrival)
            begin = arrival if begin is None else begin
            clock, at = begin + stop.service, stop.place
            steps.append({**_named(stop.id),
                          "arrival": _whole(arrival), "service": _whole(stop.service),
                          "waiting_time": _whole(begin - arrival),
                              "load": list(visit.load)})  # fmt: skip
        if vehicle.end is not None:
            steps.append({"type": "end", "arrival": _whole(timed.end)})
        ways = itertools.pairwise(route_places(problem, plan.routes[len(routes)]))
        driven = float(sum(problem.duration[a, b] for a, b in ways))
        name = int(vehicle.id) if vehicle.id.isdigit() else vehicle.id
        metres = {"distance": _whole(timed.distance)} if problem.units.distance == "m" else {}
        routes.append({"vehicle": name, "cost": _whole(timed.cost), "duration": _whole(driven), **metres,
                       "service": _whole(sum(one["service"] for one in steps if "service" in one)),
                       "waiting_time": _whole(sum(one.get("waiting_time", 0) for one in steps)),
                       "steps": steps})  # fmt: skip
    unassigned = [{**_named(problem.stops[one.stop].id), "description": one.reason} for one in plan.unserved]
    summary = {"cost": _whole(checked.cost), "routes": len(routes), "unassigned": len(unassigned)}
    return {"code": 0, "summary": summary, "unassigned": unassigned, "routes": routes}


def _named(stop: str) -> dict[str, Any]:
    kind, _, number = stop.rpartition("-")
    return {"type": kind or "job", "id": int(number) if number.isdigit() else number}


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)


def sniff(path: Path) -> Sniff:
    """Certain when a JSON file has vehicles with jobs or shipments, or is VROOM's answer; unsure when it is broken."""
    try:
        files = [path] if path.is_file() else sorted(path.rglob("*.json"))[:1]
        content = json_of(files[0]) if files and suffix_of(files[0]) == ".json" else None
    except OSError:
        return Sniff(0.0, "cannot be read")
    except DataError as err:
        return Sniff(0.3, str(err))
    if isinstance(content, Mapping) and "vehicles" in content and ("jobs" in content or "shipments" in content):
        return Sniff(0.95, "VROOM problem")
    if isinstance(content, Mapping) and "routes" in content and {"summary", "unassigned"} & set(content):
        return Sniff(0.95, "VROOM solution")
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
