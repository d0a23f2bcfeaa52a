"""Every public sample file of manufacturing, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verticals.pipeline.reading import choose
from verticals_manufacturing.defects import DEFECTS
from verticals_plugins import DataError, ReadOptions

FOLDERS = ("coco", "image_files", "mvtec_ad", "visa", "voc", "yolo")


@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, shared: Callable[[str], Path]) -> None:
    mute = []
    for path in sorted(one for one in shared(f"formats/manufacturing/{name}").rglob("*") if one.is_file()):
        try:
            found = choose(DEFECTS, path).adapter.read(path, ReadOptions(schema=DEFECTS.schema, need_target=False))
        except DataError as err:
            mute += [] if err.found and (err.expected or err.todo) else [f"{path.name}: {err}"]
        else:
            assert len(found.main), path
            assert found.provenance.sources, path
    assert not mute
