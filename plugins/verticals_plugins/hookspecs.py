"""Every hook of the contract. A plugin implements any of them; the manager calls each plugin apart from the others.

Hooks of registration return an iterable of the small frozen dataclasses of ``verticals_plugins.types``. They may
import what they need inside the function, so that ``verticals list`` stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals_plugins.markers import hookspec

if TYPE_CHECKING:
    import pandas as pd

    from verticals_plugins.types import (
        Adapter,
        Baseline,
        Command,
        Head,
        Metric,
        Objective,
        Section,
        Stem,
        Task,
        Trunk,
    )

VERSION = 1
"""Version of the contract; a plugin may declare ``VERTICALS_CONTRACT = 1`` and is refused when it differs."""


# -- registration


@hookspec
def verticals_tasks() -> Iterable[Task]:  # type: ignore[empty-body]
    """Tasks of this plugin.

    Example::

        @hookimpl
        def verticals_tasks():
            from verticals_energy.load import LOAD

            return [LOAD]
    """


@hookspec
def verticals_adapters() -> Iterable[Adapter]:  # type: ignore[empty-body]
    """Readers of file formats.

    Example::

        @hookimpl
        def verticals_adapters():
            from verticals_energy.entsoe import ENTSOE_LOAD_CSV

            return [ENTSOE_LOAD_CSV]
    """


@hookspec
def verticals_stems() -> Iterable[Stem]:  # type: ignore[empty-body]
    """Stems: one kind of block -> vectors.

    Example::

        @hookimpl
        def verticals_stems():
            return [Stem("spectrum", kind=Series, fit=fit_spectrum, build=SpectrumStem)]
    """


@hookspec
def verticals_trunks() -> Iterable[Trunk]:  # type: ignore[empty-body]
    """Trunks: vectors in, contextual vectors out.

    Example::

        @hookimpl
        def verticals_trunks():
            return [Trunk("mamba", build=MambaTrunk)]
    """


@hookspec
def verticals_objectives() -> Iterable[Objective]:  # type: ignore[empty-body]
    """Self-supervised losses for pretraining.

    Example::

        @hookimpl
        def verticals_objectives():
            return [Objective("next_event", build=NextEvent)]
    """


@hookspec
def verticals_heads() -> Iterable[Head]:  # type: ignore[empty-body]
    """Heads: contextual vectors -> outputs, loss, decode.

    Example::

        @hookimpl
        def verticals_heads():
            return [Head("survive", fit=fit_survival, build=SurvivalHead, blends=tuple, calibrate=Identity)]
    """


@hookspec
def verticals_baselines() -> Iterable[Baseline]:  # type: ignore[empty-body]
    """Classic methods for the gate.

    Example::

        @hookimpl
        def verticals_baselines():
            return [Baseline("naive", build=lambda task: Naive())]
    """


@hookspec
def verticals_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Metrics, each with its direction and its unit of resampling.

    Example::

        @hookimpl
        def verticals_metrics():
            return [Metric(name="pinball", label="pinball loss", larger_is_better=False, score=pinball)]
    """


@hookspec
def verticals_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Further sub-commands of ``verticals``.

    Example::

        @hookimpl
        def verticals_commands():
            return [Command("grid", "show the grid", configure=add_arguments, run=show_grid)]
    """


# -- life of a run


@hookspec
def verticals_run_started(task: Task, folder: Path) -> None:
    """A run began in ``folder``.

    Example::

        @hookimpl
        def verticals_run_started(task, folder):
            tracker.start(task.name, folder)
    """


@hookspec
def verticals_stage_finished(task: Task, folder: Path, stage: str, seconds: float) -> None:
    """A stage of a run ended.

    Example::

        @hookimpl
        def verticals_stage_finished(task, folder, stage, seconds):
            tracker.log(stage, seconds)
    """


@hookspec
def verticals_run_finished(task: Task, folder: Path, metrics: dict[str, Any]) -> None:
    """A run ended; ``metrics`` is the content of metrics.json.

    Example::

        @hookimpl
        def verticals_run_finished(task, folder, metrics):
            tracker.finish(metrics["shipped"])
    """


@hookspec
def verticals_report_sections(task: Task, folder: Path, metrics: dict[str, Any]) -> Sequence[Section]:  # type: ignore[empty-body]
    """Further sections of the report.

    Example::

        @hookimpl
        def verticals_report_sections(task, folder, metrics):
            return [Section("Ownership", text="Model owner: the risk team")]
    """


# -- serving


@hookspec
def verticals_before_predict(task: Task, frame: pd.DataFrame) -> pd.DataFrame:  # type: ignore[empty-body]
    """Look at, redact or refuse (by raising ``DataError``) what is about to be scored; return the frame to score.

    Example::

        @hookimpl
        def verticals_before_predict(task, frame):
            return frame.drop(columns=["name"], errors="ignore")
    """


@hookspec
def verticals_after_predict(task: Task, table: pd.DataFrame) -> pd.DataFrame:  # type: ignore[empty-body]
    """Look at or guard what is about to be returned; return the table to return.

    Example::

        @hookimpl
        def verticals_after_predict(task, table):
            audit.write(table)
            return table
    """
