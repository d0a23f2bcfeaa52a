"""The report: one file that needs no network, tells who won in words, and says the same as Markdown."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import toy

from verticals.data.checks import Finding
from verticals.pipeline.index_page import table_of, write_index
from verticals.pipeline.plots import figures_of
from verticals.pipeline.report import ReportContent, render, shown
from verticals_plugins import Decision, Examples, Predictions, Provenance, Section

N = 60


def predictions(
    values: np.ndarray, truth: np.ndarray | None, levels: tuple[float, ...] = (), **extras: np.ndarray
) -> Predictions:
    frame = pd.DataFrame(
        {"id": range(N), "entity": [f"<b>{i}</b>" for i in range(N)], "time": pd.Timestamp("2026-01-01")}
    )
    return Predictions(Examples(frame, {}, truth, None, ("paid", "late", "lost")), values, levels, extras)


def by_kind() -> dict[str, Predictions]:
    rng = np.random.default_rng(0)
    yes = rng.integers(0, 2, N)
    quantiles = np.sort(rng.normal(size=(N, 4, 3)), axis=2)
    item = np.argsort(rng.random((N, 5)), axis=1)
    return {
        "a chance": predictions(rng.random(N), yes),
        "a score": predictions(5 * rng.random(N), yes),
        "classes": predictions(rng.dirichlet(np.ones(3), N), rng.integers(0, 3, N)),
        "labels": predictions(
            rng.random((N, 2)), np.where(rng.random((N, 2)) < 0.1, np.nan, rng.integers(0, 2, (N, 2)))
        ),
        "quantiles": predictions(quantiles, rng.normal(size=(N, 4)), (0.1, 0.5, 0.9)),
        "a ranking": predictions(-np.sort(-rng.random((N, 5))), rng.integers(0, 5, N), item=item),
        "plans": predictions(np.array([{"stops": [1]}] * N, dtype=object), np.zeros(N)),
        "no truth": predictions(rng.random(N), None),
    }


def metrics(shipped: str = "core", decision: str = "core adds") -> dict[str, Any]:
    return {
        "task": "toy.late", "protocol": "by time", "seed": 3, "preset": "quick", "version": "0.1.0",
        "data": {"adapter": "table", "sources": [{"path": "/d/x.csv", "bytes": 9, "sha256": "ab" * 32, "rows": 70}],
                 "rows": {"main": 60}, "examples": 60, "dropped": {"size is missing": 10},
                 "dropped_where": {"size is missing": ["line 7"]}, "mapping": {"size": "AMT"}, "notes": {}},
        "split": {"train": 30, "test": 10, "test from": "2026-04-12T15:52:47.806567356"},
        "metric": "auroc", "unit": "day", "methods": {"core": {"auroc": 0.81}, "gbm": {"auroc": 0.7}},
        "intervals": {"core": {"auroc": [0.75, 0.86]}, "gbm": {"auroc": [0.6, 0.8]}},
        "test": {"core": {"value": 0.11, "ci95": [0.02, 0.2]}}, "shipped": shipped, "classic": "gbm",
        "gate": {"metric": "auroc", "candidate": "core", "classic": "gbm", "shipped": shipped, "difference": 0.1,
                 "ci95": [0.01, 0.2], "decision": decision, "units": 12},
        "decision": {"headline": "call 20 of 60", "unit": "EUR", "calls": 20, "saved": 1234.5,
                     "classic": {"headline": "call 30", "calls": 30, "saved": 1000.0}},
        "blend": {}, "core": {}, "policy": {"calls": 20}, "rule": {"threshold": 0.5},
        "warnings": ["the limit was near"], "seconds": {"fit core": 1.5},
    }  # fmt: skip


def content(one: Predictions, told: dict[str, Any] | None = None, *sections: Section) -> ReportContent:
    table = pd.DataFrame({"id": range(N), "action": ["call"] * 5 + ["wait"] * (N - 5), "reason": "<script>x</script>"})
    decision = Decision(table=table, headline="call 20 of 60", summary={"calls": 20}, unit="EUR")
    finding = Finding("warning", "size", "always 1: it tells nothing")
    return ReportContent(toy.TASK, told or metrics(), one, one, decision, Provenance("table"), (finding,), sections)


class Outside(HTMLParser):
    """Collects what a page would load or run, and checks that its elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [str(value) for name, value in attrs if name == "id"]
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "data") and value]


@pytest.mark.parametrize("kind", by_kind())
def test_every_kind_of_prediction_has_a_report_that_needs_no_network(kind: str, tmp_path: Path) -> None:
    render(content(by_kind()[kind]), tmp_path)
    page = Outside()
    page.feed((tmp_path / "report.html").read_text())
    assert all(one.startswith(("#", "data:")) for one in page.loads)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == 1 + len(figures_of({"core": by_kind()[kind]}))


def test_the_figures_fit_the_predictions() -> None:
    titles = {kind: [title for title, _ in figures_of({"core": one})] for kind, one in by_kind().items()}
    assert titles["a chance"] == ["Precision and recall", "ROC", "Reliability"]
    assert titles["a score"] == ["Precision and recall", "ROC"]
    assert titles["quantiles"] == ["Coverage of quantiles", "A forecast"]
    assert titles["a ranking"] == ["Share of truths among the first k"]
    assert titles["labels"] == ["ROC of each label"]
    assert titles["plans"] == titles["no truth"] == []


def test_the_report_tells_all_that_was_measured_and_dropped(tmp_path: Path) -> None:
    render(content(by_kind()["a chance"]), tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        for words in (
            "core ships: on the gate part it beats gbm by +0.1 [+0.01, +0.2]", "12 days resampled", "call 20 of 60",
            "0.81 [0.75, 0.86]", "1,234", "gbm alone", "dropped: size is missing", "line 7", "AMT",
            "the limit was near", "always 1: it tells nothing", "2026-04-12T15:52:47", "threshold 0.5", "Model card",
        ):  # fmt: skip
            assert words in text, (name, words)
        assert "806567356" not in text


def test_a_tie_and_a_loss_are_called_so_and_the_decision_is_told_once(tmp_path: Path) -> None:
    for decision, words in (
        ("tie", "A tie: gbm, the classic method, ships"),
        ("classic", "gbm, the classic method, ships"),
    ):
        render(content(by_kind()["a chance"], metrics("gbm", decision)), tmp_path)
        text = (tmp_path / "report.md").read_text()
        assert words in text
        assert "gbm alone" not in text


def test_data_cannot_smuggle_markup_into_the_page(tmp_path: Path) -> None:
    render(content(by_kind()["quantiles"]), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text


def test_sections_of_plugins_are_shown_and_a_broken_figure_costs_only_itself(tmp_path: Path) -> None:
    def broken(axes: Any) -> None:
        raise ZeroDivisionError("no data")

    table = pd.DataFrame({"owner": ["team | a"], "share": [np.float32(0.25)]})
    shown = Section("Map", html="<div id=m>here</div>")
    sections = (Section("Ownership", "who answers", table), shown, Section("Bad", figure=broken))
    render(content(by_kind()["a chance"], None, *sections), tmp_path)
    page, text = ((tmp_path / name).read_text() for name in ("report.html", "report.md"))
    assert "<div id=m>here</div>" in page
    assert "ZeroDivisionError: no data" in page
    assert "| team \\| a | 0.25 |" in text


def test_a_method_that_could_not_be_measured_is_a_dash_and_not_a_zero(tmp_path: Path) -> None:
    told = metrics()
    told["methods"]["gbm"]["auroc"], told["intervals"]["gbm"]["auroc"] = float("nan"), [None, None]
    render(content(by_kind()["a chance"], told), tmp_path)
    assert "| gbm | - [-, -] |" in (tmp_path / "report.md").read_text()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        render(content(by_kind()["a chance"]), tmp_path / name)
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (0.123456, "0.1235"), (np.float32(0.5), "0.5"), (np.int64(12345), "12,345"), (float("nan"), "-"),
     (12345.6, "12,346"), (None, ""), (pd.NaT, "-"), ({"a": 0.5}, "a 0.5"), (np.bool_(False), "no")],
)  # fmt: skip
def test_cells_are_written_for_people(value: Any, text: str) -> None:
    assert shown(value) == text


def test_the_index_has_a_row_a_run_with_a_link(tmp_path: Path) -> None:
    for name, shipped, decision in (("one", "core", "core adds"), ("two", "gbm", "tie")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics(shipped, decision) | {"task": f"toy.{name}"}))
    runs = [tmp_path / "one", tmp_path / "two"]
    write_index(runs, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert re.findall("href='([^']+)'", page) == ["one/report.html", "two/report.html"]
    lines = table_of(runs).splitlines()
    assert len(lines) == 3
    assert "core adds 0.1" in lines[1]
    assert "tie: classic ships" in lines[2]
    assert "0.81 [0.75, 0.86]" in lines[1]
