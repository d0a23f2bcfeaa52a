"""A run that is killed at any point and taken up again ends as one that was never interrupted, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FAULTS = (
    "read:during", "split:after", "fit gbm:after", "fit core:midway", "gate:during", "refit core:midway",
    "decide:after", "bundle:during", "report:after",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One uninterrupted run, and one for each fault: killed, then resumed."""
    driver = [sys.executable, str(root / "tests/faults/driver.py"), str(tmp_path_factory.mktemp("runs")), *FAULTS]
    env = os.environ | {"PYTHONPATH": str(root / "tests/helpers"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(driver, capture_output=True, text=True, env=env, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["whole"] == 0, done.stderr[-2000:]
    return found


def content(out: str) -> dict[str, Any]:
    """All that a run leaves and that does not tell the time."""
    folder = Path(out)
    metrics = json.loads((folder / "metrics.json").read_text())
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    told = {name for name in files if name.startswith("report") or name in {"log.jsonl", "metrics.json"}}
    return {name: value for name, value in files.items() if name not in told} | {
        "metrics": {name: value for name, value in metrics.items() if name != "seconds"}
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_killed_run_resumes_to_the_same_result(runs: dict[str, Any], fault: str) -> None:
    found = runs["faults"][fault]
    assert found["killed"] == -signal.SIGKILL, "the fault did not happen"
    assert not found["finished"]
    assert found["resumed"] == 0
    whole, again = content(runs["out"]), content(found["out"])
    assert whole.keys() == again.keys()
    assert [name for name in whole if whole[name] != again[name]] == []


def test_nothing_half_written_is_left(runs: dict[str, Any]) -> None:
    for found in runs["faults"].values():
        names = [path.name for path in Path(found["out"]).rglob("*")]
        assert "work" not in names
        assert not [name for name in names if name.endswith(".part")]
