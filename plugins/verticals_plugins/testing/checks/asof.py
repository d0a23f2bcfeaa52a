"""As-of truth: nothing that comes after an example's moment changes what it sees, how it is split, or how it scores."""

from __future__ import annotations

import numpy as np

from verticals_plugins.examples import Examples
from verticals_plugins.testing.change import before, cut_of, unknown_at, with_other_truth
from verticals_plugins.testing.compare import difference, seen
from verticals_plugins.testing.outcome import applies, expect
from verticals_plugins.testing.subject import SEED, Subject

MOST = 200
ENOUGH = 10
"""Builders may keep only the latest examples, so that few earlier ones are found again."""


def later_rows_change_no_earlier_input(subject: Subject) -> None:
    """Examples made before later rows were appended see the same, bit for bit."""
    early, whole = early_and_whole(subject)
    expect_same_inputs(early, whole, "appending later rows")


def later_rows_change_no_earlier_score(subject: Subject) -> None:
    """The shipped method says the same of them, bit for bit."""
    applies(not subject.is_planning, "plans have a check of their own")
    early, whole = early_and_whole(subject)
    first, second = subject.bundle.predict_examples(early), subject.bundle.predict_examples(whole)
    found = difference(first.values, second.values, "scores")
    expect(not found, f"appending later rows changed earlier {found}")


def early_and_whole(subject: Subject) -> tuple[Examples, Examples]:
    """The same examples, made of the first part of the data and made of all."""
    return common(subject.task.examples(before(subject.dataset, cut_of(subject.dataset))), subject.examples)


def common(one: Examples, other: Examples) -> tuple[Examples, Examples]:
    """The examples of the same ids, at most 200, in the same order."""
    place = {name: row for row, name in enumerate(other.frame["id"])}
    rows = [(row, place[name]) for row, name in enumerate(one.frame["id"]) if name in place]
    expect(len(rows) >= min(len(one) / 2, ENOUGH), f"only {len(rows)} of {len(one)} earlier examples are found again")
    picked = np.array(rows, dtype=np.int64)[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int)]
    return one.take(picked[:, 0]), other.take(picked[:, 1])


def expect_same_inputs(one: Examples, other: Examples, what: str) -> None:
    """Fail with the first input that differs."""
    for row in range(len(one)):
        found = difference(seen(one, row), seen(other, row))
        expect(not found, f"{what} changed what example {one.frame['id'].iloc[row]} sees: {found}")


def truth_that_is_not_known_yet_changes_no_input(subject: Subject) -> None:
    """The target of a row is an input only once the label delay is over, and never that of the example itself."""
    schema, dataset = subject.task.schema, subject.dataset
    has = schema.target is not None and schema.target.name in dataset.main
    applies(has, "the main table has no target column")
    time = subject.examples.frame["time"].to_numpy()
    timed = schema.time is not None and time.dtype.kind == "M" and not np.isnat(time).any()
    now = np.sort(time)[int(0.6 * len(time))] if timed else None
    changed = subject.task.examples(with_other_truth(dataset, unknown_at(dataset, now)))
    rows = np.arange(len(time)) if now is None else np.flatnonzero(time <= now)
    one, other = common(subject.examples.take(rows), changed)
    expect_same_inputs(one, other, "truth that was not known yet")


def split_parts_are_disjoint(subject: Subject) -> None:
    """No example is on two sides, and the test part is in none of the others."""
    parts, n = subject.parts, len(subject.examples)
    test = set(parts.test.tolist())
    expect(len(parts.folds) > 0 and len(test) > 0, "the split has no fold or no test part")
    expect(not test & set(parts.final.tolist()), "examples of the test part may train what ships")
    for number, fold in enumerate(parts.folds):
        sides = [set(one.tolist()) for one in (fold.train, fold.valid, fold.gate)]
        expect(all(sides), f"fold {number} has an empty part")
        expect(sum(map(len, sides)) == len(set.union(*sides)), f"parts of fold {number} overlap")
        expect(not test & set.union(*sides), f"fold {number} uses examples of the test part")
        expect(max(set.union(*sides)) < n, f"fold {number} names an example that does not exist")


def split_is_deterministic(subject: Subject) -> None:
    """The same seed cuts the same parts."""
    found = difference(subject.parts, subject.task.split(subject.examples, SEED))
    expect(not found, f"two splits of one seed differ: {found}")


def split_waits_until_truth_is_known(subject: Subject) -> None:
    """Where parts follow one another in time, each learns only from truth known when the next begins."""
    known, time = subject.examples.known_at, subject.examples.frame["time"].to_numpy()
    applies(known is not None and time.dtype.kind == "M", "truth is known at once, or there is no time")
    assert known is not None
    pairs = [(fold.train, fold.gate, f"fold {n}") for n, fold in enumerate(subject.parts.folds)]
    pairs.append((subject.parts.final, subject.parts.test, "test"))
    ordered = [one for one in pairs if time[one[0]].max() <= time[one[1]].min()]
    applies(bool(ordered), "the split is not by time")
    for learnt, judged, what in ordered:
        late = int((known[learnt] > time[judged].min()).sum())
        expect(not late, f"{what}: the truth of {late} examples that train was not known when the judged part began")


def truth_is_known_no_earlier_than_the_delay(subject: Subject) -> None:
    """``known_at`` keeps the schema's label delay."""
    delay, known = subject.task.schema.label_delay_days, subject.examples.known_at
    applies(delay > 0, "the schema has no label delay")
    expect(known is not None, "the schema has a label delay and the examples say not when truth is known")
    assert known is not None
    applies(subject.task.schema.label_time is None, "a column says when truth is known")
    waited = known - subject.examples.frame["time"].to_numpy()
    expect(bool((waited >= np.timedelta64(int(delay * 86_400), "s")).all()), "truth is known before the label delay")


CHECKS = (
    later_rows_change_no_earlier_input,
    truth_that_is_not_known_yet_changes_no_input,
    split_parts_are_disjoint,
    split_is_deterministic,
    split_waits_until_truth_is_known,
    truth_is_known_no_earlier_than_the_delay,
    later_rows_change_no_earlier_score,
)
