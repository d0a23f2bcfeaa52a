"""ISO 8583:1987 messages as rows of payments: ASCII, EBCDIC or BCD, as bytes or as hex text, framed or not.

Field lengths and formats are the standard's. How they are written differs from switch to switch and is stated nowhere
in a message, so the ways in use are tried one after another; the first that explains every byte and whose fields are
what the standard says (dates that exist, digits where digits belong) is taken.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from verticals.data.table import OPTIONS
from verticals_finance.adapters.gather import Rows, files_in, gathered
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, need

SUFFIXES = (".hex", ".bin", ".iso8583", ".iso", ".dat")
Fields = Mapping[str, str]
Spec = dict[str, dict[str, Any]]
TWO = 2
EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905
    "CLF": 4,
}
"""Decimals of the currencies that have other than two (ISO 4217)."""
NUMERIC = {
    "008": "ALL", "012": "DZD", "032": "ARS", "036": "AUD", "048": "BHD", "050": "BDT", "072": "BWP", "096": "BND",
    "108": "BIF", "124": "CAD", "144": "LKR", "152": "CLP", "156": "CNY", "170": "COP", "174": "KMF", "188": "CRC",
    "203": "CZK", "208": "DKK", "214": "DOP", "262": "DJF", "324": "GNF", "344": "HKD", "348": "HUF", "352": "ISK",
    "356": "INR", "360": "IDR", "364": "IRR", "368": "IQD", "376": "ILS", "392": "JPY", "398": "KZT", "400": "JOD",
    "404": "KES", "410": "KRW", "414": "KWD", "422": "LBP", "434": "LYD", "458": "MYR", "484": "MXN", "504": "MAD",
    "512": "OMR", "548": "VUV", "554": "NZD", "566": "NGN", "578": "NOK", "586": "PKR", "600": "PYG", "604": "PEN",
    "608": "PHP", "634": "QAR", "643": "RUB", "646": "RWF", "682": "SAR", "702": "SGD", "704": "VND", "710": "ZAR",
    "752": "SEK", "756": "CHF", "764": "THB", "784": "AED", "788": "TND", "800": "UGX", "818": "EGP", "826": "GBP",
    "834": "TZS", "840": "USD", "858": "UYU", "901": "TWD", "936": "GHS", "941": "RSD", "946": "RON", "949": "TRY",
    "950": "XAF", "952": "XOF", "953": "XPF", "975": "BGN", "978": "EUR", "980": "UAH", "985": "PLN", "986": "BRL",
    "990": "CLF",
}  # fmt: skip
CLASSES = {"3": "file action", "4": "reversal", "5": "reconciliation", "6": "administrative message", "7": "fee",
           "8": "network message"}  # fmt: skip
ANSWERS = {"1": "response", "3": "advice response", "5": "notification acknowledgement"}

# ------------------------------------------------------------------------------------------------- how it is written


@cache
def ways() -> tuple[tuple[str, Spec], ...]:
    """Names and specifications of the ways in which messages are written, the most usual first."""
    need("iso8583", extra="finance")
    from iso8583.specs import default, default_ascii

    found: list[tuple[str, Spec]] = []
    for bitmap, base in (("hexadecimal bitmap", default_ascii), ("binary bitmap", default)):
        for chip in ("b", "ascii"):
            spec: Spec = {name: dict(one) for name, one in base.items()}
            spec["55"] |= {"data_enc": chip, "len_type": 3, "max_len": 999}
            found.append((f"ASCII, {bitmap}, field 55 {'in bytes' if chip == 'b' else 'as text'}", spec))
    ebcdic: Spec = {name: dict(one) for name, one in found[2][1].items()}
    for one in ebcdic.values():
        one["data_enc"] = one["data_enc"] if one["data_enc"] == "b" else "cp500"
        one["len_enc"] = "cp500"
    found.append(("EBCDIC", ebcdic))
    for packed in (False, True):
        currency = "currencies packed" if packed else "currencies as text"
        for side in ("right", "left"):
            found.append((f"BCD, odd lengths filled {side}, {currency}", _bcd(default, side, currency=packed)))
        found.append((f"BCD, ASCII card number, {currency}", _bcd(default, "left", card="ascii", currency=packed)))
    return tuple(found)


def _bcd(default: Mapping[str, Mapping[str, Any]], side: str, *, card: str = "bcd", currency: bool = False) -> Spec:
    """Numbers packed two digits a byte, lengths in BCD; text as it is."""
    spec: Spec = {name: dict(one) for name, one in default.items()}
    text = {str(n) for n in (34, *range(36, 52), 54, *range(56, 64), *range(91, 96), 98, *range(101, 128))}
    text -= {"49", "50", "51"} if currency else set()
    signed = {"28": 5, "29": 5, "30": 5, "31": 5, "97": 9}  # a sign in ASCII, then packed digits
    for name, one in spec.items():
        one["len_enc"] = "bcd"
        one["len_type"] = (one["len_type"] + 1) // 2
        if name in ("h", "p", "1") or one["data_enc"] == "b":
            continue
        if name == "t":
            one |= {"data_enc": "b", "max_len": 2}
        elif name in signed:
            one |= {"data_enc": "b", "max_len": signed[name]}
        elif name not in text and not (card == "ascii" and name in ("2", "35")):
            one |= {"data_enc": "b", "len_count": "nibbles"}
            one |= {f"{side}_pad": "0"} if one["len_type"] else {"left_pad": "0"}
    spec["55"] |= {"data_enc": "b", "max_len": 999, "len_type": 2}
    return spec


def decoded(message: bytes) -> Fields:
    """Fields by number, "t" for the type.

    A second bitmap that is there although bit 1 of the first is not set is read, as some switches send it.

    Raises:
        DataError: no way of writing explains the message.
    """
    iso8583 = need("iso8583", extra="finance")
    reasons = []
    first = "EBCDIC" if message[:1] >= b"\xf0" else "ASCII" if message[:1].isdigit() else "BCD"
    for name, spec in sorted(ways(), key=lambda one: not one[0].startswith(first)):
        for one in (message, *_with_second_bitmap(message, spec)):
            try:
                fields, _ = iso8583.decode(one, spec=spec)
            except (iso8583.DecodeError, ValueError) as err:
                reasons.append(f"{name}: {err}")
                continue
            if wrong := implausible(fields):
                reasons.append(f"{name}: {wrong}")
                continue
            return {key: str(value) for key, value in fields.items()}
    kind = message[:4] if message[:4].isdigit() else message[:2].hex().encode()
    if kind[:1] in b"12" and kind.isdigit():
        year = {b"1": "1993", b"2": "2003"}[kind[:1]]
        raise DataError(f"A message of ISO 8583:{year} (type {kind.decode()}).", expected="ISO 8583:1987 can be read.")
    raise DataError(f"An ISO 8583 message cannot be read ({reasons[0]}).", expected="ISO 8583:1987.")


def _with_second_bitmap(message: bytes, spec: Spec) -> Iterator[bytes]:
    """The message with bit 1 set, for a second bitmap that is there unannounced."""
    start = spec["t"]["max_len"]
    if spec["p"]["data_enc"] == "b":
        first = message[start : start + 8]
        if len(first) == 8 and not first[0] & 0x80:
            yield message[:start] + bytes([first[0] | 0x80]) + message[start + 1 :]
        return
    first = message[start : start + 16]
    if re.fullmatch(rb"[0-9A-Fa-f]{16}", first) and re.fullmatch(rb"[0-9A-Fa-f]{16}", message[start + 16 : start + 32]):
        yield message[:start] + f"{int(first, 16) | 1 << 63:016X}".encode() + message[start + 16 :]


def implausible(fields: Fields) -> str:
    """What a field says that the standard rules out; "" if nothing."""
    checks = {"t": r"0[1-8]\d\d", "2": r"\d{8,19}", "3": r"\d{6}", "4": r"\d{12}", "11": r"\d{6}", "18": r"\d{4}",
              "49": r"\d{3}|[A-Z]{3}", "41": r"[ -~]{8}", "42": r"[ -~]{15}",
              "7": r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d",
              "12": r"([01]\d|2[0-3])[0-5]\d[0-5]\d", "13": r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"}  # fmt: skip
    for name, pattern in checks.items():
        if name in fields and not re.fullmatch(pattern, str(fields[name])):
            return f"field {name} is {str(fields[name])[:20]!r}"
    return ""


# ---------------------------------------------------------------------------------------------------------- framing


def messages_of(file: Path) -> Iterator[bytes]:
    """Messages of a file: one a line of hex text or of ASCII, or bytes, with or without a length before each."""
    content = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = content.split()
    if lines and all(re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", line) for line in lines) and not _is_ascii_message(lines[0]):
        text = [bytes.fromhex(line.decode()) for line in lines]
        starts = [one for one in text if _starts(one) or next(iter(_framed(one)), None) is not None]
        for one in text if len(starts) == len(text) else [b"".join(text)]:
            yield from _framed(one) or [one]
        return
    rows = [one for one in re.split(rb"\r?\n", content) if one]
    if len(rows) > 1 and all(_starts(one) for one in rows):
        yield from rows
    elif content.strip():
        yield from _framed(content) or [content.strip(b"\r\n")]


def _starts(message: bytes) -> bool:
    """Whether bytes begin with a message type: ASCII, EBCDIC or BCD."""
    return bool(
        re.match(rb"[0-2][1-8]\d\d|[\xf0-\xf2][\xf1-\xf8][\xf0-\xf9]{2}|[\x01-\x08\x11-\x18\x21-\x28]", message)
    )


def _is_ascii_message(line: bytes) -> bool:
    """A line of hex digits that is itself an ASCII message: type, bitmap and fields."""
    try:
        return bool(re.match(rb"0[1-8]\d\d[0-9A-Fa-f]{16}", line)) and bool(decoded(line))
    except DataError:
        return False


def _framed(content: bytes) -> list[bytes]:
    """The messages of a stream in which each has its length before it (two bytes, or four digits); [] if it is none."""
    for size in (2, 4):
        found, at = [], 0
        while at + size <= len(content):
            head = content[at : at + size]
            if size == 4 and not head.isdigit():
                break
            length = int(head) if size == 4 else int.from_bytes(head, "big")
            body = content[at + size : at + size + length]
            body = body[5:] if body[:1] == b"\x60" else body  # a transport header (TPDU) of five bytes
            if length < 10 or at + size + length > len(content) or not _starts(body):
                break
            found.append(body)
            at += size + length
        if found and not content[at:].strip(b"\r\n"):
            return found
    return []


# --------------------------------------------------------------------------------------------------------- payments


def sniff_iso8583(path: Path) -> Sniff:
    """Hex text or bytes that begin with a message type."""
    for file in files_in(path, SUFFIXES)[:1]:
        with file.open("rb") as stream:
            head = stream.read(64)
        if re.match(rb"(30[3-9]\d)|0[1-8]\d\d[0-9A-Fa-f]{16}", head) and file.suffix.lower() in (*SUFFIXES, ".txt"):
            return Sniff(0.9, "an ISO 8583 message type and bitmap")
        if file.suffix.lower() in SUFFIXES[:4]:
            return Sniff(0.3, "maybe ISO 8583 in another encoding")
    return Sniff(0.0, "no .hex or .bin file")


def take_iso8583(file: Path, found: Rows, options: ReadOptions) -> None:
    """One row a request or advice; responses, reversals, repeats, network and other messages are counted as dropped."""
    seen = {row["id"] for row in found.rows}
    for number, message in enumerate(messages_of(file), 1):
        where = [f"{file.name} message {number}"]
        try:
            fields = decoded(message)
        except DataError as err:
            found.ledger.drop(str(err), 1, where)
            continue
        if why := no_payment(fields):
            found.ledger.drop(f"message type {fields['t']}: {why}", 1, where)
            continue
        row = row_of(fields, options, file, found.ledger)
        if row["id"] in seen and fields["t"][3] in "135":
            found.ledger.drop(f"message type {fields['t']}: repeat of a message that was read", 1, where)
            continue
        seen.add(row["id"])
        found.rows.append(row)


def no_payment(fields: Fields) -> str:
    """Why a message is no payment of its own; "" if it is one."""
    kind, code = fields["t"], fields.get("3", "00")[:2]
    if kind[1] not in "12":
        return CLASSES.get(kind[1], "no payment")
    if kind[2] in ANSWERS:
        return f"{ANSWERS[kind[2]]}, its request is the payment"
    if code[0] == "3":
        return "balance inquiry"
    return "" if "4" in fields else "no amount"


def row_of(fields: Fields, options: ReadOptions, file: Path, ledger: Ledger) -> dict[str, str]:
    """A payment; refunds (processing codes 20 to 29) are negative."""
    written = fields.get("49", "")
    currency = NUMERIC.get(written, written)
    if not written:
        ledger.warn(f"{file.name}: a message states no currency (field 49): two decimals were taken")
    elif currency.isdigit():
        ledger.warn(f"{file.name}: currency {written} is not known here: two decimals were taken")
    amount = Decimal(fields["4"]).scaleb(-EXPONENTS.get(currency, TWO))
    track = re.split("[D=]", fields.get("35", ""))[0]
    return {
        "id": "-".join(fields.get(one, "").strip() for one in ("37", "11", "7")),
        "card": masked(fields.get("2", "") or track), "time": moment(fields, options, file, ledger),
        "amount": str(-amount if fields.get("3", "00")[0] == "2" else amount), "currency": currency,
        "terminal": fields.get("41", "").strip() or fields.get("42", "").strip(), "mcc": fields.get("18", ""),
        "channel": fields.get("22", ""), "country": fields.get("19", ""),
    }  # fmt: skip


def masked(pan: str) -> str:
    """First six and last four digits and a short hash that tells cards apart; the number itself is not kept."""
    digits = pan.strip()
    return f"{digits[:6]}…{digits[-4:]}#{hashlib.sha256(digits.encode()).hexdigest()[:10]}" if digits else ""


def moment(fields: Fields, options: ReadOptions, file: Path, ledger: Ledger) -> str:
    """Field 7 (or 13 and 12) with a year, which the message does not carry."""
    year = options.options.get("year") or time.strftime("%Y", time.gmtime(file.stat().st_mtime))
    if "year" not in options.options:
        ledger.warn(f"ISO 8583 times carry no year: {year}, the file's, was taken; state it with --option year=YYYY")
    stamp = fields.get("7") or fields.get("13", "") + fields.get("12", "")
    return f"{year}-{stamp[:2]}-{stamp[2:4]} {stamp[4:6]}:{stamp[6:8]}:{stamp[8:10]}" if len(stamp) == 10 else ""


def read_iso8583(path: Path, options: ReadOptions) -> Dataset:
    """Read ISO 8583 messages; see :func:`take_iso8583`."""
    return gathered(path, options, SUFFIXES, take_iso8583, "finance.iso8583")


ISO8583 = Adapter(
    name="finance.iso8583", summary="ISO 8583:1987 messages (hex or bytes)", sniff=sniff_iso8583, read=read_iso8583,
    options={"year": "year of the messages' times", "timezone": OPTIONS["timezone"]},
)  # fmt: skip
