"""A simulator of inspected pieces: brushed and cast surfaces, with scratches, spots and stains on some.

Documented as simulated: every number that a demo shows is of this generator and of nothing real.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from verticals_manufacturing.schema import SCHEMA
from verticals_plugins import Dataset, Provenance

SIDE = 64
CLASSES = ("good", "scratch", "spot", "stain")
SHARES = (0.6, 0.14, 0.13, 0.13)


def simulate_pieces(seed: int, pieces: int = 600) -> Dataset:
    """``pieces`` pieces in 12 lots, one a minute; every 15th is photographed twice (the second a little darker).

    The surface changes with the lot (grain, light). Process values carry a weak hint: a worn tool scratches more.
    """
    rng = np.random.default_rng([seed, 11])
    rows, pictures = [], []
    wear = np.linspace(0.1, 0.9, 12)
    for piece in range(pieces):
        lot = piece * 12 // pieces
        odds = np.array(SHARES) * (1, 0.4 + 1.2 * wear[lot], 1, 1)
        label = int(rng.choice(4, p=odds / odds.sum())) if piece >= 4 else piece
        surface = draw_piece(rng, label, grain=0.5 + 0.1 * (lot % 6), light=rng.normal(0, 4) + 3 * (lot % 3))
        for shot in range(2 if piece % 15 == 7 else 1):
            seen = surface * (1 - 0.06 * shot) + rng.normal(0, 1.5, surface.shape)
            pictures.append(np.clip(np.rint(seen), 0, 255).astype(np.uint8))
            rows.append((f"p{piece:04d}{'ab'[shot]}", f"p{piece:04d}", piece, f"lot{lot:02d}", label, wear[lot]))
    main = pd.DataFrame(rows, columns=["id", "piece", "minute", "lot", "class", "tool_wear"])
    start = pd.Timestamp("2026-03-02 06:00")
    time = (start + pd.to_timedelta(main.pop("minute"), unit="min")).astype("datetime64[ns]")
    main = main.assign(
        time=time,
        image=np.arange(len(main)),
        tool_wear=np.round(main["tool_wear"] + rng.normal(0, 0.05, len(main)), 3),
        press_temperature=np.round(rng.normal(180, 4, len(main)) + 2.5 * (main["class"] == 3), 1),
    )
    main["class"] = [CLASSES[k] for k in main["class"]]
    provenance = Provenance(adapter="simulated", notes={"simulated": f"texture-and-defect generator, seed {seed}"})
    return Dataset({"main": main}, SCHEMA, provenance, {"image": np.stack(pictures)[..., None]})


def draw_piece(rng: np.random.Generator, label: int, grain: float, light: float) -> np.ndarray:
    """(64, 64) float grey levels of one piece; ``label`` as in ``CLASSES``."""
    brushed = _smooth(rng.normal(size=(SIDE, SIDE)), (0.4, 5 * grain))
    cast = _smooth(rng.normal(size=(SIDE, SIDE)), (1.5, 1.5))
    slope = np.linspace(-1, 1, SIDE)
    shade = rng.normal(0, 6) * slope[:, None] + rng.normal(0, 6) * slope[None, :]
    picture = 128 + light + shade + 11 * brushed / brushed.std() + 7 * cast / cast.std()
    if label == 1:
        picture += _scratch(rng)
    elif label == 2:
        picture += _spots(rng)
    elif label == 3:
        picture += _stain(rng)
    return picture


def _scratch(rng: np.random.Generator) -> np.ndarray:
    """A thin, slightly bent, bright or dark line of 18 to 48 pixels."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    angle, length = rng.uniform(0.15, np.pi - 0.15), rng.uniform(9, 24)
    cx, cy = rng.uniform(14, SIDE - 14, 2)
    along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    across = -(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle) + rng.normal(0, 0.004) * along**2
    line = np.exp(-0.5 * (across / rng.uniform(0.6, 1.0)) ** 2) / (1 + np.exp((np.abs(along) - length) / 1.5))
    return rng.choice((-1.0, 1.0)) * rng.uniform(24, 55) * line


def _spots(rng: np.random.Generator) -> np.ndarray:
    """One to four round dark or bright pits of 1 to 3 pixels radius."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    out = np.zeros((SIDE, SIDE))
    for _ in range(rng.integers(1, 5)):
        cx, cy = rng.uniform(5, SIDE - 5, 2)
        distance = ((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(1.0, 2.4) ** 2
        out += rng.choice((-1.0, 1.0), p=(0.8, 0.2)) * rng.uniform(32, 70) * np.exp(-0.5 * distance**1.5)
    return out


def _stain(rng: np.random.Generator) -> np.ndarray:
    """A large blotch with a soft ragged edge that dulls the surface."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    cx, cy = rng.uniform(14, SIDE - 14, 2)
    radius = rng.uniform(7, 14)
    ragged = _smooth(rng.normal(size=(SIDE, SIDE)), (3, 3))
    edge = np.hypot((x - cx) / rng.uniform(0.7, 1.4), y - cy) - radius + 4 * ragged / ragged.std()
    return -rng.uniform(14, 30) / (1 + np.exp(edge / 1.2))


def _smooth(noise: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """Gaussian blur that wraps around, by FFT: fast and the same on every machine's SciPy."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    gain = np.exp(-2 * np.pi**2 * ((sigma[0] * fy) ** 2 + (sigma[1] * fx) ** 2))
    return np.fft.irfft2(np.fft.rfft2(noise) * gain, s=noise.shape)
