"""What the logistics plugin registers. Nothing heavy is imported before a hook is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from verticals_plugins.markers import hookimpl

if TYPE_CHECKING:
    from verticals_plugins.types import Adapter, Task


@hookimpl
def verticals_tasks() -> Iterable[Task]:
    """Tasks of this industry."""
    from verticals_logistics.routes import ROUTES

    return [ROUTES]


@hookimpl
def verticals_adapters() -> Iterable[Adapter]:
    """Formats of this industry."""
    from verticals_logistics.adapters.osrm import OSRM
    from verticals_logistics.adapters.solomon import SOLOMON
    from verticals_logistics.adapters.stops import STOPS
    from verticals_logistics.adapters.vroom import VROOM
    from verticals_logistics.adapters.vrplib import VRPLIB

    return [VRPLIB, SOLOMON, VROOM, OSRM, STOPS]
