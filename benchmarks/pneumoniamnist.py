"""Pneumonia on children's chest X-rays of 28 x 28 pixels: PneumoniaMNIST (MedMNIST v2), official split.

The pipeline runs on train and validation together, which its gate cuts anew; the official test part is scored once.
"""

from __future__ import annotations

import numpy as np
from _diagnosis import CLASSIC, Pooled, judge, one_fold
from _face import Arguments, Bar, Benchmark, arguments

from verticals_healthcare.adapters import MEDMNIST
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import ReadOptions


def main() -> None:
    """Run the benchmark."""
    args: Arguments = arguments("pneumoniamnist", data="healthcare/pneumoniamnist", seeds=1)
    protocol = "official test part (624 pictures), scored once; accuracy at .5; intervals: bootstrap over pictures"
    result = Benchmark("pneumoniamnist", args, protocol)
    dataset = MEDMNIST.read(args.data / "pneumoniamnist.npz", ReadOptions(schema=SCHEMA))
    test = np.flatnonzero((dataset.main["split"] == "test").to_numpy())
    seeds = []
    for seed in range(args.seeds):
        pooled = Pooled(dataset.main["outcome"].astype(int).to_numpy())
        one_fold(dataset, test, seed, pooled, plain=False, preset="standard")
        seeds.append(pooled)
    judge(result, seeds, ("auroc", "accuracy"))
    result.extra["pretraining"] = "none: these examples have no table, and the objective hides numbers of a table"
    result.extra["published"] = {
        "note": "AUC, MedMNIST v2 table, from memory, unchecked", "ResNet-18 (28)": 0.944, "ResNet-50 (224)": 0.962,
    }  # fmt: skip
    best = max(
        (one for one in CLASSIC if one in result.methods), key=lambda name: result.methods[name]["auroc"]["mean"]
    )
    result.finish(ours="ours", best_peer=best, bars=[Bar("auroc", ">=", 0.965)])


if __name__ == "__main__":
    main()
