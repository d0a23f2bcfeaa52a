"""The pipeline as the conformance suite wants it: small and fast, on one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from verticals.data.checks import check
from verticals.pipeline.bundle import Bundle, load
from verticals.pipeline.fitting import slots_of
from verticals.pipeline.reading import adapters_of, read
from verticals.pipeline.run import Run, answerable, run
from verticals.pipeline.settings import Settings, configured
from verticals_plugins import Adapter, CoreSpec, Dataset, Examples, Task
from verticals_plugins.manager import find, installed


class PipelineRunner:
    """The :class:`verticals_plugins.testing.Runner` of this suite."""

    def resolve(self, task: Task) -> None:
        """Look up adapters, classic methods, metrics and the core's parts."""
        plugins = installed()
        adapters_of(task)
        slots_of(task)
        for one in task.baselines:
            if isinstance(one, str):
                find("baseline", plugins.baselines(), one, plugins)
        if isinstance(task.core, CoreSpec):
            find("trunk", plugins.trunks(), task.core.trunk, plugins)
            for stem in task.core.stems:
                find("stem", plugins.stems(), stem.split(":")[0], plugins)
            if task.core.objective != "none":
                find("objective", plugins.objectives(), task.core.objective, plugins)

    def adapters(self, task: Task) -> Sequence[Adapter]:
        """The task's adapters."""
        return adapters_of(task)

    def examples(self, task: Task, path: Path) -> Examples:
        """What a run does with a path before it fits anything."""
        settings = Settings(task=task.name, data=str(path))
        ready = configured(task, settings)
        dataset = read(ready, settings)
        check(dataset)
        return answerable(ready.examples(dataset))

    def run(self, task: Task, data: Dataset, out: Path, seed: int) -> Run:
        """A run of preset quick whose core is trained for one pass."""
        core: dict[str, Any] = {}
        if isinstance(task.core, CoreSpec):
            core = {"epochs": 1, "pretrain_epochs": min(1, task.core.pretrain_epochs)}
        return run(task, data, out=out, preset="quick", seed=seed, core=core, threads=1)

    def load(self, folder: Path) -> Bundle:
        """Open a bundle."""
        return load(folder)

    def metrics_schema(self) -> Mapping[str, Any]:
        """The schema beside this file."""
        return dict(json.loads(files("verticals.pipeline").joinpath("metrics.schema.json").read_text()))
