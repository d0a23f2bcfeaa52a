"""A dispatcher's CSV of stops, in the words and numbers of its country.

A row with role "depot" (or, failing that, with "depot" in its name) is where vehicles start and end. Latitudes and
longitudes that look swapped are told and left as they are; ``--option fix=swapped-coordinates`` swaps them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from verticals.data.files import table_files
from verticals.data.match import plain
from verticals.data.raw import read_raw
from verticals.data.table import OPTIONS, read_table, sniff_table
from verticals_logistics.adapters.common import EPOCH, head_of, km_between, stem_of
from verticals_logistics.schema import SCHEMA
from verticals_plugins import Adapter, DataError, Dataset, Id, Ledger, ReadOptions, Schema, Sniff, Text, Time

ROW = "row_of_the_table"
"""No column of a file is called so: every row has its number."""
READ = Schema(
    id=Id(ROW),
    fields=(
        Text("id", aliases=SCHEMA.id.aliases if SCHEMA.id else ()),
        Text("day", aliases=SCHEMA.entity.aliases if SCHEMA.entity else ()),
        Time("time", aliases=SCHEMA.time.aliases if SCHEMA.time else ()),
        *SCHEMA.fields,
    ),
)
"""The schema with nothing that must be there but the place."""
NEAR_KM = 500.0
PARTS = ("window_start", "window_end")
DAY = 86_400.0
PICKUPS = frozenset(("pickup", "pick-up", "pick up", "collection", "abholung", "backhaul"))
"""Roles of places where goods are fetched."""
MOMENT = re.compile(
    r"\s*(?:(?P<iso>\d{4}-\d{2}-\d{2})[T ] *|(?P<dmy>\d{1,2}\.\d{1,2}\.\d{4}),? +|\d{1,2}/\d{1,2}/\d{4},? +)"
    r"(?P<clock>\d{1,2}:.*?)(?:\.\d+)?(?P<zone> ?Z|[+-]\d{2}:?\d{2})?\s*",
    re.IGNORECASE,
)
CLOCK = re.compile(r"^\s*(\d{1,2})(?:[:.h](\d{2}))?(?::(\d{2})(?:\.0+)?)?\s*(?:uhr|h)?\s*(am|pm)?\s*$", re.IGNORECASE)


def clock(text: str) -> float | None:
    """Seconds of the day of "9", "13:30", "9.15 Uhr", "1 pm"; hours after 24 belong to the next day."""
    found = CLOCK.match(text)
    if found is None or int(found[2] or 0) > 59 or int(found[3] or 0) > 59 or int(found[1]) > (12 if found[4] else 48):
        return None
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    return hour * 3600.0 + int(found[2] or 0) * 60.0 + int(found[3] or 0)


def window(text: str) -> tuple[float, float] | None:
    """Seconds of the day of "9-12", "13:30 - 15" or "22-2"; None if it is no window."""
    parts = re.split(r"\s*(?:-|–|—|bis|to)\s*", text.strip(), flags=re.IGNORECASE)
    if len(parts) != 2:
        return None
    opens, closes = clock(parts[0]), clock(parts[1])
    if opens is None or closes is None:
        return None
    return opens, closes


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
    fix = options.options.get("fix", "")
    main = _believable(main, path, ledger, fix)
    lost = main["longitude"].isna() | main["latitude"].isna()
    ledger.drop("no coordinates", int(lost.sum()), [f"row {row}" for row in main[ROW][lost]])
    main = main[~lost].reset_index(drop=True)
    if not len(main):
        raise DataError(f"{path.name} has no stop with coordinates.", expected="At least a depot and a stop.",
                        todo="Check the columns that are read: --explain-data.")  # fmt: skip
    main["id"] = _names(main)
    _tell(main, dataset, path)
    main["day"] = main["day"].astype(str).replace("", "day") if "day" in main else _files(main, dataset)
    main["time"] = main["time"].fillna(EPOCH) if "time" in main else EPOCH
    main["time"] = main["time"].astype("datetime64[ns]")
    main = _windows(main, path, ledger, options.options.get("timezone", ""))
    main = _swapped(main, ledger, fix)
    return Dataset({"main": main.drop(columns=ROW)}, SCHEMA, dataset.provenance)


def _tell(main: pd.DataFrame, dataset: Dataset, path: Path) -> None:
    """Warn of what was taken for granted: depots by name, one day, no demand, x and y as degrees.

    Raises:
        DataError: a stop's role is a pickup.
    """
    ledger, mapping = dataset.provenance.ledger, dataset.provenance.mapping
    role = main["role"].astype(str).str.lower() if "role" in main else pd.Series("", index=main.index)
    if role.isin(PICKUPS).any():
        raise DataError(
            f"{path.name}: the role of row {main[ROW][role.isin(PICKUPS)].iloc[0]} is "
            f"{role[role.isin(PICKUPS)].iloc[0]}.", expected='"depot", or a place that goods are brought to.',
            todo="Pickups and shipments cannot be told in a table of stops: give a VROOM file.",
        )  # fmt: skip
    named = main["id"][main["id"].str.lower().str.contains("depot")]
    if len(named) and not role.eq("depot").any():
        ledger.warn(f"{', '.join(named[:5])}{' …' if len(named) > 5 else ''}: taken as depot by name; "
                    'a column "role" would tell depots from stops')  # fmt: skip
    if not len(named) and not role.eq("depot").any():
        ledger.warn('no row is a depot (by a column "role", or by its name): nothing can be planned')
    if "demand" not in main:
        ledger.warn("no column was found for demand: every stop counts 0 (say which with --map demand=COLUMN)")
    if "service" not in main:
        ledger.warn("no column was found for service: every stop takes 0 minutes (--map service=COLUMN, in minutes)")
    if plain(mapping.get("longitude", "")) == "x":
        ledger.warn("x and y are read as longitude and latitude in degrees")
    days = int((main["day"].astype(str) == "").sum()) if "day" in main else 0
    if days:
        ledger.warn(f'{days} rows name no day: they form a day of their own, called "day"')
    if len(dataset.provenance.sources) > 1 and "day" not in main:
        ledger.warn('each file is planned as a day of its own; a column "day" would tell otherwise')
    dates = main["time"].dropna().dt.date.nunique() if "time" in main and "day" not in main else 0
    if dates > 1:
        ledger.warn(f"{mapping.get('time', 'time')} tells of {dates} dates, and a file is planned as one day; "
                    "say which column tells the day: --map day=COLUMN")  # fmt: skip


def _believable(main: pd.DataFrame, path: Path, ledger: Ledger, fix: str) -> pd.DataFrame:
    """Without rows that lie nowhere on earth, or at 0, 0, where geocoders put what they did not find.

    Rows that lie on earth when longitude and latitude are swapped are swapped where ``fix`` asks for it.

    Raises:
        DataError: most rows lie nowhere on earth (projected coordinates), or an amount is negative.
    """
    beyond = (main["longitude"].abs() > 180) | (main["latitude"].abs() > 90)
    turned = beyond & (main["latitude"].abs() <= 180) & (main["longitude"].abs() <= 90)
    hint = ", but would be if longitude and latitude were swapped (--option fix=swapped-coordinates)"
    if turned.any() and fix == "swapped-coordinates":
        ledger.warn(
            f"{int(turned.sum())} rows lie on earth only with latitude and longitude swapped: swapped, as asked"
        )
        main.loc[turned, ["longitude", "latitude"]] = main.loc[turned, ["latitude", "longitude"]].to_numpy()
        beyond = beyond & ~turned
    lon, lat = main["longitude"], main["latitude"]
    if beyond.sum() * 2 > len(main):
        raise DataError(
            f"{path.name}: {int(beyond.sum())} of {len(main)} places are no degrees (up to {lon.abs().max():g}, "
            f"{lat.abs().max():g}){hint if (turned == beyond).all() else ''}.",
            expected="Longitude and latitude in degrees (WGS 84).",
            todo="Swap them with --map." if (turned == beyond).all() else "Convert projected coordinates to degrees.",
        )  # fmt: skip
    nowhere = (lon == 0) & (lat == 0)
    for rows, what in (
        (beyond & ~turned, "coordinates that are no degrees"),
        (beyond & turned, f"coordinates that are no degrees{hint}"),
        (nowhere, "coordinates 0, 0: it was not located"),
    ):
        ledger.drop(what, int(rows.sum()), [f"row {row}" for row in main[ROW][rows]])
    for name in ("demand", "service"):
        if name in main and (main[name] < 0).any():
            row = main[ROW][main[name] < 0].iloc[0]
            raise DataError(
                f"{path.name}: the {name} of row {row} is {main[name].min():g}.", expected="Numbers of at least 0.",
                todo="Pickups and shipments cannot be told in a table of stops: give a VROOM file.",
            )  # fmt: skip
    return main[~(beyond | nowhere)].reset_index(drop=True)


def _files(main: pd.DataFrame, dataset: Dataset) -> list[str]:
    """The name of each row's file, which is its day where no column tells it."""
    sources = dataset.provenance.sources
    ends = np.cumsum([one.rows for one in sources])
    return [stem_of(Path(sources[one].path)) for one in np.searchsorted(ends, main[ROW].to_numpy(), side="right")]


def _names(main: pd.DataFrame) -> list[str]:
    """Names as given, numbered where they repeat."""
    given = main["id"].fillna("").astype(str) if "id" in main else pd.Series("", index=main.index)
    given = given.where(given != "", "row " + main[ROW].astype(str))
    again = given.groupby(given).cumcount()
    return [name if not n else f"{name} ({n + 1})" for name, n in zip(given, again, strict=True)]


def _windows(main: pd.DataFrame, path: Path, ledger: Ledger, zone: str) -> pd.DataFrame:
    """Columns opens and closes in seconds since the midnight before the day's first date; NaN = the whole shift.

    A window without dates that ends before it begins ends on the next day.
    """
    begins, ends = (_moments(main, column, path, zone) for column in PARTS)
    first = _first_dates(main, [*begins, *ends])
    opens, closes = (
        np.array([_seconds(one, other, first[day]) for one, other, day in zip(*pair, main["day"], strict=True)])
        for pair in ((begins, ends), (ends, begins))
    )
    for row, text in enumerate(_texts(main, "window")):
        if text.strip():
            found = _one_window(text, path, main["id"].iloc[row])
            if (begins[row] or ends[row]) and (opens[row], closes[row]) != found:
                raise DataError(
                    f"{path.name}: {main['id'].iloc[row]} has the window {text!r} and another begin or end.",
                    expected="One window.", todo="Remove one of the columns.",
                )  # fmt: skip
            opens[row], closes[row] = found
    early = closes < opens
    dated = np.array([bool(a and b and a[0] and b[0]) for a, b in zip(begins, ends, strict=True)], dtype=bool)
    if (early & dated).any():
        raise DataError(
            f"{path.name}: the window of {main['id'][early & dated].iloc[0]} ends before it begins.",
            expected="An end after the begin.", todo="Correct the row.",
        )  # fmt: skip
    if early.any():
        names = ", ".join(main["id"][early][:5])
        ledger.warn(f"{int(early.sum())} windows that end before they begin end on the next day ({names})")
    if not zone and any(re.search(r"\d ?[Zz]\s*$", one) for name in PARTS for one in _texts(main, name)):
        ledger.warn("windows in UTC (…Z) are taken as the clock reads; say where they hold with --option timezone=")
    return main.assign(opens=opens, closes=np.where(early, closes + DAY, closes))


def _one_window(text: str, path: Path, name: str) -> tuple[float, float]:
    found = window(text)
    if found is None:
        raise DataError(
            f"{path.name}: the window of {name} is {text!r}.", expected='One window, such as "9-12" or "13:30-15".',
            todo="Split the stop where it has several windows.",
        )  # fmt: skip
    return found


def _texts(main: pd.DataFrame, column: str) -> list[str]:
    return main[column].fillna("").astype(str).tolist() if column in main else [""] * len(main)


Moment = tuple[date | None, float]
"""The date, if the text tells it beyond doubt, and the seconds of the day."""


def _moment(text: str, path: Path, name: str, zone: str) -> Moment | None:
    """A time of the day, with or without a date; None where nothing is written."""
    if not text.strip():
        return None
    found, seconds = MOMENT.fullmatch(text), clock(text)
    if found is not None:
        seconds = clock(found["clock"])
    if seconds is None:
        raise DataError(f"{path.name}: the window of {name} is {text!r}.", expected="A time such as 9:30.",
                        todo="Write the hour and the minute with a colon; numbers alone are not guessed.")  # fmt: skip
    if found is None:
        return None, seconds
    try:
        if found["zone"] and zone:
            there = pd.Timestamp(text.strip()).tz_convert(zone)
            return there.date(), float((there.tz_localize(None) - there.tz_localize(None).normalize()).total_seconds())
        if found["iso"]:
            return date.fromisoformat(found["iso"]), seconds
        day, month, year = (int(one) for one in found["dmy"].split(".")) if found["dmy"] else (0, 0, 0)
        return date(year, month, day) if found["dmy"] else None, seconds
    except (ValueError, KeyError) as err:
        raise DataError(f"{path.name}: the window of {name} is {text!r} ({err}).", expected="A day that there is.",
                        todo="Correct the date, or --option timezone=.") from err  # fmt: skip


def _moments(main: pd.DataFrame, column: str, path: Path, zone: str) -> list[Moment | None]:
    return [_moment(text, path, name, zone) for text, name in zip(_texts(main, column), main["id"], strict=True)]


def _first_dates(main: pd.DataFrame, moments: Sequence[Moment | None]) -> dict[str, date]:
    """The first date that a day's windows tell; ``moments`` are those of the rows, perhaps several times over."""
    first = dict.fromkeys(main["day"], date.max)
    for one, day in zip(moments, itertools.cycle(main["day"])):
        if one is not None and one[0] is not None:
            first[day] = min(first[day], one[0])
    return first


def _seconds(moment: Moment | None, other: Moment | None, first: date) -> float:
    """Seconds since the midnight that begins ``first``, on the date of ``other`` if no own is told; NaN of nothing."""
    if moment is None:
        return np.nan
    told = moment[0] or (other[0] if other is not None else None) or first
    return moment[1] + DAY * (told - first).days


def _swapped(main: pd.DataFrame, ledger: Ledger, fix: str) -> pd.DataFrame:
    """Tell of stops that lie far from the others and near them when longitude and latitude are swapped."""
    place = main[["longitude", "latitude"]].to_numpy(dtype=float)
    if len(place) < 3:
        return main
    home = np.median(place, axis=0)
    turned = place[:, ::-1]
    far, near = km_between(home, place), km_between(home, turned)
    middle = float(np.median(far))
    if middle > NEAR_KM:
        ledger.warn(f"half of the stops lie {middle:,.0f} km or more from their middle: are these degrees?")
        return main
    odd = np.flatnonzero((far > NEAR_KM) & (near < NEAR_KM / 5))
    if not len(odd):
        return main
    names = ", ".join(str(main["id"].iloc[row]) for row in odd[:5])
    said = (
        f"{len(odd)} of {len(main)} stops look as if latitude and longitude were swapped ({names}): they lie "
        f"{far[odd].min():,.0f} km or more from the middle of the others, swapped within {near[odd].max():.1f} km."
    )
    if fix != "swapped-coordinates":
        ledger.warn(said + " Nothing was changed. Use --option fix=swapped-coordinates to swap them.")
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
        text = (head_of(file).splitlines() or [""])[0]
        heads = {plain(one) for one in re.split(r"[,;\t]", text)}
    lon, lat = ({plain(one) for one in (f.name, *f.aliases)} & heads for f in SCHEMA.fields[:2])
    return Sniff(0.8, "a table with coordinates") if lon and lat else Sniff(0.25, "a table")


STOPS = Adapter(
    name="logistics.stops", summary="CSV of stops with coordinates", sniff=sniff, read=read,
    options={**OPTIONS, "fix": '"swapped-coordinates" swaps stops whose latitude and longitude look swapped'},
)  # fmt: skip
