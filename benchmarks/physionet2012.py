"""In-hospital death from the first 48 hours of intensive care: PhysioNet/CinC Challenge 2012, set A.

Stratified 5-fold (shuffle, seed 0) on the 4,000 stays. In each fold the whole pipeline runs on the training stays alone,
as a user would start it, and what its gate ships predicts the held-out stays. Scores of the folds are pooled.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from _face import Arguments, Bar, Benchmark, Cost, Value, arguments, measured

from verticals.evaluate.metrics import binary_auroc, binary_average_precision
from verticals.model.core import CoreMethod
from verticals.pipeline.run import run
from verticals_healthcare.adapters.common import hours
from verticals_healthcare.adapters.physionet import HORIZON, SEX, UNITS
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.timeline import timeline_frame
from verticals_plugins import Budget, CoreSpec, Dataset, Predictions, Provenance

DESCRIPTORS = 5
DRAWS = 1000
METRICS = {"auroc": binary_auroc, "auprc": binary_average_precision}


def stays(folder: Path) -> Dataset:
    """The re-encoded set A as a dataset; -1 is missing."""
    names = json.loads((folder / "parameters.json").read_text())
    with np.load(folder / "set-a.npz", allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files}
    record = found["record_id"].astype(str)
    owner = np.repeat(np.arange(len(record)), np.diff(found["indptr"]))
    minute, parameter, value = found["minute"], found["param"], found["value"].astype(np.float64)
    described = np.full((len(record), DESCRIPTORS), np.nan)
    first = pd.DataFrame({"owner": owner, "parameter": parameter, "value": value, "minute": minute})
    first = first[(first["parameter"] < DESCRIPTORS) & (first["minute"] == 0)]
    first = first.drop_duplicates(["owner", "parameter"])
    described[first["owner"], first["parameter"]] = np.where(first["value"] == -1, np.nan, first["value"])
    place = {name: described[:, names.index(name)] for name in names[:DESCRIPTORS]}
    rest = np.ones(len(owner), dtype=bool)
    rest[first.index] = False
    rest &= value != -1
    timeline = timeline_frame(
        list(record[owner[rest]]), list(hours(minute[rest] / 60)), list(np.array(names)[parameter[rest]]),
        list(value[rest]),
    )  # fmt: skip
    main = pd.DataFrame(
        {
            "case": record, "patient": record, "time": hours(np.full(len(record), HORIZON)), "age": place["Age"],
            "sex": [SEX.get(one) for one in place["Gender"]], "height": place["Height"], "weight": place["Weight"],
            "unit": [UNITS.get(one) for one in place["ICUType"]],
            "outcome": found["in_hospital_death"].astype(int).astype(str),
        }
    )  # fmt: skip
    return Dataset({"main": main, "timeline": timeline}, SCHEMA, Provenance("set-a.npz"))


@dataclass
class Pooled:
    """Out-of-fold scores of each method for all stays, what each gate shipped, and seconds by method."""

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


def one_seed(dataset: Dataset, seed: int, folds: int, plain: bool) -> Pooled:
    """Run the first ``folds`` folds; ``plain`` fits the core without pretraining beside them."""
    from sklearn.model_selection import StratifiedKFold

    truth = dataset.main["outcome"].astype(int).to_numpy()
    pooled = Pooled(truth)
    cuts = list(StratifiedKFold(5, shuffle=True, random_state=0).split(truth, truth))
    for train, test in cuts[:folds]:
        part = np.full(len(truth), "train", dtype=object)
        part[test] = "test"
        marked = dataset.with_main(dataset.main.assign(split=part))
        one_fold(marked, train, test, seed, pooled, plain)
    return pooled


def one_fold(marked: Dataset, train: np.ndarray, test: np.ndarray, seed: int, pooled: Pooled, plain: bool) -> None:
    """The pipeline on one fold; what every method says of the held-out stays is kept."""
    said: list[np.ndarray] = []
    held = set(marked.main["case"].iloc[test])

    def keep(predictions: Predictions) -> tuple[str, ...]:
        if set(predictions.examples.frame["id"]) == held:
            said.append(predictions.values)
        return ()

    with tempfile.TemporaryDirectory() as folder:
        done = run(replace(DIAGNOSIS, verify=keep), marked, out=Path(folder) / "run", seed=seed, threads=1)
    names = list(done.metrics["methods"])
    for name, values in zip(names, said, strict=True):
        spent = [done.metrics["seconds"].get(f"{what} {name}", 0.0) for what in ("fit", "refit")]
        pooled.put(name, test, values, sum(spent))
    pooled.shipped.append(done.metrics["shipped"])
    pooled.put("ours", test, said[names.index(done.metrics["shipped"])], sum(done.metrics["seconds"].values()))
    if plain:
        examples, core = DIAGNOSIS.examples(marked), DIAGNOSIS.core
        assert isinstance(core, CoreSpec)
        method = CoreMethod(replace(core, pretrain_epochs=0))
        parts = DIAGNOSIS.split(examples, seed).folds[0]
        with measured() as cost:
            method.fit(examples.take(parts.train), examples.take(parts.valid), Budget(seed=seed, threads=1))
            method.fit(examples.take(train), None, Budget(seed=seed, threads=1))
            pooled.put("core_without_pretraining", test, method.predict(examples.take(test)).values)
        pooled.seconds["core_without_pretraining"] += cost.seconds


def draws_of(n: int) -> np.ndarray:
    """(DRAWS, n) how often each stay is drawn; the same for every method."""
    rng = np.random.default_rng(0)
    return np.stack([rng.multinomial(n, np.full(n, 1 / n)) for _ in range(DRAWS)]).astype(float)


def interval(values: np.ndarray, whole: float) -> Value:
    """Value with the 95 % interval of its draws."""
    low, high = np.percentile(values, [2.5, 97.5])
    return Value(whole, float(low), float(high))


def judge(result: Benchmark, seeds: list[Pooled]) -> None:
    """Metrics of every method, each seed scored by itself and then averaged, bootstrap over stays."""
    rows = seeds[0].rows()
    truth, weights = seeds[0].truth[rows].astype(float), draws_of(len(rows))
    kept: dict[str, dict[str, np.ndarray]] = {}
    for method in seeds[0].scores:
        metrics = {}
        for name, score in METRICS.items():
            whole = np.mean([score(truth, one.scores[method][rows], np.ones(len(rows))) for one in seeds])
            drawn = np.mean(
                [[score(truth, one.scores[method][rows], w) for w in weights] for one in seeds], axis=0
            )  # fmt: skip
            metrics[name] = interval(drawn, float(whole))
            kept.setdefault(name, {})[method] = np.append(drawn, whole)
        spent = sum(one.seconds[method] for one in seeds)
        result.add(method, metrics, Cost(spent, 0.0))
    auroc = kept["auroc"]
    pairs = [("ours", "gbm"), ("blend", "gbm"), ("core", "gbm"), ("core", "core_without_pretraining")]
    result.extra["paired_auroc"] = {
        f"{a} - {b}": vars(interval((auroc[a] - auroc[b])[:-1], float((auroc[a] - auroc[b])[-1])))
        for a, b in pairs
        if a in auroc and b in auroc
    }
    result.extra["shipped"] = [one.shipped for one in seeds]


def main() -> None:
    """Run the benchmark."""
    args: Arguments = arguments("physionet2012", data="healthcare/physionet2012", seeds=1)
    folds = 2 if args.quick else 5
    protocol = (
        f"set A, stratified 5-fold (shuffle, seed 0), {folds} folds run, scores pooled; each fold's gate decides inside "
        "its training part; intervals: bootstrap over stays, scores averaged over seeds"
    )
    result = Benchmark("physionet2012", args, protocol)
    dataset = stays(args.data)
    judge(result, [one_seed(dataset, seed, folds, plain=True) for seed in range(args.seeds)])
    result.extra["published"] = {
        "note": "other cuts of the data: sets A and B pooled, random 80/20", "mTAND": 0.858, "GRU-D": 0.818
    }  # fmt: skip
    peers = ("gbm", "logistic")
    best = max(peers, key=lambda name: result.methods[name]["auroc"]["mean"])
    bars = [Bar("auroc", ">=", 0.85)]
    result.finish(ours="ours", best_peer=best, bars=bars)


if __name__ == "__main__":
    main()
