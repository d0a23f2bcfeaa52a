"""A catalogue of courses: what each needs before it (prerequisites) or beside it (corequisites), and its seats.

Conditions are written as text: ``MATH1 and (PHYS1 or PHYS2)``. "and" binds closer than "or"; ``&&``, ``&``, ``||``,
``|`` and "," (= and) are understood too, and a course whose code has blanks is written "in quotes".
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from verticals_plugins import DataError, Ledger

TOKEN = re.compile(r'\s*(?:(&&?|\|\|?|,|;|\(|\))|"([^"]*)"|([^\s&|,;()"]+))')
WORDS = {"and": "and", "or": "or", "&&": "and", "&": "and", ",": "and", ";": "and", "||": "or", "|": "or"}


@dataclass(frozen=True)
class Condition:
    """``kind`` is "course" (then ``course``), "and" or "or" (then ``parts``). An "and" without parts is always true."""

    kind: str = "and"
    course: str = ""
    parts: tuple[Condition, ...] = ()

    def holds(self, passed: Collection[str]) -> bool:
        """Is it met by what was passed?"""
        if self.kind == "course":
            return self.course in passed
        met = (part.holds(passed) for part in self.parts)
        return any(met) if self.kind == "or" else all(met)

    def courses(self) -> tuple[str, ...]:
        """Every course that it names, once, in order."""
        if self.kind == "course":
            return (self.course,)
        return tuple(dict.fromkeys(name for part in self.parts for name in part.courses()))

    def missing(self, passed: Collection[str]) -> str:
        """What is still to be done, as text; "" = nothing."""
        if self.holds(passed):
            return ""
        if self.kind == "course":
            return self.course
        if self.kind == "or":
            return " or ".join(part.missing(passed) for part in self.parts)
        left = [part for part in self.parts if not part.holds(passed)]
        texts = [one.missing(passed) for one in left]
        return " and ".join(
            f"({t})" if p.kind == "or" and len(left) > 1 else t for p, t in zip(left, texts, strict=True)
        )


ALWAYS = Condition()


@dataclass(frozen=True)
class Course:
    """One course; ``seats`` None = not said."""

    name: str
    title: str = ""
    before: Condition = ALWAYS
    beside: Condition = ALWAYS
    seats: int | None = None

    @property
    def shown(self) -> str:
        """Name with title."""
        return f"{self.name} {self.title}".strip() if self.title != self.name else self.name


@dataclass(frozen=True)
class Catalogue:
    """Courses by name; an unknown course has no conditions and no seat limit."""

    courses: Mapping[str, Course] = field(default_factory=dict[str, Course])

    def get(self, name: str) -> Course:
        """The course, or a bare one of that name."""
        return self.courses.get(name, Course(name))

    def refusal(self, name: str, passed: Collection[str]) -> str:
        """Why a course may not be taken yet ("needs A and B"); "" = it may."""
        missing = self.get(name).before.missing(passed)
        return f"needs {missing}" if missing else ""

    def together(self, name: str, passed: Collection[str]) -> tuple[str, ...]:
        """The corequisites that must be taken in the same step, with theirs; of alternatives the first."""
        wanted: list[str] = []
        queue = [name]
        while queue:
            one = queue.pop(0)
            for other in _first_choice(self.get(one).beside, {*passed, *wanted, name}):
                wanted.append(other)
                queue.append(other)
        return tuple(wanted)


def _first_choice(condition: Condition, done: Collection[str]) -> list[str]:
    if condition.holds(done):
        return []
    if condition.kind == "course":
        return [condition.course]
    parts = condition.parts[:1] if condition.kind == "or" else condition.parts
    return list(dict.fromkeys(name for part in parts for name in _first_choice(part, done)))


def refused_plan(catalogue: Catalogue, passed: Collection[str], terms: Sequence[Sequence[str]]) -> str:
    """Why a plan of terms is not allowed: the first broken condition; "" = it is allowed."""
    done = set(passed)
    for number, term in enumerate(terms):
        later = {name for after in terms[number + 1 :] for name in after}
        for name in term:
            before = catalogue.get(name).before.missing(done)
            if before:
                return f"{name} needs {before} before it"
            for other in _first_choice(catalogue.get(name).beside, {*done, *term}):
                where = "only in a later term" if other in later else "missing"
                return f"corequisite {other} {where}"
        done |= set(term)
    return ""


def parse(text: str, course: str = "") -> Condition:
    """A condition from text, or from JSON ``{"and": [...]}``.

    Raises:
        DataError: brackets do not match, or an operator has nothing beside it; names the course.
    """
    text = text.strip()
    if text.startswith(("{", "[")):
        try:
            return from_json(json.loads(text), course)
        except ValueError as err:
            raise _broken(course, text, f"it is no JSON ({err})") from err
    if not text or text.casefold() in {"none", "-", "nan", "n/a"}:
        return ALWAYS
    tokens = _tokens(text, course)
    found, place = _any(tokens, 0, course, text)
    if place != len(tokens):
        raise _broken(course, text, f"{tokens[place][1]!r} stands where nothing can follow")
    return found


def from_json(value: Any, course: str = "") -> Condition:
    """``"A"``, ``["A", "B"]`` (= and) or ``{"and": [...], "or": [...]}``, nested."""
    if value in (None, "", [], {}):
        return ALWAYS
    if isinstance(value, str):
        return Condition("course", value)
    if isinstance(value, list):
        return Condition("and", parts=tuple(from_json(one, course) for one in value))
    if isinstance(value, dict) and set(value) <= {"and", "or"} and all(isinstance(v, list) for v in value.values()):
        parts = tuple(Condition(kind, parts=tuple(from_json(one, course) for one in value[kind])) for kind in value)
        return parts[0] if len(parts) == 1 else Condition("and", parts=parts)
    raise _broken(course, str(value), "it is neither a course, a list, nor {and/or: [...]}")


def to_text(condition: Condition) -> str:
    """As :func:`parse` reads it."""
    if condition.kind == "course":
        plain = re.fullmatch(r'[^\s&|,;()"]+', condition.course) and condition.course.casefold() not in {"and", "or"}
        return condition.course if plain else f'"{condition.course}"'
    texts = [f"({to_text(p)})" if p.kind != "course" and p.parts else to_text(p) for p in condition.parts]
    return f" {condition.kind} ".join(one for one in texts if one)


def catalogue_of(table: pd.DataFrame | None, ledger: Ledger | None = None) -> Catalogue:
    """A catalogue from its table; unknown and unreachable courses are told in the ledger.

    Raises:
        DataError: a course stands twice with different content, or a condition cannot be read.
    """
    if table is None or not len(table):
        return Catalogue()
    courses: dict[str, Course] = {}
    for row in table.to_dict("records"):
        name = str(row["course"])
        one = Course(
            name, _text(row.get("title")), parse(_text(row.get("prerequisites")), name),
            parse(_text(row.get("corequisites")), name), _seats(row.get("seats"), name),
        )  # fmt: skip
        if name in courses and courses[name] != one:
            raise DataError(f"The catalogue lists {name} twice with different content.", expected="One row a course.")
        courses[name] = one
    found = Catalogue(courses)
    if ledger is not None:
        for line in doubts(found):
            ledger.warn(line)
    return found


def _seats(value: Any, course: str) -> int | None:
    try:
        number = float("nan" if value is None or value == "" else value)
    except (TypeError, ValueError):
        number = -1.0
    if number != number:
        return None
    if isinstance(value, bool) or number < 0 or not number.is_integer():
        raise DataError(f"The seats of {course} are {value!r}.", expected="A whole number, or nothing: no limit.")
    return int(number)


def doubts(catalogue: Catalogue) -> list[str]:
    """Conditions that name courses outside the catalogue, and courses that nobody can ever take."""
    known = set(catalogue.courses)
    out = []
    for one in catalogue.courses.values():
        unknown = [name for name in (*one.before.courses(), *one.beside.courses()) if name not in known]
        if unknown:
            out.append(f"{one.name} needs {', '.join(unknown[:3])}, which the catalogue does not list")
    reached = {name for one in catalogue.courses.values() for name in one.before.courses()} - known
    grown = True
    while grown:
        fresh = {name for name in known - reached if catalogue.get(name).before.holds(reached)}
        reached |= fresh
        grown = bool(fresh)
    never = sorted(known - reached)
    if never:
        out.append(f"the prerequisites of {', '.join(never[:5])} lead back to themselves: nobody can ever take them")
    return out


def _text(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and value != value) or value is pd.NA else str(value)


def _tokens(text: str, course: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = TOKEN.match(text, place)
        if match is None:
            raise _broken(course, text, f"{text[place:].strip()[:10]!r} cannot be read")
        sign, quoted, word = match.groups()
        place = match.end()
        if quoted is not None:
            tokens.append(("course", quoted))
        elif sign in ("(", ")"):
            tokens.append((sign, sign))
        else:
            raw = sign or word
            tokens.append((WORDS.get(raw.casefold(), "course"), raw))
    return tokens


def _any(tokens: list[tuple[str, str]], place: int, course: str, text: str) -> tuple[Condition, int]:
    return _chain(tokens, place, course, text, "or", _every)


def _every(tokens: list[tuple[str, str]], place: int, course: str, text: str) -> tuple[Condition, int]:
    return _chain(tokens, place, course, text, "and", _one)


def _chain(
    tokens: list[tuple[str, str]], place: int, course: str, text: str, kind: str, below: Any
) -> tuple[Condition, int]:
    first, place = below(tokens, place, course, text)
    parts = [first]
    while place < len(tokens) and tokens[place][0] == kind:
        part, place = below(tokens, place + 1, course, text)
        parts.append(part)
    return (parts[0] if len(parts) == 1 else Condition(kind, parts=tuple(parts))), place


def _one(tokens: list[tuple[str, str]], place: int, course: str, text: str) -> tuple[Condition, int]:
    if place >= len(tokens):
        raise _broken(course, text, "it ends too early")
    kind, word = tokens[place]
    if kind == "course":
        return Condition("course", word), place + 1
    if kind == "(":
        found, place = _any(tokens, place + 1, course, text)
        if place >= len(tokens) or tokens[place][0] != ")":
            raise _broken(course, text, "a bracket is not closed")
        return found, place + 1
    raise _broken(course, text, f"{word!r} has nothing before it")


def _broken(course: str, text: str, why: str) -> DataError:
    return DataError(
        f"The condition of {course or 'a course'}, {text[:80]!r}, cannot be read: {why}.",
        expected="For example: MATH1 and (PHYS1 or PHYS2).",
    )
