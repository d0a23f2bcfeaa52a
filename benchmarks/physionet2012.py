"""In-hospital death from the first 48 hours of intensive care: PhysioNet/CinC Challenge 2012, set A.

Stratified 5-fold (shuffle, seed 0) on the 4,000 stays. In each fold the whole pipeline runs on the training stays
alone, as a user would start it, and what its gate ships predicts the held-out stays. Scores of the folds are pooled.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from _diagnosis import CLASSIC, Pooled, judge, one_fold
from _face import Arguments, Bar, Benchmark, arguments

from verticals_healthcare.adapters.common import hours
from verticals_healthcare.adapters.physionet import HORIZON, SEX, UNITS
from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.timeline import timeline_frame
from verticals_plugins import Dataset, Provenance

DESCRIPTORS = 5


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


def one_seed(dataset: Dataset, seed: int, folds: int, plain: bool) -> Pooled:
    """Run the first ``folds`` folds; ``plain`` fits the core without pretraining beside them."""
    from sklearn.model_selection import StratifiedKFold

    truth = dataset.main["outcome"].astype(int).to_numpy()
    pooled = Pooled(truth)
    cuts = list(StratifiedKFold(5, shuffle=True, random_state=0).split(truth, truth))
    for _, test in cuts[:folds]:
        part = np.full(len(truth), "train", dtype=object)
        part[test] = "test"
        marked = dataset.with_main(dataset.main.assign(split=part))
        one_fold(marked, test, seed, pooled, plain=plain, preset="quick")
    return pooled


def main() -> None:
    """Run the benchmark."""
    args: Arguments = arguments("physionet2012", data="healthcare/physionet2012", seeds=1)
    folds = 2 if args.quick else 5
    protocol = (
        f"preset quick, set A, stratified 5-fold (shuffle, seed 0), {folds} folds run, scores pooled; each fold's gate "
        "decides inside its training part; intervals: bootstrap over stays, metrics averaged over seeds"
    )
    result = Benchmark("physionet2012", args, protocol)
    dataset = stays(args.data)
    judge(result, [one_seed(dataset, seed, folds, plain=True) for seed in range(args.seeds)], ("auroc", "auprc"))
    result.extra["published"] = {
        "note": "other cuts of the data: sets A and B pooled, random 80/20", "mTAND": 0.858, "GRU-D": 0.818
    }  # fmt: skip
    best = max(
        (one for one in CLASSIC if one in result.methods), key=lambda name: result.methods[name]["auroc"]["mean"]
    )
    bars = [Bar("auroc", ">=", 0.85)]
    result.finish(ours="ours", best_peer=best, bars=bars)


if __name__ == "__main__":
    main()
