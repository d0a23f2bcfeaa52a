"""Every public sample file of retail, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verticals.pipeline.reading import choose
from verticals_plugins import DataError, ReadOptions
from verticals_retail.demand.task import DEMAND

FOLDERS = (
    "erp_exports",
    "ett",
    "faq",
    "favorita",
    "intents",
    "m4_m3",
    "m5",
    "monash_tsf",
    "movielens",
    "nixtla_long",
    "online_retail",
    "recbole",
    "stock_tables",
    "walmart",
    "wide_weekly",
)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, shared: Callable[[str], Path]) -> None:
    mute = []
    for path in sorted(one for one in shared(f"formats/retail/{name}").rglob("*") if one.is_file()):
        try:
            found = choose(DEMAND, path).adapter.read(path, ReadOptions(schema=DEMAND.schema))
        except DataError as err:
            mute += [] if err.found and (err.expected or err.todo) else [f"{path.name}: {err}"]
        else:
            assert len(found.main), path
            assert found.provenance.sources, path
    assert not mute
