"""What every reader of problems shares: files of a folder, text, distances, and the dataset that comes out."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.files import DAMAGED, PACKED, open_bytes, sha256
from verticals_logistics.problem import Problem, Shipment
from verticals_logistics.schema import SCHEMA
from verticals_plugins import DataError, Dataset, Ledger, Provenance, Source

EPOCH = np.datetime64("1970-01-01", "ns")
EARTH_KM = 6371.0088
NO_ROAD = 1e9
"""A cell of a matrix as big as this stands for a way that is not there."""


def suffix_of(path: Path) -> str:
    """The last suffix in small letters; one of compression is looked through."""
    names = [one.lower() for one in path.suffixes]
    return ([one for one in names[-2:] if one not in PACKED] or [""])[-1]


def stem_of(path: Path) -> str:
    """The name without its suffix, nor that of compression."""
    return Path(path.stem).stem if path.suffix.lower() in PACKED else path.stem


def bytes_of(path: Path, size: int = -1) -> bytes:
    """The first ``size`` bytes of a file, unpacked.

    Raises:
        DataError: a packed file is damaged, or a zip holds several files.
    """
    try:
        with open_bytes(path) as stream:
            return stream.read(size)
    except DAMAGED as err:
        raise DataError(f"{path.name} cannot be read: {err}.", expected="A whole file.", todo="Copy it again.") from err


def decoded(raw: bytes) -> str:
    """UTF-16 by its mark, UTF-8 with or without one, else cp1252."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def head_of(path: Path, size: int = 4000) -> str:
    """How a file's text begins, with line breaks of one kind; "" if it cannot be read."""
    try:
        return "\n".join(decoded(bytes_of(path, size)).splitlines())
    except DataError:
        return ""


def text_of(path: Path) -> str:
    """A file's text.

    Raises:
        DataError: it is empty or damaged.
    """
    text = decoded(bytes_of(path))
    if not text.strip():
        raise DataError(f"{path.name} is empty.", expected="A routing problem.", todo="Check the export.")
    return text


def json_of(path: Path) -> Any:
    """A file's JSON.

    Raises:
        DataError: it is none, or names a key twice in one object.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict[str, Any]()
        for key, value in pairs:
            if key in found:
                raise DataError(f"{path.name} names {key!r} twice in one object.", expected="Each key once.",
                                todo="Join the two, or remove one.")  # fmt: skip
            found[key] = value
        return found

    try:
        return json.loads(text_of(path), object_pairs_hook=once)
    except (ValueError, RecursionError) as err:
        raise DataError(
            f"{path.name} is not JSON: {err}.", expected="One JSON object.", todo="Export it again."
        ) from err


def number(word: str, path: Path, line: int, what: str) -> float:
    """A number of a text format, or an error that names the line."""
    try:
        value = math.nan if "_" in word else float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path.name} line {line}: {what} is {word!r}.", expected="A number.", todo="Correct the line.")
    return value


def whole_pairs(shipments: Sequence[Shipment], stops: int, path: Path) -> tuple[Shipment, ...]:
    """The shipments, of which each of ``stops`` stops is one end.

    Raises:
        DataError: a stop is an end of none, or of several.
    """
    ends = [end for one in shipments for end in (one.pickup, one.delivery)]
    if sorted(ends) != list(range(stops)):
        wrong = next(stop for stop in range(stops) if ends.count(stop) != 1)
        raise DataError(
            f"{path.name}: stop {wrong + 1} of {stops} is an end of {ends.count(wrong)} shipments.",
            expected="Each stop is picked up at, or delivered to, once.", todo="Correct the columns of siblings.",
        )  # fmt: skip
    return tuple(shipments)


def euclid(points: np.ndarray, rounding: str) -> np.ndarray:
    """(L, L) distances of (L, 2) points: exact, rounded to integers, or truncated to one decimal."""
    gap = points[:, None, :] - points[None, :, :]
    exact = np.sqrt((gap**2).sum(axis=-1))
    return rounded(exact, rounding)


def rounded(exact: np.ndarray, rounding: str) -> np.ndarray:
    """Distances by convention: "integer" is floor(d + .5) (TSPLIB nint), "decimal" cuts after one decimal (CVRPLIB)."""
    match rounding:
        case "exact":
            return exact
        case "integer":
            return np.asarray(np.floor(exact + 0.5))
        case "decimal":
            return np.asarray(np.floor(exact * 10 + 1e-9) / 10)
    raise DataError(
        f"The rounding {rounding!r} is not known.",
        expected="exact, integer (TSPLIB: to the nearest) or decimal (CVRPLIB's Solomon: cut after one decimal).",
        todo="Pass one of these.",
    )


def haversine_km(place: np.ndarray) -> np.ndarray:
    """(L, L) great-circle kilometres of (L, 2) longitude and latitude."""
    return km_between(place[:, None], place[None])


def km_between(place: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(...) great-circle kilometres between (..., 2) longitudes and latitudes."""
    lon, lat, there_lon, there_lat = (np.radians(one[..., n]) for one in (place, other) for n in (0, 1))
    a = np.sin((lat - there_lat) / 2) ** 2 + np.cos(lat) * np.cos(there_lat) * np.sin((lon - there_lon) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(a, 1.0))))


def files_of(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """The file itself, or a folder's files with one of the suffixes, in order of name."""
    if path.is_file():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.is_file() and suffix_of(one) in suffixes)
    if not found:
        raise DataError(f"{path} holds no file of this format.", expected=f"Files ending in {', '.join(suffixes)}.",
                        todo="Give the file itself.")  # fmt: skip
    return found


def dataset_of(
    path: Path, adapter: str, suffixes: Sequence[str], read: Callable[[Path, Ledger], Problem], limit: int | None = None
) -> Dataset:
    """A dataset of the problems in a file or a folder; within a folder, files that cannot be read are counted."""
    ledger, problems, sources = Ledger(), list[Problem](), list[Source]()
    files = files_of(path, suffixes)
    for file in files[:limit]:
        try:
            problem = read(file, ledger)
            again = sum(one.id == problem.id or one.id.startswith(f"{problem.id} (") for one in problems)
            problems.append(replace(problem, id=f"{problem.id} ({again + 1})") if again else problem)
        except DataError as err:
            if len(files) == 1:
                raise
            ledger.drop("a file that cannot be read", 1, [str(err)])
            continue
        sources.append(Source(str(file), file.stat().st_size, sha256(file), len(problems[-1].stops)))
    if not problems:
        told = "; ".join(line for lines in ledger.where.values() for line in lines)
        raise DataError(f"None of the {len(files)} files in {path} can be read: {told}",
                        expected=f"Files of {adapter}.", todo="Correct them, or give another folder.")  # fmt: skip
    return dataset_of_problems(problems, Provenance(adapter, tuple(sources), ledger=ledger))


def dataset_of_problems(
    problems: Sequence[Problem], provenance: Provenance, tables: dict[str, pd.DataFrame] | None = None
) -> Dataset:
    """One row a stop in ``main``; the problems themselves in ``arrays["problem"]``."""
    held = np.empty(len(problems), dtype=object)
    held[:] = list(problems)
    main = pd.concat(
        [stop_table(one, EPOCH + np.timedelta64(n, "D")) for n, one in enumerate(problems)], ignore_index=True
    )
    return Dataset({"main": main, **(tables or {})}, SCHEMA, provenance, {"problem": held})


def stop_table(problem: Problem, fallback: np.datetime64) -> pd.DataFrame:
    """A problem's stops as rows of the schema; service in minutes where the problem's unit of time is known."""
    stops = problem.stops
    place = problem.place
    at = np.array([one.place for one in stops], dtype=int)
    minute = 60.0 if problem.units.time == "s" else 1.0
    where = np.full((len(stops), 2), np.nan) if place is None else place[at].reshape(len(stops), 2)
    return pd.DataFrame(
        {
            "id": [f"{problem.id}/{one.id}" for one in stops],
            "day": problem.id,
            "time": problem.origin if problem.origin is not None else fallback,
            "longitude": where[:, 0],
            "latitude": where[:, 1],
            "demand": [sum(one.demand) + sum(one.pickup) for one in stops],
            "service": [one.service / minute for one in stops],
        }
    ).astype({"time": "datetime64[ns]"})
