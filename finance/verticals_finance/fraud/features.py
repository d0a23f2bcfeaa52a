"""As-of features of payments: one vectorised pass over sorted events, the same code for a batch and for one payment.

Families: the payment itself; how often, how much and where the card paid in windows from ten minutes to three months;
the amount against the card's own history, and against what is known to be clean; what became known of the card's and
the terminal's earlier payments (labels arrive late, a payment never sees its own or an unknown one); how familiar the
terminal and the further categories are. No feature uses a payment or a label that came after the payment it describes.

Legend: N payments in the log, Q asked for, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from verticals.data.windows import (
    Floats,
    Ints,
    Span,
    Spread,
    Timeline,
    distinct,
    largest,
    last_true,
    prefix,
    ratio,
    total,
)
from verticals_finance.fraud.log import DAY, FIXED, HIGH, NEVER, REACH, TOLD, Log, fixed

HOUR = DAY // 24
MINUTE = HOUR // 60
FLOW = (("10min", 10 * MINUTE), ("1h", HOUR), ("1d", DAY), ("3d", 3 * DAY), ("7d", 7 * DAY), ("14d", 14 * DAY),
        ("30d", 30 * DAY))  # fmt: skip
LABELS = (("7d", 7 * DAY), ("30d", 30 * DAY), ("60d", TOLD))
RISKS = (("1d", DAY), ("7d", 7 * DAY), ("14d", 14 * DAY), ("28d", 28 * DAY), ("60d", TOLD))
RISKY = 0.5
"""An amount that is fraud more often than this explains a fraud by itself."""


@dataclass(frozen=True)
class Asked:
    """A timeline of the log and where the payments asked for stand on it: positions ``at`` and ``row`` numbers (Q,)."""

    log: Log
    line: Timeline
    at: Ints
    row: Ints
    known_windows: dict[int, Span] = field(default_factory=dict[int, Span])

    @classmethod
    def of(cls, log: Log, line: Timeline, rows: Ints) -> Asked:
        """The payments ``rows`` on a timeline of the log; they come in the order of the timeline."""
        at = np.sort(line.place[rows])
        return cls(log, line, at, line.order[at])

    def own(self, width: int) -> Span:
        """Each payment's window up to and with itself."""
        if width not in self.known_windows:
            self.known_windows[width] = self.line.own(width, self.at)
        return self.known_windows[width]

    def past(self, width: int) -> Span:
        """Each payment's window without itself."""
        return Span(self.own(width).lo, self.at)

    @cached_property
    def told(self) -> Told:
        """The labels of these keys in the order in which they became known."""
        rows = np.flatnonzero(self.log.known != NEVER)
        key = np.empty(len(self.line), dtype=np.int64)
        key[self.line.order] = self.line.key
        known = np.maximum(self.log.known[rows], self.log.time[rows] + 1)
        line = Timeline(key[rows], known, self.log.tie[rows])
        hi = line.find(self.line.key[self.at], self.line.time[self.at])
        return Told(self, line, rows[line.order], hi)


@dataclass(frozen=True)
class Told:
    """Labels by key and by the time each became known; ``hi`` (Q,) is the end of what each payment may read."""

    asked: Asked
    line: Timeline
    row: Ints
    hi: Ints

    def window(self, width: int) -> Span:
        """Labels that became known within ``width`` before each payment."""
        asked = self.asked
        return Span(self.line.find(asked.line.key[asked.at], asked.line.time[asked.at] - width), self.hi)

    @cached_property
    def begin(self) -> Ints:
        """(Q,) the first label of each payment's key."""
        key = self.asked.line.key[self.asked.at]
        return self.line.find(key, np.full(len(key), np.iinfo(np.int64).min))

    def latest(self, flags: np.ndarray) -> Ints:
        """(Q,) position of the last flagged label that may be read, -1 = none."""
        found = last_true(flags, self.line.first)
        none = self.hi <= self.begin
        return np.where(none, -1, found[np.maximum(self.hi - 1, 0)] if len(found) else -1)

    def age(self, at: Ints) -> Floats:
        """(Q,) days since the payment whose label is at position ``at``; NaN where -1."""
        now = self.asked.line.time[self.asked.at]
        if not len(self.row):
            return np.full(len(at), np.nan)
        days = (now - self.asked.log.time[self.row[np.maximum(at, 0)]]) / DAY
        return np.where(at >= 0, days, np.nan)


Put = Callable[[str, np.ndarray, Ints], None]


def compute(log: Log, rows: Ints) -> tuple[tuple[str, ...], np.ndarray]:
    """Names (F,) and values (Q, F) float32 of the payments ``rows`` of a log whose excess and risk are derived."""
    names = feature_names()
    place = {name: number for number, name in enumerate(names)}
    out = np.full((len(names), len(log)) if len(rows) == len(log) else (len(names), len(rows)), np.nan, np.float32)
    back = np.zeros(len(log), dtype=np.int64)
    back[rows] = np.arange(len(rows), dtype=np.int64)

    def put(name: str, values: np.ndarray, row: Ints) -> None:
        out[place[name], back[row]] = values

    _every(log, rows, put)
    return names, out.T


@cache
def feature_names() -> tuple[str, ...]:
    """(F,) names in order."""
    none = np.zeros(0, dtype=np.int64)
    empty = np.zeros(0)
    names: list[str] = []
    log = Log(none, none, none, none, empty, none, none, empty, empty, empty)
    _every(log, none, lambda name, values, row: names.append(name))
    return tuple(names)


def _every(log: Log, rows: Ints, put: Put) -> None:
    _itself(log, rows, put)
    card = Asked.of(log, log.by_card, rows)
    often = np.zeros(len(log), dtype=np.int64)
    often[card.row] = card.past(REACH).count
    _velocity(card, put)
    _against_history(card, put)
    _recent(card, put)
    _own_labels(card, put)
    _against_clean(card, put)
    del card
    terminal = Asked.of(log, log.by_terminal, rows)
    _terminal_flow(terminal, put)
    _terminal_labels(terminal, put)
    _terminal_runs(terminal, put)
    for name in ("terminal", "mcc", "country", "channel"):
        codes = log.terminal if name == "terminal" else log.habits.get(name)
        _familiar(log, codes, rows, often, name, put)


def _itself(log: Log, rows: Ints, put: Put) -> None:
    time = log.time[rows]
    put("amount", log.amount[rows], rows)
    put("log_amount", log.log_amount[rows], rows)
    put("hour", (time % DAY) / HOUR, rows)
    put("weekday", ((time // DAY) + 3) % 7, rows)
    put("amount_excess", log.excess[rows], rows)
    put("amount_rank", log.rank[rows], rows)
    put("amount_risk", log.risk[rows], rows)


def _velocity(card: Asked, put: Put) -> None:
    order = card.line.order
    cents = prefix(np.rint(card.log.amount[order] * 100).astype(np.int64))
    high = prefix(card.log.excess[order] > HIGH)
    for name, width in FLOW:
        span = card.own(width)
        put(f"card_payments_{name}", span.count, card.row)
        if width >= DAY:
            put(f"card_mean_amount_{name}", ratio(total(cents, span), span.count) / 100, card.row)
            put(f"card_high_{name}", total(high, span), card.row)
    put("card_amount_1d", total(cents, card.own(DAY)) / 100, card.row)
    terminals = card.log.terminal[order]
    for name, width in (("1d", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)):
        put(f"card_terminals_{name}", distinct(card.line, terminals, width, card.at), card.row)


def _against_history(card: Asked, put: Put) -> None:
    order = card.line.order
    logs = fixed(card.log.log_amount[order])
    sums, spread = prefix(logs), Spread(logs)
    now = logs[card.at] / FIXED
    for name, width in (("7d", 7 * DAY), ("30d", 30 * DAY), ("90d", REACH)):
        span = card.past(width)
        mean = ratio(total(sums, span), span.count) / FIXED
        put(f"amount_to_card_mean_{name}", now - mean, card.row)
    std = spread.std(span) / FIXED
    put("card_spread_90d", std, card.row)
    put("amount_z_90d", (now - mean) / (std + 0.1), card.row)
    put("card_payments_90d", span.count, card.row)


def _recent(card: Asked, put: Put) -> None:
    order, at = card.line.order, card.at
    time, excess = card.line.time, card.log.excess[order]
    near = card.past(REACH)
    for back in (1, 2, 3):
        seen = at - back >= near.lo
        where = np.where(seen, at - back, 0)
        put(f"card_excess_{back}_before", np.where(seen, excess[where] if len(excess) else 0, np.nan), card.row)
        gap = (time[at] - time[where] if len(time) else at) / HOUR
        if back < 3:
            put(f"card_hours_since_{back}_before", np.where(seen, gap, np.nan), card.row)
    high = last_true(excess > HIGH, card.line.first)
    before = np.where(at > near.lo, high[np.maximum(at - 1, 0)] if len(high) else -1, -1)
    before = np.where(before >= near.lo, before, -1)
    since = (time[at] - time[np.maximum(before, 0)]) / DAY if len(time) else at
    put("card_days_since_high", np.where(before >= 0, since, np.nan), card.row)
    span = card.past(14 * DAY)
    put("card_highest_excess_14d", largest(excess, span), card.row)
    put("card_lowest_excess_14d", -largest(-excess, span), card.row)


def _own_labels(card: Asked, put: Put) -> None:
    told = card.told
    fraud = card.log.fraud[told.row]
    bad = prefix(fraud)
    for name, width in LABELS:
        span = told.window(width)
        put(f"card_frauds_known_{name}", total(bad, span), card.row)
    put("card_fraud_share_60d", ratio(total(bad, span), span.count), card.row)
    last = told.latest(fraud > 0)
    put("card_days_since_known_fraud", told.age(np.where(last >= span.lo, last, -1)), card.row)


def _against_clean(card: Asked, put: Put) -> None:
    told = card.told
    logs = card.log.log_amount[told.row]
    clean = card.log.fraud[told.row] == 0
    number, exact = prefix(clean), fixed(np.where(clean, logs, 0.0))
    span = told.window(REACH)
    count = total(number, span)
    mean = ratio(total(prefix(exact), span), count) / FIXED
    square = ratio(total(prefix(fixed(np.where(clean, logs * logs, 0.0))), span), count) / FIXED
    std = np.sqrt(np.maximum(square - mean * mean, 0.0))
    most = largest(np.where(clean, logs, np.nan), span)
    now = card.log.log_amount[card.row]
    put("amount_to_clean_mean", now - mean, card.row)
    put("amount_to_clean_spread", (now - mean) / (std + 0.1), card.row)
    put("amount_to_clean_highest", now - most, card.row)
    put("card_clean_known_90d", count, card.row)
    every = card.log.log_amount[card.line.order]
    mine = prefix(fixed(every))
    for name, width in (("3d", 3 * DAY), ("7d", 7 * DAY), ("14d", 14 * DAY)):
        recent = card.own(width)
        put(f"card_recent_to_clean_{name}", ratio(total(mine, recent), recent.count) / FIXED - mean, card.row)
    put("card_highest_to_clean_7d", largest(every, card.own(7 * DAY)) - most, card.row)


def _terminal_flow(terminal: Asked, put: Put) -> None:
    order = terminal.line.order
    excess = terminal.log.excess[order]
    sums, seen = prefix(fixed(np.nan_to_num(excess))), prefix(~np.isnan(excess))
    for name, width in (("1h", HOUR), ("1d", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)):
        span = terminal.own(width)
        put(f"terminal_payments_{name}", span.count, terminal.row)
        if width >= DAY:
            mean = ratio(total(sums, span), total(seen, span)) / FIXED
            put(f"terminal_mean_excess_{name}", mean, terminal.row)
    for name, width in (("1d", DAY), ("7d", 7 * DAY)):
        cards = distinct(terminal.line, terminal.log.card[order], width, terminal.at)
        put(f"terminal_cards_{name}", cards, terminal.row)


def _unexplained(log: Log, rows: Ints) -> np.ndarray:
    """Frauds that neither the card's own history nor the size of the amount explains: the terminal may be to blame."""
    ordinary = ~(log.excess[rows] > HIGH) & ~(log.risk[rows] > RISKY)
    return (log.fraud[rows] > 0) & ordinary


def _terminal_labels(terminal: Asked, put: Put) -> None:
    told = terminal.told
    bad, odd = prefix(terminal.log.fraud[told.row]), prefix(_unexplained(terminal.log, told.row))
    for name, width in RISKS:
        span = told.window(width)
        put(f"terminal_known_{name}", span.count, terminal.row)
        put(f"terminal_fraud_share_{name}", ratio(total(bad, span), span.count), terminal.row)
        put(f"terminal_unexplained_{name}", total(odd, span), terminal.row)


def _terminal_runs(terminal: Asked, put: Put) -> None:
    told = terminal.told
    fraud = terminal.log.fraud[told.row] > 0
    odd = _unexplained(terminal.log, told.row)
    lo = told.window(REACH).lo

    def within(at: Ints) -> Ints:
        return np.where(at >= lo, at, -1)

    put("terminal_days_since_fraud", told.age(within(told.latest(fraud))), terminal.row)
    put("terminal_days_since_unexplained", told.age(within(told.latest(odd))), terminal.row)
    clean = within(told.latest(~fraud))
    put("terminal_days_since_clean", told.age(clean), terminal.row)
    start = np.maximum(np.where(clean >= 0, clean + 1, lo), lo)
    run = Span(np.minimum(start, told.hi), told.hi)
    put("terminal_run", run.count, terminal.row)
    put("terminal_run_unexplained", total(prefix(odd), run), terminal.row)
    put("terminal_days_since_run_began", told.age(np.where(run.count > 0, run.lo, -1)), terminal.row)
    for back in (1, 2, 3):
        seen = told.hi - back >= lo
        where = np.where(seen, told.hi - back, 0)
        label = fraud[where] if len(fraud) else np.zeros(len(where))
        put(f"terminal_label_{back}_before", np.where(seen, label, np.nan), terminal.row)


def _familiar(log: Log, codes: Ints | None, rows: Ints, often: Ints, name: str, put: Put) -> None:
    """How often in 90 days the card was seen with this value, and how many days ago; NaN where there is none.

    ``often`` (N,) is how often the card was seen at all.
    """
    if codes is None:
        put(f"card_{name}_share_90d", np.full(len(rows), np.nan), rows)
        put(f"card_{name}_days_since", np.full(len(rows), np.nan), rows)
        return
    radix = int(codes.max(initial=0)) + 2
    pair = Asked.of(log, Timeline(log.card * radix + codes + 1, log.time, log.tie), rows)
    here, missing = pair.past(REACH), codes[pair.row] < 0
    share = ratio(here.count, often[pair.row])
    put(f"card_{name}_share_90d", np.where(missing, np.nan, share), pair.row)
    since = (pair.line.time[pair.at] - pair.line.time[np.maximum(pair.at - 1, 0)]) / DAY if len(log) else pair.at
    put(f"card_{name}_days_since", np.where(missing | (here.count == 0), np.nan, since), pair.row)
