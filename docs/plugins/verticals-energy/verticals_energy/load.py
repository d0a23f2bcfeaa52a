"""Load of the next 48 hours per substation, and the reserve to buy for it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals.data.series import SeriesExamples
from verticals.data.splits import RollingOrigin
from verticals_energy.simulate import simulate_grid
from verticals_plugins import (
    BadInput,
    Category,
    CoreSpec,
    DataError,
    Decision,
    Number,
    Predictions,
    Rule,
    Schema,
    Task,
    Time,
    policy_field,
)

HOURS = 48


@dataclass(frozen=True)
class ReservePolicy:
    """What a shortfall costs, and what reserve costs."""

    shortfall_cost: float = policy_field(400.0, help="cost of load that is not covered", unit="EUR/MWh")
    reserve_cost: float = policy_field(25.0, help="price of reserve, used or not", unit="EUR/MWh")

    def __post_init__(self) -> None:
        if not 0 < self.reserve_cost < self.shortfall_cost:
            raise ValueError("reserve must cost something, and less than a shortfall")


def buy_reserve(predictions: Predictions, policy: ReservePolicy, rule: Rule) -> Decision:
    """Cover each hour up to the quantile 1 - reserve cost / shortfall cost (the newsvendor's critical ratio)."""
    share = 1 - policy.reserve_cost / policy.shortfall_cost
    levels = np.asarray(predictions.levels)
    middle, covered = (_at(predictions.values, levels, q) for q in (0.5, share))  # (N, H) each
    reserve = np.maximum(covered - middle, 0)
    frame = predictions.examples.frame
    table = pd.DataFrame(
        {
            "id": frame["id"],
            "action": np.where(reserve.sum(1) > 0, "buy reserve", "none needed"),
            "substation": frame["entity"],
            "energy_mwh": middle.sum(1).round(2),
            "reserve_mwh": reserve.sum(1).round(2),
            "peak_reserve_mw": reserve.max(1).round(2),
            "reason": [f"covers each hour with probability {share:.0%}"] * len(frame),
        }
    )
    bought = float(reserve.sum())
    summary = {"reserve_mwh": bought, "reserve_cost": bought * policy.reserve_cost, "coverage": share}
    truth = predictions.examples.truth
    if truth is not None:
        missed = np.nansum(np.maximum(truth - middle - reserve, 0))
        summary["shortfall_cost"] = float(missed * policy.shortfall_cost)
    headline = f"buy {bought:,.1f} MWh of reserve for {bought * policy.reserve_cost:,.0f} EUR, {len(frame)} forecasts"
    return Decision(table=table, headline=headline, summary=summary, unit="EUR")


def _at(values: np.ndarray, levels: np.ndarray, q: float) -> np.ndarray:
    """(N, H) quantile ``q``, linear between the levels (N, H, Q) that were forecast."""
    right = int(np.clip(np.searchsorted(levels, q), 1, len(levels) - 1))
    weight = np.clip((q - levels[right - 1]) / (levels[right] - levels[right - 1]), 0, 1)
    return values[..., right - 1] * (1 - weight) + values[..., right] * weight


def _no_hours(folder):
    (folder / "load.csv").write_text("substation,hour,load_mw\nnorth,morning,10\nnorth,noon,12\n")
    return folder / "load.csv"


LOAD = Task(
    name="energy.load",
    summary="Forecast hourly load per substation and say how much reserve to buy",
    schema=Schema(
        entity=Category("substation", aliases=("area", "station")),
        time=Time("hour", step="1h", required=True, aliases=("time", "timestamp")),
        target=Number("load_mw", unit="MW", lower=0, aliases=("load", "actual_load")),
        fields=(
            Number("temperature", unit="°C", known_ahead=True),
            Category("holiday", known_ahead=True),
        ),
    ),
    adapters=("energy.total_load", "table"),
    demo=simulate_grid,  # seed -> Dataset
    examples=SeriesExamples(horizon=HOURS, stride=12, most=40),
    split=RollingOrigin(),
    core=CoreSpec(stems=("series",), trunk="transformer", objective="masked_patch", head="forecast", epochs=10),
    baselines=("seasonal_naive", "lightgbm_lags", "auto_ets"),
    metric="weighted_quantile_loss",
    metrics=("mase", "wape"),
    decide=buy_reserve,  # (predictions, policy, rule) -> Decision
    policy=ReservePolicy,  # its fields become options of the command line
    bad_inputs=(BadInput(name="hours that are no times", make=_no_hours, match="hour", error=DataError),),
)
