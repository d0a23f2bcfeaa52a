"""retail.demand: simulator, orders, money."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from verticals_plugins import Examples, Predictions, Rule, Series, UsageError
from verticals_retail.demand.orders import (
    OrderPolicy,
    decide_orders,
    level_of,
    order_up_to,
    replay,
    total,
    tune_orders,
    whole_packs,
)
from verticals_retail.demand.simulate import simulate_store
from verticals_retail.demand.task import DEMAND

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
DAY = pd.Timestamp("2024-06-01")


def forecast(mean: float, sigma: float, n: int = 1, steps: int = 14, **columns: object) -> Predictions:
    """Normal forecasts of ``n`` series with constant mean."""
    values = mean + sigma * norm.ppf(LEVELS) + np.zeros((n, steps, 1))
    names = [f"s{i}" for i in range(n)]
    frame = pd.DataFrame({"id": names, "entity": names, "time": DAY, **columns})
    past = np.full(60 * n, mean)
    block = Series(
        values=past, start=np.arange(n) * 60, origin=np.arange(1, n + 1) * 60, horizon=steps, 
        known=np.empty((60 * n, 0)),
        period=(7,),
    )  # fmt: skip
    return Predictions(Examples(frame, {"series": block}), values, LEVELS)


def test_the_quantile_of_a_normal_forecast_is_exact_between_and_beyond_levels() -> None:
    said = forecast(10.0, 2.0)
    for service in (0.5, 0.6, 0.9, 0.99):
        np.testing.assert_allclose(level_of(said.values, LEVELS, service), 10 + 2 * norm.ppf(service), rtol=1e-9)


def test_the_newsvendor_quantity_minimises_the_expected_cost() -> None:
    policy = OrderPolicy(stockout_cost=9.0, holding_cost=1.0, lead_time=0, review=1)
    assert policy.service == pytest.approx(0.9)
    demand = np.random.default_rng(0).normal(100, 20, 20_000)

    def cost(stock: float) -> float:
        return float(np.mean(9 * np.maximum(demand - stock, 0) + np.maximum(stock - demand, 0)))

    ours = float(total(forecast(100.0, 20.0), policy, 0.0)[0, 0])
    assert cost(ours) <= min(cost(ours - 3), cost(ours + 3))


def test_independent_steps_need_less_safety_than_steps_that_go_together() -> None:
    policy = OrderPolicy(lead_time=3)
    apart, together = (total(forecast(10.0, 2.0), policy, link)[0, 0] for link in (0.0, 1.0))
    z = norm.ppf(policy.service)
    assert apart == pytest.approx(40 + z * 2 * 2)
    assert together == pytest.approx(40 + z * 2 * 4)


def test_open_orders_count_only_when_they_arrive_in_time() -> None:
    columns: dict[str, Any] = {
        "on_hand": [10.0] * 3, "on_order": [40.0, 40.0, 0.0],
        "order_due": pd.to_datetime(["2024-06-05", "2024-09-01", "NaT"]),
    }  # fmt: skip
    policy = OrderPolicy(lead_time=7)
    table = decide_orders(forecast(5.0, 0.0, 3, **columns), policy, no_rule()).table
    assert table["units"].tolist() == [0.0, 30.0, 30.0]
    assert "arrive too late" in table["reason"].iloc[1]
    moved = {**columns, "order_due": pd.to_datetime(["2024-06-06", "2024-09-01", "NaT"])}
    again = decide_orders(forecast(5.0, 0.0, 3, **moved), policy, no_rule()).table
    assert again["units"].tolist() == table["units"].tolist()


def no_rule() -> Rule:
    return Rule()


def test_reorder_point_and_order_up_to_level() -> None:
    assert order_up_to(10 + 40, 20, 50) == 0
    assert order_up_to(10, 20, 50) == 40
    assert order_up_to(10, 20, 50, pack=12) == 48


def test_orders_come_in_whole_packs_of_the_item() -> None:
    said = forecast(10.0, 0.0, 2, pack_size=[12.0, np.nan])
    table = decide_orders(said, OrderPolicy(lead_time=0), no_rule()).table
    assert table["units"].tolist() == [12.0, 10.0]
    assert whole_packs(np.array([0.1 * 3]), 0.1)[0] == pytest.approx(0.3)


def test_the_replay_counts_every_unit() -> None:
    demand = np.array([[4.0, 6.0, 5.0]])
    policy = OrderPolicy(stockout_cost=2.0, holding_cost=1.0, lead_time=0, review=1)
    found = replay(demand, np.full((1, 3), 5.0), policy)
    # day 1: order 5, sell 4, hold 1; day 2: order 4, sell 5 of 6, lose 1; day 3: order 5, sell 5
    assert (found.ordered, found.lost, found.held) == (14.0, 1.0, 1.0)
    assert found.cost[0] == pytest.approx(2.0 + 1.0)
    assert found.served == pytest.approx(14 / 15)


def test_the_rule_picks_how_far_errors_go_together() -> None:
    rng = np.random.default_rng(3)
    said = forecast(20.0, 4.0, 400)
    shared = np.maximum(20 + 4 * rng.normal(size=(400, 1)) + np.zeros((400, 14)), 0)
    apart = np.maximum(20 + 4 * rng.normal(size=(400, 14)), 0)
    links = [
        tune_orders(
            replace(said, examples=replace(said.examples, truth=one)), OrderPolicy(lead_time=4, stockout_cost=50.0)
        ).numbers["link"]
        for one in (apart, shared)
    ]
    assert links[0] < links[1]


def test_a_protection_time_beyond_the_horizon_is_refused() -> None:
    with pytest.raises(UsageError, match="15 steps, the forecast has 14"):
        decide_orders(forecast(1.0, 1.0), OrderPolicy(lead_time=14), no_rule())


def test_the_simulated_store_is_the_same_for_a_seed_and_holds_new_items() -> None:
    first, again, other = simulate_store(1), simulate_store(1), simulate_store(2)
    pd.testing.assert_frame_equal(first.main, again.main)
    assert not first.main["demand"].equals(other.main["demand"])
    days = first.main.groupby("series").size()
    assert (days < 120).sum() == 4
    assert (first.main["promotion"] == 1).mean() == pytest.approx(0.11, abs=0.04)


def test_sold_out_days_count_as_missing_demand() -> None:
    data = simulate_store(0, items=6, days=200)
    block = DEMAND.examples(data).inputs["series"]
    assert isinstance(block, Series)
    assert np.isnan(block.values).sum() >= (data.main["sold_out"] == "yes").sum() > 0


def test_the_horizon_is_remembered_with_the_past() -> None:
    data = simulate_store(0, items=6, days=200)
    past = DEMAND.examples.memory(data)
    assert past is not None
    new = data.with_main(data.main.tail(1).reset_index(drop=True))
    assert DEMAND.examples(new, past).inputs["series"].horizon == 14  # type: ignore[attr-defined]
