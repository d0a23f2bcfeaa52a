"""All checks, run on one task."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from verticals_plugins.testing.checks import asof, bundle, declaration, demo, planning, run
from verticals_plugins.testing.outcome import CheckFailedError, NotApplicableError, Outcome
from verticals_plugins.testing.runner import Runner
from verticals_plugins.testing.subject import Subject
from verticals_plugins.types import Task

Check = Callable[[Subject], None]

CHECKS: tuple[Check, ...] = (
    *declaration.CHECKS,
    *demo.CHECKS,
    *asof.CHECKS,
    *run.CHECKS,
    *bundle.CHECKS,
    *planning.CHECKS,
)


def examine(task: Task, runner: Runner, folder: Path | None = None) -> Iterator[Outcome]:
    """Run every check; a check that raises anything at all fails, and the next one goes on.

    ``folder`` keeps the runs that the checks make; without it they are thrown away.
    """
    if folder is not None:
        yield from _examine(Subject(task, runner, folder))
        return
    with tempfile.TemporaryDirectory(prefix="verticals-check-") as home:
        yield from _examine(Subject(task, runner, Path(home)))


def _examine(subject: Subject) -> Iterator[Outcome]:
    for check in CHECKS:
        yield outcome_of(check, subject)


def outcome_of(check: Check, subject: Subject) -> Outcome:
    """What came of one check."""
    name = check.__name__
    try:
        check(subject)
    except NotApplicableError as err:
        return Outcome(name, "does not apply", str(err))
    except CheckFailedError as err:
        return Outcome(name, "failed", str(err))
    except (Exception, SystemExit) as err:
        return Outcome(name, "failed", f"{type(err).__name__}: {err}")
    return Outcome(name, "passed")
