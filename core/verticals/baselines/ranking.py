"""Classic methods that rank the next item: popularity, item neighbours, EASE, Markov and skip-Markov chains.

Each is a matrix of weights W (V, V): an example's scores are its past items, weighted by their age, times W. Where W
says nothing the more popular item is first, and an example without a past gets the popular ones.

Legend: N examples, V items, L learners (entities).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse as scipy_sparse

from verticals.data.items import Items, history_of, pairs, ranked
from verticals.evaluate.metrics import ndcg_10
from verticals.pipeline.files import write_json
from verticals_plugins import Baseline, Budget, DataError, Examples, Predictions

REACH = 50
"""Past items that are read."""
KEPT = 300
"""Largest weights that are kept of each row of W."""
LITTLE = 1e-6
REASONED = 10
"""First places for which the reason is looked up."""
MOST_ITEMS = 20_000
MANY_ITEMS = 3_000
"""Above this, only the last penalty is tried."""


@dataclass(frozen=True)
class Choice:
    """What is tried on validation: the age weight of past items, and a penalty where the method has one."""

    decay: float = 1.0
    penalty: float = 0.0


Matrix = Any
"""A sparse matrix of scipy, whose types tell array and matrix apart where nothing here does."""
sparse: Any = scipy_sparse
Learn = Callable[[Examples, Items, float], Matrix]


class LinearRank:
    """Past items, weighted ``decay ** (gap - 1)``, times W. ``choices`` are tried on validation by NDCG@10."""

    def __init__(self, name: str, learn: Learn, choices: tuple[Choice, ...], *, reach: int = REACH) -> None:
        self.name, self.learn, self.choices, self.reach = name, learn, choices, reach
        self.choice: Choice | None = None
        self.items = Items((), np.zeros(0, dtype=bool), np.zeros(0))
        self.weights: Matrix = sparse.csr_matrix((0, 0), dtype=np.float32)

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Learn W; without ``valid`` with what an earlier fit chose."""
        self.items = Items.learn(train)
        choices = self.choices
        if len(self.items.names) > MANY_ITEMS:
            choices = tuple(one for one in choices if one.penalty == choices[-1].penalty)
        if valid is None or len(choices) == 1:
            self.choice = self.choice or choices[0]
            self.weights = self.learn(train, self.items, self.choice.penalty)
            return
        best = -1.0
        learnt: dict[float, Matrix] = {}
        chosen = choices[0]
        for choice in choices:
            if choice.penalty not in learnt:
                learnt[choice.penalty] = self.learn(train, self.items, choice.penalty)
            self.choice, self.weights = choice, learnt[choice.penalty]
            found = ndcg_10.score(self.predict(valid), None)
            if found > best:
                best, chosen = found, choice
        self.choice, self.weights = chosen, learnt[chosen.penalty]

    def predict(self, examples: Examples) -> Predictions:
        """Ranked lists; the reason behind a candidate is the past item that gave it most."""
        assert self.choice is not None
        past = recent(examples, self.items, self.choice.decay, self.reach)
        prior = (LITTLE * self.items.popularity()).astype(np.float32)
        return ranked(
            examples,
            self.items,
            lambda rows: np.asarray((past[rows] @ self.weights).todense()) + prior,
            lambda rows, best: self._because(past, rows, best),
        )

    def save(self, folder: Path) -> None:
        """W and the counts as npz, names and choice as JSON."""
        assert self.choice is not None
        w = self.weights
        np.savez(
            folder / "weights.npz", data=w.data, indices=w.indices, indptr=w.indptr,
            candidate=self.items.candidate, count=self.items.count,
        )  # fmt: skip
        write_json(folder / "ranking.json", {"items": list(self.items.names), "choice": vars(self.choice)})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "ranking.json").read_text())
        self.choice = Choice(**state["choice"])
        with np.load(folder / "weights.npz", allow_pickle=False) as stored:
            self.items = Items(tuple(state["items"]), stored["candidate"], stored["count"])
            parts = (stored["data"], stored["indices"], stored["indptr"])
        self.weights = sparse.csr_matrix(parts, shape=(len(self.items.names),) * 2)

    def _because(self, past: Matrix, rows: np.ndarray, best: np.ndarray) -> np.ndarray:
        """(n, K) the past item with the largest share in each of the first places, -1 = none."""
        out = np.full(best.shape, -1, dtype=np.int64)
        mine = past[rows].tocoo()
        places = min(REASONED, best.shape[1])
        if not mine.nnz or not self.weights.nnz:
            return out
        strongest = np.zeros((len(rows), places), dtype=np.float32)
        order = np.lexsort((mine.data, mine.row))
        row, item, weight = mine.row[order], mine.col[order], mine.data[order]
        wanted = best[row, :places]
        gave = np.asarray(self.weights[np.repeat(item, places), wanted.ravel()]).reshape(wanted.shape)
        gave = gave * weight[:, None]
        np.maximum.at(strongest, row, gave)
        first, place = np.nonzero((gave >= strongest[row]) & (gave > 0))
        out[row[first], place] = item[first]
        return out


def recent(examples: Examples, items: Items, decay: float, reach: int) -> Matrix:
    """(N, V) each example's past items, the newest with weight 1, the one before with ``decay``, and so on."""
    events = history_of(examples)
    had = pairs(events, items.of_events(events), reach)
    weight = np.power(decay, had.gap - 1).astype(np.float32)
    shape = (len(examples), len(items.names))
    whole = sparse.coo_matrix((weight, (had.row, had.code)), shape=shape)
    return whole.tocsr()


def taken(examples: Examples, items: Items) -> Matrix:
    """(L, V) 1 where a learner had an item, in the past or as truth."""
    events = history_of(examples)
    had = pairs(events, items.of_events(events))
    learner, learners = pd.factorize(examples.frame["entity"])
    truth = items.of_truth(examples)
    row, code = np.concatenate([learner[had.row], learner]), np.concatenate([had.code, truth])
    shape = (len(learners), len(items.names))
    whole = sparse.coo_matrix((np.ones(len(row), np.float32), (row, code)), shape=shape).tocsr()
    whole.data[:] = 1.0
    return whole


def no_weights(train: Examples, items: Items, penalty: float) -> Matrix:
    """Popularity alone."""
    return sparse.csr_matrix((len(items.names),) * 2, dtype=np.float32)


def neighbours(train: Examples, items: Items, penalty: float) -> Matrix:
    """Cosine of the items' learners (Sarwar et al. 2001)."""
    x = taken(train, items)
    norm = np.sqrt(np.maximum(np.asarray(x.sum(axis=0)).ravel(), 1.0))
    x = x @ sparse.diags(1 / norm)
    return kept((x.T @ x).tocsr())


def ease(train: Examples, items: Items, penalty: float) -> Matrix:
    """EASE (Steck 2019, eq. 8): B = I - P diag(1 / diag P) with P = (X'X + penalty I)^-1.

    Raises:
        DataError: more items than a dense inverse can hold.
    """
    import scipy.linalg

    lapack: Any = scipy.linalg.lapack

    if len(items.names) > MOST_ITEMS:
        raise DataError(f"{len(items.names):,} items are too many for EASE.", expected=f"At most {MOST_ITEMS:,}.")
    x = taken(train, items)
    gram = np.asfortranarray((x.T @ x).todense(), dtype=np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise DataError("EASE cannot be solved on these data.", expected="A positive penalty.")
    diagonal = np.diag(inverse).copy()
    rows = []
    for start in range(0, len(diagonal), 512):
        part = np.array(inverse[start : start + 512])
        stop = start + len(part)
        part[:, stop:] = inverse[stop:, start:stop].T
        corner = np.tril(part[:, start:stop])
        part[:, start:stop] = corner + np.tril(corner, -1).T
        part /= -diagonal
        part[np.arange(len(part)), np.arange(start, stop)] = 0.0
        rows.append(kept(part))
    return sparse.vstack(rows).tocsr()


def chain(train: Examples, items: Items, penalty: float, *, gaps: int, fade: float, back: float) -> Matrix:
    """Transitions from each of the last ``gaps`` items to the next, ``fade ** (gap - 1)`` each, reversed ones ``back``.

    Rows are divided by the square root of their sum, which keeps frequent items from drowning rare ones.
    """
    events = history_of(train)
    had = pairs(events, items.of_events(events), gaps)
    weight = np.power(fade, had.gap - 1).astype(np.float32)
    following = items.of_truth(train)[had.row]
    shape = (len(items.names),) * 2
    forward = sparse.coo_matrix((weight, (had.code, following)), shape=shape).tocsr()
    whole = forward + back * forward.T if back else forward
    total = np.asarray(whole.sum(axis=1)).ravel()
    return kept(sparse.csr_matrix(sparse.diags(1 / np.sqrt(np.maximum(total, 1.0))) @ whole))


def kept(weights: Any) -> Matrix:
    """The KEPT largest weights of each row."""
    if isinstance(weights, np.ndarray):
        if weights.shape[1] > KEPT:
            edge = np.partition(np.abs(weights), -KEPT, axis=1)[:, -KEPT]
            weights = np.where(np.abs(weights) >= edge[:, None], weights, 0)
        return sparse.csr_matrix(weights.astype(np.float32))
    sparse_weights = sparse.csr_matrix(weights, dtype=np.float32)
    row = np.repeat(np.arange(sparse_weights.shape[0]), np.diff(sparse_weights.indptr))
    order = np.lexsort((sparse_weights.indices, -sparse_weights.data, row))
    place = np.arange(len(row)) - sparse_weights.indptr[row]
    keep = order[place < KEPT]
    parts = (sparse_weights.data[keep], (row[keep], sparse_weights.indices[keep]))
    return sparse.coo_matrix(parts, shape=sparse_weights.shape).tocsr()


FADING = (Choice(1.0), Choice(0.8), Choice(0.6))
PENALTIES = tuple(Choice(decay, penalty) for penalty in (20.0, 100.0) for decay in (1.0, 0.6))

POPULARITY = Baseline(
    "popularity", build=lambda task: LinearRank("popularity", no_weights, (Choice(),)), summary="most taken items"
)
ITEM_KNN = Baseline(
    "item_knn", build=lambda task: LinearRank("item_knn", neighbours, FADING), summary="cosine neighbours of past items"
)
EASE = Baseline("ease", build=lambda task: LinearRank("ease", ease, PENALTIES), summary="EASE, a linear auto-encoder")
MARKOV = Baseline(
    "markov",
    build=lambda task: LinearRank("markov", partial(chain, gaps=1, fade=1.0, back=0.0), (Choice(),), reach=1),
    summary="what followed the last item",
)
SKIP_MARKOV = Baseline(
    "skip_markov",
    build=lambda task: LinearRank("skip_markov", partial(chain, gaps=5, fade=0.6, back=0.3), FADING),
    summary="what followed the last five items",
)
ALL = (POPULARITY, ITEM_KNN, EASE, MARKOV, SKIP_MARKOV)
