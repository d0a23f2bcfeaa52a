"""Numbers and times are read by the evidence of their column; what stays open is bad, never guessed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from verticals.data.parse import Parsed, TimeOptions, numbers, times
from verticals_plugins import DataError, UsageError


def column(*cells: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(cells, pa.string())])


def read(*cells: str, **options: str) -> Parsed:
    return times(column(*cells), TimeOptions(**options), "when")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12.80", 12.8),
        ("            -12.80", -12.8),
        ("1,650.00", 1650.0),
        ("2.000,50", 2000.5),
        ("-24,9900", -24.99),
        ("1.234.567,5", 1234567.5),
        ("12,34,567.50", 1234567.5),
        ("1'234.50", 1234.5),
        ("1 234,50", 1234.5),
        ("1\u202f234,50", 1234.5),
        ("(1,234.50)", -1234.5),
        ("7.50-", -7.5),
        ("\u22127.5", -7.5),
        ("€ 6.00", 6.0),
        ("CHF 6.00", 6.0),
        ("$1,000,000", 1e6),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("0,125", 0.125),
    ],
)
def test_one_written_number_is_read(cell: str, value: float) -> None:
    found = numbers(column(cell))
    assert not found.bad.any()
    assert found.values[0] == value


@pytest.mark.parametrize(
    "cell", ["abc", "1,2,3", "12.34.5", "--5", "50%", "1,65,00", "0x10", "inf", "1e", "+-3", "1e400"]
)
def test_what_is_no_number_is_bad_and_not_missing(cell: str) -> None:
    found = numbers(column(cell, "1"))
    assert found.bad.tolist() == [True, False]
    assert not found.missing.any()


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "null", "-", "#N/A"])
def test_words_for_nothing_are_missing(cell: str) -> None:
    found = numbers(column(cell, "2.5"))
    assert found.missing.tolist() == [True, False]
    assert not found.bad.any()


def test_mixed_decimal_marks_are_read_cell_by_cell_and_the_open_one_is_reported_with_both_readings() -> None:
    found = numbers(column("-12.80", "-200,00", "1,650.00", "2.000,50", "-24,9900", "1,650"))
    assert found.values[:5].tolist() == [-12.8, -200.0, 1650.0, 2000.5, -24.99]
    assert found.bad.tolist() == [False] * 5 + [True]
    assert "1650 or 1.65" in found.why
    assert found.notes == ("3 rows with decimal comma", "2 rows with decimal point")


def test_the_column_decides_what_one_cell_leaves_open() -> None:
    assert numbers(column("1,650", "2,50")).values.tolist() == [1.65, 2.5]
    assert numbers(column("1,650", "2.50")).values.tolist() == [1650.0, 2.5]
    assert numbers(column("1.650", "2,50"), machine=False).values.tolist() == [1650.0, 2.5]


def test_a_stated_mark_decides() -> None:
    assert numbers(column("1,650"), stated=",").values[0] == 1.65
    assert numbers(column("1,650"), stated=".").values[0] == 1650.0
    assert numbers(column("1.650"), stated=",").values[0] == 1650.0
    with pytest.raises(UsageError, match="decimal='x'"):
        numbers(column("1,650"), stated="x")


def test_a_point_alone_is_decimal_in_a_machine_file_and_open_in_another() -> None:
    assert numbers(column("1.650"), machine=True).values[0] == 1.65
    assert numbers(column("1.650"), machine=False).bad[0]


@pytest.mark.parametrize("cells", [("$5.00", "€6,50"), ("$5", "€6.5")])
def test_several_currencies_are_told_and_not_converted(cells: tuple[str, str]) -> None:
    found = numbers(column(*cells))
    assert found.values.tolist() == [5.0, 6.5]
    assert any("more than one currency" in note for note in found.notes)


def test_yes_and_no_are_one_and_zero_only_where_the_whole_column_says_so() -> None:
    assert numbers(column("yes", "No", "", "TRUE")).values[[0, 1, 3]].tolist() == [1, 0, 1]
    assert numbers(column("yes", "2")).bad.tolist() == [True, False]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00"),
        ("2026-07-23T10:00:00+05:00", "2026-07-23T05:00"),
        ("2024-05-01 23:30:00 +0200", "2024-05-01T21:30"),
        ("2024-01-01 10:00:00.123456", "2024-01-01T10:00:00.123456"),
        ("13/04/2024 10:00", "2024-04-13T10:00"),
        ("1/13/2024 1:05:00 PM", "2024-01-13T13:05"),
        ("01.02.2024 10:00:05", "2024-02-01T10:00:05"),
        ("01.02.24", "2024-02-01"),
        ("2024/03/05 08:00", "2024-03-05T08:00"),
        ("20240131", "2024-01-31"),
        ("20240131235959", "2024-01-31T23:59:59"),
        ("1704067200", "2024-01-01"),
        ("1704067200123", "2024-01-01T00:00:00.123"),
        ("5 Jan 2024", "2024-01-05"),
        ("05-JAN-24", "2024-01-05"),
        ("January 5, 2024", "2024-01-05"),
    ],
)
def test_one_written_time_is_read_as_utc(cell: str, moment: str) -> None:
    found = read(cell)
    assert not found.bad.any()
    assert found.values[0] == np.datetime64(moment, "ns")


def test_offsets_are_normalised_and_the_one_zone_behind_them_is_named() -> None:
    found = read("2024-01-01T10:00:00+01:00", "2024-07-02T10:00:00+02:00")
    assert found.values.astype("datetime64[h]").astype(str).tolist() == ["2024-01-01T09", "2024-07-02T08"]
    assert found.notes == ("2 offsets, one zone: Europe/Berlin",)


@pytest.mark.parametrize("cell", ["2026-01-02 03:04:05-05", "2026-01-02 08:04:05 UTC", "2026-01-02T03:04:05.0-0500"])
def test_offsets_in_hours_and_in_words_are_seen(cell: str) -> None:
    found = read(cell, timezone="Europe/Berlin")
    assert found.values[0] == np.datetime64("2026-01-02T08:04:05")


def test_times_without_offset_among_times_with_one_are_bad() -> None:
    found = read("2024-07-02T10:00:00+02:00", "2024-07-02T10:00:00")
    assert found.bad.tolist() == [False, True]


def test_times_without_offset_among_times_with_one_are_read_in_the_stated_zone() -> None:
    found = read("2024-03-01T10:00:00+01:00", "2024-03-01T10:00:00", timezone="America/New_York")
    assert [str(v)[:16] for v in found.values] == ["2024-03-01T09:00", "2024-03-01T15:00"]
    assert not found.bad.any()
    assert any("America/New_York" in note for note in found.notes)


def test_a_stated_zone_is_applied_and_hours_that_exist_twice_or_never_are_told() -> None:
    found = read("2024-10-27 02:30", "2024-03-31 02:30", "2024-06-01 12:00", timezone="Europe/Berlin")
    assert found.values[2] == np.datetime64("2024-06-01T10:00", "ns")
    assert any("exist twice" in note for note in found.notes)
    assert any("do not exist" in note for note in found.notes)
    with pytest.raises(UsageError, match="Mars"):
        read("2024-06-01 12:00", timezone="Mars/Crater")


def test_dates_of_open_order_are_refused_and_read_once_the_order_is_stated() -> None:
    with pytest.raises(DataError, match="day-first and month-first"):
        read("03/04/2024", "05/06/2024")
    assert read("03/04/2024", date_format="dmy").values[0] == np.datetime64("2024-04-03")
    assert read("03/04/2024", date_format="mdy").values[0] == np.datetime64("2024-03-04")
    with pytest.raises(DataError, match="mixes day-first"):
        read("13/04/2024", "04/13/2024")


def test_dates_that_do_not_exist_or_do_not_fit_are_bad_with_the_reason() -> None:
    found = read("2024-02-30", "2024-02-03T25:00", "2024-02-03")
    assert found.bad.tolist() == [True, True, False]
    far = read("9999-12-31", "2024-02-03")
    assert far.bad.tolist() == [True, False]
    assert "1678 to 2261" in far.why


def test_plain_numbers_are_no_times_until_their_unit_is_stated() -> None:
    with pytest.raises(DataError, match="time_unit"):
        read("0", "77")
    found = read("0", "1.5", unit="D", origin="2024-01-01")
    assert found.values[1] == np.datetime64("2024-01-02T12:00", "ns")


def test_two_digits_that_may_be_the_year_are_asked_for() -> None:
    with pytest.raises(DataError, match="day-first and year-first"):
        read("23-02-13", "23-02-28")
    assert read("23-02-13", "23-02-28", date_format="%y-%m-%d").values[1] == np.datetime64("2023-02-28")
    assert read("13-02-23", "28-02-23").values[1] == np.datetime64("2023-02-28")
