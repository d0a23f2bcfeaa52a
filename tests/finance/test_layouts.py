"""Published layouts of payments as other tools save them: right facts, or a refusal in words; no row goes unsaid."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from verticals.cli import main as command
from verticals.pipeline.reading import choose
from verticals_finance.fraud.task import FRAUD
from verticals_plugins import DataError, Dataset, ReadOptions, Table, UsageError

TABFORMER = (
    "User,Card,Year,Month,Day,Time,Amount,Use Chip,Merchant Name,Merchant City,Merchant State,Zip,MCC,Errors?,"
    "Is Fraud?\n"
    "0,0,2019,2,1,06:21,$134.09,Swipe Transaction,3527213246127876953,La Verne,CA,91750.0,5300,,No\n"
    '0,1,2019,12,31,23:59,"$1,234.56",Chip Transaction,-727612092139916043,ONLINE,,,742,"Bad PIN,Bad CVV",Yes\n'
    "10,0,2020,2,29,00:00,$-99.00,Online Transaction,-9223372036854775808,Rome,Italy,,4829,,No\n"
)
PAYSIM = (
    "step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,nameDest,oldbalanceDest,newbalanceDest,isFraud,isFlaggedFraud\n"
    "1,PAYMENT,9839.64,C1231006815,170136.0,160296.36,M1979787155,0.0,0.0,0,0\n"
    "743,TRANSFER,850002.52,C1280323807,850002.52,0.0,C1873221189,6510099.11,7360101.63,1,0\n"
)
IEEE = (
    "TransactionID,isFraud,TransactionDT,TransactionAmt,ProductCD,card1,card2,card3,card4,addr1,P_emaildomain,V1\n"
    "2987000,0,86400,68.5,W,13926,,150.0,discover,315.0,,1.0\n"
    "2987001,1,86401,29.0,W,2755,404.0,150.0,mastercard,325.0,gmail.com,\n"
    "2987002,0,15811131,59.123,C,4663,490.0,150.0,visa,330.0,outlook.com,1.0\n"
)
AMLSIM = (
    "TXN_ID,ACCOUNT_ID,COUNTER_PARTY_ACCOUNT_NUM,TXN_SOURCE_TYPE_CODE,tx_count,TXN_AMOUNT_ORIG,start,end\n"
    "1,0,5,WIRE,1,150.27,1,48\n2,7,6,CHECK,1,1e2,48,48\n3,00012,6,CHECK,1,12.00,0,48\n"
)


def read(path: Path, content: str | bytes | None = None, **more: Any) -> Dataset:
    """What the adapter that is surest of the file reads from it."""
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return choose(FRAUD, path).adapter.read(path, ReadOptions(schema=FRAUD.schema, **more))


def told(dataset: Dataset) -> str:
    return " ".join(dataset.provenance.ledger.warnings)


def zipped(content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("card.csv", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", TABFORMER.encode()),
        ("bom_crlf.csv", TABFORMER.replace("\n", "\r\n").encode("utf-8-sig")),
        ("cr.csv", TABFORMER.replace("\n", "\r").encode()),
        ("utf16.csv", TABFORMER.encode("utf-16")),
        ("index.csv", "".join(f"{at or ''},{one}\n" for at, one in enumerate(TABFORMER.splitlines())).encode()),
        ("card.csv.gz", gzip.compress(TABFORMER.encode())),
        ("card.csv.zip", zipped(TABFORMER)),
        ("database.csv", TABFORMER.replace("?", "_").replace("Use Chip", "use_chip").replace("Name", "name").encode()),
        ("floats.csv", TABFORMER.replace("2019,2,1", "2019.0,2.0,1.0").replace("10,0,2020", "10.0,0.0,2020").encode()),
    ],
)  # fmt: skip
def test_tabformer_facts_are_the_same_however_it_was_saved(name: str, content: bytes, tmp_path: Path) -> None:
    found = read(tmp_path / name, content)
    main = found.main.astype({"card": str, "terminal": str, "mcc": str, "fraud": str})
    assert found.provenance.adapter == "finance.tabformer"
    assert main["amount"].tolist() == [134.09, 1234.56, -99.0]
    assert main["card"].tolist() == ["0-0", "0-1", "10-0"]
    assert main["time"].astype(str).tolist() == ["2019-02-01 06:21:00", "2019-12-31 23:59:00", "2020-02-29 00:00:00"]
    assert main["terminal"].tolist() == ["3527213246127876953", "-727612092139916043", "-9223372036854775808"]
    assert main["mcc"].tolist() == ["5300", "742", "4829"]
    assert main["fraud"].tolist() == ["No", "Yes", "No"]
    assert not found.provenance.ledger.dropped


def test_tabformer_without_labels_is_predicted_and_not_learnt_from(tmp_path: Path) -> None:
    frame = pd.read_csv(io.StringIO(TABFORMER)).drop(columns="Is Fraud?")
    frame.to_parquet(tmp_path / "x.parquet")
    main = read(tmp_path / "x.parquet", need_target=False).main
    assert main["amount"].sum() == pytest.approx(1269.65)
    assert "fraud" not in main
    with pytest.raises(DataError, match=r"carries no labels.*Is Fraud\?"):
        read(tmp_path / "x.parquet")


def test_tabformer_rows_without_user_or_date_are_counted(tmp_path: Path) -> None:
    row = ",{},{},$1.00,Swipe Transaction,1,a,CA,9,5300,,No\n"
    rows = f"0,0,2019,2{row.format(30, '06:21')}0,0,,2{row.format(3, '06:21')},,2019,2{row.format(3, '06:21')}"
    ledger = read(tmp_path / "x.csv", TABFORMER + rows).provenance.ledger
    assert ledger.dropped == {"card is missing": 1, "time cannot be read as a time": 2}
    assert ledger.where["card is missing"] == ["line 7"]


def test_tabformer_merchants_that_a_spreadsheet_rounded_are_told(tmp_path: Path) -> None:
    assert "digits are lost" in told(read(tmp_path / "x.csv", TABFORMER.replace("3527213246127876953", "3.52721E+18")))
    assert "digits are lost" not in told(read(tmp_path / "x.csv", TABFORMER))


@pytest.mark.parametrize(
    "content",
    [PAYSIM, PAYSIM.replace("type", "action").replace("balanceOrg", "BalanceOrig"), PAYSIM.encode("utf-16"),
     PAYSIM.replace(",", ";").replace(".", ","), PAYSIM.replace("nameOrig", "nameorig").replace("isFraud", "ISFRAUD")],
    ids=["kaggle", "simulator", "utf-16", "decimal comma", "database"],
)  # fmt: skip
def test_paysim_facts_are_the_same_however_it_was_saved(content: str | bytes, tmp_path: Path) -> None:
    found = read(tmp_path / "x.csv", content)
    assert found.provenance.adapter == "finance.paysim"
    assert found.main["amount"].tolist() == [9839.64, 850002.52]
    assert found.main["time"].astype(str).tolist() == ["2017-01-01 01:00:00", "2017-01-31 23:00:00"]
    assert found.main["channel"].astype(str).tolist() == ["PAYMENT", "TRANSFER"]
    assert found.main["fraud"].astype(str).tolist() == ["0", "1"]


def test_header_below_a_title_is_found_as_the_refusal_says(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="option header=3"):
        read(tmp_path / "x.csv", "PaySim\n\n" + PAYSIM)
    assert read(tmp_path / "x.csv", options={"header": "3"}).main["amount"].tolist() == [9839.64, 850002.52]


def test_paysim_every_lost_row_has_its_reason(tmp_path: Path) -> None:
    rows = [f"{step},PAYMENT,{amount},{who},1,0,M1,0,0,{fraud},0" for step, amount, who, fraud in (
        ("", 1, "C1", 0), (1, "", "C1", 0), (1, 7, "", 0), (1, 7, "C9", ""), ("inf", 1, "C1", 0), (10**12, 1, "C1", 0),
    )]  # fmt: skip
    found = read(tmp_path / "x.csv", PAYSIM + "\n".join([*rows, "1,PAYMENT,1", rows[0] + ",more"]))
    assert found.main["amount"].tolist() == [9839.64, 850002.52]
    assert found.provenance.ledger.dropped == {
        "card is missing": 1, "time is missing": 1, "amount is missing": 1, "fraud is missing": 1,
        "time cannot be read as a time": 2, "3 cells instead of 11": 1, "12 cells instead of 11": 1,
    }  # fmt: skip


def test_counted_times_count_from_the_stated_moment(tmp_path: Path) -> None:
    stated = {"time_origin": "2019-12-31T23:00-01:00"}
    assert str(read(tmp_path / "x.csv", PAYSIM, options=stated).main["time"].iloc[0]) == "2020-01-01 01:00:00"
    with pytest.raises(UsageError, match="time_origin"):
        read(tmp_path / "x.csv", options={"time_origin": "long ago"})


def test_column_of_the_file_can_be_mapped_in_place_of_the_usual_one(tmp_path: Path) -> None:
    content = PAYSIM.replace("isFlaggedFraud", "Branch").replace("isFraud", "bad")
    found = read(tmp_path / "x.csv", content, mapping={"country": "Branch", "fraud": "bad", "amount": "amount"})
    assert found.main["fraud"].astype(str).tolist() == ["0", "1"]
    assert found.main["country"].astype(str).tolist() == ["0", "0"]
    assert found.main["amount"].sum() == pytest.approx(859842.16)
    with pytest.raises(DataError, match="no column 'Land'"):
        read(tmp_path / "x.csv", mapping={"country": "Land", "fraud": "bad"})


@pytest.mark.parametrize("unknown", ["time_unit=s", "date_format=dmy", "timezone=Asia/Tokyo"])
def test_option_that_would_do_nothing_is_refused(
    unknown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(PAYSIM)
    assert command(["run", "finance.fraud", "--data", str(path), "--explain-data", "--option", unknown]) == 2
    assert "has no option" in capsys.readouterr().err


def test_ieee_cis_cards_are_the_same_in_every_file(tmp_path: Path) -> None:
    cards = ["13926||150|discover|315", "2755|404|150|mastercard|325", "4663|490|150|visa|330"]
    pd.read_csv(io.StringIO(IEEE)).to_parquet(tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet").main["card"].tolist() == cards
    for content in (IEEE, IEEE.replace(".0,", ","), IEEE.lower()):
        found = read(tmp_path / "x.csv", content)
        assert found.main["card"].tolist() == cards
        assert found.main["id"].tolist() == [2987000, 2987001, 2987002]
        assert found.main["amount"].sum() == pytest.approx(156.623)
        assert str(found.main["time"].max()) == "2018-06-01 23:58:51"
        assert found.main["fraud"].astype(str).tolist() == ["0", "1", "0"]


def test_seconds_since_1970_do_not_count_from_another_moment(tmp_path: Path) -> None:
    content = IEEE.replace(",86400,", ",1512172800,").replace(",86401,", ",1512172801,")
    main = read(tmp_path / "x.csv", content.replace(",15811131,", ",1527897531,")).main
    assert main["time"].astype(str).tolist() == ["2017-12-02 00:00:00", "2017-12-02 00:00:01", "2018-06-01 23:58:51"]


def test_ieee_cis_row_without_any_card_column_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path / "x.csv", IEEE.replace("4663,490.0,150.0,visa,330.0", ",,,,"))
    assert len(found.main) == 2
    assert found.provenance.ledger.dropped == {"card is missing": 1}


def test_amlsim_accounts_keep_zeros_and_days_count_from_zero(tmp_path: Path) -> None:
    main = read(tmp_path / "x.csv", AMLSIM, need_target=False).main
    assert main["card"].astype(str).tolist() == ["00012", "0", "7"]
    assert main["time"].astype(str).tolist() == ["2017-01-01", "2017-01-02", "2017-02-18"]
    assert main["amount"].tolist() == [12.0, 150.27, 100.0]
    with pytest.raises(DataError, match="carries no labels"):
        read(tmp_path / "x.csv")


def test_handbook_table_is_read_without_its_scenario(tmp_path: Path) -> None:
    rows = pd.DataFrame({
        "TRANSACTION_ID": [0, 1], "TX_DATETIME": pd.to_datetime(["2018-04-01 00:00:31", "2018-04-01 00:02:10"]),
        "CUSTOMER_ID": ["596", "0042"], "TERMINAL_ID": ["3156", "3412"], "TX_AMOUNT": [57.16, 81.51],
        "TX_TIME_SECONDS": ["31", "130"], "TX_TIME_DAYS": ["0", "0"], "TX_FRAUD": [0, 1], "TX_FRAUD_SCENARIO": [0, 2],
    })  # fmt: skip
    rows.to_parquet(tmp_path / "x.parquet")
    rows.to_csv(tmp_path / "x.csv")
    for name in ("x.parquet", "x.csv"):
        found = read(tmp_path / name)
        assert found.main["amount"].tolist() == [57.16, 81.51]
        assert found.main["card"].astype(str).tolist() == ["596", "0042"]
        assert found.main["time"].astype(str).tolist() == ["2018-04-01 00:00:31", "2018-04-01 00:02:10"]
        assert "TX_FRAUD_SCENARIO" not in found.provenance.mapping.values()
        block = FRAUD.examples(found).inputs["table"]
        assert isinstance(block, Table)
        assert not [one for one in block.frame if "scenario" in str(one).lower()]


def test_feather_of_a_layout_is_recognised(tmp_path: Path) -> None:
    pd.read_csv(io.StringIO(PAYSIM)).to_feather(tmp_path / "x.feather")
    found = read(tmp_path / "x.feather")
    assert found.provenance.adapter == "finance.paysim"
    assert np.array_equal(found.main["amount"], [9839.64, 850002.52])
