"""From risks to what happens next: refer, reassure, or abstain and let a clinician judge; its worth is the net benefit.

Net benefit (Vickers & Elkin 2006, eq. 1): true referrals less false ones weighted by the odds of the threshold
probability, per patient. Abstaining sends the patient to a clinician too: it is counted as a referral.

Legend: N patients, K classes or labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals_plugins import Decision, Predictions, Rule, policy_field

UNIT = "net benefit per 100 patients"
ACTIONS = ("refer", "reassure", "abstain")


@dataclass(frozen=True)
class DiagnosisPolicy:
    """When to refer. With a ``sensitivity`` floor the threshold comes from validation data instead."""

    threshold: float = policy_field(
        0.2, help="refer above this risk; one missed case weighs as (1 - t) / t needless referrals", unit="probability"
    )
    sensitivity: float = policy_field(
        0.0, help="refer at least this share of the sick (0: use the threshold)", unit="share"
    )
    abstain: float = policy_field(
        0.1, help="at most this share of undecided patients goes to a clinician's own judgement", unit="share"
    )

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}; it must lie between 0 and 1")
        if not 0 <= self.sensitivity < 1:
            raise ValueError(f"sensitivity is {self.sensitivity}; it must be at least 0 and below 1")
        if not 0 <= self.abstain <= 0.9:
            raise ValueError(f"abstain is {self.abstain}; it must lie between 0 and 0.9")


def risk_of(predictions: Predictions) -> np.ndarray:
    """(N,) risk of disease: of the positive class, of any class but the first, or of the likeliest label."""
    values = predictions.values
    if values.ndim == 1:
        return values
    return values.max(axis=1) if is_labels(predictions) else 1 - values[:, 0]


def sick(predictions: Predictions) -> np.ndarray | None:
    """(N,) float 1 = sick (any class but the first, any label), NaN = unknown; None without truth."""
    truth = predictions.examples.truth
    if truth is None:
        return None
    if truth.ndim == 2:
        known = ~np.isnan(truth.astype(float))
        found = np.where(known, truth, 0).astype(float).max(axis=1)
        return np.where((found == 0) & ~known.all(axis=1), np.nan, found)
    return (truth > 0).astype(float)


def is_labels(predictions: Predictions) -> bool:
    """Whether the columns of the values are labels that may hold together, and not classes that sum to one."""
    truth = predictions.examples.truth
    if truth is not None:
        return truth.ndim == 2
    return predictions.values.ndim == 2 and not np.allclose(predictions.values.sum(axis=1), 1, atol=1e-6)


def logit(chance: np.ndarray | float) -> np.ndarray:
    """Log-odds, bounded."""
    clipped = np.clip(np.asarray(chance, dtype=np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def undecided(predictions: Predictions) -> np.ndarray:
    """(N,) bool: the conformal set does not hold exactly one class; everyone where there are no sets."""
    sets = predictions.extras.get("set")
    return np.ones(len(predictions), dtype=bool) if sets is None else sets.sum(axis=1) != 1


def tune(predictions: Predictions, policy: DiagnosisPolicy) -> Rule:
    """The threshold (from the sensitivity floor if there is one) and the width of the band of abstention, in log-odds.

    The floor holds for a new patient on average: the k-th smallest risk of n sick ones with k = floor((n + 1)(1 - s))
    leaves at most that share below (split conformal prediction). With too few sick ones everyone is referred.
    """
    risk, truth = risk_of(predictions), sick(predictions)
    threshold = policy.threshold
    if policy.sensitivity > 0 and truth is not None:
        ill = np.sort(risk[truth == 1])
        place = int(np.floor((len(ill) + 1) * (1 - policy.sensitivity)))
        threshold = float(ill[place - 1]) if place >= 1 else 0.0
    away = np.sort(np.abs(logit(risk) - logit(threshold))[undecided(predictions)])
    most = int(np.floor(policy.abstain * len(risk)))
    width = 0.0 if not most or not len(away) else float(away[min(most, len(away)) - 1])
    return Rule({"threshold": threshold, "width": width})


def actions(predictions: Predictions, rule: Rule) -> np.ndarray:
    """(N,) refer, reassure or abstain; each patient's depends on nobody else."""
    risk, threshold = risk_of(predictions), rule.numbers["threshold"]
    near = (np.abs(logit(risk) - logit(threshold)) <= rule.numbers["width"]) & (rule.numbers["width"] > 0)
    return np.where(near & undecided(predictions), "abstain", np.where(risk >= threshold, "refer", "reassure"))


def decide(predictions: Predictions, policy: DiagnosisPolicy, rule: Rule) -> Decision:
    """One row a patient, the highest risk first."""
    what, risk = actions(predictions, rule), risk_of(predictions)
    frame = predictions.examples.frame
    table = pd.DataFrame({"id": frame["id"].to_numpy(), "action": what, "risk": risk})
    if predictions.values.ndim == 2:
        table["finding"] = findings(predictions, rule)
    sets = predictions.extras.get("set")
    if sets is not None:
        names = predictions.examples.names or tuple(str(k) for k in range(sets.shape[1]))
        table["cannot rule out"] = [" or ".join(np.array(names)[row]) or "unlike anything seen" for row in sets]
    order = np.argsort(-risk, kind="stable")
    count = {name: int((what == name).sum()) for name in ACTIONS}
    summary: dict[str, float | int | str] = {**count, "threshold": round(rule.numbers["threshold"], 6)}
    summary |= worth(risk, sick(predictions), what != "reassure", policy.threshold)
    benefit, everyone = summary["net_benefit"], summary["net_benefit_refer_all"]
    headline = (
        f"{count['refer']} refer, {count['reassure']} reassure, {count['abstain']} abstain; "
        f"net benefit {benefit:.2f} per 100 patients (refer everyone: {everyone:.2f})"
    )
    return Decision(
        table=table.iloc[order].reset_index(drop=True), headline=headline, summary=summary, unit=UNIT
    )  # fmt: skip


def findings(predictions: Predictions, rule: Rule) -> list[str]:
    """The likeliest class, or the labels above the threshold."""
    names = predictions.examples.names or tuple(str(k) for k in range(predictions.values.shape[1]))
    if not is_labels(predictions):
        return [names[k] for k in predictions.values.argmax(axis=1)]
    above = predictions.values >= rule.numbers["threshold"]
    return [", ".join(np.array(names)[row]) for row in above]


def worth(
    risk: np.ndarray, truth: np.ndarray | None, seen: np.ndarray, threshold: float
) -> dict[str, float | int | str]:
    """Net benefit per 100 patients of who is seen, and of everyone; by the risks themselves where truth is unknown."""
    known = np.ones(len(risk), dtype=bool) if truth is None else ~np.isnan(truth)
    ill = (risk if truth is None else truth)[known]
    found: dict[str, float | int | str] = {
        "net_benefit": 100 * net_benefit(ill, seen[known], threshold),
        "net_benefit_refer_all": 100 * net_benefit(ill, np.ones(len(ill), dtype=bool), threshold),
        "net_benefit_from": "expected from the risks" if truth is None else "the outcomes",
    }
    if truth is not None and ill.sum():
        found["sensitivity"] = float(ill[seen[known]].sum() / ill.sum())
        found["specificity"] = float((1 - ill)[~seen[known]].sum() / max((1 - ill).sum(), 1))
    return found


def net_benefit(ill: np.ndarray, seen: np.ndarray, threshold: float) -> float:
    """Per patient, in true referrals; ``ill`` (N,) is 0/1 or a probability, ``seen`` (N,) bool."""
    odds = threshold / (1 - threshold)
    return float((ill[seen].sum() - odds * (1 - ill[seen]).sum()) / max(len(ill), 1))
