"""Every public sample file of retail, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from samples import unclear

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
    assert unclear(DEMAND, shared(f"formats/retail/{name}")) == []
