"""What the education plugin registers. Nothing heavy is imported before a hook is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from verticals_plugins.markers import hookimpl

if TYPE_CHECKING:
    from verticals_plugins.types import Adapter, Task


@hookimpl
def verticals_tasks() -> Iterable[Task]:
    """Tasks of this industry."""
    from verticals_education.courses import COURSES

    return [COURSES]


@hookimpl
def verticals_adapters() -> Iterable[Adapter]:
    """Formats of this industry."""
    from verticals_education.adapters.moodle import MOODLE_LOG
    from verticals_education.adapters.oulad import OULAD
    from verticals_education.adapters.recbole import RECBOLE
    from verticals_education.adapters.table import ENROLMENTS
    from verticals_education.adapters.xapi import XAPI

    return [RECBOLE, OULAD, MOODLE_LOG, XAPI, ENROLMENTS]
