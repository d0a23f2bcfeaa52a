"""Long tables: one row a series and step (unique_id, ds, y; item, date, quantity; store, item, date, units …)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from verticals.data.match import plain
from verticals.data.raw import Raw, read_raw
from verticals.data.series import SeriesExamples, report_gaps
from verticals.data.table import OPTIONS, dataset_of, sniff_table
from verticals_plugins import Adapter, DataError, Dataset, Number, ReadOptions, Schema, Sniff
from verticals_retail.adapters.heads import date_heads
from verticals_retail.adapters.wide import HORIZON_HELP, columns_of, named_columns, whole_steps

ITEMS = ("item", "itemid", "itemnbr", "sku", "product", "productid", "article", "dept", "brand", "material")
STORES = ("store", "storeid", "storenbr", "shop", "shopid", "warehouse", "location", "client", "plant")
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
        DataError: as for any table; see ``verticals.data.table``.
    """
    told = options.options
    raw = read_raw(path, told, limit=options.limit)
    schema, mapping = options.schema, dict(options.mapping)
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
    found = dataset_of(raw, replace(options, schema=schema, mapping=mapping, options=inner), adapter="retail.long")
    _tell_gaps(found)
    if not told.get("horizon"):
        return found
    notes = {**found.provenance.notes, "horizon": str(whole_steps(told["horizon"]))}
    return replace(found, provenance=replace(found.provenance, notes=notes))


def _tell_gaps(dataset: Dataset) -> None:
    """Missing steps inside series, as warnings; what is no series at all the examples refuse."""
    try:
        lines = report_gaps(dataset, SeriesExamples())
    except DataError:
        return
    for line in lines:
        dataset.provenance.ledger.warn(line)


def _pair(raw: Raw, mapping: Mapping[str, str]) -> list[str]:
    """A store and an item column, where no column names the series by itself."""
    heads = raw.table.column_names
    if "series" in mapping or any(plain(one) in SERIES for one in heads):
        return []
    store = [one for one in heads if plain(one) in STORES]
    item = [one for one in heads if plain(one) in ITEMS]
    return [store[0], item[0]] if store and item else []


def _with_series(raw: Raw, keys: list[str]) -> Raw:
    parts = [["" if v is None else str(v).strip() for v in raw.table[one].to_pylist()] for one in keys]
    names = ["/".join(row) if all(row) else None for row in zip(*parts, strict=True)]
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
