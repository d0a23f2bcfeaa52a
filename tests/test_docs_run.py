"""The docs' commands and Python blocks are run on simulated data; each task is fitted once, for all pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import ROOT, blocks, commands, words_of
from small import small

import verticals
from verticals.cli import main
from verticals.pipeline import run as pipeline
from verticals.pipeline.settings import policy_of
from verticals_plugins import Dataset
from verticals_plugins.manager import installed

SIZES: Mapping[str, Mapping[str, int]] = {
    "finance.fraud": {"cards": 150, "terminals": 70, "days": 60},
    "healthcare.diagnosis": {"patients": 160},
    "manufacturing.defects": {"pieces": 90},
    "retail.demand": {"items": 6},
    "education.courses": {"learners": 120},
}
STOPS = """id,role,latitude,longitude,demand,window
depot,depot,51.05,13.74,,
a,,51.06,13.75,3,9-12
b,,51.03,13.71,2,
c,,51.08,13.77,4,10-15
d,,51.01,13.80,1,
e,,51.07,13.69,5,13:30-17
"""
PAGES = {"README.md": "finance"} | {
    f"docs/industries/{name}.md": name
    for name in ("education", "finance", "healthcare", "logistics", "manufacturing", "retail")
}
"""Pages, and the industry whose runs they share."""
RUNS: dict[str, verticals.Run] = {}


def simulated(task: str) -> Dataset:
    demo: Any = small(installed().task(task)).demo
    return demo.func(0, **SIZES[task])


def write_payments(home: Path) -> None:
    data = simulated("finance.fraud").main
    data = data.assign(id=data["id"] + 88_000)
    old, new = data.iloc[:-200], data.iloc[-200:].drop(columns="fraud")
    (home / "export").mkdir()
    for path in ("payments.csv", "export/payments.csv"):
        old.to_csv(home / path, index=False)
    new.to_csv(home / "today.csv", index=False)
    rules = [body for kind, body in blocks(ROOT / "docs/industries/finance.md") if kind == "toml"]
    (home / "rules.toml").write_text(rules[0])
    new.to_parquet(home / "today.parquet")


def write_ward(home: Path) -> None:
    tables = simulated("healthcare.diagnosis").tables
    cases = tables["main"].drop(columns=["image", "image_time"])
    for folder, main_table in (("export", cases), ("today", cases.tail(20).drop(columns="outcome"))):
        (home / folder).mkdir()
        main_table.to_csv(home / folder / "cases.csv", index=False)
        tables["timeline"].to_csv(home / folder / "timeline.csv", index=False)


def write_photos(home: Path) -> None:
    from PIL import Image

    data = simulated("manufacturing.defects")
    for row in data.main.itertuples():
        folder = home / "photos" / str(row[data.main.columns.get_loc("class") + 1])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(data.arrays["image"][row.image])[..., 0]).save(folder / f"{row.id}.png")
    (home / "today").mkdir()
    for path in sorted((home / "photos").rglob("*.png"))[:6]:
        shutil.copy(path, home / "today" / path.name)


def write_sales(home: Path) -> None:
    sold = simulated("retail.demand").main
    (home / "sales").mkdir()
    sold.to_csv(home / "sales" / "sales.csv", index=False)
    days = pd.date_range(sold["time"].max() + pd.Timedelta(days=1), periods=28, freq="D")
    last = sold.groupby("series", observed=True).tail(1).drop(columns=["time", "demand"])
    last.merge(pd.DataFrame({"time": days}), how="cross").to_csv(home / "today.csv", index=False)


def write_stops(home: Path) -> None:
    for name in ("day.csv", "tomorrow.csv"):
        (home / name).write_text(STOPS)


def write_enrolments(home: Path) -> None:
    data = simulated("education.courses")
    (home / "enrolments").mkdir()
    data.main.to_csv(home / "enrolments" / "enrolments.csv", index=False)
    data.tables["catalogue"].to_csv(home / "enrolments" / "catalogue.csv", index=False)


FILES: Mapping[str, Callable[[Path], None]] = {
    "README": write_payments,
    "finance": write_payments,
    "healthcare": write_ward,
    "manufacturing": write_photos,
    "retail": write_sales,
    "logistics": write_stops,
    "education": write_enrolments,
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first run of each task stays."""
    return tmp_path_factory.mktemp("fitted")


@pytest.fixture
def page_runs(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in; a task's first run is small, and its further runs are copies of that one."""
    fit = pipeline.run

    def run(task: str | Any, data: Any = None, *, out: Any = None, policy: Any = None, **more: Any) -> verticals.Run:
        declared = installed().task(task) if isinstance(task, str) else task
        name = declared.name
        policy_of(declared, policy or {})
        if name not in RUNS:
            wanted = {key: more[key] for key in ("mapping", "adapter", "options") if key in more}
            asked = {"preset": "quick", "threads": 1, "policy": policy, **wanted}
            RUNS[name] = fit(small(declared), data, out=fitted / name, **asked)
        folder = Path(out) if out is not None else pipeline.new_folder(name)
        shutil.copytree(RUNS[name].folder, folder)
        return replace(RUNS[name], folder=folder)

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"docs of {group}")) for name, group in PAGES.items()]
)
def test_commands_and_python_of_the_page_run(name: str, page_runs: Path) -> None:
    page = ROOT / name
    FILES[page.stem](page_runs)
    lines = sorted(dict.fromkeys(commands(page)), key=lambda line: "--demo" in line)  # files first: they are fitted on
    for line in lines:
        assert main([*words_of(line), "--quiet"]) == 0, line
        if line.startswith("verticals predict"):
            assert Path(words_of(line)[-1]).stat().st_size > 100, line
    frame = pd.read_csv("today.csv") if Path("today.csv").exists() else None
    for kind, body in blocks(page):
        if kind == "python":
            exec(body.replace('out="runs/march"', 'out="runs/python"'), {"verticals": verticals, "frame": frame})


@pytest.mark.xdist_group("docs of finance")
def test_mapping_of_the_guide_is_found_saved_and_used(page_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = ROOT / "docs/guide/data.md"
    write_payments(page_runs)
    path = page_runs / "export" / "payments.csv"
    pd.read_csv(path).rename(columns={"amount": "AMT", "time": "BOOKED_AT"}).to_csv(path, index=False)
    for line in dict.fromkeys(commands(page)):
        words = [word.replace("TASK", "finance.fraud") for word in words_of(line)]
        code = main([*words, "--quiet"])
        capsys.readouterr()
        assert code == 0, line
    assert "AMT" in (page_runs / "map.toml").read_text()
