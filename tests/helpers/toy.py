"""A small task for the tests of the pipeline: accounts with a past, some of which pay late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals.data.splits import TimeSplit
from verticals_plugins import (
    Category,
    CoreSpec,
    Dataset,
    Decision,
    Events,
    Examples,
    Id,
    Number,
    Predictions,
    Provenance,
    Rule,
    Schema,
    Table,
    Task,
    Time,
    hookimpl,
    policy_field,
)

SCHEMA = Schema(
    id=Id("id"),
    entity=Category("account"),
    time=Time("when", required=True),
    target=Category("late"),
    fields=(Number("size", required=True), Category("kind")),
    label_delay_days=2.0,
)
DAY = np.timedelta64(86_400_000_000_000, "ns")


def simulate(seed: int, rows: int = 1500) -> Dataset:
    """Rows in order of time; a row is late more often when it is large for its account and of kind b."""
    rng = np.random.default_rng(seed)
    account = rng.integers(0, 60, rows)
    typical = rng.lognormal(3, 0.5, 60)
    size = typical[account] * rng.lognormal(0, 0.6, rows)
    kind = rng.choice(["a", "b", "c"], rows)
    chance = 1 / (1 + np.exp(-(2 * np.log(size / typical[account]) + 1.5 * (kind == "b") - 2)))
    when = np.datetime64("2026-01-01", "ns") + (np.sort(rng.random(rows)) * 120 * 86_400e9).astype("timedelta64[ns]")
    frame = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(rows)],
            "account": [f"acc{a}" for a in account],
            "when": when,
            "size": size,
            "kind": kind,
            "late": (rng.random(rows) < chance).astype(int),
        }
    )
    return Dataset({"main": frame}, SCHEMA, Provenance("simulator"))


class Past:
    """Each row with its account's earlier rows; lateness of those is revealed after the label delay."""

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        new = dataset.main.assign(_new=True)
        every = new if past is None else pd.concat([past.main.assign(_new=False), new], ignore_index=True)
        every = every.sort_values(["account", "when", "id"], kind="stable").reset_index(drop=True)
        when = every["when"].to_numpy().astype("datetime64[ns]")
        seconds = when.astype("int64") / 1e9
        first = every.groupby("account", sort=False, observed=True)["when"].transform("cumcount").to_numpy()
        place = np.arange(len(every))
        delay = dataset.schema.label_delay_days
        late = pd.to_numeric(every.get("late", pd.Series(np.nan, every.index))).to_numpy(dtype=float)
        revealed = np.where(np.isnan(late), np.inf, seconds + delay * 86_400)
        log = np.log(every["size"].to_numpy(dtype=float))
        mean = (
            pd.Series(log)
            .groupby(every["account"], observed=True)
            .transform(lambda one: one.shift().expanding().mean())
            .to_numpy()
        )
        table = pd.DataFrame({"log_size": log, "against_past": log - mean, "kind": every["kind"].astype(str)})
        events = Events(
            pd.DataFrame({"log_size": log, "kind": every["kind"].astype(str), "late": np.nan_to_num(late)}),
            seconds, place - first, place, seconds, {"late": revealed},
        )  # fmt: skip
        frame = every[["id", "account", "when", "size"]].rename(columns={"account": "entity", "when": "time"})
        frame = frame.assign(day=when.astype("datetime64[D]").astype(str))
        known = None if np.isnan(late).any() else late.astype(int)
        examples = Examples(
            frame, {"table": Table(table), "events": events}, known,
            when + np.timedelta64(int(delay * 86_400), "s"), ("paid", "late"),
        )  # fmt: skip
        wanted = np.flatnonzero(every["_new"].to_numpy())
        order = wanted[np.lexsort((every["id"].to_numpy()[wanted], when[wanted]))]
        return examples.take(order)

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset:
        return dataset if past is None else dataset.with_main(pd.concat([past.main, dataset.main], ignore_index=True))


@dataclass(frozen=True)
class Calls:
    """Whom to call."""

    calls: int = policy_field(20, help="calls that can be made", unit="calls")
    cost: float = policy_field(1.0, help="cost of a call", unit="EUR")


def decide(predictions: Predictions, policy: Calls, rule: Rule) -> Decision:
    chosen = np.argsort(-predictions.values, kind="stable")[: policy.calls]
    frame = predictions.examples.frame
    action = np.full(len(frame), "wait", dtype=object)
    action[chosen] = "call"
    table = pd.DataFrame({"id": frame["id"], "action": action})
    return Decision(
        table=table, headline=f"call {len(chosen)} of {len(frame)}", summary={"calls": len(chosen)}, unit="EUR"
    )


TASK = Task(
    name="toy.late",
    summary="Who pays late",
    schema=SCHEMA,
    adapters=("table",),
    demo=simulate,
    examples=Past(),
    split=TimeSplit(),
    core=CoreSpec(
        stems=("events", "table"),
        causal=True,
        width=16,
        layers=1,
        heads=2,
        epochs=2,
        objective="next_event",
        pretrain_epochs=1,
        options={"events": {"length": 8}},
    ),
    baselines=("gbm", "logistic"),
    metric="auroc",
    metrics=("average_precision", "brier"),
    decide=decide,
    policy=Calls,
)


class Plugin:
    """The toy as a plugin."""

    @hookimpl
    def verticals_tasks(self) -> Iterable[Task]:
        return [TASK]
