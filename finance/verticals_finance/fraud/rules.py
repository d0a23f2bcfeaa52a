"""Rules and lists as data: written in TOML, back-tested on history before they count, applied after the model.

    [lists]
    block_cards = ["c17"]
    allow_terminals = ["t3"]

    [[rules]]
    name = "many small payments"
    when = "card_payments_10min >= 4 and amount < 5"
    action = "review"

A condition joins comparisons of a feature with a number by ``and``. A block list stops, an allow list passes; lists go
before rules, rules before the model.
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals_finance.fraud.decide import AlertPolicy
from verticals_plugins import Decision, Examples, Table, UsageError

COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
CONDITION = re.compile(r"^\s*([A-Za-z_][\w]*)\s*(>=|<=|==|!=|>|<)\s*(-?\d+(?:\.\d+)?)\s*$")
LISTS = ("block_cards", "allow_cards", "block_terminals", "allow_terminals")
ACTIONS = ("stop", "review", "pass")


@dataclass(frozen=True)
class RuleLine:
    """One rule: comparisons that must all hold, and what happens then."""

    name: str
    conditions: tuple[tuple[str, str, float], ...]
    action: str

    def hits(self, examples: Examples) -> np.ndarray:
        """(N,) bool."""
        block = examples.inputs["table"]
        assert isinstance(block, Table)
        out = np.ones(len(examples), dtype=bool)
        for name, sign, number in self.conditions:
            if name not in block.frame:
                raise UsageError(
                    f"Rule {self.name!r} uses {name!r}.", expected=f"A feature, such as {block.frame.columns[0]}."
                )
            out &= COMPARE[sign](block.frame[name].to_numpy(dtype=float), number)
        return out


@dataclass(frozen=True)
class RuleBook:
    """Lists and rules."""

    lists: Mapping[str, frozenset[str]]
    rules: tuple[RuleLine, ...]

    def actions(self, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        """(N,) action and (N,) name of what decided, "" where the model decides."""
        action = np.full(len(examples), "", dtype=object)
        why = np.full(len(examples), "", dtype=object)
        for rule in reversed(self.rules):
            hit = rule.hits(examples)
            action[hit], why[hit] = rule.action, f"rule {rule.name}"
        for name, column in (("allow_cards", "entity"), ("allow_terminals", "terminal"),
                             ("block_cards", "entity"), ("block_terminals", "terminal")):  # fmt: skip
            hit = examples.frame[column].astype(str).isin(self.lists.get(name, frozenset())).to_numpy()
            action[hit], why[hit] = "stop" if name.startswith("block") else "pass", f"list {name}"
        return action, why

    def apply(self, decision: Decision, examples: Examples) -> Decision:
        """The model's decision with what rules and lists say instead."""
        action, why = self.actions(examples)
        hit = action != ""
        table = decision.table.copy()
        table.loc[hit, "action"], table.loc[hit, "reason"] = action[hit], why[hit]
        headline = f"{decision.headline}; {int(hit.sum())} payments decided by rules and lists"
        return Decision(table=table, headline=headline, summary=decision.summary, unit=decision.unit)

    def back_test(self, examples: Examples, policy: AlertPolicy) -> pd.DataFrame:
        """What each rule and list would have done on labelled history: alerts a day, precision, money saved a day."""
        if examples.truth is None:
            raise UsageError("A back-test needs labelled history.", expected="Payments whose fraud is known.")
        days = max(1, examples.frame["day"].nunique())
        amount = np.maximum(examples.frame["amount"].to_numpy(dtype=float), 0) * policy.loss_share
        action, why = self.actions(examples)
        rows: list[dict[str, Any]] = []
        names = [f"rule {one.name}" for one in self.rules] + [f"list {name}" for name in LISTS if self.lists.get(name)]
        for name in names:
            hit = why == name
            passes = hit & (action == "pass")
            alerts = hit & ~passes
            fraud = examples.truth == 1
            saved = amount[alerts & fraud].sum() - policy.review_cost * alerts.sum() - amount[passes & fraud].sum()
            rows.append(
                {
                    "name": name, "payments_per_day": hit.sum() / days, "alerts_per_day": alerts.sum() / days,
                    "precision": float((alerts & fraud).sum() / alerts.sum()) if alerts.any() else np.nan,
                    "saved_per_day": float(saved) / days,
                }
            )  # fmt: skip
        return pd.DataFrame(rows, columns=["name", "payments_per_day", "alerts_per_day", "precision", "saved_per_day"])


def read_rules(path: Path) -> RuleBook:
    """Read a rule book from TOML.

    Raises:
        UsageError: the file cannot be read, or a line of it is not understood; names the line.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise UsageError(
            f"The rules {path} cannot be read: {err}.", expected="A TOML file with [lists] and [[rules]]."
        ) from err
    lists = content.get("lists", {})
    unknown = sorted(set(lists) - set(LISTS))
    if unknown:
        raise UsageError(f"There is no list {unknown[0]!r}.", expected=f"One of {', '.join(LISTS)}.")
    return RuleBook(
        {name: frozenset(str(one) for one in values) for name, values in lists.items()},
        tuple(_rule(one) for one in content.get("rules", [])),
    )


def _rule(line: Mapping[str, Any]) -> RuleLine:
    name, action = str(line.get("name", "")), str(line.get("action", ""))
    parts = [CONDITION.match(one) for one in str(line.get("when", "")).split(" and ")]
    if not name or action not in ACTIONS or not all(parts):
        raise UsageError(
            f"The rule {dict(line)} is not understood.",
            expected='name, action (stop, review or pass) and when = "FEATURE >= NUMBER and ...".',
        )
    return RuleLine(name, tuple((m[1], m[2], float(m[3])) for m in parts if m is not None), action)
