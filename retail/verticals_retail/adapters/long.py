"""Long tables: one row a series and step (unique_id, ds, y; item, date, quantity; store, item, date, units …)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from verticals.data.files import head_of
from verticals.data.match import plain
from verticals.data.parse import MISSING
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS, dataset_of, sniff_table
from verticals_plugins import Adapter, DataError, Dataset, Number, ReadOptions, Schema, Sniff
from verticals_retail.adapters.heads import date_heads
from verticals_retail.adapters.wide import (
    HORIZON_HELP,
    columns_of,
    joined_names,
    named_columns,
    read_sheet,
    tell_gaps,
    texts_of,
    times_down,
    whole_steps,
    with_periods,
)

pc: Any = pyarrow.compute
ITEMS = ("item", "itemid", "family", "itemnbr", "sku", "product", "productid", "article", "dept", "brand", "material")
STORES = ("store", "storeid", "storenbr", "shop", "shopid", "warehouse", "location", "client", "plant")
YES, NO = {"1", "yes", "y", "true", "t"}, {"0", "no", "n", "false", "f", *MISSING}
SERIES = ("series", "uniqueid", "storeitem", "id")


def sniff_long(path: Path) -> Sniff:
    """Surer the more of series, time and quantity the column heads name."""
    table = sniff_table(path)
    if table.score <= 0:
        return table
    heads = columns_of(path)
    if {"unique_id", "ds"} <= set(heads):
        return Sniff(0.9, "columns unique_id and ds")
    if len(date_heads(heads)) >= 3:
        return Sniff(0.1, "column heads are dates")
    return Sniff(max(table.score, 0.5), table.why)


def read_long(path: Path, options: ReadOptions) -> Dataset:
    """A table as it is; where a store and an item column stand side by side, both together name a series.

    Raises:
        DataError: as for any table, see ``verticals.data.table``; a series and a time stand together twice.
    """
    told = options.options
    raw = read_raw(path, told, limit=options.limit)
    heads = raw.table.column_names
    if (len(date_heads(heads)) >= 3 or times_down(heads)) and not options.mapping:
        return read_sheet(path, options)
    schema, mapping = options.schema, dict(options.mapping)
    raw = _with_periods(raw, mapping, options)
    keys = named_columns(told["series"], raw.table.column_names, raw.name) if told.get("series") else []
    keys = keys or _pair(raw, mapping)
    if len(keys) > 1:
        raw = _with_series(raw, keys)
        mapping["series"] = "series"
        raw.ledger.warn(f"a series is one pair of {' and '.join(keys)}")
    elif keys:
        mapping["series"] = keys[0]
    if told.get("known"):
        schema = _with_known(schema, named_columns(told["known"], raw.table.column_names, raw.name))
    inner = {name: value for name, value in told.items() if name in OPTIONS}
    try:
        found = dataset_of(raw, replace(options, schema=schema, mapping=mapping, options=inner), adapter="retail.long")
    except DataError as err:
        line, store = _line_of_dates(raw), next((one for one in heads if plain(one) in STORES), "")
        if line:
            todo = f"Line {line} holds dates: if they are the column heads, pass --option header={line}"
        elif heads[0] in ("column 1", "Unnamed: 0") and "'time'" in err.found:
            todo = f"If the first column holds times, give it the head date. {err.todo}"
        elif store and "no column for 'series'." in err.found:
            todo = f"If each {store} is a series, --map series={store}"
        else:
            raise
        raise DataError(err.found, expected=err.expected, todo=todo) from err
    found = _with_flags(found, raw.name)
    _no_twins(found, raw.name)
    tell_gaps(found, raw.ledger)
    if not told.get("horizon"):
        return found
    notes = {**found.provenance.notes, "horizon": str(whole_steps(told["horizon"]))}
    return replace(found, provenance=replace(found.provenance, notes=notes))


def _with_flags(dataset: Dataset, name: str) -> Dataset:
    """``sold_out`` as yes or no.

    Raises:
        DataError: a word that says neither.
    """
    if "sold_out" not in dataset.main:
        return dataset
    said = dataset.main["sold_out"].astype("string").fillna("").str.lower().str.removesuffix(".0")
    yes, no = said.isin(YES), said.isin(NO)
    if not (yes | no).all():
        word = dataset.main["sold_out"][~(yes | no)].iloc[0]
        raise DataError(
            f"{name}: the column sold_out says {str(word)!r}.", expected="yes or no, true or false, 1 or 0.",
            todo="Write it so, or map another column: --map sold_out=COLUMN.",
        )  # fmt: skip
    return dataset.with_main(dataset.main.assign(sold_out=np.where(yes, "yes", "no")))


def _no_twins(dataset: Dataset, name: str) -> None:
    twin = dataset.main.duplicated(["series", "time"]).to_numpy()
    if twin.any():
        first = dataset.main.iloc[int(twin.argmax())]
        raise DataError(
            f"{name}: {int(twin.sum()):,} rows repeat a series and a step, "
            f"first {str(first['series'])!r} at {first['time']}.",
            expected="One row a series and step.",
            todo="Sum the rows of a step, or name all columns that make a series: --option series=store,item.",
        )


def _pair(raw: Raw, mapping: Mapping[str, str]) -> list[str]:
    """A store and an item column, where no column names the series by itself."""
    heads = raw.table.column_names
    store = [one for one in heads if plain(one) in STORES]
    item = [one for one in heads if plain(one) in ITEMS]
    both = [store[0], item[0]] if store and item else []
    named = [one for one in heads if plain(one) in SERIES]
    if "series" in mapping or any(plain(one) != "id" for one in named):
        return []
    # an id of its own for each row numbers the rows
    counted = bool(named) and pc.count_distinct(raw.table[named[0]]).as_py() == raw.table.num_rows > 1
    return both if not named or counted else []


def _with_periods(raw: Raw, mapping: Mapping[str, str], options: ReadOptions) -> Raw:
    """Times that are months, weeks, quarters or years (2024-01, 2024-W05, 2024Q1) as their first day."""
    assert options.schema.time is not None
    wanted = {plain(one) for one in (options.schema.time.name, *options.schema.time.aliases)}
    found = [one for one in raw.table.column_names if plain(one) in wanted]
    name = mapping.get("time") or (found[0] if len(found) == 1 else "")
    if not name or name not in raw.table.column_names or {"date_format", "time_unit"} & set(options.options):
        return raw
    return with_periods(raw, name)


def _line_of_dates(raw: Raw) -> int:
    """The first line of a text file with at least three dates side by side, 0 if there is none."""
    for text in (piece.text for piece in raw.pieces if piece.text is not None):
        lines = head_of(text.path, text.layout.encoding).splitlines()[:50]
        for number, line in enumerate(lines, 1):
            cells = [one.strip(' "') for one in line.split(text.layout.delimiter)]
            if len(date_heads(cells)) >= 3 and number != text.layout.header_end:
                return number
    return 0


def _with_series(raw: Raw, keys: list[str]) -> Raw:
    rows = list(zip(*(texts_of(raw, one) for one in keys), strict=True))
    names = [name if all(row) else None for name, row in zip(joined_names(raw, keys), rows, strict=True)]
    called = {name: row for name, row in zip(names, rows, strict=True) if name}
    odd = next((one for one in zip(names, rows, strict=True) if one[0] and called[one[0]] != one[1]), None)
    if odd:
        raise DataError(f"{raw.name}: two series would both be called {odd[0]!r} ({' and '.join(keys)} hold slashes).",
                        expected="Columns without / where they are joined.", todo="Write another sign.")  # fmt: skip
    table = raw.table.drop_columns(["series"]) if "series" in raw.table.column_names else raw.table
    return replace(raw, table=table.append_column("series", pa.array(names, pa.string())))


def _with_known(schema: Schema, columns: list[str]) -> Schema:
    new = tuple(Number(one, known_ahead=True) for one in columns if one not in schema.names())
    return replace(schema, fields=schema.fields + new)


LONG = Adapter(
    name="retail.long", summary="a long table: one row a series and step", sniff=sniff_long, read=read_long,
    options={
        **HORIZON_HELP, **OPTIONS, "series": "columns that name a series together, parted by commas",
        "known": "further number columns that are known ahead, parted by commas",
    },
)  # fmt: skip
