"""Files as one raw Arrow table that knows where each row came from, so that every dropped row can be named."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from verticals.data.columnar import columnar_batches, is_columnar
from verticals.data.files import TextFile, head_of, kind_of, sha256, table_files, unique_names
from verticals.data.match import plain
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

    def drop(self, reason: str, rows: np.ndarray, column: str = "") -> None:
        """Count ``rows`` as dropped; the first places are named, with what ``column`` says there."""
        known = len(self.ledger.where.get(reason, []))
        first = [int(row) for row in rows[: 5 - known]] if known < 5 else []
        where = self.places(first) if first else []
        if column:
            said = [str(self.table[column][row].as_py())[:40] for row in first]
            where = [f"{place}: {one!r}" for place, one in zip(where, said, strict=True)]
        self.ledger.drop(reason, len(rows), where)

    def header_line(self, names: Collection[str]) -> int:
        """Line of a text file that carries at least two of ``names`` (written plainly); 0 if there is none."""
        for piece in self.pieces:
            if piece.text is None:
                continue
            lines = list(io.StringIO(head_of(piece.path, piece.text.layout.encoding), newline=""))[:50]
            for number, line in enumerate(lines, start=1):
                cells = {plain(one) for one in re.split(r"[,;\t|]", line)}
                if len(cells & set(names)) >= 2 and number != piece.text.layout.header_end:
                    return number
        return 0


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
        text = text_of(file, told)
        table = with_keys(pa.Table.from_batches(list(_head(batches_of(file, text), left))), keys_of(file, path))
        tables.append(as_first(table, file, tables[0].column_names, pieces[0].path) if tables else table)
        pieces.append(Piece(file, first, table.num_rows, text))
        sources.append(Source(str(file), file.stat().st_size, sha256(file), table.num_rows))
        first += table.num_rows
        if text is not None:
            machine = machine and text.layout.delimiter != ";"
            count_ragged(text, ledger)
            tell_layout(text, ledger, table.num_rows if limit is None else None)
    whole = pa.concat_tables(tables, promote_options="permissive") if len(tables) > 1 else tables[0]
    if not whole.num_rows:
        raise no_rows(path, pieces, ledger)
    return Raw(whole, tuple(pieces), tuple(sources), machine, ledger)


def no_rows(path: Path, pieces: Sequence[Piece], ledger: Ledger) -> DataError:
    """Why there are no rows: none but the header, or none with as many cells as the header."""
    ragged = sum(ledger.dropped.values())
    text = pieces[0].text
    if not ragged or text is None:
        return DataError(f"{path.name} has a header and no rows.", expected="At least one row.")
    line = text.likely_header()
    return DataError(
        f"{path.name}: no row has as many cells as the header, line {text.layout.header_end} "
        f"({'; '.join(f'{count:,} rows with {reason}' for reason, count in ledger.dropped.items())}).",
        expected=f"Cells parted by {text.layout.delimiter!r}.",
        todo=f"Line {line} looks like the header: pass --option header={line}"
        if line
        else "State them: --option delimiter=… --option header=LINE",
    )


def raw_of_frame(frame: pd.DataFrame) -> Raw:
    """A table in memory as a raw one.

    Raises:
        DataError: a column mixes things that no one type holds.
    """
    named = frame.set_axis([str(one) for one in frame.columns], axis=1)
    named = named.set_axis(unique_names(list(named.columns))[0], axis=1)
    try:
        return Raw(pa.Table.from_pandas(named, preserve_index=False))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as err:
        raise DataError(
            f"A column of the table mixes types ({'; '.join(str(one) for one in err.args)[:160]}).",
            expected="One type a column.",
            todo="Convert that column, for example with astype(str).",
        ) from err


def text_of(file: Path, options: Mapping[str, str]) -> TextFile | None:
    """The file opened as delimited text; None if it is a columnar one, by its name or its first bytes."""
    columnar = kind_of(file) == "columnar" or is_columnar(file)
    return None if columnar else TextFile.open(file, options)


def batches_of(file: Path, text: TextFile | None) -> Iterator[pa.RecordBatch]:
    """The file's rows as written; an empty batch if a text file has none.

    Raises:
        DataError: a columnar file has no rows.
    """
    none = True
    for batch in text.batches() if text is not None else columnar_batches(file):
        none = False
        yield batch
    if none and text is None:
        raise DataError(f"{file.name} has no rows.", expected="At least one row.")
    if none and text is not None:
        names = list(text.layout.names)
        yield pa.record_batch([pa.array([], pa.string())] * len(names), names=names)


def keys_of(file: Path, root: Path) -> dict[str, str]:
    """``{"year": "2024"}`` of a file below folders like ``year=2024``."""
    parents = file.relative_to(root).parts[:-1] if root.is_dir() else ()
    return {name: value for name, mark, value in (one.partition("=") for one in parents) if mark and name}


def with_keys(table: pa.Table, keys: Mapping[str, str]) -> pa.Table:
    """The table with the keys of its folders as columns, where it has none of that name."""
    for name, value in keys.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    return table


def as_first(table: pa.Table, file: Path, names: Sequence[str], first: Path) -> pa.Table:
    """The columns in the order of the first file.

    Raises:
        DataError: they are other columns.
    """
    odd = sorted(set(table.column_names) ^ set(names))
    if odd:
        raise DataError(
            f"{file.name} has other columns than {first.name} ({', '.join(odd[:5])}).",
            expected="One table, perhaps in several files of the same columns.",
            todo="Give the file that holds the rows, or a folder with that table alone.",
        )
    return table.select(list(names))


def _head(stream: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """At most ``limit`` rows."""
    left = limit
    for batch in stream:
        yield batch if left is None else batch.slice(0, left)
        left = None if left is None else left - batch.num_rows
        if left is not None and left <= 0:
            return


def count_ragged(text: TextFile, ledger: Ledger, *, first: int = 0) -> None:
    """Count rows with a wrong number of cells, from the ``first``-th noted one on."""
    by_reason: dict[str, list[int]] = {}
    for record, what in text.ragged[first:]:
        by_reason.setdefault(what, []).append(record)
    for what, records in by_reason.items():
        ledger.drop(what, len(records), text.lines_of(records[:5]))


def tell_layout(text: TextFile, ledger: Ledger, rows: int | None) -> None:
    """Note repeated column names, and lines that end inside quotes where all ``rows`` were read."""
    for name in text.layout.renamed:
        ledger.warn(f"{text.path.name} has several columns {name!r}; the later ones are numbered")
    inside = 0 if rows is None else text.scan.lines - text.layout.header_end - rows - len(text.ragged)
    if text.scan.quotes and inside > 0:
        ledger.warn(f"{text.path.name}: {inside:,} lines are empty or end inside quotes")
