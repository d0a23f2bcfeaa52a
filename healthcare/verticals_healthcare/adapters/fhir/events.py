"""FHIR resources of R4, R4B and R5 as rows of a timeline: who, when it was known, what, how much, in which unit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from verticals_healthcare.adapters.fhir.times import When, parse

Resource = Mapping[str, Any]
SYSTEMS = {
    "http://loinc.org": "LOINC", "http://snomed.info/sct": "SNOMED", "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM", "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM", "http://hl7.org/fhir/sid/cvx": "CVX",
    "urn:iso:std:iso:11073:10101": "MDC", "http://www.ama-assn.org/go/cpt": "CPT",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode": "ACT", "http://www.whocc.no/atc": "ATC",
}  # fmt: skip
UCUM = "http://unitsofmeasure.org"
PREFERRED = ("LOINC", "SNOMED", "RXNORM", "ICD10CM", "ICD10", "CVX", "ATC", "MDC")


@dataclass(frozen=True)
class Event:
    """One row: ``unit`` and NaN ``value`` mean that it happened, without a number."""

    patient: str
    when: When | None
    variable: str
    value: float = np.nan
    unit: str = ""
    why_not: str = ""
    """Why the row cannot be used; "" if it can."""


class NotUsedError(Exception):
    """A resource says nothing that counts; the message says why."""


def as_list(node: Any) -> list[Any]:
    """What FHIR versions write once as an object and once as a list."""
    return node if isinstance(node, list) else [] if node is None else [node]


def code_of(concept: Any) -> str:
    """``SYSTEM//code`` of a CodeableConcept, by the preferred system; its text where there is no code; "" = none."""
    if not isinstance(concept, dict):
        return ""
    found: dict[str, str] = {}
    for coding in as_list(concept.get("coding")):
        if isinstance(coding, dict) and coding.get("code"):
            system = str(coding.get("system") or "")
            name = SYSTEMS.get(system, system.rstrip("/").rpartition("/")[2] or "CODE")
            found.setdefault(name, f"{name}//{coding['code']}")
    if found:
        return next((found[one] for one in PREFERRED if one in found), next(iter(found.values())))
    return str(concept.get("text") or "").strip()


def status_of(resource: Resource, name: str) -> str:
    """The code of a status, a plain code or a CodeableConcept."""
    found = resource.get(name)
    if isinstance(found, dict):
        return code_of(found).rpartition("//")[2].lower()
    return str(found or "").lower()


def choice(resource: Resource, *names: str) -> Any:
    """The first of several elements that is there."""
    return next((resource[one] for one in names if resource.get(one) is not None), None)


def moment(resource: Resource, *names: str, end: bool = False) -> When | None:
    """The first date among the elements; of a Period its start (or its end), of a Timing its first event.

    Raises:
        NotUsedError: the date is malformed.
    """
    found = choice(resource, *names)
    if isinstance(found, dict):
        events = as_list(found.get("event"))
        sides = (found.get("end"), found.get("start")) if end else (found.get("start"), found.get("end"))
        found = next((one for one in (sides[0], *events, sides[1]) if one), None)
    if found is None:
        return None
    when = parse(found)
    if when is None:
        raise NotUsedError(f"a date that cannot be read ({found!r})")
    return when


def medication_of(resource: Resource) -> str:
    """The code of a medication: inline, in ``contained``, or the reference itself (R4 and R5 forms)."""
    found = choice(resource, "medicationCodeableConcept", "medication")
    if isinstance(found, dict) and "concept" in found:
        found = found["concept"]
    named = code_of(found)
    if named:
        return named
    pointed = resource.get("medicationReference") or (found.get("reference") if isinstance(found, dict) else None)
    target = pointed.get("reference") if isinstance(pointed, dict) else pointed
    for one in as_list(resource.get("contained")):
        if isinstance(one, dict) and target == f"#{one.get('id')}":
            return code_of(one.get("code"))
    return str(target or "")


def _observation(resource: Resource, who: str) -> Iterator[Event]:
    status = status_of(resource, "status")
    if status in ("entered-in-error", "cancelled", "registered"):
        raise NotUsedError(f"Observation with status {status}")
    # what was collected over a period is known at its end
    when = moment(
        resource, "effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming", "issued", end=True
    )
    name, rows = code_of(resource.get("code")), 0
    parts = [one for one in as_list(resource.get("component")) if isinstance(one, dict)]
    for part, label in ((resource, name), *((one, "") for one in parts)):
        label = label or code_of(part.get("code"))
        if label and _has_value(part):
            rows += 1
            yield _measured(part, who, when, label)
    if not rows:
        raise NotUsedError("Observation without a value")


def _has_value(part: Resource) -> bool:
    return any(name.startswith("value") and value is not None for name, value in part.items())


def _measured(part: Resource, who: str, when: When | None, label: str) -> Event:
    quantity = part.get("valueQuantity")
    if isinstance(quantity, dict) and (amount := _number(quantity.get("value"))) is not None:
        if quantity.get("comparator"):
            return Event(who, when, f"{label} {quantity['comparator']} {amount:g}")
        return Event(who, when, label, amount, _unit_of(quantity))
    plain = _number(choice(part, "valueInteger", "valueDecimal", "valueBoolean"))
    if plain is not None:
        return Event(who, when, label, plain)
    said = code_of(part.get("valueCodeableConcept")) or str(part.get("valueString") or "").strip()[:60]
    if not said:
        kind = next(name for name, value in part.items() if name.startswith("value") and value is not None)
        return Event(who, when, label, why_not=f"{kind} of an Observation that is not read, or is no number")
    return Event(who, when, f"{label}={said}")


def _number(value: Any) -> float | None:
    """A number that is finite; None for all else (some servers write NaN and Infinity, which JSON does not have)."""
    known = isinstance(value, bool | int | float) and abs(value) <= sys.float_info.max
    return float(value) if known else None


def _unit_of(quantity: Resource) -> str:
    """The code if it is one of UCUM (or of no stated system), else the unit as printed."""
    own = not quantity.get("system") or quantity["system"] == UCUM
    return str((own and quantity.get("code")) or quantity.get("unit") or "")


def _condition(resource: Resource, who: str) -> Iterator[Event]:
    sure = status_of(resource, "verificationStatus")
    if sure not in ("", "confirmed"):
        raise NotUsedError(f"Condition that is {sure}, not confirmed")
    when = moment(resource, "recordedDate", "onsetDateTime", "onsetPeriod")
    yield Event(who, when, code_of(resource.get("code")))


def _encounter(resource: Resource, who: str) -> Iterator[Event]:
    status = status_of(resource, "status")
    if status in ("entered-in-error", "cancelled", "planned"):
        raise NotUsedError(f"Encounter with status {status}")
    kinds = as_list(resource.get("class"))
    first = kinds[0] if kinds and isinstance(kinds[0], dict) else {}
    code = first.get("code") or code_of(first).rpartition("//")[2]
    yield Event(who, moment(resource, "actualPeriod", "period"), f"ENCOUNTER//{code or 'unknown'}")


def _medication(resource: Resource, who: str) -> Iterator[Event]:
    status = status_of(resource, "status")
    if status in ("entered-in-error", "cancelled", "draft", "not-done", "not-taken", "declined", "intended"):
        raise NotUsedError(f"{resource['resourceType']} with status {status}")
    if resource.get("doNotPerform") is True or resource.get("intent") in ("proposal", "plan", "option"):
        raise NotUsedError(f"{resource['resourceType']} that orders nothing (doNotPerform, or intent {WISHES})")
    when = moment(
        resource, "authoredOn", "effectiveDateTime", "effectivePeriod", "occurenceDateTime", "occurencePeriod",
        "occurenceTiming", "dateAsserted", "whenHandedOver", "whenPrepared", "recorded",
    )  # fmt: skip
    yield Event(who, when, medication_of(resource))


def _simple(status_out: tuple[str, ...], code: str, *dates: str) -> Callable[[Resource, str], Iterator[Event]]:
    """A reader for resources of which only a code and a date count."""

    def read(resource: Resource, who: str) -> Iterator[Event]:
        status = status_of(resource, "status") or status_of(resource, "verificationStatus")
        if status in status_out:
            raise NotUsedError(f"{resource['resourceType']} with status {status}")
        late = resource["resourceType"] == "DiagnosticReport"
        yield Event(who, moment(resource, *dates, end=late), code_of(resource.get(code)))

    return read


WISHES = "proposal, plan or option"
READERS: Mapping[str, Callable[[Resource, str], Iterator[Event]]] = {
    "Observation": _observation,
    "Condition": _condition,
    "Encounter": _encounter,
    "MedicationRequest": _medication,
    "MedicationAdministration": _medication,
    "MedicationStatement": _medication,
    "MedicationDispense": _medication,
    "Procedure": _simple(("entered-in-error", "not-done", "preparation"), "code", "performedDateTime",
                         "performedPeriod", "occurrenceDateTime", "occurrencePeriod"),
    "Immunization": _simple(("entered-in-error", "not-done"), "vaccineCode", "occurrenceDateTime"),
    "AllergyIntolerance": _simple(("entered-in-error", "refuted"), "code", "recordedDate", "onsetDateTime"),
    "DiagnosticReport": _simple(("entered-in-error", "cancelled", "registered"), "code", "effectiveDateTime",
                                "effectivePeriod", "issued"),
}  # fmt: skip
