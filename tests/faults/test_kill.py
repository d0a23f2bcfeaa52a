"""A run that is killed in any stage and taken up again ends as one that was never interrupted, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STAGES = (
    "read", "check", "examples", "split", "fit gbm", "score", "fit logistic", "fit core", "blend", "calibrate", "gate",
    "refit gbm", "refit logistic", "refit core", "test", "decide", "bundle", "report",
)  # fmt: skip
"""All that a run of the toy goes through, by first appearance."""
TRAINING = {"fit core": ("core: pretrain", "core: train"), "refit core": ("core: train",)}
"""Where the core is killed half-way through its training."""
DURING = [f"{stage}:{point}" for stage in STAGES for point in (*TRAINING.get(stage, ()), "during")]
AFTER = [f"{stage}:after" for stage in STAGES]


@pytest.fixture(scope="module")
def runs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One uninterrupted run, and two that are killed and resumed at one point after another."""
    chains = [",".join(faults) for faults in (DURING, AFTER)]
    driver = [sys.executable, str(root / "tests/faults/driver.py"), str(tmp_path_factory.mktemp("runs")), *chains]
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


def test_faults_are_at_every_stage_of_a_run(runs: dict[str, Any]) -> None:
    lines = (Path(runs["out"]) / "log.jsonl").read_text().splitlines()
    assert tuple(dict.fromkeys(json.loads(line)["stage"] for line in lines)) == STAGES


@pytest.mark.parametrize(
    ("chain", "fault"), [(chain, fault) for chain, faults in enumerate((DURING, AFTER)) for fault in faults]
)
def test_run_is_killed_there_and_is_not_finished(runs: dict[str, Any], chain: int, fault: str) -> None:
    kill = runs["chains"][chain]["kills"][fault]
    assert kill["code"] == -signal.SIGKILL
    assert "metrics.json" not in kill["left"]


@pytest.mark.parametrize(
    ("fault", "mark"),
    [
        ("fit core:core: train", "work/fold-0/core.checkpoints/member_0/finetune.safetensors"),
        ("refit core:core: train", "work/final/core.checkpoints/member_0/finetune.safetensors"),
    ],
)
def test_training_goes_on_from_a_checkpoint(runs: dict[str, Any], fault: str, mark: str) -> None:
    assert mark in runs["chains"][0]["kills"][fault]["left"]


@pytest.mark.parametrize("chain", [0, 1], ids=["during each stage", "after each stage"])
def test_killed_run_resumes_to_the_same_result(runs: dict[str, Any], chain: int) -> None:
    found = runs["chains"][chain]
    assert found["resumed"] == 0
    whole, again = content(runs["out"]), content(found["out"])
    assert whole.keys() == again.keys()
    assert [name for name in whole if whole[name] != again[name]] == []


def test_nothing_half_written_is_left(runs: dict[str, Any]) -> None:
    for found in runs["chains"]:
        names = [path.name for path in Path(found["out"]).rglob("*")]
        assert "work" not in names
        assert not [name for name in names if name.endswith(".part")]
