"""A store, simulated: weekly and yearly rhythm, prices and promotions known ahead, new items, sold-out days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from verticals_plugins import Dataset, Provenance
from verticals_retail.schema import DEMAND_SCHEMA

ITEMS, DAYS, NEW = 44, 430, 4
GROUPS = ("bakery", "dairy", "drinks", "household", "snacks", "produce")


def simulate_store(seed: int, items: int = ITEMS, days: int = DAYS) -> Dataset:
    """``items`` x ``days`` rows of one store; the last few items are new. Simulated, not measured anywhere."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2025-01-06", periods=days, freq="D")
    week = dates.dayofweek.to_numpy()
    year = 2 * np.pi * dates.dayofyear.to_numpy() / 365.25
    event = np.where(rng.random(days) < 0.03, "holiday", "")
    parts = []
    for number in range(items):
        group = int(rng.integers(len(GROUPS)))
        level = rng.lognormal(1.8, 1.0)
        rhythm = np.exp(
            rng.normal(0, 0.08, 7) + np.array([-0.1, -0.1, -0.05, 0, 0.15, 0.3, 0.1]) * rng.uniform(0.3, 1.8)
        )
        season = np.exp(rng.uniform(0, 0.45) * np.sin(year + 2 * np.pi * group / len(GROUPS) + rng.normal(0, 0.3)))
        drift = np.exp(np.cumsum(rng.normal(0, 0.012, days)))
        promotion = _promotions(rng, days)
        usual = round(float(rng.lognormal(1.0, 0.6)), 2)
        price = np.where(promotion > 0, usual * rng.uniform(0.65, 0.85), usual)
        lift = np.where(promotion > 0, (usual / price) ** rng.uniform(1.5, 3.5), 1.0)
        dip = np.where((promotion == 0) & (np.roll(promotion, 3) > 0), 0.8, 1.0)
        feast = np.where(event != "", rng.uniform(0.9, 1.9), 1.0)
        mean = level * rhythm[week] * season * drift * lift * dip * feast
        spread = rng.uniform(2.5, 12)
        demand = rng.poisson(rng.gamma(spread, np.maximum(mean, 1e-3) / spread)).astype(float)
        shut = rng.random(days) < 0.015
        sold = np.where(shut, np.floor(demand * rng.random(days)), demand)
        begin = days - int(rng.integers(60, 110)) if number >= items - NEW else 0
        parts.append(
            pd.DataFrame(
                {
                    "series": f"item-{number:03d}", "time": dates, "demand": sold, "price": price.round(2),
                    "promotion": promotion, "event": event, "group": GROUPS[group],
                    "sold_out": np.where(shut, "yes", "no"),
                }
            ).iloc[begin:]
        )  # fmt: skip
    main = pd.concat(parts, ignore_index=True)
    notes = {"horizon": "14", "simulated": "a store of our own making"}
    return Dataset({"main": main}, DEMAND_SCHEMA, Provenance("simulated store", notes=notes))


def _promotions(rng: np.random.Generator, days: int) -> np.ndarray:
    """0 and 1: weeks of promotion, about one in nine."""
    out = np.zeros(days)
    for begin in range(0, days, 7):
        if rng.random() < 0.11:
            out[begin : begin + 7] = 1
    return out
