"""What a run shows on a terminal: a bar a stage, warnings, and at the end who won and what to do."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Terminal:
    """A watcher that draws a progress bar on standard error; a context manager."""

    def __init__(self, title: str) -> None:
        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        self.bars = Progress(*columns, console=self.console, transient=True)
        self.title = title
        self.bar = self.bars.add_task(title, total=1.0)

    def __enter__(self) -> Terminal:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self.bars.reset(self.bar, description=f"{self.title}: {name}", total=1.0)

    def progress(self, what: str, share: float) -> None:
        """A share of it is done."""
        self.bars.update(self.bar, description=f"{self.title}: {what}", completed=share)

    def note(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False, markup=False)


def summary(metrics: dict[str, Any], folder: str) -> str:
    """A run in a few lines: methods with intervals, the verdict, the decision, where to look."""
    from verticals.evaluate.gate import plural

    main = metrics["metric"]
    lines = [f"{metrics['task']}: {main} on the test part, [95 % interval]", ""]
    width = max(len(name) for name in metrics["methods"])
    for name, values in metrics["methods"].items():
        lo, hi = metrics["intervals"][name][main]
        mark = "  <- ships" if name == metrics["shipped"] else ""
        lines.append(f"  {name.ljust(width)}  {number(values[main])}  [{number(lo)}, {number(hi)}]{mark}")
    gate = metrics["gate"]
    lo, hi = gate["ci95"]
    lines += [
        "",
        f"gate: {gate['decision']}; {gate['candidate']} over {gate['classic']} {number(gate['difference'], '+')}"
        f" [{number(lo, '+')}, {number(hi, '+')}] over {gate['units']} {plural(metrics['unit'])} no fit has seen",
        f"decision: {metrics['decision']['headline']}",
        f"report: {folder}/report.html",
    ]
    return "\n".join(lines)


def number(value: float | None, sign: str = "") -> str:
    """Four significant digits; a dash for what could not be measured."""
    return "-" if value is None else f"{value:{sign}.4g}"
