"""As-of splits: by time with a gap for late labels, by entity, in folds, by rolling origin, or as the data give them.

Every splitter returns :class:`Parts`. No row's truth is used before it is known: a fold trains only on rows whose
``known_at`` lies before the first moment that the fold is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins import DataError, Examples, Fold, Parts

DAY = np.timedelta64(86_400, "s")


@dataclass(frozen=True, kw_only=True)
class TimeSplit:
    """Cut by time: train | gap | valid | gap | gate | gap | test, shares of the examples in order of time.

    The gaps come from ``known_at``: rows whose truth is not known when the next part begins are in no part but the
    final training of what ships, and even there only if their truth is known when the test part begins.
    """

    valid: float = 0.15
    gate: float = 0.15
    test: float = 0.15

    def __call__(self, examples: Examples, seed: int) -> Parts:
        time = times(examples)
        known = examples.known_at if examples.known_at is not None else time
        known = known.astype("datetime64[ns]")
        shares = 1.0 - np.cumsum([self.test, self.gate, self.valid])
        order = np.sort(time)
        test_at, gate_at, valid_at = (order[min(int(share * len(order)), len(order) - 1)] for share in shares)
        rows = np.arange(len(examples))
        train = rows[(time < valid_at) & (known <= valid_at)]
        valid = rows[(time >= valid_at) & (time < gate_at) & (known <= gate_at)]
        gate = rows[(time >= gate_at) & (time < test_at) & (known <= test_at)]
        test = rows[time >= test_at]
        final = rows[(time < test_at) & (known <= test_at)]
        notes = {
            "by": "time",
            "train until": str(valid_at),
            "validation from": str(valid_at),
            "gate from": str(gate_at),
            "test from": str(test_at),
        }
        if len(examples) and not min(len(train), len(valid), len(gate)):
            self._refuse_short(time, known)
        return filled(Parts((Fold(train, valid, gate),), final, test, notes), examples)

    def _refuse_short(self, time: np.ndarray, known: np.ndarray) -> None:
        """Raises:
        DataError: truth comes so late that no part of this history holds any; says how long a history is needed.
        """
        span, late = (time.max() - time.min()) / DAY, float(np.quantile((known - time) / DAY, 0.5))
        least = min(self.valid, self.gate, 1 - self.test - self.gate - self.valid)
        if late <= least * span:
            return
        most = f" This history allows at most {least * span:.2g} days." if least * span >= 0.1 else ""
        raise DataError(
            f"The history is too short: the data span {span:.3g} days, and what is predicted becomes known {late:.3g} "
            "days later; training, validation, the gate and the test need periods of their own, each longer than that.",
            expected=f"A history of {np.ceil(late / least) + 1:.0f} days or more.",
            todo=f"Give a longer history, or say how soon it is really known: --label-delay DAYS.{most}",
        )


@dataclass(frozen=True, kw_only=True)
class EntitySplit:
    """Cut by entity (a patient, a piece, a learner): no entity stands on two sides. ``column`` names it.

    Below ``few`` entities, the gate decides on ``folds`` nested folds instead of one part. With ``stretches`` each of
    these is judged on entities that follow one another, in time or else in the data: what drifts shows.
    """

    column: str = "entity"
    valid: float = 0.15
    gate: float = 0.2
    test: float = 0.2
    few: int = 1500
    folds: int = 5
    stratify: bool = True
    stretches: bool = False

    def __call__(self, examples: Examples, seed: int) -> Parts:
        groups, rows = group_rows(examples, self.column)
        order = _shuffled(examples, groups, rows, seed, self.stratify)
        n_test = max(1, round(self.test * len(groups)))
        test, rest = _deal(order, n_test), _deal_rest(order, n_test)
        notes = {"by": self.column, "groups": len(groups)}
        final = _rows(rest, rows)
        if len(groups) < self.few:
            folds = _stretches(examples, rest, rows, self.folds) if self.stretches else _nested(rest, rows, self.folds)
            notes["nested folds"] = self.folds
        else:
            n_gate = max(1, round(self.gate * len(groups)))
            n_valid = max(1, round(self.valid * len(groups)))
            gate, left = _deal(rest, n_gate), _deal_rest(rest, n_gate)
            valid, train = _deal(left, n_valid), _deal_rest(left, n_valid)
            folds = (Fold(_rows(train, rows), _rows(valid, rows), _rows(gate, rows)),)
        return filled(Parts(folds, final, _rows(test, rows), notes), examples)


@dataclass(frozen=True, kw_only=True)
class GivenSplit:
    """The split that comes with the data: ``column`` of the examples' frame says train, valid, gate or test.

    Without rows marked ``gate`` (or ``valid``), they are cut from ``train`` by ``within``.
    """

    column: str = "split"
    within: EntitySplit | TimeSplit = EntitySplit(test=0.0)

    def __call__(self, examples: Examples, seed: int) -> Parts:
        if self.column not in examples.frame:
            return self.within(examples, seed) if _has_test(self.within) else EntitySplit()(examples, seed)
        part = examples.frame[self.column].astype(str).str.lower().to_numpy()
        part = np.where(np.isin(part, ["val", "validation", "dev"]), "valid", part)
        rows = np.arange(len(examples))
        given = {name: rows[part == name] for name in ("train", "valid", "gate", "test")}
        known = np.concatenate([given["train"], given["valid"], given["gate"]])
        notes: dict[str, Any] = {"by": f"given column {self.column}"}
        if len(known) + len(given["test"]) < len(part):
            other = sorted(set(part) - given.keys())
            notes["in no part"] = f"{int(np.isin(part, other).sum())} rows that say {', '.join(other[:5])}"
        if len(given["valid"]) and len(given["gate"]):
            folds: tuple[Fold, ...] = (Fold(given["train"], given["valid"], given["gate"]),)
        elif len(given["valid"]):
            first = self._within(examples.take(given["valid"]), seed)
            folds = tuple(
                Fold(given["train"], given["valid"][np.concatenate([f.train, f.valid])], given["valid"][f.gate])
                for f in first.folds
            )
        else:
            inner = self._within(examples.take(given["train"]), seed)
            base = given["train"]
            folds = tuple(Fold(base[f.train], base[f.valid], base[f.gate]) for f in inner.folds)
        return filled(Parts(folds, np.sort(known), given["test"], notes), examples)

    def _within(self, examples: Examples, seed: int) -> Parts:
        return self.within(examples, seed)


@dataclass(frozen=True, kw_only=True)
class RollingOrigin:
    """Series at rolling origins: column ``origin`` of the frame numbers them, 0 = the latest.

    A number counts whole horizons back; those between two whole ones serve for training alone, and only where their
    truth ends before the part that is judged begins.

    Origin 0 is the test, 1 the gate, then ``valid`` origins, then training. With ``windows`` > 1 the gate decides on
    several origins, each with what lies before it.
    """

    windows: int = 1
    valid: int = 1
    column: str = "origin"

    def __call__(self, examples: Examples, seed: int) -> Parts:
        origin = examples.frame[self.column].to_numpy()
        rows = np.arange(len(examples))
        folds = []
        for gate_at in range(1, self.windows + 1):
            train = rows[origin >= gate_at + self.valid + 1]
            valid = rows[np.isin(origin, gate_at + 1 + np.arange(self.valid))]
            gate = rows[origin == gate_at]
            if len(train) and len(valid) and len(gate):
                folds.append(Fold(train, valid, gate))
        if not folds:
            raise DataError(
                f"The series are too short: {int(origin.max()) + 1} origins can be cut.",
                expected=f"At least {3 + self.valid} (training, {self.valid} for validation, gate, test).",
                todo="Give a longer history or a shorter horizon.",
            )
        notes = {"by": "rolling origin", "gate origins": len(folds)}
        return filled(Parts(tuple(folds), rows[origin >= 1], rows[origin == 0], notes), examples)


def times(examples: Examples) -> np.ndarray:
    """The examples' moments (N,) datetime64[ns]."""
    return examples.frame["time"].to_numpy().astype("datetime64[ns]")


def group_rows(examples: Examples, column: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Distinct values of ``column`` in order of first appearance, and each one's row numbers."""
    codes, groups = pd.factorize(examples.frame[column], use_na_sentinel=False)
    order = np.argsort(codes, kind="stable")
    cuts = np.cumsum(np.bincount(codes, minlength=len(groups)))[:-1]
    return np.asarray(groups), np.split(order, cuts)


def filled(parts: Parts, examples: Examples) -> Parts:
    """The same parts, if none is empty.

    Raises:
        DataError: a part is empty; says which and how many examples there are.
    """
    sizes = {
        "training": min(len(fold.train) for fold in parts.folds),
        "validation": min(len(fold.valid) for fold in parts.folds),
        "the gate": min(len(fold.gate) for fold in parts.folds),
        "the test": min(len(parts.test), len(parts.final)),
    }
    empty = [name for name, size in sizes.items() if not size]
    if empty:
        raise DataError(
            f"{len(examples)} examples are too few to split: none is left for {', '.join(empty)}.",
            expected="Examples for training, validation, the gate and the test.",
            todo="Give more data, or a longer period.",
        )
    return parts


def _has_test(split: EntitySplit | TimeSplit) -> bool:
    return split.test > 0


def _shuffled(examples: Examples, groups: np.ndarray, rows: list[np.ndarray], seed: int, stratify: bool) -> list[int]:
    """Group numbers in random order; with ``stratify`` classes are spread evenly along it."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(groups))
    label = _classes(examples, order, rows) if stratify else None
    if label is None:
        return [int(i) for i in order]
    place = np.empty(len(order))
    for value in np.unique(label):
        mine = np.flatnonzero(label == value)
        place[mine] = (np.arange(len(mine)) + rng.random()) / len(mine)
    return [int(i) for i in order[np.argsort(place, kind="stable")]]


def _classes(examples: Examples, groups: np.ndarray, rows: list[np.ndarray]) -> np.ndarray | None:
    """The highest class of each of the groups; None where the truth is no class."""
    truth = examples.truth
    if truth is None or truth.ndim != 1 or truth.dtype.kind not in "iub":
        return None
    return np.array([truth[rows[i]].max() for i in groups])


def _deal(order: list[int], n: int) -> list[int]:
    """``n`` groups evenly from ``order``, so that a stratified order stays stratified."""
    picks = {int((i + 0.5) * len(order) / n) for i in range(n)} if n else set[int]()
    return [group for place, group in enumerate(order) if place in picks]


def _deal_rest(order: list[int], n: int) -> list[int]:
    taken = set(_deal(order, n))
    return [group for group in order if group not in taken]


def _nested(order: list[int], rows: list[np.ndarray], k: int) -> tuple[Fold, ...]:
    """k folds; each fold's validation part is a fifth of what is left."""
    folds = []
    for number in range(k):
        gate = order[number::k]
        left = [group for place, group in enumerate(order) if place % k != number]
        valid = left[number % 5 :: 5]
        train = [group for place, group in enumerate(left) if place % 5 != number % 5]
        folds.append(Fold(_rows(train, rows), _rows(valid, rows), _rows(gate, rows)))
    return tuple(folds)


def _stretches(examples: Examples, order: list[int], rows: list[np.ndarray], k: int) -> tuple[Fold, ...]:
    """k folds, each judged on the groups of one k-th of each class's way; validation is a fifth of what is left."""
    folds, every = [], np.array(order)
    part = _along(examples, every, rows, k)
    for number in range(k):
        left = every[part != number]
        near = _along(examples, left, rows, 5) == number % 5
        gate, valid, train = every[part == number], left[near], left[~near]
        folds.append(Fold(_rows(train.tolist(), rows), _rows(valid.tolist(), rows), _rows(gate.tolist(), rows)))
    return tuple(folds)


def _along(examples: Examples, groups: np.ndarray, rows: list[np.ndarray], parts: int) -> np.ndarray:
    """Which of so many equal parts of its class's way each group lies in: by time, then by place in the data."""
    time = examples.frame["time"].to_numpy()
    order = np.lexsort(([rows[i][0] for i in groups], [time[rows[i]].min() for i in groups]))
    found, label = np.empty(len(groups), dtype=np.int64), _classes(examples, groups, rows)
    for value in [None] if label is None else np.unique(label):
        mine = order if label is None else order[label[order] == value]
        found[mine] = np.arange(len(mine)) * parts // len(mine)
    return found


def _rows(groups: list[int], rows: list[np.ndarray]) -> np.ndarray:
    if not groups:
        return np.empty(0, dtype=np.int64)
    return np.sort(np.concatenate([rows[i] for i in groups]))
