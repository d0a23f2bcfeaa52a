"""``--explain-data``: how a file would be read, what each field holds and how sure that is. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from verticals.data.checks import Finding, check
from verticals.data.match import required
from verticals_plugins import Category, Dataset, Field, Number, Sniff, Task, Time

ROWS = 10_000


@dataclass(frozen=True)
class Line:
    """What one field of the schema is read from."""

    needed: str
    found: str
    how_sure: str
    must: bool


@dataclass(frozen=True)
class Explanation:
    """What :func:`explain` found."""

    path: str
    adapter: str
    said: Mapping[str, Sniff]
    rows: int
    lines: tuple[Line, ...]
    dropped: Mapping[str, int]
    where: Mapping[str, list[str]]
    findings: tuple[Finding, ...]
    mapping: Mapping[str, str]

    def text(self) -> str:
        """For people."""
        others = [f"{name}: {one.why}" for name, one in self.said.items() if name != self.adapter]
        head = f"{self.path}: {self.rows:,} rows, read as {self.adapter!r}"
        out = [head + (f" ({len(others)} other adapters: {'; '.join(others)})" if others else "")]
        wide = [max(len(getattr(one, part)) for one in self.lines) for part in ("needed", "found")]
        wide = [max(wide[0], 6), max(wide[1], 5)]
        out.append(f"  {'needed':{wide[0]}}  {'found':{wide[1]}}  how sure")
        for one in self.lines:
            mark = " " if one.must or one.found != "-" else "?"
            out.append(f"{mark} {one.needed:{wide[0]}}  {one.found:{wide[1]}}  {one.how_sure}".rstrip())
        for reason, count in self.dropped.items():
            places = ", ".join(self.where.get(reason, []))
            out.append(f"{count} rows will be dropped and counted: {reason}" + (f" ({places})" if places else ""))
        out += [f"{one.level}: {one.field}: {one.text}" for one in self.findings]
        out.append("write this mapping to a file: --save-map FILE.toml")
        return "\n".join(out)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def explain(task: Task, settings: Any) -> Explanation:
    """Read at most ``ROWS`` rows of the settings' data and say what each field of the task would be read from."""
    from verticals.pipeline.reading import choose, read

    choice = choose(task, Path(settings.data), settings.adapter)
    dataset = read(task, replace(settings, adapter=choice.adapter.name), limit=ROWS)
    ledger = dataset.provenance.ledger
    findings = [Finding("note", "rows", line) for line in ledger.warnings] + check(dataset)
    return Explanation(
        settings.data, choice.adapter.name, choice.said, len(dataset.main), tuple(lines_of(dataset)), ledger.dropped,
        ledger.where, tuple(findings), dataset.provenance.mapping,
    )  # fmt: skip


def lines_of(dataset: Dataset) -> list[Line]:
    """One line a field of the schema."""
    schema, mapping = dataset.schema, dataset.provenance.mapping
    out = []
    for role, field in schema.roles():
        name = mapping.get(field.name, field.name if field.name in dataset.main else "-")
        note = dataset.provenance.notes.get(field.name, "")
        said = (
            described(dataset.main[field.name], field) if field.name in dataset.main else _absent(role, field, dataset)
        )
        must = required(role, field, True)
        out.append(Line(field.name, name, f"{said}{', ' + note if note else ''}", must))
    if schema.target is not None and schema.label_time is None:
        out.append(Line("label delay", "-", f"using {schema.label_delay_days:g} days, set --label-delay", False))
    return out


def described(column: pd.Series, field: Field) -> str:
    """What a column holds, in a few words."""
    known = column.dropna()
    if not len(known):
        return "always missing"
    if isinstance(field, Number):
        return f"number, {known.min():,.6g} … {known.max():,.6g}{' ' + field.unit if field.unit else ''}"
    if isinstance(field, Time) and pd.api.types.is_datetime64_any_dtype(known):
        return f"{known.min():%Y-%m-%d %H:%M:%S} … {known.max():%Y-%m-%d %H:%M:%S}"
    if isinstance(field, Category):
        counts = known.astype(str).value_counts()
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.head(3).items())
        return f"{len(counts):,} values ({shown}{', …' if len(counts) > 3 else ''})"
    return f"{known.nunique():,} values"


def _absent(role: str, field: Field, dataset: Dataset) -> str:
    return (
        "not found, and needed"
        if required(role, field, True)
        else f"not found{': ' + field.help if field.help else ''}"
    )
