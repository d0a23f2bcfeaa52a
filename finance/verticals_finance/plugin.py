"""What the finance plugin registers. Nothing heavy is imported before a hook is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from verticals_plugins.markers import hookimpl

if TYPE_CHECKING:
    from verticals_plugins.types import Adapter, Task


@hookimpl
def verticals_tasks() -> Iterable[Task]:
    """Tasks of this industry."""
    from verticals_finance.fraud.task import FRAUD

    return [FRAUD]


@hookimpl
def verticals_adapters() -> Iterable[Adapter]:
    """Formats of this industry."""
    from verticals_finance.adapters import layouts, messages
    from verticals_finance.adapters.handbook import HANDBOOK

    return [HANDBOOK, *layouts.ALL, *messages.ALL]
