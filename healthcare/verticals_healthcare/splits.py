"""How patients are split: by a column that came with the data, else by patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from verticals.data.splits import EntitySplit
from verticals_plugins import DataError, Examples, Fold, Parts

TEST = ("test", "held_out", "holdout")


@dataclass(frozen=True, kw_only=True)
class CaseSplit:
    """No patient stands on two sides. A given test part stays the test; all else is cut anew by patient.

    With fewer than ``few`` patients the gate decides on ``folds`` nested folds.
    """

    few: int = 1000
    folds: int = 5

    def __call__(self, examples: Examples, seed: int) -> Parts:
        """Raises ``DataError`` when a patient stands in the given test part and outside of it."""
        by_patient = EntitySplit(few=self.few, folds=self.folds)
        if "split" not in examples.frame:
            return by_patient(examples, seed)
        held = examples.frame["split"].astype(str).str.lower().isin(TEST).to_numpy()
        if not held.any() or held.all():
            return by_patient(examples, seed)
        patient = examples.frame["entity"]
        both = sorted(set(patient[held]) & set(patient[~held]))
        if both:
            raise DataError(
                f"{len(both)} patients stand in the test part and in the training part, for example {both[0]!r}.",
                expected="All rows of a patient in one part.",
                todo="Correct the column 'split', or leave it out to split by patient.",
            )
        rest = np.flatnonzero(~held)
        # the inner split's own test part, one patient at least, goes into the last fold's gate
        inner = replace(by_patient, test=0.0)(examples.take(rest), seed)
        last = inner.folds[-1]
        folds = (*inner.folds[:-1], replace(last, gate=np.sort(np.concatenate([last.gate, inner.test]))))
        cut = tuple(Fold(rest[one.train], rest[one.valid], rest[one.gate]) for one in folds)
        notes = {**inner.notes, "test": "as given in the column split"}
        return Parts(cut, rest, np.flatnonzero(held), notes)
