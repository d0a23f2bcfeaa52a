"""Public tables of laboratories and sensors: events beside cases, headers, the order of dates, words among numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.pipeline.reading import choose
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import DataError, Dataset, ReadOptions

Shared = Callable[[str], Path]
TABLES = "formats/healthcare/csv_labs_vitals"


def load(path: Path, *, need_target: bool = False, mapping: dict[str, str] | None = None, **options: str) -> Dataset:
    told = ReadOptions(schema=SCHEMA, mapping=mapping or {}, need_target=need_target, options=options)
    return choose(DIAGNOSIS, path).adapter.read(path, told)


def beside_cases(folder: Path, events: Path, cases: str) -> Path:
    (folder / "cases.csv").write_text(cases)
    (folder / "labevents.csv").symlink_to(events)
    return folder


def test_laboratory_events_of_mimic_are_a_timeline(tmp_path: Path, shared: Shared) -> None:
    events = shared(f"{TABLES}/pyhealth_labevents.csv")
    rows = "".join(f"{20000 + i},{10001 + i},2153-01-01,{i % 2}\n" for i in range(10))
    found = load(beside_cases(tmp_path, events, f"hadm_id,subject_id,time,outcome\n{rows}"), need_target=True)
    timeline = found.tables["timeline"]
    assert (len(timeline), timeline["patient"].nunique()) == (68, 10)
    assert (timeline["time"].min(), timeline["time"].max()) == (
        pd.Timestamp("2150-03-15T10:00"), pd.Timestamp("2152-11-15T09:00"),
    )  # fmt: skip
    assert timeline["unit"].value_counts().to_dict() == {"meq/l": 53, "mg/dl": 15}
    assert set(timeline["patient"]) == set(found.main["patient"])


def test_the_number_beside_a_value_in_words_is_read(tmp_path: Path) -> None:
    events = tmp_path / "events" / "labs.csv"
    events.parent.mkdir()
    events.write_text(
        "subject_id,itemid,charttime,value,valuenum,valueuom\n"
        "1,50809,2150-03-15 10:00:00,>300,300,mg/dL\n2,50809,2150-03-15 10:00:00,___,,mg/dL\n"
    )
    cases = "hadm_id,subject_id,time,outcome\n7,1,2153-01-01,0\n8,2,2153-01-01,1\n"
    timeline = load(beside_cases(tmp_path, events, cases), need_target=True).tables["timeline"]
    assert timeline["value"].tolist() == pytest.approx([300.0, np.nan], nan_ok=True)


def test_measurements_alone_are_no_cases(shared: Shared) -> None:
    with pytest.raises(DataError, match=r"53 values of 'hadm_id' repeat.*timeline\.csv beside cases\.csv"):
        load(shared(f"{TABLES}/pyhealth_labevents.csv"), need_target=True)


@pytest.mark.parametrize(("file", "line"), [("libreview_eu_mgdl.csv", 4), ("libreview_eu_mmol_crlf.csv", 2)])
def test_lines_before_the_header_are_found(file: str, line: int, shared: Shared) -> None:
    with pytest.raises(DataError, match=f"--option header={line}"):
        load(shared(f"{TABLES}/{file}"))


def test_a_sensors_days_come_before_its_months(shared: Shared) -> None:
    mapping = {"time": "Device Timestamp"}
    main = load(shared(f"{TABLES}/libreview_eu_mgdl.csv"), mapping=mapping, header="4").main
    assert main["time"].iloc[0] == pd.Timestamp("2026-05-20T08:00")
    assert main["Historic Glucose mg/dL"].dropna().tolist() == [92, 118, 142, 700]
    assert main["Scan Glucose mg/dL"].dropna().tolist() == [155]
    path = shared(f"{TABLES}/libreview_eu_mmol_crlf.csv")
    with pytest.raises(DataError, match="date_format=dmy"):
        load(path, mapping=mapping, header="2")
    main = load(path, mapping=mapping, header="2", date_format="dmy").main
    assert main["time"].iloc[0] == pd.Timestamp("2026-06-10T06:00")
    assert main["Historic Glucose mmol/L"].dropna().tolist() == [5.4, 5.8]
    assert main["Scan Glucose mmol/L"].dropna().tolist() == [6.2]


def test_a_reading_above_the_range_of_its_sensor_is_no_number(shared: Shared) -> None:
    main = load(shared(f"{TABLES}/dexcom_clarity_mgdl.csv")).main
    assert main["Glucose Value (mg/dL)"].tolist() == ["95", "High", "142", "100", "128"]


def test_a_row_short_of_a_cell_is_named_and_words_among_numbers_stay_words(shared: Shared) -> None:
    found = load(shared(f"{TABLES}/support2_3rows.csv"), need_target=True, mapping={"outcome": "hospdead"})
    assert found.provenance.ledger.where == {"47 cells instead of 48": ["line 3"]}
    main = found.main
    assert main[["d.time", "death", "income"]].to_numpy().tolist() == [[2029, 0, "$11-$25k"], [47, 1, "under $11k"]]
    assert main["sfdm2"].tolist()[1] == "<2 mo. follow-up"
