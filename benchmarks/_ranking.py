"""What the ranking benchmarks share: one run of education.courses through the public face, and how it is told."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _face import Bar, Benchmark, Cost, Value, measured

import verticals
from verticals.data.splits import GivenSplit
from verticals.evaluate import gate as gates
from verticals.evaluate.metrics import ndcg_10
from verticals.model.core import CoreMethod
from verticals.pipeline.run import Run
from verticals_education.courses import COURSES
from verticals_education.schema import SCHEMA
from verticals_plugins import Budget, CoreSpec, Dataset, Predictions, Provenance

CLASSIC = ("popularity", "item_knn", "ease", "markov", "skip_markov")
START = np.datetime64("2000-01-01", "ns")


def dataset_of(learner: np.ndarray, course: np.ndarray, day: np.ndarray, split: np.ndarray) -> Dataset:
    """Enrolments whose order is ``day`` and whose part is given; names are text, so that no number is ever read."""
    main = pd.DataFrame(
        {
            "id": np.arange(len(learner)),
            "learner": [f"u{one}" for one in learner],
            "time": START + day.astype("timedelta64[D]"),
            "course": [f"i{one}" for one in course],
            "split": split,
        }
    )
    return Dataset({"main": main}, SCHEMA, Provenance("benchmark"))


def shipped(data: Dataset, core: CoreSpec, seed: int) -> tuple[Run, Cost]:
    """One run, as a user has it, on the split that comes with the data."""
    task = replace(COURSES, core=core, split=GivenSplit())
    with tempfile.TemporaryDirectory() as folder, measured() as cost:
        run = verticals.run(task, data, out=Path(folder) / "run", seed=seed, threads=1)
    return run, cost


def add_methods(benchmark: Benchmark, runs: list[tuple[Run, Cost]]) -> str:
    """Each method's mean over seeds, with the bootstrap interval of the first seed; returns the best classic one."""
    first = runs[0][0].metrics
    names = [name for name in first["methods"] if all(name in run.metrics["methods"] for run, _ in runs)]
    for name in names:
        benchmark.add(name, {one: _value(runs, name, one) for one in ("ndcg_10", "hr_10")})
    ours = {one: _value(runs, None, one) for one in ("ndcg_10", "hr_10")}
    benchmark.add("shipped", ours, runs[0][1])
    benchmark.extra["shipped"] = [run.metrics["shipped"] for run, _ in runs]
    benchmark.extra["gate"] = [run.metrics["gate"] for run, _ in runs]
    benchmark.extra["gate_part_leads_over_classic"] = first["gate_part"]["leads"]
    benchmark.extra["test_leads_over_classic"] = first["test"]
    benchmark.extra["stage_seconds"] = first["seconds"]
    classic = [name for name in names if name in CLASSIC]
    return max(classic, key=lambda name: benchmark.methods[name]["ndcg_10"]["mean"])


def _value(runs: list[tuple[Run, Cost]], name: str | None, metric: str) -> Value:
    values, bounds = [], []
    for run, _ in runs:
        method = run.metrics["shipped"] if name is None else name
        values.append(run.metrics["methods"][method][metric])
        bounds.append(run.metrics["intervals"][method][metric])
    return Value(float(np.mean(values)), bounds[0][0], bounds[0][1])


def pretraining(benchmark: Benchmark, data: Dataset, core: CoreSpec, epochs: int, seed: int) -> None:
    """The core alone with and without pretraining: fitted on the training part, asked on the test part, paired."""
    examples = COURSES.examples(data)
    parts = GivenSplit()(examples, seed)
    train, valid = (examples.take(rows) for rows in (parts.folds[0].train, parts.folds[0].valid))
    said: dict[str, Predictions] = {}
    for name, before in (("without", 0), ("with", epochs)):
        method = CoreMethod(replace(core, pretrain_epochs=before))
        method.fit(train, valid, Budget(seed=seed, threads=1))
        said[name] = method.predict(examples.take(parts.test))
    draws = {name: gates.scores(ndcg_10, one, seed, 300) for name, one in said.items()}
    gap = gates.difference(ndcg_10, said["with"], said["without"], draws["with"], draws["without"])
    found: Mapping[str, Any] = {name: ndcg_10.score(one, None) for name, one in said.items()}
    benchmark.extra["core_with_and_without_pretraining"] = {
        "ndcg_10": found, "difference": gap.value, "ci95": [gap.lo, gap.hi], "pretrain_epochs": epochs,
        "fitted_on": "training part only",
    }  # fmt: skip


__all__ = ["Bar", "add_methods", "dataset_of", "pretraining", "shipped"]
