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
SLASHED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[ T]\d.*)?")

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
    rf"{YEAR}([-/._])(\d{{1,2}})\2(\d{{1,2}})(?:[ T]\d.*)?": lambda m: (int(m[1]), int(m[3]), int(m[4])),
    rf"{YEAR}(\d\d)(\d\d)": lambda m: (int(m[1]), int(m[2]), int(m[3])),
    rf"{YEAR}(?:[-/._ ]M?|M)(\d{{1,2}})": lambda m: (int(m[1]), int(m[2]), 1),
    rf"{YEAR}(\d\d)": lambda m: (int(m[1]), int(m[2]), 1),
    rf"M?(\d{{1,2}})[-/._ ]{YEAR}": lambda m: (int(m[2]), int(m[1]), 1),
    rf"{YEAR}[-_ /]?{WEEK}(\d{{1,2}})": lambda m: _monday(int(m[1]), int(m[2])),
    rf"{WEEK}(\d{{1,2}})[-_ /.]{YEAR}": lambda m: _monday(int(m[2]), int(m[1])),
    rf"{YEAR}[-_ /]?Q([1-4])": lambda m: (int(m[1]), 3 * int(m[2]) - 2, 1),
    rf"Q([1-4])[-_ /]?{YEAR}": lambda m: (int(m[2]), 3 * int(m[1]) - 2, 1),
    rf"{NAME}[-_ /]?'?{YEAR}": lambda m: _named(m[1], m[2]),
    rf"{NAME}[-_ /]'?(\d\d)": lambda m: _named(m[1], m[2]),
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


def are_periods(cells: list[str]) -> bool:
    """Whether all are written as months, weeks, quarters or years, in one way."""
    styles = {_parts(one)[0] for one in cells}
    return len(styles) == 1 and styles <= set(list(STYLES)[2:-2]) | {YEAR}


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
        found = pd.to_datetime(pd.Series([_iso(one) for one in text]), errors="coerce", format="ISO8601")
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
    clock = re.search(r"[ T](\d{1,2}):(\d\d)(?::(\d\d))?", text)
    rest = "" if clock is None else f"T{int(clock[1]):02d}:{clock[2]}:{clock[3] or '00'}"
    return f"{said[0]:04d}-{said[1]:02d}-{said[2]:02d}{rest}"


def _slashed(text: list[str], date_format: str, name: str) -> pd.Series[pd.Timestamp]:
    """Days with the day or the month first: as said, as the numbers allow, or day first where dots part them."""
    cells = [re.split(r"[-/.]", one.split(" ")[0].split("T")[0]) for one in text]
    first, second = max(int(one[0]) for one in cells), max(int(one[1]) for one in cells)
    order = date_format or ("dmy" if first > 12 or "." in text[0] else "mdy" if second > 12 else "")
    if order not in ("dmy", "mdy"):
        raise DataError(
            f"{name}: the date heads ({text[0]}, {text[-1]} …) can be read with the day or the month first.",
            todo="Say which: --option date_format=dmy (or mdy).",
        )
    days = [(_year(y), b, a) if order == "dmy" else (_year(y), a, b) for a, b, y in cells]
    clocks = [re.search(r"[ T](\d{1,2}:\d\d(?::\d\d)?)", one) for one in text]
    whole = [
        f"{y}-{m}-{d} {clock[1] if clock else '00:00'}" for (y, m, d), clock in zip(days, clocks, strict=True)
    ]  # fmt: skip
    return pd.to_datetime(pd.Series(whole), errors="coerce", format="mixed")
