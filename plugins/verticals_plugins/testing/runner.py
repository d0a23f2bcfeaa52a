"""What the suite needs of the machine that runs tasks. The core provides it; the contract never imports the core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from verticals_plugins.dataset import Dataset
    from verticals_plugins.examples import Examples, Predictions
    from verticals_plugins.types import Adapter, Decision, Task


class Finished(Protocol):
    """A finished run: its folder, the content of metrics.json, the decision."""

    @property
    def folder(self) -> Path: ...

    @property
    def metrics(self) -> Mapping[str, Any]: ...

    @property
    def decision(self) -> Decision: ...


class Scorer(Protocol):
    """An opened bundle."""

    def examples(self, data: Dataset) -> Examples: ...

    def predict_examples(self, examples: Examples) -> Predictions: ...

    def predict(self, data: Dataset) -> pd.DataFrame: ...

    def predict_batches(self, batches: Iterable[Dataset]) -> Iterator[pd.DataFrame]: ...

    def save(self, folder: Path) -> None: ...


class Runner(Protocol):
    """Runs tasks as a user would, but small and fast: the suite judges the contract, not the score."""

    def resolve(self, task: Task) -> None:
        """Look up every part that the task names; raises ``VerticalsError`` for one that is not registered."""
        ...

    def adapters(self, task: Task) -> Sequence[Adapter]:
        """The task's adapters, looked up."""
        ...

    def examples(self, task: Task, path: Path) -> Examples:
        """Read a path with the adapter that takes it, check it, and make examples to learn from."""
        ...

    def run(self, task: Task, data: Dataset, out: Path, seed: int) -> Finished:
        """Run the whole pipeline on ``data``."""
        ...

    def load(self, folder: Path) -> Scorer:
        """Open the bundle of a run's folder; raises ``VerticalsError`` for one that cannot be trusted."""
        ...

    def metrics_schema(self) -> Mapping[str, Any]:
        """The published JSON schema of metrics.json."""
        ...
