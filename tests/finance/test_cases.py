"""Practitioners' cases: how amounts of one statement are read, and what a payment that comes twice or late changes."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from verticals.data.windows import Event, EventTable, Stream, Want, aggregate
from verticals.pipeline.reading import choose
from verticals_finance.fraud.examples import Payments
from verticals_finance.fraud.task import FRAUD
from verticals_plugins import Dataset, ReadOptions

AMOUNTS = ("            -12.80", "           -200,00", "1,650.00", "2.000,50", "-24,9900", "1,650")
DELIVERIES = (
    "2026-05-04T10:59:58Z,2026-05-04T10:59:57Z,A,c1,50",
    "2026-05-04T11:00:01Z,2026-05-04T11:00:00Z,B,c1,20",
    "2026-05-04T11:00:05Z,2026-05-04T10:59:57Z,A,c1,50",
)
HOUR = 3600 * 10**9
WANTS = (Want("count", "count", HOUR), Want("sum", "sum", HOUR, "amount"))


def read(path: Path, text: str, **stated: str) -> Dataset:
    path.write_text(text)
    return choose(FRAUD, path).adapter.read(path, ReadOptions(schema=FRAUD.schema, need_target=False, options=stated))


def statement() -> str:
    rows = [
        f'x,2026-01-0{day},{name},"{one}"' for day, (name, one) in enumerate(zip("abcdef", AMOUNTS, strict=True), 1)
    ]
    return "\n".join(["card,time,id,amount", *rows]) + "\n"


def test_report_counts_the_rows_of_each_decimal_mark(tmp_path: Path) -> None:
    """Case O1: the ambiguous row is named with its line and both readings."""
    found = read(tmp_path / "s.csv", statement())
    told = " ".join(found.provenance.ledger.warnings)
    assert "2 rows with decimal point" in told
    assert "3 rows with decimal comma" in told
    ((reason, count),) = found.provenance.ledger.dropped.items()
    assert count == 1
    assert "'1,650' is 1650 or 1.65" in reason
    assert found.provenance.ledger.where[reason] == ["line 7: '1,650'"]


@pytest.mark.parametrize(("mark", "amount"), [(".", 1650.0), (",", 1.65)])
def test_stated_decimal_mark_settles_the_ambiguous_row_alone(mark: str, amount: float, tmp_path: Path) -> None:
    """Case O1: what proves its own mark is not read by the stated one."""
    main = read(tmp_path / "s.csv", statement(), decimal=mark).main
    assert main["amount"].tolist() == [-12.8, -200.0, 1650.0, 2000.5, -24.99, amount]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_velocity_is_the_same_for_any_order_of_arrival(order: tuple[int, ...], tmp_path: Path) -> None:
    """Case O6: windows are cut by the time of the event; the second A is dropped and counted once."""
    rows = [DELIVERIES[at] for at in order]
    found = read(tmp_path / "x.csv", "\n".join(["arrived,event_time,id,card,amount", *rows]) + "\n")
    assert found.main["id"].tolist() == ["A", "B"]
    assert found.provenance.ledger.dropped == {"a repetition of an earlier row": 1}
    last = Payments()(found).inputs["table"].frame.iloc[-1]  # type: ignore[attr-defined]
    assert (last["card_payments_1h"], last["card_amount_1d"]) == (2, 70)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_stream_ends_in_the_numbers_of_the_batch_for_any_order(order: tuple[int, ...]) -> None:
    """Case O6: count 2 and sum 70 after all three, in the stream and over the distinct events."""
    a, b = Event("c1", 10 * HOUR - 3 * 10**9, "A", {"amount": 50}), Event("c1", 10 * HOUR, "B", {"amount": 20})
    stream, first = Stream(WANTS), dict[str, dict[str, float]]()
    for event in ((a, b, a)[at] for at in order):
        said = stream.push(event)
        assert said == first.setdefault(event.id, said)
    table = EventTable(
        np.zeros(2, np.int64), np.array([a.time, b.time]), np.array(["A", "B"]), {"amount": np.array([50, 20])}
    )
    batch = aggregate(table, WANTS)
    assert stream.read(b) == {"count": 2.0, "sum": 70.0} == {name: float(one[1]) for name, one in batch.items()}
    assert stream.read(a) == {name: float(one[0]) for name, one in batch.items()}
