"""Public sample files of any format: an industry reads them, or refuses them in words, never with a traceback."""

from __future__ import annotations

from pathlib import Path

from verticals.pipeline.reading import choose
from verticals_plugins import DataError, ReadOptions, Task


def unclear(task: Task, folder: Path, *, need_target: bool = True) -> list[str]:
    """The files below ``folder`` that give neither rows and a source nor an error with advice: what they gave."""
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    if not files:
        return [f"{folder} is empty"]
    found = []
    for path in files:
        try:
            data = choose(task, path).adapter.read(path, ReadOptions(schema=task.schema, need_target=need_target))
        except DataError as err:
            found += [] if err.found and (err.expected or err.todo) else [f"{path.name}: {err}"]
        else:
            found += [] if len(data.main) and data.provenance.sources else [f"{path.name}: nothing in it, or no source"]
    return found
