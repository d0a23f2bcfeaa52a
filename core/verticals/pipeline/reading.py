"""From a path to a dataset: which adapter takes it, and what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from verticals.pipeline.settings import Settings
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff, Task, UsageError
from verticals_plugins.manager import find, installed

SURE = 0.2
"""Below this no adapter takes a path unasked."""


@dataclass(frozen=True)
class Choice:
    """The adapter that reads, and what each adapter of the task said of the path."""

    adapter: Adapter
    said: dict[str, Sniff]


def adapters_of(task: Task) -> list[Adapter]:
    """The task's adapters, looked up by name where it names them."""
    plugins = installed()
    known = plugins.adapters()
    return [find("adapter", known, one, plugins) if isinstance(one, str) else one for one in task.adapters]


def choose(task: Task, path: Path, name: str | None = None) -> Choice:
    """The adapter called ``name``, or the one that is surest of ``path``; the earlier in the task wins a tie.

    Raises:
        DataError: the path does not exist, or no adapter takes it; says what each found.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist.", expected="A file or a folder.", todo="Check the path after --data.")
    every = adapters_of(task)
    if name is not None:
        named = {one.name: one for one in every} | {one.name.split(".")[-1]: one for one in every}
        return Choice(find("adapter", named, name), {name: Sniff(1.0, "asked for")})
    said = {one.name: one.sniff(path) for one in every}
    best = max(every, key=lambda one: said[one.name].score)
    if said[best.name].score < SURE:
        reasons = "; ".join(f"{name}: {sniff.why}" for name, sniff in said.items())
        raise DataError(
            f"{path} is in no format that {task.name} reads ({reasons}).",
            expected=f"One of: {', '.join(one.summary or one.name for one in every)}.",
            todo="Convert it, or name the adapter with --adapter.",
        )
    return Choice(best, said)


def options_of(task: Task, settings: Settings, *, limit: int | None = None, need_target: bool = True) -> ReadOptions:
    """What the adapter is told."""
    return ReadOptions(
        schema=task.schema, mapping=settings.mapping, limit=limit, options=settings.options, need_target=need_target
    )


def read(task: Task, settings: Settings, *, limit: int | None = None, need_target: bool = True) -> Dataset:
    """The run's data, from its path or from the task's simulator."""
    if settings.data is None:
        return task.demo(settings.seed)
    adapter = adapter_of(task, settings)
    return adapter.read(Path(settings.data), options_of(task, settings, limit=limit, need_target=need_target))


def adapter_of(task: Task, settings: Settings) -> Adapter:
    """The adapter that reads the settings' path, and knows the options given.

    Raises:
        DataError: as :func:`choose`.
        UsageError: the adapter has no such option.
    """
    adapter = choose(task, Path(settings.data or ""), settings.adapter).adapter
    unknown = sorted(set(settings.options) - set(adapter.options))
    if unknown:
        raise UsageError(
            f"The adapter {adapter.name} has no option {', '.join(unknown)}.",
            expected=f"Its options: {', '.join(adapter.options) or 'none'}.",
        )
    return adapter
