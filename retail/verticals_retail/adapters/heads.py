"""Column heads that are dates: days, weeks, months, quarters and years, as sheets of several countries write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

from verticals_plugins import DataError

MONTHS = (
    "jan january januar janv janvier ene enero gen gennaio janeiro januari janner jaenner",
    "feb february februar fev fevr fevrier febrero febbraio fevereiro februari",
    "mar march marz maerz mrz mars marzo marco maart mrt",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august aou aout ago agosto augustus",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre dic diciembre dicembre dezembro",
)
"""English, German, French, Spanish, Italian, Portuguese, Dutch; without accents."""
NUMBER = {word: number for number, words in enumerate(MONTHS, 1) for word in words.split()}
YEAR, WEEK = r"((?:19|20)\d\d)", r"(?:w|kw|cw|wk|week|woche|s|sem)\.?[-_ ]?"
NAME = r"([^\W\d_]{3,10})\.?"
CLOCK = (
    r",?[ T]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"(?: ?(?P<half>[AP]M))?(?: ?(?P<zone>Z|UTC|[-+]\d\d:?\d\d))?"
)
SLASHED = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}})(?:{CLOCK})?", re.IGNORECASE)

Parts = tuple[int, int, int]


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _monday(year: int, week: int) -> Parts | None:
    try:
        day = pd.Timestamp.fromisocalendar(year, week, 1)
    except ValueError:
        return None
    return day.year, day.month, day.day


def _named(word: str, year: str, day: int = 1) -> Parts | None:
    month = NUMBER.get(plain_letters(word))
    return None if month is None else (_year(year), month, day)


def plain_letters(text: str) -> str:
    """Lower case without accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))


STYLES: dict[str, Callable[[re.Match[str]], Parts | None]] = {
    rf"{YEAR}([-/._])(\d{{1,2}})\2(\d{{1,2}})(?:{CLOCK})?": lambda m: (int(m[1]), int(m[3]), int(m[4])),
    rf"{YEAR}(\d\d)(\d\d)": lambda m: (int(m[1]), int(m[2]), int(m[3])),
    rf"{YEAR}(?:[-/._ ]M?|M)(\d{{1,2}})": lambda m: (int(m[1]), int(m[2]), 1),
    rf"{YEAR}(\d\d)": lambda m: (int(m[1]), int(m[2]), 1),
    rf"M?(\d{{1,2}})[-/._ ]{YEAR}": lambda m: (int(m[2]), int(m[1]), 1),
    rf"{YEAR}[-_ /]?{WEEK}(\d{{1,2}})": lambda m: _monday(int(m[1]), int(m[2])),
    rf"{WEEK}(\d{{1,2}})[-_ /.]{YEAR}": lambda m: _monday(int(m[2]), int(m[1])),
    rf"{YEAR}[-_ /]?Q([1-4])": lambda m: (int(m[1]), 3 * int(m[2]) - 2, 1),
    rf"Q([1-4])[-_ /]?{YEAR}": lambda m: (int(m[2]), 3 * int(m[1]) - 2, 1),
    rf"{NAME}[-_ /]?'?{YEAR}": lambda m: _named(m[1], m[2]),
    rf"{NAME}(?:[-_ /]'?|')?(\d\d)": lambda m: _named(m[1], m[2]),
    rf"{YEAR}[-_ /]?{NAME}": lambda m: _named(m[2], m[1]),
    rf"(\d{{1,2}})[-. ]{{1,2}}{NAME}[-. ]((?:19|20)\d\d|\d\d)": lambda m: _named(m[2], m[3], int(m[1])),
    YEAR: lambda m: (int(m[1]), 1, 1),
}
"""What a whole head may look like -> year, month, day; None = it only looks so."""


def _parts(head: str) -> tuple[str, Parts | None]:
    """The style that a head is written in and what it says; "" = no date."""
    for style, read in STYLES.items():
        found = re.fullmatch(style, head, re.IGNORECASE)
        if found and (said := read(found)) is not None and 1 <= said[1] <= 12 and 1 <= said[2] <= 31:
            return style, said
    return "", None


def date_heads(heads: list[str]) -> list[str]:
    """The heads that are dates."""
    return [one for one in heads if SLASHED.fullmatch(one.strip()) or _parts(one.strip())[0]]


def first_days(cells: list[str], name: str) -> dict[str, str]:
    """The first day of each cell that is a month, week, quarter or year, where most are, written in one way."""
    periods = [one for one in cells if _parts(one)[0]]
    styles = {_parts(one)[0] for one in periods}
    numbers = any(one.isdigit() for one in cells if one not in periods)
    if numbers or 2 * len(periods) <= len(cells) or len(styles) != 1 or not styles <= set(list(STYLES)[2:-2]) | {YEAR}:
        return {}
    return dict(zip(periods, np.datetime_as_string(moments_of(periods, "", name), "D"), strict=True))


def moments_of(heads: list[str], date_format: str, name: str) -> np.ndarray:
    """(T,) datetime64[ns] of date heads; a week is its Monday, a month, quarter or year its first day.

    Raises:
        DataError: day and month cannot be told apart, heads are written in several ways or repeat, or one is no date.
    """
    text = [one.strip() for one in heads]
    if date_format and "%" in date_format:
        found = pd.to_datetime(pd.Series(text), format=date_format, errors="coerce")
    elif all(SLASHED.fullmatch(one) for one in text):
        found = _slashed(text, date_format, name)
    else:
        styles = {_parts(one)[0] for one in text} - {""}
        if len(styles) > 1:
            raise DataError(
                f"{name}: the date heads are written in {len(styles)} ways ({text[0]} … {text[-1]}).",
                expected="One way for all.",
                todo="Write them alike, or say how: --option date_format=%Y-%m-%d.",
            )
        found = _utc([_iso(one) for one in text])
    if found.isna().any():
        raise DataError(
            f"{name}: {text[int(found.isna().argmax())]!r} is no date, where one belongs.",
            expected="Such as 2024-03-04, 04.03.2024, 2024-W10, Mar 2024, 2024-03, 2024Q1 or 2024.",
            todo="Correct it, or say how it is written: --option date_format=%d.%m.%Y.",
        )
    if found.duplicated().any():
        raise DataError(
            f"{name}: {str(found[found.duplicated()].iloc[0])[:10]} occurs twice among its dates.",
            expected="Each step once.",
            todo="Correct them, or keep one of the two.",
        )
    return found.to_numpy().astype("datetime64[ns]")


def _iso(text: str) -> str:
    _, said = _parts(text)
    if said is None:
        return text
    return f"{said[0]:04d}-{said[1]:02d}-{said[2]:02d}{_clock(re.search(CLOCK, text, re.IGNORECASE))}"


def _clock(found: re.Match[str] | None) -> str:
    """The time of day and its offset as ISO 8601 writes them."""
    if found is None or not found["hour"]:
        return ""
    hour, half = int(found["hour"]), (found["half"] or "").upper()
    hour = hour % 12 + 12 * (half == "PM") if half else hour
    zone = found["zone"] or ""
    return f"T{hour:02d}:{found['minute']}:{found['second'] or '00'}{'Z' if zone.isalpha() else zone}"


def _utc(iso: list[str]) -> pd.Series[pd.Timestamp]:
    """Moments in UTC, without zone; NaT where there is none such."""
    return pd.to_datetime(pd.Series(iso), errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)


def _slashed(text: list[str], date_format: str, name: str) -> pd.Series[pd.Timestamp]:
    """Days with the day or the month first: as said, as the numbers allow, or day first where dots part them."""
    cells = [found for one in text if (found := SLASHED.fullmatch(one))]
    first, second = max(int(one[1]) for one in cells), max(int(one[3]) for one in cells)
    order = date_format or ("dmy" if first > 12 or "." in text[0] else "mdy" if second > 12 else "")
    if order not in ("dmy", "mdy"):
        raise DataError(
            f"{name}: the date heads ({text[0]}, {text[-1]} …) can be read with the day or the month first.",
            todo="Say which: --option date_format=dmy (or mdy).",
        )
    month, day = (3, 1) if order == "dmy" else (1, 3)
    return _utc([f"{_year(one[4])}-{int(one[month]):02d}-{int(one[day]):02d}{_clock(one)}" for one in cells])
