"""The stages of a run: timed, logged, told to plugins and to whoever watches, and able to fail on purpose in tests."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from verticals.pipeline.files import append_line
from verticals_plugins import Task
from verticals_plugins.manager import installed

FAULT = "VERTICALS_FAULT"
"""For tests: "STAGE:during", "STAGE:after", or "STAGE:WHAT" in the middle of what a stage reports, ends the process at
that point as ``kill -9`` would."""


class Watcher(Protocol):
    """Who is told how far a run is: ``stage`` at its start, ``progress`` with a share done, ``note`` with a line."""

    def stage(self, name: str) -> None: ...

    def progress(self, what: str, share: float) -> None: ...

    def note(self, text: str) -> None: ...


class Silent:
    """A watcher that says nothing."""

    def stage(self, name: str) -> None:
        """Nothing."""

    def progress(self, what: str, share: float) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


@dataclass
class Stages:
    """Runs one stage after another and remembers the seconds each took."""

    task: Task
    folder: Path
    watcher: Watcher
    deadline: float | None = None
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    warnings: list[str] = field(default_factory=list[str])

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str, float], None]]:
        """Time a stage; gives the function to report progress with. Times of the same name are added up."""
        self.watcher.stage(name)
        started = time.monotonic()
        yield lambda what, share: self._progress(name, what, share)
        fault(name, "during")
        took = time.monotonic() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        self._log(name, took)
        self.warnings += installed().notify(
            "verticals_stage_finished", task=self.task, folder=self.folder, stage=name, seconds=took
        )
        fault(name, "after")

    def left(self) -> float | None:
        """Seconds until the time limit; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def warn(self, text: str) -> None:
        """Tell the user once, and keep it for the report."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.watcher.note(f"warning: {text}")

    def _progress(self, name: str, what: str, share: float) -> None:
        if share > 0.5:
            fault(name, what)
        self.watcher.progress(what, share)

    def _log(self, name: str, took: float) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        line = json.dumps({"time": stamp, "stage": name, "seconds": round(took, 3)})
        append_line(self.folder / "log.jsonl", line)


def fault(stage: str, point: str) -> None:
    """End the process if a test asked for it here."""
    if os.environ.get(FAULT) == f"{stage}:{point}":
        os.kill(os.getpid(), signal.SIGKILL)
