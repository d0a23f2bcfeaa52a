"""As-of features of payments: one vectorised pass over sorted events, the same code for a batch and for one payment.

Families: the payment itself; how often, how much and where the card paid in windows from ten minutes to three months;
the amount against the card's own history, and against what is known to be clean; what became known of the card's and
the terminal's earlier payments (labels arrive late, a payment never sees its own or an unknown one); how familiar the
terminal and the further categories are. No feature uses a payment or a label that came after the payment it describes.

Legend: N payments in the log, Q asked for, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
TRAFFIC = (("1h", HOUR), ("1d", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY))
BACK = np.array([[1], [2], [3]])
RISKY = 0.5
"""An amount that is fraud more often than this explains a fraud by itself."""


Widths = Sequence[tuple[str, int]]
EVERY = slice(None)


@dataclass(frozen=True)
class Asked:
    """A timeline of the log and where the payments asked for stand on it: positions ``at`` and ``row`` numbers (Q,).

    ``where`` says where each belongs in the order in which they were asked for.
    """

    log: Log
    line: Timeline
    at: Ints
    row: Ints
    where: Ints | slice
    lo: Mapping[int, Ints]
    """Width of a window -> where those of the payments begin (Q,)."""
    end: Ints

    @classmethod
    def of(cls, log: Log, line: Timeline, rows: Ints, widths: Sequence[int]) -> Asked:
        """The payments ``rows`` on a timeline of the log, in its order, with their windows of these widths."""
        at: Ints = line.place[rows]
        where: Ints | slice = EVERY
        if len(rows) > 1:
            where = np.argsort(at, kind="stable")
            at = at[where]
        lo = line.own(np.array(widths, dtype=np.int64)[:, None], at).lo
        return cls(log, line, at, line.order[at], where, dict(zip(widths, lo, strict=True)), at + 1)

    def own(self, width: int) -> Span:
        """Each payment's window up to and with itself."""
        return Span(self.lo[width], self.end)

    def owns(self, widths: Widths) -> Span:
        """The same of several widths: (W, Q) to (Q,)."""
        return Span(np.stack([self.lo[width] for _, width in widths]), self.end)

    def past(self, width: int) -> Span:
        """Each payment's window without itself."""
        return Span(self.lo[width], self.at)

    @cached_property
    def told(self) -> Told:
        """The labels of these keys in the order in which they became known."""
        rows = np.flatnonzero(self.log.known != NEVER)
        key = np.empty(len(self.line), dtype=np.int64)
        key[self.line.order] = self.line.key
        known = np.maximum(self.log.known[rows], self.log.time[rows] + 1)
        line = Timeline(key[rows], known, self.log.tie[rows])
        return Told(self, line, rows[line.order], line.find(self.line.key[self.at], self.line.time[self.at]))


@dataclass(frozen=True)
class Told:
    """Labels by key and by the time each became known; ``hi`` (Q,) is the end of what each payment may read."""

    asked: Asked
    line: Timeline
    row: Ints
    hi: Ints

    def window(self, width: int | Ints) -> Span:
        """Labels that became known within ``width`` before each payment."""
        return Span(self.line.find(self.key, self.now - width), self.hi)

    def windows(self, widths: Widths) -> Span:
        """The same of several widths: (W, Q) to (Q,)."""
        return self.window(np.array([[width] for _, width in widths], dtype=np.int64))

    @cached_property
    def key(self) -> Ints:
        """(Q,) the payments' keys."""
        return self.asked.line.key[self.asked.at]

    @cached_property
    def now(self) -> Ints:
        """(Q,) the payments' times."""
        return self.asked.line.time[self.asked.at]

    @cached_property
    def begin(self) -> Ints:
        """(Q,) the first label of each payment's key."""
        return self.line.find(self.key, np.full(len(self.key), np.iinfo(np.int64).min))

    def latest(self, flags: np.ndarray) -> Ints:
        """(Q,) position of the last flagged label that may be read, -1 = none."""
        if len(self.hi) == 1:
            inside = np.flatnonzero(flags[self.begin[0] : self.hi[0]])
            return self.begin + inside[-1:] if len(inside) else np.array([-1])
        found = last_true(flags, self.line.first)
        none = self.hi <= self.begin
        return np.where(none, -1, found[np.maximum(self.hi - 1, 0)] if len(found) else -1)

    def age(self, at: Ints) -> Floats:
        """(Q,) days since the payment whose label is at position ``at``; NaN where -1."""
        if not len(self.row):
            return np.full(len(at), np.nan)
        days = (self.now - self.asked.log.time[self.row[np.maximum(at, 0)]]) / DAY
        return np.where(at >= 0, days, np.nan)


Put = Callable[[str, np.ndarray, Ints | slice], None]


def compute(log: Log, rows: Ints) -> tuple[tuple[str, ...], np.ndarray]:
    """Names (F,) and values (Q, F) float32 of the payments ``rows`` of a log whose excess and risk are derived."""
    names = feature_names()
    place = {name: number for number, name in enumerate(names)}
    out = np.full((len(names), len(rows)), np.nan, np.float32)

    def put(name: str, values: np.ndarray, where: Ints | slice) -> None:
        out[place[name], where] = values

    _every(log, rows, put)
    return names, out.T


@cache
def feature_names() -> tuple[str, ...]:
    """(F,) names in order."""
    none = np.zeros(0, dtype=np.int64)
    empty = np.zeros(0)
    names: list[str] = []
    log = Log(none, none, none, none, empty, none, none, empty, empty, empty)
    _every(log, none, lambda name, values, where: names.append(name))
    return tuple(names)


def _every(log: Log, rows: Ints, put: Put) -> None:
    _itself(log, rows, put)
    card = Asked.of(log, log.by_card, rows, [*(width for _, width in FLOW), REACH])
    often = np.zeros(len(log), dtype=np.int64)
    often[card.row] = card.past(REACH).count
    _velocity(card, put)
    _against_history(card, put)
    _recent(card, put)
    _own_labels(card, put)
    _against_clean(card, put)
    del card
    terminal = Asked.of(log, log.by_terminal, rows, [width for _, width in TRAFFIC])
    _terminal_flow(terminal, put)
    _terminal_labels(terminal, put)
    _terminal_runs(terminal, put)
    for name in ("terminal", "mcc", "country", "channel"):
        codes = log.terminal if name == "terminal" else log.habits.get(name)
        _familiar(log, codes, rows, often, name, put)


def _itself(log: Log, rows: Ints, put: Put) -> None:
    time = log.time[rows]
    put("amount", log.amount[rows], EVERY)
    put("log_amount", log.log_amount[rows], EVERY)
    put("hour", (time % DAY) / HOUR, EVERY)
    put("weekday", ((time // DAY) + 3) % 7, EVERY)
    put("amount_excess", log.excess[rows], EVERY)
    put("amount_rank", log.rank[rows], EVERY)
    put("amount_risk", log.risk[rows], EVERY)


def _velocity(card: Asked, put: Put) -> None:
    order = card.line.order
    cents = prefix(np.rint(card.log.amount[order] * 100).astype(np.int64))
    high = prefix(card.log.excess[order] > HIGH)
    span = card.owns(FLOW)
    count = span.count
    mean, often = ratio(total(cents, span), count) / 100, total(high, span)
    for place, (name, width) in enumerate(FLOW):
        put(f"card_payments_{name}", count[place], card.where)
        if width >= DAY:
            put(f"card_mean_amount_{name}", mean[place], card.where)
            put(f"card_high_{name}", often[place], card.where)
    put("card_amount_1d", total(cents, card.own(DAY)) / 100, card.where)
    terminals = card.log.terminal[order]
    for name, width in (("1d", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)):
        put(f"card_terminals_{name}", distinct(card.line, terminals, width, card.at, card.own(width)), card.where)


def _against_history(card: Asked, put: Put) -> None:
    order = card.line.order
    logs = fixed(card.log.log_amount[order])
    sums, spread = prefix(logs), Spread(logs)
    now = logs[card.at] / FIXED
    for name, width in (("7d", 7 * DAY), ("30d", 30 * DAY), ("90d", REACH)):
        span = card.past(width)
        mean = ratio(total(sums, span), span.count) / FIXED
        put(f"amount_to_card_mean_{name}", now - mean, card.where)
    std = spread.std(span) / FIXED
    put("card_spread_90d", std, card.where)
    put("amount_z_90d", (now - mean) / (std + 0.1), card.where)
    put("card_payments_90d", span.count, card.where)


def _recent(card: Asked, put: Put) -> None:
    order, at = card.line.order, card.at
    time, excess = card.line.time, card.log.excess[order]
    near = card.past(REACH)
    seen = at - BACK >= near.lo
    where = np.where(seen, at - BACK, 0)
    gaps = np.where(seen, (time[at] - time[where] if len(time) else where) / HOUR, np.nan)
    before = np.where(seen, excess[where] if len(excess) else 0, np.nan)
    for place in range(3):
        put(f"card_excess_{place + 1}_before", before[place], card.where)
        if place < 2:
            put(f"card_hours_since_{place + 1}_before", gaps[place], card.where)
    high = last_true(excess > HIGH, card.line.first)
    before = np.where(at > near.lo, high[np.maximum(at - 1, 0)] if len(high) else -1, -1)
    before = np.where(before >= near.lo, before, -1)
    since = (time[at] - time[np.maximum(before, 0)]) / DAY if len(time) else at
    put("card_days_since_high", np.where(before >= 0, since, np.nan), card.where)
    span = card.past(14 * DAY)
    put("card_highest_excess_14d", largest(excess, span), card.where)
    put("card_lowest_excess_14d", -largest(-excess, span), card.where)


def _own_labels(card: Asked, put: Put) -> None:
    told = card.told
    fraud = card.log.fraud[told.row]
    bad = prefix(fraud)
    span = told.windows(LABELS)
    frauds = total(bad, span)
    for place, (name, _) in enumerate(LABELS):
        put(f"card_frauds_known_{name}", frauds[place], card.where)
    put("card_fraud_share_60d", ratio(frauds[-1], span.count[-1]), card.where)
    last = told.latest(fraud > 0)
    put("card_days_since_known_fraud", told.age(np.where(last >= span.lo[-1], last, -1)), card.where)


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
    put("amount_to_clean_mean", now - mean, card.where)
    put("amount_to_clean_spread", (now - mean) / (std + 0.1), card.where)
    put("amount_to_clean_highest", now - most, card.where)
    put("card_clean_known_90d", count, card.where)
    every = card.log.log_amount[card.line.order]
    mine = prefix(fixed(every))
    for name, width in (("3d", 3 * DAY), ("7d", 7 * DAY), ("14d", 14 * DAY)):
        recent = card.own(width)
        put(f"card_recent_to_clean_{name}", ratio(total(mine, recent), recent.count) / FIXED - mean, card.where)
    put("card_highest_to_clean_7d", largest(every, card.own(7 * DAY)) - most, card.where)


def _terminal_flow(terminal: Asked, put: Put) -> None:
    order = terminal.line.order
    excess = terminal.log.excess[order]
    sums, seen = prefix(fixed(np.nan_to_num(excess))), prefix(~np.isnan(excess))
    span = terminal.owns(TRAFFIC)
    count, mean = span.count, ratio(total(sums, span), total(seen, span)) / FIXED
    for place, (name, width) in enumerate(TRAFFIC):
        put(f"terminal_payments_{name}", count[place], terminal.where)
        if width >= DAY:
            put(f"terminal_mean_excess_{name}", mean[place], terminal.where)
    for name, width in (("1d", DAY), ("7d", 7 * DAY)):
        cards = distinct(terminal.line, terminal.log.card[order], width, terminal.at, terminal.own(width))
        put(f"terminal_cards_{name}", cards, terminal.where)


def _unexplained(log: Log, rows: Ints) -> np.ndarray:
    """Frauds that neither the card's own history nor the size of the amount explains: the terminal may be to blame."""
    ordinary = ~(log.excess[rows] > HIGH) & ~(log.risk[rows] > RISKY)
    return (log.fraud[rows] > 0) & ordinary


def _terminal_labels(terminal: Asked, put: Put) -> None:
    told = terminal.told
    bad, odd = prefix(terminal.log.fraud[told.row]), prefix(_unexplained(terminal.log, told.row))
    span = told.windows(RISKS)
    count = span.count
    share, unexplained = ratio(total(bad, span), count), total(odd, span)
    for place, (name, _) in enumerate(RISKS):
        put(f"terminal_known_{name}", count[place], terminal.where)
        put(f"terminal_fraud_share_{name}", share[place], terminal.where)
        put(f"terminal_unexplained_{name}", unexplained[place], terminal.where)


def _terminal_runs(terminal: Asked, put: Put) -> None:
    told = terminal.told
    fraud = terminal.log.fraud[told.row] > 0
    odd = _unexplained(terminal.log, told.row)
    lo = told.window(REACH).lo

    def within(at: Ints) -> Ints:
        return np.where(at >= lo, at, -1)

    put("terminal_days_since_fraud", told.age(within(told.latest(fraud))), terminal.where)
    put("terminal_days_since_unexplained", told.age(within(told.latest(odd))), terminal.where)
    clean = within(told.latest(~fraud))
    put("terminal_days_since_clean", told.age(clean), terminal.where)
    start = np.maximum(np.where(clean >= 0, clean + 1, lo), lo)
    run = Span(np.minimum(start, told.hi), told.hi)
    put("terminal_run", run.count, terminal.where)
    put("terminal_run_unexplained", total(prefix(odd), run), terminal.where)
    put("terminal_days_since_run_began", told.age(np.where(run.count > 0, run.lo, -1)), terminal.where)
    seen = told.hi - BACK >= lo
    where = np.where(seen, told.hi - BACK, 0)
    label = np.where(seen, fraud[where] if len(fraud) else 0, np.nan)
    for place in range(3):
        put(f"terminal_label_{place + 1}_before", label[place], terminal.where)


def _familiar(log: Log, codes: Ints | None, rows: Ints, often: Ints, name: str, put: Put) -> None:
    """How often in 90 days the card was seen with this value, and how many days ago; NaN where there is none.

    ``often`` (N,) is how often the card was seen at all.
    """
    if codes is None:
        put(f"card_{name}_share_90d", np.full(len(rows), np.nan), EVERY)
        put(f"card_{name}_days_since", np.full(len(rows), np.nan), EVERY)
        return
    radix = int(codes.max(initial=0)) + 2
    pair = Asked.of(log, Timeline(log.card * radix + codes + 1, log.time, log.tie, log.moments), rows, [REACH])
    here, missing = pair.past(REACH), codes[pair.row] < 0
    share = ratio(here.count, often[pair.row])
    put(f"card_{name}_share_90d", np.where(missing, np.nan, share), pair.where)
    since = (pair.line.time[pair.at] - pair.line.time[np.maximum(pair.at - 1, 0)]) / DAY if len(log) else pair.at
    put(f"card_{name}_days_since", np.where(missing | (here.count == 0), np.nan, since), pair.where)
