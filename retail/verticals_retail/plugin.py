"""What the retail plugin registers. Nothing heavy is imported before a hook is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from verticals_plugins.markers import hookimpl

if TYPE_CHECKING:
    from verticals_plugins.types import Adapter, Task


@hookimpl
def verticals_tasks() -> Iterable[Task]:
    """Tasks of this industry."""
    from verticals_retail.demand.task import DEMAND

    return [DEMAND]


@hookimpl
def verticals_adapters() -> Iterable[Adapter]:
    """Formats of this industry."""
    from verticals_retail.adapters.long import LONG
    from verticals_retail.adapters.m5 import M5
    from verticals_retail.adapters.tsf import TSF
    from verticals_retail.adapters.wide import M4, WIDE

    return [LONG, M5, M4, TSF, WIDE]
