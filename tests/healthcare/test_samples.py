"""Every public sample file of healthcare: read with the facts that are known of it, or refused in words."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from samples import unclear

from verticals.pipeline.reading import choose
from verticals_healthcare.adapters import DICOM, FHIR, MEDS, PHYSIONET2012
from verticals_healthcare.adapters.fhir.files import resources
from verticals_healthcare.adapters.fhir.read import collected
from verticals_healthcare.adapters.physionet import outcomes_in
from verticals_healthcare.adapters.pictures import as_bytes, read_dicom
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.units import canonical
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Table

Shared = Callable[[str], Path]
FORMATS = "formats/healthcare"
FOLDERS = ("fhir", "meds", "physionet2012", "dicom", "csv_labs_vitals")
NOT_BUILT = ("cds_hooks", "edf", "hl7v2", "omop", "survival", "ucr_uea", "wfdb")


def load(adapter: Adapter, path: Path, *, need_target: bool = False, **options: str) -> Dataset:
    return adapter.read(path, ReadOptions(schema=SCHEMA, need_target=need_target, options=options))


def load_any(path: Path, *, need_target: bool = True) -> Dataset:
    return load(choose(DIAGNOSIS, path).adapter, path, need_target=need_target)


@pytest.mark.parametrize("need_target", [True, False])
@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, need_target: bool, shared: Shared) -> None:
    assert unclear(DIAGNOSIS, shared(f"{FORMATS}/{name}"), need_target=need_target) == []


@pytest.mark.parametrize("name", NOT_BUILT)
def test_no_sample_of_a_format_that_is_not_read_gives_cases_to_train_on(name: str, shared: Shared) -> None:
    folder = shared(f"{FORMATS}/{name}")
    for path in (folder, *(one for one in sorted(folder.rglob("*")) if one.is_file())):
        with pytest.raises(DataError) as said:
            load_any(path)
        assert said.value.expected or said.value.todo


@pytest.mark.parametrize(
    ("file", "match"),
    [
        ("hl7v2/LAB-ORU-1.hl7", "in no format that healthcare.diagnosis reads"),
        ("omop/synthea27nj_5.4", "in no format that healthcare.diagnosis reads"),
        ("omop/pyhealth_5.3/measurement.csv", "no column for 'outcome'"),
        ("wfdb/mixedsignals.hea", "in no format that healthcare.diagnosis reads"),
        ("edf/test_subsecond.edf", "in no format that healthcare.diagnosis reads"),
        ("cds_hooks/response_cards_2.json", "in no format that healthcare.diagnosis reads"),
        ("cds_hooks/request_order-sign_opioid_dstu2.json", "holds no FHIR resource"),
        ("survival/lung.csv", "no column for 'outcome'"),
        ("ucr_uea/UnitTest_TRAIN.ts", "in no format that healthcare.diagnosis reads"),
        ("ucr_uea/GunPoint_TRAIN.tsv", "first line looks like data"),
    ],
)
def test_a_format_that_is_not_read_is_refused_by_what_was_found(file: str, match: str, shared: Shared) -> None:
    with pytest.raises(DataError, match=match):
        load_any(shared(f"{FORMATS}/{file}"))


def test_a_message_around_resources_keeps_its_token_to_itself(shared: Shared) -> None:
    path = shared(f"{FORMATS}/cds_hooks/request_patient-view_fhirAuthorization.json")
    token = json.loads(path.read_text())["fhirAuthorization"]["access_token"]
    with pytest.raises(DataError, match="holds no FHIR resource") as said:
        load_any(path, need_target=False)
    assert token not in str(said.value)


# ------------------------------------------------------------------------------------------------ FHIR


BULK = f"{FORMATS}/fhir/bulk_r4_smart10"


@pytest.mark.parametrize(
    ("kind", "rows", "patients", "first", "last"),
    [
        ("AllergyIntolerance", 11, 2, "1928-11-23T22:58:16", "1996-12-27T09:21:52"),
        ("Condition", 60, 10, "1937-06-06T14:58:16", "2021-07-07T19:40:09"),
        ("Encounter", 40, 10, "1937-06-06T14:58:16", None),
        ("Immunization", 60, 13, None, None),
        ("MedicationRequest", 40, 5, None, None),
    ],
)
def test_each_file_of_the_bulk_export_alone(
    kind: str, rows: int, patients: int, first: str | None, last: str | None, shared: Shared
) -> None:
    timeline = load(FHIR, shared(f"{BULK}/{kind}.000.ndjson")).tables["timeline"]
    assert (len(timeline), timeline["patient"].nunique()) == (rows, patients)
    assert first is None or timeline["time"].min() == pd.Timestamp(first)
    assert last is None or timeline["time"].max() == pd.Timestamp(last)


def test_encounters_are_counted_by_their_class(shared: Shared) -> None:
    timeline = load(FHIR, shared(f"{BULK}/Encounter.000.ndjson")).tables["timeline"]
    classes = timeline["variable"].str.removeprefix("ENCOUNTER//").value_counts()
    assert classes.to_dict() == {"AMB": 37, "IMP": 2, "EMER": 1}


def test_ages_and_deaths_of_the_bulk_export(shared: Shared) -> None:
    path = shared(f"{BULK}/Patient.000.ndjson")
    main = load(FHIR, path, index="2022-01-01").main
    assert (len(main), main["age"].min(), main["age"].max()) == (13, 10, 94)
    people = collected(list(resources(path, Ledger(), skip_bad=False)), Ledger()).people.values()
    assert sorted(one.birth.earliest for one in people if one.birth)[:: len(people) - 1] == [
        np.datetime64("1927-05-21"), np.datetime64("2011-03-23"),
    ]  # fmt: skip
    deaths = ["1971-10-01T17:44:40", "1989-05-10T00:35:22", "1994-11-12T03:58:16"]
    assert sorted(one.death.earliest for one in people if one.death) == [np.datetime64(one) for one in deaths]


def test_who_has_no_allergy_recorded_shows_none_at_any_time(shared: Shared) -> None:
    found = DIAGNOSIS.examples(load(FHIR, shared(BULK), index="2022-01-01")).inputs["table"]
    assert isinstance(found, Table)
    code = load(FHIR, shared(f"{BULK}/AllergyIntolerance.000.ndjson")).tables["timeline"]["variable"]
    names = set(code) & {one.removesuffix(" count") for one in found.frame.columns}
    assert names
    for name in names:
        never = found.frame[f"{name} count"] == 0
        assert never.sum() >= 11
        assert found.frame.loc[never, f"{name} hours since"].isna().all()


@pytest.mark.parametrize(
    ("file", "match"),
    [("Device.000.ndjson", "tells of no patient .*16 Device"), ("log.ndjson", "JSON without resourceType")],
)
def test_what_tells_of_no_patient_is_refused_by_what_it_holds(file: str, match: str, shared: Shared) -> None:
    with pytest.raises(DataError, match=match):
        load_any(shared(f"{BULK}/{file}"), need_target=False)


@pytest.mark.parametrize(
    ("file", "variable", "value"),
    [
        ("r4/observation-example-spirometry.json", "MDC//152584 (l/s)", 8.2),
        ("r5/observation-example-body-weight-with-arabic-code.json", "LOINC//29463-7 (kg)", 83.91),
        ("r4b/observation-example-bmi-using-related.json", "LOINC//39156-5 (kg/m2)", 16.2),
        ("r4/ObservationBundle.json", "LOINC//15074-8 (mg/dl)", 113.5),
    ],
)
def test_measurements_in_the_one_unit_of_their_kind(file: str, variable: str, value: float, shared: Shared) -> None:
    (row,) = canonical(load(FHIR, shared(f"{FORMATS}/fhir/{file}")).tables["timeline"]).to_dict("records")
    assert row["variable"] == variable
    assert row["value"] == pytest.approx(value, abs=0.01)


@pytest.mark.parametrize("version", ["r4", "r5"])
def test_an_encounter_without_a_period_has_no_place_in_time(version: str, shared: Shared) -> None:
    found = load(FHIR, shared(f"{FORMATS}/fhir/{version}/encounter-example-f202-20130128.json"))
    assert (len(found.main), len(found.tables["timeline"])) == (1, 0)
    assert found.provenance.ledger.dropped == {"Encounter without a date: cannot be placed in time": 1}


def test_a_differential_diagnosis_makes_nobody_sick(shared: Shared) -> None:
    path = shared(f"{FORMATS}/fhir/r5/condition-example-f205-infection.json")
    with pytest.raises(DataError, match="SNOMED//87628006 does not occur"):
        load(FHIR, path, need_target=True, outcome="SNOMED//87628006", index="2010-01-01")


def test_a_patient_with_a_name_in_chinese_lives_and_has_an_age(shared: Shared) -> None:
    path = shared(f"{FORMATS}/fhir/r4b/patient-example-chinese.json")
    assert load(FHIR, path, index="2024-12-24").main["age"].tolist() == [49]
    (person,) = collected(list(resources(path, Ledger(), skip_bad=False)), Ledger()).people.values()
    assert person.death is None


# ------------------------------------------------------------------------------------------------ MEDS


SIMPLE = f"{FORMATS}/meds/meds_testing_helpers_simple"


def test_each_file_of_meds_is_counted(shared: Shared) -> None:
    found = load(MEDS, shared(SIMPLE), need_target=True)
    counts = {"/".join(Path(one.path).parts[-2:]): one.rows for one in found.provenance.sources}
    assert counts == {
        "held_out/0.parquet": 11, "train/0.parquet": 30, "train/1.parquet": 14, "tuning/0.parquet": 7,
        "boolean_value_task/labels_A.parquet.parquet": 10, "boolean_value_task/labels_B.parquet.parquet": 11,
        "metadata/subject_splits.parquet": 6,
    }  # fmt: skip


def test_codes_without_an_entry_and_values_without_a_unit_stay_as_they_are(shared: Shared) -> None:
    timeline = load(MEDS, shared(SIMPLE), need_target=True).tables["timeline"]
    assert timeline["time"].max() == pd.Timestamp("2010-06-20T20:50:04")
    assert "ADMISSION//CARDIAC" in set(timeline["variable"])
    assert timeline.loc[timeline["variable"] == "TEMP", "value"].between(95, 101).all()
    assert {"EYE_COLOR//BROWN", "HEIGHT", "MEDS_BIRTH"}.isdisjoint(timeline["variable"])


def test_a_shard_alone_is_read_for_prediction(shared: Shared) -> None:
    found = load_any(shared(f"{SIMPLE}/data/held_out/0.parquet"), need_target=False)
    assert (len(found.main), len(found.tables["timeline"])) == (1, 11 - 3)


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("metadata/codes.parquet", "a list of codes"),
        ("metadata/subject_splits.parquet", "a list of splits"),
        ("task_labels/boolean_value_task/labels_A.parquet.parquet", "labels"),
        ("task_labels", "labels"),
    ],
)
def test_what_stands_beside_the_events_is_no_table_of_cases(file: str, what: str, shared: Shared) -> None:
    path = shared(f"{SIMPLE}/{file}")
    for need_target in (True, False):
        with pytest.raises(DataError, match=f"holds {what} of MEDS, and no events"):
            load_any(path, need_target=need_target)


def test_a_table_with_inputs_and_columns_of_meds_labels_is_one_of_cases(tmp_path: Path) -> None:
    when = pd.Timestamp("2024-01-01")
    table = pd.DataFrame({"subject_id": [1, 2], "prediction_time": when, "boolean_value": [True, False], "x": 1.0})
    table.to_parquet(tmp_path / "a.parquet")
    assert load_any(tmp_path / "a.parquet").main["x"].tolist() == [1.0, 1.0]


# ------------------------------------------------------------------------------------------------ PhysioNet 2012


STAYS = f"{FORMATS}/physionet2012"


@pytest.mark.parametrize(
    ("record", "rows", "parameters", "last", "height", "weight"),
    [
        (132539, 273, 24, "47:37", None, None),
        (132540, 528, 32, "47:11", 175.3, 76.0),
        (132541, 434, 38, None, None, 56.7),
        (132543, 434, 29, None, 180.3, 84.6),
        (135365, 1502, 36, None, None, 94.0),
        (140936, 6, 6, None, None, None),
    ],
)
def test_each_stay_has_its_rows_and_descriptors(
    record: int, rows: int, parameters: int, last: str | None, height: float | None, weight: float | None,
    shared: Shared,
) -> None:  # fmt: skip
    found = load(PHYSIONET2012, shared(f"{STAYS}/set-a/{record}.txt"))
    timeline, case = found.tables["timeline"], found.main.iloc[0]
    described = {"RecordID", "Age", "Gender", "Height", "ICUType", "Weight"}
    assert found.provenance.sources[0].rows == len(timeline) + 1
    assert len(timeline) + len(described) == rows
    assert len(described | set(timeline["variable"])) == parameters
    for name, value in (("height", height), ("weight", weight)):
        assert case[name] == pytest.approx(np.nan if value is None else value, nan_ok=True)
    if last is not None:
        hours, minutes = (int(one) for one in last.split(":"))
        assert timeline["time"].max() == pd.Timestamp("1970-01-01") + pd.Timedelta(hours=hours, minutes=minutes)


def test_values_of_single_stays(shared: Shared) -> None:
    def values(record: int, name: str) -> pd.Series:
        timeline = load(PHYSIONET2012, shared(f"{STAYS}/set-a/{record}.txt")).tables["timeline"]
        return timeline[timeline["variable"] == name].set_index("time")["value"]

    urine = values(132539, "Urine")
    assert urine[pd.Timestamp("1970-01-02T03:37")].tolist() == [400, 0]
    assert not len(values(132539, "MechVent"))
    assert (len(values(132540, "MechVent")), values(132540, "Weight").iloc[0]) == (5, 80.6)
    assert {1.0, 0.5} <= set(values(132540, "FiO2"))
    rate = values(135365, "HR")
    assert (len(rate), rate.min(), rate.max()) == (189, 88, 162)
    main = load(PHYSIONET2012, shared(f"{STAYS}/set-a/140936.txt")).main
    assert main[["age", "sex", "unit"]].iloc[0].tolist() == [49, "male", "medical"]


def test_the_outcomes_are_deaths_in_hospital_and_nothing_else(shared: Shared) -> None:
    path, ledger = shared(f"{STAYS}/Outcomes-a.txt"), Ledger()
    died = outcomes_in(path, ledger)
    assert (len(died), sum(died.values()), died["132543"]) == (40, 7, 0)
    (told,) = ledger.warnings
    assert told.startswith("SAPS-I, SOFA, Length_of_stay, Survival of Outcomes-a.txt are outcomes or scores")
    for need_target in (True, False):
        with pytest.raises(DataError, match="outcomes and scores of stays, and nothing measured"):
            load_any(path, need_target=need_target)


def test_a_stay_that_the_outcomes_do_not_name_is_not_trained_on(shared: Shared) -> None:
    with pytest.raises(DataError, match=r"1 without an outcome in Outcomes-a\.txt"):
        load_any(shared(f"{STAYS}/set-a/140936.txt"))


# ------------------------------------------------------------------------------------------------ DICOM


@pytest.mark.parametrize(
    ("name", "mean", "window", "padding"),
    [
        ("CT_small.dcm", None, None, -2000 - 1024),
        ("693_J2KI.dcm", None, (40, 100), -2000 - 1024),
        ("MR_small_implicit.dcm", 518.8813, (600, 1600), None),
        ("MR_small_RLE.dcm", 518.8813, (600, 1600), None),
        ("MR_small_bigendian.dcm", 518.8813, (600, 1600), None),
        ("RG3_J2KI", 1023 - 332.7166, (1023 - 550, 1024), None),
        ("image_dfl.dcm", 127.116, None, None),
        ("decimal_rescale.dcm", -4096, (272, 846), None),
    ],
)
def test_means_windows_and_padding_are_in_real_units(
    name: str, mean: float | None, window: tuple[float, float] | None, padding: float | None, shared: Shared
) -> None:
    picture = read_dicom(shared(f"{FORMATS}/dicom/{name}"))
    assert mean is None or picture.values.mean() == pytest.approx(mean, abs=1e-3)
    assert (picture.window, picture.padding) == (window, padding)
    assert as_bytes(picture, 16, 1).shape == (16, 16, 1)


def test_three_transfer_syntaxes_hold_one_picture(shared: Shared) -> None:
    names = ("MR_small_implicit.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm")
    first, *others = (read_dicom(shared(f"{FORMATS}/dicom/{name}")).values for name in names)
    assert all(np.array_equal(first, one) for one in others)


@pytest.mark.parametrize(
    ("name", "shape", "low", "high", "window"),
    [
        ("JPGExtended.dcm", (1024, 256), 0, 264, None),
        ("MR4_JLSN", (512, 512), -19595, 980.945, (-927, 2265)),
    ],
)
def test_where_a_decoder_is_installed_its_pictures_are_in_real_units(
    name: str, shape: tuple[int, int], low: float, high: float, window: tuple[float, float] | None, shared: Shared
) -> None:
    path = shared(f"{FORMATS}/dicom/{name}")
    if importlib.util.find_spec("libjpeg") is None:
        pytest.skip("pylibjpeg-libjpeg is not installed")
    picture = read_dicom(path)
    assert (picture.values.shape, picture.window) == (shape, window)
    assert (picture.values.min(), picture.values.max()) == (low, pytest.approx(high, abs=1e-3))


def test_a_file_without_date_and_patient_is_one_of_its_own(shared: Shared) -> None:
    found = load(DICOM, shared(f"{FORMATS}/dicom/image_dfl.dcm"))
    assert found.main["patient"].tolist() == ["1.3.6.1.4.1.5962.1.2.0.977067310.6001.0"]
    told = " ".join(found.provenance.ledger.warnings)
    assert "without PatientID" in told
    assert "without a date" in told


def test_how_a_picture_was_treated_is_told_with_its_name(shared: Shared) -> None:
    told = load(DICOM, shared(f"{FORMATS}/dicom/RG3_J2KI")).provenance.ledger.warnings
    assert "1 pictures were read thus: MONOCHROME1 mirrored at 1023 (RG3_J2KI)" in told
