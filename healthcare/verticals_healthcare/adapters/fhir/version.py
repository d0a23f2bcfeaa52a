"""Which version of FHIR a resource was written in, by what only one version has. No file is bound to say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from verticals_plugins import DataError, UsageError

Resource = Mapping[str, Any]
READ = ("R4", "R4B", "R5")
OLD_TYPES = {
    "MedicationOrder": "DSTU2", "DiagnosticOrder": "DSTU2", "Conformance": "DSTU2", "OrderResponse": "DSTU2",
    "DeviceUseRequest": "DSTU2", "ImagingObjectSelection": "DSTU2", "ReferralRequest": "STU3", "Sequence": "STU3",
    "ProcedureRequest": "STU3", "EligibilityRequest": "STU3", "ImagingManifest": "STU3", "ExpansionProfile": "STU3",
    "DataElement": "STU3", "BodySite": "STU3", "DeviceComponent": "STU3",
}  # fmt: skip
FIELDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Observation": (("related", "STU3"), ("context", "STU3"), ("comments", "DSTU2"), ("comment", "STU3"),
                    ("triggeredBy", "R5"), ("instantiatesCanonical", "R5"), ("instantiatesReference", "R5")),
    "Condition": (("assertedDate", "STU3"), ("context", "STU3"), ("dateRecorded", "DSTU2"), ("patient", "DSTU2"),
                  ("participant", "R5")),
    "Encounter": (("incomingReferral", "STU3"), ("indication", "DSTU2"), ("actualPeriod", "R5"), ("admission", "R5"),
                  ("plannedStartDate", "R5")),
    "MedicationRequest": (("context", "STU3"), ("definition", "STU3"), ("medication", "R5"),
                          ("renderedDosageInstruction", "R5")),
    "MedicationAdministration": (("notGiven", "STU3"), ("prescription", "STU3"), ("wasNotGiven", "DSTU2"),
                                 ("medication", "R5"), ("occurencePeriod", "R5"), ("occurenceDateTime", "R5")),
    "MedicationStatement": (("taken", "STU3"), ("wasNotTaken", "DSTU2"), ("medication", "R5")),
    "Procedure": (("context", "STU3"), ("notDone", "STU3"), ("notPerformed", "DSTU2"), ("occurrenceDateTime", "R5"),
                  ("occurrencePeriod", "R5")),
    "DiagnosticReport": (("context", "STU3"), ("codedDiagnosis", "STU3"), ("image", "STU3")),
    "AllergyIntolerance": (("assertedDate", "STU3"), ("substance", "DSTU2")),
    "Immunization": (("notGiven", "STU3"), ("vaccinationProtocol", "STU3"), ("wasNotGiven", "DSTU2"), ("date", "STU3")),
    "Patient": (("animal", "STU3"), ("careProvider", "DSTU2")),
    "Bundle": (("base", "DSTU2"),),
}  # fmt: skip
"""Elements that only one version's resource has (hl7.org/fhir, "Differences" of each resource)."""


def _string(resource: Resource, name: str) -> bool:
    return isinstance(resource.get(name), str)


def _codeable(resource: Resource, name: str) -> bool:
    found = resource.get(name)
    return isinstance(found, list) and any(
        isinstance(one, dict) and ("coding" in one or "text" in one) for one in found
    )


def _class_list(resource: Resource) -> bool:
    return isinstance(resource.get("class"), list)


def _agent(resource: Resource) -> bool:
    return isinstance(resource.get("requester"), dict) and "agent" in resource["requester"]


SHAPES: Mapping[str, tuple[tuple[Callable[[Resource], bool], str, str], ...]] = {
    "Observation": ((lambda r: isinstance(r.get("category"), dict), "category as one CodeableConcept", "DSTU2"),),
    "Condition": ((lambda r: _string(r, "clinicalStatus"), "clinicalStatus as text", "STU3"),
                  (lambda r: _string(r, "verificationStatus"), "verificationStatus as text", "STU3")),
    "AllergyIntolerance": ((lambda r: _string(r, "clinicalStatus"), "clinicalStatus as text", "STU3"),),
    "Encounter": ((_class_list, "class as a list", "R5"), (lambda r: _string(r, "class"), "class as text", "DSTU2"),
                  (lambda r: _codeable(r, "reason"), "reason as CodeableConcept", "STU3")),
    "MedicationRequest": ((_agent, "requester.agent", "STU3"),),
}  # fmt: skip
NUMBERS = {"0.": "DSTU1", "1.": "DSTU2", "3.": "STU3", "4.0": "R4", "4.1": "R4B", "4.3": "R4B", "5.": "R5", "6.": "R6"}
SYSTEM_STU3 = "http://hl7.org/fhir/v3/"


@dataclass(frozen=True)
class Sign:
    """Something that tells a version."""

    version: str
    what: str


def signs(resource: Resource) -> list[Sign]:
    """All signs in one resource."""
    kind = str(resource.get("resourceType", ""))
    found = [Sign(OLD_TYPES[kind], kind)] if kind in OLD_TYPES else []
    found += [Sign(version, f"{kind}.{name}") for name, version in FIELDS.get(kind, ()) if name in resource]
    found += [Sign(version, f"{kind}: {what}") for test, what, version in SHAPES.get(kind, ()) if test(resource)]
    told = resource.get("fhirVersion")
    if isinstance(told, str):
        found += [Sign(version, f"fhirVersion {told}") for start, version in NUMBERS.items() if told.startswith(start)]
    if _mentions(resource, SYSTEM_STU3):
        found.append(Sign("STU3", f"code systems under {SYSTEM_STU3}"))
    return found


def _mentions(node: Any, start: str) -> bool:
    """Whether any ``system`` inside begins so."""
    if isinstance(node, dict):
        system = node.get("system")
        if isinstance(system, str) and system.startswith(start):
            return True
        return any(_mentions(one, start) for name, one in node.items() if name not in ("text", "contained"))
    return isinstance(node, list) and any(_mentions(one, start) for one in node)


def refuse_other_versions(resources: Iterable[tuple[str, Resource]], forced: str) -> str:
    """The version, "R4", "R4B", "R5" or "R4 and R5"; ``resources`` are (where, resource).

    Raises:
        DataError: a resource has signs of a version that is not read.
        UsageError: ``forced`` is no version that is read.
    """
    if forced and forced.upper() not in READ:
        raise UsageError(f"FHIR {forced!r} is not read.", expected=f"One of {', '.join(READ)}.")
    if forced:
        return forced.upper()
    seen: dict[str, dict[str, str]] = {}
    for where, resource in resources:
        for sign in signs(resource):
            seen.setdefault(sign.version, {}).setdefault(sign.what, where)
    other = [version for version in seen if version not in READ]
    if other:
        version = max(other, key=lambda one: len(seen[one]))
        what, where = list(seen[version]), next(iter(seen[version].values()))
        raise DataError(
            f"{where} is FHIR {version} ({', '.join(what[:3])}).", expected="R4, R4B and R5 can be read.",
            todo="Convert it, or pass --option fhir=R4 if the version is only declared wrongly.",
        )  # fmt: skip
    known = [version for version in READ if version in seen]
    return " and ".join(known) if known else "R4"
