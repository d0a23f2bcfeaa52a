"""VRPLIB (CVRPLIB, PyVRP's and LKH's extensions): capacity, matrices, windows, depots, prizes, backhauls, shipments.

The format is words: line breaks inside a section of numbers mean nothing. Header lines may follow sections, colons may
be missing after a section's name, EOF may be missing. EUC_2D hides three conventions; option ``rounding`` says which.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from verticals_logistics.adapters.common import dataset_of, euclid, number, rounded, text_of
from verticals_logistics.problem import INFINITY, Depot, Problem, Shipment, Stop, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

HEADERS = {
    "NAME", "COMMENT", "TYPE", "DIMENSION", "CAPACITY", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT", "NODE_COORD_TYPE",
    "DISPLAY_DATA_TYPE", "EDGE_DATA_FORMAT", "DISTANCE", "SERVICE_TIME", "VEHICLES", "NUM_DEPOTS", "NUM_VEHICLES",
    "SALESMEN", "BKS", "GENERATOR", "SEED", "PRIORITY", "VEHICLES_MAX_DURATION",
}  # fmt: skip
SECTIONS = {
    "NODE_COORD", "DEMAND", "DEPOT", "EDGE_WEIGHT", "TIME_WINDOW", "SERVICE_TIME", "BACKHAUL", "LINEHAUL", "PRIZE",
    "PICKUP_AND_DELIVERY", "VEHICLES_DEPOT", "DISPLAY_DATA", "CAPACITY", "VEHICLES_UNIT_DISTANCE_COST",
    "VEHICLES_FIXED_COST", "VEHICLES_MAX_DISTANCE", "VEHICLES_MAX_DURATION", "VEHICLES_ALLOWED_CLIENTS",
}  # fmt: skip
UNCOVERED = {
    "RELEASE_TIME": "release times", "VEHICLES_RELOAD_DEPOT": "reloading at a depot during a route",
    "VEHICLES_MAX_RELOADS": "reloading at a depot during a route",
    "MUTUALLY_EXCLUSIVE_GROUP": "groups of which one stop is to be served", "STANDTIME": "stand times",
    "FIXED_EDGES": "fixed edges", "TOUR": "given tours",
}  # fmt: skip


@dataclass
class Words:
    """Header values and the words of each section, each with its line number."""

    header: dict[str, str] = field(default_factory=dict[str, str])
    sections: dict[str, list[list[tuple[str, int]]]] = field(default_factory=dict[str, list[list[tuple[str, int]]]])

    def flat(self, name: str) -> list[tuple[str, int]]:
        """A section's words one after another."""
        return [word for row in self.sections.get(name, []) for word in row]


def tokenize(text: str, path: Path) -> Words:
    """Split a file into header and sections."""
    found, section = Words(), ""
    for line, raw in enumerate(text.splitlines(), start=1):
        row = raw.split("#")[0].strip() if not raw.strip().upper().startswith("COMMENT") else raw.strip()
        if not row or row.upper().rstrip(" :") == "EOF":
            section = "" if row else section
            continue
        head = re.match(r"^([A-Z][A-Z0-9_]*)\s*(:?)\s*(.*)$", row, re.IGNORECASE)
        key = head[1].upper() if head else ""
        if head and key.endswith("_SECTION"):
            section = key.removesuffix("_SECTION")
            found.sections[section] = []
            if head[3]:
                found.sections[section].append([(word, line) for word in head[3].split()])
        elif head and head[2] == ":":
            found.header[key] = head[3].strip()
            section = ""
        elif section:
            found.sections[section].append([(word, line) for word in row.split()])
        else:
            raise DataError(
                f"{path.name} line {line}: {row[:60]!r} is neither a header line nor in a section.",
                expected="KEY : value, or the name of a section.",
                    todo="Put a colon after the key, or remove the line.",
            )  # fmt: skip
    return found


def read_vrplib(path: Path, ledger: Ledger, rounding: str = "") -> Problem:
    """One VRPLIB file as a problem.

    Raises:
        DataError: the file breaks the format, or asks for a rule that the plans here do not know.
    """
    words = tokenize(text_of(path), path)
    _refuse_unknown(words, path, ledger)
    size = _count(words, path)
    rounding = rounding or words.header.get("ROUNDING", "") or _default_rounding(words)
    distance, place = _distances(words, size, path, ledger, rounding)
    depots = _depots(words, size, path)
    if "PICKUP_AND_DELIVERY" in words.sections:
        stops, shipments = _shipments(words, size, depots, path)
    else:
        stops, shipments = _stops(words, size, depots, path), []
    types = _vehicles(words, depots, stops, path)
    return Problem(
        id=words.header.get("NAME", path.stem) or path.stem, stops=tuple(stops), shipments=tuple(shipments),
        depots=tuple(Depot(str(one + 1), one) for one in depots), vehicles=types, distance=distance,
        duration=distance, place=place, plane=True, rounding=rounding,
        backhauls_last=words.header.get("TYPE", "").upper() in ("VRPB", "VRPBTW") or ("BACKHAUL" in words.sections
        and words.header.get("TYPE", "").upper() not in ("VRPSPD", "VRPSPDTW", "VRPMPD", "VRPMPDTW")),
        best_known=_best_known(path),
    )  # fmt: skip


def _default_rounding(words: Words) -> str:
    """Integers as in TSPLIB, exact where routes are limited (the CMT, Golden and Li sets), cut with windows."""
    if "TIME_WINDOW" in words.sections:
        return "decimal"
    return "exact" if "DISTANCE" in words.header or "SERVICE_TIME" in words.header else "integer"


def _refuse_unknown(words: Words, path: Path, ledger: Ledger) -> None:
    for name in words.sections:
        if name in UNCOVERED:
            raise DataError(
                f"{path.name} has a {name}_SECTION: {UNCOVERED[name]}.", expected="Rules that the plans here know.",
                todo="Plan it with PyVRP directly, or remove the section to plan without this rule.",
            )  # fmt: skip
        if name not in SECTIONS:
            raise DataError(
                f"{path.name} has a section {name}_SECTION that is not known.",
                expected=f"Some of {', '.join(sorted(SECTIONS))}.",
                    todo="A rule must not be dropped: remove it if it may.",
            )  # fmt: skip
    unknown = sorted(set(words.header) - HEADERS - {"ROUNDING"})
    if unknown:
        ledger.warn(f"{path.name}: header keys that mean nothing here: {', '.join(unknown)}")


def _count(words: Words, path: Path) -> int:
    if "DIMENSION" not in words.header:
        raise DataError(f"{path.name} has no DIMENSION.", expected="DIMENSION : the number of nodes.")
    size = number(words.header["DIMENSION"], path, 1, "DIMENSION")
    if size < 2 or size != int(size):
        raise DataError(f"{path.name}: DIMENSION is {size:g}.", expected="At least a depot and a stop.")
    return int(size)


def _values(words: Words, section: str, path: Path) -> list[float]:
    return [number(word, path, line, section) for word, line in words.flat(section)]


def _rows(words: Words, section: str, size: int, width: int, path: Path) -> np.ndarray:
    """(size, width) of a section "node value ...", in order of node; every node once."""
    flat = words.flat(section)
    if len(flat) != size * (width + 1):
        raise DataError(
            f"{path.name}: {section}_SECTION has {len(flat)} numbers.",
            expected=f"{size * (width + 1)}: {size} nodes with {width} each.",
                todo="Compare DIMENSION with the section.",
        )  # fmt: skip
    table = np.array([number(word, path, line, section) for word, line in flat]).reshape(size, width + 1)
    order = np.argsort(table[:, 0], kind="stable")
    if not np.array_equal(table[order, 0], np.arange(1, size + 1)):
        raise DataError(f"{path.name}: {section}_SECTION does not name nodes 1 to {size} once each.")
    return table[order, 1:]


def _distances(
    words: Words, size: int, path: Path, ledger: Ledger, rounding: str
) -> tuple[np.ndarray, np.ndarray | None]:
    kind = words.header.get("EDGE_WEIGHT_TYPE", "").upper()
    width = 3 if kind.endswith("3D") else 2
    place = _rows(words, "NODE_COORD", size, width, path)[:, :width] if "NODE_COORD" in words.sections else None
    if kind == "EXPLICIT" or (not kind and "EDGE_WEIGHT" in words.sections):
        return explicit(words, size, path, ledger), None if place is None else place[:, :2]
    if place is None:
        raise DataError(f"{path.name} has neither coordinates nor a matrix.", expected="NODE_COORD_SECTION.")
    match kind:
        case "EUC_2D" | "EUC_3D" | "EXACT_2D" | "FLOOR_2D" | "CEIL_2D":
            exact = euclid(place, "exact")
            if kind[:4] in ("FLOO", "CEIL", "EXAC"):
                cut = {"FLOO": np.floor(exact), "CEIL": np.ceil(exact)}.get(kind[:4], exact)
                return cut, place[:, :2]
            return rounded(exact, rounding), place[:, :2]
        case "MAN_2D":
            return rounded(np.abs(place[:, None] - place[None]).sum(-1), rounding), place
        case "GEO":
            return _geo(place), place[:, ::-1]
        case "ATT":
            ratio = euclid(place, "exact") / math.sqrt(10.0)
            near = np.floor(ratio + 0.5)
            return np.where(near < ratio, near + 1, near), place
    raise DataError(
        f"{path.name}: EDGE_WEIGHT_TYPE is {kind or 'missing'}.",
        expected="EUC_2D, EXACT_2D, CEIL_2D, FLOOR_2D, MAN_2D, GEO, ATT or EXPLICIT.",
    )


def _geo(place: np.ndarray) -> np.ndarray:
    """TSPLIB's GEO: degrees.minutes on a sphere of 6378.388 km, cut to integers (TSPLIB 95, section 2.4)."""
    whole = np.trunc(place)
    rad = 3.141592 * (whole + 5.0 * (place - whole) / 3.0) / 180.0
    lat, lon = rad[:, 0], rad[:, 1]
    q1, q2, q3 = np.cos(lon[:, None] - lon), np.cos(lat[:, None] - lat), np.cos(lat[:, None] + lat)
    inner = np.clip(0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3), -1.0, 1.0)
    out = np.floor(6378.388 * np.arccos(inner) + 1.0)
    np.fill_diagonal(out, 0.0)
    return out


def explicit(words: Words, size: int, path: Path, ledger: Ledger) -> np.ndarray:
    """The matrix of an EDGE_WEIGHT_SECTION; line breaks mean nothing, the count of numbers must fit the format.

    Raises:
        DataError: an unknown format, or a wrong count of numbers.
    """
    form = words.header.get("EDGE_WEIGHT_FORMAT", "").upper()
    values = np.array(_values(words, "EDGE_WEIGHT", path))
    lower, upper = np.tril_indices(size, -1), np.triu_indices(size, 1)
    index = {
        "LOWER_ROW": lower, "UPPER_ROW": upper, "LOWER_DIAG_ROW": np.tril_indices(size),
        "UPPER_DIAG_ROW": np.triu_indices(size), "UPPER_COL": lower[::-1], "LOWER_COL": upper[::-1],
        "UPPER_DIAG_COL": np.tril_indices(size)[::-1], "LOWER_DIAG_COL": np.triu_indices(size)[::-1],
    }  # fmt: skip
    if form == "FULL_MATRIX":
        _fit(len(values), size * size, form, path)
        return values.reshape(size, size)
    if form not in index:
        raise DataError(
            f"{path.name}: EDGE_WEIGHT_FORMAT is {form or 'missing'}.",
            expected=f"FULL_MATRIX or one of {', '.join(index)}.", todo="Name the format; it is never guessed.",
        )  # fmt: skip
    if "_DIAG_" in form and len(values) == size * (size - 1) // 2:
        ledger.warn(f"{path.name} says {form} but holds no diagonal ({len(values)} numbers); read without one")
        form = form.replace("_DIAG", "")
    rows, columns = index[form]
    _fit(len(values), len(rows), form, path)
    matrix = np.zeros((size, size))
    matrix[rows, columns] = values
    matrix[columns, rows] = values
    return matrix


def _fit(found: int, wanted: int, form: str, path: Path) -> None:
    if found != wanted:
        raise DataError(
            f"{path.name}: EDGE_WEIGHT_SECTION has {found} numbers.", expected=f"{wanted} for {form}.",
            todo="Check DIMENSION and EDGE_WEIGHT_FORMAT.",
        )  # fmt: skip


def _depots(words: Words, size: int, path: Path) -> list[int]:
    found = [int(one) for one in _values(words, "DEPOT", path)]
    found = found[: found.index(-1)] if -1 in found else found
    if any(not 1 <= one <= size for one in found):
        raise DataError(f"{path.name}: DEPOT_SECTION names node {found}, there are {size}.")
    return [one - 1 for one in found] or [0]


def _stops(words: Words, size: int, depots: list[int], path: Path) -> list[Stop]:
    demand = _loads(words, "DEMAND", size, path)
    pickup = np.zeros_like(demand)
    if "LINEHAUL" in words.sections:
        demand = _loads(words, "LINEHAUL", size, path)
        pickup = np.zeros_like(demand)
    if "BACKHAUL" in words.sections:
        pickup = _loads(words, "BACKHAUL", size, path)
    service = _column(words, "SERVICE_TIME", size, path, words.header.get("SERVICE_TIME"))
    prize = _rows(words, "PRIZE", size, 1, path)[:, 0] if "PRIZE" in words.sections else None
    windows = _rows(words, "TIME_WINDOW", size, 2, path) if "TIME_WINDOW" in words.sections else None
    allowed = _allowed(words, path)
    return [
        Stop(
            id=str(node + 1), place=node, demand=tuple(demand[node]), pickup=tuple(pickup[node]),
            windows=() if windows is None else ((float(windows[node, 0]), float(windows[node, 1])),),
            service=float(service[node]), penalty=None if prize is None or prize[node] == 0 else float(prize[node]),
            vehicles=None if allowed is None else frozenset(v for v, nodes in enumerate(allowed) if node + 1 in nodes),
        )
        for node in range(size) if node not in depots
    ]  # fmt: skip


def _loads(words: Words, section: str, size: int, path: Path) -> np.ndarray:
    """(size, D); D from how many numbers a node has."""
    if section not in words.sections:
        return np.zeros((size, 1))
    width = max(1, round(len(words.flat(section)) / size) - 1)
    return _rows(words, section, size, width, path)


def _column(words: Words, section: str, size: int, path: Path, constant: str | None) -> np.ndarray:
    if section in words.sections:
        return _rows(words, section, size, 1, path)[:, 0]
    return np.full(size, 0.0 if constant is None else number(constant, path, 1, section))


def _allowed(words: Words, path: Path) -> list[set[int]] | None:
    if "VEHICLES_ALLOWED_CLIENTS" not in words.sections:
        return None
    rows = words.sections["VEHICLES_ALLOWED_CLIENTS"]
    return [{int(number(word, path, line, "client")) for word, line in row[1:]} for row in rows]


def _shipments(words: Words, size: int, depots: list[int], path: Path) -> tuple[list[Stop], list[Shipment]]:
    """LKH's PDPTW: node, demand, earliest, latest, service, pickup, delivery (1-based siblings, 0 = none)."""
    table = _rows(words, "PICKUP_AND_DELIVERY", size, 6, path)
    nodes = [node for node in range(size) if node not in depots]
    row = {node: place for place, node in enumerate(nodes)}
    stops = [
        Stop(
            str(node + 1),
            node,
            windows=((float(table[node, 1]), float(table[node, 2])),),
            service=float(table[node, 3]),
        )
        for node in nodes
    ]
    shipments = []
    for node in nodes:
        goes_to = int(table[node, 5]) - 1
        if goes_to < 0:
            continue
        if goes_to not in row or int(table[goes_to, 4]) - 1 != node:
            raise DataError(
                f"{path.name}: node {node + 1} delivers to {goes_to + 1}, which does not name it as its pickup.",
                expected="Siblings that name each other.",
            )
        shipments.append(Shipment(row[node], row[goes_to], (abs(float(table[node, 0])),)))
    return stops, shipments


def _vehicles(words: Words, depots: list[int], stops: list[Stop], path: Path) -> tuple[Vehicle, ...]:
    """One type a depot, or one a vehicle where a VEHICLES_..._SECTION tells them apart."""
    limit = words.header.get("VEHICLES_MAX_DURATION", words.header.get("DISTANCE"))
    most = INFINITY if limit is None else number(limit, path, 1, "DISTANCE")
    served = "VEHICLES_MAX_DURATION" in words.header or any(one.service for one in stops)
    capacity = () if "CAPACITY" not in words.header else (number(words.header["CAPACITY"], path, 1, "CAPACITY"),)
    shift = _shift(words, depots, path)
    named = {
        name: _per_vehicle(words, name, path)
        for name in sorted(SECTIONS)
        if name.startswith("VEHICLES_") or name == "CAPACITY"
    }
    count = int(number(words.header["VEHICLES"], path, 1, "VEHICLES")) if "VEHICLES" in words.header else None
    told = {name: rows for name, rows in named.items() if rows}
    if not told:
        each = [None] * len(depots) if count is None else [count] if len(depots) == 1 else None
        if each is None:
            raise DataError(
                f"{path.name} has {len(depots)} depots and {count} vehicles.", expected="VEHICLES_DEPOT_SECTION."
            )
        return tuple(
            Vehicle(f"depot {depots[d] + 1}", each[d], capacity, d, d, shift=shift[d],
                    max_duration=most if served else INFINITY, max_distance=INFINITY if served else most)
            for d in range(len(depots))
        )  # fmt: skip
    fleet = max(len(rows) for rows in told.values())
    out = []
    for number_of in range(fleet):

        def cell(name: str, default: float, row: int = number_of) -> float:
            return told[name][row][0] if name in told else default

        home = depots.index(int(cell("VEHICLES_DEPOT", depots[0] + 1)) - 1)
        out.append(Vehicle(
            str(number_of + 1), 1, tuple(told["CAPACITY"][number_of]) if "CAPACITY" in told else capacity, home, home,
            fixed=cell("VEHICLES_FIXED_COST", 0.0), per_distance=cell("VEHICLES_UNIT_DISTANCE_COST", 1.0),
            shift=shift[home], max_distance=cell("VEHICLES_MAX_DISTANCE", INFINITY),
            max_duration=cell("VEHICLES_MAX_DURATION", most if served else INFINITY),
        ))  # fmt: skip
    return grouped(out) if "VEHICLES_ALLOWED_CLIENTS" not in told else tuple(out)


def grouped(fleet: list[Vehicle]) -> tuple[Vehicle, ...]:
    """Vehicles that differ only by name as types with a count."""
    from dataclasses import replace

    kinds: dict[Vehicle, list[str]] = {}
    for one in fleet:
        kinds.setdefault(replace(one, id="", count=1), []).append(one.id)
    return tuple(
        replace(kind, id=names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}", count=len(names))
        for kind, names in kinds.items()
    )


def _shift(words: Words, depots: list[int], path: Path) -> list[tuple[float, float]]:
    if "TIME_WINDOW" in words.sections:
        table = _rows(words, "TIME_WINDOW", _count(words, path), 2, path)
    elif "PICKUP_AND_DELIVERY" in words.sections:
        table = _rows(words, "PICKUP_AND_DELIVERY", _count(words, path), 6, path)[:, 1:3]
    else:
        return [(0.0, INFINITY)] * len(depots)
    return [(float(table[one, 0]), float(table[one, 1])) for one in depots]


def _per_vehicle(words: Words, section: str, path: Path) -> list[list[float]]:
    rows = words.sections.get(section, [])
    return [[number(word, path, line, section) for word, line in row[1:]] for row in rows]


def _best_known(path: Path) -> float | None:
    solution = path.with_suffix(".sol")
    found = (
        re.search(r"^\s*Cost\s*:?\s*([0-9.eE+]+)", solution.read_text(), re.MULTILINE) if solution.is_file() else None
    )
    return None if found is None else float(found[1])


def sniff(path: Path) -> Sniff:
    """Certain when a file names DIMENSION and a section."""
    try:
        files = [path] if path.is_file() else sorted(path.rglob("*.vrp*"))[:1]
        head = files[0].read_bytes()[:4000].decode("utf-8", errors="replace").upper() if files else ""
    except OSError:
        return Sniff(0.0, "cannot be read")
    if re.search(r"^\s*DIMENSION\b", head, re.MULTILINE) or re.search(r"^\s*[A-Z_]+_SECTION", head, re.MULTILINE):
        return Sniff(0.95, "VRPLIB header")
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
