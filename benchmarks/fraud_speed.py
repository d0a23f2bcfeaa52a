"""How long a full run of fraud detection takes, and how much memory: 1.2 million payments, from file to report.

The first 1,200,000 payments of the Fraud Detection Handbook are written to parquet; ``verticals run finance.fraud``
then runs as a process of its own. ``--quick`` takes every tenth card. The scenario column is left out.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _face import Bar, Benchmark, Cost, Value, arguments

from verticals_finance.adapters.handbook import HANDBOOK
from verticals_finance.fraud.schema import SCHEMA
from verticals_plugins import ReadOptions

ROWS = 1_200_000


def main() -> None:
    """Write the file, run the command, report seconds and peak memory."""
    args = arguments("fraud_speed", data="finance/fraud_handbook", seeds=1)
    main_table = HANDBOOK.read(args.data, ReadOptions(schema=SCHEMA)).main
    main_table = main_table.sort_values("time", kind="stable").head(ROWS)
    if args.quick:
        main_table = main_table[main_table["card"].cat.codes % 10 == 0]
    protocol = f"`verticals run finance.fraud` on {len(main_table):,} payments, preset standard"
    result = Benchmark("fraud_speed", args, protocol)
    with tempfile.TemporaryDirectory() as home:
        file, out = Path(home) / "payments.parquet", Path(home) / "run"
        main_table[["id", "time", "card", "terminal", "amount", "fraud"]].to_parquet(file)
        del main_table
        command = [
            str(Path(sys.executable).with_name("verticals")),
            "run",
            "finance.fraud",
            "--data",
            str(file),
            "--out",
            str(out),
        ]
        began = time.perf_counter()
        subprocess.run([*command, "--json"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        metrics = json.loads((out / "metrics.json").read_text())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    shipped = metrics["methods"][metrics["shipped"]]["average_precision"]
    result.add("verticals run", {"average_precision": Value(shipped, shipped, shipped)}, Cost(seconds, peak))
    result.extra |= {"stages": metrics["seconds"], "shipped": metrics["shipped"], "gate": metrics["gate"]}
    bars = [Bar("minutes", "<=", 10, seconds / 60), Bar("peak_gib", "<=", 4, peak / 1024)]
    result.finish(ours="verticals run", best_peer="", bars=bars)


if __name__ == "__main__":
    main()
