"""FHIR R4, R4B and R5: what is read, what is refused by name, and that nothing is lost without a count."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from verticals_healthcare.adapters.fhir.events import READERS, NotUsedError, medication_of
from verticals_healthcare.adapters.fhir.read import FHIR, read
from verticals_healthcare.adapters.fhir.times import age_at, parse
from verticals_healthcare.adapters.fhir.version import signs
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import DataError, Dataset, ReadOptions, UsageError

Shared = Callable[[str], Path]
FORMATS = "formats/healthcare/fhir"


def load(path: Path, *, need_target: bool = False, **options: str) -> Dataset:
    return read(path, ReadOptions(schema=SCHEMA, need_target=need_target, options=options))


def written(folder: Path, *resources: object, name: str = "data.ndjson") -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in resources]
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def patient(who: str, **more: object) -> dict[str, object]:
    return {"resourceType": "Patient", "id": who, **more}


def observed(name: str, when: str, value: float, **more: object) -> dict[str, object]:
    return {
        "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{name}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}, "effectiveDateTime": when,
        "valueQuantity": {"value": value, "code": "/min"}, **more,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ public files


def test_bulk_export_has_thirteen_patients_and_all_conditions(shared: Shared) -> None:
    found = load(shared(f"{FORMATS}/bulk_r4_smart10"))
    assert len(found.main) == 13
    assert found.main["sex"].value_counts().to_dict() == {"female": 9, "male": 4}
    assert len(found.tables["timeline"]) == 11 + 60 + 40 + 60 + 40
    assert found.provenance.ledger.dropped == {"JSON without resourceType, no FHIR resource": 4}
    assert all(
        "log.ndjson" in one for one in found.provenance.ledger.where["JSON without resourceType, no FHIR resource"]
    )
    assert "16 Device" in " ".join(found.provenance.ledger.warnings)


def test_conditions_with_dangling_encounters_are_kept(shared: Shared) -> None:
    found = load(shared(f"{FORMATS}/bulk_r4_smart10/Condition.000.ndjson"))
    timeline = found.tables["timeline"]
    assert len(timeline) == 60
    assert timeline["patient"].nunique() == 10
    assert timeline["time"].min() == pd.Timestamp("1937-06-06T14:58:16")


def test_bundle_with_mark_and_bare_entry(shared: Shared) -> None:
    found = load(shared(f"{FORMATS}/r4/ObservationBundle.json"))
    (row,) = found.tables["timeline"].to_dict("records")
    assert (row["patient"], row["variable"], row["value"], row["unit"]) == ("f001", "LOINC//15074-8", 6.3, "mmol/l")
    assert row["time"] == pd.Timestamp("2013-04-02T08:30:10")
    assert sum(found.provenance.ledger.dropped.values()) == 1


def test_transaction_response_is_one_patient(shared: Shared) -> None:
    found = load(shared(f"{FORMATS}/r4/bundle-response.json"))
    assert found.main["patient"].tolist() == ["12423"]
    assert not len(found.tables["timeline"])


@pytest.mark.parametrize(
    ("file", "variable", "value", "time"),
    [
        ("r4/observation-example-spirometry.json", "MDC//152584", 820.0, "2017-05-03T19:54:26"),
        ("r4b/observation-example-bmi-using-related.json", "LOINC//39156-5", 16.2, "1999-07-02T23:59:59"),
        ("r4b/medicationrequest0301.json", "SNOMED//430127000", np.nan, "2015-01-15T23:59:59"),
        ("r5/medicationadministration0306.json", "SNOMED//324252006", np.nan, "2015-01-15T03:30:00"),
        ("r5/observation-example-body-weight-with-arabic-code.json", "LOINC//29463-7", 185.0, "2016-03-28T23:59:59"),
    ],
)
def test_single_resources_of_three_versions(shared: Shared, file: str, variable: str, value: float, time: str) -> None:
    (row,) = load(shared(f"{FORMATS}/{file}")).tables["timeline"].to_dict("records")
    assert row["variable"] == variable
    assert row["value"] == pytest.approx(value, nan_ok=True)
    assert row["time"] == pd.Timestamp(time)


def test_an_encounter_reads_alike_in_r4_and_r5(shared: Shared) -> None:
    said = []
    for version in ("r4", "r5"):
        resource = json.loads(shared(f"{FORMATS}/{version}/encounter-example-f202-20130128.json").read_text())
        said.append(list(READERS["Encounter"](resource, "f201")))
    assert said[0] == said[1]
    assert said[0][0].variable == "ENCOUNTER//AMB"


def test_a_differential_diagnosis_is_no_diagnosis(shared: Shared) -> None:
    found = load(shared(f"{FORMATS}/r5/condition-example-f205-infection.json"))
    assert not len(found.tables["timeline"])
    assert "differential" in next(iter(found.provenance.ledger.dropped))


@pytest.mark.parametrize("file", ["Observation.json", "Encounter.json", "MedicationRequest.json"])
def test_stu3_is_refused_by_name(shared: Shared, file: str) -> None:
    with pytest.raises(DataError, match="FHIR STU3"):
        load(shared(f"{FORMATS}/stu3/{file}"))


def test_chinese_patient(shared: Shared) -> None:
    main = load(shared(f"{FORMATS}/r4b/patient-example-chinese.json")).main
    assert main["sex"].tolist() == ["male"]


def test_dstu2_orders_are_refused(tmp_path: Path) -> None:
    order = {"resourceType": "MedicationOrder", "patient": {"reference": "Patient/a"}}
    with pytest.raises(DataError, match="DSTU2"):
        load(written(tmp_path, patient("a"), order))


# ------------------------------------------------------------------------------------------------ written here


def test_blank_lines_mean_nothing_and_a_broken_one_is_named(tmp_path: Path) -> None:
    good = [patient("p1", birthDate="1990-01-01"), "", patient("p2", birthDate="1991-01-01")]
    assert len(load(written(tmp_path, *good)).main) == 2
    bad = written(tmp_path, *good, '{"resourceType":"Patient","id":', {"resourceType": "OperationOutcome", "issue": []})
    with pytest.raises(DataError, match=r"data\.ndjson, line 4"):
        load(bad)
    found = load(bad, bad_lines="skip")
    assert len(found.main) == 2
    assert sum(found.provenance.ledger.dropped.values()) == 2


def test_a_line_separator_inside_a_string_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    lines = [patient("p1", name=[{"text": "a\u2028b"}]), patient("p2")]
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines), encoding="utf-8")
    assert len(load(path).main) == 2


def test_packed_exports_are_opened(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "Patient.ndjson.gz"
    path.write_bytes(gzip.compress(json.dumps(patient("p1")).encode()))
    assert FHIR.sniff(path).score > 0.5
    assert len(load(path).main) == 1


@pytest.mark.parametrize(
    ("text", "precision", "first", "last"),
    [
        ("1958", "year", "1958-01-01", "1958-12-31T23:59:59"),
        ("1958-06", "month", "1958-06-01", "1958-06-30T23:59:59"),
        ("2020-02-10", "day", "2020-02-10", "2020-02-10T23:59:59"),
        ("2020-02-10T08:00:00+02:00", "time", "2020-02-10T06:00", "2020-02-10T06:00"),
    ],
)
def test_dates_keep_their_precision(text: str, precision: str, first: str, last: str) -> None:
    when = parse(text)
    assert when is not None
    assert (when.precision, when.earliest, when.latest) == (precision, np.datetime64(first), np.datetime64(last))


@pytest.mark.parametrize("text", ["202510", "01.10", "2020-13", "2020-02-30", 1958, None, "yesterday"])
def test_malformed_dates_are_no_dates(text: object) -> None:
    assert parse(text) is None


def test_a_year_of_birth_leaves_two_ages() -> None:
    when = parse("1958")
    assert when is not None
    assert age_at(when, np.datetime64("2020-07-01")) == (61, 62)


def test_a_partial_birth_date_is_told_and_a_malformed_one_named(tmp_path: Path) -> None:
    path = written(tmp_path, patient("a", birthDate="1958"), patient("b", birthDate="202510"),
                   observed("a", "2020-07-01T10:00:00Z", 70), observed("b", "2020-07-01T10:00:00Z", 71))  # fmt: skip
    found = load(path)
    ages = found.main.set_index("patient")["age"]
    assert ages["a"] == 61.5
    assert np.isnan(ages["b"])
    assert any("202510" in one for one in found.provenance.ledger.warnings)


def test_an_event_known_to_the_month_is_not_before_a_moment_in_it(tmp_path: Path) -> None:
    found = load(written(tmp_path, observed("a", "2020-02", 70)), index="2020-02-15")
    assert found.tables["timeline"]["time"].iloc[0] > found.main["time"].iloc[0]


def test_references_by_uuid_address_and_history(tmp_path: Path) -> None:
    def entry(url: str, resource: dict[str, object]) -> dict[str, object]:
        return {"fullUrl": url, "resource": resource}

    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        entry("urn:uuid:1", patient("p1")),
        entry("urn:uuid:2", observed("x", "2020-01-01T00:00:00Z", 1, subject={"reference": "urn:uuid:1"})),
        entry("", observed("x", "2020-01-01T00:00:00Z", 2, subject={"reference": "http://a.org/fhir/Patient/p1"})),
        entry("", observed("x", "2020-01-01T00:00:00Z", 3, subject={"reference": "Patient/p1/_history/2"})),
        entry("", observed("x", "2020-01-01T00:00:00Z", 4, subject={"reference": "Group/g"})),
    ]}  # fmt: skip
    found = load(written(tmp_path, bundle, name="bundle.json"))
    assert found.tables["timeline"]["patient"].tolist() == ["p1"] * 3
    assert found.provenance.ledger.dropped == {"Observation that belongs to no patient": 1}


def test_results_that_do_not_count(tmp_path: Path) -> None:
    when = "2020-01-01T00:00:00Z"
    path = written(tmp_path, observed("a", when, 1), observed("a", when, 2, status="entered-in-error"),
                   observed("a", when, 3, status="registered"), observed("a", "202510", 4))  # fmt: skip
    found = load(path)
    assert found.tables["timeline"]["value"].tolist() == [1.0]
    assert sum(found.provenance.ledger.dropped.values()) == 3


def test_components_are_rows_of_their_own() -> None:
    def part(code: str, value: float) -> dict[str, Any]:
        return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value}}

    resource: dict[str, Any] = {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2020-01-01"}
    resource |= {"code": {"text": "pressure"}, "component": [part("8480-6", 120), part("8462-4", 80)]}
    assert [one.value for one in READERS["Observation"](resource, "a")] == [120.0, 80.0]
    with pytest.raises(NotUsedError, match="without a value"):
        list(READERS["Observation"]({**resource, "component": []}, "a"))


def test_medication_forms_of_r4_and_r5() -> None:
    concept = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076"}]}
    assert medication_of({"medicationCodeableConcept": concept}) == "RXNORM//314076"
    assert medication_of({"medication": {"concept": concept}}) == "RXNORM//314076"
    assert medication_of({"medicationReference": {"reference": "Medication/7"}}) == "Medication/7"


def test_the_version_can_be_forced_and_a_strange_one_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, patient("a"), {**observed("a", "2020-01-01T00:00:00Z", 1), "related": []})
    with pytest.raises(DataError, match="STU3"):
        load(path)
    assert load(path, fhir="R4").provenance.notes["fhir"] == "R4"
    with pytest.raises(UsageError, match="STU3"):
        load(path, fhir="STU3")


@pytest.mark.parametrize(
    ("resource", "version"),
    [
        ({"resourceType": "MedicationOrder"}, "DSTU2"),
        ({"resourceType": "Encounter", "class": [{}]}, "R5"),
        ({"resourceType": "Encounter", "class": "inpatient"}, "DSTU2"),
        ({"resourceType": "Patient", "animal": {}}, "STU3"),
        ({"resourceType": "CapabilityStatement", "fhirVersion": "6.0.0-ballot"}, "R6"),
    ],
)
def test_signs_of_versions(resource: dict[str, object], version: str) -> None:
    assert {one.version for one in signs(resource)} == {version}


def test_outcomes_within_a_horizon_need_no_look_ahead(tmp_path: Path) -> None:
    def ill(name: str, when: str) -> dict[str, object]:
        code = {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}
        return {"resourceType": "Condition", "subject": {"reference": f"Patient/{name}"}, "code": code,
                "recordedDate": when}  # fmt: skip

    seen = [observed(name, "2020-01-01T00:00:00Z", 70) for name in "abc"]
    later = [observed(name, "2022-01-01T00:00:00Z", 70) for name in "ab"]
    path = written(tmp_path, *seen, *later, ill("a", "2020-03-01T00:00:00Z"))
    found = load(path, need_target=True, outcome="SNOMED//1", horizon_days="365")
    assert dict(zip(found.main["patient"], found.main["outcome"], strict=True)) == {"a": "1", "b": "0"}
    assert found.provenance.ledger.dropped == {"are censored: their record ends before the horizon": 1}
    assert "SNOMED//1" not in set(found.tables["timeline"]["variable"])


# ------------------------------------------------------------------------------------------------ traps


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "2262-06", "2020-01-01T00:00:60Z"])
def test_a_date_that_no_clock_here_holds_is_counted_and_not_read(text: str, tmp_path: Path) -> None:
    assert parse(text) is None
    found = load(written(tmp_path, observed("a", "2020-01-01T00:00:00Z", 1), observed("a", text, 2)))
    assert list(found.provenance.ledger.dropped) == [f"a date that cannot be read ({text!r})"]


def test_what_was_collected_over_a_period_is_known_at_its_end(tmp_path: Path) -> None:
    period = {"start": "2020-01-01T08:00:00Z", "end": "2020-01-02T08:00:00Z"}
    urine = {**observed("a", "", 1500), "effectivePeriod": period}
    del urine["effectiveDateTime"]
    stay = {"resourceType": "Encounter", "status": "finished", "subject": {"reference": "Patient/a"}, "period": period}
    rows = load(written(tmp_path, urine, stay)).tables["timeline"].set_index("variable")["time"]
    assert rows["LOINC//8867-4"] == pd.Timestamp("2020-01-02T08:00")
    assert rows["ENCOUNTER//unknown"] == pd.Timestamp("2020-01-01T08:00")


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"value": 1, "code": "mmol/L", "unit": "mmol per litre", "system": "http://unitsofmeasure.org"}, "mmol/l"),
        ({"value": 1, "code": "258813002", "unit": "mmol/L", "system": "http://snomed.info/sct"}, "mmol/l"),
        ({"value": 1, "unit": "mmol/L"}, "mmol/l"),
        ({"value": 1}, ""),
    ],
)
def test_a_unit_is_the_code_of_ucum_or_what_is_printed(quantity: dict[str, Any], unit: str, tmp_path: Path) -> None:
    found = load(written(tmp_path, observed("a", "2020-01-01", 1, valueQuantity=quantity)))
    assert found.tables["timeline"]["unit"].tolist() == [unit]


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": {"unit": "mg/dL"}},
        {"valueQuantity": {"value": "6.3"}},
        {"valueSampledData": {"data": "1 2 3"}},
        {"valueRange": {"low": {"value": 1}}},
    ],
)
def test_a_value_that_is_not_read_is_counted_and_no_mere_presence(value: dict[str, Any], tmp_path: Path) -> None:
    other = {name: one for name, one in observed("a", "2020-01-01", 1).items() if name != "valueQuantity"} | value
    found = load(written(tmp_path, observed("a", "2020-01-01", 1), other))
    assert found.tables["timeline"]["value"].tolist() == [1.0]
    assert next(iter(found.provenance.ledger.dropped)).startswith(next(iter(value)))


def test_words_and_limits_are_findings_of_their_own(tmp_path: Path) -> None:
    def said(**value: object) -> dict[str, object]:
        return {name: one for name, one in observed("a", "2020-01-01", 1).items() if name != "valueQuantity"} | value

    positive = {"coding": [{"system": "http://snomed.info/sct", "code": "10828004"}], "text": "Positive"}
    found = load(written(tmp_path, said(valueCodeableConcept=positive), said(valueString="trace"),
                         said(valueQuantity={"value": 5, "comparator": "<", "unit": "mg/L"}),
                         said(valueBoolean=False)))  # fmt: skip
    assert sorted(found.tables["timeline"]["variable"]) == [
        "LOINC//8867-4", "LOINC//8867-4 < 5", "LOINC//8867-4=SNOMED//10828004", "LOINC//8867-4=trace",
    ]  # fmt: skip


def test_an_order_not_to_give_and_a_mere_plan_are_no_medication(tmp_path: Path) -> None:
    drug = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": "2020-01-01",
            "subject": {"reference": "Patient/a"}, "medicationCodeableConcept": {"text": "warfarin"}}  # fmt: skip
    found = load(written(tmp_path, drug, {**drug, "doNotPerform": True}, {**drug, "intent": "proposal"}))
    assert found.tables["timeline"]["variable"].tolist() == ["warfarin"]
    assert sum(found.provenance.ledger.dropped.values()) == 2


@pytest.mark.parametrize("reference", ["urn:uuid:7", "Medication/7", "http://a.org/fhir/Medication/7"])
def test_a_medication_that_stands_elsewhere_is_found(reference: str, tmp_path: Path) -> None:
    code = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076"}]}
    given = {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2020-01-01",
             "subject": {"reference": "Patient/a"}, "medicationReference": {"reference": reference}}  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:7", "resource": {"resourceType": "Medication", "id": "7", "code": code}},
        {"resource": given},
    ]}  # fmt: skip
    found = load(written(tmp_path, bundle, name="b.json"))
    assert found.tables["timeline"]["variable"].tolist() == ["RXNORM//314076"]


def test_what_belongs_to_a_device_makes_no_patient(tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": patient("p1")},
        {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Device", "id": "d"}},
        {"resource": observed("x", "2020-01-01", 1, subject={"reference": "urn:uuid:2"})},
    ]}  # fmt: skip
    found = load(written(tmp_path, bundle, name="b.json"))
    assert found.main["patient"].tolist() == ["p1"]
    assert found.provenance.ledger.dropped == {"Observation that belongs to no patient": 1}


def test_results_contained_in_a_report_are_read_for_its_patient(tmp_path: Path) -> None:
    inner = {name: one for name, one in observed("x", "2020-01-02T00:00:00Z", 7).items() if name != "subject"}
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "panel"}, "id": "r",
              "subject": {"reference": "Patient/a"}, "effectiveDateTime": "2020-01-02T00:00:00Z",
              "contained": [{**inner, "id": "o1"}, {"resourceType": "Practitioner", "id": "dr"}]}  # fmt: skip
    rows = load(written(tmp_path, report)).tables["timeline"]
    assert rows.set_index("variable")["value"].to_dict() == {"panel": pytest.approx(np.nan, nan_ok=True),
                                                             "LOINC//8867-4": 7.0}  # fmt: skip
    assert rows["patient"].unique().tolist() == ["a"]


def test_an_observation_of_dstu2_is_refused_by_name(tmp_path: Path) -> None:
    old = observed("a", "2020-01-01", 1, category={"coding": [{"code": "vital-signs"}]})
    with pytest.raises(DataError, match=r"DSTU2 \(Observation: category as one CodeableConcept"):
        load(written(tmp_path, old))


def test_json_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nests deeper"):
        load(written(tmp_path, "[" * 200_000, name="deep.json"))
