"""VRPLIB (CVRPLIB, PyVRP's and LKH's extensions): capacity, matrices, windows, depots, prizes, backhauls, shipments.

The format is words: line breaks inside a section of numbers mean nothing. Header lines may follow sections, colons may
be missing after a section's name, EOF may be missing. EUC_2D hides three conventions; option ``rounding`` says which.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from verticals_logistics.adapters.common import dataset_of, head_of, number, stem_of, suffix_of, text_of, whole_pairs
from verticals_logistics.adapters.vrplib_matrix import distances_of, kinds_of
from verticals_logistics.adapters.vrplib_words import Words, rows_of, tokenize, values, whole
from verticals_logistics.problem import INFINITY, Depot, Problem, Shipment, Stop, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

FLEET = ("VEHICLES", "SALESMEN", "NUM_VEHICLES")
"""Keys for the number of vehicles, by dialect."""
PER_VEHICLE = (
    "VEHICLES_DEPOT", "VEHICLES_UNIT_DISTANCE_COST", "VEHICLES_FIXED_COST", "VEHICLES_MAX_DISTANCE",
    "VEHICLES_MAX_DURATION", "CAPACITY",
)  # fmt: skip
"""Sections with a row a vehicle; all but the depot may also be one header line for all."""
HEADERS = {
    "NAME", "COMMENT", "TYPE", "DIMENSION", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT", "NODE_COORD_TYPE", "ROUNDING",
    "DISPLAY_DATA_TYPE", "EDGE_DATA_FORMAT", "DISTANCE", "SERVICE_TIME", "NUM_DEPOTS", "BKS", "GENERATOR", "SEED",
    *FLEET, *PER_VEHICLE[1:],
}  # fmt: skip
SECTIONS = {
    "NODE_COORD", "DEMAND", "DEPOT", "EDGE_WEIGHT", "TIME_WINDOW", "SERVICE_TIME", "BACKHAUL", "LINEHAUL", "PRIZE",
    "PICKUP_AND_DELIVERY", "DISPLAY_DATA", "VEHICLES_ALLOWED_CLIENTS", *PER_VEHICLE,
}  # fmt: skip
UNCOVERED = {
    "RELEASE_TIME": "release times", "VEHICLES_RELOAD_DEPOT": "reloading at a depot during a route",
    "VEHICLES_MAX_RELOADS": "reloading at a depot during a route",
    "MUTUALLY_EXCLUSIVE_GROUP": "groups of which one stop is to be served", "STANDTIME": "stand times",
    "FIXED_EDGES": "fixed edges", "TOUR": "given tours", "SCALE": "scaled distances",
}  # fmt: skip
ONE_VEHICLE = {"TSP", "ATSP", "TSPTW"}
OPEN = {"OVRP", "OVRPTW"}
BOTH_WAYS = {"VRPSPD", "VRPSPDTW", "VRPMPD", "VRPMPDTW"}
BACKHAULS_LAST = {"VRPB", "VRPBTW"}
TYPES = {
    "", "CVRP", "VRP", "ACVRP", "DCVRP", "ADCVRP", "MDVRP", "MDVRPTW", "VRPTW", "CVRPTW", "PCVRP", "PCVRPTW", "PDPTW",
    "HFVRP", "HFVRPTW", "FSMVRP", *ONE_VEHICLE, *OPEN, *BOTH_WAYS, *BACKHAULS_LAST,
}  # fmt: skip


def read_vrplib(path: Path, ledger: Ledger, rounding: str = "") -> Problem:
    """One VRPLIB file as a problem.

    Raises:
        DataError: the file breaks the format, or asks for a rule that the plans here do not know.
    """
    words = tokenize(text_of(path), path)
    _refuse_unknown(words, path, ledger)
    size = _count(words, path)
    rounding = rounding or words.header.get("ROUNDING", "") or _default_rounding(words)
    distance, place = distances_of(words, size, path, ledger, rounding)
    depots = _depots(words, size, path)
    pairs = "PICKUP_AND_DELIVERY" in words.sections
    stops, shipments = _both_ends(words, size, depots, path) if pairs else (_stops(words, size, depots, path), [])
    if words.header.get("EDGE_WEIGHT_TYPE", "").upper() in ("EUC_2D", "EUC_3D"):
        ledger.warn(f"EUC_2D distances are taken as {rounding} (--option rounding=exact, integer, decimal)")
    if words.kind in BACKHAULS_LAST or kinds_of(words, size):
        distance = _begun_with_linehauls(distance, stops, depots)
    return Problem(
        id=words.header.get("NAME") or stem_of(path), stops=tuple(stops), shipments=tuple(shipments),
        depots=tuple(Depot(str(one + 1), one) for one in depots), vehicles=_vehicles(words, depots, stops, path),
        distance=distance, duration=distance, place=place, rounding=rounding,
        plane=words.header.get("EDGE_WEIGHT_TYPE", "").upper() != "GEO",
        backhauls_last=_backhauls_last(words, size, path, ledger), best_known=_best_known(path),
    )  # fmt: skip


def _default_rounding(words: Words) -> str:
    """Integers as in TSPLIB, exact where routes are limited (the CMT, Golden and Li sets), cut with windows."""
    if "TIME_WINDOW" in words.sections:
        return "decimal"
    return "exact" if "DISTANCE" in words.header or "SERVICE_TIME" in words.header else "integer"


def _begun_with_linehauls(distance: np.ndarray, stops: list[Stop], depots: list[int]) -> np.ndarray:
    """No way from a depot to a backhaul: a route visits at least one linehaul first (Queiroga et al., 2019)."""
    back = [one.place for one in stops if any(one.pickup) and not any(one.demand)]
    if len(back) == len(stops):
        return distance
    out = distance.copy()
    out[np.ix_(depots, back)] = INFINITY
    return out


def _backhauls_last(words: Words, size: int, path: Path, ledger: Ledger) -> bool:
    if kinds_of(words, size):
        ledger.warn(f"{path.name}: the column before the coordinates tells backhauls: they come last on each route, "
                    "and none has backhauls alone. The fleet is not limited.")  # fmt: skip
        return True
    if "BACKHAUL" not in words.sections:
        return words.kind in BACKHAULS_LAST
    if words.kind not in BOTH_WAYS | BACKHAULS_LAST:
        ledger.warn(f"{path.name}: backhauls come last on each route, as in TYPE VRPB; write VRPMPD if they need not")
    return words.kind not in BOTH_WAYS


def _refuse_unknown(words: Words, path: Path, ledger: Ledger) -> None:
    for name in (*words.sections, *words.header):
        if name in UNCOVERED:
            raise DataError(
                f"{path.name} has {name}{'_SECTION' if name in words.sections else ''}: {UNCOVERED[name]}.",
                expected="Rules that the plans here know.",
                todo="Plan it with PyVRP directly, or remove it to plan without this rule.",
            )  # fmt: skip
    for name in words.sections:
        if name not in SECTIONS:
            raise DataError(
                f"{path.name} has a section {name}_SECTION that is not known.",
                expected=f"Some of {', '.join(sorted(SECTIONS))}.",
                    todo="A rule must not be dropped: remove it if it may.",
            )  # fmt: skip
    if words.kind not in TYPES:
        raise DataError(
            f"{path.name} is of TYPE {words.kind}, whose rules are not known here.",
            expected=f"One of {', '.join(sorted(TYPES - {''}))}.",
            todo="Write the TYPE whose rules it has, such as CVRP, if that is true.",
        )  # fmt: skip
    unknown = [_with_nearest(one) for one in sorted(set(words.header) - HEADERS)]
    if unknown:
        ledger.warn(f"{path.name}: header keys that mean nothing here: {', '.join(unknown)}")


def _with_nearest(key: str) -> str:
    near = difflib.get_close_matches(key, HEADERS, 1, 0.8)
    return f"{key} (is {near[0]} meant?)" if near else key


def _count(words: Words, path: Path) -> int:
    if "DIMENSION" not in words.header:
        raise DataError(
            f"{path.name} has no DIMENSION.", expected="DIMENSION : the number of nodes.", todo="Is the header whole?"
        )
    size = whole(number(words.header["DIMENSION"], path, 1, "DIMENSION"), path, "DIMENSION")
    if size < 2:
        raise DataError(
            f"{path.name}: DIMENSION is {size}.", expected="At least a depot and a stop.", todo="Check the file."
        )
    return size


def _depots(words: Words, size: int, path: Path) -> list[int]:
    found = values(words, "DEPOT", path)
    nodes, after = (found[: found.index(-1)], found[found.index(-1) + 1 :]) if -1 in found else (found, [])
    wrong = any(not 1 <= one <= size or one != int(one) for one in nodes) or len(set(nodes)) < len(nodes)
    told = words.header.get("NUM_DEPOTS")
    if wrong or after or (told is not None and number(told, path, 1, "NUM_DEPOTS") != max(1, len(nodes))):
        raise DataError(
            f"{path.name}: DEPOT_SECTION holds {' '.join(f'{one:g}' for one in found)}"
            + (f" and NUM_DEPOTS is {told}." if told is not None else "."),
            expected=f"Numbers of nodes, 1 to {size}, each once, then -1.",
            todo="Depots are nodes of NODE_COORD_SECTION; name them by their numbers.",
        )
    return [int(one) - 1 for one in nodes] or [0]


def _stops(words: Words, size: int, depots: list[int], path: Path) -> list[Stop]:
    demand, pickup = _amounts(words, size, path)
    _refuse_odd_loads(words, demand + pickup, depots, path)
    service = _column(words, "SERVICE_TIME", size, path, words.header.get("SERVICE_TIME"))
    prize = rows_of(words, "PRIZE", size, 1, path)[:, 0] if "PRIZE" in words.sections else None
    windows = rows_of(words, "TIME_WINDOW", size, 2, path) if "TIME_WINDOW" in words.sections else None
    allowed = _allowed(words, size, path)
    worst = {"demand": demand, "pickup": pickup, "service": service, "prize": service if prize is None else prize}
    for name, table in worst.items():
        if np.min(table, initial=0.0) < 0:
            raise DataError(
                f"{path.name}: a {name} is {np.min(table):g}.", expected="Numbers of at least 0.",
                todo="What is fetched belongs into a BACKHAUL_SECTION.",
            )  # fmt: skip
    return [
        Stop(
            id=str(node + 1), place=node, demand=tuple(demand[node]), pickup=tuple(pickup[node]),
            windows=() if windows is None else (_window(windows[node], node, path),), service=float(service[node]),
            penalty=None if prize is None or prize[node] == 0 else float(prize[node]),
            vehicles=None if allowed is None else frozenset(v for v, nodes in enumerate(allowed) if node + 1 in nodes),
        )
        for node in range(size) if node not in depots
    ]  # fmt: skip


def _refuse_odd_loads(words: Words, load: np.ndarray, depots: list[int], path: Path) -> None:
    """What says that a section or a header line is missing: (size, D) loads that do not go with the rest.

    Raises:
        DataError: a depot with a demand, a capacity without demands, or of another number of dimensions.
    """
    rooms = {len(row) for row in _per_vehicle(words, "CAPACITY", path)} | ({1} if "CAPACITY" in words.header else set())
    told = bool({"DEMAND", "LINEHAUL", "BACKHAUL"} & set(words.sections))
    found = expected = ""
    if load[depots].any():
        found, expected = f"depot {depots[int(load[depots].any(-1).argmax())] + 1} has a demand", "A depot without one"
    elif {"DEMAND", "LINEHAUL"} <= set(words.sections):
        found, expected = "DEMAND_SECTION and LINEHAUL_SECTION", "One of the two"
    elif rooms and not told:
        found, expected = "CAPACITY and no demands", "DEMAND_SECTION"
    elif not rooms and load.any():
        found, expected = "demands and no CAPACITY", "CAPACITY : what a vehicle holds"
    elif rooms and load.any() and rooms != {load.shape[1]}:
        found = f"{load.shape[1]} demands a node and {' or '.join(map(str, sorted(rooms)))} capacities a vehicle"
        expected = "As many of each"
    if found:
        raise DataError(f"{path.name}: {found}.", expected=f"{expected}.", todo="Is the file whole?")


def _window(row: np.ndarray, node: int, path: Path) -> tuple[float, float]:
    opens, closes = float(row[0]), float(row[1])
    if opens > closes:
        raise DataError(
            f"{path.name}: the window of node {node + 1} is {opens:g} to {closes:g}.",
            expected="An end that is not before the begin.", todo="Correct the window.",
        )  # fmt: skip
    return opens, closes


def _amounts(words: Words, size: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(size, D) what goes to each node and what comes from it."""
    name = "LINEHAUL" if "LINEHAUL" in words.sections else "DEMAND"
    demand = _loads(words, name, size, path)
    kinds = kinds_of(words, size)
    flat = values(words, "BACKHAUL", path)
    if kinds or ("BACKHAUL" in words.sections and len(flat) < 2 * size and "DEMAND" in words.sections):
        # a list of nodes whose demand is fetched (LKH), or a mark a node
        nodes = [n for n, kind in enumerate(kinds) if kind == 1] or [int(n) - 1 for n in flat if n != -1]
        if any(not 0 <= one < size for one in nodes) or any(one != int(one) for one in flat):
            raise DataError(f"{path.name}: BACKHAUL_SECTION names a node that is not there.",
                            expected=f"Nodes 1 to {size}.", todo="Correct the numbers.")  # fmt: skip
        back = np.isin(np.arange(size), nodes)[:, None]
        return np.where(back, 0.0, demand), np.where(back, demand, 0.0)
    return demand, _loads(words, "BACKHAUL", size, path, demand.shape[1])


def _loads(words: Words, section: str, size: int, path: Path, empty: int = 1) -> np.ndarray:
    """(size, D); D from how many numbers a node has."""
    if section not in words.sections:
        return np.zeros((size, empty))
    width = max(1, round(len(words.flat(section)) / size) - 1)
    return rows_of(words, section, size, width, path)


def _column(words: Words, section: str, size: int, path: Path, constant: str | None) -> np.ndarray:
    if section in words.sections:
        return rows_of(words, section, size, 1, path)[:, 0]
    return np.full(size, 0.0 if constant is None else number(constant, path, 1, section))


def _allowed(words: Words, size: int, path: Path) -> list[set[float]] | None:
    if "VEHICLES_ALLOWED_CLIENTS" not in words.sections:
        return None
    rows = [set(row) for row in _per_vehicle(words, "VEHICLES_ALLOWED_CLIENTS", path)]
    odd = set[float]().union(*rows) - set(range(1, size + 1))
    if odd:
        raise DataError(f"{path.name}: VEHICLES_ALLOWED_CLIENTS_SECTION names node {min(odd):g}.",
                        expected=f"Nodes 1 to {size}.", todo="Correct the numbers.")  # fmt: skip
    return rows


def _both_ends(words: Words, size: int, depots: list[int], path: Path) -> tuple[list[Stop], list[Shipment]]:
    """LKH's PICKUP_AND_DELIVERY_SECTION: node, demand, earliest, latest, service, and two more columns.

    These are the node's siblings (1-based, 0 = none) in a PDPTW, the amounts fetched and brought in a VRPSPD or VRPMPD.
    """
    table = rows_of(words, "PICKUP_AND_DELIVERY", size, 6, path)
    nodes = [node for node in range(size) if node not in depots]
    amounts = words.kind in BOTH_WAYS
    stops = [
        Stop(
            str(node + 1), node, (float(table[node, 5]),) if amounts else (),
            (float(table[node, 4]),) if amounts else (), (_window(table[node, 1:3], node, path),),
            float(table[node, 3]),
        )
        for node in nodes
    ]  # fmt: skip
    return stops, [] if amounts else _pairs(table, nodes, path)


def _pairs(table: np.ndarray, nodes: list[int], path: Path) -> list[Shipment]:
    row = {node: place for place, node in enumerate(nodes)}
    shipments = []
    for node in nodes:
        amount, come_from, goes_to = table[node, 0], int(table[node, 4]) - 1, int(table[node, 5]) - 1
        if goes_to < 0 and come_from < 0:
            raise DataError(
                f"{path.name}: node {node + 1} has neither a pickup nor a delivery.", expected="A sibling for each.",
                todo="Name it in column 6 or 7.",
            )  # fmt: skip
        if goes_to < 0:
            continue
        if goes_to not in row or int(table[goes_to, 4]) - 1 != node:
            raise DataError(
                f"{path.name}: node {node + 1} delivers to {goes_to + 1}, which does not name it as its pickup.",
                expected="Siblings that name each other.", todo="Correct columns 6 and 7.",
            )  # fmt: skip
        if amount < 0 or table[goes_to, 0] not in (-amount, 0):
            raise DataError(
                f"{path.name}: {amount:g} is picked up at node {node + 1}, {table[goes_to, 0]:g} is the demand of "
                f"node {goes_to + 1}.", expected="The same amount, once as it is and once negative.",
                todo="Correct column 2.",
            )  # fmt: skip
        shipments.append(Shipment(row[node], row[goes_to], (float(amount),)))
    return list(whole_pairs(shipments, len(nodes), path))


def _vehicles(words: Words, depots: list[int], stops: list[Stop], path: Path) -> tuple[Vehicle, ...]:
    """One type a depot, or one a vehicle where a section tells them apart."""
    limit = words.header.get("DISTANCE")
    most = INFINITY if limit is None else number(limit, path, 1, "DISTANCE")
    served = any(one.service for one in stops)
    usual = {name: number(words.header[name], path, 1, name) for name in PER_VEHICLE if name in words.header}
    if min((*usual.values(), most)) < 0:
        name = min((*usual, "DISTANCE"), key=lambda one: usual.get(one, most))
        raise DataError(f"{path.name}: {name} is {words.header[name]}.", expected="A number of at least 0.",
                        todo="Correct the header.")  # fmt: skip
    kind = Vehicle(
        "", None, (usual["CAPACITY"],) if "CAPACITY" in usual else (), fixed=usual.get("VEHICLES_FIXED_COST", 0.0),
        per_distance=usual.get("VEHICLES_UNIT_DISTANCE_COST", 1.0),
        max_duration=usual.get("VEHICLES_MAX_DURATION", most if served else INFINITY),
        max_distance=usual.get("VEHICLES_MAX_DISTANCE", INFINITY if served else most),
    )  # fmt: skip
    shift, count = _shift(words, depots, path), _fleet(words, path)
    told = {
        name: rows for name in (*PER_VEHICLE, "VEHICLES_ALLOWED_CLIENTS") if (rows := _per_vehicle(words, name, path))
    }
    if not told:
        if count is not None and len(depots) > 1:
            raise DataError(
                f"{path.name} has {len(depots)} depots and {count} vehicles.", expected="VEHICLES_DEPOT_SECTION.",
                todo="Say where each vehicle is at home.",
            )  # fmt: skip
        return tuple(
            replace(kind, id=f"depot {node + 1}", count=count, start=d, end=None if words.kind in OPEN else d,
                    shift=shift[d])
            for d, node in enumerate(depots)
        )  # fmt: skip
    sizes = {len(rows) for rows in told.values()} | ({count} if count is not None else set())
    if len(sizes) > 1:
        raise DataError(
            f"{path.name} tells of {' and '.join(str(one) for one in sorted(sizes))} vehicles.",
            expected="One row a vehicle in each VEHICLES_..._SECTION, as many as VEHICLES says.", todo="Complete them.",
        )  # fmt: skip
    out = [_one_vehicle(row, told, kind, depots, shift, words.kind in OPEN, path) for row in range(max(sizes))]
    return grouped(out) if "VEHICLES_ALLOWED_CLIENTS" not in told else tuple(out)


def _one_vehicle(
    row: int, told: dict[str, list[list[float]]], kind: Vehicle, depots: list[int], shift: list[tuple[float, float]],
    ends_anywhere: bool, path: Path,
) -> Vehicle:  # fmt: skip
    """The vehicle of one row of the sections."""

    def cell(name: str, usual: float) -> float:
        return told[name][row][0] if name in told else usual

    node = cell("VEHICLES_DEPOT", depots[0] + 1) - 1
    if node not in depots:
        raise DataError(
            f"{path.name}: vehicle {row + 1} is at home at node {node + 1:g}, which is no depot.",
            expected=f"One of {', '.join(str(one + 1) for one in depots)}.", todo="Correct VEHICLES_DEPOT_SECTION.",
        )  # fmt: skip
    home = depots.index(int(node))
    return replace(
        kind, id=str(row + 1), count=1, capacity=tuple(told["CAPACITY"][row]) if "CAPACITY" in told else kind.capacity,
        start=home, end=None if ends_anywhere else home, fixed=cell("VEHICLES_FIXED_COST", kind.fixed),
        per_distance=cell("VEHICLES_UNIT_DISTANCE_COST", kind.per_distance), shift=shift[home],
        max_distance=cell("VEHICLES_MAX_DISTANCE", kind.max_distance),
        max_duration=cell("VEHICLES_MAX_DURATION", kind.max_duration),
    )  # fmt: skip


def _fleet(words: Words, path: Path) -> int | None:
    """The number of vehicles, None = as many as needed."""
    told = {whole(number(words.header[one], path, 1, one), path, one) for one in FLEET if one in words.header}
    told |= {1} if words.kind in ONE_VEHICLE else set()
    if len(told) > 1 or min(told, default=1) < 1:
        raise DataError(f"{path.name} says {' and '.join(str(one) for one in sorted(told))} vehicles.",
                        expected="One number of at least 1.", todo=f"Correct {', '.join(FLEET)}.")  # fmt: skip
    return next(iter(told), None)


def grouped(fleet: list[Vehicle]) -> tuple[Vehicle, ...]:
    """Vehicles that differ only by name as types with a count."""
    kinds: dict[Vehicle, list[str]] = {}
    for one in fleet:
        kinds.setdefault(replace(one, id="", count=1), []).append(one.id)
    return tuple(
        replace(kind, id=names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}", count=len(names))
        for kind, names in kinds.items()
    )


def _shift(words: Words, depots: list[int], path: Path) -> list[tuple[float, float]]:
    if "TIME_WINDOW" in words.sections:
        table = rows_of(words, "TIME_WINDOW", _count(words, path), 2, path)
    elif "PICKUP_AND_DELIVERY" in words.sections:
        table = rows_of(words, "PICKUP_AND_DELIVERY", _count(words, path), 6, path)[:, 1:3]
    else:
        return [(0.0, INFINITY)] * len(depots)
    return [_window(table[one], one, path) for one in depots]


def _per_vehicle(words: Words, section: str, path: Path) -> list[list[float]]:
    """What follows each vehicle's number, in order of the numbers.

    Raises:
        DataError: the numbers are not 1, 2, 3, …, a row says nothing more, or a negative number.
    """
    rows = [[number(word, path, line, section) for word, line in row] for row in words.sections.get(section, [])]
    rows = sorted(row for row in rows if row)
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)) or any(len(row) < 2 for row in rows):
        raise DataError(
            f"{path.name}: {section}_SECTION names vehicles {', '.join(f'{row[0]:g}' for row in rows[:8])} …",
            expected="Vehicles 1, 2, 3, …, each with a value.", todo="Give each vehicle one line.",
        )  # fmt: skip
    least = min((value for row in rows for value in row), default=0.0)
    if least < 0:
        raise DataError(f"{path.name}: {section}_SECTION holds {least:g}.", expected="Numbers of at least 0.",
                        todo="Correct the line.")  # fmt: skip
    return [row[1:] for row in rows]


def _best_known(path: Path) -> float | None:
    solution = path.with_suffix(".sol")
    text = solution.read_text(errors="replace") if solution.is_file() else ""
    found = re.search(r"^\s*Cost\s*:?\s*(\d[\d.]*(?:[eE]\+?\d+)?)\s*$", text, re.MULTILINE)
    return None if found is None else float(found[1])


def sniff(path: Path) -> Sniff:
    """Certain when a file names DIMENSION and a section."""
    try:
        files = [path] if path.is_file() else sorted(path.rglob("*.vrp*"))[:1]
        head = head_of(files[0]).upper() if files else ""
    except OSError:
        return Sniff(0.0, "cannot be read")
    if re.search(r"^\s*DIMENSION\b", head, re.MULTILINE) or re.search(r"^\s*[A-Z_]+_SECTION", head, re.MULTILINE):
        return Sniff(0.95, "VRPLIB header")
    if path.is_file() and suffix_of(path) in (".vrp", ".vrpb"):
        return Sniff(0.3, "named as VRPLIB")
    return Sniff(0.0, "no DIMENSION and no section")


def read(path: Path, options: ReadOptions) -> Dataset:
    """A file, or a folder's .vrp files."""
    rounding = options.options.get("rounding", "")
    return dataset_of(
        path,
        "logistics.vrplib",
        (".vrp", ".vrpb"),
        lambda file, ledger: read_vrplib(file, ledger, rounding),
        options.limit,
    )


VRPLIB = Adapter(
    name="logistics.vrplib", summary="VRPLIB instances (.vrp)", sniff=sniff, read=read,
    options={"rounding": "exact, integer or decimal: distances from coordinates (default: the set's habit)"},
)  # fmt: skip
