"""``--explain-data``: how a file would be read, what each field holds and how sure that is. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from verticals.data.checks import Finding, check
from verticals.data.columnar import is_columnar, rows_in
from verticals.data.files import kind_of, scan, table_files
from verticals.data.match import plain, required
from verticals.data.raw import read_raw
from verticals.data.table import KNOWN_AT, TABLE, dataset_of
from verticals_plugins import (
    Adapter,
    Category,
    DataError,
    Dataset,
    Field,
    Number,
    ReadOptions,
    Schema,
    Sniff,
    Task,
    Time,
    VerticalsError,
)

ROWS = 10_000


@dataclass(frozen=True)
class Line:
    """What one field of the schema is read from, what is there, and why this column was taken."""

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
    total: int | None
    lines: tuple[Line, ...]
    dropped: Mapping[str, int]
    where: Mapping[str, list[str]]
    findings: tuple[Finding, ...]
    mapping: Mapping[str, str]
    problem: str = ""
    """Why a run on these data would stop, if it would."""

    def text(self) -> str:
        """For people."""
        others = len(self.said) - 1
        many = f"{self.rows:,} rows" if self.total is None else f"about {self.total:,} rows, {self.rows:,} looked at"
        head = f"{self.path}: {many}, read as {self.adapter!r}"
        why = self.said[self.adapter].why if self.adapter in self.said else "asked for"
        out = [f"{head} ({why}" + (f"; {others} other adapters said no, --json tells why)" if others > 0 else ")")]
        wide = [max([len(part), *(len(getattr(one, part)) for one in self.lines)]) for part in ("needed", "found")]
        out.append(f"  {'needed':{wide[0]}}  {'found':{wide[1]}}  how sure")
        for one in self.lines:
            mark = " " if one.must or one.found != "-" else "?"
            out.append(f"{mark} {one.needed:{wide[0]}}  {one.found:{wide[1]}}  {one.how_sure}".rstrip())
        for reason, count in self.dropped.items():
            places = ", ".join(self.where.get(reason, []))
            out.append(f"{rows_said(count)} will be dropped and counted: {reason}" + (f" ({places})" if places else ""))
        out += [f"{one.level}: {one.field}: {one.text}" for one in self.findings]
        out.append(f"error: {self.problem}" if self.problem else "write this mapping to a file: --save-map FILE.toml")
        return "\n".join(out)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def explain(task: Task, settings: Any) -> Explanation:
    """Read at most ``ROWS`` rows of the settings' data and say what each field of the task would be read from.

    Where needed columns of a plain table are missing, what was found of the others is told beside the error.

    Raises:
        DataError: nothing of the data can be read; no adapter takes them.
    """
    from verticals.pipeline.reading import choose, options_of, read

    path, problem = Path(settings.data), ""
    choice = choose(task, path, settings.adapter)
    try:
        dataset = read(task, replace(settings, adapter=choice.adapter.name), limit=ROWS)
    except DataError as err:
        found = as_far_as_it_goes(path, choice.adapter, options_of(task, settings, limit=ROWS, need_target=False))
        if found is None:
            raise
        dataset, problem = found, str(err)
    ledger = dataset.provenance.ledger
    findings = [Finding("note", "rows", line) for line in ledger.warnings] + check(dataset)
    looked_at = len(dataset.main) + sum(ledger.dropped.values())
    total = total_of(path) if looked_at >= ROWS else None
    return Explanation(
        settings.data, choice.adapter.name, choice.said, len(dataset.main),
        total if total is not None and total > looked_at else None,
        tuple(lines_of(dataset, task.schema, settings)), ledger.dropped, ledger.where, tuple(findings),
        dataset.provenance.mapping, problem,
    )  # fmt: skip


def as_far_as_it_goes(path: Path, adapter: Adapter, options: ReadOptions) -> Dataset | None:
    """The data without a target, a table also without the fields that no column carries; None if that fails too."""
    try:
        if adapter != TABLE:
            return adapter.read(path, options)
        raw = read_raw(path, options.options, limit=options.limit)
        known = {plain(one) for one in raw.table.column_names}
        there = [one for _, one in options.schema.roles() if known & {plain(name) for name in (one.name, *one.aliases)}]
        there += [one for _, one in options.schema.roles() if one.name in options.mapping and one not in there]
        named = {
            role: field if field in there else None
            for role, field in (
                ("entity", options.schema.entity), ("time", options.schema.time), ("target", options.schema.target),
                ("id", options.schema.id), ("label_time", options.schema.label_time),
            )
        }  # fmt: skip
        fields = tuple(one for one in options.schema.fields if one in there)
        partial: Schema = replace(options.schema, fields=fields, **named)  # type: ignore[arg-type]
        return dataset_of(raw, replace(options, schema=partial), adapter=TABLE.name) if there else None
    except VerticalsError:
        return None


def total_of(path: Path) -> int | None:
    """About how many rows the table files at ``path`` have, from line counts and footers; None if that is not known."""
    try:
        total = 0
        for file in table_files(path):
            rows = rows_in(file) if is_columnar(file) else scan(file).lines - 1 if kind_of(file) == "text" else None
            if rows is None:
                return None
            total += rows
    except VerticalsError:
        return None
    return total


def lines_of(dataset: Dataset, schema: Schema, settings: Any) -> list[Line]:
    """One line a field of the schema."""
    mapping, main = dataset.provenance.mapping, dataset.main
    out = []
    for role, field in schema.roles():
        must = required(role, field, True)
        if field.name not in main:
            help_ = f": {field.help}" if field.help else ""
            out.append(Line(field.name, "-", "not found, and needed" if must else f"not found{help_}", must))
            continue
        name = mapping.get(field.name, "-")
        said = [described(main[field.name], field), dataset.provenance.notes.get(field.name, "")]
        said.append(taken(role, field, name, settings.mapping) if mapping else "")
        out.append(Line(field.name, name, ", ".join(one for one in said if one), must))
    if schema.target is not None and schema.target.name in main and schema.time is not None:
        out.append(Line("label delay", "-", delay_of(main, schema, settings.label_delay_days), False))
    return out


def rows_said(count: int) -> str:
    """ "1 row", "1,200 rows"."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def taken(role: str, field: Field, column: str, given: Mapping[str, str]) -> str:
    """Why this column: as mapped, by the same name (nothing to say), or by another name."""
    if column == "-":
        return {"id": "the number of the row", "label_time": "from the dates of the target"}.get(role, "by the adapter")
    if field.name in given:
        return "as you mapped it"
    return "" if plain(column) == plain(field.name) else "by another name of the field"


def delay_of(main: pd.DataFrame, schema: Schema, given: float | None) -> str:
    """The label delay in force, beside what the data say where they tell when a target became known."""
    days = schema.label_delay_days if given is None else given
    in_force = f"using {days:g} days" + (", set --label-delay" if given is None else "")
    known = schema.label_time.name if schema.label_time is not None else KNOWN_AT
    assert schema.time is not None
    if known not in main or schema.time.name not in main:
        return in_force
    took = (main[known] - main[schema.time.name]).dropna().dt.total_seconds() / 86_400
    if not len(took):
        return in_force
    return (
        f"median {took.median():.3g} days, longest {took.max():.3g}, between {schema.time.name} and {known}: {in_force}"
    )


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
