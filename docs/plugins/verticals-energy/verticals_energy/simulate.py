"""A simulated grid: load follows the hour, the weekday, holidays, and the distance of the temperature from 17 °C."""

import numpy as np
import pandas as pd

from verticals_plugins import Dataset, Provenance

DAYS, STATIONS = 56, 5


def simulate_grid(seed: int) -> Dataset:
    """Hourly load of five substations over eight weeks."""
    from verticals_energy.load import LOAD

    rng = np.random.default_rng(seed)
    hours = pd.date_range("2026-01-05", periods=24 * DAYS, freq="h")
    day, hour = np.arange(len(hours)) // 24, hours.hour.to_numpy()
    weather = 5 + 8 * np.sin(day / 40) + _walk(rng, len(hours), 0.995, 0.35) + 3 * np.sin((hour - 9) / 24 * 2 * np.pi)
    holiday = np.isin(day, rng.choice(DAYS, 4, replace=False))
    parts = [_station(rng, number, hours, weather, holiday) for number in range(STATIONS)]
    return Dataset({"main": pd.concat(parts, ignore_index=True)}, LOAD.schema, Provenance("simulator"))


def _station(rng: np.random.Generator, number: int, hours: pd.DatetimeIndex, weather, holiday) -> pd.DataFrame:
    hour, weekend = hours.hour.to_numpy(), np.asarray(hours.dayofweek >= 5) | holiday
    shape = 1 + 0.25 * np.sin((hour - 8) / 24 * 2 * np.pi) + 0.12 * np.sin((hour - 4) / 12 * 2 * np.pi)
    temperature = weather + rng.normal(0, 2)
    heating = rng.uniform(0.005, 0.03) * np.abs(temperature - 17)
    noise = np.exp(_walk(rng, len(hours), 0.8, 0.02))
    load = rng.uniform(20, 90) * shape * (1 - rng.uniform(0.05, 0.3) * weekend) * (1 + heating) * noise
    return pd.DataFrame(
        {
            "substation": f"station {number + 1}",
            "hour": hours,
            "load_mw": load.round(3),
            "temperature": temperature.round(1),
            "holiday": np.where(holiday, "yes", "no"),
        }
    )


def _walk(rng: np.random.Generator, n: int, keep: float, step: float) -> np.ndarray:
    """An autoregression: each value keeps a share of the one before."""
    out, noise = np.zeros(n), rng.normal(0, step, n)
    for t in range(1, n):
        out[t] = keep * out[t - 1] + noise[t]
    return out
