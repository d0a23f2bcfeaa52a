"""Examples of enrolments: as-of history, requests, memory, offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from verticals.baselines.ranking import POPULARITY
from verticals_education.adapters.table import ENROLMENTS
from verticals_education.courses import COURSES
from verticals_education.decide import Guidance, offer_courses
from verticals_education.examples import Enrolments
from verticals_education.pseudonyms import NOTE, pseudonym
from verticals_education.schema import SCHEMA
from verticals_education.simulate import simulate_faculty
from verticals_plugins import (
    Budget,
    DataError,
    Dataset,
    Events,
    Examples,
    Predictions,
    Provenance,
    ReadOptions,
    Rule,
    UsageError,
)


def dataset(
    rows: Sequence[tuple[str, str, str | None]], catalogue: pd.DataFrame | None = None, **columns: Any
) -> Dataset:
    """Rows (learner, date, course)."""
    main = pd.DataFrame(rows, columns=["learner", "time", "course"]).assign(id=np.arange(len(rows)), **columns)
    main["time"] = pd.to_datetime(main["time"])
    tables = {"main": main} if catalogue is None else {"main": main, "catalogue": catalogue}
    return Dataset(tables, SCHEMA, Provenance("test"))


def had(examples: Examples, row: int) -> list[str]:
    """The courses of an example's past, oldest first."""
    events = examples.inputs["history"]
    assert isinstance(events, Events)
    return [str(one) for one in events.frame["item"].iloc[events.start[row] : events.stop[row]]]


def ranked(examples: Examples, train: Examples) -> Predictions:
    method = POPULARITY.build(COURSES)
    method.fit(train, None, Budget(threads=1))
    return method.predict(examples)


THREE = [("u1", "2024-01-05", "c1"), ("u1", "2024-02-01", "c2"), ("u2", "2024-02-03", "c2")]


def test_history_is_strictly_earlier() -> None:
    rows = [("u", "2024-01-01", "a"), ("u", "2024-01-02", "b"), ("u", "2024-01-02", "c"), ("u", "2024-01-03", "d")]
    examples = Enrolments()(dataset(rows))
    assert [had(examples, row) for row in range(4)] == [[], ["a"], ["a"], ["a", "b", "c"]]
    assert [examples.names[one] for one in examples.truth] == ["a", "b", "c", "d"]  # type: ignore[union-attr]


def test_course_taken_again_is_history_but_no_example() -> None:
    rows = [("u", "2024-01-01", "a"), ("u", "2024-02-01", "a"), ("u", "2024-03-01", "b")]
    examples = Enrolments()(dataset(rows))
    assert list(examples.frame["id"]) == [0, 2]
    assert had(examples, 1) == ["a", "a"]


def test_later_rows_change_no_earlier_example() -> None:
    whole = simulate_faculty(1, learners=120)
    early = whole.with_main(whole.main.iloc[: len(whole.main) // 2])
    short, long = Enrolments()(early), Enrolments()(whole)
    long = long.take(np.arange(len(short)))
    assert short.frame.equals(long.frame)
    assert np.array_equal(short.truth, long.truth)  # type: ignore[arg-type]
    assert short.names == long.names[: len(short.names)]
    assert [had(short, row) for row in range(len(short))] == [had(long, row) for row in range(len(long))]


def test_order_of_the_file_changes_nothing() -> None:
    whole = simulate_faculty(2, learners=60)
    mixed = whole.with_main(whole.main.sample(frac=1, random_state=0).reset_index(drop=True))
    one, other = Enrolments()(whole), Enrolments()(mixed)
    assert one.frame.equals(other.frame)
    assert one.names == other.names
    assert [had(one, row) for row in range(len(one))] == [had(other, row) for row in range(len(other))]


def test_rows_without_a_course_ask_and_the_others_are_history() -> None:
    rows = [*THREE, ("u1", "2024-03-01", None), ("u3", "2024-03-01", None)]
    examples = Enrolments()(dataset(rows))
    assert examples.truth is None
    assert [had(examples, row) for row in range(2)] == [["c1", "c2"], []]


def test_bundle_memory_is_the_history_of_known_learners() -> None:
    build = Enrolments()
    memory = build.memory(dataset(THREE))
    asked = build(dataset([("u1", "2024-03-01", None)]), memory)
    assert had(asked, 0) == ["c1", "c2"]


def test_table_from_memory_is_hashed_with_the_key_of_the_past() -> None:
    build = Enrolments()
    hidden = [(pseudonym(who, "key"), when, what) for who, when, what in THREE]
    past = build.memory(replace(dataset(hidden), provenance=Provenance("file", notes={NOTE: "key"})))
    assert past.provenance.notes == {NOTE: "key"}
    frame = dataset([("u1", "2024-03-01", None)])
    asked = build(replace(frame, provenance=Provenance("frame")), past)
    assert had(asked, 0) == ["c1", "c2"]
    assert asked.frame["entity"].tolist() == [pseudonym("u1", "key")]


def test_enrolment_without_time_is_refused() -> None:
    broken = dataset(THREE)
    broken.main.loc[1, "time"] = pd.NaT
    with pytest.raises(DataError, match="1 of 3 enrolments have no time"):
        Enrolments()(broken)


def test_learner_without_history_and_course_that_nobody_took() -> None:
    """CASES 6: u1 gets c3 alone; the unknown u3 gets the popular course first, marked as a cold start."""
    catalogue = pd.DataFrame({"course": ["c1", "c2", "c3"], "title": ["", "", ""]})
    train = Enrolments()(dataset(THREE, catalogue))
    asked = Enrolments()(
        dataset([("u1", "2024-03-01", None), ("u3", "2024-03-01", None)]),
        Enrolments().memory(dataset(THREE, catalogue)),
    )
    decision = offer_courses(ranked(asked, train), Guidance(courses=2), Rule())
    offers = decision.table
    first, second = offers[offers["id"] == 0], offers[offers["id"] == 1]
    assert first["course"].tolist() == ["c3"]
    assert not first["cold_start"].any()
    assert second["course"].tolist() == ["c2", "c1"]
    assert second["cold_start"].all()
    assert set(second["reason"]) == {"popular, no history"}
    assert decision.summary["fewer_than_asked"] == 1
    assert np.isfinite(offers["score"]).all()


def test_same_request_gives_the_same_offers_from_files(tmp_path: Path) -> None:
    """CASES 6, from its own table; a request of nobody names its line."""
    (tmp_path / "took").mkdir()
    (tmp_path / "took" / "enrolments.csv").write_text(
        "user,course,date\n" + "".join(f"{a},{c},{b}\n" for a, b, c in THREE)
    )
    (tmp_path / "took" / "catalogue.csv").write_text("course\nc1\nc2\nc3\n")
    (tmp_path / "asks.csv").write_text("user,date\nu1,2024-03-01\nu3,2024-03-01\n")
    took = ENROLMENTS.read(tmp_path / "took", ReadOptions(schema=SCHEMA))
    build = Enrolments()
    train, past = build(took), build.memory(took)
    asks = ENROLMENTS.read(tmp_path / "asks.csv", ReadOptions(schema=SCHEMA, need_target=False))
    tables = [offer_courses(ranked(build(asks, past), train), Guidance(courses=2), Rule()).table for _ in range(2)]
    assert tables[0].equals(tables[1])
    assert tables[0]["course"].tolist() == ["c3", "c2", "c1"]
    (tmp_path / "asks.csv").write_text("user,date\nu1,2024-03-01\n,2024-03-01\n")
    with pytest.raises(DataError, match="line 3"):
        ENROLMENTS.read(tmp_path / "asks.csv", ReadOptions(schema=SCHEMA, need_target=False))


def test_prerequisites_count_only_when_known_to_be_passed() -> None:
    catalogue = pd.DataFrame({"course": ["a", "b"], "prerequisites": ["", "a"]})
    done = pd.to_datetime(pd.Series(["2024-03-01", None, None, None]))
    rows = [("u", "2024-01-01", "a"), ("v", "2024-01-01", "b"), ("u", "2024-02-01", None), ("u", "2024-04-01", None)]
    data = dataset(rows, catalogue, completed=done)
    asked = Enrolments()(data)
    train = Enrolments()(data.with_main(data.main[data.main["course"].notna()]))
    table = offer_courses(ranked(asked, train), Guidance(courses=1), Rule()).table
    assert table["action"].tolist() == ["no recommendation", "offer b"]
    assert "needs a" in table["reason"].iloc[0]
    free = offer_courses(ranked(asked, train), Guidance(courses=1, prerequisites=False), Rule()).table
    assert free["action"].tolist() == ["offer b", "offer b"]


def test_corequisite_is_offered_along_and_takes_a_seat() -> None:
    catalogue = pd.DataFrame({"course": ["a", "lab"], "corequisites": ["lab", ""], "seats": [5, 1]})
    train = Enrolments()(
        dataset([("x", "2024-01-01", "a"), ("y", "2024-01-01", "a"), ("z", "2024-01-02", "lab")], catalogue)
    )
    data = dataset([("u", "2024-03-01", None), ("v", "2024-03-02", None)])
    past = Enrolments().memory(dataset([("x", "2024-01-01", "a"), ("z", "2024-01-02", "lab")], catalogue))
    table = offer_courses(ranked(Enrolments()(data, past), train), Guidance(courses=1), Rule()).table
    assert table["together"].tolist()[0] == "lab"
    assert table["action"].tolist() == ["offer a", "no recommendation"]
    assert "full" in table["reason"].iloc[1]


def test_seats_go_to_who_asks_first() -> None:
    train = Enrolments()(dataset([(f"x{i}", "2024-01-01", "a") for i in range(3)] + [("y", "2024-01-01", "b")]))
    past = Enrolments().memory(dataset([("x0", "2024-01-01", "a"), ("y", "2024-01-01", "b")]))
    data = dataset([("late", "2024-03-03", None), ("early", "2024-03-01", None)])
    table = offer_courses(ranked(Enrolments()(data, past), train), Guidance(courses=1, seats=1), Rule()).table
    assert dict(zip(table["learner"], table["course"], strict=True)) == {"early": "a", "late": "b"}
    assert "a (full)" in table.loc[table["learner"] == "late", "passed_over"].iloc[0]


def test_policy_that_offers_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="make no offer"):
        Guidance(courses=0)


def test_demo_is_deterministic_and_keeps_its_own_prerequisites() -> None:
    one, other = simulate_faculty(3, learners=80), simulate_faculty(3, learners=80)
    assert one.main.equals(other.main)
    assert not one.main.duplicated(["learner", "course"]).any()
    examples = Enrolments()(one)
    catalogue = examples.inputs["catalogue"].values[0]  # type: ignore[attr-defined]
    events = examples.inputs["history"]
    assert isinstance(events, Events)
    assert examples.truth is not None
    for row in range(len(examples)):
        rows = np.arange(events.start[row], events.stop[row])
        done = rows[events.revealed["passed"][rows] <= events.now[row]]
        passed = {str(name) for name in events.frame["item"].iloc[done]}
        assert not catalogue.refusal(examples.names[examples.truth[row]], passed)
