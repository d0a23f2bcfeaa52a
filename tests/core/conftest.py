"""The toy task as an installed plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import toy

from verticals_plugins import Task
from verticals_plugins.manager import Plugin, installed


@pytest.fixture
def toy_task() -> Iterator[Task]:
    """The toy task, registered for one test."""
    plugins = installed()
    plugins.known["toy"] = Plugin("toy", "toy", "0")
    plugins.manager.register(toy.Plugin(), name="toy")
    yield toy.TASK
    plugins.manager.unregister(name="toy")
    del plugins.known["toy"]
