"""The task under test, with what the checks share: its demo data, examples, split, one run, its bundle."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from verticals_plugins.dataset import Dataset
from verticals_plugins.examples import Block, Examples, Series
from verticals_plugins.testing.runner import Finished, Runner, Scorer
from verticals_plugins.types import Parts, Task, no_violations

SEED = 0


class Subject:
    """Everything is made once, when a check first asks for it. Checks must not change what they get."""

    def __init__(self, task: Task, runner: Runner, folder: Path) -> None:
        self.task, self.runner, self.folder = task, runner, folder

    @cached_property
    def dataset(self) -> Dataset:
        """The demo data."""
        return self.task.demo(SEED)

    @cached_property
    def examples(self) -> Examples:
        """The demo's examples."""
        return self.task.examples(self.dataset)

    @cached_property
    def parts(self) -> Parts:
        """The demo's split."""
        return self.task.split(self.examples, SEED)

    @cached_property
    def run(self) -> Finished:
        """A small run on the demo data."""
        return self.runner.run(self.task, self.task.demo(SEED), self.folder / "run", SEED)

    @cached_property
    def bundle(self) -> Scorer:
        """What the run ships."""
        return self.runner.load(self.run.folder)

    @property
    def is_planning(self) -> bool:
        """The task returns plans, which can break constraints."""
        return self.task.verify is not no_violations

    def blocks(self) -> list[Block]:
        """The kinds of input."""
        return list(self.examples.inputs.values())

    @property
    def is_series(self) -> bool:
        """The target's past is an input, so that data without it say nothing."""
        return any(isinstance(one, Series) for one in self.blocks())

    def some(self, most: int) -> np.ndarray:
        """Row numbers of at most ``most`` of the test part's examples."""
        test = self.parts.test
        return test[np.unique(np.linspace(0, len(test) - 1, min(most, len(test))).astype(np.int64))]
