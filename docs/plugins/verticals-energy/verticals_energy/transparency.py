"""Total load as transparency platforms export it: a CSV with a period and the actual total load.

Periods are written "01.01.2026 00:00 - 01.01.2026 01:00" or "01/01/2026 00:00:00 - 01/01/2026 01:00:00" in the zone
that the header names; "n/e" marks the hour that a spring day lacks, "-" a value that is not there yet.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.raw import Raw, read_raw
from verticals.data.table import dataset_of_frame
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff

PERIOD = re.compile(r"^(?:Time|MTU)(?: \((UTC|CET/CEST)\))?$")
LOAD = re.compile(r"^Actual Total Load \[?\(?MW\)?\]?(?: - (.+))?$")
BEGIN = re.compile(r"^(\d\d)[./](\d\d)[./](\d{4}) (\d\d:\d\d)(?::\d\d)? ?(?:\((?:UTC|CES?T)\) ?)?- ")


def sniff(path: Path) -> Sniff:
    """Sure of a CSV whose header has a period and an actual total load."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            names = [cell.strip(' "\r\n') for cell in file.readline(10_000).split(",")]
    except OSError as err:
        return Sniff(0.0, str(err))
    found = any(PERIOD.match(name) for name in names) and any(LOAD.match(name) for name in names)
    return Sniff(0.95, "a period and an actual total load") if found else Sniff(0.0, "no period and load in line 1")


def read(path: Path, options: ReadOptions) -> Dataset:
    """One row an area and hour; quarter hours are averaged, rows that cannot be read are dropped and counted."""
    raw = read_raw(path)
    period, load = _column(raw, PERIOD, "a period (MTU)"), _column(raw, LOAD, "Actual Total Load [MW]")
    cells = raw.table.to_pandas().astype(str)
    area = cells["Area"] if "Area" in cells else pd.Series(LOAD.match(load)[1] or path.stem, cells.index)
    absent = cells[load].str.strip().isin(["", "-", "n/e", "N/A", "None"])
    value = pd.to_numeric(cells[load].where(~absent), errors="coerce")
    moment = _moments(cells[period], area.where(~absent), PERIOD.match(period)[1] or "UTC")
    for reason, rows in (
        (f"{load} is missing", absent),
        (f"{load} cannot be read as a number", value.isna() & ~absent),
        (f"{period} cannot be read as a period", moment.isna() & value.notna()),
    ):
        raw.drop(reason, np.flatnonzero(rows), load)
    keep = value.notna() & moment.notna()
    table = pd.DataFrame({"substation": area, "hour": moment.dt.floor("h"), "load_mw": value})[keep]
    table = table.groupby(["substation", "hour"], sort=False, as_index=False)["load_mw"].mean()
    dataset = dataset_of_frame(table[: options.limit], options, adapter=TOTAL_LOAD_CSV.name)
    dataset.provenance.ledger.warnings.extend(raw.ledger.warnings)
    kept = replace(raw.ledger, warnings=dataset.provenance.ledger.warnings)
    return replace(dataset, provenance=replace(dataset.provenance, sources=raw.sources, ledger=kept))


def _column(raw: Raw, pattern: re.Pattern[str], what: str) -> str:
    found = [name for name in raw.table.column_names if pattern.match(name.strip())]
    if len(found) != 1:
        raise DataError(
            f"{raw.name} has columns {', '.join(raw.table.column_names)}.", expected=f"One column with {what}."
        )
    return found[0]


def _moments(period: pd.Series, area: pd.Series, zone: str) -> pd.Series:
    """Where each period begins, in UTC; NaT where it cannot be read, or where ``area`` is missing."""
    begin = period.str.extract(BEGIN)
    text = begin[2] + "-" + begin[1] + "-" + begin[0] + " " + begin[3]
    moment = pd.to_datetime(text.where(area.notna()), errors="coerce", format="%Y-%m-%d %H:%M")
    if zone == "UTC":
        return moment
    # the repeated hour of an autumn day is told apart by its order
    local = [_in_utc(part) for _, part in moment.groupby(area, sort=False)]
    return pd.concat(local).reindex(moment.index) if local else moment


def _in_utc(moment: pd.Series) -> pd.Series:
    again = moment.duplicated(keep="first")
    local = moment.dt.tz_localize("Europe/Brussels", ambiguous=(~again).to_numpy(), nonexistent="NaT")
    return local.dt.tz_convert("UTC").dt.tz_localize(None)


TOTAL_LOAD_CSV = Adapter(
    name="energy.total_load",
    summary="a transparency platform's CSV of actual total load",
    sniff=sniff,
    read=read,
)
