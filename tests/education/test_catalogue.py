"""Conditions of courses: what is read from text and JSON, and what a learner may take."""

from __future__ import annotations

import pandas as pd
import pytest

from verticals_education.adapters.common import table_of_json
from verticals_education.catalogue import catalogue_of, parse, refused_plan, to_text
from verticals_plugins import DataError, Ledger

CASE_4 = {
    "P7D": {"prereq": {"and": ["P7C", "M2B"]}, "coreq": {"and": ["P7L", "M2D"]}},
    "P7L": {"coreq": {"and": ["P7D"]}},
    "M2D": {},
    "P7C": {},
    "M2B": {},
}


@pytest.mark.parametrize(
    ("text", "passed", "holds"),
    [
        ("A", "A", True),
        ("A and B", "A", False),
        ("A or B", "B", True),
        ("A and B or C", "C", True),
        ("A && B || C && D", "A B", True),
        ("A && B || C && D", "A C", False),
        ("A and (B or C)", "A C", True),
        ("A and (B or C)", "C", False),
        ("A, B", "A B", True),
        ("", "", True),
        ("none", "", True),
        ('"Basics of law" or B', "B", True),
        ('{"and": ["A", {"or": ["B", "C"]}]}', "A C", True),
        ('{"and": ["A", {"or": ["B", "C"]}]}', "B C", False),
    ],
)
def test_and_binds_closer_than_or(text: str, passed: str, holds: bool) -> None:
    condition = parse(text)
    assert condition.holds(set(passed.split())) is holds
    assert parse(to_text(condition)).holds(set(passed.split())) is holds


@pytest.mark.parametrize("text", ["A and", "(A or B", "A) or B", "or A", "A B", '{"not": ["A"]}'])
def test_broken_condition_names_its_course(text: str) -> None:
    with pytest.raises(DataError, match="The condition of X1"):
        parse(text, "X1")


def test_what_is_missing_is_told_in_words() -> None:
    assert parse("A and (B or C)").missing({"A"}) == "B or C"
    assert parse("A and (B or C)").missing(set()) == "A and (B or C)"
    assert parse("A and B").missing({"A", "B"}) == ""


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ([["P7D", "P7L", "M2D"]], ""),
        ([["P7D", "M2D"]], "corequisite P7L missing"),
        ([["P7D", "P7L"], ["M2D"]], "corequisite M2D only in a later term"),
        ([["M2D"], ["P7D", "P7L"]], ""),
    ],
)
def test_corequisites_are_before_or_together(terms: list[list[str]], refusal: str) -> None:
    catalogue = catalogue_of(table_of_json(CASE_4))
    assert refused_plan(catalogue, ["P7C", "M2B"], terms) == refusal


def test_corequisites_come_along_and_mutual_ones_are_no_cycle() -> None:
    ledger = Ledger()
    catalogue = catalogue_of(table_of_json(CASE_4), ledger)
    assert set(catalogue.together("P7D", {"P7C", "M2B"})) == {"P7L", "M2D"}
    assert catalogue.together("P7D", {"P7L", "M2D"}) == ()
    assert not ledger.warnings


def test_circle_of_prerequisites_and_unknown_courses_are_told() -> None:
    ledger = Ledger()
    catalogue_of(pd.DataFrame({"course": ["A", "B", "C"], "prerequisites": ["B", "A", "Z"]}), ledger)
    assert any("A, B" in line and "nobody can ever take" in line for line in ledger.warnings)
    assert any("C needs Z" in line for line in ledger.warnings)


def test_course_listed_twice_with_different_content_is_refused() -> None:
    with pytest.raises(DataError, match="lists A twice"):
        catalogue_of(pd.DataFrame({"course": ["A", "A"], "seats": [3, 4]}))
