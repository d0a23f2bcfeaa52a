"""Every task of every built-in plugin passes the suite that foreign plugins pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small import small

from verticals.pipeline.conformance import PipelineRunner
from verticals_plugins.manager import installed
from verticals_plugins.testing import CHECKS, Subject, applied

SUBJECTS: dict[str, Subject] = {}
CASES = [
    pytest.param(name, check, marks=pytest.mark.xdist_group(f"conformance of {name}"), id=f"{name}-{check.__name__}")
    for name in installed().tasks()
    for check in CHECKS
]


@pytest.mark.parametrize(("name", "check"), CASES)
def test_task_conforms(name: str, check: Callable[[Subject], None], tmp_path_factory: pytest.TempPathFactory) -> None:
    if name not in SUBJECTS:
        SUBJECTS[name] = Subject(
            small(installed().task(name)), PipelineRunner(), tmp_path_factory.mktemp("conformance")
        )
    applied(check, SUBJECTS[name])  # raises with what broke
    assert SUBJECTS[name].task.name == name


def test_there_is_something_to_check() -> None:
    assert installed().tasks()
