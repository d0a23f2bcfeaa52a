"""Tells by its first bytes that a file is no table, and says what it is."""

from __future__ import annotations

import codecs
import re

from verticals_plugins.errors import DataError

OTHERS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office file"),
    (b"%PDF", "a PDF file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "packed with 7z"),
)
MARKUP = ((b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"<?xml", "an XML file"))


def no_table(name: str, what: str) -> DataError:
    """The refusal of another kind of file."""
    return DataError(
        f"{name} is {what}.", expected="A text table, parquet, Feather or Arrow.", todo="Export the table as CSV."
    )


def refuse_others(head: bytes, name: str) -> None:
    """Refuse files that their first bytes give away as something else.

    Raises:
        DataError: it is a workbook, a web page, a JSON document ...; says which.
    """
    for magic, what in OTHERS:
        if head.startswith(magic):
            raise no_table(name, what)
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for mark, what in MARKUP:
        if text[:20].lower().startswith(mark):
            raise no_table(name, what)
    if re.match(rb'(?:\{\s*(?:"[^"]*"\s*:|\})|\[\s*[\[{])', text):
        raise no_table(name, "a JSON file")
