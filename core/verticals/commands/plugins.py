"""``verticals list``, ``doctor``, ``plugin new``, ``plugin check``: what is installed, and whether it is in order."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

from verticals_plugins import PluginError, Task, UsageError, VerticalsError
from verticals_plugins.manager import KINDS, ONLY, Plugin, Plugins, find, installed, load

_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?.*\bextra\s*==\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True)
class Report:
    """What ``doctor`` says of one plugin."""

    name: str
    distribution: str
    version: str
    state: str
    tasks: tuple[str, ...] = ()
    reason: str = ""


def list_all(args: argparse.Namespace) -> int:
    """Print the tasks, adapters and plugins, and what each needs. Returns 0."""
    plugins = load()
    tasks, adapters = plugins.tasks(), plugins.adapters()
    lacking = {name: missing_packages(plugin) for name, plugin in plugins.known.items()}
    if getattr(args, "json", False):
        found = {
            "tasks": [{"name": one.name, "summary": one.summary, "needs": needs(one)} for one in tasks.values()],
            "adapters": [{"name": one.name, "summary": one.summary} for one in adapters.values()],
            "plugins": [vars(one) for one in examine(plugins)],
        }
        print(json.dumps(found, indent=2))
        return 0
    _table("tasks", [(one.name, one.summary, "needs " + ", ".join(needs(one))) for one in tasks.values()])
    _table("adapters", [(one.name, one.summary) for one in adapters.values()])
    rows = [(one.name, f"{one.distribution} {one.version}", one.state) for one in plugins.known.values()]
    _table("plugins", [(*row, _install_line(row[0], lacking[row[0]])) for row in rows])
    return 0


def needs(task: Any) -> list[str]:
    """The columns that a task's main table must have."""
    schema = task.schema
    roles = [one.name for role, one in schema.roles() if role in ("entity", "time", "target") or one.required]
    return roles or ["nothing by name"]


def doctor(args: argparse.Namespace) -> int:
    """Print each plugin with distribution, version, state and reason; returns 4 if one failed, else 0."""
    plugins = load()
    reports = examine(plugins)
    clashes = _clashes(plugins)
    unknown = _unknown(plugins)
    if getattr(args, "json", False):
        print(json.dumps({"plugins": [vars(one) for one in reports], "clashes": clashes, "not installed": unknown}))
    else:
        _table("", [_doctor_row(one) for one in reports])
        for line in (*clashes, *(f"{ONLY} names {name!r}, which is not installed." for name in unknown)):
            print(f"error: {line}")
        for name, plugin in plugins.known.items():
            if line := _install_line(name, missing_packages(plugin)):
                print(f"{name}: {line}")
    return PluginError.exit_code if clashes or any(one.state == "failed" for one in reports) else 0


def plugin_new(args: argparse.Namespace) -> int:
    """Write the skeleton of a plugin. Returns 0."""
    from verticals_plugins.template import write

    home = write(args.name, Path(args.out))
    if args.json:
        print(json.dumps({"folder": str(home)}))
        return 0
    print(f"{home} written. Next:\n")
    print(f"  pip install -e {home}\n  verticals plugin check {args.name}\n  verticals run --demo {args.name}.job")
    return 0


def plugin_check(args: argparse.Namespace) -> int:
    """Run the conformance suite on each task of a plugin; returns 4 if a check failed, else 0."""
    from verticals.pipeline.conformance import PipelineRunner
    from verticals_plugins.testing import examine as suite

    failed, found = False, {}
    for task in _tasks_of(args.name, getattr(args, "task", None)):
        outcomes = []
        for one in suite(task, PipelineRunner()):
            outcomes.append(one)
            if one.state == "failed" and not args.json:
                print(f"{task.name}: {one.check} failed: {one.why}", flush=True)
        count = {state: sum(one.state == state for one in outcomes) for state in ("passed", "failed", "does not apply")}
        failed = failed or bool(count["failed"])
        found[task.name] = [vars(one) for one in outcomes]
        if not args.json:
            print(f"{task.name}: " + ", ".join(f"{n} {state}" for state, n in count.items() if n), flush=True)
    if args.json:
        print(json.dumps(found, indent=2))
    return PluginError.exit_code if failed else 0


def _tasks_of(name: str, only: str | None) -> list[Task]:
    """The tasks of a plugin, or the one named.

    Raises:
        UsageError: there is no such plugin or task.
        PluginError: the plugin failed, or registers no task.
    """
    plugins = installed()
    plugin = find("plugin", plugins.known, name)
    tasks: list[Task] = plugins.registered(name, "verticals_tasks")
    if plugin.error is not None:
        raise PluginError(f"Plugin {plugin.where} failed: {reason_of(plugin.error)}")
    if plugin.blocked:
        raise UsageError(f"Plugin {plugin.where} is not in {ONLY}.", todo=f"Add {name} to {ONLY}, or unset it.")
    if not tasks:
        raise PluginError(f"Plugin {plugin.where} registers no task.", expected="At least one in verticals_tasks.")
    return tasks if only is None else [find("task", {one.name: one for one in tasks}, only)]


def examine(plugins: Plugins) -> list[Report]:
    """Ask each plugin, apart from the others, for all it registers; say what came of it."""
    reports = []
    for plugin in plugins.known.values():
        tasks = tuple(one.name for one in plugins.registered(plugin.name, "verticals_tasks"))
        for hook in KINDS:
            plugins.registered(plugin.name, hook)
        reason = reason_of(plugin.error) if plugin.error else f"not in {ONLY}" if plugin.blocked else ""
        known = tasks if plugin.state == "ready" else ()
        reports.append(Report(plugin.name, plugin.distribution, plugin.version, plugin.state, known, reason))
    return reports


def reason_of(error: Exception) -> str:
    """One line: our own errors as they are, others with their type and the innermost place in the plugin's code."""
    if isinstance(error, VerticalsError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace is not None else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + place


def missing_packages(plugin: Plugin) -> list[str]:
    """Packages of the extra named like the plugin, in the plugin's own distribution, that are not installed."""
    try:
        declared = requires(plugin.distribution) or []
    except PackageNotFoundError:
        return []
    found = [match.groups() for line in declared if (match := _REQUIREMENT.match(line))]
    return [package for package, extra in found if extra == plugin.name and not _is_installed(package)]


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def _install_line(extra: str, missing: Sequence[str]) -> str:
    return f"lacks {', '.join(missing)}; install with: pip install 'verticals[{extra}]'" if missing else ""


def _clashes(plugins: Plugins) -> list[str]:
    """Names that two plugins register, as the errors that a run would show."""
    found = []
    for hook in KINDS:
        try:
            plugins.collect(hook)
        except PluginError as err:
            found.append(str(err))
    return found


def _unknown(plugins: Plugins) -> list[str]:
    wanted = os.environ.get(ONLY, "")
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    return [name for name in names if name not in plugins.known]


def _doctor_row(report: Report) -> tuple[str, ...]:
    what = ", ".join(report.tasks) or report.name
    return f"{report.distribution} {report.version}", what, report.state, report.reason


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns, after a title."""
    if title:
        print(f"{title}:")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(("  " if title else "") + line.rstrip())
    if not rows:
        print("  none")
