"""The core trains, stops and resumes exactly, survives a round trip, and never looks ahead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import toy
from torch import nn

from verticals.baselines.table import GbmTable, LogisticTable
from verticals.evaluate.metrics import auroc, average_precision
from verticals.model.core import CoreMethod
from verticals.model.stems.numbers import BINS, quantile_edges
from verticals.model.tokens import TrunkConfig
from verticals.model.trunks.transformer import Transformer
from verticals.train.loop import LoopSettings, train
from verticals_plugins import Budget, CoreSpec, DataError, Examples, Table

SPEC = toy.TASK.core
assert isinstance(SPEC, CoreSpec)
BUDGET = Budget(threads=1)


@pytest.fixture(scope="module")
def parts() -> tuple[Examples, Examples, Examples]:
    examples = toy.TASK.examples(toy.simulate(0))
    split = toy.TASK.split(examples, 0)
    fold = split.folds[0]
    return examples.take(fold.train), examples.take(fold.valid), examples.take(split.test)


@pytest.fixture(scope="module")
def fitted(parts) -> CoreMethod:
    core = CoreMethod(replace(SPEC, epochs=6))
    core.fit(parts[0], parts[1], BUDGET)
    return core


@pytest.mark.parametrize("build", [GbmTable, LogisticTable])
def test_classic_method_learns_and_survives_a_round_trip(build, parts, tmp_path: Path) -> None:
    method = build()
    method.fit(parts[0], parts[1], BUDGET)
    said = method.predict(parts[2])
    assert auroc.score(said, None) > 0.75
    method.save(tmp_path)
    again = build()
    again.load(tmp_path)
    assert np.array_equal(again.predict(parts[2]).values, said.values)


def rare(seed: int, n: int = 20_000) -> Examples:
    """One number; the truth is positive in its highest thousandth alone."""
    value = np.random.default_rng(seed).exponential(size=n)
    truth = (value > 6.9).astype(float)
    frame = pd.DataFrame({"id": np.arange(n), "entity": "a", "time": np.zeros(n, dtype="datetime64[ns]")})
    return Examples(frame, {"table": Table(pd.DataFrame({"value": value}))}, truth, names=("no", "yes"))


def test_trees_tell_the_last_thousandth_of_a_column_apart() -> None:
    method = GbmTable()
    method.fit(rare(0, 100_000), rare(1), BUDGET)
    assert average_precision.score(method.predict(rare(2)), None) > 0.9


def test_edges_of_a_column_are_finer_at_its_ends() -> None:
    edges = quantile_edges(np.arange(100_001, dtype=np.float32))
    assert len(edges) == BINS + 1
    assert np.diff(edges)[[0, -1]] == pytest.approx(50, abs=1)
    assert np.diff(edges).max() == pytest.approx(100_000 / 16, abs=1)
    assert quantile_edges(np.array([np.nan])) == [0.0, 1.0]


def test_core_learns(fitted: CoreMethod, parts) -> None:
    assert auroc.score(fitted.predict(parts[2]), None) > 0.75


def test_core_survives_a_round_trip_bit_for_bit(fitted: CoreMethod, parts, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    again = CoreMethod(SPEC)
    again.load(tmp_path)
    assert np.array_equal(again.predict(parts[2]).values, fitted.predict(parts[2]).values)
    assert not list(tmp_path.glob("*.p*t*"))


def test_refit_reuses_the_chosen_epochs(fitted: CoreMethod, parts, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    again = CoreMethod(SPEC)
    again.load(tmp_path)
    again.fit(parts[0], None, BUDGET)
    assert again.epochs == fitted.epochs


def test_score_does_not_depend_on_who_is_scored_beside(fitted: CoreMethod, parts) -> None:
    together = fitted.predict(parts[2]).values[:5]
    alone = np.concatenate([fitted.predict(parts[2].take(np.array([i]))).values for i in range(5)])
    assert alone == pytest.approx(together, abs=1e-6)


def test_hidden_label_is_not_read(fitted: CoreMethod, parts) -> None:
    events = parts[2].inputs["events"]
    frame = events.frame.assign(late=1 - events.frame["late"])
    hidden = {"late": np.full(len(frame), np.inf)}
    a = replace(parts[2], inputs={**parts[2].inputs, "events": replace(events, revealed=hidden)})
    b = replace(parts[2], inputs={**parts[2].inputs, "events": replace(events, frame=frame, revealed=hidden)})
    assert np.array_equal(fitted.predict(a).values, fitted.predict(b).values)


def test_missing_blocks_are_named(parts) -> None:
    with pytest.raises(DataError, match=r"\['events', 'table'\]"):
        CoreMethod(replace(SPEC, stems=("table:picture",))).fit(parts[0], parts[1], BUDGET)


def test_causal_trunk_does_not_look_ahead() -> None:
    torch.manual_seed(0)
    trunk = Transformer(TrunkConfig(width=16, layers=2, heads=2, dropout=0.0, causal=True)).eval()
    x, mask, place = torch.randn(1, 6, 16), torch.ones(1, 6, dtype=torch.bool), torch.arange(6.0)[None]
    changed = x.clone()
    changed[:, 4:] += 1
    assert torch.equal(trunk(x, mask, place)[:, :4], trunk(changed, mask, place)[:, :4])


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    trunk = Transformer(TrunkConfig(width=16, layers=1, heads=2, dropout=0.0, causal=False)).eval()
    x, place = torch.randn(1, 6, 16), torch.arange(6.0)[None]
    mask = torch.tensor([[False, False, True, True, True, True]])
    whole = trunk(x, mask, place)[:, 2:]
    assert torch.allclose(whole, trunk(x[:, 2:], mask[:, 2:], place[:, 2:]), atol=1e-6)


class HaltError(Exception):
    """Stands for a kill."""


def test_training_resumes_from_its_checkpoint_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verticals.train.loop.CHECKPOINT_SECONDS", 0.0)
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    y = x.sum(1, keepdim=True)
    settings = LoopSettings(epochs=4, batch=32, learning_rate=1e-2, weight_decay=0.01, seed=3, average=0.9)

    def fresh() -> nn.Module:
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))

    def fit(model: nn.Module, path: Path | None, stop: float = 2.0) -> nn.Module:
        def report(done: float) -> None:
            if done > stop:
                raise HaltError

        def check() -> float:
            return float(((model(x) - y) ** 2).mean().detach())

        train(
            model, lambda rows: ((model(x[rows]) - y[rows]) ** 2).mean(), np.arange(200), settings,
            check=check, checkpoint=path, report=report,
        )  # fmt: skip
        return model

    straight = fit(fresh(), None)
    with pytest.raises(HaltError):
        fit(fresh(), tmp_path / "mark.safetensors", stop=0.6)
    resumed = fit(fresh(), tmp_path / "mark.safetensors")
    for a, b in zip(straight.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
