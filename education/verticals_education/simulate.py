"""Our faculty: simulated learners who choose courses by interest, by level and by what follows what. Not real data.

Eight departments with ten courses each. A course of level 2-4 needs one of the level below it in its department, some
need a course of another department too. Learners begin in one of twelve terms, follow one or two departments, are drawn
to the sequel of what they took last, fail now and then, and leave after a few courses. Large courses have few seats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals_education.schema import SCHEMA
from verticals_plugins import Dataset, Provenance

DEPARTMENTS = ("MATH", "PHYS", "CHEM", "BIOL", "COMP", "ECON", "HIST", "LING")
EACH = 10
LEVELS = np.array([1, 1, 1, 2, 2, 2, 3, 3, 4, 4])
TERM_DAYS = 120
TERMS = 12
PASS_RATE = 0.88


@dataclass(frozen=True)
class Faculty:
    """What the simulator draws from; V courses."""

    names: list[str]
    department: np.ndarray
    level: np.ndarray
    appeal: np.ndarray
    follows: np.ndarray
    """(V, V) how much a course draws those who just took another."""
    needs: list[list[int]]
    """Any one of these must have been passed; empty = open to all."""
    needed: np.ndarray
    """(V, V) the same as 0 and 1."""
    also: np.ndarray
    """(V,) a course of another department that is needed too, -1 = none."""


def faculty(rng: np.random.Generator) -> Faculty:
    """Draw the courses."""
    department, level = np.repeat(np.arange(len(DEPARTMENTS)), EACH), np.tile(LEVELS, len(DEPARTMENTS))
    count = len(level)
    number = np.tile(np.arange(EACH), len(DEPARTMENTS))
    names = [f"{DEPARTMENTS[d]}{100 * k + n}" for d, k, n in zip(department, level, number, strict=True)]
    below = [np.flatnonzero((department == department[i]) & (level == level[i] - 1)) for i in range(count)]
    needs = [sorted(int(one) for one in rng.choice(b, min(2, len(b)), replace=False)) if len(b) else [] for b in below]
    follows = np.zeros((count, count))
    for course in range(count):
        for one in needs[course]:
            follows[one, course] += 2.0
        follows[course, rng.choice(count, 2, replace=False)] += 2.2
    also = np.full(count, -1)
    for course in np.flatnonzero(level == 3)[::2]:
        also[course] = rng.choice(np.flatnonzero((level == 1) & (department != department[course])))
    needed = np.zeros((count, count))
    for course in range(count):
        needed[course, needs[course]] = 1
    return Faculty(names, department, level, rng.normal(0, 0.7, count), follows, needs, needed, also)


def simulate_faculty(seed: int, learners: int = 1500) -> Dataset:
    """Enrolments of ``learners`` learners over four years, and the catalogue."""
    rng = np.random.default_rng(seed)
    school = faculty(rng)
    rows: list[tuple[int, int, float, float]] = []
    for learner in range(learners):
        rows += _studies(school, learner, rng)
    table = np.array(rows)
    start = np.datetime64("2021-09-01", "ns")
    main = pd.DataFrame(
        {
            "learner": [f"learner-{int(one):04d}" for one in table[:, 0]],
            "time": start + (table[:, 2] * 86_400).round().astype("timedelta64[s]"),
            "course": [school.names[int(one)] for one in table[:, 1]],
            "completed": start + np.where(np.isnan(table[:, 3]), 0, table[:, 3] * 86_400).astype("timedelta64[s]"),
        }
    )
    main["completed"] = main["completed"].mask(np.isnan(table[:, 3]))
    main = main.sort_values(["time", "learner"], kind="stable").reset_index(drop=True)
    main.insert(0, "id", np.arange(len(main)))
    tables = {"main": main, "catalogue": _catalogue(school, main)}
    return Dataset(tables, SCHEMA, Provenance("simulator", notes={"simulated": "our faculty; no real learners"}))


def _studies(school: Faculty, learner: int, rng: np.random.Generator) -> list[tuple[int, int, float, float]]:
    """One learner's enrolments: (learner, course, day of enrolment, day of passing or NaN)."""
    interest = rng.normal(0, 0.5, len(DEPARTMENTS))
    interest[rng.integers(len(DEPARTMENTS))] += 2.5
    interest[rng.integers(len(DEPARTMENTS))] += 1.2
    taken: list[int] = []
    passed: set[int] = set()
    rows: list[tuple[int, int, float, float]] = []
    term = int(rng.integers(TERMS - 3))
    while term < TERMS and len(taken) < 9:
        for _ in range(int(rng.integers(1, 3))):
            open_now = np.flatnonzero(_allowed(school, taken, passed))
            pull = interest[school.department[open_now]] + school.appeal[open_now] + 0.3 * school.level[open_now]
            if taken:
                pull = pull + 1.5 * school.follows[taken[-1], open_now]
            chance = np.exp(pull - pull.max())
            course = int(rng.choice(open_now, p=chance / chance.sum()))
            day = term * TERM_DAYS + float(rng.random() * 20 + 25 * (len(rows) and rows[-1][2] > term * TERM_DAYS))
            good = rng.random() < PASS_RATE
            rows.append((learner, course, day, term * TERM_DAYS + 110.0 if good else np.nan))
            taken.append(course)
        passed |= {course for _, course, _, done in rows if not np.isnan(done)}
        term += 1 if rng.random() < 0.85 else 2
        if rng.random() < 0.15:
            break
    return rows


def _allowed(school: Faculty, taken: list[int], passed: set[int]) -> np.ndarray:
    """(V,) courses that were not taken and whose conditions are met."""
    done = np.zeros(len(school.names) + 1)
    done[list(passed)] = 1
    met = (school.needed @ done[:-1] > 0) | (school.needed.sum(axis=1) == 0)
    met &= (school.also < 0) | (done[school.also] > 0)
    met[taken] = False
    return met


def _catalogue(school: Faculty, main: pd.DataFrame) -> pd.DataFrame:
    """Course, title, conditions as text, seats: about a term's usual demand of the larger courses."""
    usual = main["course"].value_counts().reindex(school.names).fillna(0).to_numpy() / TERMS
    conditions = []
    for course in range(len(school.names)):
        either = " or ".join(school.names[one] for one in school.needs[course])
        also = school.names[school.also[course]] if school.also[course] >= 0 else ""
        conditions.append(f"({either}) and {also}" if either and also else either or also)
    kinds = (
        "Foundations",
        "Methods",
        "Principles",
        "Topics",
        "Systems",
        "Models",
        "Theory",
        "Practice",
        "Seminar",
        "Project",
    )
    titles = [f"{kinds[i % EACH]} of {DEPARTMENTS[d].lower()}" for i, d in enumerate(school.department)]
    return pd.DataFrame(
        {
            "course": school.names, "title": titles, "prerequisites": conditions, "corequisites": "",
            "seats": np.where(usual > np.median(usual), np.ceil(usual * 6), np.nan),
        }
    )  # fmt: skip
