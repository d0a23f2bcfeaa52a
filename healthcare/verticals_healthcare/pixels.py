"""Classic methods on pictures: HOG (Dalal & Triggs 2005) with a support vector machine, and a forest on pixels.

Legend: M pictures, h w height and width, N examples, F features.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from verticals.pipeline.files import write_json
from verticals_plugins import Baseline, Budget, DataError, Examples, Images, Predictions

BINS = 9
SIDE = 28
"""Pictures are brought to this side before the classic features, by means over areas."""
CELLS = (7, 4)


def images_of(examples: Examples) -> Images:
    """The pictures' block.

    Raises:
        DataError: these examples have none.
    """
    found = examples.inputs.get("image")
    if not isinstance(found, Images):
        raise DataError("These examples have no pictures.", expected=f"Blocks: {sorted(examples.inputs)}.")
    return found


def grey(block: Images, side: int = SIDE) -> np.ndarray:
    """(N, side, side) float32 in 0 ... 1, NaN where there is no picture; colours are averaged."""
    out = np.full((len(block), side, side), np.nan, dtype=np.float32)
    rows = np.flatnonzero(block.index >= 0)
    for part in np.array_split(rows, max(1, len(rows) // 1000)):
        out[part] = shrunk(block.pixels[block.index[part]].mean(axis=-1) / 255, side)
    return out


def shrunk(pictures: np.ndarray, side: int) -> np.ndarray:
    """(M, side, side) means over areas of (M, h, w); exact for any size."""
    return np.einsum("ah,mhw,bw->mab", _areas(pictures.shape[1], side), pictures, _areas(pictures.shape[2], side))


def _areas(size: int, side: int) -> np.ndarray:
    """(side, size): how much of each pixel lies in each cell; rows sum to one."""
    edges = np.linspace(0, size, side + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)
    cover = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    return cover / cover.sum(axis=1, keepdims=True)


def hog(pictures: np.ndarray) -> np.ndarray:
    """(M, F) histograms of oriented gradients of (M, 28, 28): 7-pixel cells in 2 x 2 blocks, and 4-pixel cells."""
    votes = _votes(pictures)
    wide, narrow = (_cells(votes, cell) for cell in CELLS)
    blocks = np.concatenate([wide[:, :-1, :-1], wide[:, :-1, 1:], wide[:, 1:, :-1], wide[:, 1:, 1:]], axis=-1)
    return np.concatenate([_normed(one).reshape(len(pictures), -1) for one in (blocks, narrow)], axis=1)


def coarse_hog(pictures: np.ndarray) -> np.ndarray:
    """(M, 16 (BINS + 1)) the histograms of 4 x 4 cells, each of length one, and each cell's mean brightness."""
    cells = _normed(_cells(_votes(pictures), CELLS[0])).reshape(len(pictures), -1)
    return np.concatenate([cells, shrunk(pictures, SIDE // CELLS[0]).reshape(len(pictures), -1)], axis=1)


def _votes(pictures: np.ndarray) -> np.ndarray:
    """(M, h, w, BINS) gradient sizes, shared between the two nearest of BINS directions without sign."""
    down, right = np.zeros_like(pictures), np.zeros_like(pictures)
    down[:, 1:-1] = pictures[:, 2:] - pictures[:, :-2]
    right[:, :, 1:-1] = pictures[:, :, 2:] - pictures[:, :, :-2]
    size = np.hypot(down, right)
    place = (np.arctan2(down, right) % np.pi) / np.pi * BINS
    low = np.floor(place).astype(np.int64)
    share = place - low
    votes = np.zeros((*pictures.shape, BINS), dtype=np.float32)
    np.put_along_axis(votes, (low % BINS)[..., None], (size * (1 - share))[..., None], axis=-1)
    other = np.zeros_like(votes)
    np.put_along_axis(other, ((low + 1) % BINS)[..., None], (size * share)[..., None], axis=-1)
    return votes + other


def _cells(votes: np.ndarray, cell: int) -> np.ndarray:
    many, side = len(votes), votes.shape[1] // cell
    return votes.reshape(many, side, cell, side, cell, BINS).sum(axis=(2, 4))


def _normed(vectors: np.ndarray) -> np.ndarray:
    """Length one, no entry above .2, length one again (L2-Hys)."""
    unit = vectors / np.sqrt((vectors**2).sum(axis=-1, keepdims=True) + 1e-4)
    cut = np.minimum(unit, 0.2)
    return cut / np.sqrt((cut**2).sum(axis=-1, keepdims=True) + 1e-4)


def features_of(block: Images, make: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(N, F) what ``make`` says of each picture, NaN where there is none."""
    pictures = grey(block)
    seen = ~np.isnan(pictures[:, 0, 0])
    features = make(pictures[seen]) if seen.any() else make(np.zeros((1, SIDE, SIDE), dtype=np.float32))[:0]
    out = np.full((len(pictures), features.shape[1]), np.nan, dtype=np.float32)
    out[seen] = features
    return out


class _Pictures(ABC):
    """What both methods share: one binary problem a class or label; where no picture is seen, the base rate."""

    name = ""

    def __init__(self) -> None:
        self.kind = "binary"
        self.rates = np.zeros(0)
        self.arrays: dict[str, np.ndarray] = {}

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Fit on the examples that show a picture; validation data are not needed."""
        assert train.truth is not None
        block = images_of(train)
        seen = np.flatnonzero(block.index >= 0)
        if not len(seen):
            raise DataError("No example of the training part has a picture.")
        targets = self._targets(train)
        self.rates = np.nanmean(targets, axis=0)
        self.arrays = {}
        x = self._features(block.take(seen))
        for number, y in enumerate(targets[seen].T):
            known = ~np.isnan(y)
            if len(np.unique(y[known])) > 1:
                self._fit_one(number, x[known], y[known].astype(np.int64), budget)

    def predict(self, examples: Examples) -> Predictions:
        """(N,) or (N, K) probabilities."""
        block = images_of(examples)
        seen = np.flatnonzero(block.index >= 0)
        chance = np.tile(self.rates, (len(block), 1))
        if len(seen):
            x = self._features(block.take(seen))
            for number in range(len(self.rates)):
                if f"{number}_bias" in self.arrays:
                    chance[seen, number] = self._chance(number, x)
        if self.kind == "classes":
            chance = chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-9)
        return Predictions(examples, chance[:, 0] if self.kind == "binary" else chance)

    def save(self, folder: Path) -> None:
        """npz of numbers and JSON."""
        np.savez(folder / "pixels.npz", rates=self.rates, **self.arrays)  # type: ignore[arg-type]
        write_json(folder / "pixels.json", {"kind": self.kind})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.kind = json.loads((folder / "pixels.json").read_text())["kind"]
        with np.load(folder / "pixels.npz", allow_pickle=False) as stored:
            self.arrays = {name: stored[name] for name in stored.files if name != "rates"}
            self.rates = stored["rates"]

    def _targets(self, train: Examples) -> np.ndarray:
        """(N, K) of 0, 1, NaN; one column when there are two classes."""
        assert train.truth is not None
        truth = train.truth.astype(np.float64)
        self.kind = "labels" if truth.ndim == 2 else "classes" if len(train.names) > 2 else "binary"
        if self.kind == "classes":
            return (truth[:, None] == np.arange(len(train.names))).astype(np.float64)
        return truth if truth.ndim == 2 else truth[:, None]

    @abstractmethod
    def _features(self, block: Images) -> np.ndarray: ...

    @abstractmethod
    def _fit_one(self, number: int, x: np.ndarray, y: np.ndarray, budget: Budget) -> None: ...

    @abstractmethod
    def _chance(self, number: int, x: np.ndarray) -> np.ndarray: ...


MOST_FOR_SVM = 6000


class HogSvm(_Pictures):
    """Support vector machine with a radial kernel on HOG; its decision value through a sigmoid is the probability."""

    name = "hog_svm"

    def _features(self, block: Images) -> np.ndarray:
        return features_of(block, hog).astype(np.float64)

    def _fit_one(self, number: int, x: np.ndarray, y: np.ndarray, budget: Budget) -> None:
        from sklearn.svm import SVC

        if len(y) > MOST_FOR_SVM:
            keep = np.random.default_rng(budget.seed).choice(len(y), MOST_FOR_SVM, replace=False)
            x, y = x[keep], y[keep]
        gamma = 1.0 / (x.shape[1] * max(float(x.var()), 1e-9))
        model = SVC(C=3.0, gamma=gamma).fit(x, y)
        self.arrays |= {
            f"{number}_support": model.support_vectors_, f"{number}_weight": model.dual_coef_[0],
            f"{number}_bias": model.intercept_, f"{number}_gamma": np.array([gamma]),
        }  # fmt: skip

    def _chance(self, number: int, x: np.ndarray) -> np.ndarray:
        support, weight, bias, gamma = (
            self.arrays[f"{number}_{one}"] for one in ("support", "weight", "bias", "gamma")
        )
        out = np.empty(len(x))
        for part in np.array_split(np.arange(len(x)), max(1, len(x) // 500)):
            square = (x[part] ** 2).sum(1)[:, None] + (support**2).sum(1)[None] - 2 * x[part] @ support.T
            out[part] = np.exp(-gamma[0] * np.maximum(square, 0)) @ weight + bias[0]
        return np.asarray(1 / (1 + np.exp(-2 * out)))


class PixelForest(_Pictures):
    """Random forest (Breiman 2001) on the grey pixels, kept as plain arrays of nodes."""

    name = "pixel_forest"
    trees = 200

    def _features(self, block: Images) -> np.ndarray:
        return grey(block).reshape(len(block), -1)

    def _fit_one(self, number: int, x: np.ndarray, y: np.ndarray, budget: Budget) -> None:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.trees, min_samples_leaf=2, random_state=budget.seed, n_jobs=budget.threads
        ).fit(x, y)
        trees: list[Any] = [one.tree_ for one in forest.estimators_]
        first = np.cumsum([0, *(one.node_count for one in trees[:-1])])
        left = [np.where(t.children_left < 0, -1, t.children_left + f) for t, f in zip(trees, first, strict=True)]
        right = [np.where(t.children_right < 0, -1, t.children_right + f) for t, f in zip(trees, first, strict=True)]
        leaf = [t.value[:, 0, 1] / np.maximum(t.value[:, 0].sum(axis=1), 1e-12) for t in trees]
        self.arrays |= {
            f"{number}_bias": first.astype(np.int32), f"{number}_left": np.concatenate(left).astype(np.int32),
            f"{number}_right": np.concatenate(right).astype(np.int32),
            f"{number}_pixel": np.concatenate([t.feature for t in trees]).astype(np.int16),
            f"{number}_cut": np.concatenate([t.threshold for t in trees]),
            f"{number}_share": np.concatenate(leaf).astype(np.float32),
        }  # fmt: skip

    def _chance(self, number: int, x: np.ndarray) -> np.ndarray:
        parts = ("bias", "left", "right", "pixel", "cut", "share")
        roots, left, right, pixel, cut, share = (self.arrays[f"{number}_{one}"] for one in parts)
        rows, out = np.arange(len(x)), np.zeros(len(x))
        for root in roots:
            node = np.full(len(x), root)
            while True:
                inner = left[node] >= 0
                if not inner.any():
                    break
                goes = x[rows, np.maximum(pixel[node], 0)] <= cut[node]
                node = np.where(inner, np.where(goes, left[node], right[node]), node)
            out += share[node]
        return out / len(roots)


HOG_SVM = Baseline("hog_svm", build=lambda task: HogSvm(), summary="support vector machine on HOG of the picture")
PIXEL_FOREST = Baseline("pixel_forest", build=lambda task: PixelForest(), summary="random forest on pixels")
