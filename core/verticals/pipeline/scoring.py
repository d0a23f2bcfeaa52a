"""From a file to a file of decisions: batch by batch where the task allows it, so that memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from verticals.data.explain import total_of
from verticals.data.stream import ROWS, stream_table
from verticals.data.table import TABLE
from verticals.pipeline.bundle import Bundle
from verticals.pipeline.files import opened_atomic
from verticals.pipeline.reading import adapter_of, options_of, read
from verticals.pipeline.stages import Watcher
from verticals_plugins import Dataset, Ledger, UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scored:
    """Rows that were written, and what was dropped or noticed on the way."""

    rows: int
    ledger: Ledger


class UnorderedError(Exception):
    """A batch begins before the one before it ends."""


def score(bundle: Bundle, data: Path, out: Path, watcher: Watcher, rows: int = ROWS) -> Scored:
    """Write the decision for the file or folder ``data`` to ``out`` (.csv, .json or .parquet), whole or not at all.

    A table of the task's rows is read ``rows`` at a time, if it is in order of time; anything else is read whole.

    Raises:
        UsageError: ``out`` has another ending, or cannot be written.
        DataError: the data cannot be read.
    """
    if out.suffix not in WRITERS:
        raise UsageError(f"{out} has an unknown ending.", expected=".csv, .json or .parquet.")
    settings, time = replace(bundle.settings, data=str(data)), bundle.task.schema.time
    watcher.stage("read")
    if bundle.task.by_rows and time is not None and adapter_of(bundle.task, settings) is TABLE:
        options = options_of(bundle.task, settings, need_target=False)
        ledgers: list[Ledger] = []
        batches = noted(stream_table(data, options, rows=rows), ledgers, watcher, total_of(data))
        try:
            return Scored(written(out, bundle.predict_batches(in_order(batches, time.name))), ledgers[0])
        except UnorderedError:
            watcher.note(f"{data} is not in order of time and is read whole; sorted by time it needs little memory.")
    dataset = read(bundle.task, settings, need_target=False)
    watcher.stage("score")
    return Scored(written(out, [bundle.predict(dataset)]), dataset.provenance.ledger)


def noted(batches: Iterable[Dataset], ledgers: list[Ledger], watcher: Watcher, total: int | None) -> Iterator[Dataset]:
    """The same batches; their common ledger is kept, and how many rows were read is told."""
    done = 0
    for dataset in batches:
        ledgers[:] = [dataset.provenance.ledger]
        yield dataset
        done += len(dataset.main)
        watcher.progress(f"{done:,} rows", min(1.0, done / total) if total else 0.0)


def in_order(batches: Iterable[Dataset], time: str) -> Iterator[Dataset]:
    """The same rows in batches that are cut where the time changes: rows of one moment are seen together.

    Raises:
        UnorderedError: a batch begins before the one before it ends, or a row has no time.
    """
    held: Dataset | None = None
    for dataset in batches:
        moments = dataset.main[time]
        if moments.isna().any() or (held is not None and moments.iloc[0] < held.main[time].iloc[0]):
            raise UnorderedError
        main = dataset.main if held is None else joined(held.main, dataset.main)
        cut = int(np.searchsorted(main[time].to_numpy(), main[time].to_numpy()[-1]))
        if cut:
            yield dataset.with_main(main.iloc[:cut])
        held = dataset.with_main(main.iloc[cut:].reset_index(drop=True))
    if held is not None:
        yield held


def joined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """One table below the other; categories of both are kept."""
    import pandas as pd

    kinds = {name for one in (first, second) for name in one if isinstance(one[name].dtype, pd.CategoricalDtype)}
    parts = [one.astype({name: object for name in kinds if name in one}) for one in (first, second)]
    return pd.concat(parts, ignore_index=True).astype(dict.fromkeys(kinds, "category"))


# ------------------------------------------------------------------------------------------------------------ files


def written(out: Path, tables: Iterable[pd.DataFrame]) -> int:
    """Write the tables below one another, by the file's ending; the number of rows."""
    with opened_atomic(out) as file:
        return WRITERS[out.suffix](file, tables)


def write_csv(file: BinaryIO, tables: Iterable[pd.DataFrame]) -> int:
    """Text with a header."""
    rows = 0
    for number, table in enumerate(tables):
        file.write(table.to_csv(index=False, header=number == 0).encode())
        rows += len(table)
    return rows


def write_json(file: BinaryIO, tables: Iterable[pd.DataFrame]) -> int:
    """A list of objects."""
    rows = 0
    file.write(b"[")
    for table in (one for one in tables if len(one)):
        text = table.to_json(orient="records", date_format="iso", indent=1)
        file.write((b"," if rows else b"") + text[1:-2].encode())
        rows += len(table)
    file.write(b"\n]\n")
    return rows


def write_parquet(file: BinaryIO, tables: Iterable[pd.DataFrame]) -> int:
    """Row groups of the first table's types; a column that is empty there holds text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, writer = 0, None
    with ExitStack() as stack:
        for table in tables:
            if writer is None:
                schema = pa.Table.from_pandas(table, preserve_index=False).schema
                for place, one in enumerate(schema):
                    if pa.types.is_null(one.type):
                        schema = schema.set(place, pa.field(one.name, pa.string()))
                writer = stack.enter_context(pq.ParquetWriter(file, schema))
            writer.write_table(pa.Table.from_pandas(table, schema=writer.schema, preserve_index=False))
            rows += len(table)
    return rows


WRITERS = {".csv": write_csv, ".json": write_json, ".parquet": write_parquet}

__all__ = ["Scored", "score"]
