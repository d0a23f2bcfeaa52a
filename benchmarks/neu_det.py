"""NEU-DET steel surfaces: six defect classes, and each class in turn as the only good one.

Supervised: images 1-210 of each class train (no other image is used for anything), 241-300 test, as published;
``verticals.run`` cuts validation and gate out of the training part. Anomalies: the training images of one class are
the good pieces, its test images against the other classes' test images are judged; mean over the six classes.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _face import Bar, Benchmark, arguments, measured, over_seeds

import verticals
from verticals_manufacturing.adapters import LISTING
from verticals_manufacturing.schema import SCHEMA
from verticals_plugins import Dataset, ReadOptions

PUBLISHED = {"AECLBP + SVM (Song & Yan 2013)": 0.9893, "ResNet-18 fine-tuned (model card)": 0.985}


def parts_of(data: Path, quick: bool) -> Dataset:
    """The published training and test part; the part between (211-240) is left out."""
    dataset = LISTING.read(data, ReadOptions(schema=SCHEMA))
    main = dataset.main[dataset.main["split"] != "valid"]
    if quick:
        main = main.iloc[::3]
    return dataset.with_main(main.reset_index(drop=True))


def supervised(dataset: Dataset, seed: int, home: Path) -> verticals.Run:
    """One run of the task through its public face."""
    return verticals.run("manufacturing.defects", dataset, out=home / f"defects-{seed}", seed=seed)


def one_class(dataset: Dataset, name: str, seed: int, home: Path) -> dict[str, float]:
    """AUROC on the test part by method, with ``name`` as the good class; "shipped" is what the gate chose."""
    main = dataset.main
    kept = main[(main["split"] == "test") | (main["class"] == name)].reset_index(drop=True)
    labelled = kept.assign(**{"class": np.where(kept["class"] == name, "good", "defect")})
    run = verticals.run(
        "manufacturing.anomalies", dataset.with_main(labelled), out=home / f"{name}-{seed}", seed=seed, preset="quick"
    )
    found = {method: float(values["auroc"]) for method, values in run.metrics["methods"].items()}
    return {**found, "shipped": found[run.metrics["shipped"]]}


def main() -> None:
    """Run and report."""
    args = arguments("neu_det", data="manufacturing/neu_det", extra={"anomaly_seeds": 1})
    result = Benchmark("neu_det", args, "train 1-210, test 241-300 of each class; intervals: range over seeds")
    dataset, home = parts_of(args.data, args.quick), Path(tempfile.mkdtemp())
    runs = []
    with measured() as cost:
        runs = [supervised(dataset, seed, home) for seed in range(args.seeds)]
    tests: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        for method, values in run.metrics["methods"].items():
            tests.setdefault(method, []).append(values)
        tests.setdefault("shipped", []).append(run.metrics["methods"][run.metrics["shipped"]])
    for method, many in tests.items():
        values = {name: over_seeds([one[name] for one in many]) for name in ("accuracy", "macro_f1")}
        result.add(method, values, cost if method == "shipped" else None)
    anomalies(result, dataset, home, int(args.extra["anomaly_seeds"]))
    classic = max(("texture_svm", "hog_svm"), key=lambda name: result.methods[name]["accuracy"]["mean"])
    result.extra = {
        "published_accuracy": PUBLISHED,
        "shipped": [run.metrics["shipped"] for run in runs],
        "gate": [run.metrics["gate"] for run in runs],
        "core_adds_on_test": [core_adds(run) for run in runs],
        "pretraining": "none: the texture tokens need none here, so both figures are the same",
        "core_parameters": runs[0].metrics["core"].get("parameters"),
        "anomaly_protocol": "one class good (training images), its test images against all others'; mean of six",
    } | result.extra
    bars = [Bar("accuracy", ">=", 0.99), Bar("accuracy", ">=", round(result.methods[classic]["accuracy"]["mean"], 4))]
    result.finish(ours="shipped", best_peer=classic, bars=bars)
    shutil.rmtree(home, ignore_errors=True)


def anomalies(result: Benchmark, dataset: Dataset, home: Path, seeds: int) -> None:
    """Adds ``anomaly_auroc`` of every method: mean over classes, range over seeds."""
    names = list(dict.fromkeys(dataset.main["class"]))
    by_seed: dict[str, list[float]] = {}
    by_class: dict[str, dict[str, float]] = {}
    for seed in range(seeds):
        found = {name: one_class(dataset, name, seed, home) for name in names}
        by_class = {name: {m: round(v, 4) for m, v in one.items()} for name, one in found.items()}
        for method in next(iter(found.values())):
            by_seed.setdefault(method, []).append(float(np.mean([one[method] for one in found.values()])))
    for method, values in by_seed.items():
        key = "blend of anomaly methods" if method == "blend" else method
        result.add(key, {"anomaly_auroc": over_seeds(values)})
    result.extra["anomaly_auroc_by_class"] = by_class


def core_adds(run: verticals.Run) -> dict[str, Any]:
    """Accuracy of core and blend minus that of the best classic method on the test part, paired bootstrap by piece."""
    leads = {name: run.metrics["test"][name] for name in ("core", "blend") if name in run.metrics["test"]}
    return {"over": run.metrics["classic"], **leads}


if __name__ == "__main__":
    main()
