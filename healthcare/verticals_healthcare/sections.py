"""What a diagnosis adds to the report: the decision curve, the conformal sets, and how subgroups fare.

Legend: N patients, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from verticals.evaluate.metrics import binary_auroc
from verticals_healthcare.decide import is_labels, net_benefit, risk_of, sick
from verticals_plugins import Decision, Predictions, Section

THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
SUBGROUPS = ("sex", "age band", "site")
FEWEST = 20
"""Subgroups with fewer patients are not shown: their figures would mislead, and could point to a person."""
DRAWS = 200


def sections(predictions: Predictions, decision: Decision) -> Sequence[Section]:
    """The sections that the data allow."""
    truth = sick(predictions)
    if truth is None:
        return []
    known = np.flatnonzero(~np.isnan(truth))
    predictions, truth = predictions.take(known), truth[known]
    found = [net_benefit_section(risk_of(predictions), truth)]
    if "set" in predictions.extras and not is_labels(predictions):
        found.append(conformal_section(predictions))
    threshold = float(decision.summary["threshold"])
    table = subgroup_table(predictions, truth, threshold)
    if len(table):
        text = (
            f"Patients of the test part. Referred: risk of {threshold:.3g} or more. Observed by expected near 1 means "
            f"that the risks fit the group. Groups of fewer than {FEWEST} patients are left out."
        )
        found.append(Section("Subgroups", text, table))
    return found


def net_benefit_section(risk: np.ndarray, truth: np.ndarray) -> Section:
    """The decision curve: net benefit of the model against referring everyone and nobody."""
    table = pd.DataFrame(
        {
            "threshold probability": THRESHOLDS,
            "model": [100 * net_benefit(truth, risk >= t, t) for t in THRESHOLDS],
            "refer everyone": [100 * net_benefit(truth, np.ones(len(truth), dtype=bool), t) for t in THRESHOLDS],
            "refer nobody": 0.0,
        }
    ).round(3)

    def draw(axes: Any) -> None:
        grid = np.linspace(0.01, 0.6, 60)
        axes.plot(grid, [100 * net_benefit(truth, risk >= t, t) for t in grid], label="model")
        every = np.ones(len(truth), dtype=bool)
        axes.plot(grid, [100 * net_benefit(truth, every, t) for t in grid], "--", label="refer everyone")
        axes.axhline(0, color="grey", lw=0.8, label="refer nobody")
        axes.set_ylim(-2, 105 * truth.mean() + 1)
        axes.set_xlabel("threshold probability")
        axes.set_ylabel("net benefit per 100 patients")
        axes.legend()

    text = (
        "Net benefit in true referrals per 100 patients (Vickers & Elkin 2006). A model is worth using where its curve "
        "lies above both others."
    )
    return Section("Net benefit", text, table, draw)


def conformal_section(predictions: Predictions) -> Section:
    """Coverage and size of the conformal sets, by true class."""
    sets, truth = predictions.extras["set"], predictions.examples.truth
    assert truth is not None
    names = predictions.examples.names or tuple(str(k) for k in range(sets.shape[1]))
    rows = []
    for k in range(sets.shape[1]):
        mine = sets[truth == k]
        if len(mine):
            size = mine.sum(axis=1)
            rows.append(
                {"true class": names[k], "patients": len(mine), "class in set": mine[:, k].mean(),
                 "one class": (size == 1).mean(), "several": (size > 1).mean(), "none": (size == 0).mean()}
            )  # fmt: skip
    text = (
        "Split-conformal sets by class: the true class is in the set for 90 % of new patients of the same kind. A set "
        "of several classes means that the data do not settle the question."
    )
    return Section("Conformal sets", text, pd.DataFrame(rows).round(3))


def subgroup_table(predictions: Predictions, truth: np.ndarray, threshold: float) -> pd.DataFrame:
    """One row a subgroup: patients, sick, AUROC with a 95 % interval, observed by expected, referred, sensitivity."""
    frame, risk = predictions.examples.frame, risk_of(predictions)
    rows = []
    for column in SUBGROUPS:
        if column not in frame:
            continue
        for group, place in sorted(frame.groupby(column, observed=True).indices.items(), key=lambda one: str(one[0])):
            patients = frame["entity"].iloc[np.asarray(place)]
            if patients.nunique() < FEWEST:
                continue
            y, p = truth[place], risk[place]
            low, high = _auroc_interval(y, p, patients)
            seen = p >= threshold
            rows.append(
                {"group": f"{column} {group}", "patients": patients.nunique(), "sick": int(y.sum()),
                 "AUROC": binary_auroc(y, p, np.ones(len(y))), "from": low, "to": high,
                 "observed by expected": y.sum() / max(p.sum(), 1e-9), "referred": seen.mean(),
                 "sensitivity": y[seen].sum() / y.sum() if y.sum() else np.nan}
            )  # fmt: skip
    return pd.DataFrame(rows).round(3)


def _auroc_interval(truth: np.ndarray, risk: np.ndarray, patients: pd.Series) -> tuple[float, float]:
    codes, names = pd.factorize(patients)
    rng, one = np.random.default_rng(0), np.full(len(names), 1 / len(names))
    drawn = [binary_auroc(truth, risk, rng.multinomial(len(names), one)[codes].astype(float)) for _ in range(DRAWS)]
    finite = [value for value in drawn if np.isfinite(value)]
    if len(finite) < DRAWS // 2:
        return float("nan"), float("nan")
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
