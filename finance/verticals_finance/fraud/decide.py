"""From a probability of fraud to what happens with the payment: stop, review, or let pass; in money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins import Decision, Examples, Predictions, Rule, Table, UsageError, policy_field

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

    def __post_init__(self) -> None:
        if self.alerts_per_day <= 0 or not 0 <= self.max_fpr < 1 or self.review_cost < 0:
            raise UsageError(
                "The policy makes no sense.", expected="alerts_per_day > 0, 0 <= max_fpr < 1 and review_cost >= 0."
            )


def tune(predictions: Predictions, policy: AlertPolicy) -> Rule:
    """The probability above which validation payments fill the budget of alerts, or reach the false positive rate."""
    values, examples = predictions.values, predictions.examples
    if policy.use_costs:
        return Rule({"threshold": 0.0})
    if policy.max_fpr > 0 and examples.truth is not None:
        genuine = np.sort(values[examples.truth == 0])[::-1]
        place = int(policy.max_fpr * len(genuine))
        return Rule({"threshold": float(genuine[place]) if place < len(genuine) else 0.0})
    days = max(1, examples.frame["day"].nunique())
    place = int(policy.alerts_per_day * days)
    ordered = np.sort(values)[::-1]
    return Rule({"threshold": float(ordered[place]) if place < len(ordered) else 0.0})


def decide(predictions: Predictions, policy: AlertPolicy, rule: Rule) -> Decision:
    """One row a payment: stop, review or pass, with reason codes; and what it saves where the truth is known."""
    frame, chance = predictions.examples.frame, predictions.values
    amount = frame["amount"].to_numpy(dtype=float)
    if policy.use_costs:
        alert = chance * np.maximum(amount, 0) * policy.loss_share > policy.review_cost
    else:
        alert = chance > rule.numbers["threshold"]
    action = np.where(alert & (chance >= policy.stop_above), "stop", np.where(alert, "review", "pass"))
    table = pd.DataFrame(
        {
            "id": frame["id"], "action": action, "probability": chance, "amount": amount, "card": frame["entity"],
            "reason": reason_codes(predictions.examples, np.flatnonzero(alert)),
        }
    )  # fmt: skip
    days = max(1, frame["day"].nunique())
    per_day = float(alert.sum()) / days
    summary: dict[str, Any] = {"alerts_per_day": per_day, "stopped": int((action == "stop").sum()),
                               "reviewed": int((action == "review").sum())}  # fmt: skip
    headline = f"{per_day:,.1f} alerts a day"
    truth = predictions.examples.truth
    if truth is not None:
        caught = alert & (truth == 1)
        saved = (
            float((np.maximum(amount, 0) * policy.loss_share)[caught].sum() - policy.review_cost * alert.sum()) / days
        )
        lost = float((np.maximum(amount, 0) * policy.loss_share)[(truth == 1) & ~alert].sum()) / days
        precision = float(caught.sum() / max(1, alert.sum()))
        summary |= {"saved_per_day": saved, "lost_per_day": lost, "precision": precision,
                    "recall": float(caught.sum() / max(1, truth.sum()))}  # fmt: skip
        headline += f", {saved:,.0f} saved a day, precision {precision:.0%}"
    return Decision(table=table, headline=headline, summary=summary, unit="money in the payments' currency")


def reason_codes(examples: Examples, rows: np.ndarray) -> list[str]:
    """Up to three reason codes for each alert, "" for the others."""
    found = [""] * len(examples)
    block = examples.inputs.get("table")
    if not isinstance(block, Table) or not len(rows):
        return found
    some = block.frame.iloc[rows]
    said: list[list[str]] = [[] for _ in rows]
    for name, least, text in CODES:
        for place in np.flatnonzero(some[name].to_numpy(dtype=float) >= least):
            said[place].append(text)
    for row, texts in zip(rows, said, strict=True):
        found[row] = "; ".join(texts[:3]) or "R00 pattern of several inputs, see explain"
    return found
