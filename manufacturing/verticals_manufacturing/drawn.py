"""Defects drawn onto photos of good pieces, so that methods can be compared where no defective piece is known.

Two families that share nothing: :func:`draw_defect` (lines, spots, stains, rubbed areas) makes what the gate judges on;
:func:`paste_patch` (a piece of picture pasted elsewhere; CutPaste, Li et al. 2021) is what a method may train on.
"""

from __future__ import annotations

import zlib

import numpy as np

Mask = np.ndarray


def generator(name: str) -> np.random.Generator:
    """Random numbers that depend on a photo's name alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def draw_defect(picture: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Mask]:
    """(H, W, C) uint8 with one drawn defect, and where it is (H, W) bool."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side = float(min(height, width))
    cy, cx = rng.uniform(0.15, 0.85) * height, rng.uniform(0.15, 0.85) * width
    spread = max(float(picture.std()), 8.0)
    kind = int(rng.integers(4))
    values = picture.astype(np.float32)
    if kind == 0:
        weight = _line(x - cx, y - cy, side, rng)
    elif kind == 1:
        weight = _blob(x - cx, y - cy, rng.uniform(0.02, 0.05) * side, rng)
    else:
        weight = _blob(x - cx, y - cy, rng.uniform(0.08, 0.18) * side, rng)
    weight = weight[..., None]
    if kind == 3:
        moved = np.roll(values, (int(side) // 7, int(side) // 5), axis=(0, 1))
        rubbed = (values + moved + np.roll(values, 1, axis=0) + np.roll(values, 1, axis=1)) / 4
        values = values * (1 - weight) + rubbed * weight
    else:
        strength = rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 2.5) * spread
        values = values + strength * weight
    return np.clip(np.rint(values), 0, 255).astype(np.uint8), weight[..., 0] > 0.3


def paste_patch(picture: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Mask]:
    """(H, W, C) uint8 with a piece of ``other`` (same shape) pasted in: a patch or a scar; and where (H, W) bool."""
    height, width = picture.shape[:2]
    area, ratio = rng.uniform(0.003, 0.06) * height * width, np.exp(rng.uniform(-1.6, 1.6))
    h = int(np.clip(np.sqrt(area * ratio), 3, height * 0.8))
    w = int(np.clip(np.sqrt(area / ratio), 3, width * 0.8))
    top, left = (int(rng.integers(0, size - part + 1)) for size, part in ((height, h), (width, w)))
    there, aside = (int(rng.integers(0, size - part + 1)) for size, part in ((height, h), (width, w)))
    piece = other[there : there + h, aside : aside + w].astype(np.float32)
    if rng.random() < 0.5:
        piece = piece[::-1]
    mean = piece.mean()
    piece = (piece - mean) * rng.uniform(0.5, 1.6) + mean + rng.normal(0, 0.8) * max(float(picture.std()), 8.0)
    out, mask = picture.copy(), np.zeros((height, width), dtype=bool)
    shape = np.ones((h, w), dtype=bool)
    if rng.random() < 0.6:
        y, x = np.mgrid[:h, :w]
        shape = ((y - (h - 1) / 2) / (h / 2)) ** 2 + ((x - (w - 1) / 2) / (w / 2)) ** 2 <= 1
    mask[top : top + h, left : left + w] = shape
    window = out[top : top + h, left : left + w]
    window[shape] = np.clip(np.rint(piece), 0, 255).astype(np.uint8)[shape]
    return out, mask


def _line(x: np.ndarray, y: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    angle, length = rng.uniform(0, np.pi), rng.uniform(0.12, 0.35) * side
    along = x * np.cos(angle) + y * np.sin(angle)
    across = -x * np.sin(angle) + y * np.cos(angle) + rng.normal(0, 0.3) * along**2 / side
    thick = max(0.6, rng.uniform(0.006, 0.014) * side)
    return np.exp(-0.5 * (across / thick) ** 2) / (1 + np.exp(np.clip((np.abs(along) - length) / 1.5, -50, 50)))


def _blob(x: np.ndarray, y: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    angle = np.arctan2(y, x)
    waves = sum(rng.normal(0, 0.12) * np.cos(n * angle + rng.uniform(0, 6.3)) for n in range(1, 5))
    edge = np.hypot(x / rng.uniform(0.7, 1.4), y) - radius * (1 + waves)
    return np.asarray(1 / (1 + np.exp(np.clip(edge / max(0.8, radius / 8), -50, 50))))
