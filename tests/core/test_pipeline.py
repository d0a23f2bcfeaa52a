"""A run goes from data to decision, report and bundle; it can be stopped anywhere and limited in time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import toy

import verticals
from verticals.pipeline.bundle import digest_of
from verticals.pipeline.run import resume
from verticals.pipeline.settings import Settings, duration, policy_of
from verticals_plugins import DataError, Dataset, Predictions, Task, UsageError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> verticals.Run:
    """One run of the toy task, not registered."""
    return verticals.run(toy.TASK, out=tmp_path_factory.mktemp("runs") / "a", preset="quick")


def timeless(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name != "seconds"}


def test_run_writes_what_it_promises(finished: verticals.Run) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    assert names >= {"config.json", "log.jsonl", "metrics.json", "report.html", "report.md", "bundle", "decisions.csv"}
    assert "work" not in names
    assert set(finished.methods.index) == {"gbm", "logistic", "core", "blend"}
    assert finished.metrics["split"]["test"] > 100
    assert finished.gate.ci95[0] <= finished.gate.difference <= finished.gate.ci95[1]


def test_same_seed_gives_the_same_result_bit_for_bit(finished: verticals.Run, tmp_path: Path) -> None:
    again = verticals.run(toy.TASK, out=tmp_path / "b", preset="quick")
    assert timeless(again.metrics) == timeless(finished.metrics)
    assert (again.folder / "decisions.csv").read_bytes() == (finished.folder / "decisions.csv").read_bytes()


def test_other_seed_gives_other_weights(finished: verticals.Run, tmp_path: Path) -> None:
    other = verticals.run(toy.TASK, toy.simulate(0), out=tmp_path / "c", preset="quick", seed=1)
    assert other.metrics["methods"]["core"] != finished.metrics["methods"]["core"]


def test_folder_of_another_run_is_not_overwritten(finished: verticals.Run) -> None:
    with pytest.raises(UsageError, match="other settings"):
        verticals.run(toy.TASK, out=finished.folder, preset="quick", seed=5)


def test_resume_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        resume(tmp_path)


def test_time_limit_leaves_the_core_out_and_says_so(tmp_path: Path) -> None:
    run = verticals.run(toy.TASK, out=tmp_path / "e", time_limit=0.5)
    assert run.gate.shipped in {"gbm", "logistic"}
    assert any("core was not fitted" in line for line in run.metrics["warnings"])


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    data = toy.simulate(0)
    with pytest.raises(DataError, match="one class"):
        verticals.run(toy.TASK, data.with_main(data.main.assign(late=0)), out=tmp_path / "f")


def test_missing_target_is_refused_with_what_to_do(tmp_path: Path) -> None:
    data = toy.simulate(0)
    with pytest.raises(DataError, match="--map"):
        verticals.run(toy.TASK, data.with_main(data.main.drop(columns="late")), out=tmp_path / "g")


def test_infeasible_candidate_never_ships(tmp_path: Path) -> None:
    def verify(predictions: Predictions) -> list[str]:
        return ["too sure"] if len(predictions) and predictions.values.max() > 2 else []

    run = verticals.run(replace(toy.TASK, verify=verify), out=tmp_path / "h", preset="quick")
    assert run.metrics["violations"] == {}
    with pytest.raises(Exception, match="breaks a constraint"):
        verticals.run(replace(toy.TASK, verify=lambda p: ["always"]), out=tmp_path / "i", preset="quick")


def test_later_rows_change_no_earlier_example() -> None:
    data = toy.simulate(3)
    cut = data.main["when"].quantile(0.7)
    early = data.with_main(data.main[data.main["when"] <= cut])
    whole, part = toy.TASK.examples(data), toy.TASK.examples(early)
    pd.testing.assert_frame_equal(whole.frame.iloc[: len(part)], part.frame)
    pd.testing.assert_frame_equal(whole.inputs["table"].frame.iloc[: len(part)], part.inputs["table"].frame)


# ---------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5d", 129_600)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


def test_policy_takes_text_and_refuses_what_it_does_not_know() -> None:
    assert policy_of(toy.TASK, {"calls": "5", "cost": "2.5"}) == toy.Calls(calls=5, cost=2.5)
    with pytest.raises(UsageError, match="has no 'alerts'"):
        policy_of(toy.TASK, {"alerts": 5})
    with pytest.raises(UsageError, match="--calls"):
        policy_of(toy.TASK, {"calls": "many"})


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match="quick, standard, best"):
        Settings(task="toy.late", preset="fast")


# ------------------------------------------------------------------------------------------------------------ bundle


@pytest.fixture
def bundle(finished: verticals.Run, toy_task: Task) -> verticals.Bundle:
    return verticals.load(finished.folder)


def fresh(seed: int = 9) -> Dataset:
    """Forty rows after the toy's own, without the truth; one account was never seen."""
    late = toy.simulate(seed, 40)
    main = late.main.drop(columns="late").assign(id=[f"n{i}" for i in range(40)])
    main["when"] = main["when"] + pd.Timedelta(days=200)
    main.loc[0, "account"] = "never seen"
    return late.with_main(main)


def test_bundle_scores_new_rows_and_an_unseen_account(bundle: verticals.Bundle) -> None:
    table = bundle.predict(fresh())
    assert list(table["id"].sort_values()) == sorted(f"n{i}" for i in range(40))
    assert table["probability"].between(0, 1).all()
    assert (table["action"] == "call").sum() == 20
    assert table["reason"].str.contains("it").all()


def test_bundle_gives_the_runs_own_predictions(bundle: verticals.Bundle, finished: verticals.Run) -> None:
    examples = toy.TASK.examples(toy.simulate(0))
    parts = toy.TASK.split(examples, 0)
    said = bundle.predict_examples(examples.take(parts.test)).values
    stored = pd.read_parquet(finished.folder / "predictions.parquet")["probability"].to_numpy()
    assert (said == stored).all()


def test_saved_again_it_predicts_the_same(bundle: verticals.Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "copy")
    first, second = bundle.predict(fresh()), verticals.load(tmp_path / "copy").predict(fresh())
    pd.testing.assert_frame_equal(first, second)


def damaged(bundle: verticals.Bundle, folder: Path) -> Path:
    bundle.save(folder)
    return max((path for path in (folder / "methods").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)


def test_changed_file_is_refused(bundle: verticals.Bundle, tmp_path: Path) -> None:
    path = damaged(bundle, tmp_path / "x")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="was changed"):
        verticals.load(tmp_path / "x")


def test_truncated_and_missing_files_are_refused(bundle: verticals.Bundle, tmp_path: Path) -> None:
    path = damaged(bundle, tmp_path / "x")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="bytes instead of"):
        verticals.load(tmp_path / "x")
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        verticals.load(tmp_path / "x")


def test_pickle_is_refused_even_when_listed(bundle: verticals.Bundle, tmp_path: Path) -> None:
    damaged(bundle, tmp_path / "x")
    (tmp_path / "x" / "model.pkl").write_bytes(b"\x80\x04N.")
    with pytest.raises(DataError, match="does not belong"):
        verticals.load(tmp_path / "x")
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    manifest["files"]["model.pkl"] = {"bytes": 4, "sha256": "?"}
    (tmp_path / "x" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest\.json was changed"):
        verticals.load(tmp_path / "x")
    del manifest["sha256"]
    (tmp_path / "x" / "manifest.json").write_text(json.dumps(manifest | {"sha256": digest_of(manifest)}))
    with pytest.raises(DataError, match="not a kind of file"):
        verticals.load(tmp_path / "x")


def test_later_format_is_named(bundle: verticals.Bundle, tmp_path: Path) -> None:
    damaged(bundle, tmp_path / "x")
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    (tmp_path / "x" / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(UsageError, match="later version"):
        verticals.load(tmp_path / "x")


def test_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no bundle"):
        verticals.load(tmp_path)
