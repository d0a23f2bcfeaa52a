"""xAPI statements (JSON array, single object, {"statements": [...]}, or a line each): first contact is the enrolment.

A statement's course is its object if that is a course, else the first activity of type course among its parents and
groupings, else its only parent, else the object itself. Scores follow the parts that agree: (raw - min) / (max - min)
where they are given, ``scaled`` (-1 … 1) otherwise; disagreements are told (xAPI 1.0.3, section 2.4.5.1). A voided
statement and the one that voids it count for nothing (section 2.3.2); an actor's mailbox is the same as its SHA-1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.files import DAMAGED, open_bytes
from verticals_education.adapters.common import TEXT_OPTIONS, Found, finished, refuse_mapping, source
from verticals_education.adapters.moodle import first_entries
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

DURATION = re.compile(
    r"^P(?:(?P<W>N)W)?(?:(?P<Y>N)Y)?(?:(?P<N>N)M)?(?:(?P<D>N)D)?(?:T(?:(?P<h>N)H)?(?:(?P<m>N)M)?(?:(?P<s>N)S)?)?$".replace(
        ">N)", r">\d+(?:[.,]\d+)?)"
    )
)
SECONDS = {"W": 604_800.0, "Y": 31_556_952.0, "N": 2_629_746.0, "D": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
MAPPING = {"learner": "actor", "course": "object or parent course", "time": "timestamp"}
PASSING = {"passed", "completed", "mastered", "satisfied"}
LEAVING = {"unregistered", "unenrolled", "voided"}
NO_ACTIVITY = {"StatementRef", "SubStatement", "Agent", "Group"}
TOLD = 20
"""So many statements without a time, or with an odd result, are named one by one."""


@dataclass(frozen=True)
class Score:
    """``value`` between -1 and 1, None = none; ``doubt`` is what is odd about it."""

    value: float | None
    doubt: str = ""


def score_of(result: Any) -> Score:
    """The score of a ``result``."""
    score = result.get("score") if isinstance(result, dict) else None
    if not isinstance(score, dict):
        return Score(None)
    numbers = {name: _number(score.get(name)) for name in ("raw", "min", "max", "scaled")}
    odd = next((name for name, number in numbers.items() if number is None and score.get(name) is not None), "")
    if odd:
        return Score(None, f"{odd} {score[odd]!r} is no number")
    raw, low, high, scaled = numbers["raw"], numbers["min"] or 0.0, numbers["max"], numbers["scaled"]
    if raw is not None and high is not None:
        if high <= low:
            return Score(None, f"no score: {raw:g} of {high:g}")
        value = (raw - low) / (high - low)
        if not low <= raw <= high:
            return Score(None, f"raw {raw:g} lies outside {low:g} … {high:g}")
        if scaled is not None and abs(scaled - value) > 0.01:
            return Score(value, f"scaled {scaled} disagrees with raw/max {value:g}")
        return Score(value)
    if scaled is None:
        return Score(None, f"raw {raw:g} without a maximum" if raw is not None else "")
    if not -1 <= scaled <= 1:
        return Score(None, f"scaled {scaled:g} is out of range (-1..1)")
    return Score(scaled)


def seconds_of(duration: Any) -> float | None:
    """Seconds of an ISO 8601 duration ("PT1H2.5S"), None if it is none."""
    match = DURATION.match(duration.strip()) if isinstance(duration, str) else None
    if match is None or duration.strip() in {"P", "PT"}:
        return None
    return sum(float(value.replace(",", ".")) * SECONDS[unit] for unit, value in match.groupdict().items() if value)


def read_xapi(path: Path, options: ReadOptions) -> Dataset:
    """Read statements; ``tables["statements"]`` has one row each, in the file's order.

    Raises:
        UsageError: a column is mapped.
        DataError: the file is no JSON, or holds no statement.
    """
    refuse_mapping(options.mapping, MAPPING, "education.xapi")
    files = _files(path)
    ledger = Ledger()
    rows: list[dict[str, Any]] = []
    sources = []
    for file in files:
        before = len(rows)
        for place, one in statements(file, ledger):
            if options.limit is not None and len(rows) >= options.limit:
                break
            row = _row(one, place, ledger)
            if row is not None:
                rows.append(row)
        sources.append(source(file, len(rows) - before))
    if not rows:
        reasons = "; ".join(f"{count:,}: {reason}" for reason, count in ledger.dropped.items())
        raise DataError(
            f"{path} holds no xAPI statement ({reasons or 'it is empty'}).",
            expected='Objects with actor, verb and object, themselves, in a list, or in {"statements": [...]}.',
        )
    _tell(
        [f"{row['name']}: {doubt}" for row in rows for doubt in row.pop("doubts")], "an odd score or duration", ledger
    )
    table = _valid(_distinct(_timed(rows, ledger), ledger), ledger)
    if table["time"].isna().all():
        ledger.warn("no statement has a timestamp: the order of the file is kept, and nothing can be learnt in time")
    frame = _enrolments(table, ledger)
    found = Found(frame, "education.xapi", tuple(sources), ledger, MAPPING)
    found.tables["statements"] = table
    titles = table.drop_duplicates("course")[["course", "title"]]
    return finished(found, options, titles[titles["title"] != ""].reset_index(drop=True))


def statements(file: Path, ledger: Ledger) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, statement) of a file: one JSON value, or one a line.

    Raises:
        DataError: it is neither.
    """
    try:
        with open_bytes(file) as stream:
            text = stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DataError(f"{file.name} is not UTF-8 (byte {err.start}).", expected="JSON is UTF-8.") from err
    except DAMAGED as err:
        raise DataError(f"{file.name} is damaged or truncated ({err}).", todo="Copy it again.") from err
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as err:
        yield from _lines(file, text, ledger, err)
        return
    for number, one in enumerate(_inside(whole, file, ledger), 1):
        yield f"statement {number}", one


def _inside(value: Any, file: Path, ledger: Ledger) -> list[Any]:
    """The statements of one JSON value: a page of a store, a list, or one."""
    if isinstance(value, dict) and isinstance(value.get("statements"), list):
        if value.get("more"):
            ledger.warn(f"{file.name} is one page of several: the store has more statements at {value['more']}")
        return value["statements"]
    return value if isinstance(value, list) else [value]


def _lines(
    file: Path, text: str, ledger: Ledger, whole: ValueError | RecursionError
) -> Iterator[tuple[str, dict[str, Any]]]:  # fmt: skip
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    good = 0
    for number, line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            if number == lines[0][0] or (number == lines[-1][0] and good == 0):
                raise DataError(
                    f"{file.name} is neither JSON ({whole}) nor a statement a line.", expected="xAPI statements."
                ) from whole
            ledger.drop("a line that is no JSON", 1, [f"{file.name} line {number}"])
            continue
        good += 1
        for one in _inside(value, file, ledger):
            yield f"line {number}", one


def _row(one: Any, place: str, ledger: Ledger) -> dict[str, Any] | None:
    if not isinstance(one, dict) or not all(isinstance(one.get(part), dict) for part in ("actor", "verb", "object")):
        ledger.drop("no statement: actor, verb or object is missing", 1, [place])
        return None
    name = str(one.get("id") or place)
    kind = str(one["object"].get("objectType") or "Activity")
    voids = str(one["object"].get("id") or "") if verb_of(one["verb"]) == "voided" and kind == "StatementRef" else ""
    learner = actor_of(one["actor"])
    if not voids and (not learner or one["actor"].get("objectType") == "Group"):
        ledger.drop("the actor has no identifier" if not learner else "the actor is a group", 1, [name])
        return None
    result = _dict(one.get("result"))
    score, seconds = score_of(result), seconds_of(result.get("duration"))
    unread = result.get("duration") is not None and seconds is None
    doubts = [score.doubt, f"duration {result['duration']!r} cannot be read" if unread else ""]
    course, title = course_of(one)
    return {
        "id": str(one.get("id") or ""), "learner": learner, "verb": verb_of(one["verb"]), "course": course,
        "title": title, "object": str(one["object"].get("id") or ""),
        "kind": kind, "voids": voids, "name": name, "stamp": one.get("timestamp") or one.get("stored"),
        "score": score.value, "success": _flag(result, "success"), "completion": _flag(result, "completion"),
        "seconds": seconds, "response": str(result.get("response") or ""), "doubts": [one for one in doubts if one],
    }  # fmt: skip


def actor_of(actor: dict[str, Any]) -> str:
    """The inverse functional identifier of an agent, "" if there is none."""
    account = actor.get("account")
    if isinstance(account, dict) and isinstance(account.get("name"), str | int) and account["name"] != "":
        return f"{account.get('homePage', '')}|{account['name']}"
    mailbox, digest, openid = (
        one if isinstance(one, str) else ""
        for one in (actor.get("mbox"), actor.get("mbox_sha1sum"), actor.get("openid"))
    )
    if mailbox:
        return f"mbox|{sha1(mailbox.encode(), usedforsecurity=False).hexdigest()}"
    return f"mbox|{digest.casefold()}" if digest else openid


def verb_of(verb: dict[str, Any]) -> str:
    """The last part of the verb's IRI."""
    return re.split(r"[/#]", str(verb.get("id") or "").rstrip("/"))[-1]


def course_of(one: dict[str, Any]) -> tuple[str, str]:
    """Identifier and title of the course that a statement speaks of."""
    around = _dict(_dict(one.get("context")).get("contextActivities"))
    kinds = {key: around.get(key) for key in ("parent", "grouping")}
    lists = {key: value if isinstance(value, list) else [value] for key, value in kinds.items()}
    near = [entry for value in lists.values() for entry in value if isinstance(entry, dict)]
    for entry in (one["object"], *near):
        if _type(entry).rstrip("/").casefold().endswith("/course"):
            return str(entry.get("id") or ""), _title(entry)
    parents = [entry for entry in lists["parent"] if isinstance(entry, dict)]
    entry = parents[0] if len(parents) == 1 else one["object"]
    if str(entry.get("objectType")) in NO_ACTIVITY:
        return "", ""
    return str(entry.get("id") or ""), _title(entry)


def _timed(rows: list[dict[str, Any]], ledger: Ledger) -> pd.DataFrame:
    """The statements with times in UTC; those that have none, or whose zone is not told, are named."""
    table = pd.DataFrame(rows)
    stamps = table.pop("stamp").map(lambda one: one.strip() if isinstance(one, str) else None).astype(object)
    times = pd.to_datetime(stamps, utc=True, errors="coerce", format="ISO8601")
    lost = [rows[row] for row in np.flatnonzero(times.isna())]
    said = ["no timestamp" if one["stamp"] is None else f"timestamp {one['stamp']!r} cannot be read" for one in lost]
    lines = [f"{one['name']}: {what}" for one, what in zip(lost, said, strict=True)]
    _tell(lines, "no timestamp that can be read", ledger)
    bare = int((times.notna() & ~stamps.fillna("").str.contains(r"(?:Z|z|[+-]\d\d(?::?\d\d)?)$")).sum())
    if bare:
        ledger.warn(f"{bare:,} timestamps have no zone: taken as UTC")
    table[["score", "seconds"]] = table[["score", "seconds"]].astype(float)
    return table.drop(columns="name").assign(time=times.dt.tz_localize(None))


def _tell(lines: list[str], what: str, ledger: Ledger) -> None:
    """Warn of each of the first statements, and count the further ones."""
    for line in lines[:TOLD]:
        ledger.warn(line)
    if len(lines) > TOLD:
        ledger.warn(f"{len(lines) - TOLD:,} further statements have {what}")


def _valid(table: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Without voided statements and those that void."""
    void = table["voids"] != ""
    ids = table["id"].str.casefold()
    voided = ids.isin(set(table["voids"][void].str.casefold())) & ~void & (ids != "")
    ledger.drop("a statement that was voided later", int(voided.sum()), list(table["id"][voided][:5]))
    ledger.drop("a statement that voids another", int(void.sum()))
    return table[~(void | voided)].reset_index(drop=True).drop(columns="voids")


def _distinct(table: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Statements with an id (a UUID, in small letters or capitals) count once."""
    ids = table["id"].str.casefold()
    again = (ids != "") & ids.duplicated(keep="first")
    ledger.drop("a repetition of a statement with the same id", int(again.sum()))
    return table[~again].reset_index(drop=True).assign(time=table["time"][~again].astype("datetime64[ns]").to_numpy())


def _enrolments(table: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """First contact of each learner with each course, and when it was first passed."""
    nowhere, leaving = table["course"] == "", table["verb"].isin(LEAVING)
    ledger.drop("a statement about no activity (an agent, another statement)", int((nowhere & ~leaving).sum()))
    ledger.drop("a statement about leaving a course", int(leaving.sum()))
    usable = table[~nowhere & ~leaving]
    times = usable["time"].to_numpy().astype("datetime64[ns]")
    frame = first_entries(list(zip(usable["learner"], times, usable["course"], strict=True)), ledger)
    undated = frame["time"].isna()
    if undated.any() and not undated.all():
        ledger.drop("a course whose statements have no time", int(undated.sum()))
        frame = frame[~undated].reset_index(drop=True)
    own = usable[(usable["object"] == usable["course"]) & (usable["verb"].isin(PASSING) | (usable["completion"] == 1))]
    failed = (own["success"] == 0) | ((own["verb"] == "completed") & (own["completion"] == 0))
    passed = own[~failed].groupby(["learner", "course"], sort=False)["time"].min().rename("completed")
    if len(passed):
        frame = frame.join(passed, on=["learner", "course"])
    return frame


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _type(entry: dict[str, Any]) -> str:
    definition = entry.get("definition")
    return str(definition.get("type") or "") if isinstance(definition, dict) else ""


def _title(entry: dict[str, Any]) -> str:
    definition = entry.get("definition")
    names = definition.get("name") if isinstance(definition, dict) else None
    if not isinstance(names, dict) or not names:
        return ""
    return str(names.get("en-US") or names.get("en") or next(iter(names.values())))


def _flag(result: Any, name: str) -> float:
    value = result.get(name)
    return float(value) if isinstance(value, bool) else float("nan")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


SUFFIXES = (".json", ".jsonl", ".ndjson", ".gz")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    named = (one for one in path.iterdir() if one.suffix.casefold() in SUFFIXES and one.name[0] != ".")
    return sorted(one for one in named if one.is_file())


def sniff_xapi(path: Path) -> Sniff:
    """By the words actor, verb and object near the start."""
    said = [_sniff_file(one) for one in _files(path)[:TOLD]]
    return max(said, key=lambda one: one.score, default=Sniff(0.0, "no JSON file"))


def _sniff_file(file: Path) -> Sniff:
    try:
        with open_bytes(file) as stream:
            head = stream.read(200_000).decode("utf-8-sig", errors="replace")
    except (*DAMAGED, DataError) as err:
        return Sniff(0.0, str(err))
    if not head.lstrip().startswith(("{", "[")):
        return Sniff(0.0, "no JSON")
    if all(f'"{word}"' in head for word in ("actor", "verb", "object")):
        return Sniff(0.95, "xAPI statements")
    return Sniff(0.0, "JSON without actor, verb and object")


XAPI = Adapter(
    name="education.xapi",
    summary="xAPI statements (JSON or a statement a line)",
    sniff=sniff_xapi,
    read=read_xapi,
    options={name: TEXT_OPTIONS[name] for name in ("salt",)},
)
