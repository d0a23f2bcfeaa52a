"""The report of a run: one HTML file that opens without a network, and the same as Markdown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from verticals.data.checks import Finding
from verticals.evaluate.gate import plural
from verticals.pipeline import plots
from verticals.pipeline.files import write_atomic
from verticals_plugins import Decision, Predictions, Provenance, Section, Task
from verticals_plugins.manager import installed

ROWS = 20
"""Rows of a table that a report shows; the files hold all."""

STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
META = "<meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"


@dataclass(frozen=True)
class ReportContent:
    """All that a report tells. ``metrics`` is the content of metrics.json; predictions are of the test part."""

    task: Task
    metrics: dict[str, Any]
    shipped: Predictions
    classic: Predictions
    decision: Decision
    provenance: Provenance
    findings: tuple[Finding, ...] = ()
    sections: tuple[Section, ...] = ()


def render(content: ReportContent, folder: Path) -> None:
    """Write report.html and report.md."""
    parts = parts_of(content)
    write_atomic(folder / "report.html", as_html(content, parts).encode())
    write_atomic(folder / "report.md", as_markdown(content, parts).encode())


# ------------------------------------------------------------------------------------------- what a report has


def parts_of(content: ReportContent) -> list[Section]:
    """The sections in order; the same for every task."""
    named = {content.metrics["shipped"]: content.shipped, content.metrics["classic"]: content.classic}
    curves = [Section(title, figure=draw) for title, draw in plots.figures_of(named)]
    return [
        methods(content), *curves, decision(content), examples(content), *content.sections, data(content),
        split(content), model_card(content),
    ]  # fmt: skip


def methods(content: ReportContent) -> Section:
    """Every method with its interval on the test part; what ships is marked."""
    metrics = content.metrics
    main, labels = metrics["metric"], labels_of(content.task)
    rows = []
    for name, values in metrics["methods"].items():
        row: dict[str, Any] = {"method": name + (" (ships)" if name == metrics["shipped"] else "")}
        for metric, value in values.items():
            lo, hi = metrics["intervals"][name][metric]
            head: str = labels.get(str(metric), str(metric))
            row[head] = f"{number(value)} [{number(lo)}, {number(hi)}]"
        lead = metrics["test"].get(name)
        row["lead over " + metrics["classic"]] = "-" if lead is None else with_interval(lead)
        rows.append(row)
    lines: list[tuple[str, float, float, float, bool]] = []
    for name, values in metrics["methods"].items():
        value = values[main]
        if value is not None and value == value:  # what could not be measured has no place on the axis
            lo, hi = (value if one is None or one != one else one for one in metrics["intervals"][name][main])
            lines.append((name, value, lo, hi, name == metrics["shipped"]))
    text = (
        "Values on the test part, which no fit, blend, threshold or choice has seen, with 95 % intervals from a "
        f"bootstrap over {plural(metrics['unit'])}. ↑ larger is better, ↓ smaller is better."
    )
    label = labels.get(main) or str(main)
    return Section("Methods", text, pd.DataFrame(rows), figure=lambda ax: plots.intervals(ax, lines, label))


def labels_of(task: Task) -> dict[str, str]:
    """What people call each metric of the task, with an arrow towards the better side."""
    known = installed().metrics()
    every = (known.get(one) if isinstance(one, str) else one for one in (task.metric, *task.metrics))
    return {one.name: f"{one.label} {'↑' if one.larger_is_better else '↓'}" for one in every if one is not None}


def decision(content: ReportContent) -> Section:
    """What to do, in the unit of cost, beside what the classic method would have done."""
    told = content.metrics["decision"]
    classic = told["classic"]
    names = [name for name in told if name not in ("headline", "unit", "classic")]
    words = [name.replace("_", " ") for name in names]
    table = pd.DataFrame({"": words, content.metrics["shipped"]: [shown(told[name]) for name in names]})
    if content.metrics["shipped"] != content.metrics["classic"]:
        table[f"{content.metrics['classic']} alone"] = [shown(classic.get(name)) for name in names]
    units = {one.name: one.metadata.get("unit", "") for one in dataclasses.fields(content.task.policy)}
    policy = ", ".join(
        f"{name.replace('_', ' ')} {brief(value)} {units.get(name, '')}".rstrip()
        for name, value in content.metrics["policy"].items()
    )
    return Section("Decision", f"{told['headline']}. Unit: {told['unit']}. Policy: {policy or 'none'}.", table)


def examples(content: ReportContent) -> Section:
    """The first rows of what to do, with reasons."""
    table = content.decision.table
    return Section("First rows of the decision", f"All {len(table):,} are in decisions.csv.", first_rows(table))


def data(content: ReportContent) -> Section:
    """Where the data came from, and every row that was dropped."""
    found = content.metrics["data"]
    rows = [
        (f"file {Path(one['path']).name}", f"{one['rows']:,} rows, sha256 {one['sha256'][:12]}…")
        for one in found["sources"][:20]
    ]
    rows += [(f"table {name}", f"{count:,} rows") for name, count in found["rows"].items()]
    rows += [("examples", f"{found['examples']:,}")]
    rows += [
        (f"dropped: {reason}", f"{count:,} rows ({', '.join(found['dropped_where'].get(reason, []))})")
        for reason, count in found["dropped"].items()
    ]
    rows += [] if found["dropped"] else [("dropped", "no row")]
    rows += [(f"{field} is read from", column) for field, column in found["mapping"].items() if field != column]
    rows += [(f"{one.level}: {one.field}", one.text) for one in content.findings]
    rows += [("warning", line) for line in content.metrics["warnings"]]
    origin = "" if found["sources"] else " No file was read: the data were simulated, or given in memory."
    text = f"Read by {found['adapter']!r}.{origin} Nothing was repaired; what was dropped is counted here."
    return Section("Data", text, pd.DataFrame(rows, columns=["what", "found"]))


def split(content: ReportContent) -> Section:
    """How the examples were parted, and how long each stage took."""
    metrics = content.metrics
    rows = [(name, re.sub(r"(T\d\d:\d\d:\d\d)\.\d+$", r"\1", shown(value))) for name, value in metrics["split"].items()]
    rows += [(f"seconds: {name}", f"{value:.1f}") for name, value in metrics["seconds"].items() if value >= 0.05]
    return Section("Split and time", metrics["protocol"], pd.DataFrame(rows, columns=["", " "]))


def model_card(content: ReportContent) -> Section:
    """What it is for, what it was fitted on, and what it must not be used for."""
    metrics, parts = content.metrics, content.metrics["split"]
    core, schema = content.task.core, content.task.schema
    late = f", known {schema.label_delay_days:g} days later" if schema.label_delay_days else ""
    built = ", ".join(getattr(core, "stems", [getattr(core, "name", "")]))
    rows = [
        ("purpose", content.task.summary),
        ("ships", metrics["shipped"]),
        ("fitted on", f"{shown(parts.get('final', parts['train']))} examples; judged on {shown(parts['test'])} others"),
        ("predicts", "plans" if schema.target is None else f"{schema.target.name}{late}"),
        ("blend", "; ".join(f"{name}: {shown(value)}" for name, value in metrics["blend"].items()) or "none"),
        ("core", "; ".join(one for one in (built, shown(metrics["core"])) if one)),
        ("seed, preset, version", f"{metrics['seed']}, {metrics['preset']}, {metrics['version']}"),
        ("rule", shown(metrics["rule"]) or "none"),
        ("limits", "Valid for data like those above; watch for drift. A person answers for the decision."),
    ]
    return Section("Model card", "", pd.DataFrame(rows, columns=["", " "]))


def verdict(metrics: dict[str, Any]) -> str:
    """The gate's verdict in words."""
    gate = metrics["gate"]
    lo, hi = gate["ci95"]
    lead = f"{number(gate['difference'], '+')} [{number(lo, '+')}, {number(hi, '+')}]"
    if gate["shipped"] != gate["classic"]:
        head = f"{gate['shipped']} ships: on the gate part it beats {gate['classic']} by {lead}"
    elif gate["decision"].startswith("tie"):
        head = f"A tie: {gate['classic']}, the classic method, ships. {gate['candidate']} differs by {lead}"
    else:
        head = f"{gate['classic']}, the classic method, ships. {gate['candidate']} differs by {lead}"
    metric = gate["metric"].replace("_", " ")
    return f"{head} {metric} (95 % interval, {gate['units']} {plural(metrics['unit'])} resampled in pairs)."


# ----------------------------------------------------------------------------------------------- two renderings


def as_html(content: ReportContent, parts: Sequence[Section]) -> str:
    """The whole page."""
    metrics = content.metrics
    won = metrics["shipped"] != metrics["classic"]
    head = (
        f"<p class=soft>{escape(metrics['task'])} · seed {metrics['seed']} · preset {metrics['preset']}"
        f"{simulated(metrics)}</p>"
        f"<h1>{escape(content.task.summary)}</h1>"
        f"<p class=big>{escape(metrics['decision']['headline'])}</p>"
        f"<p class='verdict {'good' if won else 'tie'}'>{escape(verdict(metrics))}</p>"
    )
    body, figures = [], []
    for part in parts:
        if part.figure is not None and part.table is None and not part.html:
            caption = f"<figcaption>{escape(part.title)} {escape(part.text)}</figcaption>"
            figures.append(f"<figure>{drawn(part)}{caption}</figure>")
            continue
        body += [_row(figures), section_html(part)]
        figures = []
    body.append(_row(figures))
    return (
        f"<!doctype html><html lang=en>{META}"
        f"<title>{escape(metrics['task'])}</title><style>{STYLE}</style><main>{head}{''.join(body)}</main></html>\n"
    )


def simulated(metrics: dict[str, Any]) -> str:
    """A mark for runs without files."""
    return "" if metrics["data"]["sources"] else " · no files: simulated or given in memory"


def _row(figures: Sequence[str]) -> str:
    return f"<section><div class=row>{''.join(figures)}</div></section>" if figures else ""


def drawn(part: Section, width: float = 4.6, height: float = 3.4) -> str:
    """The section's figure; a line in its place when a plugin's figure cannot be drawn: it must not cost the report."""
    if part.figure is None:
        return ""
    try:
        return plots.as_svg(part.figure, title=part.title, width=width, height=height)
    except Exception as err:
        return f"<p class=soft>The figure could not be drawn: {escape(f'{type(err).__name__}: {err}')}</p>"


def section_html(part: Section) -> str:
    """A titled card with text, table, figure and markup of its own."""
    table = "" if part.table is None else f"<div class=wide>{table_html(part.table)}</div>"
    figure = drawn(part, width=7.2, height=2.6)
    text = f"<p class=soft>{escape(part.text)}</p>" if part.text else ""
    return f"<section><h2>{escape(part.title)}</h2>{text}{figure}{table}{part.html}</section>"


def first_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that people want to see first: the rarer actions, the higher scores."""
    if "action" not in table or table["action"].nunique() < 2:
        return table.head(ROWS)
    often = table["action"].map(table["action"].value_counts())
    score = table["probability"] if "probability" in table else pd.Series(0.0, table.index)
    order = pd.DataFrame({"often": often, "score": -score}).sort_values(["often", "score"], kind="stable").index
    return table.loc[order].head(ROWS)


def table_html(table: pd.DataFrame) -> str:
    """A table; the row whose first cell ends in "(ships)" stands out."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    rows = []
    for row in table.head(200).itertuples(index=False):
        mark = " class=ships" if str(row[0]).endswith("(ships)") else ""
        rows.append(f"<tr{mark}>{''.join(f'<td>{escape(shown(cell))}</td>' for cell in row)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def as_markdown(content: ReportContent, parts: Sequence[Section]) -> str:
    """The same without figures."""
    metrics = content.metrics
    out = [
        f"# {content.task.summary}",
        "",
        f"`{metrics['task']}`, seed {metrics['seed']}, preset {metrics['preset']}",
        "",
    ]
    out += [f"**{metrics['decision']['headline']}**", "", verdict(metrics), ""]
    for part in parts:
        if part.table is None and not part.text:
            continue
        out += [f"## {part.title}", "", part.text, ""]
        out += table_markdown(part.table) if part.table is not None else []
    return "\n".join(out) + "\n"


def table_markdown(table: pd.DataFrame) -> list[str]:
    """A table in pipes."""
    lines = ["| " + " | ".join(str(name) or " " for name in table.columns) + " |", "|" + " --- |" * len(table.columns)]
    for row in table.head(200).itertuples(index=False):
        lines.append("| " + " | ".join(shown(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |")
    return [*lines, ""]


def with_interval(lead: dict[str, Any]) -> str:
    """ "+0.01 [-0.01, +0.03]"."""
    lo, hi = lead["ci95"]
    return f"{number(lead['value'], '+')} [{number(lo, '+')}, {number(hi, '+')}]"


def number(value: float | None, sign: str = "") -> str:
    """Four significant digits."""
    return "-" if value is None or value != value else f"{value:{sign}.4g}"


def brief(value: Any) -> str:
    """A value of a policy for people; the content of a file is in metrics.json."""
    text = shown(value) or "none"
    return text if len(text) <= 60 else f"{text[:57]}…"


def shown(value: Any) -> str:
    """A cell for people."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()  # numpy's numbers are not all Python's
    if value is pd.NaT or value is pd.NA:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if value != value else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
    return "" if value is None else str(value)
