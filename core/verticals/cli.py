"""The command line: ``verticals``. Help and lists start without torch or pandas."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import verticals
from verticals_plugins.errors import VerticalsError

EPILOG = """examples:
  verticals run --demo all                              every industry on simulated data
  verticals run TASK --help                             the options of a task, those of its policy too
  verticals run TASK --data DIR --explain-data          how the data would be read; runs nothing
  verticals run TASK --data DIR --out RUN               files in, decision, report and bundle out
  verticals predict RUN --data FILE -o OUT.csv          score new data
"""
RUN_EPILOG = """Name the task to see the options of its policy: verticals run TASK --help.
Exit codes: 0 done, 2 the call does not fit, 3 the data cannot be used, 4 a plugin failed, 5 a package is missing.
"""
POLICY = "policy_"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run; returns the exit code. Errors that are ours to explain are one message, without a traceback."""
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        args = parser_for(words).parse_args(words)
        return int(args.call(args))
    except VerticalsError as err:
        print(f"error: {err.found}", file=sys.stderr)
        for line in (err.expected, err.todo):
            if line:
                print(f"       {line}", file=sys.stderr)
        return err.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; there is nobody to tell
        return 0
    except KeyboardInterrupt:
        how = "; take it up again with: verticals run --resume RUN" if words[0] == "run" else ""
        print(f"stopped{how}", file=sys.stderr)
        return 130


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; ``run TASK`` gets the options of that task's policy, which only the task knows."""
    parser = argparse.ArgumentParser(
        prog="verticals", description="Data in, decision out, with proof that the large model earns its place.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"verticals {verticals.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _run(commands, words)
    _predict(commands)
    _others(commands)
    _plugins(commands)
    _foreign(commands, words)
    return parser


def _run(commands: Any, words: Sequence[str]) -> None:
    one = commands.add_parser("run", help="run a task: files to decision, report and bundle", epilog=RUN_EPILOG)
    one.add_argument("task", nargs="?", help="the task's name, as `verticals list` shows it")
    one.add_argument("--demo", metavar="TASK", help="run on the task's simulated data; `all` runs every task")
    one.add_argument("--resume", metavar="RUN", help="take up an interrupted run, with the settings it began with")
    one.add_argument("--explain-data", action="store_true", help="say how the data would be read; run nothing")
    one.add_argument("--save-map", metavar="FILE", help="write the mapping that was found to a TOML file; run nothing")
    one.add_argument("--out", metavar="RUN", help="the run's folder (default: a new one below runs/)")
    one.add_argument("--preset", default="standard", choices=("quick", "standard", "best"), help="how much to spend")
    one.add_argument("--seed", type=int, default=0, help="the same seed gives the same result")
    one.add_argument("--seeds", type=int, default=1, metavar="N", help="so many runs, their seeds one apart")
    one.add_argument("--time-limit", metavar="TIME", help="90s, 30m, 2h: what does not fit in is left out and named")
    one.add_argument("--label-delay", metavar="DAYS", help="days after which a target is known")
    one.add_argument("--trunk", help="swap the core's trunk: a registered name, or the path of local weights")
    one.add_argument("--objective", help="swap the core's pretraining objective; `none` for none")
    one.add_argument("--threads", type=int, default=0, help="threads a fit may use (default: all)")
    _reading(one, required=False)
    _speaking(one)
    names = {field: flag for flag, field in _policy(one, words)}

    def call(args: argparse.Namespace) -> int:
        from verticals.commands.runs import run_command

        given = {field: getattr(args, POLICY + field) for field in names}
        if not (args.task or args.demo or args.resume):
            one.error("name a task, or --demo TASK, or --resume RUN; `verticals list` shows the tasks")
        return run_command(args, {field: value for field, value in given.items() if value is not None})

    one.set_defaults(call=call)


def _policy(one: argparse.ArgumentParser, words: Sequence[str]) -> list[tuple[str, str]]:
    """Add an option for each field of the named task's policy."""
    name = _task_of(words)
    if name is None:
        return []
    from verticals_plugins.manager import installed

    task = installed().tasks().get(name)
    if task is None:
        return []
    group = one.add_argument_group(f"policy of {name}")
    taken = {flag for action in one._actions for flag in action.option_strings}
    found = []
    for field in dataclasses.fields(task.policy):
        flag = f"--{field.name.replace('_', '-')}"
        flag = flag if flag not in taken else f"--policy-{field.name.replace('_', '-')}"
        unit = field.metadata.get("unit", "")
        default = "none" if field.default == "" else field.default
        text = f"{field.metadata.get('help', '')} [{unit or 'no unit'}; default {default}]".replace("%", "%%")
        group.add_argument(flag, dest=POLICY + field.name, metavar=_metavar(field.default, unit), help=text)
        found.append((flag, field.name))
    return found


def _task_of(words: Sequence[str]) -> str | None:
    """The task that ``run`` is asked for, before parsing."""
    if not words or words[0] != "run":
        return None
    for place, word in enumerate(words):
        if word == "--demo" and place + 1 < len(words):
            return words[place + 1]
        if word.startswith("--demo="):
            return word.removeprefix("--demo=")
    return next((word for word in words[1:] if "." in word and not word.startswith("-") and "/" not in word), None)


def _metavar(default: Any, unit: str) -> str:
    return {bool: "yes|no", int: "N", float: "X"}.get(type(default), unit.upper() or "VALUE")


def _reading(one: argparse.ArgumentParser, *, required: bool) -> None:
    one.add_argument("--data", required=required, metavar="PATH", help="a file or a folder")
    one.add_argument(
        "--map", action="append", default=[], metavar="FIELD=COLUMN|FILE", help="which column is which field"
    )
    one.add_argument("--adapter", metavar="NAME", help="read with this adapter instead of the surest")
    one.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the adapter")


def _speaking(one: argparse.ArgumentParser) -> None:
    one.add_argument("--json", action="store_true", help="print JSON for machines")
    one.add_argument("--quiet", action="store_true", help="no progress")


def _predict(commands: Any) -> None:
    one = commands.add_parser("predict", help="score new data with a run's bundle")
    one.add_argument("run", metavar="RUN", help="a finished run's folder, or the bundle in it")
    _reading(one, required=True)
    one.add_argument("-o", "--output", required=True, metavar="FILE", help="a .csv, .json or .parquet file")
    _speaking(one)
    one.set_defaults(call=_later("runs", "predict"))


def _others(commands: Any) -> None:
    one = commands.add_parser("explain", help="why one example was scored as it was")
    one.add_argument("run", metavar="RUN", help="a finished run's folder, or the bundle in it")
    one.add_argument("--id", required=True, help="the example's id, as in decisions.csv")
    one.add_argument("--data", metavar="PATH", help="look in these data instead of the run's own")
    _speaking(one)
    one.set_defaults(call=_later("runs", "explain"))
    one = commands.add_parser("compare", help="runs side by side")
    one.add_argument("runs", nargs="+", metavar="RUN", help="folders of finished runs")
    _speaking(one)
    one.set_defaults(call=_later("runs", "compare"))
    one = commands.add_parser("report", help="where a run's report is")
    one.add_argument("run", metavar="RUN", help="a finished run's folder")
    one.add_argument("--open", action="store_true", help="show it in the browser")
    _speaking(one)
    one.set_defaults(call=_later("runs", "report"))


def _plugins(commands: Any) -> None:
    for name, text, function in (
        ("list", "tasks, adapters and plugins, and what each needs", "list_all"),
        ("doctor", "each plugin with its version, its state, and why it failed", "doctor"),
    ):
        one = commands.add_parser(name, help=text)
        _speaking(one)
        one.set_defaults(call=_later("plugins", function))
    one = commands.add_parser("plugin", help="make a plugin, or check one")
    under = one.add_subparsers(metavar="new|check", required=True)
    new = under.add_parser("new", help="write the skeleton of a plugin")
    new.add_argument("name", help="the industry's name, in lower case")
    new.add_argument("--out", metavar="DIR", default=".", help="where to write it")
    _speaking(new)
    new.set_defaults(call=_later("plugins", "plugin_new"))
    check = under.add_parser("check", help="run the conformance suite on a plugin")
    check.add_argument("name", help="the plugin's name, as `verticals doctor` shows it")
    check.add_argument("--task", help="only this task of the plugin")
    _speaking(check)
    check.set_defaults(call=_later("plugins", "plugin_check"))


def _foreign(commands: Any, words: Sequence[str]) -> None:
    """Commands that plugins add; looked up only when the first word is none of ours."""
    first = next((word for word in words if not word.startswith("-")), None)
    if first is None or first in commands.choices:
        return
    from verticals_plugins.manager import installed

    for command in installed().commands().values():
        one = commands.add_parser(command.name, help=command.summary)
        command.configure(one)
        one.set_defaults(call=command.run)


def _later(module: str, function: str) -> Any:
    """A command's function, imported when it is called."""

    def call(args: argparse.Namespace) -> int:
        from importlib import import_module

        return int(getattr(import_module(f"verticals.commands.{module}"), function)(args))

    return call


if __name__ == "__main__":
    sys.exit(main())
