"""The text stem: its tokenizer is trained on the user's own texts; a core that reads texts learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from verticals.evaluate.metrics import auroc
from verticals.model.core import CoreMethod
from verticals.model.stems.text import TEXT, TextStem
from verticals_plugins import Budget, CoreSpec, Examples, Texts

WORDS = ("pump", "valve", "über", "leckt", "noise", "ok", "Ölstand", "belt")
BUDGET = Budget(threads=1)


def notes(seed: int, n: int) -> Examples:
    """Texts of eight words; bad where "leckt" comes directly after "valve". Every tenth text is missing."""
    rng = np.random.default_rng(seed)
    texts, truth = [], []
    for i in range(n):
        said = list(rng.choice(WORDS, 8))
        bad = int(rng.random() < 0.5)
        said = [one for one in said if one != "leckt"] + ["pump", "leckt"]
        if bad:
            said[said.index("leckt") - 1] = "valve"
        texts.append("" if i % 10 == 9 else " ".join(said))
        truth.append(bad)
    frame = pd.DataFrame({"id": np.arange(n), "entity": np.arange(n), "time": pd.Timestamp("2026-01-01")})
    return Examples(frame, {"note": Texts(tuple(texts))}, np.array(truth), names=("fine", "bad"))


@pytest.fixture(scope="module")
def fitted() -> CoreMethod:
    core = CoreMethod(CoreSpec(stems=("text:note",), width=32, layers=1, epochs=6, batch=32, learning_rate=5e-3))
    core.fit(notes(0, 600), notes(1, 200), BUDGET)
    return core


def test_core_reads_texts(fitted: CoreMethod) -> None:
    assert auroc.score(fitted.predict(notes(2, 300)), None) > 0.9


def test_text_core_survives_a_round_trip_bit_for_bit(fitted: CoreMethod, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    again = CoreMethod(fitted.spec)
    again.load(tmp_path)
    assert np.array_equal(again.predict(notes(2, 50)).values, fitted.predict(notes(2, 50)).values)


def test_tokenizer_is_the_same_every_time_and_writes_every_text() -> None:
    block = notes(0, 200).inputs["note"]
    assert isinstance(block, Texts)
    first, second = TEXT.fit(block, 8), TEXT.fit(block, 8)
    assert first == second
    stem = TextStem(first, 8)
    for text in ("valve leckt", "never seen: 漢字 🙂", ""):
        assert stem.tokenizer.decode(stem.tokenizer.encode(text).ids).strip() == text


def test_missing_text_is_the_start_alone_and_padding_changes_nothing() -> None:
    block = Texts(("valve leckt", "", "pump"))
    stem = TextStem(TEXT.fit(block, 8), 8).eval()
    together = stem(stem.collate(block, np.arange(3)))
    alone = stem(stem.collate(block, np.array([1])))
    assert alone.x.shape == (1, 1, 8)
    assert together.mask[1].tolist() == [False] * (together.mask.shape[1] - 1) + [True]
    assert torch.equal(together.x[1, -1], alone.x[0, 0])


def test_long_text_is_cut() -> None:
    block = Texts(("pump valve " * 400,))
    stem = TextStem(TEXT.fit(block, 8) | {"length": 16}, 8)
    assert stem.collate(block, np.array([0]))["code"].shape == (1, 17)
