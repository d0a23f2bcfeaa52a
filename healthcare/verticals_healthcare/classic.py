"""LightGBM and logistic regression on all that a case offers: case row, timeline aggregates and HOG of the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.baselines.encode import is_category
from verticals.baselines.table import GbmSettings, GbmTable, LogisticTable
from verticals_healthcare.decide import logit
from verticals_healthcare.pixels import coarse_hog, features_of
from verticals_plugins import Baseline, Budget, DataError, Examples, Images, Predictions, Table

WHOLE = "everything"
HOG = "hog_"


def whole(examples: Examples) -> Examples:
    """The examples with one table that holds the table block and the HOG of the picture.

    Raises:
        DataError: there is neither a table nor a picture.
    """
    table, image = examples.inputs.get("table"), examples.inputs.get("image")
    frames = [table.frame] if isinstance(table, Table) else []
    if isinstance(image, Images):
        features = features_of(image, coarse_hog)
        frames.append(pd.DataFrame(features, columns=[f"{HOG}{place}" for place in range(features.shape[1])]))
    if not frames:
        raise DataError("These examples have neither a table nor pictures.", expected=f"{sorted(examples.inputs)}.")
    return replace(examples, inputs={**examples.inputs, WHOLE: Table(pd.concat(frames, axis=1))})


class CaseGbm:
    """LightGBM, two bags, on everything."""

    name = "gbm"

    def __init__(self) -> None:
        self.inner = GbmTable(GbmSettings(bags=2, learning_rate=0.04, columns=0.3), block=WHOLE)

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """As :meth:`GbmTable.fit`."""
        self.inner.fit(whole(train), None if valid is None else whole(valid), budget)

    def predict(self, examples: Examples) -> Predictions:
        """As :meth:`GbmTable.predict`."""
        return replace(self.inner.predict(whole(examples)), examples=examples)

    def contributions(self, examples: Examples) -> tuple[list[str], np.ndarray]:
        """TreeSHAP of the columns of the table; what the picture gave has no name and is left out."""
        names, moved = self.inner.contributions(whole(examples))
        plain = [place for place, name in enumerate(names) if not name.startswith(HOG)]
        return [names[place] for place in plain], moved[:, plain]

    def save(self, folder: Path) -> None:
        """LightGBM text and JSON."""
        self.inner.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.inner.load(folder)


class CaseLogistic:
    """Logistic regression on everything."""

    name = "logistic"

    def __init__(self) -> None:
        self.inner = LogisticTable(block=WHOLE, strengths=(0.001, 0.01, 0.1, 1.0))

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """As :meth:`LogisticTable.fit`."""
        self.inner.fit(whole(train), None if valid is None else whole(valid), budget)

    def predict(self, examples: Examples) -> Predictions:
        """As :meth:`LogisticTable.predict`."""
        return replace(self.inner.predict(whole(examples)), examples=examples)

    def contributions(self, examples: Examples) -> tuple[list[str], np.ndarray]:
        """What each column of the table moves the log-odds by: made missing in turn (a linear model has no more)."""
        every = whole(examples)
        table, base = every.inputs[WHOLE], self.inner.predict(every).values
        assert isinstance(table, Table)
        names = [str(name) for name in table.frame.columns if not str(name).startswith(HOG)]
        moved = np.zeros((len(examples), len(names)))
        picked = np.argmax(base, axis=1) if base.ndim == 2 else None
        for place, name in enumerate(names):
            empty = None if is_category(table.frame[name]) else np.nan
            blank = pd.Series([empty] * len(examples), dtype=table.frame[name].dtype)
            changed = replace(every, inputs={WHOLE: Table(table.frame.assign(**{name: blank}))})
            values = self.inner.predict(changed).values
            one, other = (v if picked is None else v[np.arange(len(v)), picked] for v in (base, values))
            moved[:, place] = logit(one) - logit(other)
        return names, moved

    def save(self, folder: Path) -> None:
        """npz and JSON."""
        self.inner.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.inner.load(folder)


GBM = Baseline("gbm", build=lambda task: CaseGbm(), summary="LightGBM on case row, timeline aggregates and HOG")
LOGISTIC = Baseline("logistic", build=lambda task: CaseLogistic(), summary="logistic regression on the same")
