"""From ranked courses to offers: what a learner may take now, while there are seats, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from verticals_education.catalogue import Catalogue
from verticals_plugins import Decision, Events, Objects, Predictions, Rule, Section, UsageError, policy_field

PASSED_OVER = 2
"""Better-placed courses whose refusal is told with an offer."""


@dataclass(frozen=True)
class Guidance:
    """How many courses a learner is offered, and what limits them."""

    courses: int = policy_field(3, help="courses that each learner is offered", unit="courses")
    seats: int = policy_field(0, help="seats of a course whose catalogue says none; 0 = no limit", unit="seats")
    prerequisites: bool = policy_field(True, help="offer only what the passed courses allow")

    def __post_init__(self) -> None:
        if self.courses < 1 or self.seats < 0:
            raise UsageError(
                f"courses={self.courses} and seats={self.seats} make no offer.",
                expected="At least 1 course, seats >= 0.",
            )


@dataclass
class Seats:
    """Who holds a seat where. A learner who was offered a course holds one seat, however often it is offered."""

    catalogue: Catalogue
    default: int
    held: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    used: Counter[str] = field(default_factory=Counter[str])

    def free(self, course: str, learner: str) -> bool:
        """Is there a seat for this learner?"""
        seats = self.catalogue.get(course).seats
        limit = self.default if seats is None else seats
        unlimited = seats is None and not self.default
        return unlimited or (learner, course) in self.held or self.used[course] < limit

    def hold(self, course: str, learner: str) -> None:
        """Take it."""
        if (learner, course) not in self.held:
            self.held.add((learner, course))
            self.used[course] += 1

    def full(self) -> list[str]:
        """Courses without a free seat, by name."""
        return sorted(name for name in self.used if not self.free(name, ""))


def offer_courses(predictions: Predictions, policy: Guidance, rule: Rule) -> Decision:
    """Go through the examples in order of time and offer each the best open courses with a free seat.

    One row an offer, with ``place``, ``course``, ``reason``, what must be taken ``together`` with it, and which better
    ones were passed over and why. An example without an open course gets one row "no recommendation".
    """
    catalogue = _catalogue_of(predictions)
    seats = Seats(catalogue, policy.seats)
    frame = predictions.examples.frame
    order = np.lexsort((frame["id"].astype(str).to_numpy(), frame["time"].to_numpy()))
    rows: list[dict[str, Any]] = []
    said: Counter[str] = Counter()
    for number in order:
        rows += _offers(predictions, int(number), policy, seats, said)
    columns = ["id", "action", "learner", "place", "course", "title", "together", "reason", "passed_over", "cold_start"]
    table = pd.DataFrame(rows, columns=[*columns, "score", "hit"])
    if predictions.examples.truth is None:
        table = table.drop(columns="hit")
    return _told(table, predictions, policy, seats, said)


def _offers(
    predictions: Predictions, number: int, policy: Guidance, seats: Seats, said: Counter[str]
) -> list[dict[str, Any]]:
    examples, catalogue = predictions.examples, seats.catalogue
    taken, passed = _past(predictions, number)
    learner = str(examples.frame["entity"].iloc[number])
    base = {"id": examples.frame["id"].iloc[number], "learner": learner, "cold_start": not taken}
    truth = -1 if examples.truth is None else int(examples.truth[number])
    found: list[dict[str, Any]] = []
    over: list[str] = []
    for column, item in enumerate(predictions.extras["item"][number]):
        if item < 0 or len(found) == policy.courses:
            break
        course = examples.names[item]
        together = catalogue.together(course, {*passed, *taken}) if policy.prerequisites else ()
        why = _refusal((course, *together), passed, learner, policy, seats)
        if why:
            said[why.split()[0]] += 1
            over.append(f"{catalogue.get(course).shown} ({why})")
            continue
        for one in (course, *together):
            seats.hold(one, learner)
        found.append(
            base | {
                "action": f"offer {course}", "place": len(found) + 1, "course": course,
                "title": catalogue.get(course).title, "together": ", ".join(together),
                "reason": _reason(predictions, number, column, taken), "passed_over": "; ".join(over[:PASSED_OVER]),
                "score": float(predictions.values[number, column]), "hit": truth == item,
            }
        )  # fmt: skip
        over = []
    if len(found) < policy.courses:
        said["short"] += 1
    if found:
        return found
    why = "; ".join(over[:PASSED_OVER]) or "every known course was taken"
    return [base | {"action": "no recommendation", "place": 0, "course": "", "title": "", "together": "",
                    "reason": why, "passed_over": "", "score": np.nan, "hit": False}]  # fmt: skip


def _refusal(courses: Sequence[str], passed: set[str], learner: str, policy: Guidance, seats: Seats) -> str:
    for course in courses:
        if policy.prerequisites and (why := seats.catalogue.refusal(course, passed)):
            return why
        if not seats.free(course, learner):
            return "full" if course == courses[0] else f"full: corequisite {course}"
    return ""


def _reason(predictions: Predictions, number: int, column: int, taken: list[str]) -> str:
    if not taken:
        return "popular, no history"
    catalogue = _catalogue_of(predictions)
    because = predictions.extras.get("because")
    item = -1 if because is None else int(because[number, column])
    if item >= 0:
        return f"because you took {catalogue.get(predictions.examples.names[item]).shown}"
    return f"fits your last course, {catalogue.get(taken[-1]).shown}"


def _past(predictions: Predictions, number: int) -> tuple[list[str], set[str]]:
    """The courses that the learner has taken, oldest first, and those known by now to be passed."""
    events = predictions.examples.inputs["history"]
    assert isinstance(events, Events)
    rows = np.arange(events.start[number], events.stop[number])
    names = [str(one) for one in events.frame["item"].iloc[rows]]
    known = events.revealed["passed"][rows] <= events.now[number]
    return names, {name for name, one in zip(names, known, strict=True) if one}


def _catalogue_of(predictions: Predictions) -> Catalogue:
    block = predictions.examples.inputs["catalogue"]
    assert isinstance(block, Objects)
    found: Catalogue = block.values[0] if len(block) else Catalogue()
    return found


def _told(
    table: pd.DataFrame, predictions: Predictions, policy: Guidance, seats: Seats, said: Counter[str]
) -> Decision:
    offers = int((table["place"] > 0).sum())
    full = seats.full()
    learners = int(predictions.examples.frame["entity"].nunique())
    summary: dict[str, float | int | str] = {
        "learners": learners, "examples": len(predictions), "offers": offers, "courses_full": len(full),
        "refused_for_prerequisites": said["needs"], "refused_for_seats": said["full"] + said["full:"],
        "fewer_than_asked": said["short"], "cold_start": int(table.loc[table["place"] <= 1, "cold_start"].sum()),
    }  # fmt: skip
    headline = f"{policy.courses} courses each for {learners:,} learners ({offers:,} offers), {len(full)} courses full"
    if "hit" in table and len(predictions):
        summary["enrolments_foreseen"] = int(table["hit"].sum())
        headline += f"; {int(table['hit'].sum()) / len(predictions):.0%} of the enrolments that followed were offered"
    return Decision(table=table, headline=headline, summary=summary, unit="offers")


def sections(predictions: Predictions, decision: Decision) -> list[Section]:
    """The courses that were offered most."""
    offered = decision.table[decision.table["place"] > 0]
    counts = offered.groupby(["course", "title"], sort=True).size().rename("offers").reset_index()
    counts = counts.sort_values(["offers", "course"], ascending=[False, True], kind="stable").head(15)
    return [Section("Courses that were offered most", table=counts.reset_index(drop=True))]
