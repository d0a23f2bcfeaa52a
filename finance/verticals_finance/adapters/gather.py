"""Gathers payments from message files into one table, with a ledger of what was dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from verticals.data.raw import Piece, Raw
from verticals.data.table import dataset_of
from verticals.pipeline.files import sha256
from verticals_plugins import DataError, Dataset, Ledger, ReadOptions, Source


@dataclass
class Rows:
    """Rows of payments gathered from files, with what was dropped."""

    rows: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    sources: list[Source] = field(default_factory=list[Source])
    ledger: Ledger = field(default_factory=Ledger)
    seen: dict[str, str] = field(default_factory=dict[str, str])
    """Keys of the messages that were read -> their class."""
    pieces: list[Piece] = field(default_factory=list[Piece])
    """Which file's rows are which."""


def files_in(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The file, or the files of a folder with one of these endings."""
    if path.is_file():
        return [path]
    return sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in suffixes)


def tell_others(path: Path, suffixes: tuple[str, ...], ledger: Ledger) -> None:
    """Say which files of a folder have another ending and were not looked at."""
    others = [one.name for one in sorted(path.rglob("*")) if one.is_file() and one.suffix.lower() not in suffixes]
    if others:
        ledger.warn(f"{len(others)} other files of {path.name} were not read ({', '.join(others[:3])})")


def gathered(
    path: Path, options: ReadOptions, suffixes: tuple[str, ...], take: Callable[[Path, Rows, ReadOptions], None],
    adapter: str,
) -> Dataset:  # fmt: skip
    """All files' payments as the schema's table.

    Raises:
        DataError: no payment is in them, or the one file given cannot be read.
    """
    found = Rows()
    if path.is_dir():
        tell_others(path, suffixes, found.ledger)
    for file in files_in(path, suffixes):
        before = len(found.rows)
        try:
            take(file, found, options)
        except DataError as err:
            if path.is_file():
                raise
            found.ledger.drop(err.found.replace(file.name, "a file", 1).rstrip("."), 1, [file.name])
            continue
        rows = len(found.rows) - before
        found.sources.append(Source(str(file), file.stat().st_size, sha256(file), rows))
        if rows:
            found.pieces.append(Piece(file, before, rows, None))
    if not found.rows:
        reasons = "; ".join(f"{count} times {reason}" for reason, count in found.ledger.dropped.items())
        raise DataError(
            f"{path} holds no payment ({reasons or 'nothing in it'}).",
            expected="At least one payment message.",
            todo="Responses, reversals and network messages are no payments; give the requests.",
        )
    frame = pd.DataFrame(found.rows[: options.limit]).fillna("")
    if options.need_target and "fraud" not in frame:
        raise DataError(
            f"{path}: messages carry no fraud label.",
            expected="A label for training.",
            todo="Join the labels into a table (CSV, parquet) and read that; predict takes messages as they are.",
        )
    currencies = sorted(set(frame["currency"]) - {""})
    if len(currencies) > 1:
        found.ledger.warn(f"Amounts in {', '.join(currencies[:6])} stand as they are: none was converted")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    raw = Raw(table, tuple(found.pieces), tuple(found.sources), True, found.ledger)
    return dataset_of(raw, options, adapter=adapter)
