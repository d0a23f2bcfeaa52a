"""Amazon Beauty, next item, leave-one-out: all 12,101 items are ranked, those that the user has had are left out.

The last item is the test, the last but one validation and gate (another half of the users each). Ids carry the order of
first appearance: they are texts here, ties are broken by a hash of the name. What ships may train on the validation
item, as its input does.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from _face import Bar, Benchmark, arguments
from _ranking import add_methods, dataset_of, pretraining, shipped

from verticals_education.courses import CORE
from verticals_plugins import Dataset

BEAUTY = replace(
    CORE, epochs=8, batch=128, learning_rate=3e-3, dropout=0.2, label_smoothing=0.0, objective="next_item",
    options={"history": {"length": 20, "dropout": 0.25, "hide": 0.1}, "head": {"length": 20, "sampled": 1000}},
)  # fmt: skip
PUBLISHED = {
    "SASRec (S3-Rec README)": {"hr_10": 0.0605, "ndcg_10": 0.0318},
    "S3-Rec (S3-Rec README)": {"hr_10": 0.0647, "ndcg_10": 0.0327},
    "TIGER (quoted in the GenRec README)": {"hr_10": 0.0648, "ndcg_10": 0.0384},
}


def read(folder: Path, quick: bool) -> Dataset:
    """All users, or every eighth."""
    learner, course, day, split = [], [], [], []
    for line in (folder / "Beauty.txt").read_text().splitlines():
        user, *items = line.split()
        if quick and int(user) % 8:
            continue
        half = blake2b(user.encode(), digest_size=1).digest()[0] % 2
        for place, item in enumerate(items):
            part = {1: "test", 2: ("valid", "gate")[half]}.get(len(items) - place, "train")
            learner.append(user)
            course.append(item)
            day.append(place)
            split.append(part)
    return dataset_of(np.array(learner), np.array(course), np.array(day), np.array(split))


def main() -> None:
    """Run the benchmark."""
    args = arguments("beauty", data="retail/amazon_s3rec", seeds=1)
    benchmark = Benchmark(
        "beauty", args,
        "leave-one-out, full ranking over all items, had items left out; intervals: bootstrap over users of seed 0",
    )  # fmt: skip
    data = read(args.data, args.quick)
    core = replace(BEAUTY, epochs=3) if args.quick else BEAUTY
    runs = [shipped(data, core, seed) for seed in range(args.seeds)]
    best = add_methods(benchmark, runs)
    pretraining(benchmark, read(args.data, quick=True), core, 2, 0)
    benchmark.extra["core_with_and_without_pretraining"]["users"] = "every eighth"
    benchmark.extra["published"] = PUBLISHED
    benchmark.finish(ours="shipped", best_peer=best, bars=[Bar("ndcg_10", ">=", 0.058)])


if __name__ == "__main__":
    main()
