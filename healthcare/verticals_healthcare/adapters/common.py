"""What the readers of this industry share: sources, hashes, words for parts of a split, the main table's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.files import sha256
from verticals.data.match import plain
from verticals.data.table import in_class_order, says_no
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import DataError, Dataset, Ledger, Provenance, Source

SPARSE = "says nothing where there is nothing"
"""Note of formats in which a column without a value is not there at all."""
EPOCH = np.datetime64("1970-01-01T00:00", "ns")
PARTS = {"training": "train", "tuning": "valid", "val": "valid", "validation": "valid", "dev": "valid",
         "held_out": "test", "holdout": "test", "heldout": "test"}  # fmt: skip
FIRST = ("case", "patient", "time", "outcome", "outcome_time", "split", "age", "sex", "site", "image", "image_time")


def source_of(path: Path, rows: int) -> Source:
    """A file that was read."""
    return Source(str(path), path.stat().st_size, sha256(path), rows)


def part_name(name: object) -> str:
    """A part of a split under the name that this suite uses."""
    text = str(name).strip().lower()
    return PARTS.get(text, text)


def hours(values: np.ndarray) -> np.ndarray:
    """Hours since an unknown start as times since 1970: an order, not a clock."""
    return np.asarray(EPOCH + np.round(np.asarray(values, dtype=np.float64) * 3600).astype("timedelta64[s]"))


def dataset(
    main: pd.DataFrame, *, adapter: str, sources: Iterable[Source], ledger: Ledger,
    timeline: pd.DataFrame | None = None, arrays: Mapping[str, Any] | None = None,
    notes: Mapping[str, str] | None = None, mapping: Mapping[str, str] | None = None, name: str = "the data",
) -> Dataset:  # fmt: skip
    """A dataset of cases, in order of time.

    Raises:
        DataError: there is no case.
    """
    if not len(main):
        reasons = "; ".join(f"{count} {reason}" for reason, count in ledger.dropped.items())
        raise DataError(f"{name} gives no case{f' ({reasons})' if reasons else ''}.", expected="At least one patient.")
    tell_event(main, ledger)
    columns = [one for one in FIRST if one in main] + [one for one in main if one not in FIRST]
    main = main[columns].sort_values("time", kind="stable").reset_index(drop=True)
    tables = {"main": main} if timeline is None else {"main": main, "timeline": timeline.reset_index(drop=True)}
    provenance = Provenance(adapter, tuple(sources), dict(mapping or {}), ledger, dict(notes or {}))
    return Dataset(tables, SCHEMA, provenance, dict(arrays or {}))


def tell_event(main: pd.DataFrame, ledger: Ledger) -> None:
    """Note which of two outcomes counts as the event, where neither of their names says that nothing happened."""
    names = {str(one) for one in main["outcome"].dropna().unique()} if "outcome" in main else set[str]()
    if len(names) == 2 and not any(says_no(one, {plain(each) for each in names}) for one in names):
        first, second = in_class_order(names)
        if not second.replace(".", "", 1).isdigit():
            ledger.warn(f"of the outcomes {first!r} and {second!r} the second counts as the event; name them so that "
                        "one says no, if it is the other")  # fmt: skip


def words(values: Sequence[object] | np.ndarray | pd.Series) -> pd.Series:
    """Text categories; None, NaN and "" are missing."""
    series = pd.Series(list(values), dtype=object)
    series = series.map(lambda one: None if one is None or one != one or str(one) == "" else str(one))
    return series.astype("category")
