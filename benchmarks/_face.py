"""The one face of all benchmarks: arguments, measuring, bars, the table on the screen and the JSON file.

A benchmark is a program ``python benchmarks/NAME.py [--data DIR] [--seeds N] [--quick] [--out FILE.json]``::

    args = arguments("fraud_handbook", data="finance/fraud_handbook")
    result = Benchmark("fraud_handbook", args, protocol="prequential, 4 folds")
    with measured() as cost:
        score = ...
    result.add("lightgbm", {"average_precision": over_seeds([score])}, cost)
    result.finish(ours="shipped", best_peer="lightgbm", bars=[Bar("average_precision", ">=", 0.74)])
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
PACKAGES = ("verticals", "numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "torch", "transformers", "pyarrow")


@dataclass(frozen=True)
class Arguments:
    """What the command line said: a folder of data, seeds 0 … ``seeds`` - 1, a short run or not, a file to write."""

    data: Path
    seeds: int
    quick: bool
    out: Path | None
    extra: Mapping[str, Any] = field(default_factory=dict)


def arguments(name: str, *, data: str, seeds: int = 3, extra: Mapping[str, Any] | None = None) -> Arguments:
    """Parse the command line; ``data`` is relative to the shared data, ``extra`` is option name -> default.

    Ends the program with a sentence, not a traceback, when the data are not there.
    """
    parser = argparse.ArgumentParser(prog=f"benchmarks/{name}.py")
    parser.add_argument("--data", type=Path, default=SHARED / data, help="folder of the data")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"how many seeds (default {seeds})")
    parser.add_argument("--quick", action="store_true", help="a short run: fewer folds, rounds or methods")
    parser.add_argument("--out", type=Path, default=None, help="JSON file to write")
    for option, default in (extra or {}).items():
        parser.add_argument(f"--{option.replace('_', '-')}", type=type(default), default=default)
    found = vars(parser.parse_args())
    if not found["data"].exists():
        parser.exit(3, f"{name}: {found['data']} is not there. Pass the folder of the data with --data.\n")
    rest = {option: found[option] for option in extra or {}}
    seeds_wanted = 1 if found["quick"] else found["seeds"]
    return Arguments(found["data"], seeds_wanted, found["quick"], found["out"], rest)


@dataclass(frozen=True)
class Value:
    """A metric: its mean and an interval. The interval's kind (bootstrap, range of seeds) is said in the protocol."""

    mean: float
    lo: float
    hi: float


def over_seeds(values: Sequence[float]) -> Value:
    """Mean, smallest and largest over seeds."""
    return Value(sum(values) / len(values), min(values), max(values))


@dataclass
class Cost:
    """Wall-clock seconds and the highest resident memory in MiB while measured."""

    seconds: float = 0.0
    peak_mib: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Time a block and take its peak memory; where the kernel cannot reset the peak it is the process's so far."""
    cost = Cost()
    _reset_peak()
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        cost.peak_mib = _peak_mib()


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_mib() -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@dataclass(frozen=True)
class Bar:
    """What a benchmark must reach; ``value`` None = take ``metric`` of the method ``of`` (default: ours)."""

    metric: str
    op: str
    bar: float
    value: float | None = None
    of: str = ""

    def met(self, value: float) -> bool:
        """Is ``value`` on the right side of the bar?"""
        return {">=": value >= self.bar, "<=": value <= self.bar, ">": value > self.bar, "<": value < self.bar}[self.op]


@dataclass
class Benchmark:
    """Collects what the methods reached, prints it as a table and writes it as JSON."""

    name: str
    args: Arguments
    protocol: str
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    """Further findings (ablations, published figures, speeds); go into the file under their own keys."""

    def add(self, method: str, metrics: Mapping[str, Value], cost: Cost | None = None) -> None:
        """Record a method's metrics and what it cost."""
        entry: dict[str, Any] = {name: asdict(value) for name, value in metrics.items()}
        if cost is not None:
            entry |= {"seconds": round(cost.seconds, 3), "peak_mib": round(cost.peak_mib, 1)}
        self.methods[method] = {**self.methods.get(method, {}), **entry}

    def finish(self, *, ours: str, best_peer: str, bars: Sequence[Bar] = ()) -> dict[str, Any]:
        """Judge the bars, print the table, write ``--out``; returns what was written."""
        result = {
            "benchmark": self.name,
            "data": _relative(self.args.data),
            "protocol": self.protocol,
            "quick": self.args.quick,
            "seeds": list(range(self.args.seeds)),
            "hardware": hardware(),
            "versions": versions(),
            "methods": self.methods,
            "ours": ours,
            "best_peer": best_peer,
            "bars": [self._judged(bar, ours) for bar in bars],
            **self.extra,
        }
        print(table(result))
        if self.args.out is not None:
            self.args.out.parent.mkdir(parents=True, exist_ok=True)
            self.args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        return result

    def _judged(self, bar: Bar, ours: str) -> dict[str, Any]:
        value = bar.value if bar.value is not None else self.methods[bar.of or ours][bar.metric]["mean"]
        return {"metric": bar.metric, "op": bar.op, "bar": bar.bar, "value": value, "met": bar.met(value)}


def table(result: Mapping[str, Any]) -> str:
    """The result as fixed-width text: one line a method, then one line a bar."""
    names = list(dict.fromkeys(key for one in result["methods"].values() for key in one))
    head = ["method", *names]
    rows = [head]
    for method, found in result["methods"].items():
        mark = " *" if method == result["ours"] else ""
        rows.append([method + mark, *(_cell(found.get(name)) for name in names)])
    width = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [f"{result['benchmark']}: {result['protocol']}"]
    lines += ["  ".join(cell.ljust(width[i]) for i, cell in enumerate(row)).rstrip() for row in rows]
    for bar in result["bars"]:
        verdict = "met" if bar["met"] else "MISSED"
        lines.append(f"bar {bar['metric']} {bar['op']} {bar['bar']:g}: {bar['value']:.4g}  {verdict}")
    lines.append("* ours: what the gate ships")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        same = value["lo"] == value["mean"] == value["hi"]
        return f"{value['mean']:.4f}" if same else f"{value['mean']:.4f} [{value['lo']:.4f}, {value['hi']:.4f}]"
    return f"{value:.1f}"


def hardware() -> dict[str, Any]:
    """Processor, usable cores and memory of this machine, and its load, since neighbours slow a benchmark."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"machine": platform.machine(), "cores": cores, "memory_gib": round(memory, 1), "load": os.getloadavg()[0]}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter for numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _relative(path: Path) -> str:
    """The data's path from the repository, so that no machine's layout gets into a result."""
    try:
        return os.path.relpath(path.resolve(), ROOT)
    except ValueError:
        return path.name
