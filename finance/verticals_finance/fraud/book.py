"""The payments that a real-time scorer remembers: growing arrays, findable by card and by terminal.

Legend: N payments remembered, M of them around one payment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.windows import Floats, Ints
from verticals_finance.fraud.examples import tie_of
from verticals_finance.fraud.log import DAY, NEVER, REACH, Days, Log, latest, log_size
from verticals_finance.fraud.schema import CATEGORIES
from verticals_plugins import DataError, Dataset

WORDS = ("card", "terminal", *CATEGORIES[1:4])
WHOLE = (*WORDS, "time", "known", "fraud")
REAL = ("amount", "excess", "rank", "risk")
TIME, KNOWN, FRAUD = (WHOLE.index(name) for name in ("time", "known", "fraud"))


@dataclass
class Book:
    """N payments, numbered as they came: ids need not be unique, those of data without an id column are not."""

    days: Days
    ids: list[Any]
    whole: Ints
    """(8, N or more) codes of the words (-1 = missing), time, when the label is known (NEVER = not yet), label."""
    real: Floats
    """(4, N or more) amount, excess, rank, amount risk."""
    counted: bool
    """Whether all ids are whole numbers; payments of one moment are then ordered by number and not by text."""
    codes: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in WORDS})
    number: dict[Any, int] = field(default_factory=dict[Any, int])
    """The last payment of each id."""
    rows: dict[str, dict[int, list[int]]] = field(default_factory=dict[str, dict[int, list[int]]])
    """For "card" and "terminal": the payments of each code."""

    @classmethod
    def of(cls, past: Dataset) -> Book:
        """The book of what a bundle remembers."""
        main = past.main
        size = len(main)
        whole, real = np.full((len(WHOLE), size), -1, dtype=np.int64), np.empty((len(REAL), size))
        whole[TIME], whole[KNOWN] = (
            main[name].to_numpy().astype("datetime64[ns]").astype(np.int64) for name in ("time", "label_time")
        )
        label = main["fraud_code"].to_numpy(dtype=np.int64)
        whole[KNOWN], whole[FRAUD] = np.where(label < 0, NEVER, whole[KNOWN]), np.maximum(label, 0)
        for place, name in enumerate(REAL):
            real[place] = main[name].to_numpy(dtype=float)
        latest = np.maximum(whole[TIME], np.where(label < 0, whole[TIME], whole[KNOWN])).max()
        days = Days(int(whole[TIME].min() // DAY), int(latest // DAY))
        book = cls(days, main["id"].tolist(), whole, real, main["id"].dtype.kind in "iu")
        for place, name in enumerate(WORDS):
            if name in main:
                whole[place] = book._coded(name, main[name].tolist())
        days.add(whole[TIME] // DAY, log_size(real[0]))
        days.tell(whole[KNOWN], log_size(real[0]), whole[FRAUD])
        book._make_room()
        return book

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def room(self) -> int:
        """How many payments can be remembered before old ones are forgotten."""
        return self.whole.shape[1]

    @property
    def newest(self) -> int:
        """The latest time of a payment."""
        return int(self.whole[TIME, : len(self)].max())

    def find(self, id: Any, time: int, card: str) -> int | None:
        """The number of a payment that is remembered already."""
        row = None if id is None else self.number.get(id)
        same = row is not None and self.whole[TIME, row] == time and self.whole[0, row] == self.codes["card"].get(card)
        return row if same else None

    def add(self, id: Any, time: int, amount: float, words: Mapping[str, str | None]) -> int:
        """Take a payment in, whose facts are still NaN; its number."""
        row = len(self)
        if row == self.room:
            self._make_room()
            row = len(self)
        self.ids.append(id)
        self.counted = self.counted and isinstance(id, int | np.integer)
        self.whole[:, row] = [*(self._code(name, words.get(name)) for name in WORDS), time, NEVER, 0]
        self.real[:, row] = [amount, np.nan, np.nan, np.nan]
        self.number[id] = row
        self._file(row)
        self.days.reach(time // DAY)
        self.days.add(np.array([time // DAY]), log_size(self.real[:1, row]))
        return row

    def tell(self, id: Any, fraud: bool, known: int) -> None:
        """Whether a payment was fraud, known from ``known`` on; a later word replaces an earlier one.

        Raises:
            DataError: no payment has this id.
        """
        row = self.number.get(id)
        if row is None:
            raise DataError(f"No payment {id!r} is remembered.", expected="An id that was scored in the last 90 days.")
        size, column = log_size(self.real[:1, row]), self.whole[:, row]
        if column[KNOWN] != NEVER:
            self.days.tell(column[KNOWN : KNOWN + 1], size, column[FRAUD : FRAUD + 1], times=-1)
        column[KNOWN], column[FRAUD] = known, int(fraud)
        self.days.reach(max(known, int(column[TIME])) // DAY)
        self.days.tell(column[KNOWN : KNOWN + 1], size, column[FRAUD : FRAUD + 1])

    def around(self, row: int) -> tuple[Log, Ints]:
        """What a payment may read: its card's and its terminal's, and itself; and where it stands there (1,)."""
        card, terminal = int(self.whole[0, row]), int(self.whole[1, row])
        rows = np.array(self.rows["card"][card], dtype=np.int64)
        if terminal >= 0:
            there = np.array(self.rows["terminal"][terminal], dtype=np.int64)
            rows = np.concatenate([rows, there[self.whole[0, there] != card]])
        rows = np.sort(rows)
        whole, real = self.whole[:, rows], self.real[:, rows]
        habits = {name: whole[place] for place, name in enumerate(WORDS) if place > 1 and whole[place].max() >= 0}
        log = Log(
            card=whole[0], terminal=whole[1], time=whole[TIME], tie=self._tie(rows, whole[TIME]), amount=real[0],
            fraud=whole[FRAUD], known=whole[KNOWN], excess=real[1], rank=real[2], risk=real[3], habits=habits,
        )  # fmt: skip
        return log, np.searchsorted(rows, [row])

    def keep(self, row: int, log: Log, at: Ints) -> None:
        """Fix the facts of a payment, which stands ``at`` in ``log``."""
        self.real[1:, row] = [one[at[0]] for one in (log.excess, log.rank, log.risk)]

    def _tie(self, rows: Ints, time: Ints) -> Ints:
        ordered = np.sort(time)
        if (ordered[1:] != ordered[:-1]).all():
            return np.arange(len(rows), dtype=np.int64)
        return tie_of(pd.Series([self.ids[row] for row in rows.tolist()], dtype=None if self.counted else object))

    def _code(self, name: str, word: str | None) -> int:
        if word is None or word != word:
            return -1
        codes = self.codes[name]
        return codes.setdefault(str(word), len(codes))

    def _coded(self, name: str, words: list[Any]) -> Ints:
        return np.array([self._code(name, word) for word in words], dtype=np.int64)

    def _file(self, row: int) -> None:
        for name, code in (("card", int(self.whole[0, row])), ("terminal", int(self.whole[1, row]))):
            if code >= 0:
                self.rows[name][code].append(row)

    def _index(self) -> None:
        self.number = {id: row for row, id in enumerate(self.ids)}
        self.rows = {"card": defaultdict(list), "terminal": defaultdict(list)}
        for row in range(len(self)):
            self._file(row)

    def _make_room(self) -> None:
        """Forget what no feature reads any more, and have room for as many again."""
        time, known = self.whole[TIME], self.whole[KNOWN]
        alive = np.maximum(time, np.where(known == NEVER, time, known)) > latest(time) - REACH - DAY
        kept = np.flatnonzero(alive)
        room = max(1024, 2 * len(kept))
        whole, real = np.full((len(WHOLE), room), -1, dtype=np.int64), np.full((len(REAL), room), np.nan)
        whole[:, : len(kept)], real[:, : len(kept)] = self.whole[:, kept], self.real[:, kept]
        self.ids, self.whole, self.real = [self.ids[row] for row in kept.tolist()], whole, real
        self._index()
