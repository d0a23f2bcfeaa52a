"""Pictures by classic means: a support vector machine on texture or on oriented gradients."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from verticals.data.texture import hog_of, texture_of
from verticals.pipeline.files import write_json
from verticals_plugins import Baseline, Budget, DataError, Examples, Images, Predictions, Table

STRENGTHS = (1.0, 10.0, 100.0)


class PictureSvm:
    """One support vector machine a class against the rest, Gaussian kernel, on ``features`` "texture" or "hog".

    Texture is the mean and the deviation over the patches of ``verticals.data.texture``. Numbers of a block ``table``
    join in. The decision values are kept in [0, 1] by a softmax (a sigmoid for two classes) whose slope 2 is only a
    start: the run's calibration sets it. What is stored are support vectors and weights, so loading needs no library.
    """

    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def __init__(self, features: str, *, name: str, block: str = "image") -> None:
        self.features, self.name, self.block = features, name, block
        self.strength = 0.0
        self.classes = 2
        self.numbers: list[str] = []
        self.gamma = 1.0
        self.mean = self.scale = self.vectors = self.weights = self.bias = np.empty(0)

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """The strength of the penalty is chosen by log loss on ``valid``; a refit reuses it.

        Raises:
            DataError: the examples have no pictures.
        """
        assert train.truth is not None
        table = train.inputs.get("table")
        self.numbers = []
        if isinstance(table, Table):
            kinds = table.frame.dtypes
            self.numbers = [c for c in table.frame.columns if getattr(kinds[c], "kind", "O") in "iuf"]
        raw = self._features(train)
        self.mean, self.scale = np.nanmean(raw, axis=0), np.nanstd(raw, axis=0) + 1e-6
        self.classes = max(2, len(train.names))
        self.vectors = self._design(raw)
        self.gamma = 1 / (self.vectors.shape[1] * max(float(self.vectors.var()), 1e-9))
        kernel = self._kernel(self.vectors)
        if valid is None or valid.truth is None:
            self._solve(kernel, train.truth, self.strength or STRENGTHS[1])
        else:
            check, tried = self._kernel(self._design(self._features(valid))), dict[float, float]()
            for strength in STRENGTHS:
                self._solve(kernel, train.truth, strength)
                tried[strength] = _loss(self._chance(check), valid.truth)
            self.strength = min(tried, key=lambda one: tried[one])
            self._solve(kernel, train.truth, self.strength)
        used = np.flatnonzero((self.weights != 0).any(axis=1))
        self.vectors, self.weights = self.vectors[used], np.ascontiguousarray(self.weights[used])

    def predict(self, examples: Examples) -> Predictions:
        """(N,) chance of the second class, or (N, K) of each class."""
        return Predictions(examples, self._chance(self._kernel(self._design(self._features(examples)))))

    def save(self, folder: Path) -> None:
        """npz of numbers and JSON."""
        np.savez(
            folder / "svm.npz", mean=self.mean, scale=self.scale, vectors=self.vectors, weights=self.weights,
            bias=self.bias,
        )  # fmt: skip
        state = {"features": self.features, "block": self.block, "strength": self.strength, "numbers": self.numbers}
        write_json(folder / "svm.json", state | {"classes": self.classes, "gamma": self.gamma})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "svm.json").read_text())
        self.features, self.block, self.strength = state["features"], state["block"], state["strength"]
        self.numbers, self.classes, self.gamma = state["numbers"], state["classes"], state["gamma"]
        with np.load(folder / "svm.npz", allow_pickle=False) as stored:
            self.mean, self.scale, self.vectors = stored["mean"], stored["scale"], stored["vectors"]
            self.weights, self.bias = stored["weights"], stored["bias"]

    def _features(self, examples: Examples) -> np.ndarray:
        block = examples.inputs.get(self.block)
        if not isinstance(block, Images):
            raise DataError(f"{self.name} needs pictures.", expected=f"A block {self.block!r} of pictures.")
        if self.features == "texture":
            patches = texture_of(block).astype(np.float64)
            parts = [patches.mean(axis=1), patches.std(axis=1)]
        else:
            shown = {int(i): hog_of(block.pixels[int(i)]) for i in np.unique(block.index) if i >= 0}
            none = np.zeros_like(hog_of(np.zeros_like(block.pixels[0])))
            parts = [np.stack([shown.get(int(i), none) for i in block.index]).astype(np.float64)]
        if self.numbers:
            table = examples.inputs["table"]
            assert isinstance(table, Table)
            parts.append(table.frame.reindex(columns=self.numbers).to_numpy(dtype=np.float64))
        return np.concatenate(parts, axis=1)

    def _design(self, raw: np.ndarray) -> np.ndarray:
        return np.nan_to_num(np.clip((raw - self.mean) / self.scale, -8, 8))

    def _solve(self, kernel: np.ndarray, truth: np.ndarray, strength: float) -> None:
        """Weights (V, machines) and biases from the kernel between all training pieces."""
        from sklearn.svm import SVC

        labels = range(self.classes) if self.classes > 2 else (1,)
        self.weights, self.bias = np.zeros((len(kernel), len(labels))), np.zeros(len(labels))
        for place, label in enumerate(labels):
            target = truth == label
            if target.all() or not target.any():
                self.bias[place] = 1.0 if target.all() else -1.0
                continue
            machine = SVC(C=strength, kernel="precomputed").fit(kernel, target)
            self.weights[machine.support_, place] = machine.dual_coef_[0]
            self.bias[place] = float(machine.intercept_[0])

    def _kernel(self, x: np.ndarray) -> np.ndarray:
        """(N, V) Gaussian kernel with the training pieces; row by row, so that a subset gives the same bits."""
        squares = (self.vectors**2).sum(axis=1)
        out = np.empty((len(x), len(self.vectors)))
        for row, one in enumerate(x):
            distance = squares - 2 * (self.vectors @ one) + (one**2).sum()
            out[row] = np.exp(-self.gamma * np.maximum(distance, 0))
        return out

    def _chance(self, kernel: np.ndarray) -> np.ndarray:
        values = np.stack([self.weights.T @ one + self.bias for one in kernel])
        if self.classes == 2:
            return np.asarray(1 / (1 + np.exp(-2 * values[:, 0])))
        chance = np.exp(2 * (values - values.max(axis=1, keepdims=True)))
        return np.asarray(chance / chance.sum(axis=1, keepdims=True))


def _loss(chance: np.ndarray, truth: np.ndarray) -> float:
    both = chance if chance.ndim == 2 else np.stack([1 - chance, chance], axis=1)
    return -float(np.log(np.clip(both[np.arange(len(truth)), truth], 1e-6, 1)).mean())


TEXTURE_SVM = Baseline(
    "texture_svm", build=lambda task: PictureSvm("texture", name="texture_svm"),
    summary="support vector machine on local binary patterns",
)  # fmt: skip
HOG_SVM = Baseline(
    "hog_svm", build=lambda task: PictureSvm("hog", name="hog_svm"),
    summary="support vector machine on oriented gradients",
)  # fmt: skip
