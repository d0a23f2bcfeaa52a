"""The series stem: one vector per step of the horizon, made of the values at the lags that are aligned with it.

No attention or recurrence is needed to find them; see ``verticals.data.lags``. The window is scaled by its own level
and spread, so that series of any size share one model; missing values are marked and never guessed.

Legend: B batch, W window, H horizon, L lags, C known columns, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.data.lags import LagPlan, known_of, plan_lags, windows_of
from verticals.model.stems.categories import Categories, category_codes, category_config
from verticals.model.tokens import Tokens
from verticals_plugins import Series, Stem

CONTEXT = 64
HIDE = 0.1
"""Share of training windows of which only a short end is shown, so that new series are met in training."""


@dataclass(frozen=True)
class Lagged:
    """Scaled features of a batch: per step (B, H, F), shared by all steps (B, G), and how to scale back."""

    step: Tensor
    shared: Tensor
    level: Tensor
    spread: Tensor
    base: Tensor
    """(B, H) the first guess, in units of the spread from the level."""


def scaled(plan: LagPlan, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Level (B,), spread (B,) and the scaled window (B, W) with NaN where nothing is known."""
    known = ~torch.isnan(window)
    filled = window.nan_to_num()
    if plan.level == "last":
        order = known * torch.arange(1, window.shape[1] + 1, device=window.device)
        level = filled.gather(1, order.argmax(1, keepdim=True)).squeeze(1)
        both = known[:, 1:] & known[:, :-1]
        change = (filled[:, 1:] - filled[:, :-1]).abs()
        spread = 2 * _mean(change, both)
    else:
        end, seen = filled[:, -plan.span :], known[:, -plan.span :]
        level = torch.where(seen.any(1), _mean(end, seen), _mean(filled, known))
        spread = _mean((end - level[:, None]).abs(), seen)
        spread = torch.maximum(spread, 0.1 * _mean((filled - level[:, None]).abs(), known))
    none = ~known.any(1)
    level = torch.where(none, torch.full_like(level, plan.usual[0]), level)
    spread = spread + 0.001 * level.abs()
    floor = 1e-6 * plan.usual[1] + 1e-9
    spread = torch.where(spread > floor, spread, level.abs() * 0.1 + torch.where(none, plan.usual[1], floor))
    z = (window - level[:, None]) / spread[:, None]
    return level, spread, torch.asinh(z) if plan.level == "last" else z.clamp(-20, 20)


def lagged(plan: LagPlan, index: Tensor, window: Tensor, own: Tensor, waves: Tensor) -> Lagged:
    """Features of ``window`` (B, W), the user's ``own`` columns (B, W + H, C) and calendar ``waves`` (B, H, C)."""
    level, spread, z = scaled(plan, window)
    B, (H, L) = len(z), index.shape
    missing = torch.full((B, 1), float("nan"), device=z.device)
    lags = torch.cat([z, missing], 1)[:, index.reshape(-1)].view(B, H, L)
    seen = ~torch.isnan(lags)
    base = torch.zeros(B, H, device=z.device)
    if plan.base:
        picked = (torch.cat([window, missing], 1)[:, index[:, plan.base].reshape(-1)]).view(B, H, -1)
        guess = _mean((picked.nan_to_num() - level[:, None, None]) / spread[:, None, None], ~torch.isnan(picked))
        base = guess.clamp(-50, 50)
    step = [lags.nan_to_num(), (~seen).to(z.dtype), base.unsqueeze(-1)]
    step.append(waves.nan_to_num())
    if own.shape[-1]:
        step += _covariates(plan, index, own)
    return Lagged(torch.cat(step, -1), _shared(plan, z, level, spread), level, spread, base)


def _covariates(plan: LagPlan, index: Tensor, own: Tensor) -> list[Tensor]:
    """The user's columns at the step, against their mean in the window, and at the nearest lags."""
    center, scale = (torch.tensor(one[: plan.own], device=own.device) for one in (plan.center, plan.scale))
    z = ((own - center) / scale).clamp(-8, 8)
    past, ahead = z[:, : plan.window], z[:, plan.window :]
    usual = _mean(past.nan_to_num().transpose(1, 2), ~torch.isnan(past).transpose(1, 2))
    padded = torch.cat([past, torch.full_like(past[:, :1], float("nan"))], 1).nan_to_num()
    near = [padded[:, index[:, column]] for column in range(min(2, index.shape[1]))]
    return [ahead.nan_to_num(), (ahead - usual[:, None]).nan_to_num(), *near]


def _shared(plan: LagPlan, z: Tensor, level: Tensor, spread: Tensor) -> Tensor:
    """(B, G) recent values, means of the last few, seasons' means, the spread against the level."""
    known, filled = ~torch.isnan(z), z.nan_to_num()
    out = [filled[:, -plan.recent :], (~known[:, -plan.recent :]).to(z.dtype)]
    out += [_mean(filled[:, -m:], known[:, -m:])[:, None] for m in plan.means]
    if 1 < plan.season <= 30:
        blocks = min(8, z.shape[1] // plan.season)
        cut = blocks * plan.season
        shape = (len(z), blocks, plan.season)
        out.append(_mean(filled[:, -cut:].reshape(shape), known[:, -cut:].reshape(shape)))
    ratio = torch.log((spread + 1e-9) / (level.abs() + spread + 1e-9))
    zeros = (
        ((filled == 0) & known).to(z.dtype).mean(1)
        if plan.level == "last"
        else _mean((filled < -0.5).to(z.dtype), known)
    )
    return torch.cat([*out, ratio[:, None], zeros[:, None], known.to(z.dtype).mean(1, keepdim=True)], 1)


def _mean(x: Tensor, known: Tensor) -> Tensor:
    """Mean over the last axis of what is known; 0 where nothing is."""
    return (x * known).sum(-1) / known.sum(-1).clamp(min=1)


def read(plan: LagPlan, block: Series, rows: np.ndarray) -> dict[str, Tensor]:
    """``window`` (B, W), ``own`` (B, W + H, C) and ``waves`` (B, H, C) of some examples, float32."""
    window = windows_of(block, rows, plan.window).astype(np.float32)
    own = known_of(block, rows, plan.window, plan.columns[: plan.own])
    waves = known_of(block, rows, 0, plan.columns[plan.own :])
    return {"window": torch.from_numpy(window), "own": torch.from_numpy(own), "waves": torch.from_numpy(waves)}


def fit_series(block: Series, width: int) -> dict[str, Any]:
    """The plan of lags, and vocabularies of the static categories."""
    static = {} if block.static is None else category_config(block.static.frame, list(block.static.frame.columns))
    return {"plan": plan_lags(block).to_json(), "static": static}


class SeriesStem(nn.Module):
    """(B, H, D): features of each step, an embedding of the step, and a summary of the window."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.plan = LagPlan(**config["plan"])
        self.static = config["static"]
        self.register_buffer("index", torch.from_numpy(self.plan.index()), persistent=False)
        plan = self.plan
        with torch.no_grad():
            own, waves = plan.window + plan.horizon, len(plan.columns) - plan.own
            trial = lagged(
                plan, torch.from_numpy(plan.index()), torch.zeros(1, plan.window), torch.zeros(1, own, plan.own),
                torch.zeros(1, plan.horizon, waves),
            )  # fmt: skip
        self.step = nn.Linear(trial.step.shape[-1], width)
        self.place = nn.Parameter(torch.randn(plan.horizon, width) * 0.1)
        self.context = nn.Sequential(
            nn.Linear(2 * plan.window, 2 * CONTEXT), nn.GELU(), nn.Linear(2 * CONTEXT, CONTEXT)
        )
        self.join = nn.Linear(CONTEXT + trial.shared.shape[-1], width)
        sizes = [len(codes) for codes in self.static.values()]
        self.categories = Categories(sizes, width) if sizes else None

    def collate(self, block: Series, rows: np.ndarray) -> dict[str, Tensor]:
        """``window`` (B, W), ``own`` (B, W + H, C) and ``waves`` (B, H, C) float32, ``codes`` (B, S) int64."""
        codes = np.zeros((len(rows), len(self.static)), dtype=np.int64)
        if self.static and block.static is not None:
            codes = category_codes(block.static.frame.iloc[rows], self.static)
        return read(self.plan, block, rows) | {"codes": torch.from_numpy(codes)}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        window = self._shortened(batch["window"]) if self.training else batch["window"]
        found = lagged(self.plan, self.index, window, batch["own"], batch["waves"])  # type: ignore[arg-type]
        _, _, z = scaled(self.plan, window)
        summary = self.context(torch.cat([z.nan_to_num(), torch.isnan(z).to(z.dtype)], 1))
        shared = self.join(torch.cat([summary, found.shared], 1))
        x = self.step(found.step) + self.place + shared.unsqueeze(1)
        if self.categories is not None:
            x = x + self.categories(batch["codes"]).unsqueeze(1)
        B, H, _ = x.shape
        position = torch.arange(H, device=x.device, dtype=x.dtype).expand(B, H)
        extras = {"level": found.level, "spread": found.spread, "base": found.base}
        return Tokens(F.gelu(x), torch.ones(B, H, dtype=torch.bool, device=x.device), position, extras)

    def _shortened(self, window: Tensor) -> Tensor:
        """Some windows with all but their last few values hidden."""
        B, W = window.shape
        kept = torch.where(
            torch.rand(B, device=window.device) < HIDE, torch.randint(1, W + 1, (B,), device=window.device), W
        )
        hidden = torch.arange(W, device=window.device)[None] < (W - kept)[:, None]
        return window.masked_fill(hidden, float("nan"))


SERIES = Stem("series", kind=Series, fit=fit_series, build=SeriesStem)
