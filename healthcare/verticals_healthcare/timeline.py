"""A patient's timeline as of an index time: aggregates for tables, an hourly grid for sequences.

Legend: N examples, V variables, E timeline rows, U rows that lie in an example's past (a row counts once per example).
A timeline has the columns ``patient``, ``time``, ``variable`` and ``value``; a row without a value is an event that
happened (a diagnosis, an admission) and counts by its presence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals_plugins import Events

HOUR = 3_600.0
STATISTICS = ("first", "last", "min", "max", "mean", "sd", "slope", "recent", "early")
"""Statistics of the values; ``recent`` and ``early`` are the means of the last and the first half of the past."""
PRESENCE = ("count", "hours since")
"""Statistics of the rows, with a value or without."""


@dataclass(frozen=True)
class Variables:
    """Names of the variables that become columns, in order; ``numeric[v]``: the variable ever had a value."""

    names: tuple[str, ...]
    numeric: tuple[bool, ...]

    @classmethod
    def of(cls, past: Past, most: int) -> Variables:
        """The ``most`` variables seen in the pasts of the most examples; ties in order of name."""
        seen = past.rows[["example", "variable"]].drop_duplicates()["variable"].value_counts()
        names = sorted(sorted(seen.index, key=lambda one: (-int(seen[one]), one))[:most])
        valued = set(past.rows.loc[past.rows["value"].notna(), "variable"].unique())
        return cls(tuple(names), tuple(name in valued for name in names))


@dataclass(frozen=True)
class Past:
    """The timeline rows known at each example's time, sorted by example and time.

    ``rows`` has the columns ``example`` (int), ``seconds`` (float, since 1970), ``variable`` and ``value``.
    ``now`` (N,) is each example's time in seconds.
    """

    rows: pd.DataFrame
    now: np.ndarray

    def coded(self, variables: Variables) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(example, variable code, value, seconds) of the rows whose variable is listed."""
        code = pd.Index(variables.names).get_indexer(pd.Index(self.rows["variable"]))
        keep = code >= 0
        example, value, seconds = (self.rows[name].to_numpy()[keep] for name in ("example", "value", "seconds"))
        return example, code[keep], value.astype(np.float64), seconds


def past_of(timeline: pd.DataFrame, patient: pd.Series, now: pd.Series) -> Past:
    """Each example's rows of ``timeline``: the same patient, not later than its index time."""
    index_seconds = seconds_of(now)
    known = pd.Index(pd.unique(patient.astype(str)))
    code = known.get_indexer(pd.Index(timeline["patient"].astype(str)))
    mine = np.flatnonzero((code >= 0) & timeline["time"].notna().to_numpy())
    seconds = seconds_of(timeline["time"].iloc[mine])
    code = code[mine]
    order = np.lexsort((seconds, code))
    code, seconds, mine = code[order], seconds[order], mine[order]
    # rank of time within all times, so that one sorted key holds patient and time without loss
    ticks = np.unique(np.concatenate([seconds, index_seconds]))
    key = code.astype(np.int64) * (len(ticks) + 1) + np.searchsorted(ticks, seconds)
    owner = known.get_indexer(pd.Index(patient.astype(str))).astype(np.int64) * (len(ticks) + 1)
    start = np.searchsorted(key, owner, side="left")
    stop = np.searchsorted(key, owner + np.searchsorted(ticks, index_seconds), side="right")
    size = stop - start
    example = np.repeat(np.arange(len(patient)), size)
    place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + np.repeat(start, size)
    rows = timeline.iloc[mine[place]]
    frame = pd.DataFrame(
        {
            "example": example,
            "seconds": seconds[place],
            "variable": rows["variable"].astype(str).to_numpy(),
            "value": rows["value"].to_numpy(dtype=np.float64),
        }
    )
    return Past(frame, index_seconds)


def seconds_of(time: pd.Series) -> np.ndarray:
    """Seconds since 1970 (float64)."""
    return time.to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9


def aggregates(past: Past, variables: Variables) -> pd.DataFrame:
    """(N, columns) one row an example: per variable :data:`STATISTICS` and :data:`PRESENCE`, NaN = never seen.

    Slopes are least squares, in units per hour. Counts are 0 when there is nothing.
    """
    n, v = len(past.now), len(variables.names)
    example, code, value, seconds = past.coded(variables)
    cell = example.astype(np.int64) * v + code
    columns: dict[str, np.ndarray] = {}
    for name, one in {**_presence(past, cell, seconds, n, v), **_statistics(past, cell, value, seconds, n, v)}.items():
        for number, variable in enumerate(variables.names):
            if name in PRESENCE or variables.numeric[number]:
                columns[f"{variable} {name}"] = one[:, number]
    spans = _span(past, n)
    return pd.DataFrame({"timeline rows": spans[0], "timeline hours": spans[1], **columns})


def _span(past: Past, n: int) -> tuple[np.ndarray, np.ndarray]:
    example = past.rows["example"].to_numpy()
    count = np.bincount(example, minlength=n).astype(np.float64)
    first = np.full(n, np.nan)
    first[example[::-1]] = past.rows["seconds"].to_numpy()[::-1]
    return count, (past.now - first) / HOUR


def _presence(past: Past, cell: np.ndarray, seconds: np.ndarray, n: int, v: int) -> dict[str, np.ndarray]:
    count = np.bincount(cell, minlength=n * v).astype(np.float64)
    last = np.full(n * v, np.nan)
    last[cell] = seconds  # rows are in order of time: the last one stays
    return {"count": count.reshape(n, v), "hours since": (past.now[:, None] - last.reshape(n, v)) / HOUR}


def _statistics(
    past: Past, cell: np.ndarray, value: np.ndarray, seconds: np.ndarray, n: int, v: int
) -> dict[str, np.ndarray]:
    """Each of :data:`STATISTICS` as (N, V). Sums run in order of time, so later rows cannot change a bit of them."""
    given = ~np.isnan(value)
    cell, value, seconds = cell[given], value[given], seconds[given]
    hours = (seconds - past.now[cell // v]) / HOUR
    size = n * v

    def total(what: np.ndarray, where: np.ndarray = cell) -> np.ndarray:
        return np.bincount(where, weights=what, minlength=size)

    with np.errstate(invalid="ignore", divide="ignore"):
        count = np.bincount(cell, minlength=size).astype(np.float64)
        mean, mid = total(value) / count, total(hours) / count
        off, lag = value - mean[cell], hours - mid[cell]
        spread, square = total(lag * lag), total(off * off)
        slope = np.where(spread > 1e-9, total(lag * off) / spread, np.nan)
        first, last = np.full(size, np.nan), np.full(size, np.nan)
        first[cell[::-1]], last[cell] = value[::-1], value
        low, high = np.full(size, np.inf), np.full(size, -np.inf)
        np.minimum.at(low, cell, value)
        np.maximum.at(high, cell, value)
        begin = np.full(n, np.nan)
        begin[(cell // v)[::-1]] = hours[::-1]
        begin = np.fmin(begin, _span(past, n)[1] * -1)
        late = hours >= begin[cell // v] / 2
        recent = total(value[late], cell[late]) / np.bincount(cell[late], minlength=size)
        early = total(value[~late], cell[~late]) / np.bincount(cell[~late], minlength=size)
        sd = np.where(count > 1, np.sqrt(square / (count - 1)), np.nan)
    none = count == 0
    low[none] = high[none] = np.nan
    found = (first, last, low, high, mean, sd, slope, recent, early)
    return {name: one.reshape(n, v) for name, one in zip(STATISTICS, found, strict=True)}


def grid(past: Past, variables: Variables, *, hours: float, most: int) -> Events:
    """The past in steps of ``hours`` counted back from the index time; at most the last ``most`` steps that hold rows.

    One event is one step: a column a variable with the mean of its values in that step (a presence counts as 1), NaN
    where nothing was measured; the event's time is that of the step's latest row.
    """
    n, v = len(past.now), len(variables.names)
    example, code, value, seconds = past.coded(variables)
    step = np.floor((past.now[example] - seconds) / (hours * HOUR)).astype(np.int64)
    # rows are in order of example and time, so equal (example, step) stand together
    fresh = np.ones(len(example), dtype=bool)
    fresh[1:] = (example[1:] != example[:-1]) | (step[1:] != step[:-1])
    event = np.cumsum(fresh) - 1
    owner = example[fresh]
    size = np.bincount(owner, minlength=n)
    stop = np.cumsum(size)
    start = np.maximum(stop - size, stop - most)
    latest = np.zeros(len(owner))
    latest[event] = seconds
    value = np.where(np.isnan(value) & ~np.array(variables.numeric, dtype=bool)[code], 1.0, value)
    given = ~np.isnan(value)
    cell = event[given] * v + code[given]
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.bincount(cell, weights=value[given], minlength=len(owner) * v)
        mean = total / np.bincount(cell, minlength=len(owner) * v)
    frame = pd.DataFrame(mean.reshape(len(owner), v).astype(np.float32), columns=list(variables.names))
    return Events(frame, latest, start, stop, past.now)


def empty_timeline() -> pd.DataFrame:
    """A timeline without rows."""
    return pd.DataFrame(
        {
            "patient": pd.Series(dtype=str), "time": pd.Series(dtype="datetime64[ns]"),
            "variable": pd.Series(dtype=str), "value": pd.Series(dtype=np.float64),
        }
    )  # fmt: skip


def timeline_frame(
    patient: Sequence[object], time: Sequence[object], variable: Sequence[object], value: Sequence[object]
) -> pd.DataFrame:
    """A timeline of four columns with the right types."""
    return pd.DataFrame(
        {
            "patient": pd.Series(list(patient), dtype=str),
            "time": pd.Series(pd.to_datetime(pd.Series(list(time), dtype="datetime64[ns]"))),
            "variable": pd.Series(list(variable), dtype=str),
            "value": pd.Series(list(value), dtype=np.float64),
        }
    )
