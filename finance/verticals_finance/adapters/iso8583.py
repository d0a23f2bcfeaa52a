"""ISO 8583:1987 messages as rows of payments: ASCII, EBCDIC or BCD, as bytes or as hex text, framed or not.

Field lengths and formats are the standard's. How they are written differs from switch to switch and is stated nowhere
in a message, so the ways in use are tried one after another; the first that explains every byte and whose fields are
what the standard says (dates that exist, digits where digits belong) is taken.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.parse import localize
from verticals_finance.adapters.currencies import EXPONENTS, NUMERIC
from verticals_finance.adapters.gather import Rows, files_in, gathered
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, UsageError, need

SUFFIXES = (".hex", ".bin", ".iso8583", ".iso", ".dat")
Fields = Mapping[str, str]
Spec = dict[str, dict[str, Any]]
TWO = 2
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

    A second bitmap that is there although bit 1 of the first is not set is read, as some switches send it. A reading
    whose card number begins with 0 counts only if there is no other: packed digits may be filled left or right.

    Raises:
        DataError: no way of writing explains the message.
    """
    iso8583 = need("iso8583", extra="finance")
    reasons, unlikely = [], dict[str, str]()
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
            found = {key: str(value) for key, value in fields.items()}
            if not any(found.get(name, "").startswith("0") for name in ("2", "35")):
                return found
            unlikely = unlikely or found
    if unlikely:
        return unlikely
    text = message[:4].decode("cp500").encode("ascii", "replace") if first == "EBCDIC" else message[:4]
    kind = text if text.isdigit() else message[:2].hex().encode()
    if kind[:1] in b"12" and kind.isdigit():
        year = {b"1": "1993", b"2": "2003"}[kind[:1]]
        raise DataError(
            f"A message of ISO 8583:{year} (type {kind.decode()}).", expected="ISO 8583:1987 can be read.",
            todo="Export the payments as a table (CSV, parquet) and map its columns.",
        )  # fmt: skip
    raise DataError(
        f"An ISO 8583 message cannot be read ({reasons[0]}).", expected="ISO 8583:1987.",
        todo="Check that the file is whole; messages with private headers need those removed.",
    )  # fmt: skip


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
    rows = [one for one in re.split(rb"\r?\n", content) if one]
    lines = [b"".join(one.split()) for one in rows if one.strip()]
    if lines and all(re.fullmatch(rb"(?:[0-9A-Fa-f]{2})+", line) for line in lines) and not _is_ascii_message(rows[0]):
        text = [bytes.fromhex(line.decode()) for line in lines]
        apart = all(_starts(one) or _framed(one) for one in text) and not (len(text) > 1 and _reads(b"".join(text)))
        for one in text if apart else [b"".join(text)]:
            yield from _framed(one) or [one]
        return
    if len(rows) > 1 and all(_starts(one) for one in rows):
        yield from rows
    elif content.strip():
        yield from _framed(content) or [_without_header(content.strip(b"\r\n"))]


def _starts(message: bytes) -> bool:
    """Whether bytes begin with a message type: ASCII, EBCDIC or BCD."""
    return bool(
        re.match(rb"[0-2][1-8]\d\d|[\xf0-\xf2][\xf1-\xf8][\xf0-\xf9]{2}|[\x01-\x08\x11-\x18\x21-\x28]", message)
    )


def _is_ascii_message(line: bytes) -> bool:
    """A line of hex digits that is itself an ASCII message: type, bitmap and fields."""
    return bool(re.match(rb"0[1-8]\d\d[0-9A-Fa-f]{16}", line)) and _reads(line)


def _reads(message: bytes) -> bool:
    """Whether some way of writing explains the whole message."""
    try:
        return bool(decoded(message))
    except DataError:
        return False


def _digits(head: bytes) -> int:
    return int(head) if head.isdigit() else 0


def _packed(head: bytes) -> int:
    return _digits(head.hex().encode())


def _big(head: bytes) -> int:
    return int.from_bytes(head, "big")


LENGTHS: tuple[tuple[int, Callable[[bytes], int]], ...] = ((2, _big), (4, _digits), (4, _big), (2, _packed))
"""Ways in which a message's length stands before it: how many bytes, and how they are read."""


def _framed(content: bytes) -> list[bytes]:
    """The messages of a stream in which each has its length before it, which may count itself; [] if it is none."""
    for size, length_of in LENGTHS:
        for own in (0, size):
            found, at = [], 0
            while at + size <= len(content):
                length = length_of(content[at : at + size]) - own
                body = _without_header(content[at + size : at + size + length])
                if length < 10 or at + size + length > len(content) or not _starts(body):
                    break
                found.append(body)
                at += size + length
            if found and not content[at:].strip(b"\r\n"):
                return found
    return []


def _without_header(body: bytes) -> bytes:
    """Without a transport header: five bytes of a TPDU, or "ISO" and nine digits."""
    if body[:1] == b"\x60":
        return body[5:]
    return body[12:] if re.match(rb"ISO\d{9}", body) else body


# --------------------------------------------------------------------------------------------------------- payments


def sniff_iso8583(path: Path) -> Sniff:
    """Hex text or bytes that begin with a message type."""
    for file in files_in(path, SUFFIXES)[:1]:
        with file.open("rb") as stream:
            head = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        first = rb"(30[3-9]\d)|[Ff]0[Ff][1-8][Ff]\d[Ff]\d|0[1-8]\d\d[0-9A-Fa-f]{16}"
        if re.match(first, head.replace(b" ", b"")) and file.suffix.lower() in (*SUFFIXES, ".txt"):
            return Sniff(0.9, "an ISO 8583 message type and bitmap")
        if file.suffix.lower() in SUFFIXES[:4]:
            return Sniff(0.3, "maybe ISO 8583 in another encoding")
    return Sniff(0.0, "no .hex or .bin file")


def take_iso8583(file: Path, found: Rows, options: ReadOptions) -> None:
    """One row a request or advice; responses, reversals, repeats, network and other messages are counted as dropped."""
    seen = found.seen
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
        row = {"id": id_of(fields) or where[0], **row_of(fields, options, file, found.ledger)}
        original = fields.get("90", "")[4:20]
        if row["id"] in seen and fields["t"][3] in "135":
            found.ledger.drop(f"message type {fields['t']}: repeat of a message that was read", 1, where)
            continue
        if fields["t"][1] == "2" and (seen.get(row["id"]) == "1" or (original and original in seen)):
            found.ledger.drop(f"message type {fields['t']}: completes an authorisation that was read", 1, where)
            continue
        seen |= dict.fromkeys((row["id"], fields.get("11", "") + fields.get("7", "")), fields["t"][1])
        found.rows.append(row)


def id_of(fields: Fields) -> str:
    """Reference, trace number, time and acquirer as far as they are there; "" if nothing tells the message apart."""
    when = fields.get("7") or fields.get("13", "") + fields.get("12", "")
    own = [fields.get("37", "").strip(), fields.get("11", "").strip()]
    return "-".join((*own, when, fields.get("32", "").strip())) if any(own) else ""


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
    """A payment without its id; refunds (processing codes 20 to 29) are negative."""
    written = fields.get("49", "")
    currency: str = NUMERIC.get(written, written)
    if not written:
        ledger.warn(f"{file.name}: a message states no currency (field 49): two decimals were taken")
    elif currency.isdigit():
        ledger.warn(f"{file.name}: currency {written} is not known here: two decimals were taken")
    amount = Decimal(fields["4"]).scaleb(-EXPONENTS.get(currency, TWO))
    track = re.split("[D=]", fields.get("35", ""))[0] or "".join(re.findall(r"^B(\d+)\^", fields.get("45", "")))
    salt = options.options.get("salt", "")
    if not salt:
        ledger.warn("card numbers were hashed without a secret: give one with --option salt=SECRET")
    return {
        "card": masked(fields.get("2", "") or track, salt), "time": moment(fields, options, file, ledger),
        "amount": str(-amount if fields.get("3", "00")[0] == "2" else amount), "currency": currency,
        "terminal": fields.get("41", "").strip() or fields.get("42", "").strip(), "mcc": fields.get("18", ""),
        "channel": fields.get("22", ""), "country": fields.get("19", ""),
    }  # fmt: skip


def masked(pan: str, salt: str = "") -> str:
    """First six and last four digits and the number's keyed hash (HMAC-SHA-256), which tells cards apart.

    Of a number so short that these would be nearly all of it no digit is shown.
    """
    digits = pan.strip()
    token = hmac.new(salt.encode(), digits.encode(), "sha256").hexdigest()[:10]
    shown = f"{digits[:6]}…{digits[-4:]}" if len(digits) > 12 else "…"
    return f"{shown}#{token}" if digits else ""


def moment(fields: Fields, options: ReadOptions, file: Path, ledger: Ledger) -> str:
    """Field 7, which is UTC, or 13 and 12, which are local, with a year, which the message does not carry.

    Unless it is stated, the year is the one in which the time lies before the file was written (and a day after).
    """
    stamp = fields.get("7") or fields.get("13", "") + fields.get("12", "")
    if len(stamp) != 10:
        return ""
    year = options.options.get("year", "")
    if not year:
        written = time.gmtime(file.stat().st_mtime + 86_400)
        late = stamp > time.strftime("%m%d%H%M%S", written)
        year = str(written.tm_year - late)
        ledger.warn("ISO 8583 times carry no year: that of the file was taken; state it with --option year=YYYY")
    elif not re.fullmatch(r"\d{4}", year):
        raise UsageError(f"Option year={year!r} is not understood.", expected="Four digits, for example 2026.")
    when = f"{year}-{stamp[:2]}-{stamp[2:4]} {stamp[4:6]}:{stamp[6:8]}:{stamp[8:10]}"
    if "7" in fields:
        return when + "+00:00"
    zone = options.options.get("timezone", "")
    if not zone:
        ledger.warn("local times (fields 12 and 13) were taken as UTC; state their zone with --option timezone=ZONE")
        return when + "+00:00"
    local = pd.Series([when]).pipe(pd.to_datetime, errors="coerce").to_numpy(dtype="datetime64[ns]")
    return "" if np.isnat(local[0]) else str(pd.Timestamp(localize(local, zone)[0][0], tz="UTC"))


def read_iso8583(path: Path, options: ReadOptions) -> Dataset:
    """Read ISO 8583 messages; see :func:`take_iso8583`."""
    return gathered(path, options, SUFFIXES, take_iso8583, "finance.iso8583")


ISO8583 = Adapter(
    name="finance.iso8583", summary="ISO 8583:1987 messages (hex or bytes)", sniff=sniff_iso8583, read=read_iso8583,
    options={
        "year": "year of the messages' times",
        "salt": "secret of the hash that stands for a card number",
        "timezone": "zone of local times (fields 12 and 13, where there is no field 7)",
    },
)  # fmt: skip
