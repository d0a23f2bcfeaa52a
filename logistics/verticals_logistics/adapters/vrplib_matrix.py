"""Distances of a VRPLIB file: from coordinates in all its metrics, or from a matrix in all its formats."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from verticals_logistics.adapters.common import NO_ROAD, euclid, rounded
from verticals_logistics.adapters.vrplib_words import Words, rows_of, values
from verticals_plugins import DataError, Ledger

TRIANGLES = {
    "LOWER_ROW": (True, -1), "UPPER_ROW": (False, -1), "LOWER_DIAG_ROW": (True, 0), "UPPER_DIAG_ROW": (False, 0),
    "UPPER_COL": (True, -1), "LOWER_COL": (False, -1), "UPPER_DIAG_COL": (True, 0), "LOWER_DIAG_COL": (False, 0),
}  # fmt: skip
"""Whether the numbers come as those of the lower triangle by rows, and -1 where the diagonal is left out."""


def distances_of(
    words: Words, size: int, path: Path, ledger: Ledger, rounding: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """(size, size) distances, and (size, 2) places where there are coordinates.

    Raises:
        DataError: neither coordinates nor a matrix, a metric that is not known, or both a metric and a matrix.
    """
    kind = words.header.get("EDGE_WEIGHT_TYPE", "").upper()
    width = 3 if kind.endswith("3D") else 2
    place = None
    if "NODE_COORD" in words.sections:
        place = rows_of(words, "NODE_COORD", size, width + bool(kinds_of(words, size)), path)[:, -width:]
    if kind == "EXPLICIT" or (not kind and "EDGE_WEIGHT" in words.sections):
        return explicit(words, size, path, ledger), None if place is None else place[:, :2]
    if "EDGE_WEIGHT" in words.sections:
        raise DataError(
            f"{path.name} has an EDGE_WEIGHT_SECTION and says EDGE_WEIGHT_TYPE {kind}.", expected="One of the two.",
            todo="Write EXPLICIT if the matrix counts, or remove the section.",
        )  # fmt: skip
    if place is None:
        raise DataError(
            f"{path.name} has neither coordinates nor a matrix.", expected="NODE_COORD_SECTION or EDGE_WEIGHT_SECTION.",
            todo="Is the file cut short?",
        )  # fmt: skip
    if kind == "GEO":
        return _geo(place), degrees(place)[:, ::-1]
    return _metric(kind, place, path, rounding), place[:, :2]


def kinds_of(words: Words, size: int) -> list[float]:
    """The column between node and coordinates in Queiroga's VRPB files: -1 depot, 0 linehaul, 1 backhaul; else []."""
    flat = [word for word, _ in words.flat("NODE_COORD")]
    if len(flat) != 4 * size or words.header.get("EDGE_WEIGHT_TYPE", "").upper().endswith("3D"):
        return []
    kinds = flat[1::4]
    return [float(one) for one in kinds] if kinds[0] == "-1" and set(kinds[1:]) <= {"0", "1"} else []


def _metric(kind: str, place: np.ndarray, path: Path, rounding: str) -> np.ndarray:
    exact = euclid(place, "exact")
    gap = np.abs(place[:, None] - place[None])
    match kind:
        case "EUC_2D" | "EUC_3D":
            return rounded(exact, rounding)
        case "EXACT_2D" | "EXACT_3D":  # in thousandths, as LKH and the format's own reader have it
            return np.asarray(np.floor(1000.0 * exact + 0.5))
        case "FLOOR_2D" | "FLOOR_3D":
            return np.asarray(np.floor(exact))
        case "CEIL_2D" | "CEIL_3D":
            return np.asarray(np.ceil(exact))
        case "MAN_2D" | "MAN_3D":
            return rounded(gap.sum(-1), rounding)
        case "MAX_2D" | "MAX_3D":
            return rounded(gap.max(-1), rounding)
        case "ATT":
            ratio = exact / math.sqrt(10.0)
            near = np.floor(ratio + 0.5)
            return np.where(near < ratio, near + 1, near)
    raise DataError(
        f"{path.name}: EDGE_WEIGHT_TYPE is {kind or 'missing'}.",
        expected="EUC_2D, EUC_3D, EXACT_2D, CEIL_2D, FLOOR_2D, MAN_2D, MAX_2D, GEO, ATT or EXPLICIT.",
        todo="Write the one that is meant; it is never guessed.",
    )


def degrees(place: np.ndarray) -> np.ndarray:
    """TSPLIB's degrees.minutes as degrees with decimals."""
    whole = np.trunc(place)
    return np.asarray(whole + 5.0 * (place - whole) / 3.0)


def _geo(place: np.ndarray) -> np.ndarray:
    """TSPLIB's GEO: degrees.minutes on a sphere of 6378.388 km, cut to integers (TSPLIB 95, section 2.4)."""
    rad = 3.141592 * degrees(place) / 180.0
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
    found = np.array(values(words, "EDGE_WEIGHT", path))
    if form == "FULL_MATRIX":
        _fit(len(found), size * size, form, path)
        return _without_roads(found.reshape(size, size), path, ledger)
    if form not in TRIANGLES:
        raise DataError(
            f"{path.name}: EDGE_WEIGHT_FORMAT is {form or 'missing'}.",
            expected=f"FULL_MATRIX or one of {', '.join(TRIANGLES)}.", todo="Name the format; it is never guessed.",
        )  # fmt: skip
    if "_DIAG_" in form and len(found) == size * (size - 1) // 2:
        ledger.warn(f"{path.name} says {form} but holds no diagonal ({len(found)} numbers); read without one")
        form = form.replace("_DIAG", "")
    lower, offset = TRIANGLES[form]
    _fit(len(found), size * (size + 1 + 2 * offset) // 2, form, path)
    rows, columns = np.tril_indices(size, offset) if lower else np.triu_indices(size, -offset)
    matrix = np.zeros((size, size))
    matrix[rows, columns] = found
    matrix[columns, rows] = found
    return _without_roads(matrix, path, ledger)


def _without_roads(matrix: np.ndarray, path: Path, ledger: Ledger) -> np.ndarray:
    """Absurd distances, which are never a cost, as infinite ones; those from a node to itself as 0."""
    absurd = matrix >= NO_ROAD
    own = np.eye(len(matrix), dtype=bool)
    if (absurd & ~own).any():
        ledger.warn(f"{path.name}: {int((absurd & ~own).sum())} distances of {NO_ROAD:g} or more: no road")
    return np.where(absurd, np.where(own, 0.0, np.inf), matrix)


def _fit(found: int, wanted: int, form: str, path: Path) -> None:
    if found != wanted:
        raise DataError(
            f"{path.name}: EDGE_WEIGHT_SECTION has {found} numbers.", expected=f"{wanted} for {form}.",
            todo="Check DIMENSION and EDGE_WEIGHT_FORMAT.",
        )  # fmt: skip
