"""Scores one payment at a time, with the features of the batch: the same code over its card's and terminal's past."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import verticals
from verticals_finance.fraud.examples import assemble, tie_of
from verticals_finance.fraud.log import DAY, LEAST, NEVER, REACH, TOLD, Days, Log, derive
from verticals_finance.fraud.schema import CATEGORIES
from verticals_plugins import Dataset, Table, UsageError

NUMBERS = ("time", "amount", "fraud", "known", "excess", "rank", "risk")


@dataclass(frozen=True)
class Payment:
    """One payment as it arrives; ``time`` in nanoseconds since 1970 or anything pandas reads as a time."""

    id: Any
    card: str
    time: Any
    amount: float
    terminal: str | None = None
    habits: dict[str, str] = field(default_factory=dict[str, str])
    """mcc, country, channel, currency as far as known."""


@dataclass(frozen=True)
class Answer:
    """What is said of a payment: probability of fraud, action (stop, review, pass) and reason codes."""

    id: Any
    probability: float
    action: str
    reason: str


class Book:
    """The payments that features may still read, findable by card and by terminal."""

    def __init__(self, first_day: int) -> None:
        self.days = Days(first_day, first_day)
        self.rows: dict[Any, dict[str, Any]] = {}
        self.cards: dict[str, list[Any]] = defaultdict(list)
        self.terminals: dict[str, list[Any]] = defaultdict(list)

    def add(self, row: dict[str, Any]) -> None:
        """Take a payment in; its facts may still be NaN."""
        self.rows[row["id"]] = row
        self.cards[row["card"]].append(row["id"])
        if row["terminal"] is not None:
            self.terminals[row["terminal"]].append(row["id"])
        day = np.array([row["time"] // DAY])
        self.days.reach(int(day[0]))
        self.days.add(day, np.array([_log_amount(row["amount"])]))

    def tell(self, id: Any, fraud: bool, known: int) -> None:
        """Whether a payment was fraud, known from ``known`` on."""
        row = self.rows[id]
        row["fraud"], row["fraud_code"], row["known"] = int(fraud), int(fraud), known
        self.days.reach(known // DAY)
        self.days.tell(np.array([known]), np.array([_log_amount(row["amount"])]), np.array([int(fraud)]))

    def around(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """The payments of its card and terminal that this one may read; those too old are forgotten."""
        ids: dict[Any, None] = {}
        for book, key in ((self.cards, row["card"]), (self.terminals, row["terminal"])):
            if key is None or key not in book:
                continue
            kept = [one for one in book[key] if self._alive(self.rows[one], row["time"])]
            book[key] = kept
            ids |= dict.fromkeys(kept)
        return [self.rows[one] for one in ids if one != row["id"]]

    def _alive(self, row: dict[str, Any], now: int) -> bool:
        told = row["known"] != NEVER and row["known"] > now - TOLD - DAY
        return bool(row["time"] > now - REACH - DAY or told)


class RealTimeScorer:
    """A run's bundle, one payment at a time.

    A payment that is delivered twice is answered as the first time. Labels come by :meth:`tell`; without one the
    label of a payment stays unknown, whatever the label delay.

    Raises:
        UsageError: the bundle is not of fraud detection.
    """

    def __init__(self, bundle: verticals.Bundle) -> None:
        if bundle.task.name != "finance.fraud" or bundle.past is None:
            raise UsageError(f"The bundle is of {bundle.task.name}.", expected="A bundle of finance.fraud.")
        self.bundle, self.delay_days = bundle, bundle.task.schema.label_delay_days
        self.answers: dict[Any, Answer] = {}
        self.book = _book_of(bundle.past)

    def score(self, payment: Payment) -> Answer:
        """Score a payment and remember it."""
        if payment.id in self.answers:
            return self.answers[payment.id]
        examples = self._examples(payment)
        predictions = self.bundle.predict_examples(examples)
        said = self.bundle.task.decide(predictions, self.bundle.policy, self.bundle.rule).table.iloc[0]
        answer = Answer(payment.id, float(predictions.values[0]), str(said["action"]), str(said["reason"]))
        self.answers[payment.id] = answer
        return answer

    def features(self, payment: Payment) -> pd.Series:
        """The features of a payment (F,), which is remembered."""
        table = self._examples(payment).inputs["table"]
        assert isinstance(table, Table)
        return table.frame.iloc[0]

    def tell(self, id: Any, fraud: bool, known: Any) -> None:
        """Whether an earlier payment was fraud, and when that became known."""
        self.book.tell(id, fraud, _nanoseconds(known))

    def _examples(self, payment: Payment) -> Any:
        row: dict[str, Any] = {
            "id": payment.id, "card": payment.card, "terminal": payment.terminal, "time": _nanoseconds(payment.time),
            "amount": float(payment.amount), "fraud": 0, "fraud_code": -1, "known": NEVER,
            "excess": np.nan, "rank": np.nan, "risk": np.nan,
            **{name: payment.habits.get(name) for name in CATEGORIES[1:]},
        }  # fmt: skip
        self.book.add(row)
        rows = [*self.book.around(row), row]
        log, every = _log_of(rows), pd.DataFrame({name: [one[name] for one in rows] for name in _COLUMNS})
        every["time"] = every["time"].to_numpy().astype("datetime64[ns]")
        last = np.array([len(rows) - 1])
        derive(log, self.book.days, last)
        row["excess"], row["rank"], row["risk"] = (float(one[-1]) for one in (log.excess, log.rank, log.risk))
        return assemble(log, every, last, self.delay_days, labelled=False)


_COLUMNS = ("id", "card", "terminal", "time", "fraud_code", *CATEGORIES[1:])


def _book_of(past: Dataset) -> Book:
    main = past.main
    when = main["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    known = main["label_time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    book = Book(int(when.min() // DAY))
    told = main["fraud_code"].to_numpy() >= 0
    columns = {
        name: main[name].to_numpy(dtype=object) if name in main else np.full(len(main), None) for name in _COLUMNS
    }
    for at in np.argsort(when, kind="stable"):
        row = {name: None if _absent(one[at]) else one[at] for name, one in columns.items()}
        row |= {"time": int(when[at]), "amount": float(main["amount"].iloc[at]), "fraud": 0, "known": NEVER}
        row |= {name: float(main[name].iloc[at]) for name in ("excess", "rank", "risk")}
        row["card"] = str(row["card"])
        book.add(row)
        if told[at]:
            book.tell(row["id"], bool(columns["fraud_code"][at]), int(known[at]))
    return book


def _log_of(rows: list[dict[str, Any]]) -> Log:
    numbers = {name: np.array([row[name] for row in rows]) for name in NUMBERS}
    habits = {name: _codes([row[name] for row in rows]) for name in CATEGORIES[1:4] if any(r[name] for r in rows)}
    return Log(
        card=_codes([row["card"] for row in rows]), terminal=_codes([row["terminal"] for row in rows]),
        time=numbers["time"].astype(np.int64), tie=tie_of(pd.Series([row["id"] for row in rows])),
        amount=numbers["amount"].astype(float), fraud=numbers["fraud"].astype(np.int64),
        known=numbers["known"].astype(np.int64), excess=numbers["excess"].astype(float),
        rank=numbers["rank"].astype(float), risk=numbers["risk"].astype(float), habits=habits,
    )  # fmt: skip


def _codes(values: list[Any]) -> np.ndarray:
    seen: dict[Any, int] = {}
    return np.array([-1 if one is None else seen.setdefault(one, len(seen)) for one in values], dtype=np.int64)


def _nanoseconds(time: Any) -> int:
    return int(time) if isinstance(time, int | np.integer) else int(pd.Timestamp(time).as_unit("ns").value)


def _log_amount(amount: float) -> float:
    return float(np.log(max(abs(amount), LEAST)))


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)
