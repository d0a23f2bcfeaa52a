"""Payment messages in the ways that switches and banks write them."""

from __future__ import annotations

from pathlib import Path

import iso8583
import pytest

from verticals_finance.adapters.iso8583 import ISO8583, ways
from verticals_finance.adapters.iso20022 import PACS008
from verticals_finance.fraud.schema import SCHEMA
from verticals_plugins import DataError, Dataset, ReadOptions

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
