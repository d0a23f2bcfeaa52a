"""Turns one raw column into the values of a field, by the class of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.types as pt

from verticals.data.parse import MISSING, YEARS, Parsed, TimeOptions, epoch_unit, from_numbers, localize, numbers, times
from verticals_plugins.errors import DataError
from verticals_plugins.schema import Category, Field, Id, Number, Time

pc: Any = pyarrow.compute

DATE_LIKE = r"^\s*(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})([ T].*)?\s*$"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file is to be read: what the user stated, and what was decided before (column -> reading)."""

    decimal: str = ""
    elsewhere: str = ""
    machine: bool = True
    """No ";" parts the cells: a point alone is a decimal point."""
    times: TimeOptions = field(default_factory=TimeOptions)
    positive: str = ""
    decided: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Column:
    """A column ready for the table; (N,) ``missing`` and ``bad`` as in :class:`~verticals.data.parse.Parsed`."""

    values: pd.Series
    missing: np.ndarray
    bad: np.ndarray
    notes: tuple[str, ...] = ()
    why: str = ""
    reading: str = ""


def is_text(column: pa.ChunkedArray) -> bool:
    """Whether the raw column holds strings."""
    return bool(pt.is_string(column.type) or pt.is_large_string(column.type) or pt.is_string_view(column.type))


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without dictionary encoding."""
    return column.cast(column.type.value_type) if pt.is_dictionary(column.type) else column


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """(N,) strings, "" where nothing was. Whole numbers stay whole, exactly; a float like 7.0 becomes "7"."""
    if is_text(column):
        return pc.fill_null(column.cast(pa.string()), "")
    if pt.is_boolean(column.type):
        words = pc.if_else(column, pa.scalar("True"), pa.scalar("False"))
        return pc.fill_null(words, "")
    if pt.is_floating(column.type):
        values = column.to_numpy().astype(np.float64)
        finite = values[np.isfinite(values)]
        if (finite == np.floor(finite)).all() and (np.abs(finite) < 2.0**53).all():
            whole = pa.array(np.where(np.isfinite(values), values, 0).astype(np.int64), mask=~np.isfinite(values))
            return pc.fill_null(pa.chunked_array([whole.cast(pa.string())]), "")
    try:
        return pc.fill_null(column.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array(
            [pa.array(["" if one is None else str(one) for one in column.to_pylist()], pa.string())]
        )


def convert(column: pa.ChunkedArray, wanted: Field, name: str, reading: Reading) -> Column:
    """Read the raw column ``name`` as the field ``wanted``.

    Number -> float64; Time -> datetime64[ns] UTC; Category -> category of text; Id -> int64 if whole, else text;
    others -> text.

    Raises:
        DataError: the column's times are ambiguous, or are numbers of an unknown unit.
    """
    column = decoded(column)
    if isinstance(wanted, Number):
        return _plain(to_number(column, name, reading))
    if isinstance(wanted, Time):
        return _plain(to_time(column, name, reading))
    text, notes = trimmed(as_text(column))
    missing = pc.equal(text, "").to_numpy().astype(bool)
    clean = np.zeros(len(missing), dtype=bool)
    if isinstance(wanted, Category):
        return Column(to_category(text), missing, clean, notes)
    if isinstance(wanted, Id):
        return Column(to_id(text, missing), missing, clean, notes)
    return Column(pd.Series(text.to_pandas(), dtype=object), missing, clean, notes)


def _plain(parsed: Parsed) -> Column:
    return Column(pd.Series(parsed.values), parsed.missing, parsed.bad, parsed.notes, parsed.why, parsed.reading)


def trimmed(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, tuple[str, ...]]:
    """Without blanks around; and a note if there were any."""
    cut = pc.utf8_trim_whitespace(text)
    changed = pc.sum(pc.not_equal(cut, text)).as_py() or 0
    return cut, (f"blanks around {changed:,} values were left out",) if changed else ()


def to_category(text: pa.ChunkedArray) -> pd.Series:
    """Categories in sorted order; "" is missing, "NA" is a value like any other."""
    known = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    encoded = pc.dictionary_encode(known).combine_chunks()
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
    names = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names.astype(str), kind="stable") if len(names) else np.empty(0, dtype=np.int64)
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    codes = np.where(codes >= 0, place[codes] if len(names) else -1, -1)
    named = pd.Index(names[order], dtype=object)
    return pd.Series(pd.Categorical.from_codes(codes, categories=named))  # type: ignore[arg-type]


def to_id(text: pa.ChunkedArray, missing: np.ndarray) -> pd.Series:
    """int64 if every cell is a whole number written without leading zeros that fits, else text."""
    whole = not missing.any() and bool(pc.all(pc.match_substring_regex(text, r"^(0|-?[1-9]\d{0,18})$")).as_py())
    if whole and len(text):
        try:
            return pd.Series(text.cast(pa.int64()).to_numpy())
        except pa.ArrowInvalid:
            pass  # beyond 64 bits: the digits are kept as text
    return pd.Series(text.to_pandas(), dtype=object)


def to_number(column: pa.ChunkedArray, name: str, reading: Reading) -> Parsed:
    """(N,) float64 from text, whole, floating, decimal or boolean columns."""
    if is_text(column):
        return numbers(
            as_text(column), stated=reading.decimal or reading.decided.get(name, ""), elsewhere=reading.elsewhere,
            machine=reading.machine,
        )  # fmt: skip
    if pt.is_temporal(column.type) or pt.is_nested(column.type) or pt.is_binary(column.type):
        wrong = pc.is_valid(column).to_numpy().astype(bool)
        return Parsed(np.full(len(wrong), np.nan), ~wrong, wrong, (), f"{column.type}, not a number")
    values = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=True)
    infinite = np.isinf(values)
    values[infinite] = np.nan
    notes: tuple[str, ...] = ()
    if pt.is_integer(column.type) and (np.abs(values) > 2.0**53).any():
        notes = ("whole numbers beyond 2^53 were rounded: an identifier belongs in a category or id",)
    return Parsed(values, np.isnan(values) & ~infinite, infinite, notes, "infinite")


def to_time(column: pa.ChunkedArray, name: str, reading: Reading) -> Parsed:
    """(N,) datetime64[ns] UTC from text, timestamps, dates or numbers."""
    options = reading.times
    if is_text(column):
        decided = reading.decided.get(name, "")
        if decided and not options.date_format:
            options = replace(options, date_format=decided)
        return times(as_text(column), options, name)
    valid = pc.is_valid(column).to_numpy().astype(bool)
    if pt.is_temporal(column.type) and not pt.is_time(column.type) and not pt.is_duration(column.type):
        return _from_temporal(column, valid, options)
    if pt.is_integer(column.type) or pt.is_floating(column.type):
        return _from_plain(column, valid, name, options)
    return Parsed(
        np.full(len(valid), np.datetime64("NaT"), "datetime64[ns]"), ~valid, valid, (), f"{column.type}, not a time"
    )


def _from_temporal(column: pa.ChunkedArray, valid: np.ndarray, options: TimeOptions) -> Parsed:
    zone = getattr(column.type, "tz", None)
    try:
        values = column.cast(pa.timestamp("ns", zone)).to_numpy().astype("datetime64[ns]", copy=True)
    except pa.ArrowInvalid:
        coarse = pd.Series(column.cast(pa.timestamp("s", zone), safe=False).to_numpy().astype("datetime64[s]"))
        fits = (coarse >= pd.Timestamp.min.as_unit("s")) & (coarse <= pd.Timestamp.max.as_unit("s"))
        values = coarse.where(fits).to_numpy().astype("datetime64[ns]")
    notes: tuple[str, ...] = (f"zone {zone}, normalised to UTC",) if zone else ("no zone: taken as UTC",)
    if not zone and options.timezone:
        values, notes = localize(values, options.timezone)
    return Parsed(values, ~valid, np.isnat(values) & valid, notes, YEARS)


def _from_plain(column: pa.ChunkedArray, valid: np.ndarray, name: str, options: TimeOptions) -> Parsed:
    values = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    unit = options.unit or (epoch_unit(values) if valid.any() else "s")
    if not unit:
        return times(as_text(column), options, name)
    origin = options.origin if options.unit else "1970-01-01"
    if pt.is_integer(column.type) and unit == "ns":
        moments = column.cast(pa.int64()).cast(pa.timestamp("ns")).to_numpy().astype("datetime64[ns]")
        return Parsed(moments, ~valid, np.isnat(moments) & valid, ("numbers read as ns since 1970-01-01",))
    moments, notes = from_numbers(values, TimeOptions(unit=unit, origin=origin))
    return Parsed(moments, ~valid, np.isnat(moments) & valid, notes)


WITH_COMMA = r"^[+-]?(0|[1-9]\d{0,14})(,\d+)?([eE][+-]?\d+)?$"
THOUSANDS = r"^[+-]?[1-9]\d{0,2},\d{3}$"
"""Cells that could be a thousand and more as well as one and a bit."""


def extra(column: pa.ChunkedArray, *, comma: bool = False) -> pd.Series:
    """A column that no field asks for, under its own type; text becomes numbers only where nothing can be lost.

    With ``comma`` the file may write decimal commas; a column whose commas could all group thousands stays text.
    """
    column = decoded(column)
    if not is_text(column):
        return column.to_pandas()
    text = as_text(column)
    known = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    nothing = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(text)), value_set=pa.array(sorted(MISSING)))
    numbers = pc.if_else(nothing, pa.scalar(None, pa.string()), text)
    if numbers.null_count == len(text) or bool(pc.any(pc.match_substring_regex(numbers, r"^[+-]?0\d")).as_py()):
        return known.to_pandas()
    whole = bool(pc.all(pc.match_substring_regex(numbers, r"^-?\d+$")).as_py())
    if whole and numbers.null_count and not bool(pc.all(pc.less(pc.utf8_length(numbers), 16)).as_py()):
        return known.to_pandas()
    try:
        return numbers.cast(pa.int64() if whole and not numbers.null_count else pa.float64()).to_pandas()
    except pa.ArrowInvalid:
        pass
    marked = numbers.filter(pc.match_substring(numbers, ","))
    decimal = comma and pc.all(pc.match_substring_regex(numbers, WITH_COMMA)).as_py()
    if decimal and not pc.all(pc.match_substring_regex(marked, THOUSANDS)).as_py():
        return pc.replace_substring(numbers, ",", ".").cast(pa.float64()).to_pandas()
    return known.to_pandas()


def dates_in(column: pa.ChunkedArray) -> bool:
    """Whether a target column holds dates: then it says when the outcome became known."""
    column = decoded(column)
    if pt.is_timestamp(column.type) or pt.is_date(column.type):
        return column.null_count < len(column)
    if not is_text(column):
        return False
    text = as_text(column)
    known = text.filter(pc.not_equal(pc.utf8_trim_whitespace(text), ""))
    return len(known) > 0 and bool(pc.all(pc.match_substring_regex(known, DATE_LIKE)).as_py())


def positives(column: pa.ChunkedArray, positive: str, name: str) -> Parsed:
    """(N,) 1 where the cell is the word ``positive``, else 0; missing where it is empty."""
    text = pc.utf8_trim_whitespace(as_text(decoded(column)))
    hit = pc.equal(text, positive).to_numpy().astype(np.float64)
    missing = pc.equal(text, "").to_numpy().astype(bool)
    if not hit.any():
        seen = ", ".join(repr(one) for one in pc.unique(text).to_pylist()[:5])
        raise DataError(f"Column {name!r} never says {positive!r}.", expected=f"It says {seen}.")
    hit[missing] = np.nan
    return Parsed(hit, missing, np.zeros(len(hit), dtype=bool), (f"{positive!r} counts as 1",))
