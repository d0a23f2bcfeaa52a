"""verticals: data in, decision out, with proof that the large model earns its place.

Importing this package is cheap: torch and pandas are imported when a run needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verticals.pipeline.bundle import Bundle, load
    from verticals.pipeline.run import Run, run

__all__ = ["Bundle", "Run", "load", "run"]
__version__ = "0.1.0"

_HOME = {"Bundle": "verticals.pipeline.bundle", "load": "verticals.pipeline.bundle",
         "Run": "verticals.pipeline.run", "run": "verticals.pipeline.run"}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'verticals' has no attribute {name!r}")
