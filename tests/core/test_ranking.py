"""Ranking methods on a small world in which what comes next follows from what came last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.baselines.ranking import ALL, LinearRank
from verticals.data.items import NONE, Items, in_hash_order, top
from verticals.evaluate.metrics import ndcg_10
from verticals.evaluate.rerank import FEWEST, Rerank
from verticals.model.core import CoreMethod
from verticals_plugins import Budget, CoreSpec, Events, Examples, Predictions

ITEMS = 20
BUDGET = Budget(seed=0, threads=1)
CORE = CoreSpec(
    stems=("items:history",), causal=True, head="rank", objective="next_item", width=16, layers=1, heads=2, epochs=3,
    pretrain_epochs=1, batch=32, learning_rate=1e-2, options={"history": {"length": 8}, "head": {"length": 8}},
)  # fmt: skip


def world(learners: int = 220, seed: int = 0, names: tuple[str, ...] | None = None) -> Examples:
    """Walks over items 0 … 19 where item i is mostly followed by i + 1 or i + 3 (modulo 20), never twice the same."""
    rng = np.random.default_rng(seed)
    names = names or tuple(f"item {i}" for i in range(ITEMS))
    items: list[int] = []
    rows: list[tuple[int, int, int, int]] = []
    for learner in range(learners):
        first = len(items)
        walk = [int(rng.integers(ITEMS))]
        for _ in range(5):
            step = int(rng.choice([1, 3])) if rng.random() < 0.85 else int(rng.integers(ITEMS))
            following = (walk[-1] + step) % ITEMS
            if following not in walk:
                walk.append(following)
        items += walk
        rows += [(learner, first, first + place, item) for place, item in enumerate(walk)]
    learner, start, stop, truth = np.array(rows).T
    item = pd.Categorical.from_codes(items, categories=list(names))  # type: ignore[arg-type]
    when = np.arange(len(items), dtype=float)
    events = Events(pd.DataFrame({"item": item}), when, start, stop, stop.astype(float))
    frame = pd.DataFrame({"id": np.arange(len(rows)), "entity": learner, "time": pd.Timestamp("2024-01-01")})
    return Examples(frame, {"history": events}, truth, None, names)


def cut(examples: Examples) -> tuple[Examples, Examples]:
    learner = examples.frame["entity"].to_numpy()
    return examples.take(np.flatnonzero(learner % 4 > 0)), examples.take(np.flatnonzero(learner % 4 == 0))


def fitted(name: str, train: Examples, valid: Examples | None = None) -> LinearRank:
    method = next(one for one in ALL if one.name == name).build(None)  # type: ignore[arg-type]
    assert isinstance(method, LinearRank)
    method.fit(train, valid, BUDGET)
    return method


@pytest.fixture(scope="module")
def parts() -> tuple[Examples, Examples]:
    return cut(world())


@pytest.mark.parametrize("name", [one.name for one in ALL])
def test_no_method_names_an_item_that_was_had(name: str, parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    said = fitted(name, train, test).predict(test)
    events = test.inputs["history"]
    assert isinstance(events, Events)
    codes = events.frame["item"].cat.codes.to_numpy()
    for row in range(len(test)):
        had = set(codes[events.start[row] : events.stop[row]])
        item = said.extras["item"][row]
        assert not had & set(item[item >= 0])
        assert (item[: ITEMS - len(had)] >= 0).all()
        assert (said.values[row][item < 0] == np.float32(NONE)).all()
    assert (np.diff(said.values, axis=1) <= 0).all()


@pytest.mark.parametrize("name", [one.name for one in ALL])
def test_saved_method_answers_bit_for_bit(name: str, parts: tuple[Examples, Examples], tmp_path: Path) -> None:
    train, test = parts
    method = fitted(name, train, test)
    method.save(tmp_path)
    other = next(one for one in ALL if one.name == name).build(None)  # type: ignore[arg-type]
    other.load(tmp_path)
    before, after = method.predict(test), other.predict(test)
    assert np.array_equal(before.values, after.values)
    assert all(np.array_equal(before.extras[one], after.extras[one]) for one in before.extras)


def test_markov_knows_the_order_and_popularity_does_not(parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    found = {name: ndcg_10.score(fitted(name, train).predict(test), None) for name in ("markov", "popularity")}
    assert found["markov"] > found["popularity"] + 0.2


def test_ease_has_the_closed_form(parts: tuple[Examples, Examples]) -> None:
    train, _ = parts
    method = fitted("ease", train)
    items = Items.learn(train)
    x = np.zeros((int(train.frame["entity"].max()) + 1, ITEMS))
    x[train.frame["entity"], items.of_truth(train)] = 1
    inverse = np.linalg.inv(x.T @ x + 20 * np.eye(ITEMS))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert np.allclose(method.weights.toarray(), expected, atol=1e-4)


def test_reason_is_the_item_that_gave_most(parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    said = fitted("markov", train).predict(test)
    events = test.inputs["history"]
    assert isinstance(events, Events)
    last = events.frame["item"].cat.codes.to_numpy()[events.stop - 1]
    reason = said.extras["because"][:, 0]
    assert (reason[events.stop == events.start] == -1).all()
    there = reason >= 0
    assert there.mean() > 0.5
    assert np.array_equal(reason[there], last[there])


@pytest.mark.parametrize("name", ["markov", "item_knn", "popularity"])
def test_numbering_of_items_changes_nothing(name: str) -> None:
    """Items renumbered in reverse, names kept: the same names come out in the same order."""
    plain = world()
    back = plain.names[::-1]
    events = plain.inputs["history"]
    assert isinstance(events, Events)
    assert plain.truth is not None
    frame = pd.DataFrame({"item": pd.Categorical(events.frame["item"].astype(str), categories=list(back))})
    turned = replace(
        plain, inputs={"history": replace(events, frame=frame)}, truth=len(back) - 1 - plain.truth, names=back
    )
    one, other = (fitted(name, cut(e)[0]).predict(cut(e)[1]) for e in (plain, turned))
    mine = np.array([*plain.names, ""], dtype=object)[one.extras["item"]]
    theirs = np.array([*back, ""], dtype=object)[other.extras["item"]]
    assert np.array_equal(mine, theirs)


def test_hash_order_says_nothing_of_the_numbers() -> None:
    names = [str(i) for i in range(200)]
    place = np.array([int(one) for one in in_hash_order(names)])
    assert abs(np.corrcoef(place, np.arange(200))[0, 1]) < 0.2
    assert in_hash_order(names[::-1]) == in_hash_order(names)


def test_top_gives_equals_in_order_of_their_column() -> None:
    best, value = top(np.array([[1.0, 3.0, 3.0, 0.0, 2.0]]), 3)
    assert best.tolist() == [[1, 2, 4]]
    assert value.tolist() == [[3.0, 3.0, 2.0]]


def test_item_outside_the_training_part_is_not_recommended_but_one_without_events_is() -> None:
    examples = world(names=tuple(f"item {i}" for i in range(ITEMS)))
    examples = replace(examples, names=(*examples.names, "listed only"))
    assert examples.truth is not None
    train = examples.take(np.flatnonzero((examples.frame["entity"] < 100) & (examples.truth != 7)))
    rows = []
    events = train.inputs["history"]
    assert isinstance(events, Events)
    codes = events.frame["item"].cat.codes.to_numpy()
    rows = [r for r in range(len(train)) if 7 not in codes[events.start[r] : events.stop[r]]]
    said = fitted("markov", train.take(np.array(rows))).predict(examples)
    named = set(np.unique(said.extras["item"]))
    assert 7 not in named
    assert ITEMS in named


def test_core_learns_the_order_and_survives_a_round_trip(parts: tuple[Examples, Examples], tmp_path: Path) -> None:
    train, test = parts
    method = CoreMethod(replace(CORE, epochs=20))
    method.fit(train, test, BUDGET)
    said = method.predict(test)
    popular = ndcg_10.score(fitted("popularity", train).predict(test), None)
    assert ndcg_10.score(said, None) > popular + 0.1
    method.save(tmp_path)
    other = CoreMethod(CORE)
    other.load(tmp_path)
    again = other.predict(test)
    assert np.array_equal(said.values, again.values)
    assert np.array_equal(said.extras["item"], again.extras["item"])


def test_core_trains_on_every_position_of_one_example_a_learner(parts: tuple[Examples, Examples]) -> None:
    train, _ = parts
    method = CoreMethod(replace(CORE, epochs=1, pretrain_epochs=0))
    method.fit(train, None, BUDGET)
    head: object = method.models[0].head
    rows = head.rows(train)  # type: ignore[attr-defined]
    assert len(rows) == train.frame["entity"].nunique()
    target = head.target(train, rows).numpy()  # type: ignore[attr-defined]
    assert (target >= 0).sum() == len(train)


def test_core_never_reads_the_item_that_it_foretells(parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    method = CoreMethod(replace(CORE, epochs=1))
    method.fit(train, None, BUDGET)
    assert test.truth is not None
    other = replace(test, truth=(test.truth + 1) % ITEMS)
    assert np.array_equal(method.predict(test).values, method.predict(other).values)


def test_sampled_loss_with_all_items_is_close_to_the_full_one(parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    scores = []
    for sampled in (0, 400):
        options = {"history": {"length": 8}, "head": {"length": 8, "sampled": sampled}}
        method = CoreMethod(replace(CORE, epochs=12, options=options))
        method.fit(train, None, BUDGET)
        scores.append(ndcg_10.score(method.predict(test), None))
    assert abs(scores[0] - scores[1]) < 0.1


def members(examples: Examples, train: Examples) -> dict[str, Predictions]:
    return {name: fitted(name, train).predict(examples) for name in ("popularity", "item_knn", "markov")}


def test_rerank_is_no_worse_than_its_best_member(parts: tuple[Examples, Examples], tmp_path: Path) -> None:
    train, rest = parts
    valid, test = cut(replace(rest, frame=rest.frame.assign(entity=rest.frame["entity"] // 4)))
    blend = Rerank(rounds=60)
    blend.fit(members(valid, train), ndcg_10, 0)
    said = members(test, train)
    joined = blend.combine(said)
    best = max(ndcg_10.score(one, None) for one in said.values())
    assert ndcg_10.score(joined, None) > best - 0.03
    assert (np.diff(joined.values, axis=1) <= 0).all()
    assert (joined.extras["because"] >= 0).any()
    blend.save(tmp_path)
    other = Rerank()
    other.load(tmp_path)
    assert np.array_equal(other.combine(said).values, joined.values)
    assert list(other.members) == list(blend.members)


def test_rerank_of_few_lists_adds_up_places(parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    few = test.take(np.arange(FEWEST // 2))
    blend = Rerank()
    blend.fit(members(few, train), ndcg_10, 0)
    assert not blend.boosters
    assert sum(blend.describe().values()) == pytest.approx(1, abs=0.01)
    joined = blend.combine(members(few, train))
    assert np.isfinite(joined.values).all()


def test_rerank_of_no_examples_is_empty(parts: tuple[Examples, Examples]) -> None:
    train, test = parts
    nothing = test.take(np.arange(0))
    blend = Rerank(rounds=5)
    blend.fit(members(test, train), ndcg_10, 0)
    assert len(blend.combine(members(nothing, train))) == 0
