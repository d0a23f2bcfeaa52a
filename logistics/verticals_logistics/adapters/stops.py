"""A dispatcher's CSV of stops, in the words and numbers of its country.

A row with role "depot" (or, failing that, with "depot" in its name) is where vehicles start and end. Latitudes and
longitudes that look swapped are told and left as they are; ``--fix swapped-coordinates`` swaps them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.files import table_files
from verticals.data.match import plain
from verticals.data.raw import read_raw
from verticals.data.table import OPTIONS, read_table, sniff_table
from verticals_logistics.adapters.common import EPOCH, haversine_km
from verticals_logistics.schema import SCHEMA
from verticals_plugins import Adapter, DataError, Dataset, Id, Ledger, ReadOptions, Schema, Sniff, Text, Time

READ = Schema(
    id=Id("row"),
    fields=(
        Text("id", aliases=SCHEMA.id.aliases if SCHEMA.id else ()),
        Text("day", aliases=SCHEMA.entity.aliases if SCHEMA.entity else ()),
        Time("time", aliases=SCHEMA.time.aliases if SCHEMA.time else ()),
        *SCHEMA.fields,
    ),
)
"""The schema with nothing that must be there but the place."""
NEAR_KM = 500.0
MOMENT = re.compile(r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}|^\s*\d{1,2}[./]\d{1,2}[./]\d{4} +\d{1,2}:\d{2}")
CLOCK = re.compile(r"^\s*(\d{1,2})(?:[:.h](\d{2}))?(?::(\d{2}))?\s*(?:uhr|h)?\s*(am|pm)?\s*$", re.IGNORECASE)


def clock(text: str) -> float | None:
    """Seconds of the day of "9", "13:30", "9.15 Uhr", "1 pm"; hours after 24 belong to the next day."""
    found = CLOCK.match(text)
    if found is None or int(found[2] or 0) > 59:
        return None
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    return hour * 3600.0 + int(found[2] or 0) * 60.0 + int(found[3] or 0)


def window(text: str) -> tuple[float, float] | None:
    """Seconds of the day of "9-12" or "13:30 - 15"; None if it is no window."""
    parts = re.split(r"\s*(?:-|–|—|bis|to)\s*", text.strip(), flags=re.IGNORECASE)
    if len(parts) != 2:
        return None
    opens, closes = clock(parts[0]), clock(parts[1])
    if opens is None or closes is None:
        return None
    return opens, overnight(opens, closes)


def overnight(opens: float, closes: float) -> float:
    """A window that ends before it begins ends on the next day."""
    return closes if closes >= opens else closes + 86_400.0


def read(path: Path, options: ReadOptions) -> Dataset:
    """A table of stops.

    Raises:
        DataError: no coordinates, or a window that cannot be read.
    """
    own = {name: value for name, value in options.options.items() if name in OPTIONS}
    dataset = read_table(path, replace(options, schema=READ, options=own, need_target=False), adapter="logistics.stops")
    ledger, main = dataset.provenance.ledger, dataset.main
    for name in ("longitude", "latitude"):
        if name not in main:
            raise DataError(
                f"{path.name} has no column for {name}.", expected="Longitude and latitude in degrees.",
                todo=f"Say which: --map {name}=COLUMN. Addresses are not looked up.",
            )  # fmt: skip
    main = _believable(main, path, ledger)
    lost = main["longitude"].isna() | main["latitude"].isna()
    ledger.drop("no coordinates", int(lost.sum()), [f"row {row}" for row in main["row"][lost]])
    main = main[~lost].reset_index(drop=True)
    if not len(main):
        raise DataError(f"{path.name} has no stop with coordinates.", expected="At least a depot and a stop.")
    main["id"] = _names(main)
    main["day"] = main["day"].fillna("day").astype(str) if "day" in main else path.stem
    main["time"] = main["time"].fillna(EPOCH) if "time" in main else EPOCH
    main["time"] = main["time"].astype("datetime64[ns]")
    main = _windows(main, path)
    main = _swapped(main, ledger, options.options.get("fix", ""))
    return Dataset({"main": main.drop(columns="row")}, SCHEMA, dataset.provenance)


def _believable(main: pd.DataFrame, path: Path, ledger: Ledger) -> pd.DataFrame:
    """Without rows that lie nowhere on earth, or at 0, 0, where geocoders put what they did not find.

    Raises:
        DataError: most rows lie nowhere on earth (projected coordinates), or an amount is negative.
    """
    lon, lat = main["longitude"], main["latitude"]
    beyond = (lon.abs() > 180) | (lat.abs() > 90)
    if beyond.sum() * 2 > len(main):
        raise DataError(
            f"{path.name}: {int(beyond.sum())} of {len(main)} places are no degrees (up to {lon.abs().max():g}, "
            f"{lat.abs().max():g}).", expected="Longitude and latitude in degrees (WGS 84).",
            todo="Convert projected coordinates to degrees.",
        )  # fmt: skip
    nowhere = (lon == 0) & (lat == 0)
    for rows, what in ((beyond, "coordinates that are no degrees"), (nowhere, "coordinates 0, 0: it was not located")):
        ledger.drop(what, int(rows.sum()), [f"row {row}" for row in main["row"][rows]])
    for name in ("demand", "service"):
        if name in main and (main[name] < 0).any():
            row = main["row"][main[name] < 0].iloc[0]
            raise DataError(
                f"{path.name}: the {name} of row {row} is {main[name].min():g}.", expected="Numbers of at least 0.",
                todo="Pickups and shipments cannot be told in a table of stops: give a VROOM file.",
            )  # fmt: skip
    return main[~(beyond | nowhere)].reset_index(drop=True)


def _names(main: pd.DataFrame) -> list[str]:
    """Names as given, numbered where they repeat."""
    given = main["id"].fillna("").astype(str) if "id" in main else pd.Series("", index=main.index)
    given = given.where(given != "", "row " + main["row"].astype(str))
    again = given.groupby(given).cumcount()
    return [name if not n else f"{name} ({n + 1})" for name, n in zip(given, again, strict=True)]


def _windows(main: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Columns opens and closes in seconds of the day, NaN = the whole shift."""
    opens, closes = np.full(len(main), np.nan), np.full(len(main), np.nan)
    for column, into in (("window_start", opens), ("window_end", closes)):
        if column in main:
            for row, text in enumerate(main[column].fillna("").astype(str)):
                if text.strip():
                    into[row] = _one_clock(text, path, main["id"].iloc[row])
    closes = np.where(closes < opens, closes + 86_400.0, closes)
    if "window" in main:
        for row, text in enumerate(main["window"].fillna("").astype(str)):
            if text.strip():
                found = window(text)
                if found is None:
                    raise DataError(
                        f"{path.name}: the window of {main['id'].iloc[row]} is {text!r}.",
                            expected='One window, such as "9-12" or "13:30-15".',
                            todo="Split the stop where it has several windows.",
                    )  # fmt: skip
                opens[row], closes[row] = found
    return main.assign(opens=opens, closes=closes)


def _one_clock(text: str, path: Path, name: str) -> float:
    found = clock(text)
    if found is not None:
        return found
    moment = pd.to_datetime(text, errors="coerce") if MOMENT.match(text) else pd.NaT
    if pd.isna(moment):
        raise DataError(f"{path.name}: the window of {name} is {text!r}.", expected="A time such as 9:30.",
                        todo="Write the hour and the minute with a colon; numbers alone are not guessed.")  # fmt: skip
    return float((moment - moment.normalize()).total_seconds())


def _swapped(main: pd.DataFrame, ledger: Ledger, fix: str) -> pd.DataFrame:
    """Tell of stops that lie far from the others and near them when longitude and latitude are swapped."""
    place = main[["longitude", "latitude"]].to_numpy(dtype=float)
    if len(place) < 3:
        return main
    home = np.median(place, axis=0)
    if np.median(haversine_km(np.vstack([home, place]))[0, 1:]) > NEAR_KM:
        return main
    turned = place[:, ::-1]
    far = haversine_km(np.vstack([home, place]))[0, 1:]
    near = haversine_km(np.vstack([home, turned]))[0, 1:]
    odd = np.flatnonzero((far > NEAR_KM) & (near < NEAR_KM / 5))
    if not len(odd):
        return main
    names = ", ".join(str(main["id"].iloc[row]) for row in odd[:5])
    said = (
        f"{len(odd)} of {len(main)} stops look as if latitude and longitude were swapped ({names}): they lie "
        f"{far[odd].min():,.0f} km or more from the middle of the others, swapped within {near[odd].max():.1f} km."
    )
    if fix != "swapped-coordinates":
        ledger.warn(said + " Nothing was changed. Use --fix swapped-coordinates to swap them.")
        return main
    ledger.warn(said + " They were swapped, as asked.")
    main.loc[odd, ["longitude", "latitude"]] = turned[odd]
    return main


def sniff(path: Path) -> Sniff:
    """A table whose header names coordinates."""
    said = sniff_table(path)
    if not said.score:
        return said
    try:
        file = path if path.is_file() else table_files(path)[0]
        heads = {plain(one) for one in read_raw(file, limit=1).table.column_names}
    except DataError as err:
        heads = set()
        if "encoding=" not in str(err):
            return Sniff(0.25, "a table")
        text = file.read_bytes()[:4000].decode("cp1252", errors="replace").splitlines()[0]
        heads = {plain(one) for one in re.split(r"[,;\t]", text)}
    lon, lat = ({plain(one) for one in (f.name, *f.aliases)} & heads for f in SCHEMA.fields[:2])
    return Sniff(0.8, "a table with coordinates") if lon and lat else Sniff(0.25, "a table")


STOPS = Adapter(
    name="logistics.stops", summary="CSV of stops with coordinates", sniff=sniff, read=read,
    options={**OPTIONS, "fix": '"swapped-coordinates" swaps stops whose latitude and longitude look swapped'},
)  # fmt: skip
