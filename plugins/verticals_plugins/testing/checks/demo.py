"""The demo data and the examples made of them."""

from __future__ import annotations

import pandas as pd

from verticals_plugins.schema import Category, Number, Time
from verticals_plugins.testing.compare import difference, seen
from verticals_plugins.testing.outcome import expect
from verticals_plugins.testing.subject import SEED, Subject


def demo_loads(subject: Subject) -> None:
    """It is a dataset with rows, and it is the task's own schema that describes it."""
    dataset = subject.dataset
    expect(len(dataset.main) > 0, "the demo data have no rows")
    expect(dataset.schema.names() == subject.task.schema.names(), "the demo data have another schema than the task")


def demo_is_deterministic(subject: Subject) -> None:
    """The same seed simulates the same data."""
    again = subject.task.demo(SEED)
    found = difference(dict(subject.dataset.tables), dict(again.tables), "tables")
    found = found or difference(dict(subject.dataset.arrays), dict(again.arrays), "arrays")
    expect(not found, f"two simulations of one seed differ: {found}")


def demo_has_the_columns_that_the_task_needs(subject: Subject) -> None:
    """Roles and required fields are there, with the type that the schema says."""
    main = subject.dataset.main
    for role, one in subject.task.schema.roles():
        if one.name not in main:
            expect(role != "target" and not one.required, f"the demo data lack {one.name}")
            continue
        column = main[one.name]
        if isinstance(one, Time):
            ok = pd.api.types.is_datetime64_dtype(column)
            expect(ok, f"{one.name} is {column.dtype}, not datetime64 without zone")
        if isinstance(one, Number):
            ok = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
            expect(ok, f"{one.name} is {column.dtype}, not a number")
        if isinstance(one, Category):
            expect(not pd.api.types.is_float_dtype(column), f"{one.name} is a category and {column.dtype}")


def examples_have_id_entity_and_time(subject: Subject) -> None:
    """The frame names each example once."""
    examples = subject.examples
    lacking = [name for name in ("id", "entity", "time") if name not in examples.frame]
    expect(not lacking, f"the examples' frame lacks {lacking}")
    expect(bool(examples.frame["id"].is_unique), "ids of examples repeat")
    expect(len(examples) > 0, "the demo data give no example")
    expect(len(examples.inputs) > 0, "the examples have no inputs")


def examples_are_deterministic(subject: Subject) -> None:
    """The same data give the same examples."""
    again = subject.task.examples(subject.task.demo(SEED))
    found = difference(subject.examples.frame, again.frame, "frame")
    found = found or difference(subject.examples.truth, again.truth, "truth")
    for row in subject.some(20):
        found = found or difference(seen(subject.examples, int(row)), seen(again, int(row)), f"inputs of {row}")
    expect(not found, f"examples of the same data differ: {found}")


def examples_can_be_taken(subject: Subject) -> None:
    """Taking rows keeps each example's own inputs."""
    rows = subject.some(20)[::-1]
    taken = subject.examples.take(rows)
    for place, row in enumerate(rows):
        found = difference(seen(subject.examples, int(row)), seen(taken, place), f"example {row}")
        expect(not found, f"take() gives other inputs: {found}")


CHECKS = (
    demo_loads,
    demo_is_deterministic,
    demo_has_the_columns_that_the_task_needs,
    examples_have_id_entity_and_time,
    examples_are_deterministic,
    examples_can_be_taken,
)
