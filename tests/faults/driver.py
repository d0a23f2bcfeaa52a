"""Kills a run of the toy task again and again, and resumes it each time, in forks; prints what came of it as JSON.

Forks start at once, where a new process would import torch each time. Usage: driver.py FOLDER CHAIN..., where a chain
is a list of faults in the order in which one run meets them: "read:during,fit core:core: train,report:after".
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm  # noqa: F401  (imported once, before the forks)
import matplotlib.backends.backend_svg
import matplotlib.figure  # noqa: F401
import sklearn.linear_model  # noqa: F401
import torch
import toy

import verticals.commands.runs  # noqa: F401
from verticals.cli import main
from verticals.pipeline import run as pipeline
from verticals.pipeline.stages import FAULT
from verticals.train import loop
from verticals_plugins.manager import Plugin, installed

TASK = replace(toy.TASK, demo=lambda seed: toy.simulate(seed, 700), core=replace(toy.TASK.core, epochs=4, batch=32))
"""Batches so small that the core's best epoch is its last: a refit has an epoch to lose when it is killed half-way."""


def start(out: Path) -> int:
    pipeline.run(TASK, out=out, preset="quick", threads=1)
    return 0


def resume(out: Path) -> int:
    return main(["run", "--resume", str(out), "--quiet"])


def forked(fault: str, call: Callable[[Path], int], out: Path) -> int:
    """Run ``call(out)`` in a fork; its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        os.environ[FAULT] = fault
        code = 70
        try:
            sys.stdout = sys.stderr
            code = call(out)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def chained(faults: list[str], out: Path) -> dict[str, Any]:
    """One run that each of the faults kills in turn; how each ended, what it left, and how the last resume ended."""
    kills: dict[str, Any] = {}
    for number, fault in enumerate(faults):
        code = forked(fault, resume if number else start, out)
        left = [str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()]
        kills[fault] = {"code": code, "left": left}
    return {"out": str(out), "kills": kills, "resumed": forked("", resume, out)}


class Plugged(toy.Plugin):
    """The toy of this file as a plugin."""

    @toy.hookimpl
    def verticals_tasks(self) -> list[Any]:
        return [TASK]


if __name__ == "__main__":
    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 0.0  # after each epoch
    installed().known["toy"] = Plugin("toy", "toy", "0")
    installed().manager.register(Plugged(), name="toy")
    home = Path(sys.argv[1])
    whole = forked("", start, home / "whole")
    chains = [chained(chain.split(","), home / str(number)) for number, chain in enumerate(sys.argv[2:])]
    print(json.dumps({"whole": whole, "out": str(home / "whole"), "chains": chains}))
