"""Which column is which field, kept as a TOML file that people can read and correct."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from verticals.pipeline.files import write_atomic
from verticals_plugins import UsageError


def load_mapping(path: Path) -> dict[str, str]:
    """Field -> column from a TOML file with a table ``[columns]``.

    Raises:
        UsageError: the file is not there or is not such a file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise UsageError(
            f"The mapping {path} cannot be read: {err}.", expected="FIELD=COLUMN, or a TOML file with [columns]."
        ) from err
    columns = content.get("columns", content)
    if not isinstance(columns, dict) or not all(isinstance(one, str) for one in columns.values()):
        raise UsageError(f"{path} has no table [columns] of texts.", expected='[columns]\namount = "AMT"')
    return dict(columns)


def save_mapping(path: Path, mapping: Mapping[str, str]) -> None:
    """Write field -> column as TOML."""
    lines = ["# field = column of the data", "[columns]"]
    lines += [f"{json.dumps(field)} = {json.dumps(column, ensure_ascii=False)}" for field, column in mapping.items()]
    write_atomic(path, "\n".join(lines).encode() + b"\n")
