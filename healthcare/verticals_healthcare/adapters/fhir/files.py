"""Files of FHIR resources: NDJSON, bundles, single resources, lists; a folder of them. Nothing is skipped unsaid."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verticals.data.files import DAMAGED, open_bytes
from verticals_healthcare.adapters.fhir.events import as_list
from verticals_plugins import DataError, Ledger

SUFFIXES = (".ndjson", ".json", ".jsonl")


@dataclass(frozen=True)
class Found:
    """A resource, where it stands, and the ``fullUrl`` of its entry in a bundle."""

    resource: Mapping[str, Any]
    where: str
    url: str = ""


def files_at(path: Path) -> list[Path]:
    """The file itself, or all JSON files below a folder, in order of name."""
    if path.is_file():
        return [path]
    return sorted(one for one in path.rglob("*") if one.is_file() and is_json(one) and one.name[0] != ".")


def is_json(path: Path) -> bool:
    """By the name; ``.gz`` is looked through."""
    parts = [one.lower() for one in path.suffixes]
    return bool(parts) and (parts[-1] in SUFFIXES or (parts[-1] == ".gz" and len(parts) > 1 and parts[-2] in SUFFIXES))


def resources(path: Path, ledger: Ledger, *, skip_bad: bool) -> Iterator[Found]:
    """All resources of a file, those of bundles one by one.

    Raises:
        DataError: a line or the file is no JSON (with its line) and ``skip_bad`` is false; the file is not UTF-8.
    """
    text = text_of(path)
    try:
        whole = json.loads(text)
    except RecursionError as err:
        raise DataError(f"{path.name} nests deeper than any resource does.", expected="FHIR resources.") from err
    except json.JSONDecodeError as err:
        if not _looks_like_lines(text, path):
            raise DataError(
                f"{path.name}, line {err.lineno}: {err.msg}.", expected="JSON.", todo="The file may be truncated."
            ) from err
        yield from _lines(text, path, ledger, skip_bad)
        return
    yield from _unpacked(whole, path.name, "", ledger)


def text_of(path: Path) -> str:
    """The file's text, unpacked, without byte-order mark.

    Raises:
        DataError: it is damaged, or not UTF-8.
    """
    try:
        with open_bytes(path) as stream:
            data = stream.read()
    except DAMAGED as err:
        raise DataError(f"{path.name} cannot be opened ({err}).", todo="Copy it again.") from err
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    shown = encoding.upper().removesuffix("-SIG")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as err:
        raise DataError(
            f"{path.name}: byte 0x{data[err.start]:02x} at offset {err.start:,} is not {shown}.",
            expected="UTF-8, as FHIR demands.", todo="Save it as UTF-8; it may also be truncated.",
        ) from err  # fmt: skip


def _looks_like_lines(text: str, path: Path) -> bool:
    if any(one in (".ndjson", ".jsonl") for one in path.suffixes):
        return True
    for line in text.splitlines():
        if line.strip():
            try:
                return isinstance(json.loads(line), dict)
            except json.JSONDecodeError:
                return False
    return False


def _lines(text: str, path: Path, ledger: Ledger, skip_bad: bool) -> Iterator[Found]:
    """NDJSON: blank lines mean nothing, a broken one is named."""
    # only \n ends a record: U+2028 and its kin may stand inside a string
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        try:
            one = json.loads(line)
        except json.JSONDecodeError as err:
            if not skip_bad:
                raise DataError(
                    f"{where}: {err.msg}.", expected="One JSON resource a line.",
                    todo="Repair the line, or leave such lines out: --option bad_lines=skip",
                ) from err  # fmt: skip
            ledger.drop("lines that are no JSON", 1, [where])
            continue
        yield from _unpacked(one, where, "", ledger)


def _unpacked(node: Any, where: str, url: str, ledger: Ledger) -> Iterator[Found]:
    """A resource as it is; a bundle's and a list's members one by one."""
    if isinstance(node, list):
        for number, one in enumerate(node, start=1):
            yield from _unpacked(one, f"{where}, item {number}", "", ledger)
        return
    if not isinstance(node, dict) or not isinstance(node.get("resourceType"), str):
        ledger.drop("JSON without resourceType, no FHIR resource", 1, [where])
        return
    if node["resourceType"] == "OperationOutcome":
        ledger.drop("OperationOutcome: a message of the server, no clinical data", 1, [where])
        return
    if node["resourceType"] != "Bundle":
        yield Found(node, where, url)
        return
    yield Found({name: value for name, value in node.items() if name != "entry"}, where, url)
    for number, entry in enumerate(as_list(node.get("entry")), start=1):
        place = f"{where}, entry {number}"
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield from _unpacked(entry["resource"], place, str(entry.get("fullUrl") or ""), ledger)
        elif node.get("type") == "history" and _deletes(entry):
            raise DataError(
                f"{place} deletes a resource: the bundle is a history.", expected="Resources as they are now.",
                todo="Export them without their history.",
            )  # fmt: skip
        elif isinstance(entry, dict) and "resourceType" in entry:
            ledger.drop("entries that are a resource themselves instead of holding one", 1, [place])
        else:
            ledger.drop("entries without a resource (the answer to a transaction)", 1, [place])


def _deletes(entry: Any) -> bool:
    request = entry.get("request") if isinstance(entry, dict) else None
    return isinstance(request, dict) and request.get("method") == "DELETE"
