"""Classic methods for series: seasonal naive, AutoETS, AutoTheta, and LightGBM on the core's own lags.

Legend: N examples, H horizon, Q levels, F features.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import norm

from verticals.data.lags import LagPlan, plan_lags
from verticals.model.heads.forecast import LEVELS, as_quantiles, scale_of
from verticals.model.stems.series import lagged, read
from verticals.pipeline.files import write_json
from verticals_plugins import Baseline, Budget, CoreSpec, DataError, Examples, Predictions, Series, Task, need

if TYPE_CHECKING:
    import lightgbm as lgb

EXTRA = "all"
LONGEST = 600
"""A classic method sees at most this many last values of a series."""
TREE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
ROUNDS = {"quick": 200, "standard": 500, "best": 800}
PATIENCE = {"quick": 20, "standard": 40, "best": 60}
MANY = 60_000
"""With more rows than this the trees are larger."""
TREE_ROWS = {"quick": 16_000, "standard": 160_000, "best": 300_000}


def series_of(examples: Examples) -> Series:
    """The block ``series``.

    Raises:
        DataError: these examples have none.
    """
    block = examples.inputs.get("series")
    if not isinstance(block, Series):
        raise DataError("These examples hold no series.", expected=f"Blocks here: {sorted(examples.inputs)}.")
    return block


def past_of(block: Series, row: int, most: int = LONGEST) -> np.ndarray:
    """The last values known at an example's origin, without a missing beginning."""
    begin, origin = int(block.start[row]), int(block.origin[row])
    values = block.values[max(begin, origin - most) : origin]
    known = np.flatnonzero(np.isfinite(values))
    return values[known[0] :] if len(known) else values[:0]


class SeasonalNaive:
    """The last season again; quantiles from its own past errors, wider by the root of the seasons ahead."""

    def __init__(self, name: str = "seasonal_naive") -> None:
        self.name, self.season, self.usual, self.positive = name, 1, 0.0, False

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Choose among the calendar's seasons and none the one that errs least."""
        block, truth = series_of(train), train.truth
        assert truth is not None
        self.usual, self.positive = float(np.nanmedian(truth)), bool(np.nanmin(truth) >= 0)
        rows = np.linspace(0, len(train) - 1, min(len(train), 500)).astype(np.int64)
        scale = scale_of(train, rows)
        error = {}
        for season in {1, *block.period, *(plan_lags(block.take(rows)).season,)}:
            guess = np.stack([self._point(block, int(row), season) for row in rows])
            error[season] = float(np.nanmean(np.abs(truth[rows] - guess) / scale[:, None]))
        self.season = min(sorted(error), key=lambda one: error[one])

    def predict(self, examples: Examples) -> Predictions:
        """Quantiles (N, H, Q)."""
        block, H = series_of(examples), series_of(examples).horizon
        out = np.zeros((len(examples), H, len(LEVELS)))
        ahead = np.sqrt(np.arange(H) // self.season + 1)
        for row in range(len(examples)):
            past = past_of(block, row)
            change = past[self.season :] - past[: -self.season] if len(past) > self.season else np.empty(0)
            change = change[np.isfinite(change)]
            if len(change) > 3:
                spread = np.quantile(change - np.median(change), LEVELS)
            else:
                spread = norm.ppf(LEVELS) * (np.nanstd(past) if len(past) else self.usual)
            out[row] = self._point(block, row, self.season)[:, None] + ahead[:, None] * spread
        return as_quantiles(out, examples, LEVELS, positive=self.positive)

    def _point(self, block: Series, row: int, season: int) -> np.ndarray:
        """(H,) the last value at the same place of the season; a missing one is that of the season before."""
        past, H = past_of(block, row), block.horizon
        if not len(past):
            return np.full(H, self.usual)
        grid = np.full(-len(past) % season + len(past), np.nan)
        grid[len(grid) - len(past) :] = past
        place = np.full(
            season, np.nanmean(past[-4 * season :]) if np.isfinite(past[-4 * season :]).any() else self.usual
        )
        for line in grid.reshape(-1, season):
            place = np.where(np.isfinite(line), line, place)
        return place[np.arange(H) % season]

    def save(self, folder: Path) -> None:
        """JSON."""
        write_json(folder / "naive.json", {"season": self.season, "usual": self.usual, "positive": self.positive})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "naive.json").read_text())
        self.season, self.usual, self.positive = state["season"], state["usual"], state["positive"]


class AutoClassic:
    """AutoETS or AutoTheta of statsforecast, series by series; those too short get the seasonal naive answer."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind
        self.models = need("statsforecast.models", extra=EXTRA)
        self.naive = SeasonalNaive()

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Choose the season; the models themselves are fitted when they predict."""
        self.naive.fit(train, valid, budget)

    def predict(self, examples: Examples) -> Predictions:
        """Quantiles (N, H, Q) from the model's own intervals."""
        block = series_of(examples)
        fallback = self.naive.predict(examples)
        out = fallback.values.copy()
        for row in range(len(examples)):
            found = self._one(
                _filled(past_of(block, row, min(LONGEST, max(130, 20 * self.naive.season))), self.naive.season),
                block.horizon,
            )
            if found is not None and np.isfinite(found).all():
                out[row] = found
        return as_quantiles(out, examples, LEVELS, positive=self.naive.positive)

    def _one(self, past: np.ndarray, horizon: int) -> np.ndarray | None:
        """(H, Q), or None where the series says too little."""
        season = self.naive.season if self.naive.season <= 24 and len(past) >= 2 * self.naive.season + 5 else 1
        if len(past) < 8 or np.ptp(past) == 0:
            return None
        levels = [round(100 * (1 - 2 * q), 6) for q in LEVELS if q < 0.5]
        model: Any = getattr(self.models, self.kind)(season_length=season)
        try:
            found = model.forecast(y=past.astype(np.float64), h=horizon, level=levels)
        except (ValueError, ZeroDivisionError, np.linalg.LinAlgError, RuntimeError, IndexError):
            return None
        low = [found[f"lo-{_key(found, 'lo', level)}"] for level in levels]
        high = [found[f"hi-{_key(found, 'hi', level)}"] for level in reversed(levels)]
        return np.stack([*low, found["mean"], *high], axis=1)

    def save(self, folder: Path) -> None:
        """The season."""
        self.naive.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.naive.load(folder)


class GbmLags:
    """LightGBM on the features of the series stem, one row a window and step; the target in units of the spread.

    Five quantiles are learnt, the others lie between them on the normal scale. Rows weigh as in the core's loss.
    """

    def __init__(self, name: str = "lightgbm_lags", loss: dict[str, Any] | None = None) -> None:
        self.name = name
        self.loss: dict[str, Any] = {"loss": "pinball", "power": 0.5, "divisors": [1.0, 1.0]} | (loss or {})
        self.plan: LagPlan | None = None
        self.static: dict[str, dict[str, int]] = {}
        self.boosters: list[lgb.Booster] = []
        self.rounds: list[int] = []
        self.positive = False

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Early stopping on ``valid``; without it as many rounds as an earlier fit chose."""
        from verticals.model.stems.categories import category_config

        block, truth = series_of(train), train.truth
        assert truth is not None
        self.plan, self.positive = plan_lags(block), bool(np.nanmin(truth) >= 0)
        frame = None if block.static is None else block.static.frame
        self.static = {} if frame is None else category_config(frame, list(frame.columns))
        most = TREE_ROWS.get(budget.preset, TREE_ROWS["standard"])
        data = self._rows(train, most, budget.seed)
        check = None if valid is None else self._rows(valid, most // 3, budget.seed)
        chosen, self.boosters, self.rounds = list(self.rounds), [], []
        for place, level in enumerate(TREE_LEVELS):
            rounds = chosen[place] if place < len(chosen) else 150
            self._fit_level(level, data, check, rounds, budget)

    def _fit_level(
        self, level: float, data: tuple[np.ndarray, ...], check: tuple[np.ndarray, ...] | None, rounds: int,
        budget: Budget,
    ) -> None:  # fmt: skip
        import lightgbm as lgb

        x, y, weight = data
        kind = {"objective": "l1"} if level == 0.5 else {"objective": "quantile", "alpha": level}
        parameters = {
            **kind, "learning_rate": 0.06, "num_leaves": 31 if len(x) < MANY else 63, "min_data_in_leaf": 40,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.8, "bagging_freq": 1, "max_bin": 127, "verbosity": -1, "seed": budget.seed,
            "num_threads": budget.threads, "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        table = lgb.Dataset(x, y, weight=weight, free_raw_data=False)
        if check is None:
            booster = lgb.train(parameters, table, num_boost_round=rounds)
        else:
            seen = lgb.Dataset(check[0], check[1], weight=check[2], reference=table)
            stop = lgb.early_stopping(PATIENCE[budget.preset], verbose=False)
            booster = lgb.train(
                parameters, table, num_boost_round=ROUNDS[budget.preset], valid_sets=[seen], callbacks=[stop]
            )
            rounds = max(10, booster.best_iteration)
        self.boosters.append(booster)
        self.rounds.append(rounds)

    def predict(self, examples: Examples) -> Predictions:
        """Quantiles (N, H, Q)."""
        out = []
        for begin in range(0, len(examples), 512):
            rows = np.arange(begin, min(begin + 512, len(examples)))
            x, level, spread, base = self._features(examples, rows)
            raw = np.stack([np.asarray(one.predict(x)) for one in self.boosters], axis=-1)
            z = np.sort(raw.reshape(len(rows), base.shape[1], -1), axis=-1)
            z = _between(z) + base[..., None]
            out.append(level[:, None, None] + spread[:, None, None] * z)
        return as_quantiles(np.concatenate(out), examples, LEVELS, positive=self.positive)

    def _features(self, examples: Examples, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(N x H, F) features, level (N,), spread (N,), base (N, H)."""
        from verticals.model.stems.categories import category_codes

        assert self.plan is not None
        plan, block = self.plan, series_of(examples)
        found = lagged(plan, torch.from_numpy(plan.index()), **read(plan, block, rows))
        H = plan.horizon
        parts = [found.step.numpy(), np.repeat(found.shared.numpy()[:, None], H, axis=1)]
        parts.append(np.broadcast_to(np.arange(H, dtype=np.float32)[None, :, None], (len(rows), H, 1)))
        if self.static and block.static is not None:
            codes = category_codes(block.static.frame.iloc[rows], self.static).astype(np.float32)
            parts.append(np.repeat(codes[:, None], H, axis=1))
        x = np.concatenate(parts, axis=-1).reshape(len(rows) * H, -1)
        return x, found.level.numpy(), found.spread.numpy(), found.base.numpy()

    def _rows(self, examples: Examples, most: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, scaled target and weight of at most ``most`` pairs of a window and a step."""
        assert examples.truth is not None
        assert self.plan is not None
        rng, H = np.random.default_rng(seed), self.plan.horizon
        wanted = min(len(examples), max(1, most // min(H, 12)))
        rows = np.sort(rng.choice(len(examples), wanted, replace=False))
        found = []
        for piece in np.array_split(rows, max(1, len(rows) // 512)):
            x, level, spread, base = self._features(examples, piece)
            truth, scale = examples.truth[piece], scale_of(examples, piece)
            y = (truth - level[:, None]) / spread[:, None] - base
            weight = np.repeat((spread / scale ** (1 - self.loss["power"]))[:, None], H, 1)
            if self.loss["loss"] == "owa":
                by_relative, by_scale = (float(one) for one in self.loss["divisors"])
                weight = (100 / (np.abs(truth) + 1e-9) / by_relative + 1 / scale[:, None] / by_scale) * spread[:, None]
            steps = rng.random(truth.shape).argsort(axis=1) < min(H, 12)
            keep = (np.isfinite(truth) & steps).reshape(-1)
            found.append((x[keep], y.reshape(-1)[keep], weight.reshape(-1)[keep]))
        x, y, weight = (np.concatenate(one) for one in zip(*found, strict=True))
        cap = np.quantile(weight, 0.99)
        return x, np.clip(y, -50, 50), np.minimum(weight, cap) / max(float(weight.mean()), 1e-12)

    def save(self, folder: Path) -> None:
        """LightGBM text and JSON."""
        assert self.plan is not None
        for number, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"model_{number}.txt"), num_iteration=booster.best_iteration or None)
        state = {"plan": self.plan.to_json(), "static": self.static, "rounds": self.rounds, "positive": self.positive}
        write_json(folder / "lags.json", state | {"loss": self.loss})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        import lightgbm as lgb

        state = json.loads((folder / "lags.json").read_text())
        self.plan, self.static = LagPlan(**state["plan"]), state["static"]
        self.rounds, self.positive, self.loss = state["rounds"], state["positive"], state["loss"]
        self.boosters = [lgb.Booster(model_file=str(folder / f"model_{n}.txt")) for n in range(len(self.rounds))]


def _between(z: np.ndarray) -> np.ndarray:
    """(N, H, Q) all levels from those learnt, linear on the normal scale, the ends drawn out."""
    known, wanted = norm.ppf(TREE_LEVELS), norm.ppf(LEVELS)
    place = np.clip(np.searchsorted(known, wanted) - 1, 0, len(known) - 2)
    share = (wanted - known[place]) / (known[place + 1] - known[place])
    return z[..., place] * (1 - share) + z[..., place + 1] * share


def _filled(past: np.ndarray, season: int) -> np.ndarray:
    """Missing values replaced by that of the season before, else by the one before: for methods that allow no gap."""
    out = past.copy()
    for i in np.flatnonzero(~np.isfinite(out)):
        out[i] = out[i - season] if i >= season else out[i - 1]
    return out


def _key(found: dict[str, Any], side: str, level: float) -> str:
    return f"{level:g}" if f"{side}-{level:g}" in found else str(level)


def _loss_of(task: Task) -> dict[str, Any]:
    """The core's loss, so that both minimise the same."""
    options = task.core.options.get("head", {}) if isinstance(task.core, CoreSpec) else {}
    return {name: options[name] for name in ("loss", "power", "divisors") if name in options}


SEASONAL_NAIVE = Baseline("seasonal_naive", build=lambda task: SeasonalNaive(), summary="the last season again")
AUTO_ETS = Baseline("auto_ets", build=lambda task: AutoClassic("auto_ets", "AutoETS"), summary="exponential smoothing")
AUTO_THETA = Baseline("auto_theta", build=lambda task: AutoClassic("auto_theta", "AutoTheta"), summary="theta method")
LIGHTGBM_LAGS = Baseline(
    "lightgbm_lags", build=lambda task: GbmLags(loss=_loss_of(task)), summary="LightGBM on the core's own lags"
)
