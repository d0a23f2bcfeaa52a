"""One payment at a time: late, repeated and unknown payments, and the same answers as a batch gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import verticals
from verticals.baselines.table import GbmSettings, GbmTable
from verticals.evaluate.blend import LogitBlend
from verticals.evaluate.calibrate import Identity
from verticals.model.core import CoreMethod
from verticals.pipeline.settings import Settings
from verticals_finance.fraud.decide import AlertPolicy
from verticals_finance.fraud.examples import Payments
from verticals_finance.fraud.realtime import Payment, RealTimeScorer
from verticals_finance.fraud.simulate import simulate
from verticals_finance.fraud.task import FRAUD
from verticals_plugins import Budget, CoreSpec, DataError, Dataset, Examples, Rule

BUDGET = Budget(threads=1)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return simulate(2, cards=60, terminals=30, days=100)


@pytest.fixture(scope="module")
def old(data: Dataset) -> Dataset:
    return part(data, slice(None, -120))


@pytest.fixture(scope="module")
def new(data: Dataset) -> Dataset:
    return part(data, slice(-120, None))


@pytest.fixture(scope="module")
def bundle(old: Dataset) -> verticals.Bundle:
    """LightGBM on the older payments, without a run."""
    examples, method = Payments()(old), GbmTable(GbmSettings(rounds=60))
    method.fit(examples, None, BUDGET)
    return verticals.Bundle(
        FRAUD, Settings(task=FRAUD.name), {"gbm": method}, None, Identity(), AlertPolicy(), Rule({"threshold": 0.05}),
        "gbm", Payments().memory(old),
    )  # fmt: skip


def part(data: Dataset, rows: slice) -> Dataset:
    return data.with_main(data.main.iloc[rows].reset_index(drop=True))


def payments(data: Dataset) -> list[Payment]:
    return [
        Payment(row.id, row.card, row.time, row.amount, row.terminal, {"country": row.country, "channel": row.channel})
        for row in data.main.itertuples()
    ]


def numbers(examples: Examples) -> pd.DataFrame:
    return examples.inputs["table"].frame.select_dtypes("number")  # type: ignore[attr-defined]


def same(found: pd.Series, batch: pd.DataFrame, row: int) -> None:
    said, right = found[batch.columns].to_numpy(dtype=np.float32), batch.iloc[row].to_numpy()
    wrong = ~((said == right) | (np.isnan(said) & np.isnan(right)))
    assert not wrong.any(), list(batch.columns[wrong])


def unlabelled(data: Dataset) -> Dataset:
    return data.with_main(data.main.drop(columns="fraud"))


def test_late_payment_has_the_features_that_a_batch_gives_with_what_arrived(
    bundle: verticals.Bundle, new: Dataset
) -> None:
    scorer, past = RealTimeScorer(bundle), bundle.past
    order = np.arange(40).reshape(10, 4)[:, [2, 3, 0, 1]].ravel()  # every pair comes after the next pair
    assert (np.diff(new.main["time"].to_numpy()[order]) < np.timedelta64(0)).sum() >= 9
    for row in order:
        one = unlabelled(part(new, slice(row, row + 1)))
        same(scorer.features(payments(one)[0]), numbers(Payments()(one, past)), 0)
        past = Payments().memory(one, past)


def test_ids_of_data_without_an_id_column_may_repeat(data: Dataset, bundle: verticals.Bundle) -> None:
    counted = [data.with_main(one.main.assign(id=np.arange(len(one.main)))) for one in (part(data, slice(None, -60)),
               unlabelled(part(data, slice(-60, None))))]  # fmt: skip
    past = Payments().memory(counted[0])
    scorer = RealTimeScorer(replace(bundle, past=past))
    batch, arrived = numbers(Payments()(counted[1], past)), payments(counted[1])
    assert len(arrived) == len(batch) == 60
    for row, payment in enumerate(arrived):
        same(scorer.features(payment), batch, row)


def test_payment_that_the_bundle_remembers_counts_once(bundle: verticals.Bundle, old: Dataset, new: Dataset) -> None:
    again, first = payments(part(old, slice(-5, None))), payments(part(new, slice(0, 1)))[0]
    scorer = RealTimeScorer(bundle)
    for payment in again:
        scorer.score(payment)
    pd.testing.assert_series_equal(scorer.features(first), RealTimeScorer(bundle).features(first))


def test_what_is_forgotten_changes_no_feature(bundle: verticals.Bundle, old: Dataset) -> None:
    rng = np.random.default_rng(0)
    count = 1500
    main = pd.DataFrame(
        {
            "id": [f"q{i}" for i in range(count)], "card": rng.choice(["a", "b", "c"], count),
            "time": pd.Timestamp("2026-06-01") + pd.to_timedelta(np.sort(rng.integers(0, 400 * 86_400, count)), "s"),
            "amount": rng.lognormal(3, 1, count).round(2), "terminal": rng.choice(["t1", "t2", "t3"], count),
            "country": "DE", "channel": rng.choice(["chip", "online"], count),
        }
    )  # fmt: skip
    stream = old.with_main(main)
    scorer = RealTimeScorer(replace(bundle, past=Payments().memory(part(old, slice(0, 20)))))
    found = [scorer.features(one) for one in payments(stream)][-1]
    assert len(scorer.book) < 1200
    same(found, numbers(Payments()(stream)), count - 1)


def test_later_word_replaces_an_earlier_one(bundle: verticals.Bundle, new: Dataset) -> None:
    told_twice, told_once = RealTimeScorer(bundle), RealTimeScorer(bundle)
    first, *_, last = payments(new)
    for scorer in (told_twice, told_once):
        scorer.score(first)
    told_twice.tell(first.id, fraud=True, known=first.time + pd.Timedelta(hours=1))
    for scorer in (told_twice, told_once):
        scorer.tell(first.id, fraud=False, known=first.time + pd.Timedelta(hours=2))
    pd.testing.assert_series_equal(told_twice.features(last), told_once.features(last))
    assert (told_twice.book.days.bad == told_once.book.days.bad).all()


@pytest.mark.parametrize(
    "change",
    [
        {"time": "yesterday"},
        {"time": None},
        {"card": None},
        {"amount": "dear"},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {"time": "2150-01-01"},
    ],
    ids=str,
)
def test_payment_that_cannot_be_used_is_refused_and_not_remembered(
    bundle: verticals.Bundle, new: Dataset, change: dict[str, object]
) -> None:
    scorer, payment = RealTimeScorer(bundle), payments(new)[0]
    with pytest.raises(DataError):
        scorer.score(replace(payment, **change))  # type: ignore[arg-type]
    assert scorer.score(payment) == RealTimeScorer(bundle).score(payment)


def test_payments_without_an_id_are_several(bundle: verticals.Bundle, new: Dataset) -> None:
    scorer, payment = RealTimeScorer(bundle), replace(payments(new)[0], id=None)
    assert scorer.features(payment)["card_payments_10min"] + 1 == scorer.features(payment)["card_payments_10min"]
    assert scorer.score(payment).probability >= 0


def test_label_of_an_unknown_payment_is_refused(bundle: verticals.Bundle) -> None:
    with pytest.raises(DataError, match="No payment 'nobody'"):
        RealTimeScorer(bundle).tell("nobody", fraud=True, known="2026-05-01")


@pytest.mark.parametrize("kind", ["gbm", "blend"])
def test_answers_are_those_of_the_batch(bundle: verticals.Bundle, old: Dataset, new: Dataset, kind: str) -> None:
    shipped, later = bundle, unlabelled(new)
    if kind == "blend":
        assert isinstance(FRAUD.core, CoreSpec)
        small = replace(FRAUD.core, width=8, heads=2, epochs=1, pretrain_epochs=0)
        core, blend = CoreMethod(small), LogitBlend()
        core.fit(Payments()(part(old, slice(-400, None))), None, BUDGET)
        blend.weights = {"gbm": 0.6, "core": 0.4}
        shipped = replace(bundle, methods={**bundle.methods, "core": core}, blend=blend)
    predictions, decision = shipped.decide(later)
    scorer, table = RealTimeScorer(shipped), decision.table
    answers = [scorer.score(one) for one in payments(later)]
    np.testing.assert_allclose([one.probability for one in answers], predictions.values, rtol=1e-6)
    assert [one.action for one in answers] == table["action"].tolist()
    assert [one.reason for one in answers] == table["reason"].tolist()
    assert len({one.action for one in answers}) > 1
