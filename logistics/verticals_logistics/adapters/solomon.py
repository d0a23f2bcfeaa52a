"""Solomon's and Gehring-Homberger's VRPTW text files, and Li & Lim's PDPTW files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from verticals_logistics.adapters.common import dataset_of, euclid, head_of, number, stem_of, text_of, whole_pairs
from verticals_logistics.problem import Depot, Problem, Shipment, Stop, Vehicle
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

HEAD = re.compile(r"VEHICLE\b.*?NUMBER\s+CAPACITY\s+(\S+)\s+(\S+).*?CUSTOMER", re.IGNORECASE | re.DOTALL)
PAIRED = re.compile(r"^\s*\d+\s+\d+\s+\d+\s*\n\s*0(\s+-?[\d.]+){8}\s*$", re.MULTILINE)
TRIPLE = re.compile(r"\s*\S+\s+\S+\s+\S+")


def read_solomon(path: Path, ledger: Ledger, rounding: str = "") -> Problem:
    """One file as a problem; the first customer is the depot.

    Without ``rounding`` distances are cut after one decimal, those of Li & Lim's files exact: so their costs are
    published.

    Raises:
        DataError: no head, a row with a wrong number of cells, or a customer named twice.
    """
    text = "\n".join(text_of(path).splitlines())
    paired = PAIRED.match(text) is not None
    head = HEAD.search(text)
    if head is None and not paired:
        raise DataError(
            f"{path.name} has no VEHICLE / CUSTOMER head.",
                expected="Solomon's layout: NAME, VEHICLE NUMBER CAPACITY, CUSTOMER.", todo="Is the file whole?",
        )  # fmt: skip
    cells = text.split()[:3] if paired else [head[1], head[2]] if head else []
    count, room = number(cells[0], path, 1, "the number of vehicles"), number(cells[1], path, 1, "the capacity")
    begin = TRIPLE.match(text) if paired else head
    table = _table(text, begin.end() if begin else 0, path, 9 if paired else 7)
    if table[0, 6]:
        ledger.warn(f"{path.name}: the service time of the depot, {table[0, 6]:g}, counts nothing")
    place = table[:, 1:3]
    rounding = rounding or ("exact" if paired else "decimal")
    far = euclid(place, rounding)
    speed = number(cells[2], path, 1, "the speed") if paired else 1.0
    if count != int(count) or count < 1 or room < 0 or speed < 0:
        raise DataError(f"{path.name}: {count:g} vehicles of capacity {room:g} and speed {speed:g}.",
                        expected="A whole number of vehicles, a capacity of at least 0, and a speed of at least 0.",
                        todo="Correct the head.")  # fmt: skip
    if not speed:
        ledger.warn(f"{path.name} says speed 0, as some of the set do: one unit of distance takes one of time")
    stops = tuple(_stop(row, place_of, paired) for place_of, row in enumerate(table) if place_of)
    title = text[: head.start()].strip() if head else ""
    return Problem(
        id=stem_of(path) if paired or not title else title.splitlines()[0].strip(), stops=stops,
        depots=(Depot("0", 0),),
        vehicles=(Vehicle("vehicle", int(count), (room,), shift=(float(table[0, 4]), float(table[0, 5]))),),
        distance=far, duration=far / (speed or 1.0), place=place, plane=True, rounding=rounding,
        shipments=_pairs(table, path) if paired else (), best_known=None,
    )  # fmt: skip


def _table(text: str, begin: int, path: Path, width: int) -> np.ndarray:
    """The rows after the head's end ``begin``; a line of words before the first row names the columns."""
    rows: list[list[float]] = []
    for line, raw in enumerate(text[begin:].splitlines(), start=1 + text.count("\n", 0, begin)):
        cells = raw.split()
        if not cells or (not rows and re.match(r"[A-Za-z]", cells[0])):
            continue
        if len(cells) != width:
            raise DataError(f"{path.name} line {line} has {len(cells)} cells.", expected=f"{width} cells a customer.",
                            todo="Correct the line.")  # fmt: skip
        row = [number(cell, path, line, "a cell") for cell in cells]
        if row[4] > row[5] or row[6] < 0 or (width == 7 and row[3] < 0):
            raise DataError(
                f"{path.name} line {line}: demand {row[3]:g}, window {row[4]:g} to {row[5]:g}, service {row[6]:g}.",
                expected="Numbers of at least 0, and a window that ends after it begins.", todo="Correct the line.",
            )  # fmt: skip
        rows.append(row)
    table = np.array(rows)
    if len(table) < 2 or not np.array_equal(table[:, 0], np.arange(len(table))):
        raise DataError(
            f"{path.name} does not list the depot 0 and customers 1, 2, ... in order.",
            expected="A row for each, from 0 on.", todo="Complete or sort the rows.",
        )  # fmt: skip
    if table[0, 3]:
        raise DataError(f"{path.name}: the depot, the first row, has the demand {table[0, 3]:g}.",
                        expected="A depot without demand.", todo="Is the row of the depot missing?")  # fmt: skip
    return table


def _stop(row: np.ndarray, place: int, paired: bool) -> Stop:
    demand = () if paired else (float(row[3]),)
    return Stop(str(int(row[0])), place, demand, windows=((float(row[4]), float(row[5])),), service=float(row[6]))


def _pairs(table: np.ndarray, path: Path) -> tuple[Shipment, ...]:
    out = []
    for row in table[1:]:
        node, goes_to = int(row[0]), int(row[8])
        if goes_to == 0 and int(row[7]) == 0:
            raise DataError(f"{path.name}: customer {node} has neither a pickup nor a delivery.",
                            expected="A sibling for each.", todo="Name it in column 8 or 9.")  # fmt: skip
        if goes_to == 0:
            continue
        if not 0 < goes_to < len(table) or int(table[goes_to, 7]) != node:
            raise DataError(
                f"{path.name}: customer {node} delivers to {goes_to}, which does not name it as its pickup.",
                expected="Siblings that name each other.", todo="Correct columns 8 and 9.",
            )  # fmt: skip
        if row[3] < 0 or table[goes_to, 3] != -row[3]:
            raise DataError(
                f"{path.name}: {row[3]:g} is picked up at {node}, {table[goes_to, 3]:g} is the demand of {goes_to}.",
                expected="The same amount, once as it is and once negative.", todo="Correct the demands.",
            )  # fmt: skip
        out.append(Shipment(node - 1, goes_to - 1, (float(row[3]),)))
    return whole_pairs(out, len(table) - 1, path)


def sniff(path: Path) -> Sniff:
    """Certain when the head is there."""
    try:
        files = [path] if path.is_file() else sorted(path.rglob("*.txt"))[:1]
        head = head_of(files[0]) if files else ""
    except OSError:
        return Sniff(0.0, "cannot be read")
    if HEAD.search(head) or PAIRED.match(head):
        return Sniff(0.9, "Solomon or Li & Lim layout")
    return Sniff(0.0, "no VEHICLE / CUSTOMER head")


def read(path: Path, options: ReadOptions) -> Dataset:
    """A file, or a folder's .txt files."""
    rounding = options.options.get("rounding", "")
    return dataset_of(
        path, "logistics.solomon", (".txt",), lambda file, ledger: read_solomon(file, ledger, rounding), options.limit
    )


SOLOMON = Adapter(
    name="logistics.solomon", summary="Solomon, Gehring-Homberger, Li & Lim text files", sniff=sniff, read=read,
    options={"rounding": "exact, integer or decimal (default: decimal, cut after one as CVRPLIB does; Li & Lim exact)"},
)  # fmt: skip
