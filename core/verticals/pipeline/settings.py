"""What a run was asked to do: one frozen record, kept as config.json, from which a run can be resumed."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from verticals.pipeline.files import write_json
from verticals_plugins import CoreSpec, Task, UsageError

PRESETS = ("quick", "standard", "best")
IN_MEMORY = "(in memory)"
"""The path of data that were given as a table."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A run's settings. ``data`` None means the task's demo data; ``time_limit`` is in seconds."""

    task: str
    data: str | None = None
    preset: str = "standard"
    seed: int = 0
    policy: Mapping[str, Any] = field(default_factory=dict[str, Any])
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    adapter: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    label_delay_days: float | None = None
    time_limit: float | None = None
    core: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the task's CoreSpec to replace: ``{"trunk": "gru"}``."""
    threads: int = 0

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise UsageError(f"There is no preset {self.preset!r}.", expected=f"One of {', '.join(PRESETS)}.")
        for name, value, least in (
            ("seed", self.seed, 0), ("threads", self.threads, 0), ("label delay", self.label_delay_days, 0.0),
            ("time limit", self.time_limit, 0.0),
        ):  # fmt: skip
            if value is not None and not value >= least:
                raise UsageError(f"The {name} is {value}.", expected=f"{least} or more.")

    def save(self, folder: Path) -> None:
        """Write config.json."""
        write_json(folder / "config.json", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """Read config.json.

        Raises:
            UsageError: ``folder`` holds no run.
        """
        try:
            stored = json.loads((folder / "config.json").read_text())
            return cls(**stored)
        except (OSError, ValueError, TypeError) as err:
            raise UsageError(
                f"{folder} holds no run that can be resumed.", expected="A folder with config.json."
            ) from err


def threads_of(settings: Settings) -> int:
    """How many threads a fit may use."""
    return settings.threads or int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count() or 1


def configured(task: Task, settings: Settings) -> Task:
    """The declaration as this run wants it: label delay, core parts, and the preset's size of the core."""
    if settings.label_delay_days is not None:
        task = replace(task, schema=replace(task.schema, label_delay_days=settings.label_delay_days))
    if not isinstance(task.core, CoreSpec):
        if settings.core:
            raise UsageError(f"The core of {task.name} has no parts to swap ({', '.join(settings.core)}).")
        return task
    known = {one.name for one in dataclasses.fields(CoreSpec)}
    unknown = sorted(set(settings.core) - known)
    if unknown:
        raise UsageError(f"A core has no {', '.join(unknown)}.", expected=f"Known: {', '.join(sorted(known))}.")
    return replace(task, core=sized(replace(task.core, **settings.core), settings.preset))


def sized(core: CoreSpec, preset: str) -> CoreSpec:
    """quick: one member, half the epochs; best: at least three members."""
    if preset == "quick":
        epochs, pretrain = math.ceil(core.epochs / 2), math.ceil(core.pretrain_epochs / 2)
        return replace(core, members=1, epochs=epochs, pretrain_epochs=pretrain)
    return replace(core, members=max(3, core.members)) if preset == "best" else core


def policy_of(task: Task, given: Mapping[str, Any]) -> Any:
    """The task's policy with what the user gave.

    Raises:
        UsageError: a field does not exist, or its value has the wrong type.
    """
    fields = {one.name: one for one in dataclasses.fields(task.policy)}
    values = {}
    for name, value in given.items():
        key = name.replace("-", "_")
        if key not in fields:
            raise UsageError(
                f"The policy of {task.name} has no {name!r}.", expected=f"Known: {', '.join(fields) or 'none'}."
            )
        values[key] = converted(key, value, fields[key].default)
    try:
        return task.policy(**values)
    except (TypeError, ValueError) as err:
        raise UsageError(f"The policy cannot be used: {err}.") from err


def understood(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the user gave as the policy holds it: numbers instead of text, a file's content instead of its path."""
    policy = policy_of(task, given)
    return {name: getattr(policy, name) for name in (one.replace("-", "_") for one in given)}


def converted(name: str, value: Any, default: Any) -> Any:
    """``value`` as the type of ``default``; text from a command line becomes a number or a truth value."""
    try:
        if isinstance(default, bool):
            if str(value).lower() not in {"true", "false", "yes", "no", "1", "0"}:
                raise ValueError(value)
            return str(value).lower() in {"true", "yes", "1"}
        if isinstance(default, int):
            return int(value)
        if isinstance(default, float) or (default is None and _is_number(value)):
            return float(value)
    except ValueError as err:
        raise UsageError(f"--{name.replace('_', '-')} is {value!r}.", expected=f"{type(default).__name__}.") from err
    return value


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def duration(text: str) -> float:
    """Seconds of "90", "90s", "30m", "2h" or "1.5d".

    Raises:
        UsageError: the text is none of these.
    """
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86_400}.get(text[-1:].lower(), 0)
    number = text[:-1] if unit else text
    try:
        return float(number) * (unit or 1)
    except ValueError as err:
        raise UsageError(f"{text!r} is not a duration.", expected="For example 90s, 30m, 2h or 7d.") from err
