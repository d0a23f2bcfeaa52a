"""What the manufacturing plugin registers. Nothing heavy is imported before a hook is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from verticals_plugins.markers import hookimpl

if TYPE_CHECKING:
    from verticals_plugins.types import Adapter, Task


@hookimpl
def verticals_tasks() -> Iterable[Task]:
    """Tasks of this industry."""
    from verticals_manufacturing.anomalies import ANOMALIES
    from verticals_manufacturing.defects import DEFECTS

    return [DEFECTS, ANOMALIES]


@hookimpl
def verticals_adapters() -> Iterable[Adapter]:
    """Formats of this industry."""
    from verticals_manufacturing.adapters import ALL

    return ALL
