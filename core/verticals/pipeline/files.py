"""Files of a run: written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from verticals_plugins import UsageError


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and move it there; a kill leaves the old file or the new one, never half.

    Raises:
        UsageError: the folder cannot be written, or the disk is full.
    """
    with opened_atomic(path) as file:
        file.write(content)


@contextmanager
def opened_atomic(path: Path) -> Iterator[BinaryIO]:
    """A file to write to beside ``path``; it is moved there when the block ends well, and removed when it does not.

    Raises:
        UsageError: the folder cannot be written, or the disk is full.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as err:
        raise _cannot_write(path, err) from err
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Add a line to a log.

    Raises:
        UsageError: the folder cannot be written, or the disk is full.
    """
    try:
        with path.open("a") as file:
            file.write(line + "\n")
    except OSError as err:
        raise _cannot_write(path, err) from err


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write a folder beside ``folder`` and move it there once it is whole.

    Raises:
        UsageError: the folder cannot be written, or the disk is full.
    """
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        fill(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except OSError as err:
        raise _cannot_write(folder, err) from err


def write_json(path: Path, content: Any) -> None:
    """Write JSON, sorted as given, readable, with NaN as null."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text.encode() + b"\n")


def plain(content: Any) -> Any:
    """Numpy scalars and arrays as Python values, NaN and infinities as None, paths and times as text."""
    match content:
        case dict():
            return {str(key): plain(value) for key, value in content.items()}
        case list() | tuple():
            return [plain(value) for value in content]
        case np.ndarray():
            return plain(content.tolist())
        case bool() | np.bool_():
            return bool(content)
        case int() | np.integer():
            return int(content)
        case float() | np.floating():
            return float(content) if np.isfinite(content) else None
        case str() | None:
            return content
        case _:
            return str(content)


def sha256(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _cannot_write(path: Path, err: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {err.strerror or err}.",
        expected="A folder that can be written, with room on the disk.",
        todo="Choose another --out, or free some space; a run resumes with --resume.",
    )
