"""Runs every benchmark whose data are there with ``--quick`` and shows it beside the committed result."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NOT_BENCHMARKS = {"rerun", "table"}


def names() -> list[str]:
    """The benchmarks, by file name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem[0] != "_" and path.stem not in NOT_BENCHMARKS)


def chief(result: dict[str, Any]) -> str:
    """The bars of a result in a line."""
    return ", ".join(f"{bar['metric']} {bar['value']:.4g}{'' if bar['met'] else ' (missed)'}" for bar in result["bars"])


def main() -> int:
    """Run them one after another; the exit code counts those that broke."""
    broken = 0
    for name in names():
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"{name}.json"
            code = subprocess.run(
                [sys.executable, str(HERE / f"{name}.py"), *sys.argv[1:], "--out", str(out)]
            ).returncode
            committed = HERE / "results" / f"{name}.json"
            print(f"{name}: now       {chief(json.loads(out.read_text())) if out.is_file() else f'exit code {code}'}")
            print(f"{name}: committed {chief(json.loads(committed.read_text())) if committed.is_file() else 'none'}")
            broken += code not in (0, 3)
    return broken


if __name__ == "__main__":
    sys.exit(main())
