"""Public transaction layouts as columns of one table: TabFormer, PaySim, AMLSim and IEEE-CIS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from verticals.data.convert import as_text, decoded
from verticals.data.files import kind_of, layout_of, tables_in
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS, dataset_of
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff, VerticalsError

TABFORMER = ("User", "Card", "Year", "Month", "Day", "Time", "Amount", "Use Chip", "Merchant Name", "MCC", "Is Fraud?")
PAYSIM = ("step", "type", "amount", "nameOrig", "nameDest", "oldbalanceOrg", "newbalanceOrig")
AMLSIM = ("TXN_ID", "ACCOUNT_ID", "COUNTER_PARTY_ACCOUNT_NUM", "TXN_SOURCE_TYPE_CODE", "TXN_AMOUNT_ORIG", "start")
IEEE_CIS = ("TransactionID", "TransactionDT", "TransactionAmt", "ProductCD", "card1")
PAYSIM_START = "2017-01-01"
IEEE_START = "2017-12-01"
Translate = Callable[[pd.DataFrame, Raw], pd.DataFrame]


def header_of(path: Path) -> tuple[str, ...]:
    """Column names of a text or parquet table, () if it is none."""
    try:
        if not path.is_file():
            return ()
        if path.suffix.lower() in (".parquet", ".pq"):
            return tuple(pq.read_schema(path).names)
        return layout_of(path, "utf-8-sig", {}).names if kind_of(path) == "text" else ()
    except (VerticalsError, OSError, ValueError, EOFError, pa.ArrowException):
        return ()


def of_layout(folder: Path, columns: tuple[str, ...]) -> list[Path]:
    """The files of a folder that have all of ``columns``."""
    return [one for one in tables_in(folder.iterdir()) if set(columns) <= set(header_of(one))]


def sniffer(columns: tuple[str, ...], what: str) -> Callable[[Path], Sniff]:
    """A sniff that is certain when all of ``columns`` are in the header."""

    def sniff(path: Path) -> Sniff:
        if path.is_dir():
            inside = of_layout(path, columns)
            return (
                Sniff(0.9, f"{inside[0].name} has the columns of {what}") if inside else Sniff(0.0, f"no {what} file")
            )
        missing = [name for name in columns if name not in header_of(path)]
        return Sniff(0.0, f"no column {missing[0]!r}") if missing else Sniff(0.95, f"the columns of {what}")

    return sniff


def reader(columns: tuple[str, ...], what: str, translate: Translate) -> Callable[[Path, ReadOptions], Dataset]:
    """Reads a file of this layout: ``translate`` turns its text columns into those of the schema, row by row."""

    def read(path: Path, options: ReadOptions) -> Dataset:
        raw = read_raw(_one_file(path, columns, options.need_target), options.options, limit=options.limit)
        if path.is_dir():
            raw.ledger.warn(f"of {path.name} only {raw.name} was read")
        missing = [name for name in columns if name not in raw.table.column_names]
        if missing:
            raise DataError(f"{raw.name} has no column {', '.join(missing)}.", expected=f"The columns of {what}.")
        text = {name: as_text(decoded(raw.table[name])).to_pandas() for name in raw.table.column_names}
        frame = translate(pd.DataFrame(text), raw)
        if not options.need_target and "fraud" in frame:
            frame = frame.drop(columns="fraud") if (frame["fraud"] == "").all() else frame
        table = pa.Table.from_pandas(frame, preserve_index=False)
        return dataset_of(Raw(table, raw.pieces, raw.sources, raw.machine, raw.ledger), options, adapter=what)

    return read


def _one_file(path: Path, columns: tuple[str, ...], labelled: bool) -> Path:
    """The file itself; of a folder the one with these columns, and with labels where they are needed."""
    if not path.is_dir():
        return path
    found = of_layout(path, columns)
    if len(found) > 1 and labelled:
        found = [one for one in found if {"isFraud", "Is Fraud?"} & set(header_of(one))] or found
    if len(found) != 1:
        names = ", ".join(one.name for one in found) or "none"
        raise DataError(f"{path.name} holds {len(found)} files of this layout ({names}).", expected="One.",
                        todo="Give the file itself.")  # fmt: skip
    return found[0]


def _since(start: str, count: pd.Series, unit: str) -> pd.Series:
    """Counted times as text; what is no number stays as it is written, to be told as unreadable."""
    numbers = pd.to_numeric(count, errors="coerce")
    waited: pd.Series = pd.to_timedelta(numbers, unit=unit)  # type: ignore[call-overload]
    time = waited + pd.Timestamp(start)
    return time.astype(str).where(time.notna(), count)


def from_tabformer(frame: pd.DataFrame, raw: Raw) -> pd.DataFrame:
    """A card is a user's card; a refund is a negative amount; the merchant's hash stays text."""
    time = frame["Year"] + "-" + frame["Month"].str.zfill(2) + "-" + frame["Day"].str.zfill(2) + " " + frame["Time"]
    return pd.DataFrame(
        {
            "card": frame["User"] + "-" + frame["Card"], "time": time, "amount": frame["Amount"],
            "terminal": frame["Merchant Name"], "mcc": frame["MCC"], "country": frame.get("Merchant State", ""),
            "channel": frame["Use Chip"], "fraud": frame["Is Fraud?"],
        }
    )  # fmt: skip


def from_paysim(frame: pd.DataFrame, raw: Raw) -> pd.DataFrame:
    """Steps are hours without a calendar; balances are left out: they tell the outcome of the payment."""
    raw.ledger.warn(f"steps have no calendar: hour 0 was taken as {PAYSIM_START}")
    raw.ledger.warn("balances are not used: in this layout they are written after the payment and tell its outcome")
    time = _since(PAYSIM_START, frame["step"], "h")
    out = {"card": frame["nameOrig"], "time": time, "amount": frame["amount"],
           "terminal": frame["nameDest"], "channel": frame["type"]}  # fmt: skip
    return pd.DataFrame(out | ({"fraud": frame["isFraud"]} if "isFraud" in frame else {}))


def from_ieee_cis(frame: pd.DataFrame, raw: Raw) -> pd.DataFrame:
    """Seconds count from a moment that was not published; a card is its six card columns and first address."""
    raw.ledger.warn(f"TransactionDT counts from an unpublished moment: {IEEE_START} was taken")
    parts = [frame[name] for name in ("card1", "card2", "card3", "card4", "card5", "card6", "addr1") if name in frame]
    card = parts[0]
    for part in parts[1:]:
        card = card + "|" + part
    time = _since(IEEE_START, frame["TransactionDT"], "s")
    out = {"id": frame["TransactionID"], "card": card, "time": time,
           "amount": frame["TransactionAmt"], "mcc": frame["ProductCD"]}  # fmt: skip
    if "P_emaildomain" in frame:
        out["channel"] = frame["P_emaildomain"]
    return pd.DataFrame(out | ({"fraud": frame["isFraud"]} if "isFraud" in frame else {}))


def from_amlsim(frame: pd.DataFrame, raw: Raw) -> pd.DataFrame:
    """Days are numbers without a calendar; labels lie in another file, by account, and are not guessed."""
    raw.ledger.warn(f"days have no calendar: day 0 was taken as {PAYSIM_START}")
    time = _since(PAYSIM_START, frame["start"], "D")
    out = {"id": frame["TXN_ID"], "card": frame["ACCOUNT_ID"], "time": time,
           "amount": frame["TXN_AMOUNT_ORIG"], "terminal": frame["COUNTER_PARTY_ACCOUNT_NUM"],
           "channel": frame["TXN_SOURCE_TYPE_CODE"]}  # fmt: skip
    return pd.DataFrame(out | ({"fraud": frame["isFraud"]} if "isFraud" in frame else {}))


def _adapter(name: str, what: str, columns: tuple[str, ...], translate: Translate) -> Adapter:
    return Adapter(
        name=f"finance.{name}", summary=f"{what} transactions (CSV)", sniff=sniffer(columns, what),
        read=reader(columns, f"finance.{name}", translate), options=OPTIONS,
    )  # fmt: skip


ALL = (
    _adapter("tabformer", "IBM TabFormer", TABFORMER, from_tabformer),
    _adapter("paysim", "PaySim", PAYSIM, from_paysim),
    _adapter("ieee_cis", "IEEE-CIS", IEEE_CIS, from_ieee_cis),
    _adapter("amlsim", "AMLSim", AMLSIM, from_amlsim),
)
