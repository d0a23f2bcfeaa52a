"""Complaints that users of other tools have made in public: what demand does with the same small inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals.data.lags import windows_of
from verticals.evaluate.metrics import mase, wape
from verticals.pipeline.reading import choose
from verticals_plugins import DataError, Dataset, Examples, Predictions, ReadOptions, Rule, Series
from verticals_retail.demand.orders import OrderPolicy, decide_orders, order_up_to
from verticals_retail.demand.task import DEMAND


def read(folder: Path, text: str, *, need_target: bool = True, **options: str) -> Dataset:
    path = folder / "sales.csv"
    path.write_text(text)
    told = ReadOptions(schema=DEMAND.schema, options=options, need_target=need_target)
    return choose(DEMAND, path).adapter.read(path, told)


def block_of(examples: Examples) -> Series:
    block = examples.inputs["series"]
    assert isinstance(block, Series)
    return block


WEEKS = "unique_id,ds,y\n1_1,2010-02-05,10\n1_1,2010-02-12,12\n1_1,2010-02-19,11\n1_1,2010-02-26,13\n"


def test_case_1_weeks_keep_their_friday(tmp_path: Path) -> None:
    data = read(tmp_path, WEEKS, horizon="3")
    block = block_of(DEMAND.examples(data, data))
    assert block.step is not None
    ahead = pd.to_datetime(block.step[4:], unit="s")
    assert [str(one.date()) for one in ahead] == ["2010-03-05", "2010-03-12", "2010-03-19"]
    assert list(block.values[:4]) == [10, 12, 11, 13]


def test_case_1_a_mixed_weekday_is_named_at_reading(tmp_path: Path) -> None:
    data = read(tmp_path, WEEKS.replace("02-19", "02-20"), horizon="1")
    assert any("in series '1_1' at 2010-02-" in one for one in data.provenance.ledger.warnings)
    with pytest.raises(DataError, match="no regular step"):
        DEMAND.examples(data)


def test_case_2_lags_follow_the_calendar(tmp_path: Path) -> None:
    text = "unique_id,ds,y\nA,2024-01-01,5\nA,2024-01-02,7\nA,2024-01-09,9\nA,2024-01-10,4\n"
    data = read(tmp_path, text, horizon="1")
    block = block_of(DEMAND.examples(data))
    lag = {str(pd.Timestamp(block.step[at], unit="s").date()): windows_of(block, np.array([row]), 1)[0, 0]  # type: ignore[index]
           for row, at in enumerate(block.origin)}  # fmt: skip
    assert np.isnan(lag["2024-01-09"])
    assert lag["2024-01-10"] == 9


def predictions(truth: list[list[float]], median: list[list[float]], naive_error: list[float]) -> Predictions:
    n = len(truth)
    frame = pd.DataFrame({"id": range(n), "entity": range(n), "time": pd.Timestamp("2024-01-01")})
    values = np.repeat(np.array(median)[..., None], 3, axis=2)
    examples = Examples(frame.assign(naive_error=naive_error), {}, np.array(truth))
    return Predictions(examples, values, (0.1, 0.5, 0.9))


def test_case_3_zeros_and_a_constant_history_flatter_no_error() -> None:
    slow = predictions([[0, 0, 0, 10]], [[5, 5, 5, 8]], [1.0])
    assert wape.score(slow, None) == pytest.approx(1.7)
    assert mase.score(slow, None) == pytest.approx(4.25)
    both = predictions([[0, 0, 0, 10], [3, 3, 3, 3]], [[5, 5, 5, 8], [4, 4, 4, 4]], [1.0, 0.0])
    assert mase.score(both, None) == pytest.approx(4.25)
    assert np.isnan(mase.score(predictions([[3.0]], [[4.0]], [0.0]), None))
    assert "mape" not in DEMAND.metrics


def test_case_4_planned_prices_that_miss_steps_are_listed(tmp_path: Path) -> None:
    past = read(tmp_path, "unique_id,ds,y,price\nA,2024-03-01,1,9.9\nB,2024-02-28,4,5.0\n", horizon="2")
    rows = ["B,2024-03-02,5.0", "A,2024-03-03,9.9", "A,2024-03-02,9.9"]
    said = set()
    for order in (rows, rows[::-1]):
        plan = read(tmp_path, "unique_id,ds,price\n" + "\n".join(order) + "\n", need_target=False)
        with pytest.raises(DataError, match="2 pairs: B at 2024-02-29T00:00, B at 2024-03-01T00:00") as found:
            DEMAND.examples(plan, past)
        said.add(found.value.expected)
    assert said == {"One row for each of the 2 steps after each series' own last known value."}


def test_case_5_lines_of_orders_are_no_series(tmp_path: Path) -> None:
    text = "Name,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price\n"
    with pytest.raises(DataError, match="no column for 'series', 'time', 'demand'"):
        read(tmp_path, text + "#1001,paid,EUR,70.00,2024-05-01 23:30:00 +0200,3,Mug,10.00\n#1001,,,,,2,Plate,20.00\n")


def test_case_6_open_orders_count_when_they_arrive_in_time(tmp_path: Path) -> None:
    head = "sku,date,qty,on_hand,open_po_qty,open_po_due\n"
    for due in ("2024-06-05", "2024-06-06"):
        rows = f"A,2024-06-01,0,10,40,{due}\nB,2024-06-01,0,10,40,2024-09-01\nC,2024-06-01,0,10,0,\n"
        data = read(tmp_path, head + rows, horizon="14")
        found = DEMAND.examples(data, data)
        said = Predictions(found, np.zeros((3, 14, 3)), (0.1, 0.5, 0.9))
        table = decide_orders(said, OrderPolicy(lead_time=7), Rule()).table
        position = (table["on hand"] + table["arrives in time"]).tolist()
        assert [order_up_to(one, 20, 50) for one in position] == [0, 40, 40]
        assert "40 on order arrive too late to count and may overstock" in table["reason"].iloc[1]


def test_case_7_ids_are_text(tmp_path: Path) -> None:
    rows = "".join(f"{one},2024-01-01,1\n" for one in ("007", "7", "42", "42.0", "99"))
    main = read(tmp_path, "sku,date,qty\n" + rows).main
    assert set(main["series"].astype(str)) == {"007", "7", "42", "42.0", "99"}
