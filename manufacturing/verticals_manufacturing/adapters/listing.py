"""A table that lists pictures: one row a photo, with its class and what else is known (piece, lot, time, split, mask).

Process values are read from the columns that the option ``process`` names, since other columns of a list often tell
what only the inspection found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from verticals.data.convert import convert
from verticals.data.files import kind_of, tables_in
from verticals.data.match import plain
from verticals.data.raw import Raw, read_raw
from verticals.data.table import KNOWN_AT, MOSTLY, dataset_of, reading_of
from verticals.data.table import OPTIONS as TABLE_OPTIONS
from verticals_manufacturing.adapters.finding import Finder
from verticals_manufacturing.adapters.folders import SPLITS
from verticals_manufacturing.records import OPTIONS, Record, to_dataset
from verticals_manufacturing.schema import SCHEMA
from verticals_plugins import (
    Adapter,
    Category,
    DataError,
    Dataset,
    Field,
    Ledger,
    Number,
    ReadOptions,
    Schema,
    Sniff,
    Time,
    UsageError,
)

LISTS = ("index.csv", "labels.csv", "images.csv", "list.csv", "annotations.csv")
UNCLEAR, FAINT = 0.35, 0.25
"""How sure it is of a table that cannot be opened, or whose column of pictures has to be named: reading says which.

Less so of one that lies beside pictures and is not called as a list.
"""
PRODUCT = ("object", "product", "category_name", "item")
LIST_OPTIONS = {
    **OPTIONS,
    "product": "which product of the list to read, if it holds several (its name in the column object or product)",
    "process": "columns with process values to use, comma-separated",
    **{k: v for k, v in TABLE_OPTIONS.items() if k != "positive"},
}
TOLD = frozenset(LIST_OPTIONS) - {"product", "process", *OPTIONS}
ROLES = frozenset((*SCHEMA.names(), "product", "mask"))
PASSED = frozenset({"ok", "good", "pass", "passed", "normal", "accepted", "conform", "conforming", "io"})
"""Names of columns in which 1 says that the piece is good."""
FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True, "no": False, "yes": True,
         "n": False, "y": True}  # fmt: skip


def list_in(path: Path) -> Path | None:
    """The list itself, or the one that a folder holds."""
    if path.is_file():
        return path if kind_of(path) else None
    named = [path / name for name in LISTS if (path / name).is_file()]
    every = [one for one in tables_in(path.iterdir()) if one.suffix.lower() != ".txt"] if path.is_dir() else []
    return named[0] if named else every[0] if len(every) == 1 else None


def sniff_list(path: Path) -> Sniff:
    """A table with a column of pictures."""
    try:
        file = list_in(path)
        if file is None:
            return Sniff(0.0, "no list of pictures")
        unclear = UNCLEAR if path.is_file() or file.name in LISTS else FAINT
        try:
            columns = {plain(name) for name in read_raw(file, limit=5).table.column_names}
        except DataError as err:
            return Sniff(unclear, str(err).splitlines()[0])
        wanted = {plain(name) for one in SCHEMA.fields[:1] for name in (one.name, *one.aliases)}
        if not columns & wanted:
            return Sniff(unclear, f"{file.name} has no column of pictures")
        return Sniff(0.9, f"{file.name} lists pictures")
    except (OSError, ValueError) as err:
        return Sniff(0.0, str(err).splitlines()[0])


def read_list(path: Path, options: ReadOptions) -> Dataset:
    """Read the list, then its pictures (paths from the list's folder).

    Raises:
        DataError: no column of pictures, several products, or no picture that can be used.
    """
    file = list_in(path)
    if file is None:
        raise DataError(f"{path.name} holds no list of pictures.", expected=f"A table, as {LISTS[0]}.")
    told = {k: v for k, v in options.options.items() if k in TOLD}
    raw = read_raw(file, told)
    process = _process(raw, options)
    wide = _list_schema(options, _numbers(raw, process, told))
    table = dataset_of(raw, replace(options, schema=wide, options=told, limit=None))
    ledger = table.provenance.ledger
    main = _once(_one_product(table.main.reset_index(drop=True), options), ledger)
    unused = [c for c in main.columns if c not in set(wide.names()) | set(process) | {KNOWN_AT}]
    if unused:
        ledger.warn(f"Columns not used: {', '.join(unused[:8])} (option process=… takes process values).")
    if "id" in main and main["id"].duplicated().any():
        ledger.warn("Ids repeat in the list; pictures are named by their path instead.")
        main = main.drop(columns="id")
    stated = bool(options.options.get("good"))
    labels = _labels(main, ledger, table.provenance.mapping.get("class", ""), stated=stated)
    finder = Finder(file.parent)
    records = [
        _record(row, label, file.parent, finder, process)
        for row, label in zip(main.to_dict("records"), labels, strict=True)
    ]
    _tell_parts(records, ledger)
    found = to_dataset(records, options, adapter="manufacturing.list", ledger=ledger, files=[file])
    mapping = dict(table.provenance.mapping)
    if "id" not in main:
        mapping["id"] = mapping["image"]
    return replace(found, provenance=replace(found.provenance, mapping=mapping))


def _numbers(raw: Raw, process: list[str], told: dict[str, str]) -> list[Number]:
    """Those of the process columns whose cells are numbers; the others are categories."""
    reading = reading_of(told, raw.machine)
    found = []
    for name in process:
        column = convert(raw.table[name], Number(name), name, reading)
        if column.bad.sum() <= MOSTLY * (~column.missing).sum():
            found.append(Number(name))
    return found


def _list_schema(options: ReadOptions, numbers: list[Number]) -> Schema:
    """The task's schema with every role but picture and class optional, and what else a list may carry."""
    schema, more = options.schema, list[Field](numbers)
    for one in (schema.id, schema.entity):
        if one is not None:
            more.append(Category(one.name, aliases=one.aliases))
    if schema.time is not None:
        more.append(Time(schema.time.name, aliases=schema.time.aliases))
    more += [Category("product", aliases=PRODUCT), Category("mask", aliases=("mask_path", "ground_truth"))]
    return Schema(target=schema.target, fields=(*schema.fields, *more))


def _one_product(main: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    """The rows of the product asked for; all, if there is only one."""
    wanted = options.options.get("product")
    if "product" not in main:
        return main
    names = [str(n) for n in dict.fromkeys(main["product"].dropna())]
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"The list has no product {wanted!r}.", expected=f"One of {', '.join(names)}.")
        return main[main["product"].astype(str) == wanted].reset_index(drop=True)
    if len(names) > 1:
        raise DataError(
            f"The list holds {len(names)} products ({', '.join(names[:6])}).",
            expected="One product at a time.",
            todo=f"Choose one: --option product={names[0]}",
        )
    return main


def _once(main: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Each picture once; the same picture with two classes is refused."""
    again = main["image"].duplicated(keep=False)
    if not again.any():
        return main
    if "class" in main:
        kinds = main[again].groupby("image", observed=True)["class"].nunique()
        if (kinds > 1).any():
            name = kinds.index[kinds > 1][0]
            raise DataError(
                f"{int((kinds > 1).sum())} pictures are listed with several classes ({name} …).",
                expected="One class a picture.",
                todo="Correct the list.",
            )
    first = ~main["image"].duplicated()
    ledger.drop("picture listed before", int((~first).sum()), [str(n) for n in main.loc[~first, "image"][:5]])
    return main[first].reset_index(drop=True)


def _labels(main: pd.DataFrame, ledger: Ledger, column: str, *, stated: bool) -> list[str | None]:
    """Class names; a column of 0 and 1 says good and defect, one called "ok" or "passed" the other way round.

    Where the user ``stated`` which class is good, the cells stay as they are written.

    Raises:
        DataError: the column holds -1 and 1, of which some lists mean the one and some the other as good.
    """
    if "class" not in main:
        return [None] * len(main)
    said = [None if pd.isna(v) else str(v).strip() for v in main["class"]]
    known = {v.lower() for v in said if v is not None}
    if known == {"-1", "1"} and not stated:
        raise DataError(
            f"The column {column} holds -1 and 1, and either may be the good pieces.", expected="Names of classes.",
            todo="Say which is good: --option good=-1 or --option good=1",
        )  # fmt: skip
    if known and known <= set(FLAGS) and not stated:
        turned = plain(column).removeprefix("is") in PASSED
        zero, one = ("defect", "good") if turned else ("good", "defect")
        ledger.warn(f"In the column {column} 0 (no, false) was read as {zero}, 1 (yes, true) as {one}.")
        return [None if v is None else "defect" if FLAGS[v.lower()] != turned else "good" for v in said]
    return said


def _tell_parts(records: list[Record], ledger: Ledger) -> None:
    """Name what the column split says beside train, valid and test: those pictures stand in no part."""
    said = Counter(one.split or "nothing" for one in records)
    other = {name: count for name, count in said.items() if name not in ("train", "valid", "gate", "test")}
    if other and set(other) != {"nothing"}:
        told = ", ".join(f"{name} ({count})" for name, count in list(other.items())[:6])
        ledger.warn(f"The split says {told}; only train, valid and test are known as parts.")
    elif other and len(said) > 1:
        ledger.warn(f"{other['nothing']} pictures have no split and stand in no part.")


def _process(raw: Raw, options: ReadOptions) -> list[str]:
    wanted = [c.strip() for c in options.options.get("process", "").split(",") if c.strip()]
    columns = raw.table.column_names
    missing = [c for c in wanted if c not in columns]
    if missing:
        raise UsageError(f"The list has no column {', '.join(missing)}.", expected=f"Columns: {', '.join(columns)}.")
    taken = [c for c in wanted if c in ROLES or c in options.mapping.values()]
    if taken:
        raise UsageError(f"{', '.join(taken)} is no process value: it says what the picture is.", expected="Others.")
    return wanted


def _mask(given: str, home: Path) -> Path:
    """The mask that a list names, from the list's folder or the one above; never looked for by its name alone."""
    clean = given.strip().replace("\\", "/")
    return next((f / clean for f in (home, home.parent) if (f / clean).is_file()), home / clean)


def _record(row: dict[Hashable, Any], label: str | None, home: Path, finder: Finder, process: list[str]) -> Record:
    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None or pd.isna(value) else str(value)

    image = text("image") or ""
    mask, split, time = text("mask"), text("split"), row.get("time")
    known = None if split is None else SPLITS.get(split.strip().lower(), split.strip().lower())
    return Record(
        finder.find(image, home, home.parent), text("id") or image, label=label, piece=text("piece"), lot=text("lot"),
        time=None if time is None or pd.isna(time) else pd.Timestamp(time), split=known,
        mask=None if mask is None else _mask(mask, home), process={name: row[name] for name in process},
    )  # fmt: skip


LISTING = Adapter(
    name="manufacturing.list",
    summary="A list of pictures (CSV, parquet) with classes and process values, VisA",
    sniff=sniff_list,
    read=read_list,
    options=LIST_OPTIONS,
)
