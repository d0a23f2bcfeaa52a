"""From a probability of fraud to what happens with the payment: stop, review, or let pass; in money."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals_finance.fraud.rules import TESTED, Case, RuleBook, read_rules, rules_of
from verticals_plugins import Decision, Examples, Predictions, Rule, Section, Table, UsageError, policy_field

CODES = (
    ("terminal_unexplained_28d", 1, "R01 frauds at this terminal became known in the last 28 days"),
    ("terminal_fraud_share_28d", 0.1, "R02 many frauds among the terminal's known payments"),
    ("card_frauds_known_30d", 1, "R03 fraud on this card became known in the last 30 days"),
    ("amount_excess", 1.0, "R04 amount far above what the card usually pays"),
    ("card_payments_10min", 4, "R05 many payments of the card within ten minutes"),
    ("card_high_7d", 2, "R06 several unusually high payments of the card in 7 days"),
    ("amount_risk", 0.3, "R07 payments of this size were often fraud"),
)
"""Feature, least value, reason code: what a reviewer is told first."""


@dataclass(frozen=True)
class AlertPolicy:
    """How many alerts the team can look at, or how many genuine payments may be disturbed, and what things cost.

    ``max_fpr`` > 0 replaces the budget of alerts by a share of genuine payments; ``use_costs`` replaces both by the
    costs: a payment is reviewed when its expected loss exceeds the cost of the review.
    """

    alerts_per_day: float = policy_field(10.0, help="payments a day that the team can review", unit="alerts/day")
    max_fpr: float = policy_field(0.0, help="largest share of genuine payments alerted; 0 = not used", unit="share")
    use_costs: bool = policy_field(False, help="alert where the expected loss exceeds the cost of a review")
    stop_above: float = policy_field(0.9, help="stop at once above this probability", unit="probability")
    review_cost: float = policy_field(5.0, help="cost of one review", unit="money")
    loss_share: float = policy_field(1.0, help="share of a fraud's amount that is lost when it passes", unit="share")
    rules: str = policy_field(
        "", help="rules and block or allow lists, tested on history before they count", unit="file"
    )
    rules_must_save: bool = policy_field(True, help="leave a rule out that lost money when tested on history")

    def __post_init__(self) -> None:
        if self.rules and not self.rules.startswith("{"):  # the content is kept, so that it travels with the bundle
            object.__setattr__(self, "rules", read_rules(Path(self.rules)).to_json())
        rules_of(self.rules)
        if self.alerts_per_day <= 0 or not 0 <= self.max_fpr < 1 or self.review_cost < 0:
            raise UsageError(
                "The policy makes no sense.", expected="alerts_per_day > 0, 0 <= max_fpr < 1 and review_cost >= 0."
            )

    @property
    def book(self) -> RuleBook:
        """Rules and lists."""
        return rules_of(self.rules)


def tune(predictions: Predictions, policy: AlertPolicy) -> Rule:
    """The probability above which validation payments fill the budget of alerts, or reach the false positive rate.

    Rules and lists are back-tested on the same payments; those that then count take their share of the budget.
    """
    values, examples, book = predictions.values, predictions.examples, policy.book
    case = Case.of(examples)
    alone = {"threshold": _threshold(values, examples, policy, np.full(len(values), "", dtype=object))}
    if not book.names:
        return Rule(alone)
    tested: dict[str, float] = {}
    if examples.truth is not None:
        alerts, days = _alerts(case.amount, values, policy, Rule(alone)), max(1, examples.frame["day"].nunique())
        found = book.back_test(case, examples.truth == 1, alerts, _loss(case, policy), policy.review_cost, days)
        tested = {
            f"{row.name}: {what}": float(getattr(row, what))
            for row in found.itertuples(index=False)
            for what in TESTED
            if not np.isnan(getattr(row, what))
        }
    said, _ = _counting(policy, Rule(tested)).actions(case)
    return Rule({"threshold": _threshold(values, examples, policy, said), **tested})


def _threshold(values: np.ndarray, examples: Examples, policy: AlertPolicy, said: np.ndarray) -> float:
    """``said`` (N,) is what rules and lists decide, "" where the threshold does."""
    if policy.use_costs:
        return 0.0
    free, disturbed = said == "", (said == "stop") | (said == "review")
    if policy.max_fpr > 0 and examples.truth is not None:
        genuine = examples.truth == 0
        place = int(policy.max_fpr * genuine.sum()) - int((genuine & disturbed).sum())
        free = free & genuine
    else:
        place = int(policy.alerts_per_day * max(1, examples.frame["day"].nunique())) - int(disturbed.sum())
    ordered = np.sort(values[free])[::-1]
    place = max(place, 0)
    return float(ordered[place]) if place < len(ordered) else 0.0


def decide(predictions: Predictions, policy: AlertPolicy, rule: Rule) -> Decision:
    """One row a payment: stop, review or pass, with reason codes; and what it saves where the truth is known."""
    frame, chance = predictions.examples.frame, predictions.values
    case = Case.of(predictions.examples)
    said = judged(case, chance, policy, rule)
    alert = said.action != "pass"
    table = pd.DataFrame(
        {
            "id": frame["id"], "action": said.action, "probability": chance, "amount": case.amount,
            "card": frame["entity"], "reason": said.reason,
        }
    )  # fmt: skip
    days = max(1, frame["day"].nunique())
    per_day = float(alert.sum()) / days
    summary: dict[str, Any] = {"alerts_per_day": per_day, "stopped": int((said.action == "stop").sum()),
                               "reviewed": int((said.action == "review").sum())}  # fmt: skip
    headline = f"{per_day:,.1f} alerts a day"
    truth = predictions.examples.truth
    if truth is not None:
        caught, loss = alert & (truth == 1), _loss(case, policy)
        saved = float(loss[caught].sum() - policy.review_cost * alert.sum()) / days
        lost = float(loss[(truth == 1) & ~alert].sum()) / days
        precision = float(caught.sum() / max(1, alert.sum()))
        summary |= {"saved_per_day": saved, "lost_per_day": lost, "precision": precision,
                    "recall": float(caught.sum() / max(1, truth.sum()))}  # fmt: skip
        headline += f", {saved:,.0f} saved a day, precision {precision:.0%}"
        several = currencies_of(predictions.examples)
        if len(several) > 1:
            headline += f"; amounts in {', '.join(several[:6])} were added as they are: none was converted"
    if policy.book.names:
        summary |= {"decided_by_rules": said.ruled} | {name: one for name, one in rule.numbers.items() if ": " in name}
        headline += f"; {said.ruled} payments decided by rules and lists"
        headline += "".join(f"; {name} left out: it lost money on history" for name in _losing(policy, rule))
    return Decision(table=table, headline=headline, summary=summary, unit="money in the payments' currency")


def currencies_of(examples: Examples) -> list[str]:
    """The currencies that the payments state."""
    block = examples.inputs.get("table")
    if not isinstance(block, Table) or "currency" not in block.frame:
        return []
    return sorted(str(one) for one in block.frame["currency"].dropna().unique())


@dataclass(frozen=True)
class Judged:
    """Action (N,) and reason codes (N,) of payments, and how many of them rules and lists decided."""

    action: np.ndarray
    reason: list[str]
    ruled: int


def judged(case: Case, chance: np.ndarray, policy: AlertPolicy, rule: Rule) -> Judged:
    """What happens with payments whose probability of fraud is ``chance`` (N,): lists, then rules, then the model."""
    alert = _alerts(case.amount, chance, policy, rule)
    action = np.where(alert & (chance >= policy.stop_above), "stop", np.where(alert, "review", "pass")).astype(object)
    reason = reason_codes(case, np.flatnonzero(alert))
    if not policy.book.names:
        return Judged(action, reason, 0)
    said, why = _counting(policy, rule).actions(case)
    hit = np.flatnonzero(said != "")
    action[hit] = said[hit]
    for row in hit:
        reason[row] = str(why[row])
    return Judged(action, reason, len(hit))


def _alerts(amount: np.ndarray, chance: np.ndarray, policy: AlertPolicy, rule: Rule) -> np.ndarray:
    """(N,) what the model alone alerts."""
    if policy.use_costs:
        return chance * np.maximum(amount, 0) * policy.loss_share > policy.review_cost
    return chance > rule.numbers["threshold"]


def _loss(case: Case, policy: AlertPolicy) -> np.ndarray:
    return np.maximum(case.amount, 0) * policy.loss_share


def _losing(policy: AlertPolicy, rule: Rule) -> list[str]:
    """Rules that lost money in the back-test, if such rules are not to count."""
    if not policy.rules_must_save:
        return []
    rules = [f"rule {one.name}" for one in policy.book.rules]
    return [name for name in rules if rule.numbers.get(f"{name}: saved_per_day", 0.0) < 0]


def _counting(policy: AlertPolicy, rule: Rule) -> RuleBook:
    """Rules and lists that count after the back-test."""
    return policy.book.without(_losing(policy, rule))


def reason_codes(case: Case, rows: np.ndarray) -> list[str]:
    """Up to three reason codes for each alert, "" for the others."""
    found = [""] * len(case)
    if not len(rows):
        return found
    said: list[list[str]] = [[] for _ in rows]
    for name, least, text in CODES:
        for place in np.flatnonzero(case.column(name)[rows].astype(float) >= least):
            said[place].append(text)
    for row, texts in zip(rows, said, strict=True):
        found[row] = "; ".join(texts[:3]) or "R00 pattern of several inputs, see explain"
    return found


def rule_section(predictions: Predictions, decision: Decision) -> list[Section]:
    """The back-test of rules and lists, one row each."""
    rows: dict[str, dict[str, Any]] = {}
    for key, value in decision.summary.items():
        name, mark, what = key.rpartition(": ")
        if mark:
            rows.setdefault(name, {})[what] = value
    if not rows:
        return []
    table = pd.DataFrame([{"": name, **{what: one.get(what, np.nan) for what in TESTED}} for name, one in rows.items()])
    text = (
        "On the validation part, before they count: payments and alerts a day, frauds among the alerts, and the money "
        "a day that each saves more than the model alone. A rule that lost money there is left out unless the policy "
        "says otherwise (--rules-must-save no); lists always count."
    )
    return [Section("Rules and lists, back-tested", text, table)]
