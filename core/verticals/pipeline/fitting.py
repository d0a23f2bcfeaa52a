"""Candidates for the gate: the classic methods, the core, and blends of them; fitted fold by fold, each resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from verticals.model.core import core_of
from verticals.pipeline.files import write_folder
from verticals.pipeline.settings import Settings, threads_of
from verticals.pipeline.stages import Stages
from verticals_plugins import (
    Blend,
    Budget,
    Calibrator,
    CoreSpec,
    DataError,
    Examples,
    Fold,
    Method,
    Metric,
    MissingExtraError,
    Predictions,
    Task,
)
from verticals_plugins.manager import find, installed


@dataclass(frozen=True)
class Candidate:
    """A method by name, how to make an unfitted one, and whether it is classic."""

    name: str
    build: Callable[[], Method]
    classic: bool


@dataclass(frozen=True)
class Answers:
    """What one fold's candidates say: uncalibrated on its validation part, calibrated on its gate part."""

    valid: dict[str, Predictions]
    gate: dict[str, Predictions]


@dataclass(frozen=True)
class Slots:
    """A task's slots that may hold names, looked up."""

    metric: Metric
    metrics: tuple[Metric, ...]
    blends: Callable[[], tuple[Blend, ...]]
    calibrate: Callable[[], Calibrator]


def slots_of(task: Task) -> Slots:
    """Metrics by name, and the head's blends and calibration where the task does not say otherwise."""
    from verticals.evaluate.calibrate import Identity

    plugins = installed()
    known = plugins.metrics()
    every = [
        find("metric", known, one, plugins) if isinstance(one, str) else one for one in (task.metric, *task.metrics)
    ]
    blends, calibrate = task.blends, task.calibrate
    if isinstance(task.core, CoreSpec):
        head = find("head", plugins.heads(), task.core.head, plugins)
        blends, calibrate = blends or head.blends, calibrate or head.calibrate
    others = {one.name: one for one in every[1:] if one.name != every[0].name}
    return Slots(every[0], tuple(others.values()), blends or tuple, calibrate or Identity)


def candidates_of(task: Task, stages: Stages) -> list[Candidate]:
    """The classic methods, then the core. A classic method whose package is missing is left out with a warning."""
    plugins = installed()
    known = plugins.baselines()
    found = []
    for one in task.baselines:
        baseline = find("baseline", known, one, plugins) if isinstance(one, str) else one
        try:
            baseline.build(task)
        except MissingExtraError as err:
            stages.warn(f"{baseline.name} was left out: {err}")
            continue
        found.append(Candidate(baseline.name, partial(baseline.build, task), True))
    name = "core" if isinstance(task.core, CoreSpec) else task.core.name
    return [*found, Candidate(name, lambda: core_of(task.core, task), False)]


def fit_candidate(
    candidate: Candidate, folder: Path, train: Examples, valid: Examples | None, settings: Settings, stages: Stages,
    *, seconds: float | None, start: Path | None = None, stage: str = "fit",
) -> Method:  # fmt: skip
    """A fitted method: loaded from ``folder`` if an earlier attempt finished it, else fitted and stored there.

    ``start`` is the folder of an earlier fit whose choices (rounds, epochs) a refit without ``valid`` reuses.
    """
    method = candidate.build()
    with stages.stage(f"{stage} {candidate.name}") as progress:
        if folder.is_dir():
            method.load(folder)
            return method
        if start is not None:
            method.load(start)
        marks = folder.with_name(f"{folder.name}.checkpoints")
        marks.mkdir(parents=True, exist_ok=True)
        budget = Budget(
            seed=settings.seed, preset=settings.preset, seconds=seconds, threads=threads_of(settings), folder=marks,
            progress=progress,
        )  # fmt: skip
        method.fit(train, valid, budget)
        write_folder(folder, method.save)
    return method


def fit_fold(
    number: int, fold: Fold, examples: Examples, candidates: list[Candidate], settings: Settings, stages: Stages,
    work: Path,
) -> Answers:  # fmt: skip
    """Fit every candidate on the fold's training part; those that do not apply to these data are left out, named."""
    train, valid, gate = (examples.take(rows) for rows in (fold.train, fold.valid, fold.gate))
    answers = Answers({}, {})
    refused: list[DataError] = []
    for place, one in enumerate(candidates):
        seconds = stages.left()
        if seconds is not None:
            if seconds < 1 and not one.classic:
                stages.warn(f"{one.name} was not fitted: the time limit was reached.")
                continue
            seconds = seconds / (2 * (len(candidates) - place))
        try:
            method = fit_candidate(
                one, work / f"fold-{number}" / one.name, train, valid, settings, stages, seconds=seconds
            )
        except DataError as err:
            stages.warn(f"{one.name} does not apply to these data: {err}")
            refused.append(err)
            continue
        with stages.stage("score"):
            answers.valid[one.name] = method.predict(valid)
            answers.gate[one.name] = method.predict(gate)
    if not any(one.name in answers.valid for one in candidates if one.classic):
        raise refused[0] if refused else DataError("No classic method could be fitted.")
    return answers


def blended(blends: tuple[Blend, ...], answers: Answers, metric: Metric, seed: int) -> Answers:
    """The same answers and those of each blend, fitted on the validation part."""
    valid, gate = dict(answers.valid), dict(answers.gate)
    for blend in blends if len(valid) > 1 else ():
        blend.fit(answers.valid, metric, seed)
        valid[blend.name], gate[blend.name] = blend.combine(answers.valid), blend.combine(answers.gate)
    return Answers(valid, gate)


def calibrated(answers: Answers, make: Callable[[], Calibrator]) -> Answers:
    """The gate part's answers calibrated on the validation part."""
    gate = {}
    for name, one in answers.gate.items():
        calibrator = make()
        calibrator.fit(answers.valid[name])
        gate[name] = calibrator.apply(one)
    return Answers(answers.valid, gate)


def pooled(
    parts: list[Mapping[str, Predictions]], rows: list[np.ndarray], examples: Examples
) -> dict[str, Predictions]:
    """Each method's predictions of all folds as one; methods that some fold lacks are left out."""
    if len(parts) == 1:
        return dict(parts[0])
    together = examples.take(np.concatenate(rows))
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: joined([part[name] for part in parts], together) for name in names}


def joined(parts: list[Predictions], examples: Examples) -> Predictions:
    """Predictions of consecutive parts as those of all ``examples``."""
    shared = set.intersection(*(set(one.extras) for one in parts))
    extras = {name: np.concatenate([one.extras[name] for one in parts]) for name in sorted(shared)}
    return replace(parts[0], examples=examples, values=np.concatenate([one.values for one in parts]), extras=extras)
