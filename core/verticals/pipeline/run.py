"""``verticals.run``: from data to decision, report and bundle. This file is the way that data take, top to bottom."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import verticals
from verticals.data.checks import check
from verticals.evaluate import gate as gates
from verticals.evaluate.gate import Gate
from verticals.explain.reasons import with_reasons
from verticals.pipeline import fitting
from verticals.pipeline.bundle import Bundle, load
from verticals.pipeline.files import write_atomic, write_json
from verticals.pipeline.fitting import Answers, Candidate, Slots
from verticals.pipeline.reading import read
from verticals.pipeline.report import ReportContent, render
from verticals.pipeline.settings import IN_MEMORY, Settings, configured, policy_of, understood
from verticals.pipeline.stages import Silent, Stages, Watcher
from verticals.pipeline.tables import value_columns, with_values
from verticals_plugins import (
    Blend,
    Calibrator,
    DataError,
    Dataset,
    Decision,
    Examples,
    Method,
    Parts,
    PluginError,
    Predictions,
    Rule,
    Task,
    UsageError,
)
from verticals_plugins.manager import installed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what was measured, who won, and what to do next."""

    folder: Path
    metrics: dict[str, Any]
    gate: Gate
    decision: Decision

    @property
    def methods(self) -> pd.DataFrame:
        """One row a method, one column a metric, on the test part."""
        import pandas as pd

        return pd.DataFrame(self.metrics["methods"]).T

    @property
    def bundle(self) -> Bundle:
        """What the run ships, opened from its folder."""
        return load(self.folder)


def run(
    task: str | Task,
    data: str | Path | Dataset | None = None,
    *,
    out: str | Path | None = None,
    preset: str = "standard",
    seed: int = 0,
    policy: Mapping[str, Any] | None = None,
    mapping: Mapping[str, str] | None = None,
    adapter: str | None = None,
    options: Mapping[str, str] | None = None,
    label_delay_days: float | None = None,
    time_limit: float | None = None,
    core: Mapping[str, Any] | None = None,
    threads: int = 0,
    watcher: Watcher | None = None,
) -> Run:
    """Run a task on ``data`` (a path, a dataset, or None for the task's simulated demo data).

    Fits the classic methods and the core, blends and calibrates them, lets the gate decide which ships, turns its
    predictions into a decision, and writes report and bundle to ``out`` (default: a new folder below ``runs/``).
    An unfinished run of the same settings in ``out`` is taken up where it stopped.

    Args:
        policy: the decision's numbers by name, ``{"alerts_per_day": 50}``.
        mapping: field name -> column name of the data.
        options: the adapter's own options.
        label_delay_days: days after which a target is known.
        time_limit: seconds; what does not fit in is left out and named.
        core: fields of the task's CoreSpec to replace, ``{"trunk": "gru"}``.

    Raises:
        DataError: the data cannot be used; the message says what was found, expected, and what to do.
        UsageError: an argument does not exist, or ``out`` cannot be written.
    """
    declared = installed().task(task) if isinstance(task, str) else task
    settings = Settings(
        task=declared.name, data=str(data) if isinstance(data, str | Path) else None if data is None else IN_MEMORY,
        preset=preset, seed=seed, policy=understood(declared, policy or {}), mapping=dict(mapping or {}),
        adapter=adapter, options=dict(options or {}), label_delay_days=label_delay_days, time_limit=time_limit,
        core=dict(core or {}), threads=threads,
    )  # fmt: skip
    folder = Path(out) if out is not None else new_folder(declared.name)
    if (folder / "config.json").is_file() and Settings.load(folder) != settings:
        raise UsageError(
            f"{folder} holds a run with other settings.",
            expected="A new or empty folder.",
            todo="Choose another --out.",
        )
    settings.save(folder)
    return execute(declared, settings, folder, watcher or Silent(), data if isinstance(data, Dataset) else None)


def resume(folder: str | Path, watcher: Watcher | None = None) -> Run:
    """Take up a run that was interrupted; the result equals that of an uninterrupted one, bit for bit."""
    settings = Settings.load(Path(folder))
    if settings.data == IN_MEMORY:
        raise UsageError(
            f"{folder} is a run on data given in memory, which are not there any more.",
            expected="A run on files.", todo=f"Call verticals.run again with the same table and out={str(folder)!r}.",
        )  # fmt: skip
    return execute(installed().task(settings.task), settings, Path(folder), watcher or Silent())


def execute(declared: Task, settings: Settings, folder: Path, watcher: Watcher, dataset: Dataset | None = None) -> Run:
    """The stages, one after another."""
    task, policy = configured(declared, settings), policy_of(declared, settings.policy)
    deadline = None if settings.time_limit is None else time.monotonic() + settings.time_limit
    stages = Stages(task, folder, watcher, deadline)
    stages.warnings += installed().notify("verticals_run_started", task=task, folder=folder)
    work = folder / "work"

    with stages.stage("read"):
        dataset = dataset if dataset is not None else read(task, settings)
        same_data(work, dataset)
    with stages.stage("check"):
        findings = check(dataset)
        for line in dataset.provenance.ledger.warnings:
            stages.warn(line)
    with stages.stage("examples"):
        examples = answerable(task.examples(dataset))
    with stages.stage("split"):
        parts = task.split(examples, settings.seed)

    slots = fitting.slots_of(task)
    candidates = fitting.candidates_of(task, stages)
    folds = fit_folds(task, parts, examples, candidates, slots, settings, stages, work)
    valid, judged = (pool(folds, parts, examples, part) for part in ("valid", "gate"))
    with stages.stage("gate"):
        verdict, on_gate = judge(task, slots, judged, candidates, settings.seed)
    final = finish(parts, examples, valid, candidates, slots, folds, settings, stages, work)
    with stages.stage("test"):
        test = examples.take(parts.test)
        tested = final.predict(test)
        on_test = measured(task, slots, tested, verdict, settings.seed)
    with stages.stage("decide"):
        bundle, rule_of = ship(task, settings, final, verdict.shipped, policy, dataset)
        decision = task.decide(tested[verdict.shipped], policy, bundle.rule)
        rival = task.decide(tested[verdict.classic], policy, rule_of(verdict.classic))
        table = with_reasons(with_values(decision.table, tested[verdict.shipped]), bundle, tested[verdict.shipped])
        decision = Decision(table=table, headline=decision.headline, summary=decision.summary, unit=decision.unit)
    with stages.stage("bundle"):
        bundle.save(folder / "bundle")

    metrics = {
        "task": task.name, "protocol": task.protocol or "as-of split, gate on unseen rows, test reported once",
        "seed": settings.seed, "preset": settings.preset, "version": verticals.__version__,
        "data": described(dataset, examples), "split": sizes(parts),
        "metric": slots.metric.name, "unit": slots.metric.unit, **on_test, "gate_part": on_gate,
        "shipped": verdict.shipped, "classic": verdict.classic, "gate": verdict.to_json(),
        "decision": {"headline": decision.headline, "unit": decision.unit, **decision.summary,
                     "classic": {"headline": rival.headline, **rival.summary}},
        "blend": {name: dict(one.describe()) for name, one in final.blends.items()}, "core": final.notes,
        "policy": {name: getattr(policy, name) for name in policy.__dataclass_fields__},
        "rule": dict(bundle.rule.numbers), "warnings": stages.warnings, "seconds": stages.seconds,
    }  # fmt: skip
    with stages.stage("report"):
        write_tables(folder, decision, tested[verdict.shipped])
        content = ReportContent(
            task=task, metrics=metrics, shipped=tested[verdict.shipped], classic=tested[verdict.classic],
            decision=decision, provenance=dataset.provenance, findings=tuple(findings),
            sections=sections_of(task, folder, metrics, tested[verdict.shipped], decision, stages),
        )  # fmt: skip
        render(content, folder)
    write_json(folder / "metrics.json", metrics)
    stages.warnings += installed().notify("verticals_run_finished", task=task, folder=folder, metrics=metrics)
    shutil.rmtree(work, ignore_errors=True)
    return Run(folder, json.loads((folder / "metrics.json").read_text()), verdict, decision)


# ------------------------------------------------------------------------------------------------------- the parts


def fit_folds(
    task: Task, parts: Parts, examples: Examples, candidates: list[Candidate], slots: Slots, settings: Settings,
    stages: Stages, work: Path,
) -> list[tuple[Answers, tuple[Blend, ...]]]:  # fmt: skip
    """Every candidate and every blend on every fold; the gate part's answers come calibrated."""
    cuts = parts.folds[:2] if settings.preset == "quick" else parts.folds
    found = []
    for number, fold in enumerate(cuts):
        answers = fitting.fit_fold(number, fold, examples, candidates, settings, stages, work)
        blends = slots.blends()
        with stages.stage("blend"):
            answers = fitting.blended(blends, answers, slots.metric, settings.seed)
        with stages.stage("calibrate"):
            found.append((fitting.calibrated(answers, slots.calibrate), blends))
    return found


def pool(
    folds: list[tuple[Answers, tuple[Blend, ...]]], parts: Parts, examples: Examples, part: str
) -> dict[str, Predictions]:
    """All folds' answers on the validation or the gate part."""
    rows = [getattr(fold, part) for fold in parts.folds[: len(folds)]]
    return fitting.pooled([getattr(answers, part) for answers, _ in folds], rows, examples)


def judge(
    task: Task, slots: Slots, judged: dict[str, Predictions], candidates: list[Candidate], seed: int
) -> tuple[Gate, dict[str, Any]]:
    """The gate's verdict, and what each method and each candidate's lead came to on the gate part."""
    feasible = {name: one for name, one in judged.items() if not task.verify(one)}
    classic = [one.name for one in candidates if one.classic and one.name in feasible]
    if not classic:
        raise PluginError(
            f"Every classic method of {task.name} breaks a constraint.", expected="At least one that is feasible."
        )
    draws = {name: gates.scores(slots.metric, one, seed) for name, one in feasible.items()}
    verdict = gates.decide(slots.metric, feasible, draws, classic)
    values = {name: as_json(gates.interval(slots.metric, one, draws[name])) for name, one in feasible.items()}
    return verdict, {"methods": values, "leads": leads(slots, feasible, draws, verdict)}


def leads(
    slots: Slots, predictions: dict[str, Predictions], draws: dict[str, np.ndarray], verdict: Gate
) -> dict[str, Any]:
    """How much better than the best classic method each other method is, with its interval."""
    best = verdict.classic
    return {
        name: as_json(gates.difference(slots.metric, one, predictions[best], draws[name], draws[best]))
        for name, one in predictions.items()
        if name != best
    }


@dataclass
class Final:
    """What was fitted on all that may train what ships."""

    methods: dict[str, Method]
    blends: dict[str, Blend]
    calibrators: dict[str, Calibrator]
    valid: dict[str, Predictions]

    @property
    def notes(self) -> dict[str, Any]:
        """What the core tells of itself."""
        found = [getattr(one, "notes", None) for one in self.methods.values()]
        return next((dict(one) for one in found if one), {})

    def predict(self, examples: Examples) -> dict[str, Predictions]:
        """Each method's and the blend's calibrated predictions."""
        said = {name: method.predict(examples) for name, method in self.methods.items()}
        joined = {name: blend.combine(said) for name, blend in self.blends.items()}
        return {name: self.calibrators[name].apply(one) for name, one in (said | joined).items()}


def finish(
    parts: Parts, examples: Examples, valid: dict[str, Predictions], candidates: list[Candidate], slots: Slots,
    folds: list[tuple[Answers, tuple[Blend, ...]]], settings: Settings, stages: Stages, work: Path,
) -> Final:  # fmt: skip
    """Refit every method on ``final``; blend and calibration come from all folds' validation parts together."""
    train = examples.take(parts.final)
    methods: dict[str, Method] = {}
    for one in candidates:
        if one.name not in valid:
            continue
        start = work / "fold-0" / one.name
        late = stages.left() is not None and (stages.left() or 0) < stages.seconds.get(f"fit {one.name}", 0)
        if late and len(folds) == 1:
            stages.warn(f"{one.name} was not refitted on all data: the time limit was near.")
            methods[one.name] = one.build()
            methods[one.name].load(start)
            continue
        methods[one.name] = fitting.fit_candidate(
            one, work / "final" / one.name, train, None, settings, stages, seconds=None, start=start, stage="refit"
        )
    blends = folds[0][1]
    own = {name: valid[name] for name in methods}
    if len(folds) > 1 and len(own) > 1:
        blends = slots.blends()
        with stages.stage("blend"):
            for blend in blends:
                blend.fit(own, slots.metric, settings.seed)
                valid[blend.name] = blend.combine(own)
    calibrators = {}
    with stages.stage("calibrate"):
        for name, said in valid.items():
            calibrators[name] = slots.calibrate()
            calibrators[name].fit(said)
    return Final(methods, {one.name: one for one in blends} if len(own) > 1 else {}, calibrators, valid)


def measured(task: Task, slots: Slots, tested: dict[str, Predictions], verdict: Gate, seed: int) -> dict[str, Any]:
    """Every metric of every method on the test part, with intervals; violations of a plan's constraints, if any."""
    values: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, list[float]]] = {}
    draws = {name: gates.scores(slots.metric, one, seed + 1) for name, one in tested.items()}
    for name, one in tested.items():
        main = gates.interval(slots.metric, one, draws[name])
        values[name], intervals[name] = {slots.metric.name: main.value}, {slots.metric.name: [main.lo, main.hi]}
        for metric in slots.metrics:
            found = gates.interval(metric, one, gates.scores(metric, one, seed + 1, 200))
            values[name][metric.name], intervals[name][metric.name] = found.value, [found.lo, found.hi]
    violations = {name: list(broken)[:5] for name, one in tested.items() if (broken := task.verify(one))}
    return {
        "methods": values,
        "intervals": intervals,
        "test": leads(slots, tested, draws, verdict),
        "violations": violations,
    }


def ship(
    task: Task, settings: Settings, final: Final, shipped: str, policy: Any, dataset: Dataset
) -> tuple[Bundle, Callable[[str], Rule]]:
    """The bundle of what ships, and the rule that tuning on validation data gives each method."""

    def rule_of(name: str) -> Rule:
        return task.tune(final.calibrators[name].apply(final.valid[name]), policy)

    blend = final.blends.get(shipped)
    names = list(blend.members) if blend is not None else [shipped]
    bundle = Bundle(
        task, settings, {name: final.methods[name] for name in names}, blend, final.calibrators[shipped], policy,
        rule_of(shipped), shipped, task.examples.memory(dataset), dict(dataset.provenance.mapping),
    )  # fmt: skip
    return bundle, rule_of


# ------------------------------------------------------------------------------------------------------ small things


def answerable(examples: Examples) -> Examples:
    """The examples, if there is something to learn from.

    Raises:
        DataError: there is none, no truth, or only one class.
    """
    if not len(examples):
        raise DataError("No example can be made of these data.", expected="Rows that survive the checks.")
    truth = examples.truth
    if truth is None:
        raise DataError(
            "The data have no target column.", expected="A target for training.", todo="Map it: --map target=COLUMN."
        )
    if truth.ndim == 1 and truth.dtype.kind in "iub" and len(np.unique(truth)) < 2:
        only = examples.names[int(truth[0])] if int(truth[0]) < len(examples.names) else truth[0]
        raise DataError(
            f"All {len(truth)} examples are of one class ({only}).",
            expected="At least two classes.",
            todo="Give data that hold both, or check which column is the target.",
        )
    return examples


def same_data(work: Path, dataset: Dataset) -> None:
    """Remember the files' hashes; a resumed run must find the same.

    Raises:
        UsageError: the data changed since the run began.
    """
    found = {one.path: one.sha256 for one in dataset.provenance.sources}
    mark = work / "sources.json"
    if mark.is_file() and json.loads(mark.read_text()) != found:
        raise UsageError(
            "The data changed since this run began.",
            expected="The same files.",
            todo="Start a new run with another --out.",
        )
    write_json(mark, found)


def described(dataset: Dataset, examples: Examples) -> dict[str, Any]:
    """What was read: adapter, files, rows, dropped rows by reason, examples."""
    ledger = dataset.provenance.ledger
    return {
        "adapter": dataset.provenance.adapter,
        "sources": [vars(one) for one in dataset.provenance.sources],
        "rows": {name: len(table) for name, table in dataset.tables.items()},
        "examples": len(examples),
        "dropped": dict(ledger.dropped),
        "dropped_where": {reason: list(where) for reason, where in ledger.where.items()},
        "mapping": dict(dataset.provenance.mapping),
        "notes": dict(dataset.provenance.notes),
    }


def sizes(parts: Parts) -> dict[str, Any]:
    """How many examples each part has, and the splitter's notes."""
    first = parts.folds[0]
    return {
        "train": len(first.train), "valid": len(first.valid), "gate": sum(len(fold.gate) for fold in parts.folds),
        "final": len(parts.final), "test": len(parts.test), "folds": len(parts.folds), **parts.notes,
    }  # fmt: skip


def as_json(interval: gates.Interval) -> dict[str, Any]:
    """``{"value", "ci95"}``."""
    return {"value": interval.value, "ci95": [interval.lo, interval.hi]}


def sections_of(
    task: Task, folder: Path, metrics: dict[str, Any], predictions: Predictions, decision: Decision, stages: Stages
) -> tuple[Any, ...]:
    """The report's sections that the task and other plugins add."""
    own = tuple(task.sections(predictions, decision)) if task.sections is not None else ()
    others, warnings = installed().gather("verticals_report_sections", task=task, folder=folder, metrics=metrics)
    stages.warnings += warnings
    return own + tuple(others)


def write_tables(folder: Path, decision: Decision, predictions: Predictions) -> None:
    """decisions.csv: what to do. predictions.parquet: what was said of each example of the test part, and the truth."""
    write_atomic(folder / "decisions.csv", decision.table.to_csv(index=False).encode())
    table = value_columns(predictions)
    truth = predictions.examples.truth
    if truth is not None and truth.ndim == 1 and truth.dtype != object:
        table["truth"] = truth
    write_atomic(folder / "predictions.parquet", table.to_parquet(index=False))


def new_folder(task: str) -> Path:
    """The first of runs/TASK, runs/TASK-2, ... that does not exist."""
    number, folder = 1, Path("runs") / task
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{task}-{number}"
    return folder


__all__ = ["Run", "resume", "run"]
