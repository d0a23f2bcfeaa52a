"""How pieces are split: photos of one piece and near duplicates stay together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from verticals.data.splits import EntitySplit, GivenSplit
from verticals_plugins import Examples, Fold, Parts

FEW = 500
"""With fewer pieces than this the gate decides on nested folds, each of pieces that followed one another."""


@dataclass(frozen=True)
class PieceSplit:
    """The split that comes with the data (column ``split`` with train and test), else a random one by ``group``.

    In a given split, training photos of a piece that is judged later (or near duplicates of one) are left out.
    """

    few: int = FEW

    def __call__(self, examples: Examples, seed: int) -> Parts:
        by_group = EntitySplit(column="group", few=self.few, folds=3, stretches=True)
        frame = examples.frame
        if "split" not in frame or not {"train", "test"} <= set(frame["split"].dropna()):
            return by_group(examples, seed)
        parts = GivenSplit(within=replace(by_group, test=0.0))(examples, seed)
        group = frame["group"].to_numpy()

        def apart(rows: np.ndarray, *later: np.ndarray) -> np.ndarray:
            return rows[~np.isin(group[rows], group[np.concatenate(later)])]

        folds = tuple(
            Fold(
                apart(f.train, f.valid, f.gate, parts.test), apart(f.valid, f.gate, parts.test),
                apart(f.gate, parts.test),
            )
            for f in parts.folds
        )  # fmt: skip
        final = apart(parts.final, parts.test)
        notes = {**parts.notes, "near duplicates of test pieces left out": len(parts.final) - len(final)}
        return Parts(folds, final, parts.test, notes)
