"""FHIR dates: of a year, a month, a day or a moment. A time that is only known roughly is never made earlier."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

DATE = re.compile(r"^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?)?)?$")
YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class When:
    """The earliest and the latest moment that a date can mean (UTC), and its precision: year, month, day or time."""

    earliest: np.datetime64
    latest: np.datetime64
    precision: str


def parse(text: object) -> When | None:
    """A FHIR date or dateTime; None if malformed ("202510", "01.10"), which is never read as a number of seconds."""
    found = DATE.match(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, clock, zone = found.groups()
    step = pd.DateOffset(days=1) if day else pd.DateOffset(months=1) if month else pd.DateOffset(years=1)
    try:
        start = pd.Timestamp(f"{year}-{month or '01'}-{day or '01'}T{clock or '00:00'}{zone or 'Z'}")
        start = start.tz_convert("UTC").tz_localize(None).as_unit("ns")
        end = start if clock else start + step - pd.Timedelta(seconds=1)
    except (ValueError, OverflowError):  # no such day, or a year that 64 bits do not hold (9999 as "never")
        return None
    if clock:
        return When(start.to_datetime64(), start.to_datetime64(), "time")
    return When(start.to_datetime64(), end.to_datetime64(), "day" if day else "month" if month else "year")


def age_at(birth: When, now: np.datetime64) -> tuple[int, int]:
    """The least and the greatest age in whole years at ``now``."""
    return _years(birth.latest, now), _years(birth.earliest, now)


def _years(birth: np.datetime64, now: np.datetime64) -> int:
    a, b = pd.Timestamp(birth), pd.Timestamp(now)
    return int(b.year - a.year - ((b.month, b.day) < (a.month, a.day)))
