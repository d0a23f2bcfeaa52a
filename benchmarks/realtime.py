"""How long one payment takes from its arrival to the answer, in process: features, score, action and reasons.

The last 480,000 payments of the Fraud Detection Handbook before a cut day (50 days: labels that come after 7 days need
48) train a run of preset quick; its bundle then scores the next 2,000 payments one by one, in order of time. The
scenario column is never read.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from _face import Bar, Benchmark, Value, arguments, measured

import verticals
from verticals_finance.adapters.handbook import HANDBOOK
from verticals_finance.fraud.realtime import Payment, RealTimeScorer
from verticals_finance.fraud.schema import SCHEMA
from verticals_plugins import Dataset, ReadOptions

CUT = np.datetime64("2018-08-08")
TRAIN, SCORED, WARM = 480_000, 2_000, 20


def parts(folder: Path) -> tuple[Dataset, Dataset]:
    """What the run is trained on, and what is scored."""
    data = HANDBOOK.read(folder, ReadOptions(schema=SCHEMA))
    main = data.main.sort_values("time", kind="stable").reset_index(drop=True)
    cut = int(np.searchsorted(main["time"].to_numpy(), CUT))
    old, new = main.iloc[cut - TRAIN : cut], main.iloc[cut : cut + WARM + SCORED]
    return data.with_main(old.reset_index(drop=True)), data.with_main(new.reset_index(drop=True))


def milliseconds(scorer: RealTimeScorer, new: Dataset) -> np.ndarray:
    """(2000,) wall-clock time of each payment after the first few, which load what is loaded once."""
    took = []
    columns = (new.main[name].tolist() for name in ("id", "card", "time", "amount", "terminal"))
    for id, card, when, amount, terminal in zip(*columns, strict=True):
        payment = Payment(id, str(card), when, amount, str(terminal))
        began = time.perf_counter()
        scorer.score(payment)
        took.append(1e3 * (time.perf_counter() - began))
    return np.array(took[WARM:])


def main() -> None:
    """Train, score, report."""
    args = arguments("realtime", data="finance/fraud_handbook", seeds=1)
    old, new = parts(args.data)
    protocol = f"{TRAIN:,} payments before {CUT} train preset quick; the next {SCORED:,} one by one, wall clock"
    result = Benchmark("realtime", args, protocol)
    with tempfile.TemporaryDirectory() as home:
        run = verticals.run("finance.fraud", old, out=Path(home) / "run", preset="quick")
        bundle, shipped = run.bundle, run.metrics["shipped"]
    with measured() as start:
        scorer = RealTimeScorer(bundle)
    with measured() as cost:
        took = milliseconds(scorer, new)
    p50, p99 = (float(np.percentile(took, q)) for q in (50, 99))
    result.add(f"{shipped}, shipped", {"p50_ms": Value(p50, p50, p50), "p99_ms": Value(p99, p99, p99)}, cost)
    result.extra |= {
        "start_seconds": start.seconds,
        "methods_in_bundle": list(bundle.methods),
        "slowest_ms": took.max(),
    }
    result.finish(ours=f"{shipped}, shipped", best_peer="", bars=[Bar("p99_ms", "<=", 10)])


if __name__ == "__main__":
    main()
