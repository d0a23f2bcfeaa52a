"""One page over several runs, and the same as a table for the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from verticals.pipeline.files import write_atomic
from verticals.pipeline.report import META, STYLE, number

COLUMNS = ("task", "shipped", "metric", "value [95 %]", "classic alone", "gate", "decision")


def table_of(runs: Sequence[Path]) -> str:
    """One row a run: what shipped, its value, the classic method's, the verdict, the decision."""
    rows = [COLUMNS, *(row_of(metrics_of(run)) for run in runs)]
    wide = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
    return "\n".join(f"  {line}" for line in lines)


def write_index(runs: Sequence[Path], path: Path) -> None:
    """Write the page; links are relative to it."""
    rows = []
    for run in runs:
        cells = row_of(metrics_of(run))
        link = escape((run / "report.html").relative_to(path.parent).as_posix())
        first = f"<td><a href='{link}'>{escape(cells[0])}</a></td>"
        rows.append("<tr>" + first + "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:]) + "</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    text = (
        "Every run fits the strongest classic method beside the core and ships what wins on a part that no fit has "
        "seen. Values are on the test part. A tie is called a tie."
    )
    page = (
        f"<!doctype html><html lang=en>{META}<title>verticals</title><style>{STYLE} main{{max-width:1320px}}</style>"
        f"<main><h1>verticals</h1><p class=soft>{text}</p><section class=wide><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></section></main></html>\n"
    )
    write_atomic(path, page.encode())


def metrics_of(run: Path) -> dict[str, Any]:
    """metrics.json of a run."""
    content: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return content


def row_of(metrics: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one run."""
    name, shipped, gate = metrics["metric"], metrics["shipped"], metrics["gate"]
    value = metrics["methods"][shipped][name]
    lo, hi = metrics["intervals"][shipped][name]
    classic = metrics["methods"][metrics["classic"]][name]
    if gate["shipped"] != gate["classic"]:
        verdict = f"{gate['shipped']} adds {number(gate['difference'])}"
    else:
        verdict = "tie: classic ships" if gate["decision"].startswith("tie") else "classic ships"
    return (
        metrics["task"], members(metrics), name, f"{number(value)} [{number(lo)}, {number(hi)}]", number(classic),
        verdict, metrics["decision"]["headline"],
    )  # fmt: skip


def members(metrics: dict[str, Any]) -> str:
    """What ships; a blend with its members."""
    parts = metrics["blend"].get(metrics["shipped"], {})
    inside = [name for name in parts if name in metrics["methods"]]
    return f"{metrics['shipped']}({', '.join(inside)})" if inside else metrics["shipped"]
