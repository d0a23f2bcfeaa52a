"""From scores to what happens to each piece: accept, reject, or inspect by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from verticals_manufacturing.records import is_good
from verticals_plugins import Decision, Predictions, Rule, policy_field

UNIT = "false rejects per 1,000 good pieces"


@dataclass(frozen=True)
class InspectionPolicy:
    """How many defects may slip through, and how many good pieces may be rejected without a look."""

    miss_risk: float = policy_field(0.05, help="share of defective pieces that may be accepted", unit="share")
    reject_risk: float = policy_field(0.01, help="share of good pieces that may be rejected unseen", unit="share")

    def __post_init__(self) -> None:
        for name in ("miss_risk", "reject_risk"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, both excluded")


@dataclass(frozen=True)
class GoodOnlyPolicy:
    """Where to draw the line when only good pieces are known: shares of good pieces that are not accepted."""

    inspect_rate: float = policy_field(
        0.05, help="share of good pieces that may go to inspection by hand", unit="share"
    )
    reject_risk: float = policy_field(0.01, help="share of good pieces that may be rejected unseen", unit="share")

    def __post_init__(self) -> None:
        for name in ("inspect_rate", "reject_risk"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, both excluded")


def defect_score(predictions: Predictions) -> np.ndarray | None:
    """(N,) how much each piece looks defective; None if no class means "good"."""
    values, names = predictions.values, predictions.examples.names
    if values.ndim == 1:
        return values if not names or is_good(names[0]) else 1 - values if is_good(names[1]) else None
    good = [k for k, name in enumerate(names) if is_good(name)]
    return np.asarray(1 - values[:, good].sum(axis=1)) if good else None


def defective(predictions: Predictions) -> np.ndarray | None:
    """(N,) bool from the truth; None if it is unknown."""
    truth, names = predictions.examples.truth, predictions.examples.names
    if truth is None:
        return None
    return np.array([not is_good(name) for name in names])[truth.astype(int)]


def low_limit(scores: np.ndarray, risk: float) -> tuple[float, float]:
    """Limit below which a new defective piece falls with chance at most ``risk``, and the chance that data can show.

    Split-conformal (Vovk 2005) on the scores (n,) of known defective pieces: the k-th smallest, k = floor((n+1) risk).
    With too few of them, the smallest: it shows 1 / (n + 1). (-inf, 0) without any.
    """
    if not len(scores):
        return -np.inf, 0.0
    place = max(1, int(np.floor((len(scores) + 1) * risk + 1e-9)))
    return float(np.sort(scores)[place - 1]), place / (len(scores) + 1)


def high_limit(scores: np.ndarray, risk: float) -> tuple[float, float]:
    """Limit above which a new good piece lies with chance at most ``risk``, and the chance that data can show.

    The same from above, on the scores (n,) of known good pieces; with too few of them their highest. A score equal to
    the limit is not above it, so equal scores never reject all. (inf, 0) without any.
    """
    if not len(scores):
        return np.inf, 0.0
    place = min(len(scores), int(np.ceil((len(scores) + 1) * (1 - risk) - 1e-9)))
    return float(np.sort(scores)[place - 1]), 1 - place / (len(scores) + 1)


def tune_inspection(predictions: Predictions, policy: InspectionPolicy) -> Rule:
    """Limits from validation pieces: accept below the first, reject above the second, inspect between."""
    score, bad = defect_score(predictions), defective(predictions)
    if score is None or bad is None:
        return _tune_sorting(predictions, policy)
    accept, shown_miss = low_limit(score[bad], policy.miss_risk)
    reject, shown_reject = high_limit(score[~bad], policy.reject_risk)
    numbers = {"accept": accept, "reject": max(reject, accept), "shown_miss": shown_miss, "shown_reject": shown_reject}
    return Rule(_finite(numbers) | {"defects": float(bad.sum()), "good": float((~bad).sum())})


def tune_good_only(predictions: Predictions, policy: GoodOnlyPolicy) -> Rule:
    """Limits from good validation pieces alone; simulated and real defects play no part."""
    score, bad = defect_score(predictions), defective(predictions)
    assert score is not None
    good = score if bad is None else score[~bad]
    accept, shown = high_limit(good, policy.inspect_rate)
    reject, shown_reject = high_limit(good, policy.reject_risk)
    numbers = {"accept": accept, "reject": reject, "shown_inspect": shown, "shown_reject": shown_reject}
    return Rule(_finite(numbers) | {"good": float(len(good))})


def _tune_sorting(predictions: Predictions, policy: InspectionPolicy) -> Rule:
    """No class is good: the least confidence at which at most ``miss_risk`` of the sorted are in a wrong class."""
    truth = predictions.examples.truth
    if truth is None:
        return Rule({"sure": 1.0})
    values = _classes(predictions)
    top = values.max(axis=1)
    order = np.argsort(-top, kind="stable")
    wrong = np.cumsum(values.argmax(axis=1)[order] != truth[order])
    share = wrong / np.arange(1, len(order) + 1)
    fine = np.flatnonzero(share <= policy.miss_risk)
    return Rule({"sure": float(top[order[fine[-1]]]) if len(fine) else 1.0})


def decide_inspection(predictions: Predictions, policy: Any, rule: Rule) -> Decision:
    """One row a piece: accept, reject or inspect, why, and the class that a defect would be."""
    score = defect_score(predictions)
    if score is None:
        return _sort(predictions, rule)
    accept, reject = rule.numbers["accept"], rule.numbers["reject"]
    tie_accepts = "shown_inspect" in rule.numbers
    sound = score <= accept if tie_accepts else score < accept
    action = np.where(sound, "accept", np.where(score > reject, "reject", "inspect"))
    if not tie_accepts:
        action = np.where((score >= reject) & (reject == accept), "reject", action)
    names = _defect_names(predictions)
    reasons = [_reason(a, s, n, accept, reject) for a, s, n in zip(action, score, names, strict=True)]
    frame = predictions.examples.frame
    table = pd.DataFrame(
        {"id": frame["id"].to_numpy(), "action": action, "score": score, "looks_like": names, "reason": reasons}
    )
    summary = _summary(action, defective(predictions), rule)
    if "simulated" in frame and frame["simulated"].any():
        summary["defects_in_these_numbers"] = "simulated: the recall on real defects is unknown"
    return Decision(table=table, headline=_headline(summary, policy, rule), summary=summary, unit=UNIT)


def _summary(action: np.ndarray, bad: np.ndarray | None, rule: Rule) -> dict[str, float | int | str]:
    out: dict[str, float | int | str] = {
        "pieces": len(action),
        **{name: int((action == word).sum()) for name, word in
           (("accepted", "accept"), ("rejected", "reject"), ("to_inspect", "inspect"))},
    }  # fmt: skip
    if bad is None:
        return out
    good, defects = int((~bad).sum()), int(bad.sum())
    out |= {"good": good, "defective": defects}
    if good:
        out["false_rejects"] = int(((action == "reject") & ~bad).sum())
        out["good_to_inspect"] = int(((action == "inspect") & ~bad).sum())
        out["false_rejects_per_1000"] = round(1000 * float(((action == "reject") & ~bad).mean() * len(bad) / good), 2)
        out["not_accepted_per_1000"] = round(1000 * float(((action != "accept") & ~bad).sum() / good), 2)
    if defects:
        out["missed"] = int(((action == "accept") & bad).sum())
        out["miss_rate"] = round(float(((action == "accept") & bad).sum() / defects), 4)
    else:
        out["recall"] = "unknown: there was no defective piece"
    return out


def _headline(summary: dict[str, float | int | str], policy: Any, rule: Rule) -> str:
    text = (
        f"{summary['accepted']} of {summary['pieces']} pieces accepted, {summary['rejected']} rejected, "
        f"{summary['to_inspect']} to inspect by hand"
    )
    if "miss_rate" in summary and "false_rejects_per_1000" in summary:
        text += (
            f"; {summary['missed']} of {summary['defective']} defects missed, "
            f"{summary['false_rejects_per_1000']} false rejects per 1,000 good pieces"
        )
    asked, shown = getattr(policy, "miss_risk", None), rule.numbers.get("shown_miss")
    if asked is not None and shown is not None and shown > asked:
        text += (
            f" (a miss risk of {asked:.1%} cannot be shown with {rule.numbers['defects']:.0f} defective pieces "
            f"in validation: {shown:.1%} can)"
        )
    asked, shown = getattr(policy, "reject_risk", None), rule.numbers.get("shown_reject")
    if asked is not None and shown is not None and shown > asked and "shown_inspect" in rule.numbers:
        text += f" ({rule.numbers['good']:.0f} good pieces in validation show a false-reject rate of {shown:.1%})"
    return text


def _reason(action: str, score: float, name: str, accept: float, reject: float) -> str:
    like = "" if name in ("", "defect") else f", most like {name}"
    match action:
        case "accept":
            return f"score {score:.3g} is below the limit {accept:.3g} for accepting"
        case "reject":
            return f"score {score:.3g} is above the limit {reject:.3g} for rejecting{like}"
        case _:
            return f"score {score:.3g} lies between the limits {accept:.3g} and {reject:.3g}{like}"


def _sort(predictions: Predictions, rule: Rule) -> Decision:
    """No class is good: every piece is rejected into its class, or inspected when the class is not sure."""
    values, sure = _classes(predictions), rule.numbers["sure"]
    names, top = np.array(predictions.examples.names), values.max(axis=1)
    guess = names[values.argmax(axis=1)]
    action = np.where(top >= sure, "reject", "inspect")
    reasons = [
        f"{g} with chance {t:.3g}"
        if a == "reject"
        else f"{g} with chance {t:.3g}, below the {sure:.3g} that sorting needs"
        for a, g, t in zip(action, guess, top, strict=True)
    ]
    table = pd.DataFrame(
        {"id": predictions.examples.frame["id"].to_numpy(), "action": action, "score": top, "looks_like": guess,
         "reason": reasons}
    )  # fmt: skip
    summary: dict[str, float | int | str] = {
        "pieces": len(table), "accepted": 0, "rejected": int((action == "reject").sum()),
        "to_inspect": int((action == "inspect").sum()),
    }  # fmt: skip
    truth = predictions.examples.truth
    if truth is not None:
        wrong = (values.argmax(axis=1) != truth) & (action == "reject")
        summary["wrong_class"] = int(wrong.sum())
    headline = (
        f"{summary['rejected']} of {len(table)} pieces sorted by defect, {summary['to_inspect']} to inspect by hand"
    )
    if truth is not None:
        headline += f"; {summary['wrong_class']} sorted into a wrong class (no class means good)"
    return Decision(table=table, headline=headline, summary=summary, unit="pieces in a wrong class")


def _defect_names(predictions: Predictions) -> np.ndarray:
    """(N,) the defect that each piece looks most like."""
    values, names = predictions.values, predictions.examples.names
    if values.ndim == 1:
        return np.full(len(values), next((n for n in names if not is_good(n)), "defect"))
    bad = np.array([k for k, name in enumerate(names) if not is_good(name)])
    return np.array(names)[bad[values[:, bad].argmax(axis=1)]]


def _classes(predictions: Predictions) -> np.ndarray:
    values = predictions.values
    return values if values.ndim == 2 else np.stack([1 - values, values], axis=1)


def _finite(numbers: dict[str, float]) -> dict[str, float]:
    """JSON knows no infinity: a limit that nothing reaches is a very large number."""
    return {name: float(np.clip(value, -1e30, 1e30)) for name, value in numbers.items()}
