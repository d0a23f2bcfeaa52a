"""finance.fraud: which payments to stop or to review."""

from __future__ import annotations

from pathlib import Path

from verticals.data.splits import TimeSplit
from verticals_finance.fraud.decide import AlertPolicy, decide, rule_section, tune
from verticals_finance.fraud.examples import Payments
from verticals_finance.fraud.schema import SCHEMA
from verticals_finance.fraud.simulate import simulate
from verticals_plugins import BadInput, CoreSpec, DataError, Task
from verticals_plugins.types import Metric

HEADER = "id,card,time,amount,fraud\n"


def _written(text: str) -> object:
    def make(folder: Path) -> Path:
        path = folder / "payments.csv"
        path.write_text(text)
        return path

    return make


def _by_day(name: str) -> Metric:
    from dataclasses import replace

    from verticals.evaluate import metrics

    found: Metric = replace(getattr(metrics, name), unit="day")
    return found


FRAUD = Task(
    name="finance.fraud",
    summary="Say which payments to stop or to review, within a budget of alerts",
    schema=SCHEMA,
    adapters=(
        "finance.handbook", "finance.tabformer", "finance.paysim", "finance.ieee_cis", "finance.amlsim",
        "finance.pacs008", "finance.iso8583", "table",
    ),
    demo=simulate,
    examples=Payments(),
    split=TimeSplit(valid=0.15, gate=0.2, test=0.2),
    core=CoreSpec(
        stems=("events:card", "events:terminal", "table"), causal=True, width=48, layers=1, heads=4, epochs=5,
        objective="next_event", pretrain_epochs=1, batch=256, learning_rate=3e-3, average=0.98,
        options={
            "card": {"length": 8}, "terminal": {"length": 16}, "train": {"rows": 30_000}, "pretrain": {"rows": 30_000},
        },
    ),
    baselines=("gbm", "logistic"),
    metric=_by_day("average_precision"),
    metrics=(_by_day("auroc"), _by_day("brier")),
    tune=tune,
    decide=decide,
    policy=AlertPolicy,
    sections=rule_section,
    by_rows=True,
    protocol="time split with a gap for the label delay; bootstrap over days",
    bad_inputs=(
        BadInput(name="missing amount column", make=_written("id,card,time,fraud\n1,a,2026-01-01,0\n"),  # type: ignore[arg-type]
                 match="no column for 'amount'", error=DataError),
        BadInput(name="amount is text", make=_written(HEADER + "1,a,2026-01-01,cheap,0\n2,a,2026-01-02,dear,1\n"),  # type: ignore[arg-type]
                 match="cannot be read as a number", error=DataError),
        BadInput(name="repeated ids", make=_written(HEADER + "1,a,2026-01-01,5,0\n1,b,2026-01-02,6,1\n"),  # type: ignore[arg-type]
                 match="ids repeat with different content", error=DataError),
        BadInput(name="empty file", make=_written(""), match="is empty", error=DataError),  # type: ignore[arg-type]
        BadInput(name="unparsable time", make=_written(HEADER + "1,a,yesterday,5,0\n2,b,soon,6,1\n"),  # type: ignore[arg-type]
                 match="cannot be read as a time", error=DataError),
    ),
)  # fmt: skip
