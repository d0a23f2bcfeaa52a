"""Scores one payment at a time, with the features of the batch: the same code over its card's and terminal's past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

import verticals
from verticals.baselines.table import GbmTable
from verticals.data.windows import Ints
from verticals_finance.fraud.book import Book
from verticals_finance.fraud.decide import judged
from verticals_finance.fraud.examples import LARGEST, inputs_of
from verticals_finance.fraud.features import compute, feature_names
from verticals_finance.fraud.log import DAY, Log, derive
from verticals_finance.fraud.rules import Case
from verticals_finance.fraud.schema import CATEGORIES
from verticals_plugins import DataError, Examples, Predictions, UsageError

FAR = 3650 * DAY
"""A payment so much later than the newest one has a wrong time."""


@dataclass(frozen=True)
class Payment:
    """One payment as it arrives; ``time`` in nanoseconds since 1970 or anything pandas reads as a time."""

    id: Any
    card: str
    time: Any
    amount: float
    terminal: str | None = None
    habits: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """mcc, country, channel, currency as far as known."""


@dataclass(frozen=True)
class Answer:
    """What is said of a payment: probability of fraud, action (stop, review, pass) and reason codes."""

    id: Any
    probability: float
    action: str
    reason: str


class RealTimeScorer:
    """A run's bundle, one payment at a time.

    A payment that is delivered twice is answered as the first time. One that is late has the features that a batch
    gives with what has arrived by then; nothing that was said before changes. Labels come by :meth:`tell`; without one
    the label of a payment stays unknown, whatever the label delay.

    Raises:
        UsageError: the bundle is not of fraud detection.
        DataError: a payment's time or amount cannot be used, or a label is of an unknown payment.
    """

    def __init__(self, bundle: verticals.Bundle) -> None:
        if bundle.task.name != "finance.fraud" or bundle.past is None:
            raise UsageError(f"The bundle is of {bundle.task.name}.", expected="A bundle of finance.fraud.")
        self.bundle = bundle
        self.answers: dict[Any, Answer] = {}
        self.book = Book.of(bundle.past)
        self.newest = self.book.newest
        self.trees = {name: Trees(one) for name, one in bundle.methods.items() if isinstance(one, GbmTable)}
        self.nobody = Examples(pd.DataFrame({"id": [0]}), {})

    def score(self, payment: Payment) -> Answer:
        """Score a payment and remember it."""
        if payment.id is not None and payment.id in self.answers:
            return self.answers[payment.id]
        log, at = self._remember(payment)
        names, values = compute(log, at)
        chance = self._chance(payment, log, at, values)
        case = Case(
            amount=log.amount[at], card=np.array([str(payment.card)]), terminal=np.array([payment.terminal or ""]),
            column=Row(names, values, payment.habits).column,
        )  # fmt: skip
        said = judged(case, chance, self.bundle.policy, self.bundle.rule)
        answer = Answer(payment.id, float(chance[0]), str(said.action[0]), said.reason[0])
        self.answers[payment.id] = answer
        if len(self.answers) > self.book.room:
            self.answers = dict(islice(self.answers.items(), len(self.answers) // 2, None))
        return answer

    def features(self, payment: Payment) -> pd.Series:
        """The features of a payment (F,), which is remembered."""
        names, values = compute(*self._remember(payment))
        return pd.Series(values[0], index=list(names))

    def tell(self, id: Any, fraud: bool, known: Any) -> None:
        """Whether an earlier payment was fraud, and when that became known; a later word replaces an earlier one."""
        self.book.tell(id, fraud, nanoseconds(known))

    def _remember(self, payment: Payment) -> tuple[Log, Ints]:
        """The payment with what it may read as a log, and where it stands there (1,); its facts are fixed."""
        time, amount = nanoseconds(payment.time), number_or_nan(payment.amount)
        if payment.card in (None, "") or not abs(amount) <= LARGEST or time > self.newest + FAR:
            raise DataError(
                f"Payment {payment.id!r} has the card {payment.card!r}, the amount {payment.amount!r} and the time "
                f"{payment.time!r}.",
                expected=f"A card, an amount of at most {LARGEST:.0e}, a time at most ten years after the newest.",
            )
        card = str(payment.card)
        row = self.book.find(payment.id, time, card)
        if row is not None:
            return self.book.around(row)
        words = {"card": card, "terminal": payment.terminal, **payment.habits}
        row = self.book.add(payment.id, time, amount, words)
        self.newest = max(self.newest, time)
        log, at = self.book.around(row)
        derive(log, self.book.days, at)
        self.book.keep(row, log, at)
        return log, at

    def _chance(self, payment: Payment, log: Log, at: Ints, values: np.ndarray) -> np.ndarray:
        """(1,) what the bundle's ``predict_examples`` says; a table is made only for methods that need one."""
        bundle, examples = self.bundle, self.nobody
        if len(self.trees) < len(bundle.methods):
            words = pd.DataFrame([[payment.habits.get(name) for name in CATEGORIES[1:]]], columns=list(CATEGORIES[1:]))
            inputs = inputs_of(log, at, values, words.astype(object), bundle.task.schema.label_delay_days)
            examples = Examples(self.nobody.frame, inputs)
        members = {
            name: Predictions(examples, self.trees[name].predict(values, payment.habits))
            if name in self.trees
            else method.predict(examples)
            for name, method in bundle.methods.items()
        }
        joined = bundle.blend.combine(members) if bundle.blend is not None else next(iter(members.values()))
        return bundle.calibrator.apply(joined).values


class Trees:
    """A fitted LightGBM method that reads features as they come, without a table."""

    def __init__(self, method: GbmTable) -> None:
        assert method.encoder is not None
        self.method, self.encoder = method, method.encoder
        place = {name: number for number, name in enumerate(feature_names())}
        self.place = np.array([place[name] for name in self.encoder.numbers])

    def predict(self, values: np.ndarray, words: Mapping[str, str | None]) -> np.ndarray:
        """(1,) probability of features (1, F) and the words of the categories."""
        said = {name: str(word) for name, word in words.items() if word is not None}
        codes = [[known.get(said.get(name, ""), 0) for name, known in self.encoder.categories.items()]]
        x = np.concatenate([values[:, self.place], np.array(codes, dtype=np.float32)], axis=1)
        return self.method.predict_matrix(x)


@dataclass(frozen=True)
class Row:
    """A payment's features (1, F) by name, and the words of its categories."""

    names: tuple[str, ...]
    values: np.ndarray
    words: Mapping[str, str | None]

    def column(self, name: str) -> np.ndarray:
        """(1,) a number, or a word as text."""
        if name in self.names:
            return self.values[:, self.names.index(name)]
        return np.array([self.words.get(name)], dtype=object)


def number_or_nan(value: Any) -> float:
    """A number; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def nanoseconds(time: Any) -> int:
    """A moment as int64 nanoseconds since 1970.

    Raises:
        DataError: it cannot be read as a time.
    """
    if isinstance(time, int | np.integer):
        return int(time)
    try:
        found = pd.Timestamp(time)
        if not pd.isna(found):
            return int(found.as_unit("ns").value)
    except (ValueError, TypeError, OverflowError):
        pass
    raise DataError(f"The time {time!r} cannot be read.", expected="For example 2026-05-04T11:00:00Z.")
