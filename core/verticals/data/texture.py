"""Texture of pictures as numbers: what a grid of patches looks like, by local binary patterns and grey statistics.

Completed local binary patterns (Guo, Zhang & Zhang 2010): signs and magnitudes of the differences between a pixel and
its eight neighbours at radii 1, 2 and 3, as rotation-invariant uniform codes (Ojala et al. 2002).

Legend: M pictures, P patches of the grid, F numbers a patch, H W height and width.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from verticals_plugins import Images

RADII = (1, 2, 3)
CODES = 10
PATCH, MOST = 16, 8
"""A patch has at least PATCH pixels a side; at most MOST patches lie along a side."""
GRADIENTS = (64, 65, 66, 67)
"""Places of the log mean gradients along x, y and the two diagonals among the F numbers."""
GREY = (60, 62, 63)
"""Places of mean, smallest and largest grey."""
STRENGTHS = (61, *GRADIENTS, 68, 69)
"""Places of the logarithms that grow by log c when the picture's contrast grows by c."""
_SMALL = 1e-3


def grid_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of patches."""
    return min(MOST, max(1, height // PATCH)), min(MOST, max(1, width // PATCH))


def patch_texture(picture: np.ndarray) -> np.ndarray:
    """(P, F) float32 of one (H, W, C) uint8 picture, rows of the grid one after another; F = 70, 74 with colour.

    Square roots of the six histograms of CODES bins, then mean, log deviation, minimum and maximum of grey, log mean
    gradients in four directions, and log mean differences at the smallest and the largest radius.
    """
    grey = picture.astype(np.float32).mean(axis=2)
    rows, columns = grid_of(*grey.shape)
    place = _places(grey.shape[0], grey.shape[1], rows, columns)
    parts, strength = [], []
    for radius in RADII:
        difference = _differences(grey, radius)  # (8, H, W)
        size = np.abs(difference)
        strength.append(size.mean(axis=0))
        for ones in (difference >= 0, size >= size.mean()):
            counts = np.bincount(place * CODES + _codes(ones).ravel(), minlength=rows * columns * CODES)
            counts = counts.reshape(-1, CODES)
            parts.append(np.sqrt(counts / counts.sum(axis=1, keepdims=True)))
    parts.append(_grey(grey / 255, place, rows * columns))
    parts.append(_gradients(grey / 255, place, rows * columns))
    parts.append(
        np.stack([_log(_mean(s.ravel() / 255, place, rows * columns)) for s in (strength[0], strength[-1])], 1)
    )
    if picture.shape[2] >= 3:
        parts.append(_colour(picture, place, rows * columns))
    return np.concatenate(parts, axis=1).astype(np.float32)


@dataclass
class _Known:
    """Texture of the pictures of one array that were asked for so far."""

    rows: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])


_KNOWN: dict[int, _Known] = {}


def texture_of(block: Images) -> np.ndarray:
    """(N, P, F) texture of each example's picture, zeros where there is none; each picture is looked at once.

    What was found is kept as long as the array of pixels lives, for all methods and all subsets of a run.
    """
    pixels = block.pixels
    known = _KNOWN.get(id(pixels))
    if known is None:
        known = _KNOWN[id(pixels)] = _Known()
        weakref.finalize(pixels, _KNOWN.pop, id(pixels), None)
    rows, columns = grid_of(*pixels.shape[1:3])
    out = np.zeros((len(block), rows * columns, 74 if pixels.shape[3] >= 3 else 70), dtype=np.float32)
    for place, index in enumerate(block.index):
        at = int(index)
        if at >= 0:
            if at not in known.rows:
                known.rows[at] = patch_texture(pixels[at])
            out[place] = known.rows[at]
    return out


def hog_of(picture: np.ndarray, cells: int = 8, bins: int = 9) -> np.ndarray:
    """Histogram of oriented gradients (Dalal & Triggs 2005) of one (H, W, C) picture: 2 x 2 blocks, L2-Hys.

    Returns ((cells - 1)^2 * 4 * bins,) float32.
    """
    grey = np.sqrt(picture.astype(np.float32).mean(axis=2) / 255)
    dy, dx = np.gradient(grey)
    size, angle = np.hypot(dx, dy), np.mod(np.arctan2(dy, dx), np.pi) / np.pi * bins
    low = np.floor(angle).astype(np.int64) % bins
    share = angle - np.floor(angle)
    place = _places(grey.shape[0], grey.shape[1], cells, cells)
    total = np.bincount(place * bins + low.ravel(), (size * (1 - share)).ravel(), cells * cells * bins)
    total += np.bincount(place * bins + ((low + 1) % bins).ravel(), (size * share).ravel(), cells * cells * bins)
    cell = total.reshape(cells, cells, bins)
    block = np.concatenate([cell[:-1, :-1], cell[1:, :-1], cell[:-1, 1:], cell[1:, 1:]], axis=2)
    block = np.minimum(block / (np.linalg.norm(block, axis=2, keepdims=True) + _SMALL), 0.2)
    block /= np.linalg.norm(block, axis=2, keepdims=True) + _SMALL
    return block.reshape(-1).astype(np.float32)


def _places(height: int, width: int, rows: int, columns: int) -> np.ndarray:
    """(H * W,) number of the patch each pixel lies in."""
    row, column = np.arange(height) * rows // height, np.arange(width) * columns // width
    return np.asarray((row[:, None] * columns + column[None, :]).ravel())


def _differences(grey: np.ndarray, radius: int) -> np.ndarray:
    """(8, H, W) eight neighbours on a circle, bilinear, minus the pixel; edges are mirrored."""
    height, width = grey.shape
    margin = radius + 1
    wide = np.pad(grey, margin, mode="symmetric")
    out = np.empty((8, height, width), dtype=np.float32)
    for number in range(8):
        y, x = radius * np.sin(np.pi * number / 4), radius * np.cos(np.pi * number / 4)
        y, x = np.round(y, 6), np.round(x, 6)
        top, left = int(np.floor(y)), int(np.floor(x))
        fy, fx = np.float32(y - top), np.float32(x - left)
        corner = [
            wide[margin + top + i : margin + top + i + height, margin + left + j : margin + left + j + width]
            for i in (0, 1)
            for j in (0, 1)
        ]
        upper = corner[0] * (1 - fx) + corner[1] * fx
        lower = corner[2] * (1 - fx) + corner[3] * fx
        out[number] = upper * (1 - fy) + lower * fy - grey
    return out


def _codes(ones: np.ndarray) -> np.ndarray:
    """(H, W) number of ones among the eight, or 9 when they change more than twice around the circle."""
    return _table()[np.packbits(ones, axis=0)[0]]


@cache
def _table() -> np.ndarray:
    """(256,) code of each pattern of eight bits."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1), CODES - 1)


def _grey(grey: np.ndarray, place: np.ndarray, patches: int) -> np.ndarray:
    flat = grey.ravel().astype(np.float64)
    mean = _mean(flat, place, patches)
    spread = np.sqrt(_mean((flat - mean[place]) ** 2, place, patches))
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    low, high = np.minimum.reduceat(flat[order], starts), np.maximum.reduceat(flat[order], starts)
    return np.stack([mean, _log(spread), low, high], axis=1)


def _gradients(grey: np.ndarray, place: np.ndarray, patches: int) -> np.ndarray:
    wide = np.pad(grey, ((0, 1), (1, 1)), mode="symmetric")
    here = wide[:-1, 1:-1]
    steps = (wide[:-1, 2:] - here, wide[1:, 1:-1] - here, wide[1:, 2:] - here, wide[1:, :-2] - here)
    return np.stack([_log(_mean(np.abs(s).ravel(), place, patches)) for s in steps], axis=1)


def _colour(picture: np.ndarray, place: np.ndarray, patches: int) -> np.ndarray:
    """Mean and deviation of red - green and of yellow - blue."""
    red, green, blue = (picture[..., c].astype(np.float64).ravel() / 255 for c in range(3))
    out = []
    for axis in (red - green, (red + green) / 2 - blue):
        mean = _mean(axis, place, patches)
        out += [mean, np.sqrt(_mean((axis - mean[place]) ** 2, place, patches))]
    return np.stack(out, axis=1)


def _mean(values: np.ndarray, place: np.ndarray, patches: int) -> np.ndarray:
    return np.bincount(place, values, patches) / np.maximum(np.bincount(place, minlength=patches), 1)


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(values + _SMALL)
