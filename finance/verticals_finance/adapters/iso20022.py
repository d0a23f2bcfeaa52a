"""ISO 20022 pacs.008 (customer credit transfers between institutions): one row a transfer."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from xml.etree import ElementTree

from verticals.data.table import OPTIONS
from verticals_finance.adapters.gather import Rows, files_in, gathered
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

MESSAGE = re.compile(rb"(?:pacs|pain|camt|acmt|head)\.\d{3}\.\d{3}\.\d{2}")


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


