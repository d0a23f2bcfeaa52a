"""From quantiles to orders, and what orders cost: the newsvendor's quantity and a store that is replayed day by day.

Legend: N series, H steps, Q levels, P steps of protection (lead time + review).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from verticals_plugins import DataError, Decision, Examples, Predictions, Rule, Series, UsageError, policy_field

LINKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
REASON = "covers {steps} steps at a service level of {level:.1%}"


@dataclass(frozen=True)
class OrderPolicy:
    """What a unit too few and a unit too many cost, and how goods arrive."""

    stockout_cost: float = policy_field(5.0, help="lost for each unit of demand that is not served", unit="money/unit")
    holding_cost: float = policy_field(0.5, help="cost of a unit held for one step", unit="money/unit/step")
    lead_time: int = policy_field(2, help="steps from order to arrival", unit="steps")
    review: int = policy_field(1, help="steps from one order to the next", unit="steps")
    pack_size: float = policy_field(
        1.0, help="orders are whole multiples of this, unless the data say otherwise", unit="units"
    )

    def __post_init__(self) -> None:
        if self.stockout_cost <= 0 or self.holding_cost <= 0:
            raise UsageError("The costs of a stock-out and of holding must be above zero.")
        if self.lead_time < 0 or self.review < 1 or self.pack_size <= 0:
            raise UsageError("lead_time is at least 0, review at least 1, pack_size above 0.")

    @property
    def protection(self) -> int:
        """Steps that an order must cover: until the next one has arrived."""
        return self.lead_time + self.review

    @property
    def service(self) -> float:
        """The critical ratio (Arrow, Harris, Marschak 1951): a unit left over is held for the review time."""
        return self.stockout_cost / (self.stockout_cost + self.holding_cost * self.review)


def level_of(values: np.ndarray, levels: tuple[float, ...], service: float) -> np.ndarray:
    """(N, H) the quantile at ``service``: linear between levels on the normal scale, drawn out beyond the last."""
    known, wanted = norm.ppf(levels), norm.ppf(service)
    place = int(np.clip(np.searchsorted(known, wanted) - 1, 0, len(known) - 2))
    share = (wanted - known[place]) / (known[place + 1] - known[place])
    found: np.ndarray = values[..., place] * (1 - share) + values[..., place + 1] * share
    return found


def total(predictions: Predictions, policy: OrderPolicy, link: float) -> np.ndarray:
    """(N, H - P + 1) stock position that covers the demand of P steps from each step on at the service level.

    ``link`` is how far the steps' errors go together: 0 = independent, 1 = all alike.
    """
    median = level_of(predictions.values, predictions.levels, 0.5)
    high = level_of(predictions.values, predictions.levels, policy.service) - median
    sums = running(median, policy.protection)
    apart = np.sqrt(running(high**2, policy.protection)) * np.sign(running(high, policy.protection))
    return np.maximum(sums + link * running(high, policy.protection) + (1 - link) * apart, 0)


def running(x: np.ndarray, steps: int) -> np.ndarray:
    """(N, H - P + 1) sums of ``steps`` consecutive columns.

    Raises:
        UsageError: the horizon is shorter.
    """
    if steps > x.shape[1]:
        raise UsageError(
            f"Lead time and review are {steps} steps, the forecast has {x.shape[1]}.",
            expected="A horizon at least as long.", todo="Shorten --lead-time, or read the data with a longer horizon.",
        )  # fmt: skip
    total_of = np.cumsum(np.pad(x, ((0, 0), (1, 0))), axis=1)
    return total_of[:, steps:] - total_of[:, :-steps]


def classic_target(predictions: Predictions, policy: OrderPolicy) -> np.ndarray:
    """(N, H - P + 1) the textbook: the last season again plus z sigma sqrt(P) (Silver, Pyke, Thomas 2017, ch. 6)."""
    block = predictions.examples.inputs["series"]
    assert isinstance(block, Series)
    H, season = block.horizon, min(block.period, default=1)
    plan, sigma = np.zeros((len(block), H)), np.zeros(len(block))
    for row in range(len(block)):
        past = block.values[max(block.start[row], block.origin[row] - 60 * season) : block.origin[row]]
        past = past[np.isfinite(past)]
        if len(past) > season:
            plan[row] = past[-season:][np.arange(H) % season]
            sigma[row] = np.std(past[season:] - past[:-season])
        elif len(past):
            plan[row] = past.mean()
    safety = norm.ppf(policy.service) * sigma[:, None] * np.sqrt(policy.protection)
    return np.maximum(running(plan, policy.protection) + safety, 0)


@dataclass(frozen=True)
class Replay:
    """What a replayed store cost (N,), and how many units it lost, held and ordered in all."""

    cost: np.ndarray
    lost: float
    held: float
    ordered: float
    served: float


def replay(demand: np.ndarray, target: np.ndarray, policy: OrderPolicy, pack: np.ndarray | float = 1.0) -> Replay:
    """A store from its first order on: every ``review`` steps it orders up to ``target``; unserved demand is lost.

    It starts with stock for the lead time's share of the first target, so that no method has to live with another's.
    """
    N, steps = len(demand), target.shape[1]
    demand = np.nan_to_num(demand[:, :steps])
    pack = np.broadcast_to(np.asarray(pack, dtype=float), (N,))
    stock = target[:, 0] * policy.lead_time / policy.protection
    pipeline = np.zeros((N, policy.lead_time + 1))
    lost, held, ordered, cost = np.zeros(N), np.zeros(N), np.zeros(N), np.zeros(N)
    for step in range(steps):
        if step % policy.review == 0:
            short = np.maximum(target[:, step] - stock - pipeline.sum(1), 0)
            amount = whole_packs(short, pack)
            pipeline[:, policy.lead_time] += amount
            ordered += amount
        stock = stock + pipeline[:, 0]
        pipeline = np.concatenate([pipeline[:, 1:], np.zeros((N, 1))], axis=1)
        sold = np.minimum(stock, demand[:, step])
        lost += demand[:, step] - sold
        stock = stock - sold
        held += stock
        cost += policy.stockout_cost * (demand[:, step] - sold) + policy.holding_cost * stock
    wanted = float(demand.sum())
    served = 1 - float(lost.sum()) / wanted if wanted > 0 else 1.0
    return Replay(cost, float(lost.sum()), float(held.sum()), float(ordered.sum()), served)


def whole_packs(units: np.ndarray, pack: np.ndarray | float) -> np.ndarray:
    """Rounded up to whole packs; tiny excess of arithmetic does not open one more."""
    packs: np.ndarray = np.ceil(units / pack - 1e-9)
    return np.maximum(packs, 0) * pack


def tune_orders(predictions: Predictions, policy: OrderPolicy) -> Rule:
    """How far the steps' errors go together: the value that would have cost least on validation data."""
    truth = predictions.examples.truth
    assert truth is not None
    costs = {
        link: float(replay(truth, total(predictions, policy, link), policy, _packs(predictions, policy)).cost.sum())
        for link in LINKS
    }
    return Rule({"link": min(costs, key=lambda link: costs[link])})


def decide_orders(predictions: Predictions, policy: OrderPolicy, rule: Rule) -> Decision:
    """One order a series: what is missing to cover the protection time, in whole packs.

    Stock and what arrives within the lead time count where the data name them; what arrives later is only told.
    """
    target = total(predictions, policy, float(rule.numbers.get("link", 0.4)))
    frame, pack = predictions.examples.frame, _packs(predictions, policy)
    stock, coming, later = _position(predictions.examples, policy)
    units = whole_packs(np.maximum(target[:, 0] - stock - coming, 0), pack)
    expected = running(level_of(predictions.values, predictions.levels, 0.5), policy.protection)[:, 0]
    text = REASON.format(steps=policy.protection, level=policy.service)
    table = pd.DataFrame(
        {
            "id": frame["id"].to_numpy(), "series": frame["entity"].to_numpy(),
            "action": np.where(units > 0, "order", "no order"), "units": units, "expected demand": expected.round(2),
            "stock wanted": target[:, 0].round(2), "on hand": stock, "arrives in time": coming,
            "reason": [_reason(text, s, c, q) for s, c, q in zip(stock, coming, later, strict=True)],
        }
    )  # fmt: skip
    summary: dict[str, float | int | str] = {
        "orders": int((units > 0).sum()), "units": float(units.sum()), "service_level": round(policy.service, 4),
    }  # fmt: skip
    line = f"{int((units > 0).sum())} orders, {units.sum():,.0f} units for {policy.protection} steps"
    truth = predictions.examples.truth
    if truth is not None and np.isfinite(truth).any():
        ours, theirs = (
            replay(truth, target, policy, pack),
            replay(truth, classic_target(predictions, policy), policy, pack),
        )
        a, b = float(ours.cost.sum()), float(theirs.cost.sum())
        change = (a - b) / b if b > 0 else 0.0
        summary |= {
            "cost": a, "cost_classic_order": b, "cost_change": change, "units_lost": ours.lost,
            "units_lost_classic_order": theirs.lost, "served": ours.served, "served_classic_order": theirs.served,
        }  # fmt: skip
        line += f", cost {a:,.0f} ({change:+.1%} against the seasonal naive order), {ours.served:.1%} served"
    return Decision(table=table, headline=line, summary=summary, unit="money")


def _position(examples: Examples, policy: OrderPolicy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """On hand, on order within the lead time, on order later (N,) each; 0 where the data do not say."""
    frame, block = examples.frame, examples.inputs["series"]
    assert isinstance(block, Series)
    stock, order = (_column(frame, name, 0.0) for name in ("on_hand", "on_order"))
    if "order_due" not in frame:
        return stock, order, np.zeros(len(frame))
    due = pd.to_datetime(frame["order_due"], errors="coerce").to_numpy().astype("datetime64[ns]")
    step = 86_400.0 if block.step is None or len(block.step) < 2 else float(block.step[1] - block.step[0])
    last = frame["time"].to_numpy().astype("datetime64[ns]") + np.timedelta64(round(policy.lead_time * step), "s")
    in_time = np.isnat(due) | (due <= last)
    return stock, np.where(in_time, order, 0.0), np.where(in_time, 0.0, order)


def _reason(text: str, stock: float, coming: float, later: float) -> str:
    parts = [text]
    if stock or coming:
        parts.append(f"{stock:g} on hand and {coming:g} arriving in time are taken off")
    if later:
        parts.append(f"{later:g} on order arrive too late to count and may overstock")
    return "; ".join(parts)


def _packs(predictions: Predictions, policy: OrderPolicy) -> np.ndarray:
    pack = _column(predictions.examples.frame, "pack_size", policy.pack_size)
    if (pack <= 0).any():
        raise DataError(f"{int((pack <= 0).sum())} pack sizes are not above zero.", expected="Units a pack.")
    return pack


def _column(frame: pd.DataFrame, name: str, otherwise: float) -> np.ndarray:
    if name not in frame:
        return np.full(len(frame), otherwise)
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
    return np.where(np.isfinite(values), values, otherwise)


def order_up_to(position: float, reorder_point: float, target: float, pack: float = 1.0) -> float:
    """The (s, S) rule: nothing above the reorder point, else up to the target in whole packs."""
    if position > reorder_point:
        return 0.0
    return float(whole_packs(np.array([target - position]), pack)[0])
