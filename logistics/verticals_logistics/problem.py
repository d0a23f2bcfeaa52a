"""A day's routing problem: stops, depots, vehicle types, matrices, and what counts as cost.

Legend: L places (rows of the matrices), S stops, D load dimensions. Distances, times and loads are in the file's own
units; ``Problem.units`` names them. Nothing here is scaled or rounded behind the reader's back: ``rounding`` says how
distances came from coordinates, because one label (EUC_2D) hides three conventions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from verticals_plugins.errors import DataError

Window = tuple[float, float]
INFINITY = math.inf


@dataclass(frozen=True)
class Stop:
    """A place to serve once. ``demand`` comes from the depot, ``pickup`` goes back to it (both D long or empty).

    ``windows`` are the times in which service may start, rising and apart; empty = the whole shift. ``penalty`` is
    the cost of leaving the stop out; None = it must be served. ``vehicles`` are the indexes of the vehicle types that
    may come; None = all.
    """

    id: str
    place: int
    demand: tuple[float, ...] = ()
    pickup: tuple[float, ...] = ()
    windows: tuple[Window, ...] = ()
    service: float = 0.0
    penalty: float | None = None
    vehicles: frozenset[int] | None = None


@dataclass(frozen=True)
class Shipment:
    """Goods from one stop to another on one vehicle: ``pickup`` and ``delivery`` are indexes of stops."""

    pickup: int
    delivery: int
    amount: tuple[float, ...] = ()


@dataclass(frozen=True)
class Depot:
    """Where vehicles start or end."""

    id: str
    place: int


@dataclass(frozen=True)
class Vehicle:
    """A type of vehicle, ``count`` of them (None = as many as needed).

    ``start``/``end`` are indexes of depots; None = the route begins at its first stop, ends at its last. A route costs
    ``fixed + per_distance * distance + per_time * duration``; its duration runs from the latest departure that does
    not delay its end.
    """

    id: str
    count: int | None = None
    capacity: tuple[float, ...] = ()
    start: int | None = 0
    end: int | None = 0
    fixed: float = 0.0
    per_distance: float = 1.0
    per_time: float = 0.0
    shift: Window = (0.0, INFINITY)
    max_duration: float = INFINITY
    max_distance: float = INFINITY


@dataclass(frozen=True)
class Units:
    """What one unit of distance, time and cost is ("km", "s", "EUR"); "" = the benchmark's own."""

    distance: str = ""
    time: str = ""
    cost: str = ""


@dataclass(frozen=True)
class Problem:
    """One day's problem. ``distance`` and ``duration`` are (L, L) float64; ``inf`` = no road.

    ``place`` is (L, 2) longitude and latitude, or plane x and y when ``plane``; None when unknown. ``backhauls_last``:
    on each route every stop with a demand comes before every stop with a pickup. ``origin`` is the moment (datetime64)
    of time 0. ``lateness`` is the cost of one unit of time after a window or a shift, where those are promises; None =
    they are walls. ``best_known`` is a published cost, for benchmarks.

    Raises:
        DataError: a matrix does not fit, or a stop, depot or vehicle names a place that does not exist.
    """

    id: str
    stops: tuple[Stop, ...]
    depots: tuple[Depot, ...]
    vehicles: tuple[Vehicle, ...]
    distance: np.ndarray
    duration: np.ndarray
    shipments: tuple[Shipment, ...] = ()
    place: np.ndarray | None = None
    plane: bool = False
    rounding: str = "exact"
    units: Units = field(default_factory=Units)
    backhauls_last: bool = False
    lateness: float | None = None
    origin: np.datetime64 | None = None
    best_known: float | None = None

    def __post_init__(self) -> None:
        size = len(self.distance)
        for name, matrix in (("distance", self.distance), ("duration", self.duration)):
            if matrix.shape != (size, size):
                raise DataError(
                    f"{self.id}: the {name} matrix is {' x '.join(map(str, matrix.shape))}.",
                    expected=f"A square of {size} places was expected.",
                    todo="Give one row and one column a place.",
                )
            if np.isnan(matrix).any() or (matrix < 0).any():
                raise DataError(
                    f"{self.id}: the {name} matrix holds a negative or an undefined number.",
                    expected="Every cell must be a number of at least 0, or null where there is no road.",
                    todo="Correct the cell; it is never used as a cost.",
                )
        located: tuple[Stop | Depot, ...] = (*self.stops, *self.depots)
        for one in located:
            if not 0 <= one.place < size:
                raise DataError(
                    f"{self.id}: {type(one).__name__.lower()} {one.id} lies at place {one.place}.",
                    expected=f"The matrices have places 0 to {size - 1}.",
                    todo="Correct the index or enlarge the matrix.",
                )

    @cached_property
    def dimensions(self) -> int:
        """Number of load dimensions D."""
        sizes = [len(one.capacity) for one in self.vehicles]
        sizes += [len(load) for stop in self.stops for load in (stop.demand, stop.pickup)]
        return max(sizes + [len(one.amount) for one in self.shipments], default=0)

    @property
    def forfeit(self) -> float:
        """What a required stop that is left out counts: ten times the dearest way out and back."""
        ways = [one[np.isfinite(one)].max(initial=0.0) for one in (self.distance, self.duration)]
        dearest = max(
            (v.fixed + 2 * (v.per_distance * ways[0] + v.per_time * ways[1]) for v in self.vehicles), default=1.0
        )
        return float(10.0 * dearest)

    def only(self, kept: list[int]) -> Problem:
        """The problem with some of its stops, by index; shipments stay where both ends do."""
        new = {old: place for place, old in enumerate(kept)}
        ships = [one for one in self.shipments if one.pickup in new and one.delivery in new]
        return replace(
            self, stops=tuple(self.stops[old] for old in kept),
            shipments=tuple(replace(one, pickup=new[one.pickup], delivery=new[one.delivery]) for one in ships),
        )  # fmt: skip

    @cached_property
    def paired(self) -> dict[int, int]:
        """Stop -> its shipment's index, for both ends."""
        ends = ((stop, number) for number, one in enumerate(self.shipments) for stop in (one.pickup, one.delivery))
        return dict(ends)


def load(amount: tuple[float, ...], dimensions: int) -> np.ndarray:
    """``amount`` as a vector of D numbers; what is not named is 0."""
    out = np.zeros(dimensions)
    out[: len(amount)] = amount
    return out


def capacity(vehicle: Vehicle, dimensions: int) -> np.ndarray:
    """A vehicle's capacity as a vector of D numbers; what is not named is unlimited."""
    out = np.full(dimensions, INFINITY)
    out[: len(vehicle.capacity)] = vehicle.capacity
    return out
