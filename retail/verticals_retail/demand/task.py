"""retail.demand: how much of each item will be wanted, and how much to order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from verticals.data.series import SeriesExamples
from verticals.data.splits import RollingOrigin
from verticals_plugins import BadInput, CoreSpec, DataError, Task
from verticals_retail.adapters.long import LONG
from verticals_retail.adapters.m5 import M5
from verticals_retail.adapters.tsf import TSF
from verticals_retail.adapters.wide import M4, WIDE
from verticals_retail.demand.orders import OrderPolicy, decide_orders, tune_orders
from verticals_retail.demand.report import sections
from verticals_retail.demand.simulate import simulate_store
from verticals_retail.schema import DEMAND_SCHEMA


def _written(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return make


BAD_INPUTS = (
    BadInput(
        name="no quantity column", match="has no column for 'demand'", error=DataError,
        make=_written("sales.csv", "item,date,colour\nA,2024-01-01,red\nA,2024-01-02,red\n"),
    ),
    BadInput(
        name="months without a year", match="without a year", error=DataError,
        make=_written("stock.csv", "Sku,jan,feb,mar,apr,may,jun,jul\nA,1,2,3,4,5,6,7\n"),
    ),
    BadInput(
        name="a series twice in a wide sheet", match="stands in", error=DataError,
        make=_written("sheet.csv", "item,2024-01-01,2024-01-08,2024-01-15\nA,1,2,3\nA,4,5,6\n"),
    ),
    BadInput(
        name="a time series file without data", match="no @data line", error=DataError,
        make=_written("cut.tsf", "@relation x\n@attribute series_name string\n@frequency daily\n"),
    ),
)  # fmt: skip

DEMAND = Task(
    name="retail.demand",
    summary="Forecast demand per item and say how much to order",
    schema=DEMAND_SCHEMA,
    adapters=(M5, M4, TSF, WIDE, LONG),
    demo=simulate_store,
    examples=SeriesExamples(censored="sold_out", carry=("price", "on_hand", "on_order", "order_due", "pack_size")),
    split=RollingOrigin(windows=1, valid=1),
    core=CoreSpec(
        stems=("series",), trunk="none", objective="synthetic", head="forecast", width=96, batch=128, epochs=6,
        pretrain_epochs=2, learning_rate=3e-3, weight_decay=0.01, dropout=0.05, average=0.995, members=2,
    ),
    baselines=("seasonal_naive", "auto_ets", "auto_theta", "lightgbm_lags"),
    metric="weighted_quantile_loss",
    metrics=("mase", "wape", "coverage_80"),
    decide=decide_orders,
    tune=tune_orders,
    policy=OrderPolicy,
    sections=sections,
    bad_inputs=BAD_INPUTS,
    protocol="rolling origins: the last horizon is the test, the one before decides the gate",
)  # fmt: skip
