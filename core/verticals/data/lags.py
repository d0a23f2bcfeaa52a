"""Which values of a series' past foretell a step: the aligned lags, learnt from the calendar and the autocorrelation.

For step j (1 … H) of a horizon and a season of p steps the value ``p * ceil(j / p)`` steps before the target stands at
the same place of the season and is known at the origin. A model that is given them need not learn where they lie.

Legend: N examples, W window, H horizon, L lags, C known columns.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from verticals_plugins import Series

SAMPLE = 2000
MOST_WINDOW = 420
SHORT_SEASON = 30
MEANS = (4, 13, 26, 52)


@dataclass(frozen=True, kw_only=True)
class LagPlan:
    """What to read of a window of ``window`` values for each of ``horizon`` steps; plain numbers, JSON-able.

    ``lags[j]`` are the distances from step j back to the values read (0 = not known at the origin). The window is
    scaled by a ``level`` ("last" value, or "mean" of the last ``span``) and the spread around it; ``base`` are the
    columns of ``lags`` whose mean is the first guess (none: the level).
    """

    horizon: int
    window: int
    lags: list[list[int]]
    season: int
    level: str
    span: int
    base: list[int]
    recent: int
    means: list[int]
    columns: list[str]
    own: int
    """The first ``own`` columns come from the user, the others from the calendar."""
    center: list[float]
    scale: list[float]
    usual: list[float]
    """Level and spread of a series without a past."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    def index(self) -> np.ndarray:
        """(H, L) place of each lag in the window; W = not known."""
        lags = np.array(self.lags, dtype=np.int64).reshape(self.horizon, -1)
        place = self.window + np.arange(self.horizon)[:, None] - lags
        return np.where((lags > np.arange(self.horizon)[:, None]) & (place >= 0), place, self.window)


def plan_lags(block: Series) -> LagPlan:
    """Learn the plan from examples: seasons, window, how to scale, and the first guess that errs least."""
    horizon, past = block.horizon, block.origin - block.start
    room = int(np.quantile(past, 0.75)) if len(past) else 1
    rows = np.linspace(0, len(block) - 1, min(len(block), SAMPLE)).astype(np.int64)
    windows = windows_of(block, rows, max(min(room, MOST_WINDOW + horizon), 2 * horizon, 8))
    seasons = [p for p in block.period if p + 2 < room] or _seasons(windows, horizon)
    wanted = _wanted(seasons, horizon, max(room, horizon))
    lags = _lags(wanted, horizon)
    window = int(min(max(max((max(one) for one in lags), default=0) + 2, 2 * horizon, 16), max(room, 16)))
    season = min(seasons, default=1)
    level, span, base = _first_guess(windows, lags, wanted, max([p for p in seasons if p <= 200], default=1))
    center, scale = _scales(block)
    sizes = np.abs(windows)
    usual = [float(np.nanmedian(sizes)) if np.isfinite(sizes).any() else 0.0] * 2
    return LagPlan(
        horizon=horizon, window=window, lags=lags, season=season, level=level, span=min(span, window), base=base,
        recent=min(26 if level == "last" else 14, window), means=[m for m in MEANS if m <= window],
        columns=list(block.names), own=sum(not n.startswith("calendar ") for n in block.names),
        center=center, scale=scale, usual=usual,
    )  # fmt: skip


def windows_of(block: Series, rows: np.ndarray, window: int) -> np.ndarray:
    """(N, W) float64 values before each origin, NaN where there is none."""
    place = block.origin[rows][:, None] + np.arange(-window, 0)
    found = block.values[np.maximum(place, 0)]
    return np.where(place >= block.start[rows][:, None], found, np.nan)


def known_of(block: Series, rows: np.ndarray, back: int, columns: list[str]) -> np.ndarray:
    """(N, back + H, C) float32 columns known ahead, by name, from ``back`` steps before the origin on; NaN = none."""
    place = block.origin[rows][:, None] + np.arange(-back, block.horizon)
    at = [block.names.index(name) if name in block.names else -1 for name in columns]
    out = np.full((*place.shape, len(columns)), np.nan, dtype=np.float32)
    inside = (place >= block.start[rows][:, None]) & (place < len(block.known))
    place = np.clip(place, 0, len(block.known) - 1)
    for c, i in enumerate(at):
        if i >= 0:
            out[..., c] = np.where(inside, block.known[place, i], np.nan)
    return out


@dataclass(frozen=True)
class Place:
    """A lag: the ``times``-th season back from the nearest known one, and ``near`` steps later."""

    season: int
    times: int
    near: int


def _wanted(seasons: list[int], horizon: int, room: int) -> list[Place]:
    """Multiples of each season, with neighbours of the nearest."""
    wanted: list[Place] = []
    for p in seasons:
        most = min(14, 336 // p) if p <= SHORT_SEASON else 2
        reach = max(1, (min(room, MOST_WINDOW) - p * math.ceil(horizon / p)) // p + 1)
        for k in range(min(most, reach)):
            near = (0, 1, -1, 2, -2) if k == 0 and p > 4 else (0, 1, -1) if p > SHORT_SEASON else (0,)
            wanted += [Place(p, k, d) for d in near]
    return wanted


def _lags(wanted: list[Place], horizon: int) -> list[list[int]]:
    """Each step's distances back; 0 = not known at the origin."""
    out = []
    for j in range(1, horizon + 1):
        lags = [one.season * (math.ceil(j / one.season) + one.times) - one.near for one in wanted]
        out.append([lag if j <= lag else 0 for lag in lags])
    return out


def _seasons(windows: np.ndarray, horizon: int) -> list[int]:
    """Up to two seasons: peaks of the mean autocorrelation of the windows, above chance (Box, Jenkins 1976, ch. 2)."""
    width = windows.shape[1]
    x = windows - np.nanmean(windows, axis=1, keepdims=True) if np.isfinite(windows).any() else windows
    x = np.nan_to_num(x[:, :])
    size = (x**2).sum(axis=1)
    x = x[size > 0]
    if not len(x) or width < 8:
        return []
    power = np.abs(np.fft.rfft(x, 2 * width, axis=1)) ** 2
    full = np.fft.irfft(power, axis=1)[:, :width]
    mean = (full / full[:, :1]).mean(axis=0)
    chance = 2 / math.sqrt(width)
    peaks = [
        lag
        for lag in range(3, min(width // 2, MOST_WINDOW // 2))
        if mean[lag] > max(chance, mean[lag - 1] + 0.02, mean[lag + 1] + 0.02)
    ]
    return sorted(sorted(peaks, key=lambda lag: -mean[lag])[:2])


def _first_guess(
    windows: np.ndarray, lags: list[list[int]], wanted: list[Place], long: int
) -> tuple[str, int, list[int]]:
    """Level, span and base columns whose guess of the window's own last horizon errs least, in units of its spread."""
    horizon = len(lags)
    past, truth = windows[:, :-horizon], windows[:, -horizon:]
    width = past.shape[1]
    span = max(long, 13) if long > SHORT_SEASON else max(4 * long, 13)
    padded = np.concatenate([past, np.full((len(past), 1), np.nan)], axis=1)
    index = np.array(lags, dtype=np.int64).reshape(horizon, -1)
    place = np.where(index > 0, width + np.arange(horizon)[:, None] - index, width)
    aligned = padded[:, np.where(place >= 0, place, width)]  # (N, H, L)
    spread = _mean(np.abs(past - _mean(past)[:, None]))
    usable = (spread > 0) & np.isfinite(_last(past))
    if not usable.any():
        return "mean", span, []
    levels = {"mean": _mean(past[:, -span:])[:, None], "last": _last(past)[:, None]}
    best, chosen = math.inf, ("mean", span, list[int]())
    for name, level in levels.items():
        for base in _bases(wanted):
            guess = _mean(aligned[:, :, base]) if base else np.repeat(level, horizon, 1)
            guess = np.where(np.isfinite(guess), guess, level)
            error = _mean(np.abs(truth - guess)) / np.where(spread > 0, spread, 1)
            value = float(np.nanmean(np.minimum(error[usable], 20.0)))
            # a plainer guess wins unless the other is clearly better
            if value < 0.985 * best:
                best, chosen = value, (name, span, base)
    return chosen


def _bases(wanted: list[Place]) -> list[list[int]]:
    """First guesses to try: the level alone, means of the last few seasons, means over seasons of different length."""
    if not wanted:
        return [[]]
    short = min(one.season for one in wanted)
    repeats = [c for c, one in enumerate(wanted) if one.season == short and not one.near]
    nearest = [c for c, one in enumerate(wanted) if not one.times and not one.near]
    tried = [repeats[:1], repeats[:2], repeats[:4], repeats[:8], nearest, nearest[1:2]]
    return [[], *(base for place, base in enumerate(tried) if base and base not in tried[:place])]


def _scales(block: Series) -> tuple[list[float], list[float]]:
    """Centre and scale of the known columns, over the steps before the latest origin of these examples."""
    seen = block.known[: int(block.origin.max())] if len(block) else block.known
    center, scale = [], []
    for column in seen.T:
        finite = column[np.isfinite(column)]
        center.append(float(finite.mean()) if len(finite) else 0.0)
        scale.append(float(finite.std()) or 1.0 if len(finite) else 1.0)
    return center, scale


def _mean(x: np.ndarray) -> np.ndarray:
    count = np.isfinite(x).sum(axis=-1)
    return np.where(count > 0, np.nansum(x, axis=-1) / np.maximum(count, 1), np.nan)


def _last(x: np.ndarray) -> np.ndarray:
    """(N,) the last value that is known."""
    known = np.isfinite(x)
    place = x.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), x[np.arange(len(x)), place], np.nan)
