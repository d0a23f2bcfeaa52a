"""Kills runs of the toy task and resumes them, each in a fork of this process; prints what came of it as JSON.

Forks start at once, where a new process would import torch each time. Usage: driver.py FOLDER FAULT...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import lightgbm  # noqa: F401  (imported once, before the forks)
import sklearn.linear_model  # noqa: F401
import torch
import toy

from verticals.cli import main
from verticals.pipeline import run as pipeline
from verticals.pipeline.stages import FAULT
from verticals_plugins.manager import Plugin, installed


def start(out: Path) -> int:
    pipeline.run("toy.late", out=out, preset="quick", threads=1)
    return 0


def resume(out: Path) -> int:
    return main(["run", "--resume", str(out), "--quiet"])


def forked(fault: str, call: object, out: Path) -> int:
    """Run ``call(out)`` in a fork; its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        os.environ[FAULT] = fault
        code = 70
        try:
            sys.stdout = sys.stderr
            code = call(out)  # type: ignore[operator]
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def register() -> None:
    """The toy as an installed plugin."""
    installed().known["toy"] = Plugin("toy", "toy", "0")
    installed().manager.register(toy.Plugin(), name="toy")


if __name__ == "__main__":
    torch.set_num_threads(1)
    register()
    home, found = Path(sys.argv[1]), {}
    whole = forked("", start, home / "whole")
    for number, fault in enumerate(sys.argv[2:]):
        out = home / str(number)
        killed = forked(fault, start, out)
        finished = (out / "metrics.json").exists()
        found[fault] = {"out": str(out), "killed": killed, "finished": finished, "resumed": forked("", resume, out)}
    print(json.dumps({"whole": whole, "out": str(home / "whole"), "faults": found}))
