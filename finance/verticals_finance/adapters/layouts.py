"""Public transaction layouts as columns of one table: TabFormer, PaySim, AMLSim and IEEE-CIS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from verticals.data.columnar import columnar_batches, is_columnar
from verticals.data.convert import as_text, decoded
from verticals.data.files import encoding_of, kind_of, layout_of, open_bytes, tables_in
from verticals.data.match import plain
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS, dataset_of
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff, UsageError, VerticalsError

PAYSIM_START = "2017-01-01"
IEEE_START = "2017-12-01"
HOUR = 3600.0
LONGEST = 9e8
"""Longest counted time in seconds, 28 years; more are seconds since 1970, or nonsense."""
CARD_PARTS = ("card1", "card2", "card3", "card4", "card5", "card6", "addr1")
Translate = Callable[[pd.DataFrame, Raw, pd.Timestamp], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout by its columns: those that it always has, and those that may be missing.

    ``translate`` turns text columns, and the moment that counted times count from, into the columns of the schema.
    """

    name: str
    title: str
    needed: tuple[str, ...]
    more: tuple[str, ...]
    translate: Translate
    start: str = ""
    """What counted times count from unless it is stated; "" = times are dates."""
    label: str = "isFraud"

    def missing(self, header: Sequence[str]) -> list[str]:
        """Needed columns that a header lacks; case and punctuation do not matter, as databases change both."""
        found = {plain(one) for one in header}
        return [one for one in self.needed if plain(one) not in found]

    def spelt(self, header: Sequence[str]) -> list[str]:
        """The header with the layout's own columns written as the layout writes them."""
        known = {plain(one): one for one in (*self.needed, *self.more) if one not in header}
        return [known.pop(plain(one), one) for one in header]


def header_of(path: Path, line: int = 1) -> tuple[str, ...]:
    """Column names of a columnar table, or of a text table whose header is this line; () if it is none."""
    try:
        if not path.is_file():
            return ()
        if is_columnar(path):
            with path.open("rb") as stream:
                parquet = stream.read(4) == b"PAR1"
            return tuple((pq.read_schema(path) if parquet else next(columnar_batches(path)).schema).names)
        if kind_of(path) != "text":
            return ()
        with open_bytes(path) as stream:
            encoding = encoding_of(stream.read(2000), None, path.name)
        return layout_of(path, encoding, {"header": str(line)}).names
    except (VerticalsError, OSError, ValueError, EOFError, StopIteration, pa.ArrowException):
        return ()


def of_layout(folder: Path, layout: Layout) -> list[Path]:
    """The files of a folder that have this layout."""
    return [one for one in tables_in(folder.iterdir()) if not layout.missing(header_of(one))]


def sniffer(layout: Layout) -> Callable[[Path], Sniff]:
    """A sniff that is certain when all needed columns are in the header."""

    def sniff(path: Path) -> Sniff:
        if path.is_dir():
            inside = of_layout(path, layout)
            said = f"{inside[0].name} has the columns of {layout.title}" if inside else f"no {layout.title} file"
            return Sniff(0.9 if inside else 0.0, said)
        header = header_of(path)
        missing = layout.missing(header)
        later = range(2, 6) if missing and len(header) < len(layout.needed) else ()
        if missing and all(layout.missing(header_of(path, line)) for line in later):
            return Sniff(0.0, f"no column {missing[0]!r}")
        return Sniff(0.95, f"the columns of {layout.title}")

    return sniff


def reader(layout: Layout) -> Callable[[Path, ReadOptions], Dataset]:
    """Reads a file of this layout: its text columns are translated into those of the schema, row by row."""

    def read(path: Path, options: ReadOptions) -> Dataset:
        start = start_of(options, layout)
        raw = read_raw(_one_file(path, layout, options.need_target), options.options, limit=options.limit)
        if path.is_dir():
            raw.ledger.warn(f"of {path.name} only {raw.name} was read")
        if missing := layout.missing(raw.table.column_names):
            raise DataError(
                f"{raw.name} has no column {', '.join(missing)}.", expected=f"The columns of {layout.title}."
            )
        names = layout.spelt(raw.table.column_names)
        text = {name: as_text(decoded(cells)).to_pandas() for name, cells in zip(names, raw.table.columns, strict=True)}
        frame = layout.translate(pd.DataFrame(text), raw, start)
        for name, column in zip(raw.table.column_names, text.values(), strict=True):
            if name in options.mapping.values() and name not in frame:
                frame[name] = column
        if options.need_target and "fraud" not in {*frame, *options.mapping}:
            raise DataError(
                f"{raw.name} carries no labels: it has no column {layout.label}.", expected="A label for training.",
                todo="Add that column, 1 = fraud and 0 = genuine; predict takes the file as it is.",
            )  # fmt: skip
        if not options.need_target and "fraud" in frame:
            frame = frame.drop(columns="fraud") if (frame["fraud"] == "").all() else frame
        table = pa.Table.from_pandas(frame, preserve_index=False)
        told = {name: said for name, said in options.options.items() if name in _of_values(layout)}
        rest = replace(options, options=told)
        return dataset_of(Raw(table, raw.pieces, raw.sources, raw.machine, raw.ledger), rest, adapter=layout.name)

    return read


def _of_values(layout: Layout) -> set[str]:
    """Options that say how values are read; of the times, which are translated, only dates have a zone."""
    return {"decimal", "positive"} | (set() if layout.start else {"timezone"})


def start_of(options: ReadOptions, layout: Layout) -> pd.Timestamp:
    """The moment that counted times count from, as stated or as the layout takes it.

    Raises:
        UsageError: what is stated is no moment.
    """
    said = options.options.get("time_origin", "") or layout.start or "1970-01-01"
    try:
        start = pd.Timestamp(said)
    except ValueError as err:
        raise UsageError(
            f"Option time_origin={said!r} is not understood.", expected="A date, for example 2017-12-01."
        ) from err
    return start.tz_convert("UTC").tz_localize(None) if start.tz is not None else start


def _one_file(path: Path, layout: Layout, labelled: bool) -> Path:
    """The file itself; of a folder the one with these columns, and with labels where they are needed."""
    if not path.is_dir():
        return path
    found = of_layout(path, layout)
    if len(found) > 1 and labelled:
        found = [one for one in found if "isfraud" in {plain(name) for name in header_of(one)}] or found
    if len(found) != 1:
        names = ", ".join(one.name for one in found) or "none"
        raise DataError(f"{path.name} holds {len(found)} files of this layout ({names}).", expected="One.",
                        todo="Give the file itself.")  # fmt: skip
    return found[0]


def _since(start: pd.Timestamp, count: pd.Series, unit: float) -> pd.Series:
    """Times counted in units of so many seconds; what is no number, or of another age, stays to be told as unread."""
    seconds = pd.to_numeric(count, errors="coerce") * unit
    waited: pd.Series = pd.to_timedelta(seconds.where(seconds.abs() < LONGEST), unit="s")
    time = waited + start
    return time.astype(str).where(time.notna(), count)


def _whole(numbers: pd.Series) -> pd.Series:
    """Codes as text without the ".0" that a column with gaps gets when it is saved."""
    return numbers.str.replace(r"\.0+$", "", regex=True)


def from_tabformer(frame: pd.DataFrame, raw: Raw, start: pd.Timestamp) -> pd.DataFrame:
    """A card is a user's card; a refund is a negative amount; the merchant's hash stays text."""
    year, month, day = (_whole(frame[name]).str.zfill(2) for name in ("Year", "Month", "Day"))
    rounded = frame["Merchant Name"].str.fullmatch(r"-?\d(\.\d+)?[eE][+-]?\d+")
    if rounded.any():
        shown = frame["Merchant Name"][rounded].iloc[0]
        raw.ledger.warn(f"{rounded.sum():,} merchants are written like {shown}: digits are lost, some look the same")
    whose = _whole(frame["User"]) + "-" + _whole(frame["Card"])
    out = {
        "card": whose.where((frame["User"] != "") & (frame["Card"] != ""), ""),
        "time": year + "-" + month + "-" + day + " " + frame["Time"], "amount": frame["Amount"],
        "terminal": frame["Merchant Name"], "mcc": _whole(frame["MCC"]), "country": frame.get("Merchant State", ""),
        "channel": frame["Use Chip"],
    }  # fmt: skip
    return pd.DataFrame(out | ({"fraud": frame["Is Fraud?"]} if "Is Fraud?" in frame else {}))


def from_paysim(frame: pd.DataFrame, raw: Raw, start: pd.Timestamp) -> pd.DataFrame:
    """Steps are hours without a calendar; balances are left out: they tell the outcome of the payment."""
    raw.ledger.warn(f"steps have no calendar: hour 0 was taken as {start:%Y-%m-%d}")
    raw.ledger.warn("balances are not used: in this layout they are written after the payment and tell its outcome")
    out = {"card": frame["nameOrig"], "time": _since(start, frame["step"], HOUR), "amount": frame["amount"],
           "terminal": frame["nameDest"], "channel": frame.get("type", frame.get("action", ""))}  # fmt: skip
    return pd.DataFrame(out | ({"fraud": frame["isFraud"]} if "isFraud" in frame else {}))


def from_ieee_cis(frame: pd.DataFrame, raw: Raw, start: pd.Timestamp) -> pd.DataFrame:
    """Seconds count from a moment that was not published; a card is its six card columns and first address."""
    raw.ledger.warn(f"TransactionDT counts from an unpublished moment: {start:%Y-%m-%d} was taken")
    parts = [_whole(frame[name]) for name in CARD_PARTS if name in frame]
    card = parts[0]
    for part in parts[1:]:
        card = card + "|" + part
    out = {"id": frame["TransactionID"], "card": card.where(card.str.strip("|") != "", ""),
           "time": _since(start, frame["TransactionDT"], 1.0), "amount": frame["TransactionAmt"],
           "mcc": frame["ProductCD"]}  # fmt: skip
    if "P_emaildomain" in frame:
        out["channel"] = frame["P_emaildomain"]
    return pd.DataFrame(out | ({"fraud": frame["isFraud"]} if "isFraud" in frame else {}))


def from_amlsim(frame: pd.DataFrame, raw: Raw, start: pd.Timestamp) -> pd.DataFrame:
    """Days are numbers without a calendar; labels lie in another file, by account, and are not guessed."""
    raw.ledger.warn(f"days have no calendar: day 0 was taken as {start:%Y-%m-%d}")
    out = {"id": frame["TXN_ID"], "card": frame["ACCOUNT_ID"], "time": _since(start, frame["start"], 24 * HOUR),
           "amount": frame["TXN_AMOUNT_ORIG"], "terminal": frame["COUNTER_PARTY_ACCOUNT_NUM"],
           "channel": frame["TXN_SOURCE_TYPE_CODE"]}  # fmt: skip
    return pd.DataFrame(out | ({"fraud": frame["isFraud"]} if "isFraud" in frame else {}))


LAYOUTS = (
    Layout(
        name="finance.tabformer", title="IBM TabFormer",
        needed=("User", "Card", "Year", "Month", "Day", "Time", "Amount", "Use Chip", "Merchant Name", "MCC"),
        more=("Merchant State", "Is Fraud?"), translate=from_tabformer, label="Is Fraud?",
    ),
    Layout(
        name="finance.paysim", title="PaySim", needed=("step", "amount", "nameOrig", "nameDest"),
        more=("type", "action", "isFraud"), translate=from_paysim, start=PAYSIM_START,
    ),
    Layout(
        name="finance.ieee_cis", title="IEEE-CIS",
        needed=("TransactionID", "TransactionDT", "TransactionAmt", "ProductCD", "card1"),
        more=(*CARD_PARTS[1:], "P_emaildomain", "isFraud"), translate=from_ieee_cis, start=IEEE_START,
    ),
    Layout(
        name="finance.amlsim", title="AMLSim",
        needed=(
            "TXN_ID", "ACCOUNT_ID", "COUNTER_PARTY_ACCOUNT_NUM", "TXN_SOURCE_TYPE_CODE", "TXN_AMOUNT_ORIG", "start",
        ),
        more=("isFraud",), translate=from_amlsim, start=PAYSIM_START,
    ),
)  # fmt: skip


def _adapter(layout: Layout) -> Adapter:
    told = {"encoding", "delimiter", "header", *_of_values(layout)} | ({"time_origin"} if layout.start else set())
    return Adapter(
        name=layout.name, summary=f"{layout.title} transactions (CSV)", sniff=sniffer(layout), read=reader(layout),
        options={name: text for name, text in OPTIONS.items() if name in told},
    )  # fmt: skip


ALL = tuple(_adapter(one) for one in LAYOUTS)
