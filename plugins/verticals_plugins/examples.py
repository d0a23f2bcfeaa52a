"""Examples: what is predicted once, with all that was known then; and predictions, what a method says of them.

An example's inputs are *blocks*. A block holds one kind of input for all N examples and can take a subset. The classic
methods and the core read the same blocks, so that the gate compares models and not features.

Legend: N examples, H steps of a horizon, Q quantile levels, K classes or candidates, E events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


B = TypeVar("B")


class Block(Protocol):
    """One kind of input of N examples."""

    def __len__(self) -> int: ...

    def take(self: B, index: np.ndarray, /) -> B: ...


def _rows(frame: pd.DataFrame, index: np.ndarray) -> pd.DataFrame:
    """The rows at ``index``, numbered anew; copied once (``reset_index`` would copy again)."""
    taken = frame.take(index)
    taken.index = range(len(taken))  # type: ignore[assignment]
    return taken


@dataclass(frozen=True)
class Table:
    """One row an example: numeric columns are numbers (NaN = missing), ``category`` columns are categories."""

    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, index: np.ndarray) -> Table:
        return Table(_rows(self.frame, index))


@dataclass(frozen=True)
class Events:
    """Each example's past: rows ``start[i]:stop[i]`` of ``frame`` (E rows, sorted by entity and time).

    ``frame`` holds number and category columns; ``time`` is each event's time in seconds (E,), ``now`` each
    example's (N,). A column named in ``revealed`` may be read only where ``revealed[column][e] <= now[i]``: this is
    how a label that arrives late is an honest input.
    """

    frame: pd.DataFrame
    time: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    now: np.ndarray
    revealed: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: np.ndarray) -> Events:
        return replace(self, start=self.start[index], stop=self.stop[index], now=self.now[index])


@dataclass(frozen=True)
class Images:
    """Pictures: ``pixels`` is (M, height, width, channels) uint8; example i shows ``pixels[index[i]]``, -1 = none."""

    pixels: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: np.ndarray) -> Images:
        return replace(self, index=self.index[index])


@dataclass(frozen=True)
class Series:
    """A series up to each example's origin: ``values[start[i]:origin[i]]`` (float64, NaN = missing) is what was known.

    ``known`` (T, C) are covariates known ahead, one row a step on the same axis as ``values``; a method may read
    ``known[start[i]:origin[i] + horizon]``. ``names`` names them. ``static`` is a Table row an example or None.
    ``step`` (T,) is each step's time in seconds. ``period`` lists the seasonal periods in steps, strongest first.
    """

    values: np.ndarray
    start: np.ndarray
    origin: np.ndarray
    horizon: int
    known: np.ndarray
    names: tuple[str, ...] = ()
    step: np.ndarray | None = None
    static: Table | None = None
    period: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: np.ndarray) -> Series:
        static = None if self.static is None else self.static.take(index)
        return replace(self, start=self.start[index], origin=self.origin[index], static=static)


@dataclass(frozen=True)
class Texts:
    """One text an example; "" = missing."""

    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray) -> Texts:
        return Texts(tuple(self.values[int(i)] for i in index))


@dataclass(frozen=True)
class Objects:
    """One object an example, for work that has a shape of its own (a day's stops, vehicles and matrix)."""

    values: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray) -> Objects:
        return Objects(tuple(self.values[int(i)] for i in index))


@dataclass(frozen=True)
class Examples:
    """N examples.

    ``frame`` has one row an example and at least the columns ``id``, ``entity`` and ``time``; further columns are the
    units a metric resamples ("day", "series") and what a decision needs (an amount, a price). ``truth`` is (N, ...)
    or None when unknown: (N,) class index or 0/1, (N, K) multi-label, (N, H) future values, (N,) item, objects.
    ``known_at`` (N,) datetime64: when the truth becomes known; splits keep what is not known yet out of training.
    """

    frame: pd.DataFrame
    inputs: Mapping[str, Block]
    truth: np.ndarray | None = None
    known_at: np.ndarray | None = None
    names: tuple[str, ...] = ()
    """Class names, item names or quantities that ``truth`` counts in."""

    def __post_init__(self) -> None:
        for name, block in self.inputs.items():
            if len(block) != len(self.frame):
                raise ValueError(f"block {name!r} has {len(block)} rows, the examples {len(self.frame)}")

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, index: np.ndarray) -> Examples:
        """The examples at ``index``, in that order."""
        return replace(
            self,
            frame=_rows(self.frame, index),
            inputs={name: block.take(index) for name, block in self.inputs.items()},
            truth=None if self.truth is None else self.truth[index],
            known_at=None if self.known_at is None else self.known_at[index],
        )


@dataclass(frozen=True)
class Predictions:
    """What a method says of N examples.

    ``values`` by head: classify (N,) probability of the positive class, or (N, K) probabilities; forecast (N, H, Q)
    rising quantiles at ``levels``; rank (N, K) falling scores of the candidates ``extras["item"]`` (N, K), -1 = none;
    anomaly (N,) score with ``extras["map"]`` (N, h, w); plan (N,) objects. ``extras`` all have first dimension N.
    """

    examples: Examples
    values: np.ndarray
    levels: tuple[float, ...] = ()
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray) -> Predictions:
        """The predictions of the examples at ``index``."""
        return replace(
            self,
            examples=self.examples.take(index),
            values=self.values[index],
            extras={name: one[index] for name, one in self.extras.items()},
        )
