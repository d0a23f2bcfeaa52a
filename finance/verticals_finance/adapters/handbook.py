"""The simulated transactions of the Fraud Detection Handbook, as one npz of plain arrays."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.pipeline.files import sha256
from verticals_plugins import Adapter, DataError, Dataset, Provenance, ReadOptions, Sniff, Source, UsageError

FILE = "transactions.npz"
ARRAYS = ("tx_time_delta", "customer_id", "terminal_id", "amount_cents", "tx_fraud")
NUMBERS = ("tx_time_delta", "amount_cents", "tx_fraud")
START = np.datetime64("2018-04-01T00:00:00", "ns")


def sniff(path: Path) -> Sniff:
    """A folder with transactions.npz, or that file."""
    file = path / FILE if path.is_dir() else path
    return Sniff(0.9, f"holds {FILE}") if file.name == FILE and file.is_file() else Sniff(0.0, f"no {FILE}")


def read(path: Path, options: ReadOptions) -> Dataset:
    """Payments of customers at terminals; the scenario, which is the label in another form, is never read."""
    file = path / FILE if path.is_dir() else path
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            found = {name: stored[name] for name in ARRAYS}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as err:
        raise DataError(
            f"{file} is not the handbook's transactions: {err}.", expected=f"An npz with {', '.join(ARRAYS)}."
        ) from err
    if len({one.shape for one in found.values()}) > 1 or found["tx_fraud"].ndim != 1:
        shapes = ", ".join(f"{name} {one.shape}" for name, one in found.items())
        raise DataError(f"{file} has arrays of different shapes ({shapes}).", expected="One value a transaction.")
    odd = [name for name in NUMBERS if found[name].dtype.kind not in "biuf" or not np.isfinite(found[name]).all()]
    if odd or not len(found["tx_fraud"]):
        raise DataError(f"{file} has no numbers in {', '.join(odd or NUMBERS)}.", expected="A number a transaction.")
    first, last = (_day(options, name, default) for name, default in (("first_day", 0), ("last_day", 999)))
    seconds = np.cumsum(found["tx_time_delta"].astype(np.int64))
    day = seconds // 86_400
    rows = np.flatnonzero((day >= first) & (day <= last))[: options.limit]
    if not len(rows):
        raise DataError(f"{file} has no transaction on the days {first} to {last}.", expected=f"0 to {day[-1]}.")
    main = pd.DataFrame(
        {
            "id": rows,
            "card": pd.Categorical(found["customer_id"][rows].astype(str)),
            "time": START + (seconds[rows] * 1_000_000_000).astype("timedelta64[ns]"),
            "fraud": pd.Categorical(found["tx_fraud"][rows].astype(str)),
            "amount": found["amount_cents"][rows] / 100.0,
            "terminal": pd.Categorical(found["terminal_id"][rows].astype(str)),
        }
    )
    source = Source(str(file), file.stat().st_size, sha256(file), len(main))
    return Dataset({"main": main}, options.schema, Provenance("finance.handbook", (source,)))


def _day(options: ReadOptions, name: str, default: int) -> int:
    said = options.options.get(name, str(default))
    if not said.isdigit():
        raise UsageError(f"Option {name}={said!r} is not understood.", expected="A number of days since 2018-04-01.")
    return int(said)


HANDBOOK = Adapter(
    name="finance.handbook", summary="the Fraud Detection Handbook's simulated transactions (npz)",
    sniff=sniff,
    read=read,
    options={"first_day": "first day, counted from 2018-04-01", "last_day": "last day"},
)  # fmt: skip
