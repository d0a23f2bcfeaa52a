"""Payment messages: ISO 20022 pacs.008 (XML) and ISO 8583 (hex text or bytes) as rows of payments."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa

from verticals.data.raw import Raw
from verticals.data.table import OPTIONS, dataset_of
from verticals.pipeline.files import sha256
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, Source, need

MESSAGE = re.compile(rb"(pacs|pain|camt|acmt)\.(\d{3})\.\d{3}\.\d{2}")
EXPONENTS = dict.fromkeys(["JPY", "KRW", "CLP", "VND", "ISK", "XAF", "XOF", "UGX"], 0) | dict.fromkeys(
    ["BHD", "KWD", "OMR", "TND", "JOD", "IQD", "LYD"], 3
)
"""Decimals of currencies (ISO 4217) that have other than two."""
NUMERIC = {
    "840": "USD", "978": "EUR", "826": "GBP", "756": "CHF", "392": "JPY", "124": "CAD", "036": "AUD", "752": "SEK",
    "578": "NOK", "208": "DKK", "985": "PLN", "156": "CNY", "356": "INR", "410": "KRW", "048": "BHD", "414": "KWD",
    "512": "OMR", "788": "TND", "400": "JOD", "368": "IQD", "434": "LYD", "152": "CLP", "704": "VND",
}  # fmt: skip
PAYMENTS = {"0100": "authorisation", "0110": "authorisation response", "0120": "authorisation advice",
            "0200": "financial request", "0210": "financial response", "0220": "financial advice"}  # fmt: skip


@dataclass
class Rows:
    """Rows of payments gathered from files, with what was dropped."""

    rows: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    sources: list[Source] = field(default_factory=list[Source])
    ledger: Ledger = field(default_factory=Ledger)


def files_in(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The file, or the files of a folder with one of these endings."""
    if path.is_file():
        return [path]
    return sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in suffixes)


def gathered(
    path: Path, options: ReadOptions, suffixes: tuple[str, ...], take: Callable[[Path, Rows, ReadOptions], None],
    adapter: str,
) -> Dataset:  # fmt: skip
    """All files' payments as the schema's table.

    Raises:
        DataError: no payment is in them.
    """
    found = Rows()
    for file in files_in(path, suffixes):
        before = len(found.rows)
        take(file, found, options)
        found.sources.append(Source(str(file), file.stat().st_size, sha256(file), len(found.rows) - before))
    if not found.rows:
        reasons = "; ".join(f"{count} times {reason}" for reason, count in found.ledger.dropped.items())
        raise DataError(
            f"{path} holds no payment ({reasons or 'no message'}).", expected="At least one payment message."
        )
    frame = pd.DataFrame(found.rows[: options.limit]).fillna("")
    if options.need_target and "fraud" not in frame:
        raise DataError(
            f"{path}: messages carry no fraud label.",
            expected="A label for training.",
            todo="Join the labels into a table (CSV, parquet) and read that; predict takes messages as they are.",
        )
    raw = Raw(pa.Table.from_pandas(frame, preserve_index=False), (), tuple(found.sources), True, found.ledger)
    return dataset_of(raw, options, adapter=adapter)


# ------------------------------------------------------------------------------------------------ ISO 20022 pacs.008


def sniff_pacs008(path: Path) -> Sniff:
    """XML that declares a pacs.008 message."""
    for file in files_in(path, (".xml",))[:3]:
        with file.open("rb") as stream:
            head = stream.read(20_000)
        if b"<" in head[:200] and b"FIToFICstmrCdtTrf" in head:
            return Sniff(0.95, "a pacs.008 message")
        if b"<" in head[:200] and (found := MESSAGE.search(head)):
            return Sniff(0.5, f"an ISO 20022 message {found.group().decode()}")
    return Sniff(0.0, "no ISO 20022 XML")


def take_pacs008(file: Path, found: Rows, options: ReadOptions) -> None:
    """One row a credit transfer; header totals that disagree with the body are reported."""
    content = file.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(
            f"{file.name} declares a document type.", expected="A plain message: entities are never expanded."
        )
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as err:
        raise DataError(f"{file.name} is no well-formed XML: {err}.", todo="The file is damaged or truncated.") from err
    bodies = [one for one in root.iter() if local(one) == "FIToFICstmrCdtTrf"]
    if not bodies:
        declared = MESSAGE.search(content)
        what = declared.group().decode() if declared else local(root)
        raise DataError(f"{file.name} is a {what} message.", expected="pacs.008 (customer credit transfer).")
    for body in bodies:
        _take_body(file, body, found)


def _take_body(file: Path, body: ElementTree.Element, found: Rows) -> None:
    header = child(body, "GrpHdr")
    transfers = [one for one in body if local(one) == "CdtTrfTxInf"]
    total = Decimal(0)
    for number, one in enumerate(transfers, 1):
        amount = child(one, "IntrBkSttlmAmt")
        try:
            value = Decimal((amount.text or "").strip()) if amount is not None else None
        except InvalidOperation:
            value = None
        if amount is None or value is None:
            found.ledger.drop("IntrBkSttlmAmt is missing or no number", 1, [f"{file.name} transfer {number}"])
            continue
        total += value
        when = (
            text(one, "AccptncDtTm")
            or text(header, "CreDtTm")
            or text(one, "IntrBkSttlmDt")
            or text(header, "IntrBkSttlmDt")
        )
        found.rows.append(
            {
                "id": text(one, "PmtId/UETR") or text(one, "PmtId/TxId") or text(one, "PmtId/EndToEndId")
                or f"{file.name}-{number}",
                "card": account(one, "Dbtr"), "terminal": account(one, "Cdtr"), "time": when, "amount": str(value),
                "currency": amount.get("Ccy", ""), "country": text(one, "Cdtr/PstlAdr/Ctry"), "channel": "pacs.008",
            }
        )  # fmt: skip
    _check_header(file, header, len(transfers), total, found.ledger)


def _check_header(file: Path, header: ElementTree.Element | None, count: int, total: Decimal, ledger: Ledger) -> None:
    said = text(header, "NbOfTxs")
    if said and said != str(count):
        ledger.warn(f"{file.name}: the header says {said} transfers, there are {count}")
    for name in ("CtrlSum", "TtlIntrBkSttlmAmt"):
        sum_said = text(header, name)
        if sum_said and Decimal(sum_said) != total:
            ledger.warn(f"{file.name}: the header's {name} is {sum_said}, the transfers come to {total}")


def local(element: ElementTree.Element) -> str:
    """Name without namespace."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def child(element: ElementTree.Element | None, path: str) -> ElementTree.Element | None:
    """The first descendant along ``A/B/C``, whatever the namespace."""
    for name in path.split("/"):
        element = next((one for one in element if local(one) == name), None) if element is not None else None
    return element


def text(element: ElementTree.Element | None, path: str) -> str:
    """Its text, "" if it is not there."""
    found = child(element, path)
    return (found.text or "").strip() if found is not None else ""


def account(transfer: ElementTree.Element, side: str) -> str:
    """IBAN, other account number, or the party's name."""
    return (
        text(transfer, f"{side}Acct/Id/IBAN")
        or text(transfer, f"{side}Acct/Id/Othr/Id")
        or text(transfer, f"{side}/Nm")
        or text(transfer, f"{side}Agt/FinInstnId/BICFI")
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- ISO 8583


def sniff_iso8583(path: Path) -> Sniff:
    """Hex text or bytes that begin with a message type."""
    for file in files_in(path, (".hex", ".bin", ".iso8583", ".iso"))[:1]:
        with file.open("rb") as stream:
            head = stream.read(64)
        if re.match(rb"^(30[3-9]\d){1}", head) or re.match(rb"^0[1-8]\d\d[0-9A-Fa-f]{16}", head):
            return Sniff(0.9, "an ISO 8583 message type and bitmap")
        if file.suffix.lower() in (".iso8583", ".bin", ".hex"):
            return Sniff(0.3, "maybe ISO 8583 in another encoding")
    return Sniff(0.0, "no .hex or .bin file")


def messages_of(file: Path) -> Iterator[bytes]:
    """Messages of a file: one a line of hex, or the file's bytes."""
    content = file.read_bytes()
    lines = content.split()
    if lines and all(re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", line) for line in lines) and not content.startswith(b"0"):
        yield from (bytes.fromhex(line.decode()) for line in lines)
    elif content:
        yield content.strip(b"\r\n")


def decoded(message: bytes) -> dict[str, Any]:
    """Fields by number, "t" for the type; ASCII with a hex bitmap, as ISO 8583:1987 messages are mostly sent.

    A second bitmap that is there although bit 1 of the first is not set is read, as some switches send it.
    """
    iso8583 = need("iso8583", extra="finance")
    from iso8583.specs import default_ascii

    spec = {name: dict(one) for name, one in default_ascii.items()}
    spec["55"] |= {"data_enc": "b", "len_type": 3}
    try:
        fields, _ = iso8583.decode(message, spec=spec)
    except iso8583.DecodeError as err:
        second = message[20:36]
        if not re.fullmatch(rb"[0-9A-Fa-f]{16}", second):
            raise DataError(f"An ISO 8583 message cannot be read: {err}.", expected="ISO 8583:1987 in ASCII.") from err
        first = f"{int(message[4:20], 16) | 1 << 63:016X}".encode()
        try:
            fields, _ = iso8583.decode(message[:4] + first + message[20:], spec=spec)
        except iso8583.DecodeError as again:
            raise DataError(
                f"An ISO 8583 message cannot be read: {again}.", expected="ISO 8583:1987 in ASCII."
            ) from again
    return dict(fields)


def take_iso8583(file: Path, found: Rows, options: ReadOptions) -> None:
    """One row a payment message; reversals, network and other messages are counted as dropped."""
    for number, message in enumerate(messages_of(file), 1):
        where = [f"{file.name} message {number}"]
        try:
            fields = decoded(message)
        except DataError as err:
            found.ledger.drop(err.found, 1, where)
            continue
        kind = fields["t"]
        if kind not in PAYMENTS:
            what = {"4": "reversal", "8": "network message"}.get(kind[1:2], "no payment")
            found.ledger.drop(f"message type {kind}: {what}", 1, where)
            continue
        currency = NUMERIC.get(fields.get("49", ""), fields.get("49", ""))
        exponent = EXPONENTS.get(currency, 2)
        found.rows.append(
            {
                "id": "-".join(fields.get(one, "").strip() for one in ("37", "11", "7")),
                "card": masked(fields.get("2", "") or fields.get("35", "").split("D")[0].split("=")[0]),
                "time": moment(fields, options, file, found.ledger),
                "amount": str(Decimal(fields.get("4", "0")).scaleb(-exponent)),
                "currency": currency, "terminal": fields.get("41", "").strip(), "mcc": fields.get("18", ""),
                "channel": fields.get("22", ""), "country": fields.get("19", ""),
            }
        )  # fmt: skip


def masked(pan: str) -> str:
    """First six and last four digits and a hash: the number itself is not kept."""
    digits = pan.strip()
    return f"{digits[:6]}…{digits[-4:]}#{hashlib.sha256(digits.encode()).hexdigest()[:10]}" if digits else ""


def moment(fields: dict[str, Any], options: ReadOptions, file: Path, ledger: Ledger) -> str:
    """Field 7 (or 13 and 12) with a year, which the message does not carry."""
    year = options.options.get("year") or time.strftime("%Y", time.gmtime(file.stat().st_mtime))
    if "year" not in options.options:
        ledger.warn(f"ISO 8583 times carry no year: {year}, the file's, was taken; state it with --option year=YYYY")
    stamp = fields.get("7") or fields.get("13", "") + fields.get("12", "")
    return f"{year}-{stamp[:2]}-{stamp[2:4]} {stamp[4:6]}:{stamp[6:8]}:{stamp[8:10]}" if len(stamp) == 10 else ""


def read_pacs008(path: Path, options: ReadOptions) -> Dataset:
    """Read pacs.008 messages; see :func:`take_pacs008`."""
    return gathered(path, options, (".xml",), take_pacs008, "finance.pacs008")


def read_iso8583(path: Path, options: ReadOptions) -> Dataset:
    """Read ISO 8583 messages; see :func:`take_iso8583`."""
    return gathered(path, options, (".hex", ".bin", ".iso8583", ".iso"), take_iso8583, "finance.iso8583")


ALL = (
    Adapter(name="finance.pacs008", summary="ISO 20022 pacs.008 messages (XML)", sniff=sniff_pacs008, read=read_pacs008,
            options={name: OPTIONS[name] for name in ("timezone",)}),
    Adapter(name="finance.iso8583", summary="ISO 8583:1987 messages (hex or bytes)", sniff=sniff_iso8583,
            read=read_iso8583, options={"year": "year of the messages' times", "timezone": OPTIONS["timezone"]}),
)  # fmt: skip
