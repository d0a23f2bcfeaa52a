"""ISO 20022 pacs.008 (customer credit transfers between institutions): one row a transfer, of any version.

The standard library parses: names are compared without namespace, so that every version and every wrapper (a business
message with its header, a national envelope) is read. Elements inside CDATA are text, not elements.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

from verticals.data.table import OPTIONS
from verticals_finance.adapters.gather import Rows, files_in, gathered
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

MESSAGE = re.compile(r"(?:pacs|pain|camt|acmt|remt|admi)\.\d{3}\.\d{3}\.\d{2}")
BODY = "FIToFICstmrCdtTrf"
DATE_WITH_ZONE = r"\d{4}-\d\d-\d\d(?:Z|[+-]\d\d:\d\d)"
"""A date as some libraries write it; the zone says nothing of a settlement date."""


def sniff_pacs008(path: Path) -> Sniff:
    """XML that declares a pacs.008 message."""
    for file in files_in(path, (".xml",))[:3]:
        with file.open("rb") as stream:
            head = _plain(stream.read(40_000))
        if "<" not in head[:200]:
            continue
        if BODY in head:
            return Sniff(0.95, "a pacs.008 message")
        if found := MESSAGE.search(head):
            return Sniff(0.5, f"an ISO 20022 message {found.group()}")
    return Sniff(0.0, "no ISO 20022 XML")


def _plain(content: bytes) -> str:
    """Bytes as text in which ASCII words can be found, whatever the encoding."""
    return content.replace(b"\0", b"").decode("latin-1")


def take_pacs008(file: Path, found: Rows, options: ReadOptions) -> None:
    """One row a credit transfer; header totals that disagree with the body are reported.

    Raises:
        DataError: the file is no well-formed XML, declares entities, or is another message, which is named.
    """
    content = file.read_bytes()
    if "<!DOCTYPE" in _plain(content) or "<!ENTITY" in _plain(content):
        raise DataError(
            f"{file.name} declares a document type.", expected="A plain message: entities are never expanded."
        )
    try:
        root = ElementTree.fromstring(content.lstrip())
    except (ElementTree.ParseError, ValueError, LookupError) as err:
        raise DataError(
            f"{file.name} is no well-formed XML: {err}.", expected="One XML document in UTF-8, UTF-16 or ISO 8859.",
            todo="The file is damaged, or holds several documents one after another: give each its own file.",
        ) from err  # fmt: skip
    bodies = [one for one in root.iter() if local(one) == BODY]
    if not bodies:
        kind = _kind(root, content)
        lacks = f" without the element {BODY}" if kind.startswith("pacs.008") else ""
        raise DataError(
            f"{file.name} is a {kind} message{lacks}.", expected="pacs.008.001.02 or later (customer credit transfer)."
        )
    for other in [one for one in root.iter() if local(one) == "Document" and not {*map(local, one.iter())} & {BODY}]:
        found.ledger.drop(f"a part of a file is a {_kind(other, b'')} message", 1, [file.name])
    for body in bodies:
        _take_body(file, body, found)


def _kind(root: ElementTree.Element, content: bytes) -> str:
    """What a message calls itself: by its document's namespace, else by the first message name in the file."""
    spaces = [one.tag for one in root.iter() if local(one) == "Document"]
    for text_ in (*spaces, _plain(content)):
        if declared := MESSAGE.search(str(text_)):
            return declared.group()
    return local(root)


def _take_body(file: Path, body: ElementTree.Element, found: Rows) -> None:
    header = child(body, "GrpHdr")
    transfers = [one for one in body if local(one) == "CdtTrfTxInf"]
    total = Decimal(0)
    for number, one in enumerate(transfers, 1):
        amount = child(one, "IntrBkSttlmAmt")
        value = number_of(amount.text if amount is not None else None)
        if amount is None or value is None:
            found.ledger.drop("IntrBkSttlmAmt is missing or no number", 1, [f"{file.name} transfer {number}"])
            continue
        total += value
        found.rows.append(
            {
                "id": id_of(one, header, number),
                "card": account(one, "Dbtr"), "terminal": account(one, "Cdtr"), "time": _moment(one, header),
                "amount": str(value), "currency": amount.get("Ccy", ""), "country": text(one, "Cdtr/PstlAdr/Ctry"),
                "channel": text(one, "PmtTpInf/LclInstrm/Cd") or text(one, "PmtTpInf/SvcLvl/Cd") or "pacs.008",
            }
        )  # fmt: skip
    _check_header(file, header, len(transfers), total, found.ledger)


def id_of(transfer: ElementTree.Element, header: ElementTree.Element | None, number: int) -> str:
    """UETR or transaction id; else the message's id with that of the customer, which repeats across messages."""
    unique = text(transfer, "PmtId/UETR") or text(transfer, "PmtId/TxId")
    end = text(transfer, "PmtId/EndToEndId")
    own = str(number) if end.replace(" ", "").upper() in ("", "NOTPROVIDED") else f"{end}-{number}"
    return unique or f"{text(header, 'MsgId')}-{own}"


def _moment(transfer: ElementTree.Element, header: ElementTree.Element | None) -> str:
    """When the payment was accepted, else when the message was made, else the settlement date."""
    settled = text(transfer, "IntrBkSttlmDt") or text(header, "IntrBkSttlmDt")
    day = settled[:10] if re.fullmatch(DATE_WITH_ZONE, settled) else settled
    return text(transfer, "AccptncDtTm") or text(header, "CreDtTm") or day


def _check_header(file: Path, header: ElementTree.Element | None, count: int, total: Decimal, ledger: Ledger) -> None:
    said = text(header, "NbOfTxs")
    if said and said != str(count):
        ledger.warn(f"{file.name}: the header says {said} transfers, there are {count}")
    for name in ("CtrlSum", "TtlIntrBkSttlmAmt"):
        written = text(header, name)
        if written and number_of(written) != total:
            ledger.warn(f"{file.name}: the header's {name} is {written}, the transfers come to {total}")


def number_of(written: str | None) -> Decimal | None:
    """An exact decimal; None where nothing, no number, or no finite one is written."""
    plain = (written or "").strip()
    return Decimal(plain) if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", plain, re.ASCII) else None


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
    """IBAN, other account number, proxy, the party's name, or its bank, in this order."""
    return (
        text(transfer, f"{side}Acct/Id/IBAN").replace(" ", "")
        or text(transfer, f"{side}Acct/Id/Othr/Id")
        or text(transfer, f"{side}Acct/Prxy/Id")
        or text(transfer, f"{side}/Nm")
        or text(transfer, f"{side}Agt/FinInstnId/BICFI")
        or text(transfer, f"{side}Agt/FinInstnId/BIC")
    )


def read_pacs008(path: Path, options: ReadOptions) -> Dataset:
    """Read pacs.008 messages; see :func:`take_pacs008`."""
    return gathered(path, options, (".xml",), take_pacs008, "finance.pacs008")


PACS008 = Adapter(
    name="finance.pacs008", summary="ISO 20022 pacs.008 messages (XML)", sniff=sniff_pacs008, read=read_pacs008,
    options={name: OPTIONS[name] for name in ("timezone",)},
)  # fmt: skip
