"""Files as one raw Arrow table that knows where each row came from, so that every dropped row can be named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from verticals.data.files import TextFile, columnar_batches, kind_of, sha256, table_files
from verticals_plugins import DataError, Ledger, Source


@dataclass(frozen=True)
class Piece:
    """One file's rows ``first ... first + rows - 1`` of the raw table."""

    path: Path
    first: int
    rows: int
    text: TextFile | None


@dataclass(frozen=True)
class Raw:
    """All rows as they were written: text cells from text files, typed columns from columnar ones."""

    table: pa.Table
    pieces: tuple[Piece, ...] = ()
    sources: tuple[Source, ...] = ()
    machine: bool = True
    """No ";" parts the cells: a point alone is a decimal point."""
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def name(self) -> str:
        """What errors call it."""
        names = [piece.path.name for piece in self.pieces]
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" if names else "the table"

    def places(self, rows: Sequence[int]) -> list[str]:
        """File and line of each row, for people; ``rows`` in rising order."""
        found: list[str] = []
        for piece in self.pieces:
            mine = [row - piece.first for row in rows if piece.first <= row < piece.first + piece.rows]
            if piece.text is not None:
                said = piece.text.lines_of([piece.text.record_of(row) for row in mine]) if mine else []
            else:
                said = [f"row {row + 1}" for row in mine]
            found += [f"{piece.path.name} {one}" if len(self.pieces) > 1 else one for one in said]
        return found or [f"row {row + 1}" for row in rows]


def read_raw(path: Path, options: Mapping[str, str] | None = None, *, limit: int | None = None) -> Raw:
    """Read the table files at ``path`` (one file, or all of a folder) with all their columns.

    Options: ``encoding``, ``delimiter``, ``header`` (line number). Rows with a wrong number of cells are dropped and
    counted. With ``limit`` at most that many rows are read.

    Raises:
        DataError: a file is empty, damaged, not text, or the files of a folder have different columns.
    """
    told = options or {}
    ledger = Ledger()
    tables: list[pa.Table] = []
    pieces: list[Piece] = []
    sources: list[Source] = []
    machine, first = True, 0
    for file in table_files(path):
        left = None if limit is None else limit - first
        if left is not None and left <= 0:
            break
        text = TextFile.open(file, told) if kind_of(file) != "columnar" else None
        table = _collect(file, text, left)
        if tables and set(table.column_names) != set(tables[0].column_names):
            odd = sorted(set(table.column_names) ^ set(tables[0].column_names))
            raise DataError(
                f"{file.name} has other columns than {pieces[0].path.name} ({', '.join(odd[:5])}).",
                expected="One table, perhaps in several files of the same columns.",
                todo="Give the file that holds the rows, or a folder with that table alone.",
            )
        tables.append(table.select(tables[0].column_names) if tables else table)
        pieces.append(Piece(file, first, table.num_rows, text))
        sources.append(Source(str(file), file.stat().st_size, sha256(file), table.num_rows))
        first += table.num_rows
        if text is not None:
            machine = machine and text.layout.delimiter != ";"
            _count_ragged(text, ledger)
    whole = pa.concat_tables(tables, promote_options="permissive") if len(tables) > 1 else tables[0]
    if not whole.num_rows:
        raise DataError(f"{path.name} has a header and no rows.", expected="At least one row.")
    return Raw(whole, tuple(pieces), tuple(sources), machine, ledger)


def raw_of_frame(frame: pd.DataFrame) -> Raw:
    """A table in memory as a raw one."""
    return Raw(pa.Table.from_pandas(frame, preserve_index=False))


def _collect(file: Path, text: TextFile | None, limit: int | None) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    rows = 0
    stream: Iterator[pa.RecordBatch] = text.batches() if text is not None else columnar_batches(file)
    for batch in stream:
        batches.append(batch if limit is None else batch.slice(0, limit - rows))
        rows += batches[-1].num_rows
        if limit is not None and rows >= limit:
            break
    if batches:
        return pa.Table.from_batches(batches)
    if text is not None:
        return pa.table({name: pa.array([], pa.string()) for name in text.layout.names})
    raise DataError(f"{file.name} has no rows.", expected="At least one row.")


def _count_ragged(text: TextFile, ledger: Ledger) -> None:
    for name in text.layout.renamed:
        ledger.warn(f"{text.path.name} has several columns {name!r}; the later ones are numbered")
    by_reason: dict[str, list[int]] = {}
    for record, what in text.ragged:
        by_reason.setdefault(what, []).append(record)
    for what, records in by_reason.items():
        ledger.drop(what, len(records), text.lines_of(records[:5]))
