"""What the benchmarks of diagnosis share: run the pipeline and keep what every method says of the held-out part."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from _face import Benchmark, Cost, Value, measured

from verticals.evaluate.metrics import binary_auroc, binary_average_precision
from verticals.model.core import CoreMethod
from verticals.pipeline.run import run
from verticals.pipeline.settings import sized
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_plugins import Budget, CoreSpec, Dataset, Predictions

DRAWS = 1000


def accuracy(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Share that is right at .5."""
    return float(np.average((score >= 0.5) == (truth > 0.5), weights=weight))


CLASSIC = tuple(one.name for one in DIAGNOSIS.baselines if not isinstance(one, str))
METRICS = {"auroc": binary_auroc, "auprc": binary_average_precision, "accuracy": accuracy}


@dataclass
class Pooled:
    """Out-of-fold scores of each method for all examples, what each gate shipped, and seconds by method."""

    truth: np.ndarray
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    shipped: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def put(self, method: str, rows: np.ndarray, values: np.ndarray, seconds: float = 0.0) -> None:
        """Keep a fold's scores."""
        self.scores.setdefault(method, np.full(len(self.truth), np.nan))[rows] = values
        self.seconds[method] = self.seconds.get(method, 0.0) + seconds

    def rows(self) -> np.ndarray:
        """Stays that were held out (all of them unless the run is quick)."""
        return np.flatnonzero(np.all([~np.isnan(one) for one in self.scores.values()], axis=0))


def one_fold(marked: Dataset, test: np.ndarray, seed: int, pooled: Pooled, *, plain: bool, preset: str) -> None:
    """The pipeline with a given test part (rows ``test``); ``plain`` fits the core without pretraining beside it."""
    said: list[np.ndarray] = []
    held = set(marked.main["case"].iloc[test])

    def keep(predictions: Predictions) -> tuple[str, ...]:
        if set(predictions.examples.frame["id"]) == held:
            said.append(predictions.values)
        return ()

    with tempfile.TemporaryDirectory() as folder:
        done = run(
            replace(DIAGNOSIS, verify=keep), marked, out=Path(folder) / "run", preset=preset, seed=seed, threads=1
        )
    names = list(done.metrics["methods"])
    for name, values in zip(names, said, strict=True):
        spent = [done.metrics["seconds"].get(f"{what} {name}", 0.0) for what in ("fit", "refit")]
        pooled.put(name, test, values, sum(spent))
    pooled.shipped.append(done.metrics["shipped"])
    pooled.put("ours", test, said[names.index(done.metrics["shipped"])], sum(done.metrics["seconds"].values()))
    if plain:
        examples, core = DIAGNOSIS.examples(marked), DIAGNOSIS.core
        assert isinstance(core, CoreSpec)
        method = CoreMethod(sized(replace(core, pretrain_epochs=0), preset))
        whole = DIAGNOSIS.split(examples, seed)
        parts = whole.folds[0]
        with measured() as cost:
            method.fit(examples.take(parts.train), examples.take(parts.valid), Budget(seed=seed, threads=1))
            method.fit(examples.take(whole.final), None, Budget(seed=seed, threads=1))
            pooled.put("core_without_pretraining", test, method.predict(examples.take(test)).values)
        pooled.seconds["core_without_pretraining"] += cost.seconds


def draws_of(n: int) -> np.ndarray:
    """(DRAWS, n) how often each example is drawn; the same for every method."""
    rng = np.random.default_rng(0)
    return np.stack([rng.multinomial(n, np.full(n, 1 / n)) for _ in range(DRAWS)]).astype(float)


def interval(values: np.ndarray, whole: float) -> Value:
    """Value with the 95 % interval of its draws."""
    low, high = np.percentile(values, [2.5, 97.5])
    return Value(whole, float(low), float(high))


def judge(result: Benchmark, seeds: list[Pooled], metrics_of: Sequence[str]) -> None:
    """Metrics of every method, each seed scored by itself and then averaged, bootstrap over examples."""
    rows = seeds[0].rows()
    truth, weights = seeds[0].truth[rows].astype(float), draws_of(len(rows))
    kept: dict[str, dict[str, np.ndarray]] = {}
    for method in seeds[0].scores:
        metrics = {}
        for name in metrics_of:
            score = METRICS[name]
            whole = np.mean([score(truth, one.scores[method][rows], np.ones(len(rows))) for one in seeds])
            drawn = np.mean(
                [[score(truth, one.scores[method][rows], w) for w in weights] for one in seeds], axis=0
            )  # fmt: skip
            metrics[name] = interval(drawn, float(whole))
            kept.setdefault(name, {})[method] = np.append(drawn, whole)
        spent = sum(one.seconds[method] for one in seeds)
        result.add(method, metrics, Cost(spent, 0.0))
    auroc = kept["auroc"]
    classic = [name for name in auroc if name in CLASSIC]
    best = max(classic, key=lambda name: auroc[name][-1])
    pairs = [("ours", best), ("blend", best), ("core", best), ("core_without_pretraining", best),
             ("core", "core_without_pretraining")]  # fmt: skip
    result.extra["paired_auroc"] = {
        f"{a} - {b}": vars(interval((auroc[a] - auroc[b])[:-1], float((auroc[a] - auroc[b])[-1])))
        for a, b in pairs
        if a in auroc and b in auroc
    }
    result.extra["shipped"] = [one.shipped for one in seeds]
