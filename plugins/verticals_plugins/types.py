"""What a plugin registers: small frozen dataclasses, and the protocols of the objects that fill a task's slots.

A task is one frozen declaration. The pipeline runs declarations; it knows the slots and no industry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import argparse

    import numpy as np
    import pandas as pd
    from torch import nn

    from verticals_plugins.dataset import Dataset
    from verticals_plugins.examples import Examples, Predictions
    from verticals_plugins.schema import Schema


# ---------------------------------------------------------------------------------------------------- adapters


@dataclass(frozen=True)
class Sniff:
    """How sure an adapter is that a path is its own (0 = no, 1 = certain), and why."""

    score: float
    why: str


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read: the schema wanted, field -> column, rows at most, adapter options (``{"encoding": "cp1252"}``)."""

    schema: Schema
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    limit: int | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    need_target: bool = True


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """Reads one file format into a :class:`Dataset`.

    ``sniff`` must be cheap and never raise. ``read`` raises ``DataError`` for what cannot be read rightly; what it
    drops it counts in the ledger. ``options`` names the adapter's own options with their help.
    """

    name: str
    summary: str
    sniff: Callable[[Path], Sniff]
    read: Callable[[Path, ReadOptions], Dataset]
    options: Mapping[str, str] = field(default_factory=dict[str, str])


# ------------------------------------------------------------------------------------------- examples and splits


class ExampleBuilder(Protocol):
    """Turns a dataset into examples, each with only what was known at its moment.

    ``past`` is what :meth:`memory` kept of earlier data: it may inform the examples of ``dataset`` but yields none
    itself. Appending later rows to ``dataset`` must leave the examples of earlier rows unchanged, bit for bit.
    Without a target column the examples have ``truth=None``.
    """

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples: ...

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset | None:
        """What a bundle must keep so that later examples know their past; None if nothing."""
        ...


@dataclass(frozen=True)
class Fold:
    """Row numbers (int64): what methods fit on, what blend, calibration and thresholds fit on, what decides."""

    train: np.ndarray
    valid: np.ndarray
    gate: np.ndarray


@dataclass(frozen=True)
class Parts:
    """A leak-free split. ``final`` may train what ships, ``test`` is reported and never used.

    ``folds`` has one fold for many data, several (nested, or rolling origins) for few. ``notes`` go to the report.
    """

    folds: tuple[Fold, ...]
    final: np.ndarray
    test: np.ndarray
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Splitter(Protocol):
    """Cuts examples into parts; raises ``DataError`` when a part would be empty."""

    def __call__(self, examples: Examples, seed: int) -> Parts: ...


# ------------------------------------------------------------------------------------------------------- methods


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a fit or a plan may use. ``iterations`` (not seconds) makes a run repeatable."""

    seed: int = 0
    preset: str = "standard"
    seconds: float | None = None
    iterations: int | None = None
    threads: int = 2
    folder: Path | None = None
    """Where a long fit may keep checkpoints; survives a kill."""
    progress: Callable[[str, float], None] | None = None
    """Called with (what, share done)."""


class Method(Protocol):
    """Anything that fits and predicts: the core, a baseline, a blend, a routing engine.

    ``fit`` with ``valid=None`` refits on more data with what an earlier fit of the same object chose (rounds, epochs).
    ``save`` writes no pickle: safetensors, LightGBM text, JSON, npz without objects. ``load`` makes a fresh object
    predict as the saved one did, bit for bit.
    """

    name: str

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None: ...

    def predict(self, examples: Examples) -> Predictions: ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Baseline:
    """A classic method that the gate compares with. ``build`` makes an unfitted one from the task that asks."""

    name: str
    build: Callable[[Task], Method]
    summary: str = ""


class Blend(Protocol):
    """Joins the predictions of several methods on the same examples; fitted on data no member has seen.

    ``members`` names the methods it needs once fitted; ``describe`` returns what the report prints (weights by method).
    """

    name: str

    @property
    def members(self) -> Sequence[str]: ...

    def fit(self, members: Mapping[str, Predictions], metric: Metric, seed: int) -> None: ...

    def combine(self, members: Mapping[str, Predictions]) -> Predictions: ...

    def describe(self) -> Mapping[str, Any]: ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


class Calibrator(Protocol):
    """Makes predictions mean what they say: probabilities, quantile coverage, conformal sets (in ``extras``)."""

    name: str

    def fit(self, predictions: Predictions) -> None: ...

    def apply(self, predictions: Predictions) -> Predictions: ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


# ------------------------------------------------------------------------------------------------------- metrics


@dataclass(frozen=True, kw_only=True)
class Metric:
    """(truth, predictions) -> one number, and the unit that the bootstrap resamples.

    ``score(predictions, weight)``: ``weight`` (N,) float64 counts how often each example was drawn, None = once each.
    ``unit`` is a column of the examples' frame ("day", "id", "series"): rows of one unit are drawn together.
    """

    name: str
    label: str
    larger_is_better: bool
    score: Callable[[Predictions, np.ndarray | None], float]
    unit: str = "id"


# ----------------------------------------------------------------------------------------------------- decisions


@dataclass(frozen=True)
class Rule:
    """Numbers that a policy's tuning fixed on validation data (a threshold, a scale); JSON-able, part of the bundle."""

    numbers: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a professional does next.

    ``table`` has one row per action with at least ``id`` and ``action``, and ``reason`` where there is one.
    ``headline`` is one line in the unit of cost. ``summary`` are its numbers, for machines. ``unit`` is the unit of
    cost ("EUR", "net benefit per 100 patients").
    """

    table: pd.DataFrame
    headline: str
    summary: Mapping[str, float | int | str]
    unit: str


def policy_field(default: Any, *, help: str, unit: str = "") -> Any:
    """A field of a policy dataclass that becomes a command-line option with its unit in the help.

    Example:
        >>> @dataclass(frozen=True)
        ... class Alerts:
        ...     alerts_per_day: float = policy_field(100.0, help="alerts the team can review", unit="alerts/day")
    """
    return dataclasses.field(default=default, metadata={"help": help, "unit": unit})


def no_tuning(predictions: Predictions, policy: Any) -> Rule:
    """The ``tune`` of a task whose policy needs no number from validation data."""
    return Rule()


def no_violations(predictions: Predictions) -> Sequence[str]:
    """The ``verify`` of a task whose predictions cannot be infeasible."""
    return ()


def no_past(dataset: Dataset, past: Dataset | None) -> None:
    """The ``memory`` of examples that need no past."""


# -------------------------------------------------------------------------------------------------- the core's parts


@dataclass(frozen=True)
class Stem:
    """Turns one block into vectors.

    ``kind`` is the block class it reads. ``fit(block, width) -> config`` learns quantiles and vocabularies on the
    training part and returns plain JSON; ``build(config, width) -> nn.Module`` with ``collate(block, rows) ->
    dict[str, Tensor]`` and ``forward(batch) -> Tokens``.
    """

    name: str
    kind: type
    fit: Callable[[Any, int], dict[str, Any]]
    build: Callable[[dict[str, Any], int], nn.Module]


@dataclass(frozen=True)
class Trunk:
    """Vectors in, contextual vectors out: ``build(TrunkConfig) -> nn.Module`` with ``forward(x, mask, positions)``."""

    name: str
    build: Callable[[Any], nn.Module]


@dataclass(frozen=True)
class Objective:
    """A self-supervised loss: ``build(stems, width) -> nn.Module`` with ``forward(model, batch) -> loss``.

    A module whose ``idle`` is true finds nothing in these stems to learn from; pretraining is then left out.
    """

    name: str
    build: Callable[[Any, int], nn.Module]


@dataclass(frozen=True)
class Head:
    """Contextual vectors -> outputs, loss, decode.

    ``fit(examples) -> config`` (JSON), ``build(config, width) -> nn.Module`` with ``forward(tokens) -> outputs``,
    ``loss(outputs, batch) -> Tensor`` and ``decode(outputs, examples) -> Predictions``. ``blends`` and ``calibrate``
    are what a task with this head uses when it does not say otherwise.
    """

    name: str
    fit: Callable[[Examples], dict[str, Any]]
    build: Callable[[dict[str, Any], int], nn.Module]
    blends: Callable[[], tuple[Blend, ...]]
    calibrate: Callable[[], Calibrator]


@dataclass(frozen=True, kw_only=True)
class CoreSpec:
    """Which parts make the core of a task, and how it is trained.

    ``stems`` are "stem" or "stem:block" (the block defaults to the stem's name). ``members`` models of different
    seeds are averaged. ``options`` go to stems, head and trunk by name: ``{"head": {...}}``.
    """

    stems: tuple[str, ...]
    trunk: str = "transformer"
    objective: str = "none"
    head: str = "classify"
    causal: bool = False
    width: int = 64
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1
    epochs: int = 8
    pretrain_epochs: int = 0
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.0
    average: float = 0.0
    """Decay of the running mean of the weights; 0 = none."""
    members: int = 1
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


# ---------------------------------------------------------------------------------------------------------- tasks


@dataclass(frozen=True, kw_only=True)
class BadInput:
    """A documented bad input: ``make(folder)`` writes it and returns its path; reading it must raise ``error``."""

    name: str
    make: Callable[[Path], Path]
    match: str
    error: type[Exception] = Exception


@dataclass(frozen=True, kw_only=True)
class Task:
    """One named job of an industry. Every slot has a value; a slot that names something takes a registered name too.

    ``decide(predictions, policy, rule) -> Decision``; ``tune(predictions, policy) -> Rule`` on validation data;
    ``verify(predictions)`` returns violations found by an independent check (a planning task's constraints).
    ``candidates`` makes the core of the task; the default builds it from ``core``.
    """

    name: str
    summary: str
    schema: Schema
    adapters: tuple[str | Adapter, ...]
    demo: Callable[[int], Dataset]
    examples: ExampleBuilder
    split: Splitter
    core: CoreSpec | Baseline
    baselines: tuple[str | Baseline, ...]
    metric: str | Metric
    decide: Callable[[Predictions, Any, Rule], Decision]
    policy: type
    metrics: tuple[str | Metric, ...] = ()
    tune: Callable[[Predictions, Any], Rule] = no_tuning
    verify: Callable[[Predictions], Sequence[str]] = no_violations
    blends: Callable[[], tuple[Blend, ...]] | None = None
    """None = those of the core's head."""
    calibrate: Callable[[], Calibrator] | None = None
    """None = that of the core's head."""
    by_rows: bool = False
    """Each row of the main table is an example, and nothing is decided of one batch of rows that depends on another:
    a file larger than memory is then scored batch by batch, each with the memory of those before."""
    sections: Callable[[Predictions, Decision], Sequence[Section]] | None = None
    bad_inputs: tuple[BadInput, ...] = ()
    protocol: str = ""

    def default_policy(self) -> Any:
        """The policy with its defaults."""
        return self.policy()


@dataclass(frozen=True)
class Section:
    """A piece of a report: a title, an explanation, and a table or a figure (``figure`` draws on matplotlib axes)."""

    title: str
    text: str = ""
    table: pd.DataFrame | None = None
    figure: Callable[[Any], None] | None = None
    html: str = ""


@dataclass(frozen=True)
class Command:
    """A further sub-command of ``verticals``: ``configure`` adds its arguments, ``run`` returns the exit code."""

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
