"""Items that follow one another in a past: which are known, what an example has had, and ranked lists of what may come.

A past is an ``Events`` block with a category column ``item``; ``truth`` counts in ``Examples.names``, the items.
Items are kept in the order of a hash of their names, so that no tie is ever broken by the order in which they appeared.

Legend: N examples, E events, V known items, K candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd

from verticals_plugins import Events, Examples, Predictions, UsageError

ITEM = "item"
TOP = 100
"""Candidates that a method names per example."""
NONE = -1e9
"""Score of a place that holds no candidate."""
CELLS = 8_000_000


def in_hash_order(names: Sequence[str]) -> tuple[str, ...]:
    """The names in an order that says nothing of them."""
    return tuple(sorted(names, key=lambda name: blake2b(name.encode(), digest_size=8).digest()))


def history_of(examples: Examples) -> Events:
    """The block of past items.

    Raises:
        UsageError: there is none.
    """
    for block in examples.inputs.values():
        if isinstance(block, Events) and ITEM in block.frame:
            return block
    raise UsageError("These examples hold no past of items.", expected=f"An Events block with a column {ITEM!r}.")


@dataclass(frozen=True)
class Items:
    """The items that a method knows: names (V,), which may be recommended (V,) bool, how often each was taken (V,)."""

    names: tuple[str, ...]
    candidate: np.ndarray
    count: np.ndarray

    @classmethod
    def learn(cls, examples: Examples) -> Items:
        """Known are the items of the examples' pasts and truths, and those of which no event tells at all.

        The latter come from a catalogue; an item whose events all lie outside these examples is not known yet.
        """
        names = in_hash_order(examples.names)
        bare = cls(names, np.zeros(len(names), dtype=bool), np.zeros(len(names)))
        events = history_of(examples)
        codes = bare.of_events(events)
        truth = bare.of_truth(examples)
        had = pairs(events, codes)
        learner = pd.factorize(examples.frame["entity"])[0]
        taken = np.unique(np.concatenate([learner[had.row] * len(names) + had.code, learner * len(names) + truth]))
        count = np.bincount(taken % len(names), minlength=len(names)).astype(float)
        never = np.bincount(codes[codes >= 0], minlength=len(names)) == 0
        return cls(names, (count > 0) | never, count)

    def codes(self, names: Sequence[str]) -> np.ndarray:
        """Number of each name among these items, -1 = unknown."""
        at = {name: place for place, name in enumerate(self.names)}
        return np.array([at.get(str(name), -1) for name in names], dtype=np.int64)

    def of_events(self, events: Events) -> np.ndarray:
        """(E,) number of each event's item, -1 = unknown."""
        column = events.frame[ITEM].astype("category")
        known = np.append(self.codes(list(column.cat.categories)), -1)
        return known[column.cat.codes.to_numpy()]

    def of_truth(self, examples: Examples) -> np.ndarray:
        """(N,) number of each example's true item, -1 = unknown."""
        assert examples.truth is not None
        return self.codes(examples.names)[examples.truth.astype(np.int64)]

    def popularity(self) -> np.ndarray:
        """(V,) between 0 and 1, rising with the count."""
        most = float(np.log1p(self.count).max(initial=0.0))
        return np.log1p(self.count) / most if most else np.zeros(len(self.count))


@dataclass(frozen=True)
class Pairs:
    """Each (example, item it has had): example number, gap (1 = the newest), number of the item."""

    row: np.ndarray
    gap: np.ndarray
    code: np.ndarray


def pairs(events: Events, codes: np.ndarray, most: int | None = None) -> Pairs:
    """The known items of every example's past, the newest first, at most ``most`` of each."""
    count = events.stop - events.start
    count = count if most is None else np.minimum(count, most)
    row = np.repeat(np.arange(len(count)), count)
    gap = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + 1
    code = codes[np.repeat(events.stop, count) - gap] if len(row) else np.zeros(0, dtype=np.int64)
    known = code >= 0
    return Pairs(row[known], gap[known], code[known])


Score = Callable[[np.ndarray], np.ndarray]
Because = Callable[[np.ndarray, np.ndarray], np.ndarray]


def ranked(examples: Examples, items: Items, score: Score, because: Because | None = None) -> Predictions:
    """The TOP items of each example that it has not had, best first.

    ``score(rows)`` gives (n, V); ``because(rows, codes (n, K))`` the item of the past behind each candidate, -1 = none.
    Extras: ``item``, ``because`` (N, K) in numbers of ``examples.names`` and ``popularity`` (N, K).
    """
    events = history_of(examples)
    had = pairs(events, items.of_events(events))
    first = np.searchsorted(had.row, np.arange(len(examples) + 1))
    back = _back(items, examples)
    width = min(TOP, len(items.names))
    size = max(1, CELLS // max(1, len(items.names)))
    out: list[tuple[np.ndarray, ...]] = [_nothing(width)]
    popularity = items.popularity()
    for start in range(0, len(examples), size):
        rows = np.arange(start, min(start + size, len(examples)))
        scores = np.array(score(rows), dtype=np.float32)
        scores[:, ~items.candidate | (back[:-1] < 0)] = -np.inf
        mine = slice(first[rows[0]], first[rows[-1] + 1])
        scores[had.row[mine] - start, had.code[mine]] = -np.inf
        best, value = top(scores, width)
        reason = np.full(best.shape, -1) if because is None else because(rows, best)
        none = ~np.isfinite(value)
        best = np.where(none, -1, best)
        out.append((np.where(none, NONE, value), back[best], back[np.where(none, -1, reason)], popularity[best]))
    values, item, reason, popular = (np.concatenate(parts) for parts in zip(*out, strict=True))
    return Predictions(examples, values, extras={"item": item, "because": reason, "popularity": popular})


def top(scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, width) columns of the highest scores, best first, and the scores; of equals the first column."""
    if width < scores.shape[1]:
        picked = np.sort(np.argpartition(-scores, width - 1, axis=1)[:, :width], axis=1)
    else:
        picked = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    value = np.take_along_axis(scores, picked, axis=1)
    order = np.argsort(-value, axis=1, kind="stable")
    return np.take_along_axis(picked, order, axis=1), np.take_along_axis(value, order, axis=1)


def _back(items: Items, examples: Examples) -> np.ndarray:
    """(V + 1,) number of each known item in ``examples.names``; the last entry is -1, so that -1 stays -1."""
    at = {name: place for place, name in enumerate(examples.names)}
    return np.array([*(at.get(name, -1) for name in items.names), -1], dtype=np.int64)


def _nothing(width: int) -> tuple[np.ndarray, ...]:
    number, count = np.zeros((0, width), dtype=np.float32), np.zeros((0, width), dtype=np.int64)
    return number, count, count, number
