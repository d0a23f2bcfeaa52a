"""A blend for rankings: the union of all members' candidates, put in order by LambdaMART (Burges 2010).

Its features are what each member says of a candidate (place, score, distance to that member's best), how many members
name it, how popular it is, and how much is known of the example. Ids are never features.

Legend: N examples, K places, C candidates of all examples together, F features.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from verticals.data.items import NONE, TOP, history_of
from verticals.pipeline.files import write_json
from verticals_plugins import Metric, Predictions

if TYPE_CHECKING:
    import lightgbm as lgb

DEPTH = 30
"""Places of each member that become candidates."""
FEWEST = 40
"""With fewer lists that hold the truth nothing is learnt, and places are added up instead."""
MANY = 3000
"""With this many lists one bag of larger trees is enough."""
SMOOTH = 60.0
"""Of reciprocal places that are added up (Cormack et al. 2009)."""
LEARN_SHARE = 0.8
MODEL, STATE = "rerank.txt", "rerank.json"


@dataclass(frozen=True)
class Union:
    """The candidates of all examples, sorted by example: row (C,), item (C,), features (C, F), reason (C,)."""

    row: np.ndarray
    item: np.ndarray
    features: np.ndarray
    because: np.ndarray


class Rerank:
    """LambdaMART over the union of candidates; fitted on examples that no member has seen."""

    name = "blend"

    def __init__(self, *, rounds: int = 400, patience: int = 40, rate: float = 0.05, bags: int = 3) -> None:
        self.rounds, self.patience, self.rate, self.bags = rounds, patience, rate, bags
        self.members: Sequence[str] = ()
        self.boosters: list[lgb.Booster] = []

    def fit(self, members: Mapping[str, Predictions], metric: Metric, seed: int) -> None:
        """Learn from the lists that hold the truth; a fifth of them, another in each bag, says when to stop."""
        self.members, self.boosters = list(members), []
        first = next(iter(members.values()))
        truth = first.examples.truth
        assert truth is not None
        union = self._union(members)
        hit = union.item == truth[union.row]
        useful = np.unique(union.row[hit])
        if len(useful) < FEWEST:
            return
        order = np.random.default_rng(seed).permutation(useful)
        cut = round((1 - LEARN_SHARE) * len(order))
        for bag in range(self.bags if len(useful) < MANY else 1):
            stop = order[bag * cut : (bag + 1) * cut]
            self.boosters.append(self._learn(union, hit, np.setdiff1d(useful, stop), np.sort(stop), seed + bag))

    def combine(self, members: Mapping[str, Predictions]) -> Predictions:
        """The best TOP candidates of each example, best first."""
        first = members[self.members[0]]
        union = self._union(members)
        score = self._score(union)
        order = np.lexsort((union.item, -score, union.row))
        row = union.row[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        keep = place < TOP
        row, place, order = row[keep], place[keep], order[keep]
        values = np.full((len(first), TOP), NONE, dtype=np.float32)
        item, because = np.full(values.shape, -1, dtype=np.int64), np.full(values.shape, -1, dtype=np.int64)
        values[row, place], item[row, place], because[row, place] = (
            score[order],
            union.item[order],
            union.because[order],
        )
        return replace(first, values=values, extras={"item": item, "because": because})

    def describe(self) -> Mapping[str, Any]:
        """Share of the gain by member."""
        gain = self._gain()
        total = sum(gain.values())
        if not total:
            return dict.fromkeys(self.members, round(1 / max(1, len(self.members)), 3))
        return {name: round(value / total, 3) for name, value in gain.items()}

    def save(self, folder: Path) -> None:
        """LightGBM text and JSON."""
        for number, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"{number}.{MODEL}"))
        write_json(folder / STATE, {"members": list(self.members), "models": len(self.boosters)})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        import lightgbm as lgb

        state = json.loads((folder / STATE).read_text())
        self.members = state["members"]
        self.boosters = [lgb.Booster(model_file=str(folder / f"{n}.{MODEL}")) for n in range(state["models"])]

    def _learn(self, union: Union, hit: np.ndarray, learn: np.ndarray, stop: np.ndarray, seed: int) -> lgb.Booster:
        import lightgbm as lgb

        many = len(learn) > MANY // 2
        parameters = {
            "objective": "lambdarank", "learning_rate": self.rate, "num_leaves": 31 if many else 7,
            "min_data_in_leaf": 50 if many else 20, "feature_fraction": 0.7, "bagging_fraction": 0.8,
            "bagging_freq": 1, "lambda_l2": 5.0, "lambdarank_truncation_level": 12, "metric": "ndcg", "eval_at": [10],
            "max_bin": 127, "verbosity": -1, "seed": seed, "num_threads": 1, "deterministic": True,
            "force_row_wise": True,
        }  # fmt: skip
        data, check = (self._lists(union, hit, rows) for rows in (learn, stop))
        check.reference = data
        booster = lgb.train(
            parameters, data, num_boost_round=self.rounds, valid_sets=[check],
            callbacks=[lgb.early_stopping(self.patience, verbose=False)],
        )  # fmt: skip
        # only the text form survives a bundle, so it is the one that answers from the start
        return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))

    def _lists(self, union: Union, hit: np.ndarray, rows: np.ndarray) -> lgb.Dataset:
        import lightgbm as lgb

        mine = np.isin(union.row, rows)
        sizes = np.unique(union.row[mine], return_counts=True)[1]
        return lgb.Dataset(union.features[mine], hit[mine].astype(int), group=sizes, free_raw_data=False)

    def _score(self, union: Union) -> np.ndarray:
        if self.boosters:
            raw = [np.asarray(one.predict(union.features, num_threads=1)) for one in self.boosters]
            return np.mean(raw, axis=0) if len(union.row) else np.zeros(0)
        places = union.features[:, : len(self.members)]
        return np.nansum(1 / (SMOOTH + places), axis=1)

    def _gain(self) -> dict[str, float]:
        gain = dict.fromkeys(self.members, 0.0)
        count = len(self.members)
        for booster in self.boosters:
            for number, value in enumerate(booster.feature_importance("gain")[: 3 * count]):
                gain[self.members[number % count]] += float(value)
        return gain

    def _union(self, members: Mapping[str, Predictions]) -> Union:
        first = members[self.members[0]]
        many = max(1, len(first.examples.names))
        known = {name: Listed.of(members[name], many) for name in self.members}
        near = [one.key[one.place <= DEPTH] for one in known.values()]
        keys = np.unique(np.concatenate(near))
        row, item = keys // many, keys % many
        told = [one.look_up(keys) for one in known.values()]
        place, score, lead = (np.stack([one[part] for one in told], axis=1) for part in range(3))
        because = np.full(len(keys), -1, dtype=np.int64)
        popular = np.full(len(keys), np.nan, dtype=np.float32)
        for one in told:
            because = np.where(because < 0, one[3], because).astype(np.int64)
            popular = np.where(np.isnan(popular), one[4], popular)
        events = history_of(first.examples)
        length = (events.stop - events.start)[row]
        named = (~np.isnan(place)).sum(axis=1)
        features = np.column_stack([place, score, lead, named, np.nanmin(place, axis=1), popular, np.log1p(length)])
        return Union(row, item, features.astype(np.float32), because)


@dataclass(frozen=True)
class Listed:
    """One member's lists, flat and sorted by ``key`` = example number x items + item."""

    key: np.ndarray
    place: np.ndarray
    score: np.ndarray
    lead: np.ndarray
    because: np.ndarray
    popular: np.ndarray

    @classmethod
    def of(cls, predictions: Predictions, many: int) -> Listed:
        """``lead`` is the distance to the member's best candidate of that example."""
        item = predictions.extras["item"]
        row, column = np.nonzero(item >= 0)
        score = predictions.values[row, column].astype(np.float32)
        best = predictions.values[row, 0] if predictions.values.shape[1] else score
        nothing = np.full(item.shape, np.nan, dtype=np.float32)
        because = predictions.extras.get("because", np.full(item.shape, -1))[row, column]
        popular = predictions.extras.get("popularity", nothing)[row, column]
        key = row.astype(np.int64) * many + item[row, column]
        order = np.argsort(key, kind="stable")
        flat = (column.astype(np.float32) + 1, score, (score - best).astype(np.float32), because, popular)
        return cls(key[order], *(one[order] for one in flat))

    def look_up(self, keys: np.ndarray) -> tuple[np.ndarray, ...]:
        """Place, score, lead, reason and popularity at ``keys``; NaN and -1 where this member does not name them."""
        if not len(self.key):
            nothing = np.full(len(keys), np.nan, dtype=np.float32)
            return nothing, nothing, nothing, np.full(len(keys), -1), nothing
        at = np.minimum(np.searchsorted(self.key, keys), len(self.key) - 1)
        found = self.key[at] == keys
        numbers = (np.where(found, one[at], np.nan) for one in (self.place, self.score, self.lead))
        popular = np.where(found, self.popular[at], np.nan)
        return (*numbers, np.where(found, self.because[at], -1), popular)
