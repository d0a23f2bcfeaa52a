"""What the report says of an inspection: the confusion of classes, and miss rate against false rejects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from verticals_manufacturing.decide import defect_score, defective
from verticals_plugins import Decision, Predictions, Section


def inspection_sections(predictions: Predictions, decision: Decision) -> Sequence[Section]:
    """Sections for pieces whose truth is known; none otherwise."""
    truth = predictions.examples.truth
    if truth is None:
        return []
    out = []
    if predictions.values.ndim == 2:
        out.append(_confusion(predictions))
    score, bad = defect_score(predictions), defective(predictions)
    if score is not None and bad is not None and bad.any() and not bad.all():
        frame = trade_off(score, bad)
        text = "Accepting less means fewer missed defects and more good pieces that are not accepted."
        out.append(Section("Missed defects against false rejects", text, frame, partial(_draw, score, bad)))
    if "simulated" in predictions.examples.frame and predictions.examples.frame["simulated"].any():
        text = (
            "There was no defective piece to learn from. The defects in this report's numbers were drawn onto photos "
            "of good pieces; how many real defects would be found is unknown."
        )
        out.append(Section("Simulated defects", text))
    return out


def trade_off(score: np.ndarray, bad: np.ndarray) -> pd.DataFrame:
    """Share of good pieces not accepted when at most so many defects are missed."""
    rows = []
    for risk in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2):
        place = int(np.floor(bad.sum() * risk + 1e-9))
        limit = np.sort(score[bad])[place]
        rows.append((risk, int((score[bad] < limit).sum()), float((score[~bad] >= limit).mean())))
    return pd.DataFrame(rows, columns=["miss risk", "defects missed", "share of good pieces not accepted"])


def _confusion(predictions: Predictions) -> Section:
    truth, names = predictions.examples.truth, list(predictions.examples.names)
    assert truth is not None
    guess = predictions.values.argmax(axis=1)
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (truth.astype(int), guess), 1)
    table = pd.DataFrame(counts, columns=names)
    table.insert(0, "true class", names)
    return Section("Which classes are mixed up", "Rows are the true class, columns what was said.", table)


def _draw(score: np.ndarray, bad: np.ndarray, axes: Any) -> None:
    limits = np.unique(score)
    missed = np.searchsorted(np.sort(score[bad]), limits) / bad.sum()
    refused = 1 - np.searchsorted(np.sort(score[~bad]), limits) / (~bad).sum()
    axes.step(100 * missed, 100 * refused, where="post")
    axes.set_xlabel("defects missed [%]")
    axes.set_ylabel("good pieces not accepted [%]")
