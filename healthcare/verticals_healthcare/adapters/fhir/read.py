"""FHIR resources as cases: one a patient, with sex and age in the case row and all dated facts in the timeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals_healthcare.adapters.common import EPOCH, SPARSE, dataset, source_of, words
from verticals_healthcare.adapters.fhir.events import READERS, Event, NotUsedError, Resource, as_list
from verticals_healthcare.adapters.fhir.files import Found, files_at, is_json, resources
from verticals_healthcare.adapters.fhir.times import When, age_at, parse
from verticals_healthcare.adapters.fhir.version import refuse_other_versions
from verticals_healthcare.outcomes import OPTIONS, Horizon, index_times, labelled
from verticals_healthcare.timeline import timeline_frame
from verticals_healthcare.units import defaults_of, unified
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, Source

SKIPPED = frozenset({"Bundle", "Parameters", "Medication"})


@dataclass
class Person:
    """What a Patient resource says."""

    sex: str = ""
    birth: When | None = None
    death: When | None = None


@dataclass
class Records:
    """Patients by id and their events, as they are found."""

    people: dict[str, Person] = field(default_factory=dict[str, Person])
    events: list[Event] = field(default_factory=list[Event])
    undated: Counter[str] = field(default_factory=Counter[str])
    unread: Counter[str] = field(default_factory=Counter[str])


def sniff(path: Path) -> Sniff:
    """JSON with a resourceType near its beginning."""
    try:
        files = files_at(path)
        if not files or not is_json(files[0]):
            return Sniff(0.0, "no .json or .ndjson file")
        for file in files[:20]:
            with file.open("rb") as stream:
                head = stream.read(1 << 16).replace(b"\0", b"")  # UTF-16 is looked through
            if b'"resourceType"' in head or file.suffix == ".gz":
                return Sniff(0.9, f"resourceType in {file.name}")
        return Sniff(0.1, "JSON without resourceType")
    except OSError as err:
        return Sniff(0.0, f"cannot be opened: {err}")


def read(path: Path, options: ReadOptions) -> Dataset:
    """All resources at ``path``; what is not read is counted by type or reason.

    Raises:
        DataError: broken JSON, no resource, another FHIR version, no patient, or no outcome where one is needed.
    """
    told, ledger, sources = options.options, Ledger(), list[Source]()
    found: list[Found] = []
    for file in files_at(path):
        before = len(found)
        found += resources(file, ledger, skip_bad=told.get("bad_lines", "") == "skip")
        sources.append(source_of(file, len(found) - before))
    if not found:
        raise DataError(
            f"{path.name} holds no FHIR resource ({reasons(ledger)}).",
            expected="Resources, bundles or NDJSON with resourceType at the top.",
            todo="Where resources stand inside another message, give them as a bundle.",
        )  # fmt: skip
    version = refuse_other_versions(((one.where, one.resource) for one in found), told.get("fhir", ""))
    records = collected(found, ledger)
    for what, count in records.undated.items():
        ledger.drop(f"{what} without a date: cannot be placed in time", count)
    if records.unread:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(records.unread.items()))
        ledger.warn(f"resources of types that are not read: {kinds}")
    if not records.people:
        raise DataError(
            f"{path.name} tells of no patient ({reasons(ledger)}).",
            expected="Patients, or resources that belong to one.",
            todo="Give the folder that holds the rest of the export.",
        )  # fmt: skip
    horizon = Horizon.of(told)
    if options.need_target and not horizon.codes:
        raise DataError(
            "FHIR resources carry no outcome of their own.", expected="The code of the event to predict.",
            todo="Say it, for example: --option outcome=SNOMED//44054006 --option horizon_days=365",
        )  # fmt: skip
    timeline = unified(timeline_of(records), ledger, defaults_of(told.get("units", "")))
    main = cases(records, timeline, horizon, ledger)
    if horizon.codes:
        death = {name: one.death.earliest for name, one in records.people.items() if one.death is not None}
        main = labelled(main, timeline, horizon, ledger, death)
        timeline = timeline[~timeline["variable"].isin(horizon.codes)]
    notes = {"fhir": version, "times": "normalised to UTC; a time known to the day or month stands at its end",
             SPARSE: "yes"}  # fmt: skip
    if options.limit is not None:
        main = main.iloc[: options.limit]
    return dataset(
        main, adapter="healthcare.fhir", sources=sources, ledger=ledger, timeline=timeline, notes=notes, name=path.name
    )


def reasons(ledger: Ledger) -> str:
    """All that was left out, in one line."""
    left = [f"{count} {reason}" for reason, count in ledger.dropped.items()]
    return "; ".join([*left, *ledger.warnings]) or "nothing stands in it"


def collected(found: list[Found], ledger: Ledger) -> Records:
    """Patients and events of all resources. References are resolved by id and by ``fullUrl``."""
    records, found = Records(), newest(found, ledger)
    urls = {one.url: str(one.resource.get("id") or one.url) if one.resource["resourceType"] == "Patient" else ""
            for one in found if one.url}  # fmt: skip
    drugs = {name: one.resource["code"] for one in found
             if one.resource["resourceType"] == "Medication" and "code" in one.resource
             for name in (f"Medication/{one.resource.get('id')}", one.url)}  # fmt: skip
    for one in found:
        kind = one.resource["resourceType"]
        if kind == "Patient":
            _patient(one, records, ledger)
        elif kind in READERS:
            _facts(replace(one, resource=with_drug(one.resource, drugs)), urls, records, ledger)
        elif kind not in SKIPPED:
            records.unread[kind] += 1
        for inner in as_list(one.resource.get("contained")):
            if isinstance(inner, dict) and str(inner.get("resourceType")) in READERS:
                owner = {name: one.resource[name] for name in ("subject", "patient") if name in one.resource}
                _facts(Found({**owner, **inner}, f"{one.where}, contained {inner.get('id')}"), urls, records, ledger)
    return records


def newest(found: list[Found], ledger: Ledger) -> list[Found]:
    """Each resource once: of versions and copies under one id and subject the last updated, else the last read."""
    place: dict[tuple[str, str, str], int] = {}
    kept: list[Found | None] = list(found)
    for number, one in enumerate(found):
        resource = one.resource
        if not resource.get("id") or resource["resourceType"] in ("Bundle", "Parameters"):
            continue
        whose = resource.get("subject") or resource.get("patient")
        key = (str(resource["resourceType"]), str(resource["id"]), str(whose))
        before = place.get(key)
        if before is None:
            place[key] = number
            continue
        old = number if _updated(resource) < _updated(found[before].resource) else before
        place[key], kept[old] = before + number - old, None
        ledger.drop("an older version, or a copy, of a resource", 1, [found[old].where])
    return [one for one in kept if one is not None]


def _updated(resource: Resource) -> int:
    """When a version was made, nanoseconds since 1970; 0 if it does not say."""
    meta = resource.get("meta")
    when = parse(meta.get("lastUpdated")) if isinstance(meta, dict) else None
    return 0 if when is None else int(when.latest.astype("datetime64[ns]").astype(np.int64))


def with_drug(resource: Resource, drugs: Mapping[str, Any]) -> Resource:
    """The resource with the code of the Medication that it refers to, where that is among those read."""
    found = resource.get("medicationReference")
    if found is None and isinstance(resource.get("medication"), dict):
        found = resource["medication"].get("reference")
    name = str(found.get("reference") if isinstance(found, dict) else found)
    known = next((drugs[one] for one in (name, "/".join(name.split("/")[-2:])) if one in drugs), None)
    return resource if known is None else {**resource, "medicationCodeableConcept": known}


def _patient(one: Found, records: Records, ledger: Ledger) -> None:
    resource = one.resource
    name = str(resource.get("id") or one.url or "")
    if not name:
        ledger.drop("Patient without an id", 1, [one.where])
        return
    person = records.people.setdefault(name, Person())
    person.sex = str(resource.get("gender") or "") or person.sex
    birth = parse(resource.get("birthDate"))
    if birth is None and resource.get("birthDate") is not None:
        ledger.warn(f"{one.where}: birthDate {resource['birthDate']!r} is malformed and was left out")
    person.birth = birth or person.birth
    person.death = parse(resource.get("deceasedDateTime")) or person.death


def _facts(one: Found, urls: dict[str, str], records: Records, ledger: Ledger) -> None:
    resource, kind = one.resource, str(one.resource["resourceType"])
    who = subject_of(resource, urls)
    if not who:
        ledger.drop(f"{kind} that belongs to no patient", 1, [one.where])
        return
    records.people.setdefault(who, Person())
    try:
        events = list(READERS[kind](resource, who))
    except NotUsedError as err:
        ledger.drop(str(err), 1, [one.where])
        return
    for event in events:
        if event.why_not or not event.variable:
            ledger.drop(event.why_not or f"{kind} without a code", 1, [one.where])
        elif event.when is None:
            records.undated[kind] += 1
        else:
            records.events.append(event)


def subject_of(resource: Resource, urls: dict[str, str]) -> str:
    """The patient's id: from ``Patient/ID``, an absolute address, or an entry's fullUrl; "" if it is no patient."""
    found: Any = resource.get("subject") or resource.get("patient")
    reference = found.get("reference") if isinstance(found, dict) else None
    if not isinstance(reference, str):
        return ""
    if reference in urls:
        return urls[reference]
    plain = reference.partition("/_history")[0]
    if plain.startswith(("urn:uuid:", "urn:oid:")):
        return plain
    kind, _, name = plain.rpartition("/")
    return name if kind == "Patient" or kind.endswith("/Patient") else ""


def timeline_of(records: Records) -> pd.DataFrame:
    """All dated events; a time known only roughly stands at the end of what it can mean, so that nothing is early."""
    events = records.events
    frame = timeline_frame(
        [one.patient for one in events], [one.when.latest for one in events if one.when is not None],
        [one.variable for one in events], [one.value for one in events],
    )  # fmt: skip
    return frame.assign(unit=[one.unit for one in events])


def cases(records: Records, timeline: pd.DataFrame, horizon: Horizon, ledger: Ledger) -> pd.DataFrame:
    """One row a patient: index time, sex, age at that time; the age of a partial birth date is a middle estimate."""
    names = list(records.people)
    now = index_times(names, timeline, horizon)
    lost = np.isnat(now)
    if horizon.codes:
        ledger.drop(
            "have no dated record: no index time", int(lost.sum()), [names[i] for i in np.flatnonzero(lost)[:5]]
        )
        names, now = [one for one, gone in zip(names, lost, strict=True) if not gone], now[~lost]
    elif lost.all():
        ledger.warn("nothing is dated: no index time, so no age; state one, for example --option index=2024-12-31")
        now = np.full(len(names), EPOCH)
    elif lost.any():
        today = timeline["time"].max()
        ledger.warn(f"{int(lost.sum())} patients have no dated record; their index time is the last one of the data")
        now = np.where(lost, today.to_datetime64().astype("datetime64[ns]"), now)
    people = [records.people[one] for one in names]
    age = [np.nan] * len(people) if lost.all() else ages(people, now, ledger)
    return pd.DataFrame(
        {"case": names, "patient": names, "time": now, "age": age, "sex": words([one.sex for one in people])}
    )


def ages(people: Sequence[Person], now: np.ndarray, ledger: Ledger) -> list[float]:
    """Age of each person at their index time; NaN where it is not known."""
    age, rough = [], 0
    for person, moment in zip(people, now, strict=True):
        low, high = (-1, -1) if person.birth is None else age_at(person.birth, moment)
        rough += high > low
        age.append((low + high) / 2 if low >= 0 else np.nan)
    if rough:
        ledger.warn(f"{rough} birth dates lack a day or month: the age is the middle of what it can be")
    return age


FHIR = Adapter(
    name="healthcare.fhir",
    summary="FHIR R4, R4B, R5 (bundles, resources, bulk NDJSON)",
    sniff=sniff,
    read=read,
    options={
        "fhir": "read as this version (R4, R4B, R5), whatever the signs say",
        "bad_lines": "skip: leave out lines that are no JSON, and count them",
        "units": "units of values that have none, for example glucose=mg/dL",
        **OPTIONS,
    },
)
