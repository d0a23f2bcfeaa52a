"""Every public sample file of manufacturing, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from samples import unclear

from verticals_manufacturing.defects import DEFECTS

FOLDERS = ("coco", "image_files", "mvtec_ad", "visa", "voc", "yolo")


@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, shared: Callable[[str], Path]) -> None:
    assert unclear(DEFECTS, shared(f"formats/manufacturing/{name}"), need_target=False) == []
