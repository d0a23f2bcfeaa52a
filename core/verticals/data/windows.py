"""Point-in-time window aggregates of events: exact, one vectorised pass, the same numbers in batch and in a stream.

Sums run over integers (amounts in a fixed-point unit): a difference of two prefix sums is then the window's sum to the
last bit, in whatever order events arrived. Prefix sums may wrap around 2**63; the difference is right all the same as
long as the window's own sum fits. Only the last step (a division, a root) is rounded, by the same code in both cases.

A window of width w at time t is ``(t - w, t]``. Events of one key and one moment are ordered by ``tie`` (their id): an
event sees those at or before its own place, so that nothing which comes later can change what it saw.

Legend: N events, Q queries. Times are int64 in any one unit (widths in the same unit).
"""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LIMIT = 1 << 48
"""Fixed-point values must be smaller than this in size, so that sums of squares stay exact."""
_HALF = 24


@dataclass(frozen=True)
class Span:
    """Runs of sorted events: positions ``lo[q] <= p < hi[q]`` (Q,)."""

    lo: Ints
    hi: Ints

    @property
    def count(self) -> Ints:
        """Events in each span (Q,)."""
        return self.hi - self.lo


@dataclass(frozen=True)
class Moments:
    """Distinct times in rising order (M,), and which of them each row has (N,)."""

    times: Ints
    row: Ints

    @classmethod
    def of(cls, time: Ints) -> Moments:
        """Of the rows' times (N,); timelines of the same rows by other keys can share them."""
        times, row = np.unique(time, return_inverse=True)
        return cls(times, row.astype(np.int64, copy=False))


class Timeline:
    """Events sorted by key, time and tie. ``order`` (N,) holds the row of each sorted event."""

    def __init__(
        self, key: Ints, time: Ints, tie: NDArray[np.generic] | None = None, moments: Moments | None = None
    ) -> None:
        by = (time, key) if tie is None else (tie, time, key)
        self.order: Ints = np.lexsort(by).astype(np.int64, copy=False)
        self.key: Ints = key[self.order]
        self.time: Ints = time[self.order]
        moments = moments or Moments.of(time)
        self._moments, self._moment = moments.times, moments.row[self.order]
        self._radix = len(self._moments) + 1
        base = self.key * self._radix
        self._place: Ints = base + self._moment
        self.first: Ints = self._place.searchsorted(base).astype(np.int64, copy=False)

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def place(self) -> Ints:
        """Position of each row (N,): the other way round than ``order``."""
        place = np.empty(len(self), dtype=np.int64)
        place[self.order] = np.arange(len(self), dtype=np.int64)
        return place

    def find(self, key: Ints, time: Ints) -> Ints:
        """Position of the first event of ``key`` later than ``time`` (Q,); the group's end if there is none."""
        later = self._moments.searchsorted(time, side="right")
        return self._place.searchsorted(key * self._radix + later).astype(np.int64, copy=False)

    def window(self, key: Ints, time: Ints, width: int) -> Span:
        """Events of ``key`` in ``(time - width, time]``, ties and all (Q,)."""
        return Span(self.find(key, time - width), self.find(key, time))

    def own(self, width: int | Ints, at: Ints | None = None) -> Span:
        """For each event at position ``at`` (default all, in sorted order): its window up to and with itself.

        With widths (W, 1) the spans begin at (W, Q) positions and end at (Q,).
        """
        at = np.arange(len(self), dtype=np.int64) if at is None else at
        if len(at) != len(self) or not np.array_equal(at, np.arange(len(self))):
            return Span(self.find(self.key[at], self.time[at] - width), at + 1)
        start = self._moments.searchsorted(self._moments - width, side="right")
        lo = self._place.searchsorted(self.key * self._radix + start[..., self._moment])
        return Span(lo.astype(np.int64, copy=False), at + 1)

    def last(self, count: int, at: Ints) -> Span:
        """The up to ``count`` events of the same key before position ``at``, without it (Q,)."""
        return Span(np.maximum(at - count, self.first[at]), at)


def prefix(values: Ints | NDArray[np.bool_]) -> Ints:
    """Sums of the first 0, 1, … N values (N + 1,), modulo 2**64."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    values.cumsum(dtype=np.int64, out=sums[1:])
    return sums


def total(sums: Ints, span: Span) -> Ints:
    """Sum over each span, exact; ``sums`` is a :func:`prefix`."""
    return sums[span.hi] - sums[span.lo]


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    """``part / whole`` (..., Q), NaN where ``whole`` is 0."""
    out = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=out, where=whole != 0, casting="unsafe")
    return out


class Spread:
    """Exact sums of squares of fixed-point values, for standard deviations over spans."""

    def __init__(self, values: Ints) -> None:
        if len(values) and int(np.abs(values).max()) >= LIMIT:
            raise ValueError(f"values must be smaller than 2**48 in size, found {int(np.abs(values).max())}")
        high, low = values >> _HALF, values & ((1 << _HALF) - 1)
        self._sum = prefix(values)
        self._parts = (prefix(high * high), prefix(high * low), prefix(low * low))

    def std(self, span: Span) -> Floats:
        """Population standard deviation over each span (Q,), NaN where it is empty."""
        high, cross, low = (total(part, span).astype(np.float64) for part in self._parts)
        squares = high * 2.0 ** (2 * _HALF) + cross * 2.0 ** (_HALF + 1) + low
        count = span.count
        mean = ratio(total(self._sum, span), count)
        return np.sqrt(np.maximum(ratio(squares, count) - mean * mean, 0.0))


def largest(values: Floats, span: Span) -> Floats:
    """Largest value of each span (Q,), NaN where it is empty; NaN values are passed over. O(N log longest span)."""
    if len(span.lo) == 1:
        inside = values[span.lo[0] : span.hi[0]]
        return np.array([np.fmax.reduce(inside) if len(inside) else np.nan])
    out = np.full(len(span.lo), np.nan)
    length = span.count
    level = np.frexp(np.maximum(length, 1).astype(np.float64))[1] - 1
    table = values
    for step in range(int(level.max(initial=0)) + 1):
        if step:
            table = np.fmax(table[: -(1 << (step - 1))], table[1 << (step - 1) :])
        here = np.flatnonzero((level == step) & (length > 0))
        out[here] = np.fmax(table[span.lo[here]], table[span.hi[here] - (1 << step)])
    return out


def last_true(flags: NDArray[np.bool_], first: Ints) -> Ints:
    """Position of the last flagged event at or before each position, -1 if there is none since ``first`` (N,)."""
    at = np.where(flags, np.arange(len(flags), dtype=np.int64), -1)
    found = np.maximum.accumulate(at) if len(at) else at
    return np.where(found >= first, found, -1)


def distinct(line: Timeline, values: Ints, width: int, at: Ints | None = None, span: Span | None = None) -> Ints:
    """How many different ``values`` (N,), given in sorted order, each event's own window holds (Q,).

    Two successive events of one value, less than ``width`` apart, are one value too many for every window that holds
    both: those that reach the later one and do not begin after the earlier one. Two prefix sums count them.
    ``span`` are those windows, if they are known already.
    """
    at = np.arange(len(line), dtype=np.int64) if at is None else at
    span = span or line.own(width, at)
    if len(at) == 1:
        return np.array([len(set(values[span.lo[0] : span.hi[0]].tolist()))], dtype=np.int64)
    same = np.lexsort((np.arange(len(line)), values, line.key))
    later, earlier = same[1:], same[:-1]
    twin = (line.key[later] == line.key[earlier]) & (values[later] == values[earlier])
    twin &= line.time[later] - line.time[earlier] < width
    entered, left = np.zeros(len(line), dtype=np.int64), np.zeros(len(line), dtype=np.int64)
    entered[later[twin]], left[earlier[twin]] = 1, 1
    first = line.first[at]
    twice = total(prefix(entered), Span(first, span.hi)) - total(prefix(left), Span(first, span.lo))
    return span.count - twice


@dataclass(frozen=True)
class Want:
    """One aggregate: ``what`` over ``width`` of the column ``of``.

    ``what`` is count, sum, mean, std, distinct (of an integer column), since_last (time since the event before) or
    positive_share (share of positives among the labels that became known within the window).
    """

    name: str
    what: str
    width: int
    of: str = ""


@dataclass(frozen=True)
class EventTable:
    """Events in any order: key, time, id (N,), integer columns, and labels with the time at which each is known."""

    key: Ints
    time: Ints
    id: NDArray[np.generic]
    columns: Mapping[str, Ints] = field(default_factory=dict[str, Ints])
    label: Ints | None = None
    known: Ints | None = None


def aggregate(events: EventTable, wants: Sequence[Want], rows: Ints | None = None) -> dict[str, Floats]:
    """Aggregates by name, each (Q,) for the events at ``rows`` (default: all), as of each event's own time."""
    line = Timeline(events.key, events.time, events.id)
    at = line.place if rows is None else line.place[rows]
    spans: dict[int, Span] = {}
    return {want.name: _one(line, events, want, at, spans) for want in wants}


def _one(line: Timeline, events: EventTable, want: Want, at: Ints, spans: dict[int, Span]) -> Floats:
    if want.what == "positive_share":
        return _positive_share(line, events, want.width, at)
    if want.what == "since_last":
        before = np.maximum(at - 1, 0)
        gap = (line.time[at] - line.time[before]).astype(np.float64)
        return np.where((at > line.first[at]) & (gap < want.width), gap, np.nan)
    span = spans[want.width] if want.width in spans else spans.setdefault(want.width, line.own(want.width, at))
    if want.what == "count":
        return span.count.astype(np.float64)
    values = events.columns[want.of][line.order]
    if want.what == "distinct":
        return distinct(line, values, want.width, at).astype(np.float64)
    if want.what == "std":
        return Spread(values).std(span)
    sums = total(prefix(values), span)
    return sums.astype(np.float64) if want.what == "sum" else ratio(sums, span.count)


def _positive_share(line: Timeline, events: EventTable, width: int, at: Ints) -> Floats:
    if events.label is None or events.known is None:
        raise ValueError("positive_share needs labels and the times at which they are known")
    told = Timeline(events.key, np.maximum(events.known, events.time + 1), events.id)
    span = told.window(line.key[at], line.time[at], width)
    return ratio(total(prefix(events.label[told.order]), span), span.count)


@dataclass(frozen=True)
class Event:
    """One event of a stream; ``known`` None = its label is not (yet) told."""

    key: Hashable
    time: int
    id: str
    columns: Mapping[str, int] = field(default_factory=dict[str, int])
    label: int = 0
    known: int | None = None


class Stream:
    """The same aggregates for events one by one, through the same code on the one key's events.

    A second delivery of an id changes nothing and answers as the first did. Events may come in any order: the state
    after a set of events does not depend on it. ``keep`` is how long events stay (default: twice the widest window);
    one that is older than that against its key's newest is refused.
    """

    def __init__(self, wants: Sequence[Want], keep: int | None = None) -> None:
        self.wants = tuple(wants)
        self.keep = keep if keep is not None else 2 * max(want.width for want in wants)
        self._events: dict[Hashable, list[Event]] = {}
        self._answers: dict[Hashable, dict[str, dict[str, float]]] = {}

    def push(self, event: Event) -> dict[str, float]:
        """Take the event in; its aggregates with everything that has arrived so far.

        Raises:
            ValueError: the event is older than what the state keeps, so its windows could not be right.
        """
        answers = self._answers.setdefault(event.key, {})
        if event.id in answers:
            return answers[event.id]
        events = self._events.setdefault(event.key, [])
        if events and event.time <= events[-1].time - self.keep:
            raise ValueError(f"event {event.id!r} is older than the {self.keep} kept of its key")
        bisect.insort(events, event, key=lambda one: (one.time, one.id))
        self._forget(event.key)
        answers[event.id] = self.read(event)
        return answers[event.id]

    def read(self, event: Event) -> dict[str, float]:
        """Aggregates of an event that was pushed, with everything that is known of its key by now."""
        events = self._events[event.key]
        row = next(i for i, one in enumerate(events) if one.id == event.id)
        found = aggregate(_table(events), self.wants, np.array([row], dtype=np.int64))
        return {name: float(value[0]) for name, value in found.items()}

    def _forget(self, key: Hashable) -> None:
        events = self._events[key]
        while events[0].time <= events[-1].time - self.keep:
            self._answers[key].pop(events.pop(0).id, None)


_NEVER = np.iinfo(np.int64).max


def _table(events: Sequence[Event]) -> EventTable:
    ids: NDArray[np.generic] = np.array([one.id for one in events])
    names = events[0].columns
    return EventTable(
        key=np.zeros(len(events), dtype=np.int64),
        time=np.array([one.time for one in events], dtype=np.int64),
        id=ids,
        columns={name: np.array([one.columns[name] for one in events], dtype=np.int64) for name in names},
        label=np.array([one.label for one in events], dtype=np.int64),
        known=np.array([_NEVER if one.known is None else one.known for one in events], dtype=np.int64),
    )
