"""Tables larger than memory: read like :func:`verticals.data.table.read_table`, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from verticals.data.files import sha256, table_files
from verticals.data.raw import Piece, Raw, as_first, batches_of, count_ragged, keys_of, tell_layout, text_of, with_keys
from verticals.data.table import assembled, columns_of, matched, reading_of, rows_of
from verticals_plugins import DataError, Dataset, Ledger, ReadOptions, Source

ROWS = 1 << 17
"""Rows of a batch."""


def stream_table(path: Path, options: ReadOptions, *, rows: int = ROWS, adapter: str = "table") -> Iterator[Dataset]:
    """Yield the table at ``path`` (a file or a folder of files) as datasets of at most ``rows`` rows each.

    Memory does not grow with the file. One ledger, shared by all batches, counts what was dropped so far; a source's
    rows are those of the batch. How a column is written (decimal mark, order of day and month) is decided by the first
    batch that shows it. Each batch is in order of time; across batches neither order nor repeated ids are checked.

    Raises:
        DataError: as :func:`~verticals.data.table.read_table`; no row of any batch can be used.
    """
    decided: dict[str, str] = {}
    used = before = 0
    for raw in raw_batches(path, options.options, rows, options.limit):
        mapping = matched(raw, options)
        reading = replace(reading_of(options.options, raw.machine), decided=dict(decided))
        columns = columns_of(raw, options.schema, mapping, reading)
        decided |= {mapping[name]: one.reading for name, one in columns.items() if one.reading and name in mapping}
        main = rows_of(raw, options, mapping, columns)
        if options.schema.id is not None and options.schema.id.name not in columns:
            main[options.schema.id.name] += before  # ids that are row numbers go on from batch to batch
        used, before = used + len(main), before + raw.table.num_rows
        if len(main):
            yield assembled(main, raw, options.schema, mapping, columns, adapter)
    if not used:
        raise DataError(
            f"{path.name}: no row can be used.",
            expected="Rows whose needed cells can be read.",
            todo="Check the mapping with --explain-data.",
        )


def raw_batches(path: Path, told: Mapping[str, str], rows: int = ROWS, limit: int | None = None) -> Iterator[Raw]:
    """Yield the rows as written, at most ``rows`` a time, each batch from one file; all share one ledger."""
    ledger, names, first = Ledger(), list[str](), Path()
    left = limit
    for file in table_files(path):
        text = text_of(file, told)
        machine = text is None or text.layout.delimiter != ";"
        size, digest, keys = file.stat().st_size, sha256(file), keys_of(file, path)
        done = ragged = 0
        for batch in batches_of(file, text):
            for at in range(0, batch.num_rows, rows):
                most = rows if left is None else min(rows, left)
                table = with_keys(pa.Table.from_batches([batch.slice(at, most)]), keys)
                table = as_first(table, file, names, first) if names else table
                names, first = table.column_names, first if names else file
                piece = Piece(file, -done, done + table.num_rows, text)
                done += table.num_rows
                left = None if left is None else left - table.num_rows
                yield Raw(table, (piece,), (Source(str(file), size, digest, table.num_rows),), machine, ledger)
                if left == 0:
                    return
            if text is not None:
                count_ragged(text, ledger, first=ragged)
                ragged = len(text.ragged)
        if text is not None:
            tell_layout(text, ledger, done)


__all__ = ["ROWS", "raw_batches", "stream_table"]
