"""The declaration itself: names, schema, policy, parts, adapters."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path

from verticals_plugins.errors import VerticalsError
from verticals_plugins.testing.outcome import CheckFailedError, applies, expect
from verticals_plugins.testing.subject import Subject
from verticals_plugins.types import Sniff


def name_is_industry_dot_job(subject: Subject) -> None:
    """Names are lower case, so that they can be typed, and dotted, so that a plugin owns its own."""
    name = subject.task.name
    expect(bool(re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", name)), f"{name!r} is not like industry.job")


def summary_is_one_line(subject: Subject) -> None:
    """``verticals list`` prints it in a table."""
    summary = subject.task.summary
    expect(0 < len(summary) <= 140 and "\n" not in summary, f"the summary is {summary!r}")


def declaration_is_frozen(subject: Subject) -> None:
    """A declaration that changes while it runs cannot be resumed."""
    try:
        subject.task.summary = subject.task.summary  # type: ignore[misc]
    except dataclasses.FrozenInstanceError:
        return
    raise CheckFailedError("the declaration can be changed")


def schema_is_complete(subject: Subject) -> None:
    """Every field has a name of its own, and there is something to predict or to plan."""
    schema = subject.task.schema
    names = schema.names()
    twice = sorted({name for name in names if names.count(name) > 1})
    expect(not twice, f"the schema has two fields {twice}")
    expect(all(names), "a field has no name")
    expect(schema.target is not None or subject.is_planning, "the schema has no target and the task verifies no plan")


def policy_is_frozen_with_help_for_each_number(subject: Subject) -> None:
    """Its fields become options of the command line."""
    policy = subject.task.policy
    expect(dataclasses.is_dataclass(policy), f"{policy!r} is no dataclass")
    frozen = getattr(policy, "__dataclass_params__").frozen  # noqa: B009
    expect(frozen, f"{policy.__name__} is not frozen")
    silent = [one.name for one in dataclasses.fields(policy) if not one.metadata.get("help")]
    expect(not silent, f"{policy.__name__}: no help for {silent}; declare them with policy_field")
    subject.task.default_policy()


def named_parts_are_registered(subject: Subject) -> None:
    """Adapters, stems, trunk, objective, head, baselines and metrics exist."""
    try:
        subject.runner.resolve(subject.task)
    except VerticalsError as err:
        raise CheckFailedError(str(err)) from err
    expect(len(subject.task.baselines) > 0, "there is no classic method for the gate")


def adapters_sniff_without_raising(subject: Subject) -> None:
    """An adapter is asked about everything that a user points at."""
    adapters = subject.runner.adapters(subject.task)
    expect(len(adapters) > 0, "the task has no adapter")
    with tempfile.TemporaryDirectory() as home:
        for path in _odd_paths(Path(home)):
            for adapter in adapters:
                try:
                    sniff = adapter.sniff(path)
                except Exception as err:
                    raise CheckFailedError(f"{adapter.name} raised {err!r} when it sniffed {path.name}") from err
                ok = isinstance(sniff, Sniff) and 0 <= sniff.score <= 1
                expect(ok, f"{adapter.name} answered {sniff!r} for {path.name}")


def _odd_paths(home: Path) -> list[Path]:
    (home / "empty.csv").write_bytes(b"")
    (home / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (home / "broken.json").write_text('{"a": [1, ')
    (home / "folder").mkdir()
    return [home / name for name in ("missing.csv", "empty.csv", "binary.csv", "broken.json", "folder")]


def unreadable_files_are_refused_clearly(subject: Subject) -> None:
    """A file that is not there, an empty one and a binary one are refused by one of our own errors."""
    with tempfile.TemporaryDirectory() as home:
        for path in _odd_paths(Path(home)):
            refusal(subject, path, VerticalsError)


def documented_bad_inputs_give_the_documented_error(subject: Subject) -> None:
    """Each ``BadInput`` of the task is refused with its error and its words."""
    applies(bool(subject.task.bad_inputs), "the task documents no bad input")
    for bad in subject.task.bad_inputs:
        with tempfile.TemporaryDirectory() as home:
            message = refusal(subject, bad.make(Path(home)), bad.error, bad.name)
        expect(bool(re.search(bad.match, message)), f"{bad.name}: {message!r} does not match {bad.match!r}")


def refusal(subject: Subject, path: Path, error: type[Exception], name: str = "") -> str:
    """The message with which reading ``path`` is refused."""
    name = name or path.name
    try:
        subject.runner.examples(subject.task, path)
    except error as err:
        return str(err)
    except Exception as err:
        raise CheckFailedError(f"{name} gave {err!r}, not {error.__name__}") from err
    raise CheckFailedError(f"{name} was read without an error")


CHECKS = (
    name_is_industry_dot_job,
    summary_is_one_line,
    declaration_is_frozen,
    schema_is_complete,
    policy_is_frozen_with_help_for_each_number,
    named_parts_are_registered,
    adapters_sniff_without_raising,
    unreadable_files_are_refused_clearly,
    documented_bad_inputs_give_the_documented_error,
)
