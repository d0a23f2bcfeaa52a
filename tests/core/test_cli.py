"""The command line: runs, predicts, explains, and answers wrong calls with one message and its own exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import toy

from verticals.cli import main
from verticals_plugins import DataError, Dataset, Task
from verticals_plugins.manager import Plugins


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows to learn from and rows to score, as CSV with other column names."""
    folder = tmp_path_factory.mktemp("files")
    main_table = toy.simulate(0).main.rename(columns={"size": "AMT", "account": "ACC"})
    main_table.iloc[:1200].to_csv(folder / "old.csv", index=False)
    main_table.iloc[1200:].drop(columns="late").to_csv(folder / "new.csv", index=False)
    return folder


MAP = ["--map", "size=AMT", "--map", "account=ACC"]


@pytest.fixture(scope="module")
def ran(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from the command line; the toy is registered for as long as it takes."""
    from verticals_plugins.manager import Plugin, installed

    plugins, folder = installed(), tmp_path_factory.mktemp("cli") / "run"
    plugins.known["toy"] = Plugin("toy", "toy", "0")
    plugins.manager.register(toy.Plugin(), name="toy")
    words = ["run", "toy.late", "--data", str(files / "old.csv"), *MAP, "--preset", "quick", "--out", str(folder)]
    code = main([*words, "--calls", "7", "--json"])
    plugins.manager.unregister(name="toy")
    del plugins.known["toy"]
    assert code == 0
    return folder


def test_run_writes_metrics_and_takes_the_policy(ran: Path) -> None:
    metrics = json.loads((ran / "metrics.json").read_text())
    assert metrics["decision"]["calls"] == 7
    assert metrics["data"]["mapping"]["size"] == "AMT"
    assert metrics["data"]["sources"][0]["rows"] == 1200


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_predict_writes_a_table(ran: Path, files: Path, tmp_path: Path, toy_task: Task, ending: str) -> None:
    out = tmp_path / f"said.{ending}"
    assert main(["predict", str(ran), "--data", str(files / "new.csv"), "-o", str(out)]) == 0
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[ending]
    table = read(out)
    assert len(table) == 300
    assert {"id", "action", "probability", "reason"} <= set(table.columns)


def test_explain_names_inputs(ran: Path, toy_task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(ran), "--id", "r7"]) == 0
    said = capsys.readouterr().out
    assert "probability" in said
    assert "log_size" in said


def test_compare_and_report(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(ran), str(ran)]) == 0
    assert capsys.readouterr().out.count("gbm") == 2
    assert main(["report", str(ran)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.is_file()
    assert "http" not in page.read_text().replace("http://www.w3.org", "")  # names of SVG, never fetched


def test_explain_data_runs_nothing_and_saves_the_map(
    files: Path, tmp_path: Path, toy_task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "map.toml"
    words = ["run", "toy.late", "--data", str(files / "old.csv"), *MAP, "--explain-data", "--save-map", str(path)]
    assert main(words) == 0
    assert "AMT" in capsys.readouterr().out
    assert 'size = "AMT"' in path.read_text() or '"size" = "AMT"' in path.read_text()
    again = ["run", "toy.late", "--data", str(files / "old.csv"), "--map", str(path), "--explain-data", "--json"]
    assert main(again) == 0
    assert json.loads(capsys.readouterr().out)["mapping"]["size"] == "AMT"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "toy.late"], 2, "needs data"),
        (["run", "no.such", "--data", "x.csv"], 2, "no task 'no.such'"),
        (["run", "toy.late", "--data", "missing.csv"], 3, "does not exist"),
        (["run", "toy.late", "--data", "x.csv", "--time-limit", "soon"], 3, "does not exist"),
        (["run", "toy.late", "--data", "x.csv", "--map", "size"], 2, "mapping size cannot be read"),
        (["run", "--resume", "nowhere"], 2, "no run"),
        (["predict", "nowhere", "--data", "x.csv", "-o", "y.csv"], 2, "no bundle"),
        (["compare", "nowhere"], 2, "no finished run"),
        (["report", "nowhere"], 2, "no finished run"),
        (["explain", "nowhere", "--id", "1"], 2, "no bundle"),
        (["run", "toy.lat", "--data", "x.csv"], 2, "Did you mean 'toy.late'?"),
        (["run", "--demo", "toy.late", "--data", "x.csv"], 2, "One of the two"),
        (["run", "--demo", "toy.late", "--seeds", "0"], 2, "1 or more"),
        (["run", "--demo", "toy.late", "--seed", "-1"], 2, "seed is -1"),
        (["run", "--demo", "toy.late", "--label-delay=-1"], 2, "label delay is -1"),
        (["plugin", "check", "toi"], 2, "Did you mean 'toy'?"),
    ],
)
def test_wrong_calls_end_with_one_message(
    words: list[str], code: int, said: str, toy_task: Task, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if "--time-limit" in words or "--map" in words:
        said, code = ("not a duration", 2) if "--time-limit" in words else (said, code)
        (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert main([*words, "--quiet"] if words[0] == "run" else words) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_what_is_no_id_no_table_and_no_whole_run_is_told(
    ran: Path, toy_task: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(ran), "--id", "r99999"]) == 2
    assert "no example with the id 'r99999'. One of the 1,200 ids" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "config.json").write_text("{}")
    assert main(["predict", str(tmp_path), "--data", "x.csv", "-o", "y.csv"]) == 2
    assert "--resume" in capsys.readouterr().err
    (tmp_path / "metrics.json").write_text("{")
    assert main(["compare", str(tmp_path)]) == 3
    assert "is damaged" in capsys.readouterr().err
    (ran / "bundle" / "manifest.json").write_text(
        (ran / "bundle" / "manifest.json").read_text().replace('"calls": 7', '"calls": 70')
    )
    assert main(["explain", str(ran), "--id", "r7"]) == 3
    assert "manifest.json was changed" in capsys.readouterr().err
    (ran / "bundle" / "manifest.json").write_text(
        (ran / "bundle" / "manifest.json").read_text().replace('"calls": 70', '"calls": 7')
    )


def test_demo_that_fails_is_told_and_the_others_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def empty(seed: int) -> Dataset:
        raise DataError("The simulator is ill.")

    tasks = {"toy.ill": replace(toy.TASK, name="toy.ill", demo=empty), "toy.late": toy.TASK}
    monkeypatch.setattr(Plugins, "tasks", lambda self: tasks)
    assert main(["run", "--demo", "all", "--preset", "quick", "--quiet", "--out", str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert said.err == "error: toy.ill: The simulator is ill.\n"
    assert "1 demos on simulated data" in said.out
    assert "toy.late/report.html" in (tmp_path / "index.html").read_text()


def test_a_finished_run_is_not_run_again(ran: Path, toy_task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    before = (ran / "metrics.json").stat().st_mtime_ns
    assert main(["run", "--resume", str(ran), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["task"] == "toy.late"
    assert "nothing to take up" in said.err
    assert (ran / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "words",
    [["list"], ["doctor"], ["report", "RUN"], ["compare", "RUN", "RUN"], ["explain", "RUN", "--id", "r7"],
     ["predict", "RUN", "--data", "NEW", "-o", "said.csv"], ["run", "toy.late", "--data", "NEW", "--explain-data"],
     ["plugin", "new", "shop"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_json_is_one_document_and_nothing_else(
    words: list[str], ran: Path, files: Path, toy_task: Task, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    places = {"RUN": str(ran), "NEW": str(files / "new.csv")}
    main([*(places.get(word, word) for word in words), "--json"])
    assert json.loads(capfd.readouterr().out)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([])
    assert "verticals run --demo all" in capsys.readouterr().out


def test_policy_options_are_in_the_help(toy_task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "toy.late", "--help"])
    said = capsys.readouterr().out
    assert "--calls N" in said
    assert "[EUR; default 1.0]" in said
