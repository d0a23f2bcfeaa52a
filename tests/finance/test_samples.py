"""Every public sample file of finance, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from samples import unclear

from verticals_finance.fraud.task import FRAUD

FOLDERS = ("transactions", "iso8583", "pacs008", "bank_csv", "camt053")


@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, shared: Callable[[str], Path]) -> None:
    assert unclear(FRAUD, shared(f"formats/finance/{name}"), need_target=False) == []
