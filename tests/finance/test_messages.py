"""Payment messages in the ways that switches and banks write them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import iso8583
import pandas as pd
import pytest

from verticals_finance.adapters.currencies import EXPONENTS, NUMERIC
from verticals_finance.adapters.iso8583 import ISO8583, decoded, messages_of, ways
from verticals_finance.adapters.iso20022 import PACS008
from verticals_finance.fraud.schema import SCHEMA
from verticals_plugins import DataError, Dataset, ReadOptions, UsageError

Shared = Callable[[str], Path]

FIELDS = {
    "t": "0200", "2": "4929000000000000003", "3": "000000", "4": "000000012345", "7": "0311103059", "11": "000123",
    "12": "103059", "13": "0311", "18": "5411", "22": "051", "37": "000000000123", "41": "T1      ",
    "42": "M1             ", "49": "978",
}  # fmt: skip


def options(**more: str) -> ReadOptions:
    return ReadOptions(schema=SCHEMA, need_target=False, options=more)


def encoded(way: int = 0, **changed: str) -> bytes:
    fields = FIELDS | {"p": ""} | {name.removeprefix("f"): value for name, value in changed.items()}
    message, _ = iso8583.encode(fields, spec=ways()[way][1])
    return bytes(message)


def read(folder: Path, content: bytes, name: str = "x.bin") -> Dataset:
    path = folder / name
    path.write_bytes(content)
    return ISO8583.read(path, options(year="2026"))


@pytest.mark.parametrize("way", range(len(ways())), ids=[name for name, _ in ways()])
def test_message_is_read_in_every_way_of_writing(way: int, tmp_path: Path) -> None:
    main = read(tmp_path, encoded(way)).main
    assert main["amount"].tolist() == [123.45]
    assert main["currency"].astype(str).tolist() == ["EUR"]
    assert str(main["time"].iloc[0]) == "2026-03-11 10:30:59"
    assert main["card"].astype(str).iloc[0].startswith("492900…0003")


@pytest.mark.parametrize(("size", "way"), [(2, 0), (4, 0), (2, 5)])
def test_messages_with_a_length_before_each(size: int, way: int, tmp_path: Path) -> None:
    content = b""
    for number in range(3):
        message = encoded(way, f11=f"{number:06d}")
        content += (f"{len(message):04d}".encode() if size == 4 else len(message).to_bytes(2, "big")) + message
    assert len(read(tmp_path, content).main) == 3


def test_hex_text_with_blanks_between_the_bytes(tmp_path: Path) -> None:
    two = [encoded(f11="000001"), encoded(f11="000002", f4="000000000100")]
    assert read(tmp_path, "\r\n".join(one.hex(" ") for one in two).encode(), "x.hex").main["amount"].sum() == 124.45
    assert read(tmp_path, two[0].hex(" ", 2).upper().encode(), "y.hex").main["amount"].tolist() == [123.45]


def test_wrapped_hex_whose_lines_all_look_like_messages(tmp_path: Path) -> None:
    text = encoded(5).hex()
    cut = next(at for at in range(20, len(text), 2) if 1 <= int(text[at : at + 2], 16) <= 8)
    assert len(read(tmp_path, f"{text[:cut]}\n{text[cut:]}".encode(), "x.hex").main) == 1


@pytest.mark.parametrize("way", [5, 6, 8, 9])
@pytest.mark.parametrize("card", ["378282246310000", "4929000000000000010", "36700102000000", "0123456789012345"])
def test_packed_card_numbers_that_end_in_zero(way: int, card: str) -> None:
    assert decoded(encoded(way, f2=card))["2"] == card


def test_ebcdic_in_hex_is_recognised_in_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("\ufeff\n" + encoded(4).hex())
    assert ISO8583.sniff(path).score > 0.5
    assert ISO8583.read(path, options(year="2026")).main["amount"].tolist() == [123.45]


def test_messages_that_nothing_tells_apart_are_all_kept(tmp_path: Path) -> None:
    """Without reference and trace number a message is known by its place, not taken for a completion of another."""
    lines = []
    for amount in ("000000000100", "000000000200"):
        fields = {name: one for name, one in FIELDS.items() if name not in ("7", "11", "37")} | {"p": "", "4": amount}
        lines.append(bytes(iso8583.encode(fields, spec=ways()[0][1])[0]).hex().encode())
    found = read(tmp_path, b"\n".join(lines), "x.hex")
    assert found.main["amount"].tolist() == [1.0, 2.0]
    assert found.main["id"].tolist() == ["x.hex message 1", "x.hex message 2"]
    assert not found.provenance.ledger.dropped


def test_trace_numbers_of_two_days_are_two_payments(tmp_path: Path) -> None:
    lines = []
    for day in ("0311", "0312"):
        fields = {name: one for name, one in FIELDS.items() if name not in ("7", "37")} | {"p": "", "13": day}
        lines.append(bytes(iso8583.encode(fields, spec=ways()[0][1])[0]).hex().encode())
    assert read(tmp_path, b"\n".join(lines), "x.hex").main["id"].nunique() == 2


def test_short_card_number_is_not_shown(tmp_path: Path) -> None:
    assert read(tmp_path, encoded(f2="1234567890")).main["card"].astype(str).iloc[0].startswith("…#")


def test_hex_text_one_message_a_line_and_wrapped(tmp_path: Path) -> None:
    two = [encoded(f11="000001").hex(), encoded(f11="000002").hex()]
    assert len(read(tmp_path, "\n".join(two).encode(), "lines.hex").main) == 2
    text = two[0].upper()
    wrapped = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    assert len(read(tmp_path, wrapped.encode(), "wrapped.hex").main) == 1


@pytest.mark.parametrize(("currency", "amount"), [("392", 12345.0), ("048", 12.345), ("840", 123.45)])
def test_decimals_are_those_of_the_currency(currency: str, amount: float, tmp_path: Path) -> None:
    assert read(tmp_path, encoded(f49=currency)).main["amount"].tolist() == [amount]


def test_refund_is_negative_and_responses_do_not_count_twice(tmp_path: Path) -> None:
    lines = [encoded(f11="000001"), encoded(f11="000001", ft="0210"), encoded(f11="000002", f3="200000"),
             encoded(f11="000003", f3="310000"), encoded(f11="000001", ft="0201")]  # fmt: skip
    found = read(tmp_path, b"\n".join(one.hex().encode() for one in lines), "x.hex")
    assert found.main["amount"].tolist() == [123.45, -123.45]
    dropped = found.provenance.ledger.dropped
    assert sorted(reason.split(": ")[1].split(",")[0] for reason in dropped) == [
        "balance inquiry", "repeat of a message that was read", "response",
    ]  # fmt: skip


def test_other_version_and_noise_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ISO 8583:1993"):
        read(tmp_path, b"1" + encoded()[1:40])
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path, bytes(range(200)))


def pacs(amounts: list[str], head: str = "", encoding: str = "utf-8") -> bytes:
    body = "".join(
        f"<CdtTrfTxInf><PmtId><EndToEndId>E{n}</EndToEndId></PmtId><IntrBkSttlmAmt Ccy='EUR'>{one}</IntrBkSttlmAmt>"
        f"<Dbtr><Nm>A</Nm></Dbtr><Cdtr><Nm>B</Nm></Cdtr></CdtTrfTxInf>"
        for n, one in enumerate(amounts)
    )
    return (
        f"<?xml version='1.0' encoding='{encoding}'?><Document xmlns='urn:iso:std:iso:20022:tech:xsd:pacs.008.001.10'>"
        f"<FIToFICstmrCdtTrf><GrpHdr><CreDtTm>2026-01-02T03:04:05Z</CreDtTm>{head}</GrpHdr>{body}</FIToFICstmrCdtTrf>"
        f"</Document>"
    ).encode(encoding)


def test_pacs008_drops_what_is_no_amount_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(pacs(["10.00", "NaN", "", "1,5"], "<NbOfTxs>4</NbOfTxs><CtrlSum>ten</CtrlSum>"))
    found = PACS008.read(path, options())
    ledger = found.provenance.ledger
    assert found.main["amount"].tolist() == [10.0]
    assert ledger.dropped == {"IntrBkSttlmAmt is missing or no number": 3}
    assert ledger.where["IntrBkSttlmAmt is missing or no number"][0] == "x.xml transfer 2"
    assert any("CtrlSum is ten" in line for line in ledger.warnings)


def test_pacs008_in_utf_16_is_recognised_and_read(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(pacs(["10.00", "2.50"], encoding="utf-16"))
    assert PACS008.sniff(path).score > 0.9
    assert PACS008.read(path, options()).main["amount"].sum() == 12.5


def test_message_between_banks_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(
        pacs(["1"]).replace(b"pacs.008.001.10", b"pacs.009.001.08").replace(b"FIToFICstmrCdtTrf", b"FICdtTrf")
    )
    with pytest.raises(DataError, match=r"pacs\.009\.001\.08"):
        PACS008.read(path, options())
    path.write_bytes(pacs(["1"])[:300])
    with pytest.raises(DataError, match="no well-formed XML"):
        PACS008.read(path, options())


def test_payments_without_ids_of_their_own_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(pacs(["10.00", "2.50", "1_0.00"]).replace(b"E0", b"NOTPROVIDED").replace(b"E1", b"NOTPROVIDED"))
    found = PACS008.read(path, options())
    assert found.main["amount"].tolist() == [10.0, 2.5]
    assert found.main["id"].nunique() == 2
    assert sum(found.provenance.ledger.dropped.values()) == 1


def test_other_messages_of_a_folder_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(pacs(["10.00"]))
    (tmp_path / "b.xml").write_bytes(
        pacs(["1"]).replace(b"pacs.008.001.10", b"pacs.002.001.10").replace(b"FIToFICstmrCdtTrf", b"FIToFIPmtStsRpt")
    )
    found = PACS008.read(tmp_path, options())
    assert len(found.main) == 1
    assert found.provenance.ledger.dropped == {"a file is a pacs.002.001.10 message": 1}
    (tmp_path / "c.csv").write_text("id,card,time,amount\n1,a,2026-01-01,5\n")
    assert "1 other files" in " ".join(PACS008.read(tmp_path, options()).provenance.ledger.warnings)
    (tmp_path / "a.xml").write_bytes(pacs(["10.00"]).replace(b"EUR", b"JPY"))
    (tmp_path / "b.xml").write_bytes(pacs(["10.00"]).replace(b"E0", b"F0"))
    assert "Amounts in EUR, JPY" in " ".join(PACS008.read(tmp_path, options()).provenance.ledger.warnings)


def test_other_messages_of_an_envelope_are_counted(tmp_path: Path) -> None:
    one, other, last = (pacs([amount]).split(b"?>")[1] for amount in ("10.00", "99.00", "5.00"))
    other = other.replace(b"pacs.008.001.10", b"pacs.009.001.08").replace(b"FIToFICstmrCdtTrf", b"FICdtTrf")
    path = tmp_path / "x.xml"
    path.write_bytes(b"<Batch>" + one + other + last.replace(b"E0", b"F0") + b"</Batch>")
    found = PACS008.read(path, options())
    assert found.main["amount"].tolist() == [10.0, 5.0]
    assert found.provenance.ledger.dropped == {"a part of a file is a pacs.009.001.08 message": 1}


def test_settlement_dates_with_a_zone_are_dates(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    dated = "</IntrBkSttlmAmt><IntrBkSttlmDt>2026-01-05+01:00</IntrBkSttlmDt>"
    content = pacs(["10.00"]).decode().replace("</IntrBkSttlmAmt>", dated)
    path.write_text(re.sub("<CreDtTm>.*</CreDtTm>", "", content))
    assert str(PACS008.read(path, options()).main["time"].iloc[0]) == "2026-01-05 00:00:00"


def test_message_in_escaped_text_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text(f"<Payload>{escape(pacs(['1']).decode().split('?>')[1])}</Payload>")
    with pytest.raises(DataError, match="without the element FIToFICstmrCdtTrf"):
        PACS008.read(path, options())


def test_refusal_of_messages_names_the_file(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        amount = "1.00" if name == "a.xml" else "2.00"
        (tmp_path / name).write_bytes(pacs([amount]).replace(b"<EndToEndId>", b"<TxId>T1</TxId><EndToEndId>"))
    with pytest.raises(DataError, match=r"a\.xml row 1 and b\.xml row 1"):
        PACS008.read(tmp_path, options())
    (tmp_path / "a.xml").write_bytes(pacs(["1"]) + pacs(["2"]))
    with pytest.raises(DataError, match="several documents"):
        PACS008.read(tmp_path / "a.xml", options())


@pytest.mark.parametrize("length", ["inclusive", "packed", "four bytes"])
def test_other_ways_of_writing_a_length(length: str, tmp_path: Path) -> None:
    content = b""
    for number in range(3):
        message = encoded(f11=f"{number:06d}")
        many = len(message)
        content += {
            "inclusive": (many + 2).to_bytes(2, "big"), "packed": bytes.fromhex(f"{many:04d}"),
            "four bytes": many.to_bytes(4, "big"),
        }[length] + message  # fmt: skip
    assert len(read(tmp_path, content).main) == 3


def test_headers_before_a_message_are_left_out(tmp_path: Path) -> None:
    message = b"ISO016000055" + encoded()
    assert len(read(tmp_path, message).main) == 1
    assert len(read(tmp_path, len(message).to_bytes(2, "big") + message, "y.bin").main) == 1


def test_a_completion_does_not_count_twice(tmp_path: Path) -> None:
    original = "0100" + "000123" + "0311103059" + "0" * 22
    lines = [encoded(ft="0100"), encoded(ft="0220", f11="000124", f90=original)]
    found = read(tmp_path, b"\n".join(one.hex().encode() for one in lines), "x.hex")
    assert found.main["amount"].tolist() == [123.45]
    assert found.provenance.ledger.dropped == {"message type 0220: completes an authorisation that was read": 1}


@pytest.mark.parametrize(
    ("written", "time"), [("2026-01-02", "2025-12-31 23:00:00"), ("2026-12-31T23:30", "2026-12-31 23:00:00")]
)
def test_messages_of_december_in_a_file_of_january(written: str, time: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(encoded(f7="1231230000"))
    moment = pd.Timestamp(written).timestamp()
    os.utime(path, (moment, moment))
    assert str(ISO8583.read(path, options()).main["time"].iloc[0]) == time


def test_field_7_is_utc_and_local_times_need_a_zone(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(encoded())
    assert str(ISO8583.read(path, options(year="2026", timezone="Asia/Tokyo")).main["time"].iloc[0]).endswith(
        "10:30:59"
    )
    fields = {name: value for name, value in FIELDS.items() if name != "7"} | {"p": ""}
    path.write_bytes(bytes(iso8583.encode(fields, spec=ways()[0][1])[0]))
    assert str(ISO8583.read(path, options(year="2026", timezone="Asia/Tokyo")).main["time"].iloc[0]).endswith(
        "01:30:59"
    )
    assert "local times" in " ".join(ISO8583.read(path, options(year="2026")).provenance.ledger.warnings)
    with pytest.raises(UsageError, match="year"):
        ISO8583.read(path, options(year="26"))


def test_every_currency_of_other_than_two_decimals_has_a_number() -> None:
    assert set(EXPONENTS) <= set(NUMERIC.values())
    assert all(len(number) == 3 and len(letters) == 3 for number, letters in NUMERIC.items())


@pytest.mark.parametrize(
    "name", ["basei_0100-auth-request", "basei_0420-reversal-advice", "spec87ascii_0800-network-echo"]
)
def test_public_messages_decode_to_their_twins(shared: Shared, name: str) -> None:
    file = shared(f"formats/finance/iso8583/{name}.hex")
    (message,) = messages_of(file)
    said = json.loads(file.with_suffix(".json").read_text())
    found = decoded(message)
    assert {key: found.get(key) for key in said["fields"]} == said["fields"]


@pytest.mark.parametrize("way", ["A", "B"])
def test_public_test_message_in_ascii_and_packed(shared: Shared, way: str) -> None:
    file = shared(f"formats/finance/iso8583/jpos_ISO87{way}Packager.bin")
    (message,) = messages_of(file)
    found = decoded(message)
    tree = ElementTree.parse(shared("formats/finance/iso8583/jpos_ISO87.xml")).getroot()
    right = {one.get("id", ""): one.get("value", "") for one in tree}
    for number in ("2", "3", "4", "7", "11", "18", "36", "41", "42", "49", "52", "64", "90"):
        assert found[number].strip() == right[number].strip(), number
    assert re.split("[D=]", found["35"]) == right["35"].split("=")
    with pytest.raises(DataError, match="network message"):
        ISO8583.read(file, options())


def test_text_inside_cdata_is_no_message(shared: Shared) -> None:
    with pytest.raises(DataError, match=r"pacs\.002"):
        PACS008.read(shared("formats/finance/pacs002/pacs.002-CDATA.xml"), options())


@pytest.mark.parametrize(
    "name",
    ["pain001/musterfile_pain.001_Nov2020.xml", "pain001/goldman_pain_001_ach_credit.xml", "camt053/statement_1.xml",
     "camt053/camt053.v2.five.decimals.xml", "camt053/camt053.v2.multi.statement.xml",
     "pacs002/cbpr2026_pacs.002.max.xml"],
)  # fmt: skip
def test_every_other_public_message_is_refused_by_name(shared: Shared, name: str) -> None:
    with pytest.raises(DataError, match=name.split("/")[0][:4]):
        PACS008.read(shared(f"formats/finance/{name}"), options())
