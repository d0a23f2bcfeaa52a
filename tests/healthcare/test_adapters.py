"""The other formats: case tables with timeline and pictures, MEDS, PhysioNet 2012, DICOM, MedMNIST."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.pipeline.reading import choose
from verticals_healthcare.adapters import ADAPTERS, CASES, DICOM, MEDMNIST, MEDS, PHYSIONET2012
from verticals_healthcare.adapters.pictures import as_bytes, read_dicom
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import Adapter, BadInput, DataError, Dataset, ReadOptions, UsageError

Shared = Callable[[str], Path]
FORMATS = "formats/healthcare"


def load(adapter: Adapter, path: Path, *, need_target: bool = True, **options: str) -> Dataset:
    return adapter.read(path, ReadOptions(schema=SCHEMA, need_target=need_target, options=options))


@pytest.mark.parametrize("bad", DIAGNOSIS.bad_inputs, ids=lambda one: one.name)
def test_documented_bad_input_gives_its_error(bad: BadInput, tmp_path: Path) -> None:
    path = bad.make(tmp_path)
    with pytest.raises(bad.error, match=re.compile(bad.match)):
        load(choose(DIAGNOSIS, path).adapter, path)


def test_no_sniff_raises(tmp_path: Path) -> None:
    for content in (b"", b"\x00\xff" * 200, b"PK\x03\x04broken", b"PAR1broken", b'{"a":'):
        for suffix in (".csv", ".npz", ".parquet", ".dcm", ".json", ".txt", ""):
            path = tmp_path / f"file{suffix}"
            path.write_bytes(content)
            for adapter in ADAPTERS:
                assert 0 <= adapter.sniff(path).score <= 1
    assert all(adapter.sniff(tmp_path / "nothing").score == 0 for adapter in ADAPTERS)


# ------------------------------------------------------------------------------------------------ case tables


def folder(tmp_path: Path, **files: str) -> Path:
    for name, content in files.items():
        (tmp_path / f"{name}.csv").write_text(content)
    return tmp_path


def test_a_plain_table_needs_neither_patient_nor_time(tmp_path: Path) -> None:
    path = folder(tmp_path, cases="age,gender,diagnosis,marker\n60,F,0,1.5\n70,M,1,\n") / "cases.csv"
    main = load(CASES, path).main
    assert main["patient"].nunique() == 2
    assert main["time"].is_monotonic_increasing
    assert main["outcome"].astype(str).tolist() == ["0", "1"]
    assert main["marker"].isna().tolist() == [False, True]


def test_a_column_called_id_is_a_case_or_a_patient_and_no_input(tmp_path: Path) -> None:
    once = load(CASES, folder(tmp_path, cases="id,outcome,x\n7,0,1\n8,1,2\n") / "cases.csv").main
    assert once["case"].tolist() == ["7", "8"]
    often = load(CASES, folder(tmp_path, cases="id,outcome,x\n7,0,1\n7,1,2\n8,1,2\n") / "cases.csv").main
    assert often["patient"].astype(str).tolist() == ["7", "7", "8"]
    assert "id" not in often


def test_a_timeline_beside_the_cases_is_read_with_one_unit_an_analyte(tmp_path: Path) -> None:
    path = folder(
        tmp_path,
        cases="case,patient,time,outcome\n" + "".join(f"{i},p{i},2024-03-02,{i % 2}\n" for i in range(1, 7)),
        timeline="subject,time,analyte,value,unit\n"
        "p1,2024-03-01T08:00,glucose,5.5,mmol/L\np2,2024-03-01T08:00,glucose,99,mg/dL\n"
        "p3,2024-03-01T08:00,glucose,99,\np4,2024-03-01T08:00,creatinine,1.0,mg/dL\n"
        "p5,2024-03-01T08:00,creatinine,88.4,umol/L\np6,2024-03-01T08:00,glucose,40,%\n",
    )
    assert choose(DIAGNOSIS, path).adapter is CASES
    found = load(CASES, path)
    rows = found.tables["timeline"].set_index("patient")
    assert rows.loc["p1", "value"] == pytest.approx(rows.loc["p2", "value"], abs=0.5)
    assert rows.loc["p4", "value"] == pytest.approx(rows.loc["p5", "value"], rel=1e-3)
    assert rows.loc["p3", "variable"] == "glucose [unit unknown]"
    assert "p6" not in rows.index
    assert "%" in next(iter(found.provenance.ledger.dropped))
    stated = load(CASES, path, units="glucose=mg/dL")
    assert stated.tables["timeline"].set_index("patient").loc["p3", "variable"] == "glucose"
    assert any("as stated" in one for one in stated.provenance.ledger.warnings)


def test_pictures_named_in_the_table_are_brought_to_one_size(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "images").mkdir()
    image.fromarray(np.full((10, 20), 200, dtype=np.uint8)).save(tmp_path / "images" / "a.png")
    path = folder(tmp_path, cases="case,outcome,image\n1,0,a.png\n2,1,\n")
    found = load(CASES, path, side="16")
    assert found.arrays["images"].shape == (1, 16, 16, 1)
    assert found.main["image"].tolist() == [0, -1]
    assert int(found.arrays["images"].mean()) == 200
    folder(tmp_path, cases="case,outcome,image\n1,0,../../secret.png\n2,1,\n")
    with pytest.raises(DataError, match="outside"):
        load(CASES, path)


def test_several_labels_make_a_multi_label_target(tmp_path: Path) -> None:
    path = folder(tmp_path, cases="case,Label_a,label_b,x\n1,0,1,0.5\n2,1,,0.1\n") / "cases.csv"
    examples = DIAGNOSIS.examples(load(CASES, path))
    assert examples.names == ("a", "b")
    assert examples.truth is not None
    assert examples.truth.shape == (2, 2)


# ------------------------------------------------------------------------------------------------ MEDS


def test_meds_sample_gives_its_labels_splits_and_static_facts(shared: Shared) -> None:
    found = load(MEDS, shared(f"{FORMATS}/meds/meds_testing_helpers_simple"))
    main, timeline = found.main, found.tables["timeline"]
    assert len(main) == 21
    assert main["patient"].nunique() == 6
    assert sum(one.rows for one in found.provenance.sources if "simple/data/" in one.path) == 62
    assert len(timeline) == 62 - 12 - 6
    assert timeline["time"].min() == pd.Timestamp("2010-01-03T06:27:59")
    assert main.groupby("split")["patient"].nunique().to_dict() == {"test": 1, "train": 4, "valid": 1}
    assert set(main["eye_color"].astype(str)) <= {"BROWN", "BLUE", "HAZEL"}
    assert main["height"].notna().all()
    assert main["age"].between(20, 35).all()


def meds(tmp_path: Path, rows: list[tuple[int, str | None, str, float | None]]) -> Path:
    (tmp_path / "data").mkdir(exist_ok=True)
    frame = pd.DataFrame(rows, columns=["subject_id", "time", "code", "numeric_value"])
    frame["time"] = pd.to_datetime(frame["time"]).astype("datetime64[us]")
    frame.to_parquet(tmp_path / "data" / "0.parquet", index=False)
    return tmp_path


def test_follow_up_that_ends_early_is_neither_event_nor_health(tmp_path: Path) -> None:
    rows: list[tuple[int, str | None, str, float | None]] = []
    seen = {1: 400, 2: 400, 3: 10, 4: 400, 5: 400}
    for subject, last in seen.items():
        rows += [(subject, "2020-01-01", "ADMISSION", None)]
        day = pd.Timestamp("2020-01-01") + pd.Timedelta(days=last)
        rows += [(subject, str(day.date()), "VISIT", None)]
    rows += [
        (1, "2020-01-13", "READMIT", None),
        (2, "2020-02-15", "READMIT", None),
        (4, "2020-01-21", "MEDS_DEATH", None),
    ]
    found = load(MEDS, meds(tmp_path, rows), outcome="READMIT", horizon_days="30")
    assert dict(zip(found.main["patient"], found.main["outcome"], strict=True)) == {"1": "1", "2": "0", "5": "0"}
    dropped = found.provenance.ledger.dropped
    assert sorted(dropped.values()) == [1, 1]
    assert "5 subjects: 1 events, 2 without, 1 censored, 1 competing" in " ".join(found.provenance.ledger.warnings)


def test_what_happens_after_the_index_leaves_no_trace(tmp_path: Path) -> None:
    rows: list[tuple[int, str | None, str, float | None]] = [
        (1, "2020-01-01T00:00", "ADMISSION", None), (1, "2020-01-01T02:00", "LACTATE", 4.0),
        (1, "2020-01-03T12:00", "LACTATE", 9.0), (1, "2020-01-03T22:00", "MEDS_DEATH", None),
        (2, "2020-01-01T00:00", "ADMISSION", None), (2, "2020-01-01T02:00", "LACTATE", 4.0),
        (2, "2020-01-03T12:00", "LACTATE", 9.0), (2, "2021-06-01T00:00", "DISCHARGE", None),
    ]  # fmt: skip
    found = load(MEDS, meds(tmp_path, rows), outcome="MEDS_DEATH", after_days="2")
    assert found.main.sort_values("patient")["outcome"].tolist() == ["1", "0"]
    frame = DIAGNOSIS.examples(found).inputs["table"].frame  # type: ignore[attr-defined]
    pd.testing.assert_series_equal(frame.iloc[0], frame.iloc[1], check_names=False)
    assert frame["LACTATE max"].tolist() == [4.0, 4.0]


def test_older_meds_and_several_tasks_are_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pd.DataFrame({"patient_id": [1], "events": [[1]]}).to_parquet(tmp_path / "data" / "0.parquet")
    with pytest.raises(DataError, match=r"MEDS before 0\.3"):
        load(MEDS, tmp_path)
    path = meds(tmp_path, [(1, "2020-01-01", "A", None)])
    for task in ("a", "b"):
        (path / "task_labels" / task).mkdir(parents=True)
        label = pd.DataFrame(
            {"subject_id": [1], "prediction_time": [pd.Timestamp("2020-01-02")], "boolean_value": [True]}
        )
        label.to_parquet(path / "task_labels" / task / "0.parquet")
    with pytest.raises(UsageError, match="labels=NAME"):
        load(MEDS, path)
    assert load(MEDS, path, labels="a").main["outcome"].tolist() == ["1"]


# ------------------------------------------------------------------------------------------------ PhysioNet 2012


def test_physionet_sample_keeps_the_stay_without_data(shared: Shared) -> None:
    found = load(PHYSIONET2012, shared(f"{FORMATS}/physionet2012"), need_target=False)
    main = found.main.set_index("case")
    assert len(main) == 6
    assert main.loc["132539", ["age", "sex", "unit"]].tolist() == [54.0, "female", "surgical"]
    assert np.isnan(main.loc["132539", "height"])
    timeline = found.tables["timeline"]
    rate = timeline[(timeline["patient"] == "132539") & (timeline["variable"] == "HR")]["value"]
    assert (len(rate), rate.min(), rate.max()) == (37, 58, 86)
    urine = timeline[(timeline["patient"] == "132539") & (timeline["variable"] == "Urine")]["value"]
    assert urine.sum() == 6500
    assert (timeline[timeline["patient"] == "132540"]["variable"] == "Weight").sum() > 30
    assert "140936 has no measurements" in " ".join(found.provenance.ledger.warnings)
    assert not {"SAPS-I", "SOFA", "Survival", "Length_of_stay"} & set(main.columns)


def test_physionet_outcomes_leave_out_stays_without_one(shared: Shared) -> None:
    found = load(PHYSIONET2012, shared(f"{FORMATS}/physionet2012"))
    assert len(found.main) == 4
    assert sum(found.provenance.ledger.dropped.values()) == 2


def test_minus_one_is_missing_in_a_series_too(tmp_path: Path) -> None:
    path = tmp_path / "900001.txt"
    path.write_text(
        "Time,Parameter,Value\n00:00,RecordID,900001\n00:00,Age,60\n00:00,Gender,1\n00:00,Height,-1\n00:00,ICUType,3\n"
        "00:00,Weight,-1\n01:00,DiasABP,70\n02:00,DiasABP,-1\n03:00,Temp,36.5\n03:30,BE,-1\n"
    )
    found = load(PHYSIONET2012, path, need_target=False)
    assert found.main[["height", "weight"]].isna().all(axis=None)
    rows = found.tables["timeline"].set_index("variable")["value"].to_dict()
    assert rows == {"DiasABP": 70.0, "Temp": 36.5, "BE": -1.0}
    assert any("1 values of -1" in one for one in found.provenance.ledger.warnings)


# ------------------------------------------------------------------------------------------------ DICOM


def dicom(path: Path, pixels: np.ndarray, photometric: str, **more: object) -> Path:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    found = pydicom.Dataset()
    found.file_meta = meta
    found.SOPClassUID, found.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    found.Modality, found.PhotometricInterpretation, found.SamplesPerPixel = "CR", photometric, 1
    found.Rows, found.Columns = pixels.shape
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 10, 9, 0
    found.PixelData = pixels.astype("<u2").tobytes()
    for name, value in more.items():
        setattr(found, name, value)
    found.save_as(path, enforce_file_format=True)
    return path


STORED = np.array([[0, 1023], [512, 1]])


def test_an_inverted_grey_scale_is_mirrored_once_at_its_bits(tmp_path: Path) -> None:
    one = read_dicom(dicom(tmp_path / "1.dcm", STORED, "MONOCHROME1"))
    two = read_dicom(dicom(tmp_path / "2.dcm", STORED, "MONOCHROME2"))
    three = read_dicom(dicom(tmp_path / "3.dcm", STORED, "MONOCHROME2", RescaleSlope=-10, RescaleIntercept=3000))
    assert one.values.tolist() == [[1023, 0], [511, 1022]]
    assert two.values.tolist() == STORED.tolist()
    assert three.values.tolist() == [[3000, -7230], [-2120, 2990]]
    assert "mirrored at 1023" in one.treatment
    assert "slope -10" in three.treatment


def test_a_window_is_in_real_units_and_mirrored_with_the_picture(tmp_path: Path) -> None:
    plain = read_dicom(dicom(tmp_path / "1.dcm", STORED, "MONOCHROME2", WindowCenter=500, WindowWidth=400))
    mirrored = read_dicom(dicom(tmp_path / "2.dcm", 1023 - STORED, "MONOCHROME1", WindowCenter=523, WindowWidth=400))
    assert plain.window == mirrored.window
    assert np.array_equal(as_bytes(plain, 2, 1), as_bytes(mirrored, 2, 1))


@pytest.mark.parametrize(
    ("name", "shape", "low", "high"),
    [
        ("CT_small.dcm", (128, 128), -896, 1167),
        ("693_J2KI.dcm", (512, 512), -3995, 1812),
        ("MR_small_implicit.dcm", (64, 64), 127, 2145),
        ("MR_small_RLE.dcm", (64, 64), 127, 2145),
        ("MR_small_bigendian.dcm", (64, 64), 127, 2145),
        ("RG3_J2KI", (1760, 1760), 0, 1023),
        ("image_dfl.dcm", (512, 512), 0, 255),
        ("decimal_rescale.dcm", (96, 128), -4096, -4096),
    ],
)
def test_dicom_samples_in_real_units(shared: Shared, name: str, shape: tuple[int, int], low: int, high: int) -> None:
    values = read_dicom(shared(f"{FORMATS}/dicom/{name}")).values
    assert (values.shape, values.min(), values.max()) == (shape, low, high)


def test_the_inverted_radiograph_is_turned(shared: Shared) -> None:
    assert read_dicom(shared(f"{FORMATS}/dicom/RG3_J2KI")).values.mean() == pytest.approx(1023 - 332.7166, abs=1e-3)


def test_frames_are_slices_of_one_patient(shared: Shared) -> None:
    found = load(DICOM, shared(f"{FORMATS}/dicom/emri_small.dcm"), need_target=False)
    assert len(found.main) == 1
    assert found.arrays["images"].shape == (1, 64, 64, 1)
    assert "frame 6 of 10" in " ".join(found.provenance.ledger.warnings)


def test_colour_is_kept_and_brought_to_rgb_once(shared: Shared) -> None:
    values = read_dicom(shared(f"{FORMATS}/dicom/SC_rgb_jpeg_dcmtk.dcm")).values
    assert values.shape == (100, 100, 3)
    assert values[5, 5].tolist() == [254, 0, 0]
    assert values[95, 95].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("MR_truncated.dcm", "damaged or truncated"),
        ("rtdose_rle.dcm", "RTDOSE"),
        ("test-SR.dcm", "SR"),
        ("csa_slice_norm.dcm", r"MR\) holds no pixel data"),
        ("no_meta.dcm", "no DICOM header"),
    ],
)
def test_what_is_no_picture_is_refused(shared: Shared, name: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        load(DICOM, shared(f"{FORMATS}/dicom/{name}"), need_target=False)


@pytest.mark.parametrize("name", ["JPGExtended.dcm", "MR4_JLSN"])
def test_a_compression_without_decoder_is_named(shared: Shared, name: str) -> None:
    for decoder in ("gdcm", "pylibjpeg", "jpeg_ls"):
        if importlib.util.find_spec(decoder) is not None:
            pytest.skip(f"{decoder} is installed and may open it")
    with pytest.raises(DataError, match="compressed as JPEG"):
        read_dicom(shared(f"{FORMATS}/dicom/{name}"))


def test_folders_name_classes_and_a_mixed_folder_is_refused(tmp_path: Path, shared: Shared) -> None:
    for label in ("normal", "pneumonia"):
        (tmp_path / label).mkdir()
        for number in range(2):
            dicom(tmp_path / label / f"{number}.dcm", STORED, "MONOCHROME2", PatientID=f"{label}{number}")
    (tmp_path / "normal" / "note.dcm").write_bytes(b"no dicom at all")
    found = load(DICOM, tmp_path)
    assert found.main["outcome"].astype(str).value_counts().to_dict() == {"normal": 2, "pneumonia": 2}
    assert sum(found.provenance.ledger.dropped.values()) == 1
    with pytest.raises(DataError, match="mixes modalities"):
        load(DICOM, shared(f"{FORMATS}/dicom"), need_target=False)


# ------------------------------------------------------------------------------------------------ MedMNIST


def test_medmnist_parts_and_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = {
        f"{part}_images": rng.integers(0, 255, (5, 28, 28, 3), dtype=np.uint8) for part in ("train", "val", "test")
    }
    one = {f"{part}_labels": np.array([[0], [1], [0], [1], [1]], dtype=np.uint8) for part in ("train", "val", "test")}
    np.savez(tmp_path / "one.npz", **parts, **one)  # type: ignore[arg-type]
    found = load(MEDMNIST, tmp_path / "one.npz")
    assert found.main["split"].value_counts().to_dict() == {"train": 5, "valid": 5, "test": 5}
    assert found.arrays["images"].shape == (15, 28, 28, 3)
    many = {name: np.tile(labels, (1, 14)) for name, labels in one.items()}
    np.savez(tmp_path / "many.npz", **parts, **many)  # type: ignore[arg-type]
    assert DIAGNOSIS.examples(load(MEDMNIST, tmp_path / "many.npz")).truth.shape == (15, 14)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((2, 28, 28, 28), dtype=np.uint8), "volumes"),
        (np.zeros((2, 28, 28), dtype=np.float32), "uint8"),
    ],
)
def test_medmnist_volumes_and_floats_are_refused(tmp_path: Path, images: np.ndarray, match: str) -> None:
    np.savez(tmp_path / "a.npz", train_images=images, train_labels=np.zeros((2, 1)))
    with pytest.raises(DataError, match=match):
        load(MEDMNIST, tmp_path / "a.npz")


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, train_images=np.zeros((2, 28, 28), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="damaged"):
        load(MEDMNIST, path)


def test_pneumoniamnist_has_the_published_parts(shared: Shared) -> None:
    found = load(MEDMNIST, shared("healthcare/pneumoniamnist/pneumoniamnist.npz"))
    counts = found.main.groupby(["split", "outcome"], observed=True).size()
    assert counts.to_dict() == {("test", "0"): 234, ("test", "1"): 390, ("train", "0"): 1214, ("train", "1"): 3494,
                                ("valid", "0"): 135, ("valid", "1"): 389}  # fmt: skip


# ------------------------------------------------------------------------------------------------ traps


def table_of(subject: list[int], time: list[str | None], code: list[str], **more: object) -> pd.DataFrame:
    when = pd.to_datetime(pd.Series(time, dtype=object)).astype("datetime64[us]")
    return pd.DataFrame({"subject_id": subject, "time": when, "code": code, "numeric_value": np.nan, **more})


def test_static_facts_never_take_the_place_of_a_column(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    codes = ["OUTCOME//x", "AGE//60", "EYE//BLUE", "A"]
    table_of([1] * 4, [None, None, None, "2020-01-01"], codes).to_parquet(tmp_path / "data" / "0.parquet")
    main = load(MEDS, tmp_path, need_target=False).main
    assert main[["static outcome", "static age", "eye"]].astype(str).iloc[0].tolist() == ["x", "60", "BLUE"]
    assert "outcome" not in main
    assert main["age"].isna().all()


def test_meds_in_a_folder_called_metadata_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metadata" / "shards"
    path.mkdir(parents=True)
    table_of([1], ["2020-01-01"], ["A"]).to_parquet(path / "0.parquet")
    assert len(load(MEDS, path, need_target=False).main) == 1


def test_words_and_subjects_without_a_split_are_told(tmp_path: Path) -> None:
    for name in ("data", "metadata"):
        (tmp_path / name).mkdir()
    said = table_of([1, 2], ["2020-01-01"] * 2, ["A", "A"], text_value=["hi", None])
    said.to_parquet(tmp_path / "data" / "0.parquet")
    pd.DataFrame({"subject_id": [1], "split": ["held_out"]}).to_parquet(tmp_path / "metadata/subject_splits.parquet")
    found = load(MEDS, tmp_path, need_target=False)
    assert dict(zip(found.main["patient"], found.main["split"], strict=True)) == {"1": "test", "2": "train"}
    told = " ".join(found.provenance.ledger.warnings)
    assert "1 values in words" in told
    assert "1 cases of subjects that subject_splits.parquet does not name" in told


@pytest.mark.parametrize(
    ("subject", "time", "match"),
    [("x1", pd.Timestamp("2020-01-02"), "subject_id cannot be read"), (1, "2 Jan", "prediction_time is")],
)
def test_labels_of_the_wrong_kind_are_refused(subject: object, time: object, match: str, tmp_path: Path) -> None:
    path = meds(tmp_path, [(1, "2020-01-01", "A", None)])
    (path / "task_labels").mkdir()
    label = pd.DataFrame({"subject_id": [subject], "prediction_time": [time], "boolean_value": [True]})
    label.to_parquet(path / "task_labels" / "0.parquet")
    with pytest.raises(DataError, match=match):
        load(MEDS, path)


@pytest.mark.parametrize(
    "options", [{"index": "03/04/2020"}, {"horizon_days": "nan"}, {"horizon_days": "1e9"}, {"after_days": "-1"}]
)
def test_a_horizon_that_means_nothing_is_refused(options: dict[str, str], tmp_path: Path) -> None:
    path = meds(tmp_path, [(1, "2020-01-01", "A", None)])
    with pytest.raises(UsageError):
        load(MEDS, path, need_target=False, **options)


def stay(path: Path, record: int, *rows: str) -> None:
    path.parent.mkdir(exist_ok=True)
    described = [f"00:00,RecordID,{record}", "00:00,Age,60"]
    path.write_text("\n".join(["Time,Parameter,Value", *described, *rows]) + "\n")


def test_a_row_without_a_parameter_is_counted_and_a_number_that_is_none_refused(tmp_path: Path) -> None:
    stay(tmp_path / "1.txt", 1, "01:00,,-1", "01:30,HR,70")
    found = load(PHYSIONET2012, tmp_path, need_target=False)
    assert found.tables["timeline"]["value"].tolist() == [70.0]
    assert found.provenance.ledger.where == {"rows that name no parameter": ["1.txt, line 4"]}
    stay(tmp_path / "1.txt", 1, "01:30,HR,nan")
    with pytest.raises(DataError, match=r"1\.txt, line 4"):
        load(PHYSIONET2012, tmp_path, need_target=False)


def test_several_sets_are_read_with_the_outcomes_of_each(tmp_path: Path) -> None:
    head = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n"
    for number, letter in enumerate("ab", start=1):
        stay(tmp_path / f"set-{letter}" / f"{number}.txt", number, "01:00,HR,70")
        (tmp_path / f"Outcomes-{letter}.txt").write_text(f"{head}{number},5,1,6,-1,{number - 1}\n")
    assert load(PHYSIONET2012, tmp_path).main.set_index("case")["outcome"].to_dict() == {"1": "0", "2": "1"}
    assert load(PHYSIONET2012, tmp_path / "set-b").main["outcome"].tolist() == ["1"]
    (tmp_path / "Outcomes-b.txt").write_text(f"{head}x,5,1,6,-1,1\n")
    with pytest.raises(DataError, match=r"Outcomes-b\.txt, line 2"):
        load(PHYSIONET2012, tmp_path)


def test_a_modality_table_gives_real_units_and_is_mirrored_at_its_own_top(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    table = pydicom.Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [4, 10, 12], "US"
    table.LUTData = np.array([0, 100, 200, 4095], dtype="<u2").tobytes()
    more = {"ModalityLUTSequence": pydicom.sequence.Sequence([table])}
    stored = np.array([[10, 11], [13, 99]])
    one = read_dicom(dicom(tmp_path / "1.dcm", stored, "MONOCHROME2", **more))
    two = read_dicom(dicom(tmp_path / "2.dcm", stored, "MONOCHROME1", **more))
    assert one.values.tolist() == [[0, 100], [4095, 4095]]
    assert two.values.tolist() == [[4095, 3995], [0, 0]]
    assert "modality table of 4 values" in one.treatment


def test_pixels_that_do_not_end_at_the_lowest_bit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="10 bits at high bit 15"):
        read_dicom(dicom(tmp_path / "1.dcm", STORED * 64, "MONOCHROME2", HighBit=15))


def test_bits_of_an_overlay_above_the_pixels_are_no_part_of_them(tmp_path: Path) -> None:
    assert read_dicom(dicom(tmp_path / "1.dcm", STORED + 0x8000, "MONOCHROME2")).values.tolist() == STORED.tolist()


def test_a_damaged_dicom_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole = dicom(tmp_path / "1.dcm", STORED, "MONOCHROME2").read_bytes()
    rng, file, refused = np.random.default_rng(0), tmp_path / "x.dcm", 0
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(132, len(content), 3):
            content[place] = rng.integers(256)
        file.write_bytes(bytes(content))
        try:
            read_dicom(file)
        except DataError:
            refused += 1
    assert 0 < refused < 150


def test_a_dicomdir_and_a_palette_without_colours_are_named(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    path = dicom(tmp_path / "DICOMDIR", STORED, "MONOCHROME2")
    found = pydicom.dcmread(path)
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = "1.2.840.10008.1.3.10"
    found.save_as(path)
    with pytest.raises(DataError, match="lists files and holds no picture"):
        load(DICOM, path, need_target=False)
    with pytest.raises(DataError, match="damaged or truncated"):
        read_dicom(dicom(tmp_path / "1.dcm", STORED, "PALETTE COLOR"))


def test_a_window_of_a_functional_group_is_used(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    window, group = pydicom.Dataset(), pydicom.Dataset()
    window.WindowCenter, window.WindowWidth = 500, 400
    group.FrameVOILUTSequence = pydicom.sequence.Sequence([window])
    shared_groups = {"SharedFunctionalGroupsSequence": pydicom.sequence.Sequence([group])}
    assert read_dicom(dicom(tmp_path / "1.dcm", STORED, "MONOCHROME2", **shared_groups)).window == (500.0, 400.0)


def test_a_patient_with_two_outcomes_in_the_list_is_refused(tmp_path: Path) -> None:
    for number in range(2):
        dicom(tmp_path / f"{number}.dcm", STORED, "MONOCHROME2", PatientID=f"p{number}")
    (tmp_path / "labels.csv").write_text("patient,outcome\np0,0\np1,1\np0,1\n")
    with pytest.raises(DataError, match="gives p0 two outcomes"):
        load(DICOM, tmp_path)
    (tmp_path / "labels.csv").write_bytes("patient,outcome\np0,nein\np1,jä\n".encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read as a table"):
        load(DICOM, tmp_path)


def test_a_photo_is_turned_upright_before_it_is_seen(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6
    image.fromarray(np.repeat([[0], [250]], 64, axis=1).astype(np.uint8).repeat(16, axis=0)).save(
        tmp_path / "a.jpg", exif=exif
    )
    path = folder(tmp_path, cases="case,outcome,image\n1,0,a.jpg\n2,1,\n")
    found = load(CASES, path, side="16")
    left, right = (found.arrays["images"][0, :, part, 0].mean() for part in (slice(0, 6), slice(10, 16)))
    assert left > 200 > 50 > right
    assert any("turned upright" in one for one in found.provenance.ledger.warnings)


def test_breastmnist_calls_malignant_the_event(tmp_path: Path) -> None:
    images, labels = np.zeros((4, 28, 28), dtype=np.uint8), np.array([[0], [1], [1], [1]])
    for name in ("breastmnist.npz", "other.npz"):
        np.savez(tmp_path / name, train_images=images, train_labels=labels)
    assert DIAGNOSIS.examples(load(MEDMNIST, tmp_path / "other.npz")).names == ("0", "1")
    named = DIAGNOSIS.examples(load(MEDMNIST, tmp_path / "breastmnist.npz"))
    assert named.names == ("benign", "malignant")
    assert named.truth is not None
    assert named.truth.tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("labels", [[[0.5], [1]], [[np.nan], [1]], [[-1], [1]]])
def test_labels_that_are_no_classes_are_refused(labels: list[list[float]], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_images=np.zeros((2, 28, 28), dtype=np.uint8), train_labels=np.array(labels))
    with pytest.raises(DataError, match="no whole numbers"):
        load(MEDMNIST, tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("one", "other", "told"), [("deteriorated", "fine", True), ("sick", "healthy", False), ("1", "2", False)]
)
def test_which_outcome_is_the_event_is_told_where_no_name_says_it(
    one: str, other: str, told: bool, tmp_path: Path
) -> None:
    found = load(CASES, folder(tmp_path, cases=f"case,outcome,x\n1,{one},1\n2,{other},2\n") / "cases.csv")
    assert any("counts as the event" in line for line in found.provenance.ledger.warnings) == told
