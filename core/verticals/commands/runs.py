"""``verticals run``, ``predict``, ``explain``, ``compare``, ``report``: the commands that work on runs."""

from __future__ import annotations

import argparse
import json
import sys
import time
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Any

from verticals.commands.terminal import Terminal, number, summary
from verticals.pipeline.settings import IN_MEMORY, Settings, duration
from verticals.pipeline.stages import Silent, Watcher
from verticals_plugins import DataError, Task, UsageError, VerticalsError
from verticals_plugins.manager import installed

ALL = "all"


def run_command(args: argparse.Namespace, policy: dict[str, Any]) -> int:
    """Run a task on data, on its demo, on all demos, resume a run, or only explain the data."""
    if args.demo is not None and args.data is not None:
        raise UsageError("--demo runs on simulated data, and --data names others.", expected="One of the two.")
    if args.resume is not None:
        from verticals.pipeline.run import resume

        home = Path(args.resume)
        if (home / "metrics.json").is_file() and not (home / "work").exists():
            print(f"{home} is finished; there is nothing to take up", file=sys.stderr)
            return show(args, json.loads((home / "metrics.json").read_text()), home)
        with watching(args, f"resume {args.resume}") as watcher:
            found = resume(args.resume, watcher)
        return show(args, found.metrics, found.folder)
    if args.demo == ALL:
        return run_all(args)
    task = installed().task(args.demo or args.task)
    if args.demo is None and args.data is None:
        raise UsageError(
            f"{task.name} needs data.",
            expected=f"verticals run {task.name} --data PATH",
            todo=f"Or try --demo {task.name}.",
        )
    if args.explain_data or args.save_map:
        return explain_data(args, task)
    return run_seeds(args, task, policy)


def run_seeds(args: argparse.Namespace, task: Task, policy: dict[str, Any]) -> int:
    """One run, or one for each of several seeds below --out."""
    from verticals.pipeline.run import new_folder, run

    if args.seeds < 1:
        raise UsageError(f"--seeds is {args.seeds}.", expected="1 or more.")
    every = []
    home = Path(args.out) if args.out else new_folder(task.name)
    for seed in range(args.seed, args.seed + args.seeds):
        folder = home if args.seeds == 1 else home / f"seed-{seed}"
        with watching(args, task.name) as watcher:
            found = run(
                task, None if args.demo else args.data, out=folder, preset=args.preset, seed=seed, policy=policy,
                mapping=mapping_of(args), adapter=args.adapter, options=pairs(args.option, "--option"),
                label_delay_days=delay_of(args), time_limit=limit_of(args), core=core_of(args), threads=args.threads,
                watcher=watcher,
            )  # fmt: skip
        if args.seeds == 1 or not args.json:
            show(args, found.metrics, folder)
        every.append(found.metrics)
    if args.seeds > 1 and args.json:
        print(json.dumps(every))
    return 0


def run_all(args: argparse.Namespace) -> int:
    """The demo of every built-in and installed task, then one page over all of them; one that fails is told."""
    from verticals.pipeline.index_page import table_of, write_index
    from verticals.pipeline.run import run

    home = Path(args.out or "runs/demo")
    started = time.monotonic()
    folders, code = [], 0
    for task in installed().tasks().values():
        folder = home / task.name
        try:
            with watching(args, task.name) as watcher:
                run(task, out=folder, preset=args.preset, seed=args.seed, threads=args.threads, watcher=watcher)
        except VerticalsError as err:
            print(f"error: {task.name}: {err}", file=sys.stderr)
            code = code or err.exit_code
            continue
        folders.append(folder)
    write_index(folders, home / "index.html")
    if args.json:
        print(json.dumps([metrics_of(folder / "metrics.json") for folder in folders]))
        return code
    took = round(time.monotonic() - started)
    print(f"{len(folders)} demos on simulated data, seed {args.seed}, preset {args.preset}, {took} s\n")
    print(table_of(folders))
    print(f"\nreports: {home / 'index.html'}      next: verticals run TASK --data YOUR_FOLDER --explain-data")
    return code


def explain_data(args: argparse.Namespace, task: Task) -> int:
    """Say how the data would be read, and run nothing; --save-map writes the mapping."""
    from verticals.data.explain import explain
    from verticals.data.mapping import save_mapping

    settings = Settings(
        task=task.name, data=args.data, mapping=mapping_of(args), adapter=args.adapter,
        options=pairs(args.option, "--option"), label_delay_days=delay_of(args),
    )  # fmt: skip
    found = explain(task, settings)
    print(json.dumps(found.to_json(), indent=2) if args.json else found.text())
    if args.save_map:
        save_mapping(Path(args.save_map), found.mapping)
        print(f"mapping written to {args.save_map}", file=sys.stderr)
    return DataError.exit_code if found.problem else 0


def predict(args: argparse.Namespace) -> int:
    """Score new data with a run's bundle."""
    from verticals.pipeline.bundle import load
    from verticals.pipeline.scoring import score

    bundle = load(args.run)
    if args.map or args.option or args.adapter:
        bundle.settings = replace(
            bundle.settings,
            mapping=mapping_of(args) or bundle.settings.mapping,
            adapter=args.adapter or bundle.settings.adapter,
            options=pairs(args.option, "--option") or bundle.settings.options,
        )
    with watching(args, f"predict {args.data}") as watcher:
        found = score(bundle, Path(args.data), Path(args.output), watcher)
    if args.json:
        print(json.dumps({"rows": found.rows, "output": args.output, "dropped": found.ledger.dropped}))
        return 0
    for reason, count in found.ledger.dropped.items():
        places = ", ".join(found.ledger.where.get(reason, []))
        print(f"warning: {count:,} rows were dropped: {reason}" + (f" ({places})" if places else ""), file=sys.stderr)
    for line in found.ledger.warnings:
        print(f"warning: {line}", file=sys.stderr)
    print(f"{found.rows:,} rows written to {args.output}")
    return 0


def explain(args: argparse.Namespace) -> int:
    """Why one example of the run's own data, or of --data, was scored as it was."""
    from verticals.explain.reasons import contributions, table_block
    from verticals.pipeline.bundle import load
    from verticals.pipeline.reading import read
    from verticals.pipeline.tables import value_columns

    bundle = load(args.run)
    data = args.data or bundle.settings.data
    if data == IN_MEMORY:
        raise UsageError("The run's own data were given in memory.", expected="A file: --data PATH.")
    dataset = read(bundle.task, replace(bundle.settings, data=data), need_target=False)
    examples = bundle.task.examples(dataset, bundle.past if args.data else None)
    known = examples.frame["id"].astype(str)
    rows = [i for i, one in enumerate(known) if one == args.id]
    if not rows:
        raise UsageError(
            f"{data or 'The demo data'} hold no example with the id {args.id!r}.",
            expected=f"One of the {len(known):,} ids there, for instance {', '.join(known[:3])}." if len(known) else "",
            todo="An id of new data needs --data FILE.",
        )
    import numpy as np

    one = examples.take(np.array(rows[:1]))
    predictions = bundle.predict_examples(one)
    said = value_columns(predictions).iloc[0].to_dict()
    decision = bundle.task.decide(predictions, bundle.policy, bundle.rule)
    block = table_block(one)
    moved: list[dict[str, Any]] = []
    if block is not None and predictions.values.dtype != object and predictions.values.ndim < 3:
        names, parts = contributions(bundle, one, block)
        order = np.argsort(-np.abs(parts[0]))[:10]
        moved = [
            {"input": names[i], "value": one.inputs[block].frame[names[i]].iloc[0], "moved": float(parts[0, i])}  # type: ignore[attr-defined]
            for i in order
        ]
    from verticals.pipeline.files import plain

    if args.json:
        print(json.dumps(plain({"said": said, "decision": decision.table.to_dict("records"), "inputs": moved})))
        return 0
    shown = {name: number(value) if isinstance(value, float) else value for name, value in said.items()}
    print("\n".join(f"{name}: {value}" for name, value in shown.items()))
    print(decision.table.to_string(index=False))
    if moved:
        print("what moved the score most, in log-odds, + towards it:")
    for line in moved:
        print(f"  {line['moved']:+.3f}  {line['input']} = {line['value']}")
    return 0


def compare(args: argparse.Namespace) -> int:
    """Two or more runs side by side, method by method."""
    found = [metrics_of(metrics_file(run)) for run in args.runs]
    if args.json:
        print(json.dumps([{"run": run, **metrics} for run, metrics in zip(args.runs, found, strict=True)]))
        return 0
    for run, metrics in zip(args.runs, found, strict=True):
        print(
            f"\n{run}  (seed {metrics['seed']}, preset {metrics['preset']}, {sum(metrics['seconds'].values()):.0f} s)"
        )
        for name, values in metrics["methods"].items():
            mark = "*" if name == metrics["shipped"] else " "
            print(f" {mark} {name:16}" + "  ".join(f"{metric} {number(value)}" for metric, value in values.items()))
    return 0


def report(args: argparse.Namespace) -> int:
    """Where a run's report is; --open shows it."""
    page = metrics_file(args.run).with_name("report.html")
    print(json.dumps({"report": str(page)}) if args.json else page)
    if args.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


# -------------------------------------------------------------------------------------------------------- arguments


def watching(args: argparse.Namespace, title: str) -> Any:
    """A terminal that shows progress, or one that says nothing for --json and --quiet."""
    return Quiet() if args.json or args.quiet else Terminal(title)


class Quiet(Silent):
    """A silent watcher as a context manager."""

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def show(args: argparse.Namespace, metrics: dict[str, Any], folder: Path) -> int:
    """The run's result for people or for machines."""
    print(json.dumps(metrics) if args.json else summary(metrics, str(folder)))
    return 0


def mapping_of(args: argparse.Namespace) -> dict[str, str]:
    """--map: files and field=column pairs, later ones first."""
    from verticals.data.mapping import load_mapping

    out: dict[str, str] = {}
    for one in args.map:
        out |= pairs([one], "--map") if "=" in one else load_mapping(Path(one))
    return out


def pairs(given: list[str], flag: str) -> dict[str, str]:
    """``["a=b"]`` as ``{"a": "b"}``."""
    out = {}
    for one in given:
        name, mark, value = one.partition("=")
        if not mark or not name:
            raise UsageError(f"{flag} {one!r} is not understood.", expected=f"{flag} NAME=VALUE.")
        out[name] = value
    return out


def core_of(args: argparse.Namespace) -> dict[str, Any]:
    """The parts of the core to swap."""
    return {name: getattr(args, name) for name in ("trunk", "objective") if getattr(args, name) is not None}


def delay_of(args: argparse.Namespace) -> float | None:
    """--label-delay in days; a bare number means days."""
    if args.label_delay is None:
        return None
    text = args.label_delay
    return duration(text if not text[-1:].isdigit() else f"{text}d") / 86_400


def limit_of(args: argparse.Namespace) -> float | None:
    """--time-limit in seconds."""
    return None if args.time_limit is None else duration(args.time_limit)


def metrics_file(run: str) -> Path:
    """metrics.json of a finished run."""
    path = Path(run) / "metrics.json"
    if not path.is_file():
        begun = (Path(run) / "config.json").is_file()
        todo = f"It was begun; take it up with: verticals run --resume {run}" if begun else ""
        raise UsageError(f"{run} holds no finished run.", expected="A folder with metrics.json.", todo=todo)
    return path


def metrics_of(path: Path) -> dict[str, Any]:
    """What a run measured.

    Raises:
        DataError: the file is damaged.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return {"task": found["task"], **found}
    except (ValueError, KeyError, TypeError) as err:
        raise DataError(f"{path} is damaged: {err}.", expected="The file as the run wrote it.") from err
