"""Methods that know good pieces only: how far is each place of a photo from what good ones look like?

All three give a heat map of the photo in ``extras["map"]`` and as score the mean of its highest places, both in
deviations of the training pieces. Rows whose truth is a defect are never trained on.

Legend: N photos, P places of the grid (R rows, C columns), F numbers a place, M memorised places.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from verticals.data.texture import grid_of, texture_of
from verticals.pipeline.files import write_json
from verticals_manufacturing.pictures import resized
from verticals_plugins import Baseline, Budget, DataError, Examples, Images, Predictions

MAP = 32
"""Heat maps are MAP x MAP."""
MEMORY = 4000
"""Most places that a memory keeps."""
TOP = 0.03
"""Share of the map's highest places whose mean is the score."""


def good_rows(examples: Examples) -> np.ndarray:
    """Rows that are known to be good, or all when nothing is known.

    Raises:
        DataError: fewer than 10 good pieces.
    """
    rows = np.arange(len(examples)) if examples.truth is None else np.flatnonzero(examples.truth == 0)
    if len(rows) < 10:
        raise DataError(
            f"{len(rows)} good pieces are too few.",
            expected="At least 10, better 100.",
            todo="Add photos of good pieces.",
        )
    return rows


def images_of(examples: Examples) -> Images:
    """The block of pictures.

    Raises:
        DataError: there is none.
    """
    block = examples.inputs.get("image")
    if not isinstance(block, Images):
        raise DataError("There are no pictures.", expected="A block 'image'.")
    return block


def halves(examples: Examples, rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two cuts of ``rows`` (to learn from, to score), by group: the scale comes from photos not learnt from."""
    frame = examples.frame
    group = frame["group"].to_numpy()[rows] if "group" in frame else np.arange(len(rows))
    _, number = np.unique(group, return_inverse=True)
    odd = number % 2 == 1
    if odd.all() or not odd.any():
        odd = np.arange(len(rows)) % 2 == 1
    return [(rows[~odd], rows[odd]), (rows[odd], rows[~odd])]


def shown(maps: np.ndarray) -> np.ndarray:
    """(N, R, C) -> (N, MAP, MAP) float32 by nearest places."""
    row = np.arange(MAP) * maps.shape[1] // MAP
    column = np.arange(MAP) * maps.shape[2] // MAP
    return maps[:, row][:, :, column].astype(np.float32)


def top_mean(maps: np.ndarray) -> np.ndarray:
    """(N,) mean of the TOP highest places of (N, R, C) maps, at least two."""
    flat = np.sort(maps.reshape(len(maps), -1), axis=1)
    many = max(2, round(TOP * flat.shape[1]))
    return np.asarray(flat[:, -many:].mean(axis=1))


class Scale:
    """Centre and width of the scores of good pieces that were not learnt from: the unit of all scores."""

    def __init__(self) -> None:
        self.centre, self.width = 0.0, 1.0

    def fit(self, scores: np.ndarray) -> None:
        """Median and the robust deviation."""
        self.centre = float(np.median(scores))
        self.width = float(max(1.4826 * np.median(np.abs(scores - self.centre)), 1e-6))

    def predictions(self, examples: Examples, maps: np.ndarray) -> Predictions:
        """Score and heat map in that unit."""
        score = (top_mean(maps) - self.centre) / self.width
        return Predictions(examples, score, extras={"map": shown((maps - self.centre) / self.width)})


class TextureMemory:
    """Distance of each patch's texture to the nearest of memorised good patches (a k-d tree over principal axes)."""

    name = "texture_memory"

    def __init__(self) -> None:
        self.scale = Scale()
        self.mean = self.axes = self.memory = np.empty(0)

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Memorise good patches; the unit comes from two halves that are scored by one another."""
        rows = good_rows(train)
        seen = []
        for learnt, judged in halves(train, rows):
            self._memorise(train.take(learnt), budget.seed)
            seen.append(top_mean(self._maps(train.take(judged))))
        self.scale.fit(np.concatenate(seen))
        self._memorise(train.take(rows), budget.seed)

    def predict(self, examples: Examples) -> Predictions:
        """(N,) score and ``map`` (N, MAP, MAP)."""
        return self.scale.predictions(examples, self._maps(examples))

    def save(self, folder: Path) -> None:
        """npz of numbers and JSON."""
        np.savez(folder / "memory.npz", mean=self.mean, axes=self.axes, memory=self.memory)
        write_json(folder / "memory.json", {"centre": self.scale.centre, "width": self.scale.width})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "memory.json").read_text())
        self.scale.centre, self.scale.width = state["centre"], state["width"]
        with np.load(folder / "memory.npz", allow_pickle=False) as stored:
            self.mean, self.axes, self.memory = stored["mean"], stored["axes"], stored["memory"]

    def _memorise(self, good: Examples, seed: int) -> None:
        patches = texture_of(images_of(good)).astype(np.float64)
        flat = patches.reshape(-1, patches.shape[2])
        self.mean = flat.mean(axis=0)
        spread = np.maximum(flat.std(axis=0), 1e-3)
        values, vectors = np.linalg.eigh(np.cov((flat - self.mean) / spread, rowvar=False))
        kept = np.argsort(-values)[:16]
        self.axes = (vectors[:, kept] / spread[:, None]) / np.sqrt(np.maximum(values[kept], 1e-2))
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(len(flat), min(MEMORY, len(flat)), replace=False))
        self.memory = (flat[rows] - self.mean) @ self.axes

    def _maps(self, examples: Examples) -> np.ndarray:
        from scipy.spatial import KDTree

        block = images_of(examples)
        patches = (texture_of(block).astype(np.float64) - self.mean) @ self.axes
        distance, _ = KDTree(self.memory).query(patches.reshape(-1, patches.shape[2]), k=1)
        rows, columns = grid_of(*block.pixels.shape[1:3])
        return np.asarray(distance).reshape(len(block), rows, columns)


SIDE, PATCH, STEP = 96, 8, 4


class PatchPca:
    """How badly each patch of pixels is rebuilt from the principal axes of good patches."""

    name = "patch_pca"

    def __init__(self) -> None:
        self.scale = Scale()
        self.mean = self.axes = np.empty(0)

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Axes that hold 95 % of the good patches' variance."""
        rows = good_rows(train)
        seen = []
        for learnt, judged in halves(train, rows):
            self._learn(train.take(learnt), budget.seed)
            seen.append(top_mean(self._maps(train.take(judged))))
        self.scale.fit(np.concatenate(seen))
        self._learn(train.take(rows), budget.seed)

    def predict(self, examples: Examples) -> Predictions:
        """(N,) score and ``map`` (N, MAP, MAP)."""
        return self.scale.predictions(examples, self._maps(examples))

    def save(self, folder: Path) -> None:
        """npz of numbers and JSON."""
        np.savez(folder / "pca.npz", mean=self.mean, axes=self.axes)
        write_json(folder / "pca.json", {"centre": self.scale.centre, "width": self.scale.width})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "pca.json").read_text())
        self.scale.centre, self.scale.width = state["centre"], state["width"]
        with np.load(folder / "pca.npz", allow_pickle=False) as stored:
            self.mean, self.axes = stored["mean"], stored["axes"]

    def _learn(self, good: Examples, seed: int) -> None:
        block = images_of(good)
        rng = np.random.default_rng(seed)
        some = []
        for index in block.index[:400]:
            patches = patches_of(block.pixels[int(index)]).reshape(-1, PATCH * PATCH)
            some.append(patches[rng.choice(len(patches), min(100, len(patches)), replace=False)])
        flat = np.concatenate(some).astype(np.float64)
        self.mean = flat.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(flat - self.mean, rowvar=False))
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = int(np.searchsorted(np.cumsum(values) / values.sum(), 0.95)) + 1
        self.axes = vectors[:, :kept]

    def _maps(self, examples: Examples) -> np.ndarray:
        block = images_of(examples)
        out = []
        for index in block.index:
            patches = patches_of(block.pixels[int(index)]).astype(np.float64) - self.mean
            left = patches - (patches @ self.axes) @ self.axes.T
            out.append(np.sqrt((left**2).mean(axis=2)))
        return np.stack(out)


def patches_of(picture: np.ndarray) -> np.ndarray:
    """(R, C, PATCH^2) float32 overlapping patches of the grey picture at SIDE x SIDE (or its own size if smaller)."""
    small = small_grey(picture, SIDE)
    wide = np.lib.stride_tricks.sliding_window_view(small, (PATCH, PATCH))[::STEP, ::STEP]
    return wide.reshape(*wide.shape[:2], PATCH * PATCH)


def small_grey(picture: np.ndarray, side: int) -> np.ndarray:
    """(h, w) float32 grey from 0 to 1, shrunk so that neither side is longer than ``side``."""
    grey = np.rint(picture.mean(axis=2)).astype(np.uint8) if picture.shape[2] > 1 else picture[..., 0]
    shrink = min(1.0, side / max(grey.shape))
    size = (max(PATCH, round(grey.shape[1] * shrink)), max(PATCH, round(grey.shape[0] * shrink)))
    return resized(np.ascontiguousarray(grey), size).astype(np.float32) / 255


TEXTURE_MEMORY = Baseline("texture_memory", build=lambda task: TextureMemory(), summary="nearest good texture")
PATCH_PCA = Baseline("patch_pca", build=lambda task: PatchPca(), summary="rebuilding patches from principal axes")
