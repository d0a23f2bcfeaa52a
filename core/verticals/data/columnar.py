"""Streams parquet, Feather and Arrow files as raw record batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from verticals.data.files import unique_names
from verticals_plugins.errors import DataError

BATCH = 1 << 17
"""Rows of a batch."""


def is_columnar(path: Path) -> bool:
    """Whether the first bytes say parquet, Feather or Arrow, whatever the name says."""
    with path.open("rb") as stream:
        magic = stream.read(6)
    return magic[:4] in (b"PAR1", b"FEA1") or magic == b"ARROW1"


def rows_in(path: Path) -> int | None:
    """Rows of a parquet file by its footer; None for the other kinds."""
    try:
        return int(pq.ParquetFile(path).metadata.num_rows)
    except (pa.ArrowException, OSError):
        return None


def columnar_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Stream a parquet, Feather or Arrow file. Repeated column names get a number.

    Raises:
        DataError: the file is none of these, or is truncated.
    """
    with path.open("rb") as stream:
        magic = stream.read(6)
    if not magic:
        raise DataError(f"{path.name} is empty (0 bytes).", expected="A table with rows.")
    try:
        for batch in _batches(path, magic):
            names = unique_names(batch.schema.names)[0]
            yield batch.rename_columns(list(names)) if len(set(batch.schema.names)) < len(names) else batch
    except (pa.ArrowException, OSError, ValueError) as err:
        raise DataError(
            f"{path.name} is damaged or truncated ({str(err).splitlines()[0][:160]}).", todo="Copy or export it again."
        ) from err


def _batches(path: Path, magic: bytes) -> Iterator[pa.RecordBatch]:
    if magic[:4] == b"PAR1":
        yield from pq.ParquetFile(path).iter_batches(batch_size=BATCH)
    elif magic == b"ARROW1":
        with pa.memory_map(str(path)) as source:
            reader = ipc.open_file(source)
            yield from (reader.get_batch(at) for at in range(reader.num_record_batches))
    elif magic[:4] in (b"\xff\xff\xff\xff", b"FEA1"):
        with pa.OSFile(str(path)) as source:
            yield from ipc.open_stream(source)
    else:
        raise DataError(f"{path.name} is not a parquet, Feather or Arrow file.", expected="The name says it is one.")
