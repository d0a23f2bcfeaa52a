"""The built-in tasks on little simulated data, for tests that go through whole runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from verticals_plugins import Baseline, Budget, CoreSpec, Dataset, Examples, Task
from verticals_plugins.types import no_violations


def demos() -> dict[str, Callable[[int], Dataset]]:
    """Each task's own simulator, asked for a third or less of what a demo shows."""
    from verticals_education.simulate import simulate_faculty
    from verticals_finance.fraud.simulate import simulate as simulate_payments
    from verticals_healthcare.simulate import simulate_ward
    from verticals_logistics.simulate import simulate_city
    from verticals_manufacturing.simulate import simulate_pieces
    from verticals_retail.demand.simulate import simulate_store

    return {
        "finance.fraud": partial(simulate_payments, cards=180, terminals=90, days=70),
        "healthcare.diagnosis": partial(simulate_ward, patients=360),
        "manufacturing.defects": partial(simulate_pieces, pieces=180),
        "manufacturing.anomalies": partial(simulate_pieces, pieces=180),
        "retail.demand": partial(simulate_store, items=14),
        "logistics.routes": partial(simulate_city, days=10),
        "education.courses": partial(simulate_faculty, learners=350),
    }


class Hasty:
    """A planner that tries few plans."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.name = inner, inner.name

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        self.inner.fit(train, valid, replace(budget, iterations=budget.iterations or 200))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def hasty(one: str | Baseline) -> str | Baseline:
    """The same method, in a hurry."""
    return one if isinstance(one, str) else replace(one, build=lambda task: Hasty(one.build(task)))


def small(task: Task) -> Task:
    """The task with a little demo, with a core that is trained for one pass, and with planners in a hurry."""
    changes: dict[str, Any] = {"demo": demos().get(task.name, task.demo)}
    if isinstance(task.core, Baseline) and task.verify is not no_violations:
        changes |= {"core": hasty(task.core), "baselines": tuple(map(hasty, task.baselines))}
    if isinstance(task.core, CoreSpec):
        passes = min(1, task.core.pretrain_epochs)
        changes["core"] = replace(task.core, epochs=1, pretrain_epochs=passes, members=1)
    return replace(task, **changes)
