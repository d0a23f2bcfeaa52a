"""Formats of demand as other systems and countries write them: the right value, or a refusal that names the place."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.pipeline.reading import choose
from verticals_plugins import DataError, Dataset, ReadOptions
from verticals_retail.adapters.heads import date_heads, moments_of
from verticals_retail.demand.task import DEMAND

Shared = Callable[[str], Path]


def read(path: Path, **options: str) -> Dataset:
    return choose(DEMAND, path).adapter.read(path, ReadOptions(schema=DEMAND.schema, options=options))


def sheet(folder: Path, text: str | bytes, name: str = "sheet.csv", **options: str) -> Dataset:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, **options)


def values(data: Dataset) -> dict[str, list[float]]:
    grouped = data.main.groupby("series", observed=True, sort=False)["demand"]
    return {str(name): list(one) for name, one in grouped}


# ------------------------------------------------------------------------------------------------ column heads


@pytest.mark.parametrize(
    ("heads", "days"),
    [
        (["2024/1/5", "2024/1/12"], ["2024-01-05", "2024-01-12"]),
        (["20240105", "20240112"], ["2024-01-05", "2024-01-12"]),
        (["2024-01-05 00:00:00", "2024-01-12 00:00:00"], ["2024-01-05", "2024-01-12"]),
        (["1/13/24", "1/20/24"], ["2024-01-13", "2024-01-20"]),
        (["1.2.2024", "8.2.2024"], ["2024-02-01", "2024-02-08"]),
        (["5-Jan-24", "12-Jan-24"], ["2024-01-05", "2024-01-12"]),
        (["202311", "202312"], ["2023-11-01", "2023-12-01"]),
        (["2023-9", "2023-10"], ["2023-09-01", "2023-10-01"]),
        (["11/2023", "12/2023"], ["2023-11-01", "2023-12-01"]),
        (["2023M11", "2023M12"], ["2023-11-01", "2023-12-01"]),
        (["Dec-23", "Jan-24"], ["2023-12-01", "2024-01-01"]),
        (["März 2024", "Mai 2024"], ["2024-03-01", "2024-05-01"]),
        (["févr. 2024", "août 2024"], ["2024-02-01", "2024-08-01"]),
        (["ene 2024", "abr 2024"], ["2024-01-01", "2024-04-01"]),
        (["KW 52/2020", "KW 53/2020"], ["2020-12-21", "2020-12-28"]),
        (["2021W01", "2021W02"], ["2021-01-04", "2021-01-11"]),
        (["Q4 2023", "Q1 2024"], ["2023-10-01", "2024-01-01"]),
        (["2022", "2023"], ["2022-01-01", "2023-01-01"]),
    ],
)
def test_heads_are_dates_in_many_styles(heads: list[str], days: list[str]) -> None:
    assert date_heads(heads) == heads
    assert list(np.datetime_as_string(moments_of(heads, "", "x"), "D")) == days


@pytest.mark.parametrize("head", ["Size 24", "Marketing 24", "2024-13", "20241301", "20241", "S1", "2024-01-01.2"])
def test_other_heads_are_no_dates(head: str) -> None:
    assert date_heads([head]) == []


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("sku,2024-01,2024-02,Foo,2024-04\nA,1,2,3,4\n", "'Foo' stands among the dates"),
        ("sku,2024-01-01,2024-01-01,2024-01-02,2024-01-03\nA,1,2,3,4\n", "stands among the dates"),
        ("sku,2024-01-01,2024/01/01,2024-01-02\nA,1,2,3\n", "2024-01-01 occurs twice"),
        ("sku,2024-01,2024-02,Mar 2024\nA,1,2,3\n", "written in 2 ways"),
        ("sku,30/02/2024,13/03/2024,14/03/2024\nA,1,2,3\n", "'30/02/2024' is no date"),
        ("sku,2024-01,2024-02,2024-03\nA,#REF!,2,3\n", "'#REF!' in column 2024-01, line 2, is no number"),
        ('sku,2024-01,2024-02,2024-03\nA,"1,234","2,345",3\n', "'1,234' is 1234 or 1.234.*--option decimal"),
        ("Artikel;Jan 24;Feb 24;Mrz 24\nA;1.234;2;3\n", "'1.234' is 1.234 or 1234"),
        ("sku,2024-01,2024-02,2024-03\nA,1,2,3\nA,4,5,6\n", "series 'A' stands in line 2 and line 3"),
        ("Report,,,\n,,,\nsku,2024-01,2024-02,2024-03\nA,1,2,3\n", "--option header=3"),
    ],
)
def test_a_doubtful_sheet_is_refused_by_name(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        sheet(tmp_path, text)


def test_totals_and_empty_rows_are_no_series(tmp_path: Path) -> None:
    text = "Store,Item,2024-01,2024-02,2024-03,Total\nS1,A,1,2,3,6\nS1 Total,,1,2,3,6\nS2,B,4,5,6,15\n"
    data = sheet(tmp_path, text + "S2 Total,,4,5,6,15\nGrand Total,,5,7,9,21\n,,,,,\n,,9,9,9,27\n")
    assert values(data) == {"S1/A": [1, 2, 3], "S2/B": [4, 5, 6]}
    ledger = data.provenance.ledger
    assert ledger.dropped == {"a row of totals": 3, "an empty row": 1, "a row without a name": 1}
    assert ledger.where["a row of totals"] == ["line 3", "line 5", "line 6"]
    assert "columns left out: Total" in ledger.warnings


def test_a_product_called_total_stays(tmp_path: Path) -> None:
    data = sheet(tmp_path, "Item,2024-01,2024-02,2024-03\nTotal Yogurt,1,2,3\nB,4,5,6\n")
    assert list(values(data)) == ["Total Yogurt", "B"]


def test_one_decimal_mark_holds_for_a_whole_sheet(tmp_path: Path) -> None:
    dots = sheet(tmp_path, 'Item,2024-01,2024-02,2024-03\nA,"1,234","2,345.50",3\n')
    assert values(dots) == {"A": [1234, 2345.5, 3]}
    commas = sheet(tmp_path, "Artikel;Jan 24;Feb 24;Mrz 24\nA;1.234,5;2.345;3\n")
    assert values(commas) == {"A": [1234.5, 2345, 3]}
    said = sheet(tmp_path, "Artikel;Jan 24;Feb 24;Mrz 24\nA;1.234;2;3\n", decimal=",")
    assert values(said) == {"A": [1234, 2, 3]}


def test_a_name_that_was_merged_over_rows_is_told(tmp_path: Path) -> None:
    data = sheet(tmp_path, "Store,Item,2024-01,2024-02,2024-03\nS1,A,1,2,3\n,B,4,5,6\n")
    assert "1 rows have no Store (line 3); nothing was filled in" in data.provenance.ledger.warnings


def test_a_header_further_down_and_another_encoding(tmp_path: Path) -> None:
    text = "Report,,,\n,,,\nsku,2024-01,2024-02,2024-03\nA,1,2,3\n"
    assert values(sheet(tmp_path, text, header="3")) == {"A": [1, 2, 3]}
    wide = ("\ufeff" + text.split(",,,\n")[-1]).encode("utf-16-le")
    assert values(sheet(tmp_path, wide)) == {"A": [1, 2, 3]}


def test_a_price_sheet_that_repeats_a_series_is_refused(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("sku,2024-01,2024-02,2024-03\nA,1,2,3\nA,1,2,3\n")
    with pytest.raises(DataError, match=r"prices\.csv: series 'A' stands in line 2 and line 3"):
        sheet(tmp_path, "sku,2024-01,2024-02,2024-03\nA,1,2,3\n", prices=str(prices))


def test_a_sheet_with_times_down_leaves_totals_out(tmp_path: Path) -> None:
    data = sheet(tmp_path, "date,A,B,Total\n2024-01-01,1,2,3\n2024-01-02,4,5,9\nTotal,5,7,12\n")
    assert values(data) == {"A": [1, 4], "B": [2, 5]}
    assert data.provenance.ledger.where == {"date cannot be read as a time": ["line 4: 'Total'"]}


# ------------------------------------------------------------------------------------------------ long tables


@pytest.mark.parametrize(
    ("cells", "first", "last"),
    [
        (["2023-11", "2023-12", "2024-01"], "2023-11-01", "2024-01-01"),
        (["202311", "202312", "202401"], "2023-11-01", "2024-01-01"),
        (["2023-W50", "2023-W51", "2023-W52"], "2023-12-11", "2023-12-25"),
        (["2023Q3", "2023Q4", "2024Q1"], "2023-07-01", "2024-01-01"),
        (["Nov 2023", "Dec 2023", "Jan 2024"], "2023-11-01", "2024-01-01"),
        (["2021", "2022", "2023"], "2021-01-01", "2023-01-01"),
    ],
)
def test_times_may_be_periods(cells: list[str], first: str, last: str, tmp_path: Path) -> None:
    data = sheet(tmp_path, "sku,period,qty\n" + "".join(f"A,{one},1\n" for one in cells))
    assert [str(data.main["time"].iloc[at])[:10] for at in (0, -1)] == [first, last]
    assert any("first day of the period" in one for one in data.provenance.ledger.warnings)


def test_a_number_of_each_row_is_no_series(tmp_path: Path) -> None:
    text = "id,date,store_nbr,family,sales\n0,2024-01-01,1,A,1\n1,2024-01-02,1,A,2\n2,2024-01-01,2,A,3\n"
    assert values(sheet(tmp_path, text)) == {"1/A": [1, 2], "2/A": [3]}


# ------------------------------------------------------------------------------------------------ competitions


def test_a_folder_of_several_train_files_is_refused(tmp_path: Path) -> None:
    for name in ("Daily-train.csv", "Hourly-train.csv"):
        (tmp_path / name).write_text('"V1","V2","V3"\n"D1","1","2"\n')
    with pytest.raises(DataError, match="2 files with train in their name"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [("V1,V2,V3\n,1,2\n", "line 2 has no id"), ("V1,V2,V3\nD1,1,x\n", "'x' in column V3, line 2"),
     ("V1,V2,V3\nD1,1,2\nD1,3,4\n", "series 'D1' stands in line 2 and line 3")],
)  # fmt: skip
def test_a_damaged_competition_row_is_named(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        sheet(tmp_path, text, "Daily-train.csv")


def test_a_horizon_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="horizon is 'abc'"):
        sheet(tmp_path, "V1,V2,V3\nD1,1,2\n", "Daily-train.csv", horizon="abc")


M5_CALENDAR = "date,d,wm_yr_wk,event_name_1,event_name_2\n1/29/2011,d_1,1,Easter,Cinco\n1/30/2011,d_2,1,,\n"


def test_the_sales_file_that_was_named_is_read(tmp_path: Path) -> None:
    (tmp_path / "calendar.csv").write_text(M5_CALENDAR + "1/31/2011,d_3,1,,\n")
    (tmp_path / "sales_train_validation.csv").write_text("item_id,store_id,d_1,d_2\nI,S,1,2\n")
    (tmp_path / "sales_train_evaluation.csv").write_text("item_id,store_id,d_1,d_2,d_3\nI,S,1,2,3\n")
    assert values(read(tmp_path)) == {"I/S": [1, 2, 3]}
    named = read(tmp_path / "sales_train_validation.csv").main
    assert list(named["demand"].dropna()) == [1, 2]
    assert list(named["event"].astype(str)) == ["Easter + Cinco", "", ""]


@pytest.mark.parametrize(
    ("calendar", "prices", "match"),
    [
        (M5_CALENDAR + "1/30/2011,d_2,1,,\n", "", "d_2 stands in several rows"),
        (M5_CALENDAR.split("1/30")[0], "", "lacks 1 days of the sales"),
        (M5_CALENDAR, "I,S,1,2.5\nI,S,1,2.6\n", "I S 1 has several prices .line 3."),
        (M5_CALENDAR, "I,S,1,cheap\n", "'cheap' in column sell_price, line 2"),
    ],
)
def test_damaged_tables_are_named(calendar: str, prices: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "calendar.csv").write_text(calendar)
    (tmp_path / "sales.csv").write_text("item_id,store_id,d_1,d_2\nI,S,1,2\n")
    if prices:
        (tmp_path / "prices.csv").write_text("item_id,store_id,wm_yr_wk,sell_price\n" + prices)
    with pytest.raises(DataError, match=match):
        read(tmp_path)


# ------------------------------------------------------------------------------------------------ .tsf

HEAD = "@relation r\n@attribute series_name string\n@attribute start_timestamp date\n"


def test_any_attribute_that_is_a_date_is_the_start(tmp_path: Path) -> None:
    head = "@relation r\n@attribute station string\n@attribute height numeric\n@attribute begins date\n"
    text = head + "@frequency half_hourly\n@horizon 2\n@missing true\n@equallength false\n@data\n"
    data = sheet(tmp_path, text + "A:3:2013-01-31 00-30-00:1,?,3\nB:3:2014-01-31 00-30-00:4\n", "a.tsf")
    assert set(data.main["series"].astype(str)) == {"A/3", "B/3"}
    assert str(data.main["time"].iloc[2]) == "2013-01-31 01:30:00"
    assert data.provenance.notes["horizon"] == "2"


def test_tabs_in_the_header_and_latin_letters(tmp_path: Path) -> None:
    text = HEAD.replace(" ", "\t") + "@frequency\t4_seconds\n@data\nCaf\xe9\x81:2013-01-01 00-00-00:1,2\r\n"
    data = sheet(tmp_path, text.encode("latin-1"), "a.tsf")
    assert data.main["series"].iloc[0] == "Caf\xe9\x81"
    assert [one.second for one in data.main["time"]] == [0, 4]


def test_years_beyond_the_clock_are_numbered(tmp_path: Path) -> None:
    text = HEAD + "@frequency yearly\n@data\nA:1979-01-01 12-00-00:" + ",".join(["1"] * 400) + "\n"
    data = sheet(tmp_path, text, "a.tsf")
    assert list(data.main["time"].tail(2)) == [398, 399]
    assert any("leave the years 1678 to 2261" in one for one in data.provenance.ledger.warnings)


@pytest.mark.parametrize("cell", ["inf", "nan", "", "1e999"])
def test_an_odd_value_is_refused_with_its_line(cell: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.tsf line 6"):
        sheet(tmp_path, HEAD + f"@frequency daily\n@data\nA:2013-01-01 00-00-00:1,{cell}\n", "a.tsf")


# ------------------------------------------------------------------------------------------------ listed facts


@pytest.mark.parametrize(
    "name",
    [
        "favorita/holidays_events.csv", "favorita/oil.csv", "favorita/transactions_head.csv",
        "faq/korean_shopping_faq.csv", "stock_tables/partial_dataset_small.csv", "online_retail/2010-12-22.csv",
        "online_retail/2011-02-06.csv", "intents/banking77_test.csv",
        "intents/clinc_domains.json", "movielens/sample_movielens_ratings.txt",
        "recbole/ml-100k_head.inter", "stock_tables/frepple_buffer.mfg.xlsx",
        "erp_exports/frepple_forecast-method.xlsx",
    ],
)  # fmt: skip
def test_files_of_other_tasks_are_refused(name: str, shared: Shared) -> None:
    with pytest.raises(DataError) as found:
        read(shared(f"formats/retail/{name}"))
    assert found.value.expected


def test_listed_facts_of_long_and_competition_files(shared: Shared) -> None:
    exog = read(shared("formats/retail/nixtla_long/m5_sales_exog_small_head.csv")).main
    assert exog.groupby("series", observed=True).size().to_dict() == {
        "FOODS_1_001": 1969, "FOODS_1_002": 1969, "FOODS_1_003": 62,
    }  # fmt: skip
    assert round(100 * float((exog["demand"] == 0).mean()), 2) == 60.85
    assert (exog["price"].min(), exog["price"].max()) == (2.0, 9.48)
    test = read(shared("formats/retail/m4_m3/M4_Hourly-test_head.csv")).main
    assert list(test["demand"].head(3)) == [619, 565, 532]
    loads = values(read(shared("formats/retail/ett/ETTh1_head.csv")))
    assert sum(loads["OT"]) == pytest.approx(60617.541058540344)
    assert [(np.array(loads[one]) < 0).sum() for one in ("HULL", "MULL")] == [2, 93]
    yearly = read(shared("formats/retail/monash_tsf/UnitTest_Tsf_Loader.tsf"))
    assert [len(one) for one in values(yearly).values()] == [7, 3, 5]
    assert {str(one)[:10] for one in yearly.main.groupby("series", observed=True)["time"].min()} == {
        "1979-01-01", "1973-01-01",
    }  # fmt: skip
    assert yearly.provenance.notes["horizon"] == "4"


# ------------------------------------------------------------------------------------------------ time in heads


@pytest.mark.parametrize(
    ("heads", "moments"),
    [
        (["1/13/2024 1:00 PM", "1/13/2024 2:00 PM"], ["2024-01-13T13:00:00", "2024-01-13T14:00:00"]),
        (["1/13/2024, 12:30:00 AM", "1/14/2024, 12:30:00 PM"], ["2024-01-13T00:30:00", "2024-01-14T12:30:00"]),
        (["2024-01-01T00:00:00+02:00", "2024-01-02T00:00:00+02:00"], ["2023-12-31T22:00:00", "2024-01-01T22:00:00"]),
        (["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"], ["2024-01-01T00:00:00", "2024-01-01T01:00:00"]),
        (["Jan24", "Feb24"], ["2024-01-01T00:00:00", "2024-02-01T00:00:00"]),
    ],
)
def test_heads_keep_their_time_of_day(heads: list[str], moments: list[str]) -> None:
    assert date_heads(heads) == heads
    assert list(np.datetime_as_string(moments_of(heads, "", "x"), "s")) == moments


@pytest.mark.parametrize("head", ["2024-01-01 12", "2024-01-01 12:00 noon"])
def test_a_time_of_day_that_is_not_understood_is_no_date(head: str) -> None:
    assert date_heads([head]) == []


@pytest.mark.parametrize("heads", ["W1,W2,W3,W4", "Week 1,Week 2,Week 3,Week 4", "KW01,KW02,KW03,KW04"])
def test_weeks_without_a_year_are_refused(heads: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name weeks without a year"):
        sheet(tmp_path, f"sku,{heads}\nA,1,2,3,4\n")


@pytest.mark.parametrize("more", ["w1,w2,w3", "S1,S2,S3", "jan,feb,mar"])
def test_numbered_columns_of_a_long_table_are_no_weeks(more: str, tmp_path: Path) -> None:
    data = sheet(tmp_path, f"sku,date,qty,{more}\nA,2024-01-01,5,1,2,3\nA,2024-01-02,6,1,2,3\n")
    assert values(data) == {"A": [5, 6]}


# ------------------------------------------------------------------------------------------------ times down


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["2024-01", "2024-02"], ["2024-01-01", "2024-02-01"]),
        (["202401", "202402"], ["2024-01-01", "2024-02-01"]),
        (["2024-W01", "2024-W02"], ["2024-01-01", "2024-01-08"]),
        (["2024Q1", "2024Q2"], ["2024-01-01", "2024-04-01"]),
        (["Jan 2024", "Feb 2024"], ["2024-01-01", "2024-02-01"]),
    ],
)
def test_a_first_column_may_hold_periods(cells: list[str], days: list[str], tmp_path: Path) -> None:
    data = sheet(tmp_path, f"period,A,B\n{cells[0]},1,2\n{cells[1]},3,4\n")
    assert values(data) == {"A": [1, 3], "B": [2, 4]}
    assert [str(one)[:10] for one in data.main["time"].head(2)] == days


def test_times_down_are_put_in_order_and_their_gaps_told(tmp_path: Path) -> None:
    data = sheet(tmp_path, "date,A,B\n1/16/2024,1,2\n1/13/2024,3,4\n1/14/2024,5,6\n")
    assert values(data) == {"A": [3, 5, 1], "B": [4, 6, 2]}
    told = data.provenance.ledger.warnings
    assert "date: dates read as mdy" in told
    assert "series (all): 1 missing steps (2024-01-15T00:00 to 2024-01-15T00:00)" in told


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("date,A,B\n2024-01-02,1,2\n2024-01-01,1,2\n2024-01-02,3,4\n", "2024-01-02.* stands in line 2 and line 4"),
        ("date,customer_id,amount\n2024-01-01,17,3.5\n2024-01-01,18,4.5\n", "stands in line 2 and line 3"),
        ("date,A,B\nfoo,1,2\nbar,3,4\n2024-01-01,3,4\n", "'date' cannot be read as a time, for example 'foo'"),
    ],
)
def test_doubtful_times_down_are_refused(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        sheet(tmp_path, text)


def test_a_column_sheet_takes_no_price_sheet(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one column a series"):
        sheet(tmp_path, "date,A,B\n2024-01-01,1,2\n2024-01-02,1,2\n", prices="p.csv")


# ------------------------------------------------------------------------------------------------ nothing silent


def test_a_sheet_tells_dashes_and_missing_weeks(tmp_path: Path) -> None:
    data = sheet(tmp_path, "sku,2024-01-01,2024-01-08,2024-01-22\nA, - ,2,3\n")
    assert np.isnan(data.main["demand"].iloc[0])
    assert "1 cells hold a dash: not known, and no zero" in data.provenance.ledger.warnings
    assert any("1 missing steps (2024-01-15" in one for one in data.provenance.ledger.warnings)


def test_prices_of_other_series_and_weeks_are_told(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("sku,2024-01-01,2024-01-08,2024-01-15,2024-01-22\nA,1,2,3,4\nB,1,2,3,4\n")
    data = sheet(tmp_path, "sku,2024-01-01,2024-01-08,2024-01-15\nA,1,2,3\n", prices=str(prices))
    assert list(data.main["price"]) == [1, 2, 3]
    told = data.provenance.ledger.warnings
    assert "prices.csv: 1 series of prices are not in the sheet and left out (B)" in told
    assert "prices.csv: 1 time of prices are not in the sheet and left out (2024-01-22 00:00:00)" in told


def test_an_index_that_was_saved_without_a_name_names_the_series(tmp_path: Path) -> None:
    assert values(sheet(tmp_path, ",2024-01-01,2024-01-08,2024-01-15\nA,1,2,3\n")) == {"A": [1, 2, 3]}
    numbered = sheet(tmp_path, ",sku,2024-01-01,2024-01-08,2024-01-15\n0,A,1,2,3\n")
    assert values(numbered) == {"A": [1, 2, 3]}
    assert "columns left out: column 1" in numbered.provenance.ledger.warnings
    again = sheet(tmp_path, "Unnamed: 0,sku,2024-01-01,2024-01-08,2024-01-15\n0,A,1,2,3\n")
    assert values(again) == {"A": [1, 2, 3]}
    with pytest.raises(DataError, match="give it the head date"):
        sheet(tmp_path, ",A,B\n2024-01-01,1,2\n2024-01-02,3,4\n")


def test_columnar_sheets_and_whole_numbers_as_names(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=3)
    down = tmp_path / "down.parquet"
    pd.DataFrame({"date": days, "A": [1.0, 2, 3], "B": [4, 5, 6]}).to_parquet(down)
    assert values(read(down)) == {"A": [1, 2, 3], "B": [4, 5, 6]}
    across = tmp_path / "across.parquet"
    pd.DataFrame({"sku": [7.0, np.nan], **{str(day): [1.0, 2.0] for day in days}}).to_parquet(across)
    data = read(across)
    assert values(data) == {"7": [1, 1, 1]}
    assert data.provenance.ledger.dropped == {"a row without a name": 1}
    long = tmp_path / "long.parquet"
    frame = {"store_nbr": [1.0, 1.0, np.nan], "item_nbr": [7, 7, 7], "date": days, "unit_sales": [1.0, 2.0, 3.0]}
    pd.DataFrame(frame).to_parquet(long)
    assert values(read(long)) == {"1/7": [1, 2]}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("unique_id,ds,y\nA,2024-01-01,1\nA,2024-01-01,2\n", "1 rows repeat a series and a step, first 'A' at 2024-01"),
        ("store,item,date,units\n1/2,3,2024-01-01,1\n1,2/3,2024-01-02,2\n", "both be called '1/2/3'"),
        ("sku,week,qty\nA,202401,1\nA,202402,2\n", "202401 in column 'week' can be a week or a month"),
        ("sku,week,qty\n" + "".join(f"A,2024{week:02d},1\n" for week in range(1, 21)), "'week' holds plain numbers"),
        ("Store,Date,Sales,Promo\n1,2015-07-31,5263,1\n", "--map series=Store"),
    ],
)
def test_a_doubtful_long_table_is_refused_by_name(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        sheet(tmp_path, text)


def test_a_period_that_does_not_exist_is_dropped_and_named(tmp_path: Path) -> None:
    data = sheet(tmp_path, "sku,week,qty\nA,2024-W01,1\nA,2024-W02,2\nA,2024-W55,3\n")
    assert values(data) == {"A": [1, 2]}
    assert data.provenance.ledger.where == {"week cannot be read as a time": ["line 4: '2024-W55'"]}


@pytest.mark.parametrize("words", [("Y", "n"), ("t", ""), ("1.0", "0.0"), ("TRUE", "FALSE"), ("yes", "NA")])
def test_sold_out_may_be_said_in_several_words(words: tuple[str, str], tmp_path: Path) -> None:
    rows = f"A,2024-01-01,5,{words[0]}\nA,2024-01-02,6,{words[1]}\n"
    data = sheet(tmp_path, "sku,date,qty,sold_out\n" + rows, horizon="1")
    assert list(data.main["sold_out"]) == ["yes", "no"]
    block = DEMAND.examples(data).inputs["series"]
    assert np.isnan(block.values[0])  # type: ignore[attr-defined]


def test_sold_out_in_a_word_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sold_out says 'ja'"):
        sheet(tmp_path, "sku,date,qty,sold_out\nA,2024-01-01,5,ja\nA,2024-01-02,6,0\n")


def test_promotions_may_be_words(tmp_path: Path) -> None:
    text = "id,date,store_nbr,item_nbr,unit_sales,onpromotion\n0,2017-08-01,25,1,7.0,False\n1,2017-08-02,25,1,3,True\n"
    main = sheet(tmp_path, text).main
    assert list(main["promotion"]) == [0, 1]


# ------------------------------------------------------------------------------------------------ several files


def test_a_competition_folder_may_hold_its_table_of_facts(tmp_path: Path) -> None:
    (tmp_path / "M4-info.csv").write_text("M4id,category,Frequency,Horizon,SP\nW1,Other,1,13,Weekly\n")
    (tmp_path / "Weekly-train.csv").write_text("V1,V2,V3,V4\nW1,1,2,NA\n")
    (tmp_path / "Weekly-test.csv").write_text("V1,V2,V3\nW1,8,9\n")
    (tmp_path / "._Weekly-train.csv").write_bytes(b"\0\5\x16\7")  # what macOS leaves beside a file
    assert values(read(tmp_path)) == {"W1": [1, 2, 8, 9]}


def test_a_competition_sheet_with_decimal_commas(tmp_path: Path) -> None:
    text = "V1;V2;V3\nW1;1.234;2.345\n"
    with pytest.raises(DataError, match=r"'1\.234' is 1\.234 or 1234"):
        sheet(tmp_path, text, "Weekly-train.csv")
    assert values(sheet(tmp_path, text, "Weekly-train.csv", decimal=",")) == {"W1": [1234, 2345]}


def m5(folder: Path, calendar: str, prices: str = "", sales: str = "I,S,CA,1,2\n", **options: str) -> Dataset:
    (folder / "calendar.csv").write_text("date,d,wm_yr_wk,event_name_1,snap_CA\n" + calendar)
    (folder / "sales.csv").write_text("item_id,store_id,state_id,d_1,d_2\n" + sales)
    if prices:
        (folder / "prices.csv").write_text("item_id,store_id,wm_yr_wk,sell_price\n" + prices)
    return read(folder, **options)


def test_words_for_nothing_are_no_event_and_truth_is_a_number(tmp_path: Path) -> None:
    data = m5(tmp_path, "2011-01-29,d_1,11101,NA,True\n2011-01-30,d_2,11101,SuperBowl,False\n")
    assert list(data.main["event"].astype(str)) == ["", "SuperBowl"]
    assert list(data.main["benefit_day"]) == [1, 0]


def test_week_codes_that_became_decimals_are_joined_and_other_prices_told(tmp_path: Path) -> None:
    days = "2011-01-29,d_1,11101,,0\n2011-01-30,d_2,11101,,0\n"
    data = m5(tmp_path, days, "I,S,11101.0,2.5\nJ,S,11101.0,3.5\n")
    assert list(data.main["price"]) == [2.5, 2.5]
    told = "1 prices in prices.csv are of items and stores without sales"
    assert told in data.provenance.ledger.warnings


def test_calendar_dates_may_need_their_order(tmp_path: Path) -> None:
    days = "1/2/2011,d_1,1,,0\n1/3/2011,d_2,1,,0\n"
    with pytest.raises(DataError, match="date_format=dmy"):
        m5(tmp_path, days)
    assert str(m5(tmp_path, days, date_format="mdy").main["time"].iloc[0]) == "2011-01-02 00:00:00"


@pytest.mark.parametrize(
    ("calendar", "sales", "match"),
    [
        ("2011-01-29,d_1,1,,0\n2011-01-30,d_2,1,,0\n", ",S,CA,1,2\n", "line 2 has no item_id"),
        ("2011-01-29,d_1,1,,0\n2011-01-30,d_2,1,,x\n", "I,S,CA,1,2\n", "'x' in column snap_CA, d_2, is no number"),
    ],
)
def test_tables_without_a_key_or_a_number_are_named(calendar: str, sales: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        m5(tmp_path, calendar, sales=sales)


@pytest.mark.parametrize(
    ("words", "row", "match"),
    [
        ("@frequency daily\n", "A:2013-01-01 00-00-00:1_000", "line 6: could not convert string to float: '1_000'"),
        ("@frequency 0_minutes\n", "A:2013-01-01 00-00-00:1", "frequency is '0_minutes'"),
        ("@frequency daily\n@horizon \u00b2\n", "A:2013-01-01 00-00-00:1", "horizon is '\u00b2'"),
    ],
)
def test_odd_numbers_of_a_series_file_are_refused(words: str, row: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        sheet(tmp_path, f"{HEAD}{words}@data\n{row}\n", "a.tsf")


def test_a_packed_series_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"A{number}:2013-01-01 00-00-00:{number},2\n" for number in range(3000))
    packed = gzip.compress(f"{HEAD}@frequency daily\n@data\n{rows}".encode())
    assert len(sheet(tmp_path, packed, "a.tsf.gz").main) == 6000
    with pytest.raises(DataError, match=r"b\.tsf\.gz is damaged or cut short"):
        sheet(tmp_path, packed[:-300], "b.tsf.gz")


def test_a_series_without_a_name_is_called_by_its_line(tmp_path: Path) -> None:
    data = sheet(tmp_path, f"{HEAD}@frequency daily\n@data\n:2013-01-01 00-00-00:1,2\n", "a.tsf")
    assert list(values(data)) == ["line 6"]
