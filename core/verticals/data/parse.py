"""Reads numbers and times from text by the evidence of the whole column; what stays ambiguous is reported, not guessed.

Legend: N cells of a column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from verticals_plugins.errors import DataError, UsageError

pc: Any = pyarrow.compute

MISSING = frozenset({"", "na", "n/a", "n.a.", "nan", "null", "none", "nil", "#n/a", "<na>", "-", "--", "?", "."})
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0}
CURRENCY = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|AUD|CAD|INR)\b")
GROUPS = re.compile(r"\d{1,3}(?:[ '’\u00a0\u2009\u202f]\d{3})+(?!\d)")


@dataclass(frozen=True)
class Parsed:
    """N values; ``missing`` cells said nothing, ``bad`` ones said something that cannot be read."""

    values: np.ndarray
    missing: np.ndarray
    bad: np.ndarray
    notes: tuple[str, ...] = ()
    why: str = ""
    """What the bad cells have in common."""
    reading: str = ""
    """What was decided for the column: a decimal mark, or the order of day and month."""


# --------------------------------------------------------------------------------------------------- numbers


@dataclass(frozen=True)
class Cell:
    """One written number: its sign and digits with marks, and which decimal mark it proves ("" = it proves none)."""

    text: str
    mark: str
    ambiguous: bool = False

    def value(self, mark: str) -> float:
        """Read with ``mark`` as the decimal mark."""
        other = "," if mark == "." else "."
        return float(self.text.replace(other, "").replace(mark, "."))


def as_cell(raw: str) -> Cell | None:
    """Look at one cell; None if it is no number, or one beyond what float64 holds."""
    cell = _as_cell(raw)
    return cell if cell is None or np.isfinite(cell.value(cell.mark or ".")) else None


def _as_cell(raw: str) -> Cell | None:
    text = CURRENCY.sub("", raw).strip().replace("\u2212", "-")
    if text.startswith("(") and text.endswith(")"):
        text = "-" + text[1:-1].strip()
    if text.endswith("-"):
        text = "-" + text[:-1].strip()
    text = re.sub(r"^([+-])\s+", r"\1", text)
    grouped = GROUPS.search(text)
    if grouped:
        text = text.replace(grouped.group(), re.sub(r"\D", "", grouped.group()))
    body = text.lstrip("+-")
    if len(text) - len(body) > 1:
        return None
    points, commas = body.count("."), body.count(",")
    if not points and not commas:
        return Cell(text, "") if re.fullmatch(r"\d+(?:[eE][+-]?\d+)?", body) else None
    if points and commas:
        mark = "." if body.rindex(".") > body.rindex(",") else ","
        other = "," if mark == "." else "."
        good = re.fullmatch(rf"(?:{_grouped(other)}){re.escape(mark)}\d+", body)
        return Cell(text, mark) if good else None
    return _one_mark(text, body, "." if points else ",", points + commas, grouped is not None)


def _grouped(mark: str) -> str:
    """Pattern of digits in groups of three, or in the Indian manner of two and at last three."""
    one = re.escape(mark)
    return rf"\d{{1,3}}(?:{one}\d{{3}})+|\d{{1,2}}(?:{one}\d{{2}})+{one}\d{{3}}"


def _one_mark(text: str, body: str, mark: str, count: int, grouped: bool) -> Cell | None:
    other = "," if mark == "." else "."
    if count > 1:
        return Cell(text, other) if re.fullmatch(_grouped(mark), body) else None
    if not re.fullmatch(rf"(?:\d+{re.escape(mark)}\d*|{re.escape(mark)}\d+)(?:[eE][+-]?\d+)?", body):
        return None
    either = re.fullmatch(rf"[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}", body) and not grouped
    return Cell(text, mark, ambiguous=bool(either))


@dataclass(frozen=True)
class Written:
    """The distinct cells of a column of numbers, and the decimal marks that they prove."""

    codes: np.ndarray
    raw: tuple[str, ...]
    cells: tuple[Cell | None, ...]
    marks: Mapping[str, int]
    """Decimal mark -> how many rows prove it."""
    ungrouped: bool
    """Four digits or more stand together somewhere: thousands are not grouped in this column."""


def written(column: pa.ChunkedArray) -> Written:
    """Look at the distinct cells of a text column, (N,) Arrow strings without nulls."""
    encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(column)).combine_chunks()
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
    raw = tuple(encoded.dictionary.to_pylist())
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    often = np.bincount(codes, minlength=len(raw))
    cells = tuple(None if one.lower() in MISSING else as_cell(one) for one in raw)
    marks: Counter[str] = Counter()
    for cell, times in zip(cells, often, strict=True):
        if cell is not None and cell.mark and not cell.ambiguous:
            marks[cell.mark] += int(times)
    plain = any(one is not None and not one.mark and len(one.text.lstrip("+-0")) >= 4 for one in cells)
    return Written(codes, raw, cells, marks, plain)


def plain_numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """(N,) float64 if every cell is a machine's number, else None: the fast path."""
    trimmed = pc.utf8_trim_whitespace(column)
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(sorted(MISSING)))
    try:
        values = pc.cast(pc.if_else(empty, pa.scalar(None, pa.string()), trimmed), pa.float64())
    except pa.ArrowInvalid:
        return None
    array = values.to_numpy().astype(np.float64, copy=True)
    return None if np.isinf(array).any() else array


GROUPED_POINT = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"


def proves_point(column: pa.ChunkedArray) -> bool:
    """Whether some cell has a point that cannot group thousands, or none has a point."""
    trimmed = pc.utf8_trim_whitespace(column)
    pointed = pc.match_substring(trimmed, ".")
    doubtful = pc.match_substring_regex(trimmed, GROUPED_POINT)
    long = pc.match_substring_regex(trimmed, r"^[+-]?\d{4,}")
    return bool(pc.any(pc.and_(pointed, pc.invert(doubtful))).as_py() or pc.any(long).as_py()) or not bool(
        pc.any(pointed).as_py()
    )


def numbers(column: pa.ChunkedArray, *, stated: str = "", elsewhere: str = "", machine: bool = True) -> Parsed:
    """Read a text column as (N,) float64.

    A cell like "1,650" proves no decimal mark. It is read by the mark that the user ``stated``, else by the one that
    the column's other cells prove, else by the one proven ``elsewhere`` in the file, else (a point in a ``machine``
    file, one without ";" between its cells) as a decimal point. What stays open is bad, with both readings.
    """
    fast = plain_numbers(column)
    if fast is not None and stated != "," and elsewhere != "," and (machine or proves_point(column)):
        return Parsed(fast, np.isnan(fast), np.zeros(len(fast), dtype=bool))
    found = written(column)
    words = {one.lower() for one, cell in zip(found.raw, found.cells, strict=True) if cell is None} - MISSING
    if words and words <= WORDS.keys() and all(one is None for one in found.cells):
        table = np.array([WORDS.get(one.lower(), np.nan) for one in found.raw])
        return _by_code(found, table, np.zeros(len(table), dtype=bool), ("words read as 1 and 0",))
    return _read_cells(found, stated, elsewhere, machine)


def _read_cells(found: Written, stated: str, elsewhere: str, machine: bool) -> Parsed:
    mark, source = _choose_mark(found, stated, elsewhere)
    table, bad = np.full(len(found.raw), np.nan), np.zeros(len(found.raw), dtype=bool)
    open_cells, settled = [], 0
    for at, (raw, cell) in enumerate(zip(found.raw, found.cells, strict=True)):
        if cell is None:
            bad[at] = raw.lower() not in MISSING
        elif not cell.ambiguous:
            table[at] = cell.value(cell.mark or ".")
        elif mark or (found.ungrouped and not found.marks) or (machine and cell.mark == "." and not found.marks):
            table[at] = cell.value(mark or cell.mark)
            settled += 1
        else:
            bad[at] = True
            open_cells.append(f"{raw!r} is {cell.value('.'):g} or {cell.value(','):g}")
    notes = [f"{rows} rows with decimal {name}" for name, rows in _named(found.marks)]
    if settled and mark:
        notes.append(f"cells like 1{'.' if mark == ',' else ','}650 read with decimal {NAMES[mark]} ({source})")
    why = f"{'; '.join(open_cells[:3])}: state the mark with --option decimal=." if open_cells else ""
    told = notes if len(notes) > 1 or "," in found.marks else []
    symbols = {one for raw in found.raw for one in CURRENCY.findall(raw)}
    if len(symbols) > 1:
        told = [*told, f"more than one currency: {', '.join(sorted(symbols))}; amounts were not converted"]
    return replace(_by_code(found, table, bad, tuple(told), why), reading=mark)


NAMES = {".": "point", ",": "comma"}


def _named(marks: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(NAMES[mark], rows) for mark, rows in sorted(marks.items())]


def _choose_mark(found: Written, stated: str, elsewhere: str) -> tuple[str, str]:
    if stated:
        if stated not in NAMES:
            raise UsageError(f"Option decimal={stated!r} is not understood.", expected="Give '.' or ','.")
        return stated, "as stated"
    if len(found.marks) == 1:
        return next(iter(found.marks)), "as the column's other cells prove"
    if not found.marks and elsewhere and not found.ungrouped:
        return elsewhere, "as other columns of the file prove"
    return "", ""


def _by_code(found: Written, table: np.ndarray, bad: np.ndarray, notes: tuple[str, ...], why: str = "") -> Parsed:
    values, wrong = table[found.codes], bad[found.codes]
    return Parsed(values, np.isnan(values) & ~wrong, wrong, notes, why)


# ----------------------------------------------------------------------------------------------------- times


@dataclass(frozen=True, kw_only=True)
class TimeOptions:
    """What the user says of a file's times; "" = let the column speak.

    ``date_format`` is "dmy", "mdy", "ymd" or a strptime format; ``timezone`` an IANA zone of times without offset;
    ``unit`` ("s", "ms", "h", "D") and ``origin`` give sense to plain numbers.
    """

    date_format: str = ""
    timezone: str = ""
    unit: str = ""
    origin: str = "1970-01-01"


FAR = r"^(?:2[3-9]\d\d|226[2-9]|22[7-9]\d|[3-9]\d{3}|0\d{3}|1[0-5]\d\d|16[0-7]\d)-"
YEARS = "outside the years 1678 to 2261"
SLASHED = re.compile(r"^(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[ T]+(.+))?$")
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Los_Angeles",
         "Europe/Helsinki", "America/Denver", "Australia/Sydney", "America/Sao_Paulo", "Asia/Kolkata",
         "Asia/Shanghai", "Asia/Tokyo")  # fmt: skip
NAMED = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%a, %d %b %Y")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")


def times(column: pa.ChunkedArray, options: TimeOptions, name: str) -> Parsed:
    """Read a text column as (N,) datetime64[ns], UTC without zone.

    Raises:
        DataError: the column's dates can be read day-first and month-first; or it holds plain numbers without unit.
        UsageError: an option is not understood.
    """
    trimmed = pc.utf8_trim_whitespace(column)
    if not options.date_format and not options.unit:
        fast = _iso_whole(trimmed, options)
        if fast is not None:
            return fast
    encoded = pc.dictionary_encode(trimmed).combine_chunks()
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
    raw = pd.Series(encoded.dictionary.to_pylist(), dtype=object)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    missing = raw.str.lower().isin(MISSING).to_numpy(dtype=bool)
    table, notes = _distinct_times(raw[~missing], options, name)
    values = np.full(len(raw), np.datetime64("NaT"), dtype="datetime64[ns]")
    values[~missing] = table
    bad = np.isnat(values) & ~missing
    order = next((one[-3:] for one in notes if one.startswith("dates read as ")), "")
    far = bool(bad.any()) and bool(raw[bad].str.match(FAR).all())
    return Parsed(values[codes], missing[codes], bad[codes], notes, YEARS if far else "", order)


def _iso_whole(trimmed: pa.ChunkedArray, options: TimeOptions) -> Parsed | None:
    """The fast path: every cell is ISO 8601, none or all with an offset of zero."""
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(sorted(MISSING)))
    text = pc.if_else(empty, pa.scalar(None, pa.string()), trimmed)
    if text.null_count == len(text):
        return None
    zulu = bool(pc.all(pc.match_substring_regex(text, r"(Z|[+-]00:?00)$"), skip_nulls=True).as_py())
    if not bool(pc.all(pc.match_substring_regex(text, r"^\d{4}-\d\d-\d\d"), skip_nulls=True).as_py()):
        return None
    try:
        moments = pc.cast(text, pa.timestamp("ns", "UTC") if zulu else pa.timestamp("ns"))
    except pa.ArrowInvalid:
        return None
    values = moments.to_numpy().astype("datetime64[ns]", copy=True)
    notes: tuple[str, ...] = ()
    if options.timezone and not zulu:
        values, notes = localize(values, options.timezone)
    elif not zulu:
        notes = ("no zone: taken as UTC",)
    missing = empty.combine_chunks().to_numpy(zero_copy_only=False).astype(bool)
    return Parsed(values, missing, np.isnat(values) & ~missing, notes)


def _distinct_times(raw: pd.Series[str], options: TimeOptions, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if raw.empty:
        return np.empty(0, dtype="datetime64[ns]"), ()
    numeric = pd.to_numeric(raw, errors="coerce")
    if options.unit:
        return from_numbers(numeric.to_numpy(dtype=np.float64), options)
    if numeric.notna().mean() > 0.5 and not options.date_format:
        return _plain_numbers(raw, numeric, name)
    if options.date_format and "%" in options.date_format:
        parsed = pd.to_datetime(raw, format=options.date_format, errors="coerce", utc="%z" in options.date_format)
        return _finish(parsed, options, ())
    slashed = raw.str.extract(SLASHED)
    if slashed[0].notna().mean() > 0.5:
        return _slashed(raw, slashed, options, name)
    return _iso_or_named(raw, options)


def from_numbers(values: np.ndarray, options: TimeOptions) -> tuple[np.ndarray, tuple[str, ...]]:
    """(N,) numbers since ``options.origin`` in ``options.unit`` -> datetime64[ns]."""
    if options.unit not in ("s", "ms", "us", "ns", "m", "min", "h", "D", "d"):
        raise UsageError(
            f"Option time_unit={options.unit!r} is not understood.", expected="One of s, ms, us, ns, min, h, D."
        )
    unit = {"m": "min", "d": "D"}.get(options.unit, options.unit)
    moments = pd.to_datetime(pd.Series(values), unit=unit, origin=pd.Timestamp(options.origin), errors="coerce")  # type: ignore[call-overload]
    return moments.to_numpy(dtype="datetime64[ns]"), (f"numbers read as {unit} since {options.origin}",)


def epoch_unit(values: np.ndarray) -> str:
    """The unit that puts all numbers between 1990 and 2100 as time since 1970, "" if none does."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if low >= 6.3e8 * factor and high <= 4.1e9 * factor:
            return unit
    return ""


def _plain_numbers(raw: pd.Series[str], numeric: pd.Series[float], name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    lengths = set(raw[numeric.notna()].str.len())
    for length, pattern in ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S")):
        if lengths == {length} and raw[numeric.notna()].str.fullmatch(r"(19|20|21)\d+").all():
            moments = pd.to_datetime(raw, format=pattern, errors="coerce")
            return moments.to_numpy(dtype="datetime64[ns]"), (f"digits read as {pattern}", "no zone: taken as UTC")
    unit = epoch_unit(numeric.to_numpy(dtype=np.float64))
    if unit:
        return from_numbers(numeric.to_numpy(dtype=np.float64), TimeOptions(unit=unit))
    low, high = numeric.min(), numeric.max()
    raise DataError(
        f"The time column {name!r} holds plain numbers ({low:g} … {high:g}).",
        expected="A date, or seconds or milliseconds since 1970.",
        todo="Say what they count: --option time_unit=s (ms, min, h, D) and --option time_origin=2024-01-01.",
    )


def _slashed(
    raw: pd.Series[str], parts: pd.DataFrame, options: TimeOptions, name: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Dates like 3/4/2024: the order of day and month is what the whole column allows."""
    if not options.date_format:
        _refuse_year_first(parts.dropna(subset=[0]), raw, name)
    order = options.date_format or _order(parts, raw, name)
    if order not in ("dmy", "mdy"):
        raise UsageError(
            f"Option date_format={order!r} does not fit {raw.iloc[0]!r}.",
            expected="dmy, mdy or a format like %d/%m/%Y.",
        )
    day, month = (parts[0], parts[2]) if order == "dmy" else (parts[2], parts[0])
    year = parts[3].where(parts[3].str.len() != 2, "20" + parts[3])
    iso = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + (" " + parts[4]).fillna("")
    values, notes = _finish(_by_formats(iso, ("%Y-%m-%d",)), options, (f"dates read as {order}",))
    return values, notes


LONG = 5 * 365
"""Days: a column that lasts so long day-first, and less than one year year-first, is doubtful."""


def _refuse_year_first(parts: pd.DataFrame, raw: pd.Series[str], name: str) -> None:
    """Dates like 23/02/13 of a few days in February 2023 are not read as many Februaries.

    Raises:
        DataError: read day-first the column lasts for years, read year-first for less than one.
    """
    if not (parts[[0, 3]].apply(lambda one: one.str.len()) == 2).all(axis=None):
        return
    middle = "-" + parts[2].str.zfill(2) + "-"
    both = ("20" + parts[3] + middle + parts[0], "20" + parts[0] + middle + parts[3])
    days, years = (pd.to_datetime(one, format="%Y-%m-%d", errors="coerce") for one in both)
    if years.isna().any() or (days.max() - days.min()).days < LONG or (years.max() - years.min()).days > 365:
        return
    raise DataError(
        f"The dates of column {name!r} can be read day-first and year-first (for example {raw.iloc[0]!r}); "
        "day-first they last for years.",
        todo="State the order: --option date_format=%y/%m/%d (as they are written), or dmy.",
    )


def _order(parts: pd.DataFrame, raw: pd.Series[str], name: str) -> str:
    first, second = pd.to_numeric(parts[0]), pd.to_numeric(parts[2])
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    if day_first and month_first:
        one, two = raw[first > 12].iloc[0], raw[second > 12].iloc[0]
        raise DataError(
            f"The time column {name!r} mixes day-first ({one!r}) and month-first ({two!r}) dates.",
            todo="Correct the export, or state the order: --option date_format=dmy (or mdy).",
        )
    if day_first or month_first:
        return "dmy" if day_first else "mdy"
    if bool((parts[1].dropna() == ".").all()):
        return "dmy"
    raise DataError(
        f"The dates of column {name!r} can be read day-first and month-first (for example {raw.iloc[0]!r}).",
        todo="State the order: --option date_format=dmy (or mdy).",
    )


def _by_formats(raw: pd.Series[str], dates: tuple[str, ...]) -> pd.Series[pd.Timestamp]:
    found = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[ns, UTC]")
    for date in dates:
        for clock in CLOCKS:
            for zone in ("", "%z", " %z"):
                rest = found.isna() & raw.notna()
                if not rest.any():
                    return found
                got = pd.to_datetime(raw[rest], format=date + clock + zone, errors="coerce", utc=True)
                found[rest] = got
    return found


OFFSET = re.compile(r"(?:\d\s?(?=Z$|UTC$|[+-]\d\d:?\d\d$)|:\d\d(?:\.\d+)?\s?(?=[+-]\d\d$))(.+)$")
"""What stands behind a clock: Z, UTC, +02:00, +0200 or +02."""


def _iso_or_named(raw: pd.Series[str], options: TimeOptions) -> tuple[np.ndarray, tuple[str, ...]]:
    offsets = raw.str.extract(OFFSET)[0]
    iso = raw.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})", r"\1-\2-\3", regex=True)
    iso = iso.str.replace(r"\s?UTC$", "Z", regex=True)
    whole = iso.str.match(r"^\d{4}-\d{1,2}-\d{1,2}")
    parsed = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[ns, UTC]")
    for some in (whole & offsets.isna(), whole & offsets.notna()):  # together pandas lends one's offset to the next
        if some.any():
            parsed[some] = pd.to_datetime(iso[some], format="ISO8601", errors="coerce", utc=True)
    if not whole.all():
        parsed[~whole] = _by_formats(raw[~whole], NAMED)
    if offsets.isna().all():
        return _finish(parsed, options, ())
    if offsets.isna().any():
        bare, values = offsets.isna().to_numpy(), _naive(parsed)
        if options.timezone:
            values[bare], notes = localize(values[bare], options.timezone)
            return values, ("times with and without offset are mixed; those without:", *notes)
        values[bare] = np.datetime64("NaT")
        return values, ("times with and without offset are mixed: those without need --option timezone=",)
    return _naive(parsed), _zone_notes(_naive(parsed), offsets)


def _naive(parsed: pd.Series[pd.Timestamp]) -> np.ndarray:
    return np.array(parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]"))


def _finish(
    parsed: pd.Series[pd.Timestamp], options: TimeOptions, notes: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    values = _naive(parsed) if parsed.dt.tz is not None else parsed.to_numpy(dtype="datetime64[ns]")
    if not options.timezone:
        return values, (*notes, "no zone: taken as UTC")
    values, more = localize(values, options.timezone)
    return values, (*notes, *more)


def _zone_notes(moments: np.ndarray, offsets: pd.Series[str]) -> tuple[str, ...]:
    minutes = offsets.map(_minutes).to_numpy(dtype=np.int64)
    distinct = np.unique(minutes)
    if len(distinct) == 1:
        return (f"offset {offsets.iloc[0]}, normalised to UTC",)
    index = pd.DatetimeIndex(moments).tz_localize("UTC")
    for zone in ZONES:
        local = index.tz_convert(zone).tz_localize(None)
        if np.array_equal((local - index.tz_localize(None)).total_seconds().to_numpy() // 60, minutes):
            return (f"{len(distinct)} offsets, one zone: {zone}",)
    return (f"{len(distinct)} different offsets that fit no one zone; each was normalised to UTC",)


def _minutes(offset: str) -> int:
    if offset in ("Z", "UTC"):
        return 0
    sign = -1 if offset[0] == "-" else 1
    digits = offset[1:].replace(":", "")
    return sign * (int(digits[:2]) * 60 + int(digits[2:] or 0))


def localize(moments: np.ndarray, zone: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Local times of an IANA zone -> UTC. Times that exist twice are taken as the later, and said; so are gaps."""
    index = pd.DatetimeIndex(moments)
    try:
        strict = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    except (KeyError, ValueError, OSError) as err:
        raise UsageError(f"Time zone {zone!r} is not known.", expected="An IANA name such as Europe/Berlin.") from err
    lenient = index.tz_localize(zone, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="shift_forward")
    gaps = index.tz_localize(zone, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="NaT")
    twice = int((strict.isna() & np.logical_not(gaps.isna())).sum())
    never = int((gaps.isna() & np.logical_not(index.isna())).sum())
    notes = [f"zone {zone}, normalised to UTC"]
    if twice:
        notes.append(f"{twice} distinct times exist twice when summer time ends; the later reading was taken")
    if never:
        notes.append(f"{never} distinct times do not exist (summer time begins); moved forward to the next that does")
    return lenient.tz_convert("UTC").tz_localize(None).to_numpy(dtype="datetime64[ns]"), tuple(notes)
