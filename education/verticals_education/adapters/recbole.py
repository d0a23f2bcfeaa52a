"""RecBole atomic files: ``.inter`` (TAB separated, header ``name:type``), with ``.item`` as the catalogue beside it.

Of files that are already split (``X.train.inter``, ``X.valid.inter``, ``X.test.inter``) the part is kept as ``split``,
and the items of a row's list (``item_id_list:token_seq``) are history that yields no example.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from verticals.data.files import DAMAGED, open_bytes
from verticals.data.raw import Raw, read_raw
from verticals_education.adapters.common import TEXT_OPTIONS, Found, catalogue_beside, finished, times_of
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, Source

pc: Any = pyarrow.compute

HEADER = re.compile(r"^[^\t,;|]+:(token|float|token_seq|float_seq)\b")
PARTS = {"train": "train", "valid": "valid", "validation": "valid", "test": "test"}
SEPARATOR = "\t"


def read_recbole(path: Path, options: ReadOptions) -> Dataset:
    """Read one ``.inter`` file, or a folder that holds the files of one data set.

    Raises:
        DataError: several data sets in one folder, a header without types, no time, or no usable row.
    """
    files = _files(path)
    ledger = Ledger()
    frames, pasts = [], []
    sources: list[Source] = []
    for file in files:
        raw = read_raw(file, {"delimiter": SEPARATOR} | dict(options.options), limit=options.limit)
        sources += raw.sources
        frame, past = _interactions(file, raw, options, ledger)
        part = _part(file)
        frames.append(frame if part is None else frame.assign(split=part))
        pasts.append(past)
    whole = pd.concat(frames, ignore_index=True)
    found = Found(whole, "education.recbole", tuple(sources), ledger, _MAPPING | dict(options.mapping))
    if len(whole) and whole["time"].max() < pd.Timestamp(1971, 1, 1):
        ledger.warn("timestamps were read as seconds since 1970 and lie in that year: perhaps they only say an order")
    past = pd.concat(pasts, ignore_index=True)
    if len(past):
        found.tables["past"] = past
    named = catalogue_beside(path, options, ledger) if options.options.get("catalogue") else None
    return finished(found, options, _items(files[0], ledger) if named is None else named)


_MAPPING = {"learner": "user_id", "course": "item_id", "time": "timestamp"}


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = _inside(path)
    names = sorted({one.name.split(".")[0] for one in files})
    if not files:
        raise DataError(f"{path} holds no .inter file.", expected="The .inter file of a data set.")
    if len(names) > 1:
        raise DataError(
            f"{path} holds {len(names)} data sets ({', '.join(names[:5])}).",
            expected="One.",
            todo="Give its .inter file.",
        )
    whole = [one.name for one in files if _part(one) is None]
    if len(whole) > 1 or (whole and len(files) > 1):
        raise DataError(
            f"{path} holds {', '.join(one.name for one in files[:5])}: the same rows may stand in several.",
            expected="One .inter file, or its parts .train, .valid and .test.", todo="Give the file, or remove some.",
        )  # fmt: skip
    return files


def _inside(folder: Path) -> list[Path]:
    """The .inter files of a folder, packed ones too, hidden ones left out."""
    return sorted(one for one in folder.iterdir() if ".inter" in one.suffixes and one.is_file() and one.name[0] != ".")


def _part(file: Path) -> str | None:
    """The part that ``X.train.inter`` says, None for a whole file."""
    return PARTS.get(file.name.partition(".inter")[0].split(".")[-1].casefold())


def _columns(file: Path, raw: Raw) -> dict[str, str]:
    """Field name -> column, from a typed header.

    Raises:
        DataError: the header has no types.
    """
    typed = [name.partition(":") for name in raw.table.column_names]
    if len(typed) == 1 and ":" in typed[0][2]:
        raise DataError(
            f"{file.name}: the header is one column ({raw.table.column_names[0]}).", expected="Columns parted by TAB.",
            todo="State what parts them, for example --option delimiter=,",
        )  # fmt: skip
    if not any(kind for _, _, kind in typed):
        raise DataError(
            f"{file.name}: the header has no types ({', '.join(raw.table.column_names[:4])}).",
            expected="user_id:token, item_id:token, timestamp:float, separated by TAB.",
        )
    return {name.strip(): column for (name, _, _), column in zip(typed, raw.table.column_names, strict=True)}


def _interactions(
    file: Path, raw: Raw, options: ReadOptions, ledger: Ledger
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    columns = _columns(file, raw)
    broken = _broken(raw)
    if broken:
        raise DataError(
            f"{file.name}: a quote joins several lines into one cell ({broken}).",
            expected="A line a row.", todo="Remove the quotes, or write each twice within quotes.",
        )  # fmt: skip
    wanted = {field: options.mapping.get(field, name) for field, name in _MAPPING.items()}
    place = {field: columns.get(name, name) for field, name in wanted.items()}
    needed = [field for field in _MAPPING if field != "course" or options.need_target]
    for field in needed:
        if place[field] not in raw.table.column_names:
            raise DataError(
                f"{file.name} has no column {wanted[field]} for {field}: it has {', '.join(columns)}.",
                expected="user_id, item_id and timestamp: what comes next can only be learnt in order of time.",
                todo=f"Name it: --map {field}=COLUMN.",
            )
    for reason, count in raw.ledger.dropped.items():
        ledger.drop(f"{file.name}: {reason}", count, raw.ledger.where.get(reason, ()))
    learner = _texts(raw, place["learner"])
    course = _texts(raw, place["course"]) if place["course"] in raw.table.column_names else np.full(len(learner), "")
    time = moments(_texts(raw, place["time"]), place["time"], options)
    bad = {f"{wanted['learner']} is missing": learner == ""}
    if options.need_target:
        bad[f"{wanted['course']} is missing"] = course == ""
    bad[f"{wanted['time']} is missing or no number"] = np.isnat(time)
    keep = np.ones(len(learner), dtype=bool)
    for reason, rows in bad.items():
        hit = np.flatnonzero(rows & keep)
        ledger.drop(reason, len(hit), raw.places([int(one) for one in hit[:5]]))
        keep[hit] = False
    frame = pd.DataFrame({"learner": learner, "time": time, "course": [one or None for one in course]})
    return frame[keep].reset_index(drop=True), _lists(raw, columns, frame, keep, options, ledger)


def moments(cells: np.ndarray, name: str, options: ReadOptions) -> np.ndarray:
    """(N,) times: seconds since 1970, as RecBole writes them, or what that large numbers count; or dates as text."""
    numbers = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(dtype=float)
    said = cells != ""
    if said.any() and np.isnan(numbers[said]).mean() > 0.5:
        return times_of([str(one) for one in cells], name, options.options)[0]
    largest = float(np.nanmax(numbers[numbers < 9.2e18], initial=0.0))  # what lies beyond is no time in any unit
    factor = next(f for f, most in ((10**9, 1e11), (10**6, 1e14), (10**3, 1e17), (1, np.inf)) if largest < most)
    numbers = np.where(np.abs(numbers * factor) < 9.2e18, numbers, np.nan)  # nanoseconds that fit
    stamps = np.full(len(cells), np.iinfo("int64").min)  # NaT
    whole = (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53)
    stamps[whole] = numbers[whole].astype("int64") * factor
    for row in np.flatnonzero(~np.isnan(numbers) & ~whole):  # digits that a float would round
        stamps[row] = int((Decimal(str(cells[row])) * factor).to_integral_value())
    return stamps.astype("datetime64[ns]")


def _broken(raw: Raw) -> str:
    """The first line whose quotes swallow the next ones, "" if there is none: no cell of an atomic file has lines."""
    for name in raw.table.column_names:
        rows = np.flatnonzero(pc.match_substring(raw.table[name].cast(pa.string()), "\n").to_numpy())
        if len(rows):
            return raw.places([int(rows[0])])[0]
    return ""


def _lists(
    raw: Raw,
    columns: dict[str, str],
    frame: pd.DataFrame,
    keep: np.ndarray,
    options: ReadOptions,
    ledger: Ledger,
) -> pd.DataFrame:
    """The earlier items that a row lists, as enrolments of their own."""
    nothing = pd.DataFrame({"learner": [], "time": np.array([], "datetime64[ns]"), "course": []})
    if "item_id_list" not in columns:
        return nothing
    if "timestamp_list" not in columns:
        ledger.warn("item_id_list has no timestamp_list beside it: when its items were taken is not known; not used")
        return nothing
    items = [str(cell).split() for cell in _texts(raw, columns["item_id_list"])]
    stamps = [str(cell).split() for cell in _texts(raw, columns["timestamp_list"])]
    rows = [int(row) for row in np.flatnonzero(keep) if len(items[row]) == len(stamps[row])]
    odd = sorted(set(np.flatnonzero(keep).tolist()) - set(rows))
    ledger.drop("a list of items that is not as long as its list of times", len(odd), raw.places(odd[:5]))
    if not rows:
        return nothing
    flat = np.array([one for row in rows for one in stamps[row]], dtype=object)
    return pd.DataFrame(
        {
            "learner": [frame["learner"].iloc[row] for row in rows for _ in items[row]],
            "time": moments(flat, "timestamp_list", options),
            "course": [one for row in rows for one in items[row]],
        }
    ).drop_duplicates(ignore_index=True)


def _items(file: Path, ledger: Ledger) -> pd.DataFrame | None:
    """The ``.item`` file as a catalogue: courses with the first text column as title."""
    beside = file.with_name(f"{file.name.split('.')[0]}.item")
    if not beside.is_file():
        return None
    raw = read_raw(beside, {"delimiter": SEPARATOR})
    columns = _columns(beside, raw)
    if "item_id" not in columns:
        ledger.warn(f"{beside.name} has no item_id and was not read")
        return None
    if _broken(raw):
        ledger.warn(f"{beside.name}: a quote joins several lines into one cell ({_broken(raw)}); it was not read")
        return None
    for reason, count in raw.ledger.dropped.items():
        ledger.drop(f"{beside.name}: {reason}", count, raw.ledger.where.get(reason, ()))
    course = _texts(raw, columns["item_id"])
    ledger.drop(f"{beside.name}: item_id is missing", int((course == "").sum()))
    title = next((c for n, c in columns.items() if re.search("title|name", n, re.I)), None)
    table = pd.DataFrame({"course": course, "title": "" if title is None else _texts(raw, title)})
    table = table[course != ""]
    ledger.drop(f"{beside.name}: a repetition of an item", int(table.duplicated("course").sum()))
    return table.drop_duplicates("course", ignore_index=True)


def _texts(raw: Raw, column: str) -> np.ndarray:
    cells = raw.table[column].cast(pa.string()).fill_null("").to_pylist()
    return np.array([one.strip() for one in cells], dtype=object)


def sniff_recbole(path: Path) -> Sniff:
    """By the suffix and the typed header."""
    try:
        files = [path] if path.is_file() else _inside(path)
        if not files:
            return Sniff(0.0, "no .inter file")
        with open_bytes(files[0]) as stream:
            head = stream.readline(10_000).decode("utf-8-sig", errors="replace")
    except (*DAMAGED, DataError) as err:
        return Sniff(0.7 if ".inter" in path.suffixes else 0.0, str(err))
    typed = bool(HEADER.match(head))
    if ".inter" in files[0].suffixes:
        return Sniff(0.95 if typed else 0.7, "a .inter file")
    return Sniff(0.5 if typed else 0.0, "a typed header" if typed else "no typed header")


RECBOLE = Adapter(
    name="education.recbole",
    summary="RecBole atomic files (.inter, .item)",
    sniff=sniff_recbole,
    read=read_recbole,
    options=TEXT_OPTIONS,
)
