"""A run: what it measures, who wins, what is decided, what is written."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd

from verticals_plugins.testing.compare import difference
from verticals_plugins.testing.json_schema import violations
from verticals_plugins.testing.outcome import expect
from verticals_plugins.testing.subject import SEED, Subject


def run_finishes(subject: Subject) -> None:
    """The pipeline goes through and leaves its files."""
    names = {path.name for path in subject.run.folder.iterdir()}
    lacking = {"metrics.json", "report.html", "report.md", "bundle", "decisions.csv"} - names
    expect(not lacking, f"the run left no {sorted(lacking)}")


def metrics_fit_the_published_schema(subject: Subject) -> None:
    """metrics.json is a public format."""
    found = violations(_metrics(subject), subject.runner.metrics_schema())
    expect(not found, "; ".join(found[:5]))


def gate_compares_a_classic_method(subject: Subject) -> None:
    """What ships is the best classic method, or one whose lead excludes zero."""
    metrics = _metrics(subject)
    gate, names = metrics["gate"], {one if isinstance(one, str) else one.name for one in subject.task.baselines}
    expect(gate["classic"] in names, f"the gate compared with {gate['classic']!r}, which is no baseline of the task")
    expect(metrics["shipped"] in metrics["methods"], f"{metrics['shipped']!r} ships and was not measured")
    better = metrics["shipped"] == gate["classic"] or gate["ci95"][0] > 0
    expect(better, f"{metrics['shipped']} ships with a lead of {gate['ci95']}")


def decision_says_what_to_do(subject: Subject) -> None:
    """One row an action, a headline, a unit of cost."""
    decision = subject.run.decision
    lacking = {"id", "action"} - set(decision.table.columns)
    expect(not lacking, f"the decision's table lacks {sorted(lacking)}")
    expect(len(decision.table) > 0, "the decision's table is empty")
    expect(bool(decision.headline.strip()), "the decision has no headline")
    expect(bool(decision.unit.strip()), "the decision has no unit of cost")
    expect(bool(decision.table["action"].notna().all()), "a row of the decision has no action")


def report_renders_and_needs_no_network(subject: Subject) -> None:
    """One file that opens offline, and the same as Markdown."""
    html = (subject.run.folder / "report.html").read_text()
    expect(subject.task.name in html, "report.html does not name the task")
    expect(html.rstrip().endswith("</html>"), "report.html is cut off")
    outside = re.findall(r"(?:src|href)\s*=\s*[\"']?(https?://[^\"' >]+)|@import\s+url\(", html)
    expect(not outside, f"report.html needs a network: {outside[:3]}")
    expect(
        subject.run.decision.headline in (subject.run.folder / "report.md").read_text(), "report.md lacks the decision"
    )


def same_seed_gives_the_same_result(subject: Subject) -> None:
    """Metrics and decisions, bit for bit."""
    again = subject.runner.run(subject.task, subject.task.demo(SEED), subject.folder / "again", SEED)
    found = difference(_timeless(subject.run.metrics), _timeless(again.metrics), "metrics")
    found = found or difference(_decided(subject.run), _decided(again), "decisions")
    expect(not found, f"two runs of one seed differ: {found}")


def _metrics(subject: Subject) -> dict[str, Any]:
    return dict(json.loads((subject.run.folder / "metrics.json").read_text()))


def _timeless(metrics: Any) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name != "seconds"}


def _decided(run: Any) -> pd.DataFrame:
    return pd.read_csv(run.folder / "decisions.csv")


CHECKS = (
    run_finishes,
    metrics_fit_the_published_schema,
    gate_compares_a_classic_method,
    decision_says_what_to_do,
    report_renders_and_needs_no_network,
    same_seed_gives_the_same_result,
)
