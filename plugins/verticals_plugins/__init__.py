"""The contract between the core and the plugins: what a plugin declares, and the hooks that carry it.

Import from here; the modules below are the rooms of this house:

- ``hookspecs``: every hook, in one file
- ``schema`` / ``dataset`` / ``examples``: what flows through a run
- ``types``: what a plugin registers (tasks, adapters, stems, heads, baselines ...)
- ``errors``: who is at fault, and what to do
- ``manager``: finds plugins and keeps a broken one from doing harm
- ``testing``: the conformance suite that every task must pass
"""

from verticals_plugins.dataset import Dataset, Ledger, Provenance, Source
from verticals_plugins.errors import (
    DataError,
    MissingExtraError,
    PluginError,
    UsageError,
    VerticalsError,
    need,
)
from verticals_plugins.examples import Block, Events, Examples, Images, Objects, Predictions, Series, Table, Texts
from verticals_plugins.markers import hookimpl
from verticals_plugins.schema import Category, Field, Id, Image, Number, Schema, Text, Time
from verticals_plugins.types import (
    Adapter,
    BadInput,
    Baseline,
    Blend,
    Budget,
    Calibrator,
    Command,
    CoreSpec,
    Decision,
    ExampleBuilder,
    Fold,
    Head,
    Method,
    Metric,
    Objective,
    Parts,
    ReadOptions,
    Rule,
    Section,
    Sniff,
    Splitter,
    Stem,
    Task,
    Trunk,
    policy_field,
)

__all__ = [
    "Adapter",
    "BadInput",
    "Baseline",
    "Blend",
    "Block",
    "Budget",
    "Calibrator",
    "Category",
    "Command",
    "CoreSpec",
    "DataError",
    "Dataset",
    "Decision",
    "Events",
    "ExampleBuilder",
    "Examples",
    "Field",
    "Fold",
    "Head",
    "Id",
    "Image",
    "Images",
    "Ledger",
    "Method",
    "Metric",
    "MissingExtraError",
    "Number",
    "Objective",
    "Objects",
    "Parts",
    "PluginError",
    "Predictions",
    "Provenance",
    "ReadOptions",
    "Rule",
    "Schema",
    "Section",
    "Series",
    "Sniff",
    "Source",
    "Splitter",
    "Stem",
    "Table",
    "Task",
    "Text",
    "Texts",
    "Time",
    "Trunk",
    "UsageError",
    "VerticalsError",
    "hookimpl",
    "need",
    "policy_field",
]
