"""Public sample files of any format: an industry reads them, or refuses them in words, never with a traceback."""

from __future__ import annotations

from pathlib import Path

from verticals.pipeline.reading import choose
from verticals_plugins import DataError, ReadOptions, Task


def read_or_refused(task: Task, folder: Path, *, need_target: bool = True) -> None:
    """Every file below ``folder`` gives rows and names its source, or an error that says what was found and what to do.

    Raises:
        AssertionError: a file gives nothing, or an error without advice.
    """
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    assert files, folder
    mute = []
    for path in files:
        try:
            found = choose(task, path).adapter.read(path, ReadOptions(schema=task.schema, need_target=need_target))
        except DataError as err:
            mute += [] if err.found and (err.expected or err.todo) else [f"{path.name}: {err}"]
        else:
            assert len(found.main), path
            assert found.provenance.sources, path
    assert not mute
