"""M4 weekly and hourly: sMAPE, MASE and OWA of the last h values, ours and the peers in one run.

``python benchmarks/m4.py [--data DIR] [--seeds 3] [--quick] [--out FILE.json]``. Seed 0 goes through the public
``verticals.run`` (classic methods, core, blend, gate on the windows before the test); the further seeds refit the core
alone on all that lies before the test. Naive2 is computed and must equal the published values.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _face import Bar, Benchmark, Cost, Value, arguments, measured, over_seeds

import verticals
from verticals.data.series import SeriesExamples
from verticals.evaluate import gate
from verticals.model.core import CoreMethod
from verticals_plugins import Budget, CoreSpec, Dataset, Examples, Metric, Predictions, Provenance
from verticals_retail.demand.task import DEMAND


@dataclass(frozen=True)
class Frequency:
    """A part of M4: horizon, season, step, published Naive2 (sMAPE, MASE), and how the core is trained on it."""

    name: str
    horizon: int
    season: int
    step: str
    naive2: tuple[float, float]
    stride: int
    most: int
    epochs: int
    members: int
    baselines: tuple[str, ...]
    bar: float


PARTS = (
    Frequency(
        "weekly", 13, 1, "7D", (9.161, 2.777), 1, 120, 6, 3,
        ("seasonal_naive", "auto_ets", "auto_theta", "lightgbm_lags"), 0.75,
    ),
    Frequency("hourly", 48, 24, "1h", (18.383, 2.395), 24, 60, 9, 1, ("seasonal_naive", "lightgbm_lags"), 0.42),
)  # fmt: skip
PROTOCOL = (
    "last h values of each series are the test; OWA = mean of sMAPE and MASE over Naive2's; methods' intervals: 95 % "
    "bootstrap over series (core: lowest and highest seed); the gate decides on the h values before the test"
)


def read(folder: Path, part: Frequency) -> tuple[Dataset, dict[str, np.ndarray]]:
    """The part as a dataset (steps from 0, train then test), and each series' values."""
    table = pd.read_csv(folder / f"m4_{part.name}.csv.gz")
    values = {
        name: np.array(f"{train} {test}".split(), dtype=float)
        for name, train, test in zip(table["id"], table["train"], table["test"], strict=True)
    }
    main = pd.concat(
        [pd.DataFrame({"series": name, "time": np.arange(len(y)), "demand": y}) for name, y in values.items()],
        ignore_index=True,
    )
    schema = DEMAND.schema
    assert schema.time is not None
    schema = replace(schema, time=replace(schema.time, step=part.step))
    return Dataset({"main": main}, schema, Provenance("m4")), values


def errors(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """sMAPE and MASE (N,) of the median."""
    truth = predictions.examples.truth
    assert truth is not None
    point = predictions.values[..., predictions.levels.index(0.5)]
    miss = np.abs(truth - point)
    smape = 200 * np.mean(miss / (np.abs(truth) + np.abs(point)), axis=1)
    return smape, miss.mean(axis=1) / predictions.examples.frame["naive_error"].to_numpy(dtype=float)


def owa_of(part: Frequency) -> Metric:
    """Overall weighted average (Makridakis et al. 2020), relative to the published Naive2."""

    def score(predictions: Predictions, weight: np.ndarray | None) -> float:
        smape, mase = errors(predictions)
        w = np.ones(len(smape)) if weight is None else weight
        usable = np.isfinite(mase)
        return 0.5 * float(
            np.average(smape, weights=w) / part.naive2[0] + np.average(mase[usable], weights=w[usable]) / part.naive2[1]
        )

    return Metric(name="owa", label="OWA", larger_is_better=False, score=score, unit="series")


def naive2(values: np.ndarray, part: Frequency) -> tuple[float, float]:
    """sMAPE and MASE of Naive2: the last value, after multiplicative deseasonalisation where a season shows."""
    train, test = values[: -part.horizon], values[-part.horizon :]
    factors = np.ones(part.season)
    if seasonal(train, part.season):
        factors = season_factors(train, part.season)
    n = len(train)
    last = train[-1] / factors[(n - 1) % part.season]
    point = last * factors[(n + np.arange(part.horizon)) % part.season]
    smape = 200 * np.mean(np.abs(test - point) / (np.abs(test) + np.abs(point)))
    scale = np.mean(np.abs(train[part.season :] - train[: -part.season]))
    return float(smape), float(np.mean(np.abs(test - point)) / scale)


def seasonal(x: np.ndarray, season: int) -> bool:
    """The competition's test: autocorrelation at the season beyond 1.645 standard errors."""
    if season == 1 or len(x) < 3 * season:
        return False
    y = x - x.mean()
    acf = np.array([np.sum(y[k:] * y[: len(y) - k]) for k in range(season + 1)]) / np.sum(y**2)
    limit = 1.645 * np.sqrt((1 + 2 * np.sum(acf[1:season] ** 2)) / len(x))
    return bool(abs(acf[season]) > limit)


def season_factors(x: np.ndarray, season: int) -> np.ndarray:
    """Factors (season,) of the classical decomposition: ratio to a centred moving average, mean one."""
    kernel = np.ones(season + 1) / season
    kernel[[0, -1]] /= 2
    trend = np.full(len(x), np.nan)
    half = season // 2
    trend[half : len(x) - half] = np.convolve(x, kernel, mode="valid")
    ratio = x / trend
    means = np.array([np.nanmean(ratio[k::season]) for k in range(season)])
    factors: np.ndarray = means / means.mean()
    return factors


assert isinstance(DEMAND.core, CoreSpec)
CORE = DEMAND.core


def spec_of(part: Frequency, quick: bool, pretrain: int = 0) -> CoreSpec:
    """The core: the task's parts, with a loss that is the metric."""
    return replace(
        CORE, width=128, batch=64, dropout=0.0, members=part.members, epochs=1 if quick else part.epochs,
        pretrain_epochs=pretrain, options={"head": {"loss": "owa", "divisors": list(part.naive2)}},
    )  # fmt: skip


def measure(folder: Path, part: Frequency, seeds: int, quick: bool) -> dict[str, Any]:
    """All methods on one part; plain numbers, so that parts can be measured side by side."""
    dataset, values = read(folder, part)
    found = np.mean([naive2(one, part) for one in values.values()], axis=0)
    out: dict[str, Any] = {"naive2": [float(one) for one in found], "methods": {}, "leads": {}}
    metric, builder = owa_of(part), SeriesExamples(horizon=part.horizon, stride=part.stride, most=part.most)
    task = replace(
        DEMAND, core=spec_of(part, quick), baselines=part.baselines, metric=metric, metrics=(), examples=builder,
        sections=None,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as home, measured() as cost:
        run = verticals.run(task, dataset, out=Path(home) / "run", preset="standard", seed=0, threads=1)
    out |= {"shipped": run.metrics["shipped"], "gate": run.metrics["gate"], "blend": run.metrics["blend"]}
    out |= {"cost": vars(cost), "stages": run.metrics["seconds"], "classic": run.metrics["classic"]}
    for name, one in run.metrics["methods"].items():
        out["methods"][name] = [one["owa"], *run.metrics["intervals"][name]["owa"]]
    examples = builder(dataset)
    parts = DEMAND.split(examples, 0)
    final, test = examples.take(parts.final), examples.take(parts.test)
    core = [run.metrics["methods"]["core"]["owa"]]
    leads = [run.metrics["test"].get("core")]
    for seed in range(1, seeds):
        said = refitted(spec_of(part, quick), final, test, seed)
        core.append(metric.score(said, None))
    pretrained = refitted(spec_of(part, quick, max(1, part.epochs // 3)), final, test, 0)
    out["seeds"], out["leads"] = core, {"core": leads[0], "blend": run.metrics["test"].get("blend")}
    draws = gate.scores(metric, pretrained, 1)
    out["pretrained"] = vars(gate.interval(metric, pretrained, draws))
    return out


def refitted(spec: CoreSpec, final: Examples, test: Examples, seed: int) -> Predictions:
    """The core fitted on all before the test."""
    core = CoreMethod(spec)
    core.fit(final, None, Budget(seed=seed, threads=1))
    return core.predict(test)


def main() -> None:
    """Measure both parts, judge, write."""
    args = arguments("m4", data="retail/m4_hourly_weekly")
    bench = Benchmark("m4", args, PROTOCOL)
    with ProcessPoolExecutor(len(PARTS)) as pool:
        jobs = {part.name: pool.submit(measure, args.data, part, args.seeds, args.quick) for part in PARTS}
        results = {name: job.result() for name, job in jobs.items()}
    for part in PARTS:
        add(bench, part, results[part.name])
    bench.extra["published"] = published()
    bench.finish(ours="shipped", best_peer="lightgbm_lags", bars=bars(results))


def add(bench: Benchmark, part: Frequency, result: dict[str, Any]) -> None:
    """One part's figures into the result."""
    key = f"{part.name}_owa"
    for name, (value, lo, hi) in result["methods"].items():
        bench.add(name, {key: Value(value, lo, hi)})
    bench.add("core", {key: over_seeds(result["seeds"])})
    shipped = result["methods"][result["shipped"]]
    bench.add("shipped", {key: Value(*shipped)}, Cost(**result["cost"]))
    pretrained = result["pretrained"]
    bench.add("core_pretrained", {key: Value(pretrained["value"], pretrained["lo"], pretrained["hi"])})
    bench.extra[part.name] = {
        "core_median_of_seeds": median(result["seeds"]), "core_seeds": result["seeds"], "shipped": result["shipped"],
        "gate": result["gate"], "blend": result["blend"], "lead_over_best_classic_on_test": result["leads"],
        "best_classic": result["classic"], "naive2_smape_mase": result["naive2"], "seconds": result["stages"],
    }  # fmt: skip


def bars(results: dict[str, Any]) -> list[Bar]:
    """Median over seeds below the bars, ahead of the best classic method, Naive2 as published to its three decimals."""
    found = []
    for part in PARTS:
        one = results[part.name]
        found.append(Bar(f"{part.name}_owa, core, median of seeds", "<=", part.bar, median(one["seeds"])))
        found.append(Bar(f"{part.name}_lead_low_end", ">", 0.0, one["leads"]["core"]["ci95"][0]))
        off = max(abs(round(a, 3) - b) for a, b in zip(one["naive2"], part.naive2, strict=True))
        found.append(Bar(f"{part.name}_naive2_off", "<=", 0.0, off))
    return found


def published() -> dict[str, Any]:
    """Published OWA of the winner, the best of the frequency and the usual benchmarks."""
    return {
        "weekly": {"winner": 0.851, "best": 0.739, "theta": 0.971},
        "hourly": {"winner": 0.440, "best": 0.410, "theta": 1.006},
    }


if __name__ == "__main__":
    main()
