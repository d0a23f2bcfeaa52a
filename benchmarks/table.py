"""Writes the table of committed results into README.md, between its two marks. ``--check`` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- results: made by benchmarks/table.py -->", "<!-- end of results -->"


def row_of(result: dict[str, Any]) -> list[str]:
    """One line a bar: benchmark, metric, what ships, the best peer of the same run, the bar and whether it is met."""
    lines = []
    ours, peer = result["methods"].get(result["ours"], {}), result["methods"].get(result["best_peer"], {})
    for bar in result["bars"]:
        name, peers = bar["metric"], result["best_peer"]
        mean = ours[name]["mean"] if isinstance(ours.get(name), dict) else None
        reached = number(ours[name]) if mean == bar["value"] else f"{bar['value']:.4g}"
        plain = name.partition(",")[0]  # "weekly_owa, core, median of seeds" is a peer's weekly_owa
        other = f"{number(peer[plain])} ({peers})" if plain in peer else "-"
        label = f"`{result['benchmark']}`{' (quick)' if result['quick'] else ''}"
        met = "met" if bar["met"] else "**missed**"
        lines.append(f"| {label} | {name} | {reached} | {other} | {bar['op']} {bar['bar']:g} | {met} |")
    return lines


def number(value: Any) -> str:
    """Mean with its interval."""
    if not isinstance(value, dict):
        return ""
    if value["lo"] == value["hi"]:
        return f"{value['mean']:.4g}"
    return f"{value['mean']:.4g} [{value['lo']:.4g}, {value['hi']:.4g}]"


def table() -> str:
    """All committed results."""
    found = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "results").glob("*.json"))]
    lines = [
        "| benchmark | metric | ours | best peer, same run | bar | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(lines + [line for result in found if "bars" in result for line in row_of(result)])


def main() -> int:
    """Write, or check with ``--check``."""
    path = ROOT / "README.md"
    text = path.read_text()
    head, rest = text.split(BEGIN)
    fresh = f"{head}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"
    if "--check" in sys.argv:
        print("README.md is up to date" if fresh == text else "README.md is stale: run benchmarks/table.py")
        return int(fresh != text)
    path.write_text(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
