"""Series: axes, lags, the stem, the head, the objectives and the classic methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.baselines.series import AutoClassic, GbmLags, SeasonalNaive
from verticals.data.lags import plan_lags, windows_of
from verticals.data.series import SeriesExamples, report_gaps
from verticals.data.splits import RollingOrigin
from verticals.evaluate.metrics import weighted_quantile_loss
from verticals.model.core import CoreMethod
from verticals_plugins import (
    Budget,
    Category,
    CoreSpec,
    DataError,
    Dataset,
    Examples,
    Number,
    Provenance,
    Schema,
    Series,
    Time,
)

SCHEMA = Schema(
    entity=Category("series"), time=Time("time"), target=Number("y"), fields=(Number("price", known_ahead=True),)
)
BUDGET = Budget(seed=0, preset="quick", threads=1)


def dataset(text: str) -> Dataset:
    """Rows "series,day,y[,price]" as a dataset."""
    rows = [line.split(",") for line in text.split()]
    frame = pd.DataFrame({"series": [r[0] for r in rows], "time": pd.to_datetime([r[1] for r in rows])})
    frame["y"] = [float(r[2]) if r[2] else np.nan for r in rows]
    if len(rows[0]) > 3:
        frame["price"] = [float(r[3]) if r[3] else np.nan for r in rows]
    return Dataset({"main": frame}, SCHEMA, Provenance("test"))


def waves(n: int = 8, days: int = 220, seed: int = 0) -> Dataset:
    """Daily series with a week's rhythm and a price that matters."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2024-01-01", periods=days)
    rhythm = np.array([1, 1, 1.2, 1.3, 1.6, 2.2, 1.8])
    parts = []
    for number in range(n):
        price = rng.choice([1.0, 2.0], days)
        mean = rng.uniform(5, 40) * rhythm[time.dayofweek] * np.where(price == 1, 1.8, 1.0)
        parts.append(pd.DataFrame({"series": f"s{number}", "time": time, "y": rng.poisson(mean), "price": price}))
    return Dataset({"main": pd.concat(parts, ignore_index=True)}, SCHEMA, Provenance("test"))


@pytest.fixture(scope="module")
def parts() -> tuple[Examples, Examples, Examples]:
    """Training, validation and test examples of the waves."""
    examples = SeriesExamples(horizon=14)(waves())
    cut = RollingOrigin()(examples, 0)
    fold = cut.folds[0]
    return examples.take(fold.train), examples.take(fold.valid), examples.take(cut.test)


def block_of(examples: Examples) -> Series:
    block = examples.inputs["series"]
    assert isinstance(block, Series)
    return block


def test_lags_follow_the_calendar_and_gaps_are_told() -> None:
    data = dataset("A,2024-01-01,5 A,2024-01-02,7 A,2024-01-09,9 A,2024-01-10,4")
    builder = SeriesExamples(horizon=1, stride=1)
    block = block_of(builder(data))
    last = windows_of(block, np.array([len(block) - 1]), 3)[0]
    assert np.isnan(last[:2]).all()
    assert last[2] == 9.0
    assert report_gaps(data, builder) == ["series A: 6 missing steps (2024-01-03T00:00 to 2024-01-08T00:00)"]


def test_a_week_has_an_anchor_day() -> None:
    data = dataset("1_1,2010-02-05,10 1_1,2010-02-12,12 1_1,2010-02-19,11 1_1,2010-02-26,13")
    examples = SeriesExamples(horizon=3)(data, past=data)
    block = block_of(examples)
    step = pd.to_datetime(block.step, unit="s") if block.step is not None else None
    assert step is not None
    assert [str(one.date()) for one in step[4:]] == ["2010-03-05", "2010-03-12", "2010-03-19"]
    assert np.isfinite(block.values[:4]).all()


def test_mixed_weekdays_are_refused_by_name() -> None:
    data = dataset("A,2024-01-05,1 A,2024-01-12,2 A,2024-01-20,3 A,2024-01-27,3 B,2024-01-05,1 B,2024-01-12,1")
    with pytest.raises(DataError, match=r"'A' is off its own step.*2024-01-20"):
        SeriesExamples(horizon=1)(replace(data, schema=replace(SCHEMA, time=Time("time", step="7D"))))
    with pytest.raises(DataError, match="7 days and 8 days occur, first in series 'A' at 2024-01-20"):
        SeriesExamples(horizon=1)(data)


def test_series_shorter_than_the_horizon_are_told() -> None:
    with pytest.raises(DataError, match="longest series has 2 steps, 5 are to be foretold"):
        SeriesExamples(horizon=5)(dataset("A,2024-01-01,5 A,2024-01-02,7"))


def test_planned_values_that_miss_steps_are_listed() -> None:
    past = dataset("A,2024-03-01,1,1 B,2024-02-28,4,1")
    plan = dataset("B,2024-03-02,,5.0 A,2024-03-03,,9.9 A,2024-03-02,,9.9")
    with pytest.raises(
        DataError, match=r"2 pairs: B at 2024-02-29T00:00, B at 2024-03-01T00:00; 1 planned beyond those steps"
    ):
        SeriesExamples(horizon=2)(plan, past)


def test_a_step_given_twice_is_refused() -> None:
    with pytest.raises(DataError, match="repeat a series and a step"):
        SeriesExamples(horizon=1)(dataset("A,2024-01-01,5 A,2024-01-02,7 A,2024-01-02,7 A,2024-01-03,7"))


def test_later_rows_leave_earlier_examples_unchanged() -> None:
    data, builder = waves(3, 150), SeriesExamples(horizon=7, most=1000)
    early = data.with_main(data.main[data.main["time"] < "2024-05-01"].reset_index(drop=True))
    before, after = builder(early), builder(data)
    place = {one: row for row, one in enumerate(after.frame["id"])}
    rows = np.array([place[one] for one in before.frame["id"]])
    for mine, theirs in zip((before, before), (after.take(rows),) * 2, strict=True):
        a, b = block_of(mine), block_of(theirs)
        np.testing.assert_array_equal(windows_of(a, np.arange(len(a)), 30), windows_of(b, np.arange(len(b)), 30))
        np.testing.assert_array_equal(mine.truth, theirs.truth)
    pd.testing.assert_series_equal(before.frame["naive_error"], after.take(rows).frame["naive_error"])


def test_training_never_overlaps_what_is_judged() -> None:
    examples = SeriesExamples(horizon=14)(waves())
    cut, time = RollingOrigin()(examples, 0), examples.frame["time"]
    horizon = pd.Timedelta(days=14)
    assert (time.iloc[cut.final] + horizon).max() <= time.iloc[cut.test].min()
    fold = cut.folds[0]
    assert (time.iloc[np.concatenate([fold.train, fold.valid])] + horizon).max() <= time.iloc[fold.gate].min()
    assert (time.iloc[fold.train] + horizon).max() <= time.iloc[fold.valid].min()


def test_seasons_without_a_calendar_come_from_the_autocorrelation() -> None:
    rng = np.random.default_rng(1)
    y = 10 + 5 * np.sin(2 * np.pi * np.arange(300) / 9) + rng.normal(0, 0.5, 300)
    main = pd.DataFrame({"series": "a", "time": np.arange(300), "y": y})
    plan = plan_lags(block_of(SeriesExamples(horizon=6)(Dataset({"main": main}, SCHEMA, Provenance("t")))))
    assert plan.season == 9
    assert all(lag == 0 or lag > step for step, lags in enumerate(plan.lags) for lag in lags)


def test_aligned_lags_stand_at_the_same_weekday(parts: tuple[Examples, ...]) -> None:
    plan = plan_lags(block_of(parts[0]))
    assert plan.season == 7
    assert [lags[0] for lags in plan.lags] == [7] * 7 + [14] * 7


@pytest.mark.parametrize("make", [SeasonalNaive, lambda: AutoClassic("auto_ets", "AutoETS"), GbmLags])
def test_classic_methods_foretell_rising_quantiles_and_survive_a_round_trip(
    make: type[SeasonalNaive], parts: tuple[Examples, ...], tmp_path: Path
) -> None:
    train, valid, test = parts
    method = make()
    method.fit(train, valid, BUDGET)
    said = method.predict(test)
    assert (np.diff(said.values, axis=-1) >= 0).all()
    assert (said.values >= 0).all()
    assert weighted_quantile_loss.score(said, None) < 0.3
    method.save(tmp_path)
    again = make()
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(test).values, said.values)


def core(**changes: object) -> CoreMethod:
    spec = CoreSpec(
        stems=("series",), trunk="none", head="forecast", width=48, batch=64, epochs=12, learning_rate=4e-3, dropout=0.0
    )
    return CoreMethod(replace(spec, **changes))  # type: ignore[arg-type]


def test_the_core_learns_rhythm_and_price(parts: tuple[Examples, ...], tmp_path: Path) -> None:
    train, valid, test = parts
    naive, method = SeasonalNaive(), core()
    naive.fit(train, valid, BUDGET)
    method.fit(train, valid, BUDGET)
    said = method.predict(test)
    score = weighted_quantile_loss.score
    assert score(said, None) < 0.7 * score(naive.predict(test), None)
    method.save(tmp_path)
    again = core()
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(test).values, said.values)


@pytest.mark.parametrize("objective", ["masked_patch", "synthetic"])
def test_pretraining_alone_beats_an_untrained_core(objective: str, parts: tuple[Examples, ...]) -> None:
    train, _, test = parts
    blank, zero_shot = core(epochs=0), core(objective=objective, pretrain_epochs=15, epochs=0)
    blank.fit(train, None, BUDGET)
    zero_shot.fit(train, None, BUDGET)
    score = weighted_quantile_loss.score
    assert score(zero_shot.predict(test), None) < score(blank.predict(test), None)


def test_a_new_series_with_few_values_and_one_with_none_are_foretold(parts: tuple[Examples, ...]) -> None:
    train, valid, _ = parts
    method = core(epochs=2)
    method.fit(train, valid, BUDGET)
    new = dataset(" ".join(f"new,2024-09-0{day},{4 + day},1" for day in range(1, 5)))
    examples = SeriesExamples(horizon=14)(new, past=waves(2))
    assert list(examples.frame["entity"]) == ["new"]
    values = method.predict(examples).values
    assert np.isfinite(values).all()
    assert 0 < values[0, :, 6].mean() < 60


def test_missing_values_are_marked_not_guessed(parts: tuple[Examples, ...]) -> None:
    data = waves(2, 100)
    data.main.loc[10:40, "y"] = np.nan
    block = block_of(SeriesExamples(horizon=7)(data))
    assert np.isnan(block.values).sum() == 31 + 2 * 7, "the gap, and the steps after each last value"


def test_an_empty_block_of_the_wrong_kind_is_told() -> None:
    examples = Examples(pd.DataFrame({"id": ["a"]}), {})
    with pytest.raises(DataError, match="hold no series"):
        SeasonalNaive().predict(examples)
