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
    from verticals.data.table import TABLE

    return [TABLE]


@hookimpl
def verticals_stems() -> Iterable[Stem]:
    """One stem per kind of block."""
    from verticals.model.stems import ALL

    return ALL


@hookimpl
def verticals_trunks() -> Iterable[Trunk]:
    """The shared transformer and its plain rivals."""
    from verticals.model.trunks.pretrained import PRETRAINED
    from verticals.model.trunks.simple import GRU, NONE
    from verticals.model.trunks.transformer import TRANSFORMER

    return [TRANSFORMER, GRU, NONE, PRETRAINED]


@hookimpl
def verticals_objectives() -> Iterable[Objective]:
    """Self-supervised losses."""
    from verticals.model.objectives import ALL

    return ALL


@hookimpl
def verticals_heads() -> Iterable[Head]:
    """One head per kind of output."""
    from verticals.model.heads import ALL

    return ALL


@hookimpl
def verticals_baselines() -> Iterable[Baseline]:
    """Classic methods."""
    from verticals.baselines import ALL

    return ALL


@hookimpl
def verticals_metrics() -> Iterable[Metric]:
    """Metrics."""
    from verticals.evaluate.metrics import ALL

    return ALL
