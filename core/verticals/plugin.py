"""What the core itself registers, through the same door as every plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from verticals_plugins.markers import hookimpl

if TYPE_CHECKING:
    from verticals_plugins.types import Adapter, Baseline, Head, Metric, Objective, Stem, Trunk


@hookimpl
def verticals_adapters() -> Iterable[Adapter]:
    """Plain tables."""
    return []


@hookimpl
def verticals_metrics() -> Iterable[Metric]:
    """Metrics."""
    return []
