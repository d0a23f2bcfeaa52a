"""VRPLIB as words: header values and sections, every word with the number of its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from verticals_logistics.adapters.common import number
from verticals_plugins import DataError


@dataclass
class Words:
    """Header values and the words of each section, each with its line number."""

    header: dict[str, str] = field(default_factory=dict[str, str])
    sections: dict[str, list[list[tuple[str, int]]]] = field(default_factory=dict[str, list[list[tuple[str, int]]]])

    def flat(self, name: str) -> list[tuple[str, int]]:
        """A section's words one after another."""
        return [word for row in self.sections.get(name, []) for word in row]

    @property
    def kind(self) -> str:
        """The first word of TYPE, in capitals; "" if there is none."""
        return next(iter(self.header.get("TYPE", "").upper().split()), "")


def tokenize(text: str, path: Path) -> Words:
    """Split a file into header and sections; "#" begins a comment but in header values.

    Raises:
        DataError: a line belongs to nothing, or a key or section comes twice with different content.
    """
    found, section = Words(), ""
    for line, raw in enumerate(text.splitlines(), start=1):
        row = raw.strip()
        if not row or row.startswith("#"):
            continue
        if row.upper().rstrip(" :") == "EOF":
            section = ""
            continue
        head = re.match(r"^([A-Z][A-Z0-9_]*)\s*(:?)\s*(.*)$", row, re.IGNORECASE)
        key = head[1].upper() if head else ""
        if head and key.endswith("_SECTION"):
            section = key.removesuffix("_SECTION")
            if section in found.sections:
                raise DataError(f"{path.name} line {line} begins a second {key}.", expected="Each section once.",
                                todo="Keep the right one.")  # fmt: skip
            found.sections[section] = []
            row = head[3]
        elif head and head[2] == ":":
            told, before = head[3].strip(), found.header.get(key)
            if before is not None and before != told and key != "COMMENT":
                raise DataError(f"{path.name} line {line}: {key} is {told!r} and was {before!r} before.",
                                expected="Each key once.", todo="Keep the right one.")  # fmt: skip
            found.header[key], section = told, ""
            continue
        elif not section:
            raise DataError(
                f"{path.name} line {line}: {row[:60]!r} is neither a header line nor in a section.",
                expected="KEY : value, or the name of a section.",
                todo="Put a colon after the key, or remove the line.",
            )
        cells = row.split("#")[0].split()
        if cells:
            found.sections[section].append([(word, line) for word in cells])
    return found


def values(words: Words, section: str, path: Path) -> list[float]:
    """A section's numbers one after another."""
    return [number(word, path, line, section) for word, line in words.flat(section)]


def rows_of(words: Words, section: str, size: int, width: int, path: Path) -> np.ndarray:
    """(size, width) of a section "node value ...", in order of node; every node once."""
    flat = words.flat(section)
    if len(flat) != size * (width + 1):
        raise DataError(
            f"{path.name}: {section}_SECTION has {len(flat)} numbers.",
            expected=f"{size * (width + 1)}: {size} nodes with {width} each.",
            todo="Compare DIMENSION with the section.",
        )
    table = np.array([number(word, path, line, section) for word, line in flat]).reshape(size, width + 1)
    order = np.argsort(table[:, 0], kind="stable")
    if not np.array_equal(table[order, 0], np.arange(1, size + 1)):
        raise DataError(
            f"{path.name}: {section}_SECTION does not name nodes 1 to {size} once each.",
            expected="One line a node, numbered from 1.",
            todo="Number the nodes anew.",
        )
    return table[order, 1:]


def whole(value: float, path: Path, what: str) -> int:
    """A whole number.

    Raises:
        DataError: it is none.
    """
    if not float(value).is_integer():
        raise DataError(f"{path.name}: {what} is {value:g}.", expected="A whole number.", todo="Correct the line.")
    return int(value)
