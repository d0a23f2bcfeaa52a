"""Payments as plain arrays, and what each was against its card's past on the day it came.

Two facts are fixed for a payment when it happens and never change: its *excess* (how far its amount lies above what
the card usually pays) and its *amount risk* (how often payments of its size turned out to be fraud, as known then).
Later payments, of other cards at the same terminal too, read them from here.

Legend: N payments, Q of them asked for. Times are int64 nanoseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from verticals.data.windows import Floats, Ints, Moments, Timeline

DAY = 86_400_000_000_000
NEVER = np.iinfo(np.int64).max
REACH = 90 * DAY
"""No feature reads a payment older than this, unless its label became known within it."""
TOLD = 60 * DAY
FIXED = 1 << 20
"""Fixed-point unit of logarithms."""
LEAST = 0.1
"""Smaller amounts count as this one in logarithms."""
USUAL = 60
"""A card's usual amount is the median of up to so many payments."""
PRIOR_WEIGHT = 2.0
PRIOR_DAYS, RISK_DAYS = 30, 60
BUCKET, BUCKETS = 0.05, 480
HIGH = 0.92
"""An excess above this (2.5 times the usual amount) is high."""
CHUNK = 1 << 15


@dataclass(frozen=True)
class Log:
    """N payments in any order; ``known`` is NEVER where no label will come, ``terminal`` -1 where there is none.

    ``excess``, ``rank`` and ``risk`` are NaN until :func:`derive` fills them. ``tie`` orders payments of one moment.
    """

    card: Ints
    terminal: Ints
    time: Ints
    tie: Ints
    amount: Floats
    fraud: Ints
    known: Ints
    excess: Floats
    rank: Floats
    risk: Floats
    habits: dict[str, Ints] = field(default_factory=dict[str, Ints])
    """Codes of the further categories, -1 = missing."""

    def __len__(self) -> int:
        return len(self.card)

    @cached_property
    def log_amount(self) -> Floats:
        """(N,) natural logarithm of the size of the amount."""
        return log_size(self.amount)

    @property
    def day(self) -> Ints:
        """(N,) days since 1970, UTC."""
        return self.time // DAY

    @cached_property
    def moments(self) -> Moments:
        """The times of all payments, for all timelines."""
        return Moments.of(self.time)

    @cached_property
    def by_card(self) -> Timeline:
        """Payments of each card in order of time."""
        return Timeline(self.card, self.time, self.tie, self.moments)

    @cached_property
    def by_terminal(self) -> Timeline:
        """Payments at each terminal in order of time; one without a terminal stands alone."""
        alone = -1 - np.arange(len(self), dtype=np.int64)
        return Timeline(np.where(self.terminal >= 0, self.terminal, alone), self.time, self.tie, self.moments)


def log_size(amount: Floats) -> Floats:
    """(N,) natural logarithm of the size of amounts."""
    return np.log(np.maximum(np.abs(amount), LEAST))


def latest(time: Ints) -> int:
    """The newest time, but for one in a hundred payments: a wrong date must not make all others look old."""
    return int(np.sort(time)[-1 - len(time) // 100])


def fixed(values: Floats) -> Ints:
    """Fixed-point integers, so that sums are exact in any order."""
    return np.rint(values * FIXED).astype(np.int64)


def bucket_of(log_amount: Floats) -> Ints:
    """(N,) number of the 5 % wide bucket that an amount falls in."""
    return np.clip((log_amount + 3.0) / BUCKET, 0, BUCKETS - 1).astype(np.int64)


class Days:
    """What all payments together came to, day by day: how large they were, and which sizes turned out to be fraud.

    Reading day d uses the whole days before d alone. Counts are integers: a stream that adds one payment after
    another holds the same numbers as a batch that adds all at once.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        days = last - first + 1
        self.count = np.zeros(days, dtype=np.int64)
        self.sum = np.zeros(days, dtype=np.int64)
        self.told = np.zeros((days, BUCKETS), dtype=np.int32)
        self.bad = np.zeros((days, BUCKETS), dtype=np.int32)

    @classmethod
    def of(cls, log: Log) -> Days:
        """All payments of a log and their labels."""
        days = cls(int(log.day.min()), int(log.day.max())) if len(log) else cls(0, 0)
        days.add(log.day, log.log_amount)
        days.tell(log.known, log.log_amount, log.fraud)
        return days

    def add(self, day: Ints, log_amount: Floats) -> None:
        """Count payments (N,); those before the first day are left out."""
        here = day >= self.first
        place = day[here] - self.first
        np.add.at(self.count, place, 1)
        np.add.at(self.sum, place, fixed(log_amount[here]))

    def tell(self, known: Ints, log_amount: Floats, fraud: Ints, times: int = 1) -> None:
        """Count labels (N,) on the day each became known; those that come later than the last day are left out.

        ``times`` -1 takes labels back.
        """
        place = known // DAY - self.first
        here = np.flatnonzero((place >= 0) & (place < len(self.count)))
        where = (place[here], bucket_of(log_amount[here]))
        np.add.at(self.told, where, times)
        np.add.at(self.bad, where, times * fraud[here].astype(np.int32))

    def reach(self, day: int) -> None:
        """Make room for ``day``."""
        more = day - self.first + 1 - len(self.count)
        if more > 0:
            more = max(more, 30)
            self.count, self.sum = (np.concatenate([a, np.zeros(more, a.dtype)]) for a in (self.count, self.sum))
            self.told, self.bad = (
                np.concatenate([a, np.zeros((more, BUCKETS), a.dtype)]) for a in (self.told, self.bad)
            )

    def usual(self, day: Ints) -> Floats:
        """(Q,) mean log amount over the 30 days before each day; NaN where there was none."""
        days, inverse = np.unique(day - self.first, return_inverse=True)
        means = np.full(len(days), np.nan)
        for i, d in enumerate(days):
            span = slice(max(d - PRIOR_DAYS, 0), max(d, 0))
            count = int(self.count[span].sum())
            if count:
                means[i] = int(self.sum[span].sum()) / count / FIXED
        return means[inverse]

    def risk(self, day: Ints, log_amount: Floats) -> Floats:
        """(Q,) share of frauds among payments of this size whose label came in the 60 days before; NaN where none."""
        days, inverse = np.unique(day - self.first, return_inverse=True)
        shares = np.full((len(days), BUCKETS), np.nan)
        for i, d in enumerate(days):
            span = slice(max(d - RISK_DAYS, 0), max(d, 0))
            told = self.told[span].sum(axis=0)
            np.divide(self.bad[span].sum(axis=0), told + 2.0, out=shares[i], where=told > 0)
        return shares[inverse, bucket_of(log_amount)]


def derive(log: Log, days: Days, rows: Ints) -> None:
    """Fill excess, rank and amount risk of ``rows`` (Q,), in place."""
    line = log.by_card
    values = log.log_amount[line.order]
    at = np.sort(line.place[rows])
    for start in range(0, len(at), CHUNK):
        _derive_some(log, line, values, days, at[start : start + CHUNK])
    log.risk[rows] = days.risk(log.day[rows], log.log_amount[rows])


def _derive_some(log: Log, line: Timeline, values: Floats, days: Days, at: Ints) -> None:
    lo = np.maximum(line.own(REACH, at).lo, at - USUAL)
    past = np.arange(USUAL) + (at - USUAL)[:, None]
    seen = past >= lo[:, None]
    history = np.where(seen, values[np.where(seen, past, 0)], np.inf)
    count = at - lo
    now = values[at]
    below = (history < now[:, None]).sum(axis=1)
    history.sort(axis=1)
    pick = np.arange(len(at))
    middle = np.maximum(count - 1, 0)
    low, high = history[pick, middle // 2], history[pick, np.minimum(count // 2, USUAL - 1)]
    median = np.where(count > 0, (low + high) / 2, 0.0)
    row = line.order[at]
    prior = days.usual(log.day[row])
    weight = np.where(np.isnan(prior), 0.0, PRIOR_WEIGHT)
    both = count + weight
    usual = np.full(len(at), np.nan)
    np.divide(count * median + weight * np.nan_to_num(prior), both, out=usual, where=both > 0)
    log.excess[row] = now - usual
    share = np.full(len(at), np.nan)
    np.divide(below, count, out=share, where=count > 0)
    log.rank[row] = share
