"""Plain enrolment tables: CSV, parquet or Arrow with a learner, a course and a time, and perhaps a catalogue beside."""

from __future__ import annotations

from pathlib import Path

from verticals.data.files import kind_of, table_files
from verticals.data.match import plain
from verticals.data.raw import Raw, read_raw
from verticals.data.table import OPTIONS, dataset_of, sniff_table
from verticals_education.adapters.common import CATALOGUE_NAMES, TEXT_OPTIONS, Found, catalogue_beside, finished
from verticals_education.schema import COURSE, LEARNER
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, Sniff, VerticalsError


def read_enrolments(path: Path, options: ReadOptions) -> Dataset:
    """Read a table of enrolments; in a folder, a file named catalogue or courses is the catalogue.

    Raises:
        DataError: a column is missing, times are ambiguous, or a request names no learner.
    """
    file = _enrolment_file(path)
    raw = read_raw(file, options.options, limit=options.limit)
    _refuse_events(raw)
    dataset = dataset_of(raw, options, adapter="education.enrolments")
    ledger = dataset.provenance.ledger
    if not options.need_target:
        _refuse_nameless(file, dataset)
    kept = [name for name in ("id", "learner", "time", "course", "completed", "split") if name in dataset.main]
    found = Found(
        dataset.main[kept].copy(), "education.enrolments", dataset.provenance.sources, ledger,
        dataset.provenance.mapping, dict(dataset.provenance.notes),
    )  # fmt: skip
    return finished(found, options, catalogue_beside(path, options, ledger))


def sniff_enrolments(path: Path) -> Sniff:
    """A table with a column for the learner and one for the course."""
    try:
        file = _enrolment_file(path)
        general = sniff_table(file)
        if not general.score:
            return general
        columns = {plain(name) for name in read_raw(file, limit=5).table.column_names}
    except (VerticalsError, OSError, ValueError) as err:
        return Sniff(0.25 if _has_table(path) else 0.0, f"a table that cannot be opened: {err}")
    who, what = ({plain(one) for one in (f.name, *f.aliases)} & columns for f in (LEARNER, COURSE))
    if who and what:
        return Sniff(0.6, "a table of learners and courses")
    return Sniff(0.3, "a table whose columns must be mapped")


def _has_table(path: Path) -> bool:
    return bool(kind_of(path)) or (path.is_dir() and any(kind_of(one) for one in path.iterdir()))


def _enrolment_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = [one for one in table_files(path) if one.name.split(".")[0].casefold() not in CATALOGUE_NAMES]
    if len(files) == 1:
        return files[0]
    named = [one for one in files if "enrol" in one.name.casefold()]
    if len(named) == 1:
        return named[0]
    if not files:
        raise DataError(f"{path} holds a catalogue and no enrolments.", expected="A table of who took what, and when.")
    raise DataError(
        f"{path} holds {len(files)} tables ({', '.join(one.name for one in files[:5])}).",
        expected="One table of enrolments, and perhaps one named catalogue or courses.",
        todo="Give the file of enrolments; name the catalogue with --option catalogue=FILE.",
    )


def _refuse_events(raw: Raw) -> None:
    """Moodle's own table of log events has a learner, a course and a time in each row, and is no list of enrolments."""
    if {"eventname", "userid", "courseid", "timecreated"} <= {plain(name) for name in raw.table.column_names}:
        raise DataError(
            f"{raw.name} is Moodle's table of log events: one row an event, not an enrolment.",
            expected="A row an enrolment, or the log as its report exports it.",
            todo="Export the log from Reports > Logs, or keep each user's first row in each course without eventname.",
        )


def _refuse_nameless(file: Path, dataset: Dataset) -> None:
    """A request without a learner is an error, not a row to drop in silence."""
    column = dataset.provenance.mapping.get("learner", "learner")
    reason = f"{column} is missing"
    if reason in dataset.provenance.ledger.dropped:
        where = ", ".join(dataset.provenance.ledger.where.get(reason, []))
        raise DataError(
            f"{file.name}: a request names no learner ({where}).", expected=f"An identifier in {column!r} of each row."
        )


ENROLMENTS = Adapter(
    name="education.enrolments",
    summary="a table of enrolments: learner, course, time (CSV, parquet, Arrow), with a catalogue beside it",
    sniff=sniff_enrolments,
    read=read_enrolments,
    options={**OPTIONS, **TEXT_OPTIONS},
)
