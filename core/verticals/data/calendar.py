"""Regular time: which step a moment is, which moment a step is, and how long a season lasts in steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins import DataError

DAY = 86_400
MONTH, QUARTER, YEAR = 30 * DAY, 91 * DAY, 365 * DAY
"""Sizes of steps without dates."""
MONTH_DAYS = {1: (28, 31), 3: (89, 92), 12: (365, 366)}
SEASONS = {900: (96, 672), 1800: (48, 336), 3600: (24, 168), DAY: (7, 364), 7 * DAY: (52,), MONTH: (12,), QUARTER: (4,)}
MONTH_SEASONS = {1: (12,), 3: (4,)}
NAIVE = {900: 96, 1800: 48, 3600: 24, DAY: 7, MONTH: 12, QUARTER: 4}
"""Season of the naive error that scales MASE; one step where none is listed (weeks, years), as competitions do."""


HORIZONS = {900: 96, 1800: 48, 3600: 48, DAY: 28, 7 * DAY: 13, MONTH: 12, QUARTER: 8, YEAR: 6}
MONTH_HORIZONS = {1: 12, 3: 8, 12: 6}
"""How far one usually looks ahead (Makridakis et al. 2020; 28 days are four weeks)."""


@dataclass(frozen=True)
class Calendar:
    """A regular step of ``size`` seconds or months; ``unit`` "steps" = numbers without dates, whose distance may
    still be known as ``size`` seconds (0 = not known)."""

    unit: str
    size: int

    @property
    def periods(self) -> tuple[int, ...]:
        """Seasons in steps that the calendar suggests, shortest first."""
        return (MONTH_SEASONS if self.unit == "months" else SEASONS).get(self.size, ())

    @property
    def naive(self) -> int:
        """Steps back of the naive error."""
        if self.unit == "months":
            return {1: 12, 3: 4}.get(self.size, 1)
        return NAIVE.get(self.size, 1)

    @property
    def horizon(self) -> int:
        """Steps ahead where nobody says how many."""
        return (MONTH_HORIZONS if self.unit == "months" else HORIZONS).get(self.size, 12)

    def numbers(self, time: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Step number (N,) int64 of each moment and its phase (N,) inside the step (seconds; day of month)."""
        if self.unit == "steps":
            whole = time.to_numpy(dtype=np.int64)
            return whole, np.zeros_like(whole)
        stamp = time.to_numpy().astype("datetime64[s]")
        if self.unit == "months":
            month = stamp.astype("datetime64[M]").astype(np.int64)
            end = pd.Series(stamp).dt.is_month_end.to_numpy()
            day = (stamp.astype("datetime64[D]") - stamp.astype("datetime64[M]").astype("datetime64[D]")).astype(
                np.int64
            )
            # the last day of a month is one phase, whatever its number
            return month // self.size, np.where(end & (day >= 27), 31, day) + 32 * (month % self.size)
        seconds = stamp.astype(np.int64)
        return seconds // self.size, seconds % self.size

    def moments(self, number: np.ndarray, phase: np.ndarray) -> np.ndarray:
        """Moment (N,) datetime64[ns] of each step; steps without dates count seconds from 1970."""
        if self.unit == "steps":
            return number.astype("datetime64[s]").astype("datetime64[ns]")
        if self.unit == "months":
            month = (number * self.size + phase // 32).astype("datetime64[M]")
            first, day = month.astype("datetime64[D]"), phase % 32
            last = (month + 1).astype("datetime64[D]") - 1
            return np.minimum(first + day, last).astype("datetime64[ns]")
        return (number * self.size + phase).astype("datetime64[s]").astype("datetime64[ns]")


def calendar_of(time: pd.Series, entity: np.ndarray, step: str, names: Sequence[str]) -> Calendar:
    """The calendar of a time column, from the declared ``step`` or from the distances that occur.

    ``entity`` (N,) are each row's codes into ``names``.

    Raises:
        DataError: distances that no regular step explains; names the first series and moment.
    """
    if not pd.api.types.is_datetime64_any_dtype(time):
        return Calendar("steps", _seconds(step))
    if step:
        return _declared(step)
    order = np.lexsort((time.to_numpy(), entity))
    stamp, who = time.to_numpy().astype("datetime64[s]").astype(np.int64)[order], entity[order]
    inside = np.flatnonzero((np.diff(who) == 0) & (np.diff(stamp) > 0))
    gaps = np.diff(stamp)[inside]
    if not len(gaps):
        return Calendar("seconds", DAY)
    values, counts = np.unique(gaps, return_counts=True)
    usual = int(values[counts.argmax()])
    for months, (low, high) in MONTH_DAYS.items():
        if low * DAY <= usual <= high * DAY and (values >= low * DAY).all() and (len(values) > 1 or months > 1):
            return Calendar("months", months)
    smallest = int(values[0])
    off = values % smallest != 0
    if counts[off].sum() > 0.01 * counts.sum():
        row = int(order[inside[np.isin(gaps, values[off])][0] + 1])
        odd = int(gaps[np.isin(gaps, values[off])][0])
        raise DataError(
            f"The times have no regular step: distances of {_said(smallest)} and {_said(odd)} occur, "
            f"first in series {names[entity[row]]!r} at {time.iloc[row]}.",
            expected="A regular step (an hour, a day, a week, a month), with gaps if need be.",
            todo="Sum the rows to a regular step first, or give one series a regular time.",
        )
    return Calendar("seconds", smallest)


def known_calendar(calendar: Calendar, moments: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values (T, C) of the calendar as waves: hour of day, day of week, day of year."""
    if calendar.unit == "steps":
        return (), np.empty((len(moments), 0))
    stamp = pd.DatetimeIndex(moments)
    size = calendar.size if calendar.unit == "seconds" else 30 * DAY * calendar.size
    waves: list[tuple[str, Any, int]] = []
    if size < DAY:
        waves.append(("hour", (stamp.hour * 60 + stamp.minute) / 1440, 3))
    if size <= DAY:
        waves.append(("weekday", stamp.dayofweek / 7, 3))
    if size < 300 * DAY:
        waves.append(("year", (stamp.dayofyear - 1) / 365.25, 3))
    names, columns = [], []
    for name, share, most in waves:
        for k in range(1, most + 1):
            for label, wave in (("sin", np.sin), ("cos", np.cos)):
                names.append(f"calendar {name} {label}{k}")
                columns.append(wave(2 * np.pi * k * np.asarray(share, dtype=float)))
    return tuple(names), np.stack(columns, axis=1) if columns else np.empty((len(moments), 0))


def _said(seconds: int) -> str:
    return f"{seconds / DAY:g} days" if seconds >= DAY else f"{seconds:,} s"


def _seconds(step: str) -> int:
    return int(pd.Timedelta(step).total_seconds()) if step else 0


def _declared(step: str) -> Calendar:
    months = {"1M": 1, "1MS": 1, "1Q": 3, "3M": 3, "1Y": 12, "12M": 12}.get(step.upper())
    return Calendar("months", months) if months else Calendar("seconds", _seconds(step))
