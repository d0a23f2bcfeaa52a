"""Files as other tools write them: encodings, quotes, copies, contradictions; read rightly or refused in words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verticals.pipeline.reading import choose
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import DataError, Dataset, ReadOptions, Table


def load(path: Path, *, need_target: bool = False, **options: str) -> Dataset:
    told = ReadOptions(schema=SCHEMA, need_target=need_target, options=options)
    return choose(DIAGNOSIS, path).adapter.read(path, told)


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))
    return path


def told(found: Dataset) -> str:
    return " ".join(found.provenance.ledger.warnings)


# ------------------------------------------------------------------------------------------------ FHIR

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-05-01"}
RATE = {
    "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}, "effectiveDateTime": "2024-01-01T08:00:00Z",
    "valueQuantity": {"value": 70, "unit": "/min"},
}  # fmt: skip


def lines(*resources: object) -> str:
    return "\r\n".join(json.dumps(one) for one in resources)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_resources_with_a_byte_order_mark_are_read(encoding: str, tmp_path: Path) -> None:
    found = load(text(tmp_path / "x.ndjson", lines(PATIENT, RATE), encoding))
    assert found.tables["timeline"]["value"].tolist() == [70.0]
    assert found.main["age"].tolist() == [63]


def test_utf_16_that_ends_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = text(tmp_path / "x.ndjson", lines(PATIENT, RATE), "utf-16")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="is not UTF-16"):
        load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "70", None, [70]])
def test_a_value_that_is_no_finite_number_is_counted(value: object, tmp_path: Path) -> None:
    wrong = {**RATE, "id": "o2", "valueQuantity": {"value": value, "unit": "/min"}}
    found = load(text(tmp_path / "x.ndjson", lines(PATIENT, RATE, wrong)))
    assert found.tables["timeline"]["value"].tolist() == [70.0]
    assert sum(found.provenance.ledger.dropped.values()) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {**RATE, "component": "x"},
        {**RATE, "component": [None, 5]},
        {**RATE, "contained": [{"resourceType": []}]},
        {"resourceType": "Bundle", "entry": 5},
    ],
)
def test_a_resource_of_a_wrong_shape_spoils_no_other(odd: dict[str, object], tmp_path: Path) -> None:
    found = load(text(tmp_path / "x.ndjson", lines(PATIENT, {**RATE, "id": "o2"}, odd)))
    assert len(found.main) == 1
    assert set(found.tables["timeline"]["value"]) == {70.0}


def test_a_history_that_deletes_is_refused_and_an_order_to_delete_is_counted(tmp_path: Path) -> None:
    gone = {"request": {"method": "DELETE", "url": "Observation/o1"}}
    bundle = {"resourceType": "Bundle", "type": "history", "entry": [gone, {"resource": PATIENT}, {"resource": RATE}]}
    with pytest.raises(DataError, match="entry 1 deletes a resource"):
        load(text(tmp_path / "x.json", json.dumps(bundle)))
    found = load(text(tmp_path / "x.json", json.dumps({**bundle, "type": "transaction"})))
    assert sum(found.provenance.ledger.dropped.values()) == 1


def test_patients_alone_have_no_age_before_an_index_time_is_stated(tmp_path: Path) -> None:
    path = text(tmp_path / "x.ndjson", lines(PATIENT))
    found = load(path)
    assert found.main["age"].isna().all()
    assert "nothing is dated" in told(found)
    assert len(DIAGNOSIS.examples(found).frame) == 1
    assert load(path, index="2024-12-31").main["age"].tolist() == [64]


# ------------------------------------------------------------------------------------------------ MEDS


def meds(folder: Path, **columns: object) -> Path:
    (folder / "data").mkdir(exist_ok=True)
    whole = {"subject_id": [1, 2], "time": pa.array([0, 0], pa.timestamp("us")), "code": ["A", "A"]} | columns
    pq.write_table(pa.table(whole), folder / "data" / "0.parquet")
    return folder


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"subject_id": [1.0, 2.0]}, "subject_id is double"),
        ({"subject_id": ["007", "008"]}, "subject_id is string"),
        ({"numeric_value": ["1,5", "2"]}, "numeric_value is string"),
    ],
)
def test_meds_columns_of_another_type_are_refused(columns: dict[str, object], match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        load(meds(tmp_path, **columns))


def test_meds_ids_of_64_bits_and_infinite_values(tmp_path: Path) -> None:
    found = load(meds(tmp_path, subject_id=[2**53 + 1, -7], numeric_value=[float("inf"), 1.5]))
    assert set(found.main["patient"]) == {"9007199254740993", "-7"}
    assert found.tables["timeline"]["value"].tolist() == pytest.approx([np.nan, 1.5], nan_ok=True)
    assert "1 values are infinite" in told(found)


def label(folder: Path, subject: list[int], value: list[bool]) -> None:
    (folder / "task_labels").mkdir(exist_ok=True)
    when = pd.to_datetime(["2020-01-01"] * len(subject))
    frame = pd.DataFrame({"subject_id": subject, "prediction_time": when, "boolean_value": value})
    frame.to_parquet(folder / "task_labels" / "0.parquet", index=False)


def test_meds_labels_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = meds(tmp_path)
    label(path, [1, 1, 2], [True, True, False])
    assert load(path, need_target=True).provenance.ledger.dropped == {"a second label of one subject at one time": 1}
    label(path, [1, 1, 2], [True, False, False])
    with pytest.raises(DataError, match="two values"):
        load(path, need_target=True)


def test_meds_labels_of_subjects_without_events_are_told(tmp_path: Path) -> None:
    path = meds(tmp_path)
    label(path, [1, 99], [True, False])
    found = load(path, need_target=True)
    assert len(found.main) == 2
    assert "1 labels are of subjects without an event" in told(found)


def test_a_subject_in_two_splits_is_refused(tmp_path: Path) -> None:
    path = meds(tmp_path)
    (path / "metadata").mkdir()
    splits = pd.DataFrame({"subject_id": [1, 1, 2], "split": ["train", "held_out", "train"]})
    splits.to_parquet(path / "metadata" / "subject_splits.parquet", index=False)
    with pytest.raises(DataError, match="subject 1 into two splits"):
        load(path)


def test_births_and_deaths_may_say_more_in_their_codes(tmp_path: Path) -> None:
    when = pd.to_datetime(["1970-01-01", "2020-01-01", "2020-03-01"])
    path = meds(tmp_path, subject_id=[1] * 3, time=when, code=["MEDS_BIRTH//EST", "A", "MEDS_DEATH//HOSPITAL"])
    found = load(path)
    assert found.main["age"].round().tolist() == [50]
    assert "MEDS_BIRTH//EST" not in set(found.tables["timeline"]["variable"])
    with pytest.raises(DataError, match=r"1 died before the horizon"):
        load(meds(tmp_path, subject_id=[1, 1, 2], time=when[[1, 2, 1]], code=["A", "MEDS_DEATH//X", "B"]),
             need_target=True, outcome="B")  # fmt: skip


# ------------------------------------------------------------------------------------------------ PhysioNet 2012

STAY = "Time,Parameter,Value\n00:00,RecordID,900001\n00:00,Age,60\n00:00,Gender,1\n01:30,HR,70\n"


@pytest.mark.parametrize(
    "content", [STAY.replace("\n", "\r\n"), STAY.replace("Time,Parameter,Value", "time,parameter,value"),
                "\n".join(",".join(f'"{one}"' for one in line.split(",")) for line in STAY.splitlines())],
    ids=["CRLF", "lower case", "quoted"],
)  # fmt: skip
def test_a_stay_written_by_another_tool_is_the_same(content: str, tmp_path: Path) -> None:
    found = load(text(tmp_path / "900001.txt", content, "utf-8-sig"))
    assert found.main[["case", "age"]].iloc[0].tolist() == ["900001", 60.0]
    assert found.tables["timeline"]["time"].tolist() == [pd.Timestamp("1970-01-01T01:30")]
    assert found.tables["timeline"]["value"].tolist() == [70.0]


def test_packed_stays_and_names_in_capitals_are_read(tmp_path: Path) -> None:
    (tmp_path / "900001.txt.gz").write_bytes(gzip.compress(STAY.encode()))
    text(tmp_path / "900002.TXT", STAY.replace("900001", "900002"))
    assert load(tmp_path).main["case"].tolist() == ["900001", "900002"]
    (tmp_path / "900001.txt.gz").write_bytes(gzip.compress(STAY.encode())[:20])
    with pytest.raises(DataError):
        load(tmp_path)


def test_a_stay_that_comes_twice_is_refused(tmp_path: Path) -> None:
    text(tmp_path / "900001.txt", STAY)
    assert "says RecordID 900001" in told(load(text(tmp_path / "900002.txt", STAY)))
    with pytest.raises(DataError, match="record 900001"):
        load(tmp_path)


HEAD = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n"


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ("900001,1,2,3,4,2\n", "line 2.*none of 0 and 1"),
        ("900001,1,2,3,4,0\n900001,1,2,3,4,1\n", "900001 two outcomes"),
        ("900001,1,2,3,4,0,9\n", "cannot be read as a table"),
        ("900001,1,2,3,4,-1\n", "gives no case"),
    ],
)
def test_outcomes_that_say_something_else_are_refused(rows: str, match: str, tmp_path: Path) -> None:
    text(tmp_path / "set-a" / "900001.txt", STAY)
    text(tmp_path / "Outcomes-a.txt", HEAD + rows)
    with pytest.raises(DataError, match=match):
        load(tmp_path, need_target=True)


def test_a_comma_at_the_end_of_a_line_of_outcomes_moves_no_column(tmp_path: Path) -> None:
    text(tmp_path / "set-a" / "900001.txt", STAY)
    text(tmp_path / "Outcomes-a.txt", HEAD + "900001,1,2,3,4,0,\n")
    assert load(tmp_path, need_target=True).main["outcome"].tolist() == ["0"]


# ------------------------------------------------------------------------------------------------ MedMNIST


def arrays(path: Path, **parts: np.ndarray) -> Path:
    np.savez(path, **parts)  # type: ignore[arg-type]
    return path


def pixels(many: int) -> np.ndarray:
    return np.zeros((many, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize(
    ("train", "test", "match"),
    [
        (np.zeros((2, 1)), np.zeros((2, 2)), "different widths"),
        (np.array([[0, 2], [1, 0]]), np.zeros((2, 2)), "train_labels say 2"),
    ],
)
def test_labels_that_do_not_fit_together_are_refused(
    train: np.ndarray, test: np.ndarray, match: str, tmp_path: Path
) -> None:
    parts = {"train_images": pixels(2), "test_images": pixels(2), "train_labels": train, "test_labels": test}
    with pytest.raises(DataError, match=match):
        load(arrays(tmp_path / "x.npz", **parts), need_target=True)


def test_pictures_without_a_part_and_labels_of_yes_and_no(tmp_path: Path) -> None:
    none = {"val_images": pixels(0), "val_labels": np.zeros((0, 1))}
    some = {"train_images": pixels(3), "train_labels": np.array([True, False, True])}
    found = load(arrays(tmp_path / "x.npz", **some, **none), need_target=True)
    assert found.main["outcome"].tolist() == ["1", "0", "1"]
    with pytest.raises(DataError, match="no case"):
        load(arrays(tmp_path / "y.npz", train_images=pixels(0), train_labels=np.zeros((0, 1))), need_target=True)


def test_what_is_no_npz_is_not_taken_for_python_objects(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", pixels(2))
    path = (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(DataError, match=r"no \.npz"):
        load(path)


# ------------------------------------------------------------------------------------------------ case tables


def test_numbers_beside_missing_marks_and_with_decimal_commas_are_numbers(tmp_path: Path) -> None:
    found = load(text(tmp_path / "x.csv", "case,outcome,bmi,zip,word\n1,0,22.5,01234,a\n2,1,NULL,99999,1\n3,1,,5,2\n"))
    assert found.main["bmi"].tolist() == pytest.approx([22.5, np.nan, np.nan], nan_ok=True)
    assert found.main[["zip", "word"]].iloc[0].tolist() == ["01234", "a"]
    comma = load(text(tmp_path / "y.csv", "case;outcome;height\n1;0;1,75\n2;1;1,8\n"))
    assert comma.main["height"].tolist() == [1.75, 1.8]
    open_ = load(text(tmp_path / "w.csv", "case;outcome;dose\n1;0;1,750\n2;1;2,500\n"))
    assert open_.main["dose"].tolist() == ["1,750", "2,500"]
    quoted = load(text(tmp_path / "z.csv", 'case,outcome,height\n1,0,"1,75"\n2,1,"1,8"\n'))
    assert quoted.main["height"].tolist() == ["1,75", "1,8"]


def test_labels_in_words_are_read_and_other_numbers_refused(tmp_path: Path) -> None:
    found = load(text(tmp_path / "x.csv", "case,label_a,label_b,x\n1,no,1,5\n2,Yes,,6\n"), need_target=True)
    truth = DIAGNOSIS.examples(found).truth
    assert truth is not None
    assert truth.ravel().tolist() == pytest.approx([0, 1, 1, np.nan], nan_ok=True)
    with pytest.raises(DataError, match="label_a says 2"):
        load(text(tmp_path / "y.csv", "case,label_a,x\n1,0,5\n2,2,6\n"), need_target=True)


def test_outcomes_that_differ_in_case_alone_are_one_class(tmp_path: Path) -> None:
    found = load(text(tmp_path / "x.csv", "case,outcome,x\n1,Yes,1\n2,no,2\n3,yes,3\n4,Yes,4\n5,NO,5\n6,no,6\n"))
    assert DIAGNOSIS.examples(found).names == ("no", "Yes")
    assert found.main["outcome"].tolist() == ["Yes", "no", "Yes", "Yes", "no", "no"]


CASES = "case,patient,time,outcome,age\n1,001,2024-03-02,0,60\n2,002,2024-03-02,1,70\n"


def test_a_timeline_of_other_patients_is_refused_and_strangers_are_counted(tmp_path: Path) -> None:
    text(tmp_path / "cases.csv", CASES)
    rows = "patient,time,variable,value\n001,2024-03-01,HR,80\n003,2024-03-01,HR,70\n"
    text(tmp_path / "timeline.csv", rows)
    text(tmp_path / "labs.csv", rows)
    found = load(tmp_path)
    assert "1 rows of timeline.csv belong to patients who are not among the cases" in told(found)
    assert "not read: labs.csv" in told(found)
    first = choose(DIAGNOSIS, tmp_path).adapter.read(tmp_path, ReadOptions(schema=SCHEMA, limit=1))
    assert "not among the cases" not in told(first)
    text(tmp_path / "timeline.csv", rows.replace("\n00", "\n"))
    with pytest.raises(DataError, match="'1', they say '001'"):
        load(tmp_path)


def test_new_cases_have_numbers_and_words_where_training_had_them(tmp_path: Path) -> None:
    old = load(text(tmp_path / "x.csv", "case,outcome,bmi,grade\n1,0,22.5,2\n2,1,24,unknown\n"))
    kept = DIAGNOSIS.examples.memory(old)
    new = DIAGNOSIS.examples(load(text(tmp_path / "y.csv", "case,bmi,grade\n7,,2\n8,NA,3\n")), kept).inputs["table"]
    assert isinstance(new, Table)
    assert new.frame["grade"].tolist() == ["2", "3"]
    assert new.frame["bmi"].isna().all()
    assert new.frame["bmi"].dtype == np.float64
    with pytest.raises(DataError, match="bmi says 'high'"):
        DIAGNOSIS.examples(load(text(tmp_path / "z.csv", "case,bmi,grade\n7,high,2\n8,21,3\n")), kept)


# ------------------------------------------------------------------------------------------------ DICOM


def dicom(path: Path, **more: object) -> Path:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    found, meta = pydicom.Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.1"), generate_uid()
    found.file_meta = meta
    whole = {
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, "PatientID": "0012", "StudyDate": "20240301",
        "StudyTime": "081500.25", "Modality": "CR", "PhotometricInterpretation": "MONOCHROME2", "SamplesPerPixel": 1,
        "Rows": 2, "Columns": 2, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
        "PixelData": np.array([[0, 100], [200, 4095]], dtype="<u2").tobytes(), **more,
    }  # fmt: skip
    for name, value in whole.items():
        if value is not None:
            setattr(found, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("header", "time"),
    [
        ({}, "2024-03-01T08:15:00"),
        ({"StudyTime": "0815"}, "2024-03-01T08:15:00"),
        ({"StudyTime": "08"}, "2024-03-01T08:59:59"),
        ({"StudyTime": ""}, "2024-03-01T23:59:59"),
        ({"StudyTime": "08:15"}, "2024-03-01T23:59:59"),
        ({"TimezoneOffsetFromUTC": "+0200"}, "2024-03-01T06:15:00"),
        ({"AcquisitionDate": "20240229", "AcquisitionTime": "235900"}, "2024-02-29T23:59:00"),
        ({"StudyDate": "", "AcquisitionDateTime": "20240302101500.5+0100"}, "2024-03-02T09:15:00"),
        ({"StudyDate": ""}, "1970-01-01"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR TM")
def test_when_a_picture_was_taken(header: dict[str, object], time: str, tmp_path: Path) -> None:
    assert load(dicom(tmp_path / "x.dcm", **header)).main["time"].tolist() == [pd.Timestamp(time)]


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ({"Rows": 1}, "1 frames and holds pixels of 2"),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "RescaleSlope of 0"),
    ],
)
def test_a_header_that_does_not_fit_its_pixels_is_refused(
    header: dict[str, object], match: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=match):
        load(dicom(tmp_path / "x.dcm", **header))


def test_floating_pixels_need_no_high_bit(tmp_path: Path) -> None:
    none = dict.fromkeys(("PixelData", "BitsStored", "HighBit", "PixelRepresentation"))
    values = np.array([[0, 1], [2, 3.5]], dtype="<f4").tobytes()
    found = load(dicom(tmp_path / "x.dcm", **none, BitsAllocated=32, FloatPixelData=values))
    assert found.arrays["images"].max() == 255


def test_a_list_of_outcomes_beside_pictures_is_used_and_pictures_are_counted_once(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", SOPInstanceUID="1.2.3", PatientID="001")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
    with pytest.raises(DataError, match="are one picture"):
        load(tmp_path)
    (tmp_path / "sub" / "b.dcm").rename(tmp_path / "b.dcm")
    dicom(tmp_path / "c.dcm", PatientID="002")
    text(tmp_path / "labels.csv", "PatientID,Outcome\n001,sick\n002,healthy\n003,sick\n")
    found = load(tmp_path, need_target=True)
    assert found.provenance.adapter == "healthcare.dicom"
    assert dict(zip(found.main["patient"], found.main["outcome"], strict=True)) == {"001": "sick", "002": "healthy"}
    assert sum(found.provenance.ledger.dropped.values()) == 1
    assert "1 entries of labels.csv name no picture" in told(found)


@pytest.mark.parametrize("name", ["Outcomes-a.txt", "outcomes.csv"])
def test_outcomes_of_stays_are_no_cases(tmp_path: Path, name: str) -> None:
    head = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n"
    file = text(tmp_path / name, head + "132539,6,1,5,-1,0\n132540,16,8,8,3,1\n")
    for path in (file, tmp_path) if name.startswith("Outcomes") else (file,):
        with pytest.raises(DataError, match="outcomes and scores of stays, and nothing measured"):
            load(path, need_target=True)
