"""MOOCCube course enrolments (KGAN's cut): 7,157 users, 219 courses, no times. Full ranking of each held-out enrolment.

The positive pairs are cut 6 : 1 : 1 : 2 into training, validation, gate and test at random (seed); a user's training
courses stand in random order, so that no method can read an order which the data do not have. A held-out course is
ranked among all courses that the user did not have in the earlier parts; NDCG@10 is averaged over held-out pairs, the
bootstrap draws users.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from _face import Bar, Benchmark, Cost, arguments
from _ranking import add_methods, dataset_of, pretraining, shipped

from verticals.pipeline.run import Run
from verticals_education.courses import CORE
from verticals_plugins import Dataset

MOOCCUBE = replace(CORE, epochs=12, batch=64, learning_rate=3e-3, label_smoothing=0.0)
LATER = {"valid": 1000, "gate": 1001, "test": 1002}


def read(folder: Path, seed: int) -> Dataset:
    """The positives, cut and put in random order within the training part."""
    table = np.loadtxt(folder / "ratings_final.txt", dtype=np.int64)
    learner, course = table[table[:, 2] == 1, :2].T
    rng = np.random.default_rng(seed)
    draw = rng.random(len(learner))
    split = np.select([draw < 0.6, draw < 0.7, draw < 0.8], ["train", "valid", "gate"], "test")
    order = rng.permutation(len(learner))
    learner, course, split = learner[order], course[order], split[order]
    place = np.zeros(len(learner), dtype=np.int64)
    seen: dict[int, int] = {}
    for row, one in enumerate(learner):
        place[row] = seen[one] = seen.get(int(one), 0) + 1
    day = np.where(split == "train", place, [LATER.get(str(part), 0) for part in split])
    return dataset_of(learner, course, day, split)


def main() -> None:
    """Run the benchmark."""
    args = arguments("mooccube", data="education/course_mooccube_kgan", seeds=3)
    benchmark = Benchmark(
        "mooccube", args,
        "positives 6:1:1:2 at random, full ranking over 219 courses; mean over seeds (split and models), "
        "intervals: bootstrap over users of seed 0",
    )  # fmt: skip
    core = replace(MOOCCUBE, epochs=4) if args.quick else MOOCCUBE
    runs: list[tuple[Run, Cost]] = []
    for seed in range(args.seeds):
        runs.append(shipped(read(args.data, seed), core, seed))
    best = add_methods(benchmark, runs)
    pretraining(benchmark, read(args.data, 0), core, 4, 0)
    four = [benchmark.methods[name]["ndcg_10"]["mean"] for name in ("popularity", "item_knn", "ease", "markov")]
    ratio = benchmark.methods["shipped"]["ndcg_10"]["mean"] / benchmark.methods[best]["ndcg_10"]["mean"]
    bars = [Bar("ndcg_10", ">=", max(four)), Bar("ndcg_10_ratio", ">=", 1.0, ratio)]
    benchmark.finish(ours="shipped", best_peer=best, bars=bars)


if __name__ == "__main__":
    main()
