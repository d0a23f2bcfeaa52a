"""Rules and lists as data: written in TOML or JSON, back-tested on history before they count, applied after the model.

    [lists]
    block_cards = ["c17"]
    allow_terminals = ["t3"]

    [[rules]]
    name = "many small payments"
    when = "card_payments_10min >= 4 and amount < 5"
    action = "review"

A condition joins comparisons by ``and``: of a feature with a number, or (``==`` and ``!=``) of a category with a word
in quotes, ``country == "NG"``. A block list stops, an allow list passes; lists go before rules, rules before the model.
"""

from __future__ import annotations

import json
import operator
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals_finance.fraud.features import feature_names
from verticals_finance.fraud.schema import CATEGORIES
from verticals_plugins import Examples, Table, UsageError

COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
CONDITION = re.compile(
    r"^\s*([A-Za-z_]\w*)\s*(>=|<=|==|!=|>|<)\s*(?:(-?\d+(?:\.\d+)?)|\"([^\"]*)\"|'([^']*)')\s*$", re.ASCII
)
LISTS = ("block_cards", "allow_cards", "block_terminals", "allow_terminals")
ACTIONS = ("stop", "review", "pass")
TESTED = ("payments_per_day", "alerts_per_day", "precision", "saved_per_day")
"""What a back-test tells of a rule or a list."""


@dataclass(frozen=True)
class Case:
    """What is decided of N payments: amounts (N,), cards and terminals as text (N,), and their inputs by name."""

    amount: np.ndarray
    card: np.ndarray
    terminal: np.ndarray
    column: Callable[[str], np.ndarray]

    def __len__(self) -> int:
        return len(self.amount)

    @classmethod
    def of(cls, examples: Examples) -> Case:
        """The payments of a batch."""
        frame, block = examples.frame, examples.inputs.get("table")
        table = block.frame if isinstance(block, Table) else frame
        return cls(
            amount=frame["amount"].to_numpy(dtype=float), card=frame["entity"].astype(str).to_numpy(dtype=object),
            terminal=frame["terminal"].astype(str).to_numpy(dtype=object),
            column=lambda name: table[name].to_numpy(),
        )  # fmt: skip


@dataclass(frozen=True)
class RuleLine:
    """One rule: comparisons that must all hold, and what happens then."""

    name: str
    when: str
    action: str

    def hits(self, case: Case) -> np.ndarray:
        """(N,) bool; what is missing never holds."""
        out = np.ones(len(case), dtype=bool)
        for name, sign, value in conditions(self.when):
            found = case.column(name)
            if isinstance(value, str):
                found = np.array(["" if one is None or one != one else str(one) for one in found], dtype=object)
                out &= np.asarray(COMPARE[sign](found, value), dtype=bool) & (found != "")
            else:
                found = found.astype(float)
                out &= COMPARE[sign](found, value) & ~np.isnan(found)
        return out


@dataclass(frozen=True)
class RuleBook:
    """Lists and rules."""

    lists: Mapping[str, Collection[str]]
    rules: tuple[RuleLine, ...]

    @property
    def names(self) -> list[str]:
        """Every rule and list by the name it has in a back-test."""
        return [f"rule {one.name}" for one in self.rules] + [f"list {name}" for name in LISTS if self.lists.get(name)]

    def without(self, names: Collection[str]) -> RuleBook:
        """The same without these rules; lists stay."""
        return RuleBook(self.lists, tuple(one for one in self.rules if f"rule {one.name}" not in names))

    def actions(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """(N,) action and (N,) name of what decided, "" where the model decides."""
        action = np.full(len(case), "", dtype=object)
        why = np.full(len(case), "", dtype=object)
        for rule in reversed(self.rules):
            hit = rule.hits(case)
            action[hit], why[hit] = rule.action, f"rule {rule.name}"
        for name, keys in (("allow_cards", case.card), ("allow_terminals", case.terminal),
                           ("block_cards", case.card), ("block_terminals", case.terminal)):  # fmt: skip
            listed = self.lists.get(name)
            if listed:
                hit = np.isin(keys.astype(str), list(listed))
                action[hit], why[hit] = "stop" if name.startswith("block") else "pass", f"list {name}"
        return action, why

    def back_test(
        self, case: Case, fraud: np.ndarray, alerts: np.ndarray, loss: np.ndarray, review_cost: float, days: int
    ) -> pd.DataFrame:
        """What each rule and list does on labelled history, beside a model that alerts ``alerts`` (N,).

        One row a name with :data:`TESTED`: payments and alerts a day, share of frauds among its alerts, and the money
        that it saves a day more than the model alone: the ``loss`` (N,) of frauds that only it catches, less the cost
        of those reviews; for what lets pass, the reviews spared less the frauds that the model had caught.
        """
        action, why = self.actions(case)
        rows: list[dict[str, Any]] = []
        for name in self.names:
            hit = why == name
            raised, spared = hit & (action != "pass"), hit & (action == "pass") & alerts
            more = raised & ~alerts
            saved = loss[more & fraud].sum() - review_cost * more.sum()
            saved += review_cost * spared.sum() - loss[spared & fraud].sum()
            precision = float((raised & fraud).sum() / raised.sum()) if raised.any() else np.nan
            found = (hit.sum() / days, raised.sum() / days, precision, saved / days)
            rows.append({"name": name, **{what: float(one) for what, one in zip(TESTED, found, strict=True)}})
        return pd.DataFrame(rows, columns=["name", *TESTED])

    def to_json(self) -> str:
        """As text that :func:`rules_of` reads."""
        lists = {name: sorted(one) for name, one in self.lists.items()}
        return json.dumps({"lists": lists, "rules": [vars(one) for one in self.rules]}, ensure_ascii=False)


def read_rules(path: Path) -> RuleBook:
    """Read a rule book from TOML or JSON.

    Raises:
        UsageError: the file cannot be read, or a line of it is not understood; names the line.
    """
    try:
        return rules_of(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(
            f"The rules {path} cannot be read: {err}.", expected="A TOML or JSON file with lists and rules.",
            todo="Check the path after --rules.",
        ) from err  # fmt: skip


@cache
def rules_of(text: str, name: str = "") -> RuleBook:
    """The rule book that a text in TOML or JSON tells; an empty text tells of none.

    Raises:
        UsageError: something is not understood, or a rule uses what payments do not have.
    """
    try:
        content: Any = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except ValueError as err:  # of json and of tomllib
        raise UsageError(
            f"The rules {name} cannot be read: {err}.", expected="TOML or JSON with lists and rules.",
            todo="Correct the place that is named.",
        ) from err  # fmt: skip
    lists, rules = content.get("lists", {}), content.get("rules", [])
    wrong = [f"{key!r}" for key in content if key not in ("lists", "rules")]
    wrong += [f"list {key!r}" for key in (lists if isinstance(lists, dict) else ("lists",)) if key not in LISTS]
    if wrong or not isinstance(rules, list):
        raise UsageError(
            f"The rules {name} hold {', '.join(wrong) or 'rules'}, which is not understood.",
            expected=f"rules (a list of tables), and lists of the names {', '.join(LISTS)}.",
        )
    for key, values in lists.items():
        if not isinstance(values, list):
            raise UsageError(f"The list {key!r} is {values!r}.", expected=f'Names in brackets, {key} = ["c17"].')
    found = tuple(_rule(one, name) for one in rules)
    twice = {one.name for one in found if sum(other.name == one.name for other in found) > 1}
    if twice:
        raise UsageError(f"Several rules are called {min(twice)!r}.", expected="A name of its own for each rule.")
    return RuleBook({key: frozenset(str(one) for one in values) for key, values in lists.items()}, found)


def _rule(line: Any, where: str) -> RuleLine:
    line = line if isinstance(line, dict) else {"rule": line}
    rule = RuleLine(*(str(line.get(key, "")) for key in ("name", "when", "action")))
    if not rule.name or rule.action not in ACTIONS:
        raise UsageError(
            f"The rule {line} of {where or 'the policy'} is not understood.",
            expected='name, when = "FEATURE >= NUMBER and ..." and action (stop, review or pass).',
        )
    try:
        conditions(rule.when)
    except UsageError as err:
        raise UsageError(f"Rule {rule.name!r}: {err.found}", expected=err.expected, todo=err.todo) from err
    return rule


@cache
def conditions(when: str) -> tuple[tuple[str, str, float | str], ...]:
    """(input, sign, number or word) of each comparison.

    Raises:
        UsageError: a comparison is not understood, or payments have no such input.
    """
    out: list[tuple[str, str, float | str]] = []
    for one in when.split(" and "):
        found = CONDITION.match(one)
        if found is None:
            raise UsageError(
                f"the condition {one.strip()!r} is not understood.",
                expected='FEATURE >= NUMBER, or CATEGORY == "WORD", joined by and.',
            )
        name, sign, number, *words = found.groups()
        known = feature_names() if number is not None else CATEGORIES[1:]
        if name not in known:
            near = ", ".join(_near(name, known))
            raise UsageError(
                f"payments have no {'number' if number is not None else 'category'} {name!r}.",
                expected=f"For instance {near}.", todo="All numbers are in the docs of finance.fraud, under Rules.",
            )  # fmt: skip
        if number is None and sign not in ("==", "!="):
            raise UsageError(f"{name} is compared with a word by {sign}.", expected="== or != for words.")
        out.append((name, sign, float(number) if number is not None else next(w for w in words if w is not None)))
    return tuple(out)


def _near(name: str, known: Collection[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:3]
