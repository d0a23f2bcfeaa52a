"""LightGBM and logistic regression on the Table block: the bar that the core has to pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from verticals.baselines.encode import TableEncoder, table_of
from verticals.pipeline.files import write_json
from verticals_plugins import Baseline, Budget, Examples, Predictions, Table

if TYPE_CHECKING:
    import lightgbm as lgb

FEW = 64
"""Fewer rows than this are predicted on one thread."""
THIN_ABOVE = 100_000
"""With more rows than this and rare positives, negatives are thinned to about this many and weighted up."""

MOST_ROWS, AT_ONCE = 100_000, 50_000
"""Logistic regression learns from at most so many rows, and scores so many at once."""


@dataclass(frozen=True)
class GbmSettings:
    """LightGBM's knobs, by its own names where it has one."""

    learning_rate: float = 0.05
    leaves: int = 15
    min_leaf: int = 20
    columns: float = 0.5
    rows: float = 0.8
    l2: float = 5.0
    bins: int = 1023
    """Many: where positives are rare they lie in the last quantiles of a few columns, and few bins make one of them."""
    rounds: int = 600
    patience: int = 50
    bags: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def parameters(self, objective: str, classes: int, budget: Budget, seed: int) -> dict[str, Any]:
        """LightGBM's parameters; deterministic for a number of threads."""
        many = {"num_class": classes} if objective == "multiclass" else {}
        return {
            "objective": objective, "learning_rate": self.learning_rate, "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf, "feature_fraction": self.columns, "bagging_fraction": self.rows,
            "bagging_freq": 1, "lambda_l2": self.l2, "max_bin": self.bins, "verbosity": -1, "seed": seed,
            "num_threads": budget.threads, "deterministic": True, "force_row_wise": True, **many, **self.extra,
        }  # fmt: skip


class GbmTable:
    """LightGBM on the Table block; (N,) binary, (N, K) classes, or one model per label for multi-label truth."""

    def __init__(self, settings: GbmSettings | None = None, *, name: str = "gbm", block: str = "table") -> None:
        self.name, self.block = name, block
        self.settings = settings or GbmSettings()
        self.encoder: TableEncoder | None = None
        self.boosters: list[lgb.Booster] = []
        self.kind = "binary"
        self.rounds: list[int] = []

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Early stopping on ``valid``; without it, as many rounds as an earlier fit chose."""
        assert train.truth is not None
        self.kind = "labels" if train.truth.ndim == 2 else "classes" if len(train.names) > 2 else "binary"
        table = table_of(train, self.block)
        self.encoder = TableEncoder.fit(table)
        rows, weight = thin(train.truth, budget.seed) if self.kind == "binary" else (None, None)
        truth = train.truth if rows is None else train.truth[rows]
        x = self.encoder.matrix(table if rows is None else Table(table.frame.iloc[rows]))
        x_valid = None if valid is None else self.encoder.matrix(table_of(valid, self.block))
        columns = range(truth.shape[1]) if self.kind == "labels" else range(1)
        chosen, self.rounds, self.boosters = list(self.rounds), [], []
        for label in columns:
            y, x_label = truth, x
            if self.kind == "labels":
                y = truth[:, label]
                rows, weight = thin(y, budget.seed)
                x_label, y = (x, y) if rows is None else (x[rows], y[rows])
            target = None
            if x_valid is not None and valid is not None and valid.truth is not None:
                target = (x_valid, valid.truth[:, label] if self.kind == "labels" else valid.truth)
            rounds = chosen[label] if label < len(chosen) else self.settings.rounds // 3
            self._fit_one(x_label, y, weight, target, rounds, len(train.names), budget)

    def _fit_one(
        self, x: np.ndarray, y: np.ndarray, weight: np.ndarray | None,
        valid: tuple[np.ndarray, np.ndarray] | None, rounds: int, classes: int, budget: Budget,
    ) -> None:  # fmt: skip
        import lightgbm as lgb

        assert self.encoder is not None
        objective = "multiclass" if self.kind == "classes" else "binary"
        known = ~np.isnan(y.astype(float))
        if not known.all():
            x, y = x[known], y[known]
        number = len(self.encoder.numbers)
        categorical = list(range(number, number + len(self.encoder.categories)))
        common: dict[str, Any] = {"feature_name": _safe(self.encoder.names), "categorical_feature": categorical}
        best: list[int] = []
        for bag in range(self.settings.bags):
            parameters = self.settings.parameters(objective, classes, budget, budget.seed + 1000 * bag)
            data = lgb.Dataset(x, y, weight=weight, free_raw_data=False, **common)
            if valid is None:
                booster = lgb.train(parameters, data, num_boost_round=rounds)
            else:
                seen = ~np.isnan(valid[1].astype(float))
                check = lgb.Dataset(valid[0][seen], valid[1][seen], reference=data, **common)
                stop = lgb.early_stopping(self.settings.patience, verbose=False)
                booster = lgb.train(
                    parameters, data, num_boost_round=self.settings.rounds, valid_sets=[check], callbacks=[stop]
                )
                best.append(max(10, booster.best_iteration))
            self.boosters.append(booster)
        self.rounds.append(round(float(np.mean(best))) if best else rounds)

    def predict(self, examples: Examples) -> Predictions:
        """Probabilities: (N,), (N, K) classes or (N, K) labels; the mean of the bags."""
        assert self.encoder is not None
        return Predictions(examples, self.predict_matrix(self.encoder.matrix(table_of(examples, self.block))))

    def predict_matrix(self, x: np.ndarray) -> np.ndarray:
        """The same of the encoder's matrix (N, F)."""
        # waking threads takes longer than a few rows do
        threads: dict[str, Any] = {"num_threads": 1} if len(x) < FEW else {}
        raw = [np.asarray(b.predict(x, **threads)) for b in self.boosters]
        bags = self.settings.bags
        grouped = [np.mean(raw[i : i + bags], axis=0) for i in range(0, len(raw), bags)]
        return np.stack(grouped, axis=1) if self.kind == "labels" else np.asarray(grouped[0])

    def contributions(self, examples: Examples) -> tuple[list[str], np.ndarray]:
        """Names (F,) and TreeSHAP contributions (N, F) in log-odds (Lundberg 2020), of the first label or class 1."""
        assert self.encoder is not None
        x = self.encoder.matrix(table_of(examples, self.block))
        raw = np.asarray(self.boosters[0].predict(x, pred_contrib=True))
        width = len(self.encoder.names) + 1
        first = raw[:, width : 2 * width] if self.kind == "classes" else raw
        return self.encoder.names, first[:, : width - 1]

    def save(self, folder: Path) -> None:
        """LightGBM text and JSON."""
        assert self.encoder is not None
        for number, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"model_{number}.txt"), num_iteration=booster.best_iteration or None)
        state = {"encoder": self.encoder.to_json(), "kind": self.kind, "rounds": self.rounds, "block": self.block}
        write_json(folder / "gbm.json", state | {"bags": self.settings.bags, "models": len(self.boosters)})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        import lightgbm as lgb

        state = json.loads((folder / "gbm.json").read_text())
        self.encoder, self.kind = TableEncoder.from_json(state["encoder"]), state["kind"]
        self.rounds, self.block = state["rounds"], state["block"]
        self.settings = replace(self.settings, bags=state["bags"])
        self.boosters = [lgb.Booster(model_file=str(folder / f"model_{n}.txt")) for n in range(state["models"])]


class LogisticTable:
    """L2-regularised logistic regression on standardised numbers and one-hot categories; missing = mean + flag."""

    def __init__(
        self, *, name: str = "logistic", block: str = "table", strengths: tuple[float, ...] = (0.01, 0.1, 1.0)
    ):
        self.name, self.block, self.strengths = name, block, strengths
        self.encoder: TableEncoder | None = None
        self.kind, self.strength = "binary", 0.0
        self.mean = self.scale = self.coef = self.bias = np.empty(0)

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """The strength of the penalty is chosen by log loss on ``valid``."""
        assert train.truth is not None
        self.kind = "labels" if train.truth.ndim == 2 else "classes" if len(train.names) > 2 else "binary"
        self.encoder = TableEncoder.fit(table_of(train, self.block))
        rows = some_rows(len(train), MOST_ROWS, budget.seed)
        some, y = train.take(rows), train.truth[rows]
        numbers = self.encoder.matrix(table_of(some, self.block))[:, : len(self.encoder.numbers)]
        finite = np.where(np.isfinite(numbers), numbers, np.nan)
        seen = np.isfinite(finite).any(axis=0)
        self.mean, self.scale = np.zeros(finite.shape[1]), np.ones(finite.shape[1])
        self.mean[seen] = np.nanmean(_squash(finite[:, seen]), axis=0)
        self.scale[seen] = np.nanstd(_squash(finite[:, seen]), axis=0) + 1e-6
        x = self._design(some)
        if valid is None or valid.truth is None:
            self._solve(x, y, self.strength or self.strengths[-1])
            return
        check = self._design(valid)
        tried: dict[float, float] = {}
        for strength in self.strengths:
            self._solve(x, y, strength)
            tried[strength] = _loss(self._chance(check), valid.truth)
        self.strength = min(tried, key=lambda one: tried[one])
        self._solve(x, y, self.strength)

    def predict(self, examples: Examples) -> Predictions:
        """Probabilities: (N,), (N, K) classes or (N, K) labels."""
        parts = [examples.take(rows) for rows in np.array_split(np.arange(len(examples)), len(examples) // AT_ONCE + 1)]
        return Predictions(examples, np.concatenate([self._chance(self._design(part)) for part in parts]))

    def save(self, folder: Path) -> None:
        """npz of numbers and JSON."""
        assert self.encoder is not None
        np.savez(folder / "logistic.npz", mean=self.mean, scale=self.scale, coef=self.coef, bias=self.bias)
        state = {"encoder": self.encoder.to_json(), "kind": self.kind, "strength": self.strength, "block": self.block}
        write_json(folder / "logistic.json", state)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "logistic.json").read_text())
        self.encoder, self.kind = TableEncoder.from_json(state["encoder"]), state["kind"]
        self.strength, self.block = state["strength"], state["block"]
        with np.load(folder / "logistic.npz", allow_pickle=False) as stored:
            self.mean, self.scale, self.coef, self.bias = (stored[k] for k in ("mean", "scale", "coef", "bias"))

    def _design(self, examples: Examples) -> np.ndarray:
        assert self.encoder is not None
        x = self.encoder.matrix(table_of(examples, self.block)).astype(np.float64)
        cut = len(self.encoder.numbers)
        numbers = (_squash(np.where(np.isfinite(x[:, :cut]), x[:, :cut], np.nan)) - self.mean) / self.scale
        blocks = [np.nan_to_num(np.clip(numbers, -8, 8)), np.isnan(numbers).astype(np.float64)]
        for place, codes in enumerate(self.encoder.categories.values(), start=cut):
            width = min(len(codes), 50)
            blocks.append((x[:, place, None] == np.arange(1, width + 1)).astype(np.float64))
        return np.concatenate(blocks, axis=1)

    def _solve(self, x: np.ndarray, y: np.ndarray, strength: float) -> None:
        from sklearn.linear_model import LogisticRegression

        coef, bias = [], []
        for target in y.T if self.kind == "labels" else [y]:
            known = ~np.isnan(target.astype(float))
            if len(np.unique(target[known])) < 2:
                coef.append(np.zeros((1, x.shape[1])))
                bias.append([float(np.where(target[known].mean() > 0.5, 8.0, -8.0)) if known.any() else 0.0])
                continue
            model = LogisticRegression(C=strength, max_iter=2000, tol=1e-3).fit(x[known], target[known])
            coef.append(model.coef_)
            bias.append(model.intercept_)
        self.coef, self.bias = np.concatenate(coef), np.concatenate(bias)

    def _chance(self, x: np.ndarray) -> np.ndarray:
        logit = x @ self.coef.T + self.bias
        if self.kind == "classes" and logit.shape[1] > 1:
            chance = np.exp(logit - logit.max(axis=1, keepdims=True))
            return chance / chance.sum(axis=1, keepdims=True)
        chance = 1 / (1 + np.exp(-logit))
        return chance if self.kind == "labels" else chance[:, 0]


def thin(y: np.ndarray, seed: int, most: int = THIN_ABOVE) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Rows to keep (about ``most``) and weights (n,): many negatives cost no time. (None, None) = keep all."""
    positive = np.flatnonzero(y > 0)
    negative = np.flatnonzero(y <= 0)
    wanted = max(most - len(positive), 5 * len(positive))
    if len(y) <= most or len(negative) <= wanted:
        return None, None
    kept = np.random.default_rng(seed).choice(negative, wanted, replace=False)
    rows = np.sort(np.concatenate([positive, kept]))
    return rows, np.where(y[rows] > 0, 1.0, len(negative) / wanted)


def some_rows(n: int, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of n rows, in order."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _squash(x: np.ndarray) -> np.ndarray:
    """Signed logarithm: heavy tails become linear enough for a linear model."""
    return np.sign(x) * np.log1p(np.abs(x))


def _loss(chance: np.ndarray, truth: np.ndarray) -> float:
    if chance.ndim == 2 and truth.ndim == 1:
        return float(-np.log(np.clip(chance[np.arange(len(truth)), truth.astype(int)], 1e-9, 1)).mean())
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    return float(-np.nanmean(truth * np.log(chance) + (1 - truth) * np.log(1 - chance)))


def _safe(names: list[str]) -> list[str]:
    """LightGBM takes no JSON punctuation in names."""
    return [f"{number}_{''.join(c if c.isalnum() or c == '_' else '_' for c in n)}" for number, n in enumerate(names)]


GBM = Baseline("gbm", build=lambda task: GbmTable(), summary="LightGBM on the table")
LOGISTIC = Baseline("logistic", build=lambda task: LogisticTable(), summary="logistic regression on the table")
