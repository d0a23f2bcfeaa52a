"""A plan: routes, and the stops that no route serves, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Route:
    """A vehicle type's index and the indexes of the stops it serves, in order.

    ``departure`` is when to leave; None = as late as the problem's own durations allow.
    """

    vehicle: int
    stops: tuple[int, ...]
    departure: float | None = None


@dataclass(frozen=True)
class Unserved:
    """A stop's index and why it is left out."""

    stop: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """Routes and unserved stops of one problem. ``engine`` made it; ``iterations`` and ``seconds`` are what it took."""

    problem: str
    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...] = ()
    engine: str = ""
    iterations: int = 0
    seconds: float = field(default=0.0, compare=False)
