"""Monash time series format (.tsf): a header of attributes, then one line a series: attributes and values by colons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.files import DAMAGED, open_bytes, sha256
from verticals.data.raw import Raw
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff, Source
from verticals_retail.adapters.wide import finished, names_of

SECONDS = {
    "second": 1,
    "minute": 60,
    "minutely": 60,
    "half_hourly": 1800,
    "hourly": 3600,
    "daily": 86_400,
    "weekly": 604_800,
}
MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
UNDATED = {1: "30D", 3: "91D", 12: "365D"}
KINDS = ("string", "numeric", "date")
MISSING = ("?", "NaN")
LAST = np.datetime64("2262-01-01", "s")
"""The clock of a dataset ends in the year after this."""


@dataclass
class Header:
    """What the lines that begin with @ say."""

    attributes: list[tuple[str, str]] = field(default_factory=list)
    frequency: str = ""
    horizon: int | None = None
    missing: bool = True
    equal: bool = False

    def step(self, name: str) -> tuple[str, int]:
        """Unit ("seconds" or "months", "" = not said) and size of the step.

        Raises:
            DataError: the frequency is none that the format knows.
        """
        word = self.frequency.lower().replace(" ", "_").replace("-", "_")
        if not word:
            return "", 0
        if word in MONTHS:
            return "months", MONTHS[word]
        found = re.fullmatch(
            r"(?:(\d+)_)?(seconds?|minutes?|minutely|half_hourly|hours?|hourly|days?|daily|weeks?|weekly)", word
        )
        if found is None:
            raise DataError(
                f"{name}: the frequency is {self.frequency!r}.",
                expected="yearly, quarterly, monthly, weekly, daily, hourly, half_hourly, 10_minutes, 4_seconds …",
            )
        base = found[2].rstrip("s") if found[2] not in SECONDS else found[2]
        size = {**SECONDS, "hour": 3600, "day": 86_400, "week": 604_800}[base] * int(found[1] or 1)
        if not size:
            raise DataError(f"{name}: the frequency is {self.frequency!r}.", expected="A step longer than nothing.")
        return "seconds", size


def sniff_tsf(path: Path) -> Sniff:
    """Sure of an @data or @relation line after comments; quite sure of the suffix."""
    if path.is_dir():
        return Sniff(0.0, "a folder")
    if path.suffix.lower() == ".tsf" or path.name.lower().endswith((".tsf.gz", ".tsf.zip")):
        return Sniff(0.95, "the suffix .tsf")
    try:
        with open_bytes(path) as stream:
            head = stream.read(4096).decode("utf-8", errors="replace")
    except (OSError, EOFError, DataError):
        return Sniff(0.0, "cannot be opened")
    if re.search(r"^@(frequency|attribute)\b", head, re.M):
        return Sniff(0.9, "@attribute lines")
    return Sniff(0.0, "no @attribute lines")


def read_tsf(path: Path, options: ReadOptions) -> Dataset:
    """Each value as a row; "?" is a missing one.

    The attribute of kind date (start_timestamp) says when a series starts. Without one, and where some series ends
    after the year 2261, steps are numbered from 0; dates are not invented.

    Raises:
        DataError: no @data, a line with another number of attributes, a value or a start that cannot be read; all with
            the line's number.
    """
    header, lines = Header(), list(_lines(path))
    body = _read_header(header, lines, path.name)
    start_at = next((at for at, (_, kind) in enumerate(header.attributes) if kind == "date"), None)
    unit, size = header.step(path.name)
    if start_at is not None and not unit:
        raise DataError(f"{path.name} has start times but no @frequency.", expected="A line like @frequency weekly.")
    pieces: dict[str, tuple[datetime | None, np.ndarray]] = {}
    for number, line in lines[body:]:
        if not line or line.startswith("#"):
            continue
        parts, values = _parsed(header, line, number, path.name)
        name = _series_name(header, parts, start_at, number)
        if name in pieces:
            raise DataError(
                f"{path.name} line {number}: series {name!r} was there before.", expected="Each series once."
            )
        start = None if start_at is None else _start(parts[start_at], number, path.name)
        pieces[name] = (start, values)
    if not pieces:
        raise DataError(f"{path.name} holds no series after @data.", expected="At least one line of values.")
    source = Source(str(path), path.stat().st_size, sha256(path), len(pieces))
    raw = Raw(None, (), (source,))
    _check_promises(header, pieces, raw, path.name)
    dated = start_at is not None and _fits(pieces, unit, size, raw, path.name)
    frame = _frame(pieces, unit if dated else "", size)
    step = f"{size}s" if unit == "seconds" else {1: "1M", 3: "3M", 12: "12M"}.get(size, "")
    if not dated and unit == "months":
        step = UNDATED[size]
    return finished(frame, options, step if unit else "", header.horizon, [raw], "retail.tsf", raw.ledger)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with open_bytes(path) as stream:
            data = stream.read()
    except DAMAGED as err:
        raise DataError(f"{path.name} is damaged or cut short ({err}).", todo="Copy it again.") from err
    # the reference reader of this format opens files as cp1252, which leaves some bytes open; latin-1 reads them all
    for encoding in ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    # not splitlines(): it also cuts at characters that are text here
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        yield number, line.strip()


def _read_header(header: Header, lines: list[tuple[int, str]], name: str) -> int:
    """Fill ``header``; the place of the first line after @data."""
    for place, (number, line) in enumerate(lines):
        if not line or line.startswith("#"):
            continue
        if not line.startswith("@"):
            raise DataError(
                f"{name} line {number} stands before @data: {line[:40]!r}.", expected="Lines with @, then @data."
            )
        word, *rest_of = line.split(None, 1)
        word, rest = word.lower(), " ".join(rest_of)
        if word == "@data":
            if not header.attributes:
                raise DataError(
                    f"{name} has no @attribute line.", expected="At least one, such as @attribute series_name string."
                )
            return place + 1
        _read_word(header, word, rest, f"{name} line {number}")
    raise DataError(
        f"{name} has no @data line.", expected="A header, then @data, then one line a series.", todo="Is it cut short?"
    )


def _read_word(header: Header, word: str, rest: str, where: str) -> None:
    """One line of the header; words that say nothing of the values are passed over."""
    if word == "@attribute":
        parts = rest.split()
        if len(parts) != 2 or parts[1].lower() not in KINDS:
            raise DataError(f"{where}: {word} {rest!r}.", expected="@attribute NAME string, numeric or date.")
        header.attributes.append((parts[0], parts[1].lower()))
    elif word == "@frequency":
        header.frequency = rest
    elif word == "@horizon":
        header.horizon = _whole(rest, where)
    elif word in ("@missing", "@equallength"):
        said = {"true": True, "false": False}.get(rest.lower())
        if said is None:
            raise DataError(f"{where}: {word} {rest!r}.", expected=f"{word} true or false.")
        if word == "@missing":
            header.missing = said
        else:
            header.equal = said


def _whole(text: str, where: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d*", text):
        raise DataError(f"{where}: the horizon is {text!r}.", expected="A whole number of steps.")
    return int(text)


def _parsed(header: Header, line: str, number: int, name: str) -> tuple[list[str], np.ndarray]:
    count = len(header.attributes)
    parts = line.split(":")
    if len(parts) != count + 1:
        names = ", ".join(one for one, _ in header.attributes)
        raise DataError(
            f"{name} line {number} has {len(parts) - 1} attributes.",
            expected=f"{count}, as the header says ({names}), then the values.",
        )
    cells = [cell.strip() for cell in parts[-1].split(",")]
    if cells == [""]:
        raise DataError(
            f"{name} line {number} has no values.", expected="Values parted by commas, ? where one is missing."
        )
    try:
        values = np.array([np.nan if cell in MISSING else _number(cell) for cell in cells])
    except ValueError as err:
        raise DataError(f"{name} line {number}: {err}.", expected="Numbers, or ? where one is missing.") from err
    odd = np.flatnonzero(~np.isfinite(values) & np.array([cell not in MISSING for cell in cells]))
    if len(odd):
        raise DataError(
            f"{name} line {number}: value {int(odd[0]) + 1} is {cells[int(odd[0])]!r}.",
            expected="Numbers, or ? where one is missing.",
        )
    return [part.strip() for part in parts[:-1]], values


def _number(cell: str) -> float:
    """As ``float``, without the underscores that Python's numbers may have."""
    if "_" in cell:
        raise ValueError(f"could not convert string to float: {cell!r}")
    return float(cell)


def _series_name(header: Header, parts: list[str], start_at: int | None, number: int) -> str:
    named = [part for place, part in enumerate(parts) if place != start_at]
    kinds = [name.lower() for name, _ in header.attributes]
    name = parts[kinds.index("series_name")] if "series_name" in kinds else "/".join(named)
    return name or f"line {number}"


def _start(text: str, number: int, name: str) -> datetime:
    """A moment; the clock's parts are written with hyphens, as colons part the attributes."""
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2})-(\d{1,2})(?:-(\d{1,2})(?:\.\d+)?)?)?", text)
    try:
        if found is None:
            raise ValueError(text)
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        return datetime(year, month, day, hour, minute, second)
    except ValueError as err:
        raise DataError(
            f"{name} line {number}: the start {text!r} is no date.", expected="For example 2010-07-01 00-30-00."
        ) from err


def moments(start: datetime, unit: str, size: int, count: int) -> np.ndarray:
    """(T,) datetime64[s]; a day that a month lacks is its last, and a series that starts on a last day stays there."""
    first = np.datetime64(start, "s")
    if unit == "seconds":
        return np.asarray(first + np.arange(count) * np.timedelta64(size, "s"))
    months = first.astype("datetime64[M]") + np.arange(count) * np.timedelta64(size, "M")
    last = (months + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    at_end = start.day == last[0].astype(object).day
    days = last if at_end else np.minimum(months.astype("datetime64[D]") + np.timedelta64(start.day - 1, "D"), last)
    return np.asarray(days.astype("datetime64[s]") + (first - first.astype("datetime64[D]")))


def _fits(
    pieces: dict[str, tuple[datetime | None, np.ndarray]], unit: str, size: int, raw: Raw, name: str
) -> bool:  # fmt: skip
    """Whether all moments lie in the years that can be held."""
    far = [
        one for one, (start, values) in pieces.items()
        if start is not None and (start.year < 1678 or moments(start, unit, size, len(values))[-1] >= LAST)
    ]  # fmt: skip
    if far:
        raw.ledger.warn(
            f"{name}: {len(far)} series leave the years 1678 to 2261 ({far[0]}); steps are numbered instead of dated"
        )
    return not far


def _frame(pieces: dict[str, tuple[datetime | None, np.ndarray]], unit: str, size: int) -> pd.DataFrame:
    lengths = [len(values) for _, values in pieces.values()]
    times = [
        np.arange(len(values), dtype=np.int64)
        if start is None or not unit
        else moments(start, unit, size, len(values)).astype("datetime64[ns]")
        for start, values in pieces.values()
    ]
    return pd.DataFrame(
        {
            "series": names_of(np.repeat(np.arange(len(pieces)), lengths), list(pieces)),
            "time": np.concatenate(times),
            "demand": np.concatenate([values for _, values in pieces.values()]),
        }
    )


def _check_promises(header: Header, pieces: dict[str, tuple[datetime | None, np.ndarray]], raw: Raw, name: str) -> None:
    lengths = {len(values) for _, values in pieces.values()}
    if header.equal and len(lengths) > 1:
        raw.ledger.warn(
            f"{name} says that all series are of equal length; they have {min(lengths)} to {max(lengths)} values"
        )
    gaps = sum(int(np.isnan(values).sum()) for _, values in pieces.values())
    if gaps and not header.missing:
        raw.ledger.warn(f"{name} says that no value is missing; {gaps} are")


TSF = Adapter(
    name="retail.tsf", summary="Monash time series format (.tsf)", sniff=sniff_tsf, read=read_tsf,
    options={"horizon": "how many steps to foretell (default: as the file says)"},
)  # fmt: skip
