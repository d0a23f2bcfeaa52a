"""Splits leave nothing of the future or of the same entity on the training side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from verticals.data.splits import EntitySplit, GivenSplit, RollingOrigin, TimeSplit
from verticals_plugins import DataError, Examples

DAY = np.timedelta64(1, "D")


def examples(n: int = 600, *, delay: int = 0, entities: int = 100, **columns: object) -> Examples:
    time = np.datetime64("2026-01-01", "ns") + np.arange(n) * np.timedelta64(6, "h")
    frame = pd.DataFrame({"id": np.arange(n), "entity": np.arange(n) % entities, "time": time, **columns})
    truth = (np.arange(n) % 7 == 0).astype(int)
    return Examples(frame, {}, truth, time + delay * DAY, ("no", "yes"))


def test_time_split_keeps_labels_not_yet_known_out_of_training() -> None:
    made = examples(delay=7)
    parts = TimeSplit()(made, 0)
    fold = parts.folds[0]
    time, known = made.frame["time"].to_numpy(), made.known_at
    assert known is not None
    assert known[fold.train].max() <= time[fold.valid].min()
    assert known[fold.valid].max() <= time[fold.gate].min()
    assert known[fold.gate].max() <= time[parts.test].min()
    assert known[parts.final].max() <= time[parts.test].min()
    assert not set(parts.test) & (set(parts.final) | set(fold.train) | set(fold.valid) | set(fold.gate))


def test_time_split_order_of_rows_does_not_matter() -> None:
    made = examples(delay=3)
    shuffle = np.random.default_rng(0).permutation(len(made))
    plain, mixed = TimeSplit()(made, 0), TimeSplit()(made.take(shuffle), 0)
    assert sorted(shuffle[mixed.test]) == sorted(plain.test)
    assert sorted(shuffle[mixed.folds[0].train]) == sorted(plain.folds[0].train)


def test_history_that_is_too_short_for_late_labels_says_how_long_it_must_be() -> None:
    with pytest.raises(DataError) as told:
        TimeSplit()(examples(80, delay=7), 0)
    assert "span 19.8 days" in told.value.found
    assert "known 7 days later" in told.value.found
    assert "48 days or more" in told.value.expected
    assert "--label-delay DAYS. This history allows at most 3 days" in told.value.todo
    TimeSplit()(examples(4 * 48, delay=7), 0)
    TimeSplit()(examples(80, delay=2), 0)


def test_too_few_examples_are_refused_with_what_they_do_not_suffice_for() -> None:
    with pytest.raises(DataError, match=r"3 examples are too few to split: none is left for .*validation"):
        TimeSplit()(examples(3), 0)


@pytest.mark.parametrize("few", [10, 1500])
def test_entity_split_never_puts_an_entity_on_two_sides(few: int) -> None:
    made = examples()
    parts = EntitySplit(few=few)(made, 1)
    entity = made.frame["entity"].to_numpy()
    test = set(entity[parts.test])
    assert not test & set(entity[parts.final])
    for fold in parts.folds:
        sides = [set(entity[rows]) for rows in (fold.train, fold.valid, fold.gate)]
        everyone = [one for side in (*sides, test) for one in side]
        assert len(everyone) == len(set(everyone))


def test_few_entities_are_judged_on_nested_folds_that_cover_all() -> None:
    made = examples()
    parts = EntitySplit(few=1500, folds=5)(made, 1)
    judged = np.concatenate([fold.gate for fold in parts.folds])
    assert len(parts.folds) == 5
    assert sorted(judged) == sorted(parts.final)


def test_entity_split_keeps_the_share_of_positives() -> None:
    made = examples(600, entities=600)
    parts = EntitySplit(few=10)(made, 3)
    assert made.truth is not None
    assert made.truth[parts.test].mean() == pytest.approx(made.truth.mean(), abs=0.02)


def test_stretches_judge_each_class_on_what_followed_one_another() -> None:
    made = examples(700, entities=700)  # classes by turns: every seventh is a yes
    parts = EntitySplit(folds=3, stretches=True)(made, 0)
    assert len(parts.folds) == 3
    judged = np.sort(np.concatenate([fold.gate for fold in parts.folds]))
    assert judged.tolist() == sorted(parts.final)
    assert made.truth is not None
    for fold in parts.folds:
        assert not set(fold.gate) & (set(fold.train) | set(fold.valid))
        assert len(fold.valid) == pytest.approx(len(fold.train) / 4, abs=2)
        for value in (0, 1):
            every = parts.final[made.truth[parts.final] == value]
            mine = fold.gate[made.truth[fold.gate] == value]
            assert abs(len(mine) - len(every) / 3) <= 1
            assert not set(range(mine[0], mine[-1] + 1)) & (set(every) - set(mine))


def test_given_split_is_kept_and_gate_comes_from_training() -> None:
    marks = np.where(np.arange(600) >= 480, "test", "train")
    parts = GivenSplit()(examples(split=marks), 0)
    assert sorted(parts.test) == list(range(480, 600))
    assert all(set(fold.gate) <= set(range(480)) for fold in parts.folds)


def test_rows_of_no_given_part_are_counted() -> None:
    marks = np.where(np.arange(600) >= 480, "test", np.where(np.arange(600) < 7, "holdout", "train"))
    parts = GivenSplit()(examples(split=marks), 0)
    assert parts.notes["in no part"] == "7 rows that say holdout"
    assert min(parts.final) == 7


def test_rolling_origin_trains_before_it_judges() -> None:
    origin = np.repeat(np.arange(6), 100)
    parts = RollingOrigin(windows=2)(examples(origin=origin), 0)
    assert set(origin[parts.test]) == {0}
    for fold in parts.folds:
        assert origin[fold.train].min() > origin[fold.valid].max() > 0
        assert origin[fold.valid].min() > origin[fold.gate].max()


@pytest.mark.parametrize("split", [TimeSplit(), RollingOrigin()])
def test_too_few_examples_are_refused_with_what_to_do(split: TimeSplit | RollingOrigin) -> None:
    with pytest.raises(DataError, match=r"(?s)too (few|short).*(longer|more)"):
        split(examples(3, delay=400, origin=np.zeros(3, dtype=int)), 0)
