"""A large file is scored batch by batch, and the result is that of all its rows at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toy

import verticals
from verticals.data.stream import stream_table
from verticals.pipeline.scoring import score
from verticals.pipeline.stages import Silent
from verticals_plugins import DataError, Dataset, Decision, Examples, Predictions, ReadOptions, Rule, UsageError

NEW = 300


def decide(predictions: Predictions, policy: toy.Calls, rule: Rule) -> Decision:
    """Row by row."""
    action = np.where(predictions.values > 0.5, "call", "wait")
    table = pd.DataFrame({"id": predictions.examples.frame["id"], "action": action})
    return Decision(table=table, headline="", summary={}, unit="EUR")


class Counting(toy.Past):
    """The toy's examples; remembers how many rows it was given at once."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        self.seen.append(len(dataset.main))
        return super().__call__(dataset, past)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verticals.run(toy.TASK, out=tmp_path_factory.mktemp("runs") / "a", preset="quick", threads=1).folder


@pytest.fixture
def bundle(folder: Path, toy_task: object) -> verticals.Bundle:
    opened = verticals.load(folder)
    return replace(opened, task=replace(opened.task, by_rows=True, decide=decide, examples=Counting()))


def rows() -> pd.DataFrame:
    """New rows in order of time; many share a moment with their neighbours."""
    main = toy.simulate(7, NEW).main.drop(columns="late").assign(id=[f"n{i}" for i in range(NEW)])
    return main.assign(when=main["when"].dt.floor("12h") + pd.Timedelta(days=200))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_batches_give_what_one_shot_gives(bundle: verticals.Bundle, tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"new.{kind}"
    rows().to_csv(path, index=False) if kind == "csv" else rows().to_parquet(path)
    whole, parts = tmp_path / f"whole.{ending}", tmp_path / f"parts.{ending}"
    assert score(replace(bundle, task=replace(bundle.task, by_rows=False)), path, whole, Silent()).rows == NEW
    assert isinstance(bundle.task.examples, Counting)
    bundle.task.examples.seen.clear()
    assert score(bundle, path, parts, Silent(), rows=40).rows == NEW
    assert len(bundle.task.examples.seen) > 5
    assert max(bundle.task.examples.seen) <= 2 * 40
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[ending]
    one, other = read(whole), read(parts)
    pd.testing.assert_frame_equal(one.drop(columns="reason"), other.drop(columns="reason"), rtol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {path.name, whole.name, parts.name}


def test_a_file_that_is_not_in_order_of_time_is_read_whole_and_told(bundle: verticals.Bundle, tmp_path: Path) -> None:
    class Told(Silent):
        def note(self, text: str) -> None:
            said.append(text)

    said: list[str] = []
    rows().to_csv(tmp_path / "a.csv", index=False)
    rows().iloc[::-1].to_csv(tmp_path / "b.csv", index=False)
    score(bundle, tmp_path / "a.csv", tmp_path / "a.parquet", Told(), rows=40)
    assert not said
    score(bundle, tmp_path / "b.csv", tmp_path / "b.parquet", Told(), rows=40)
    assert "not in order of time" in said[0]
    one, other = (pd.read_parquet(tmp_path / name).sort_values("id") for name in ("a.parquet", "b.parquet"))
    assert list(one["action"]) == list(other["action"])


def test_what_fails_midway_leaves_no_file_and_the_old_one(bundle: verticals.Bundle, tmp_path: Path) -> None:
    class Fails(toy.Past):
        def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset:
            raise DataError("the second batch is bad")

    (tmp_path / "out.csv").write_text("old")
    rows().to_csv(tmp_path / "new.csv", index=False)
    broken = replace(bundle, task=replace(bundle.task, examples=Fails()))
    with pytest.raises(DataError, match="second batch"):
        score(broken, tmp_path / "new.csv", tmp_path / "out.csv", Silent(), rows=40)
    assert (tmp_path / "out.csv").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", "out.csv"}


def test_dropped_rows_are_counted_and_an_unknown_ending_is_refused_before_anything_is_read(
    bundle: verticals.Bundle, tmp_path: Path
) -> None:
    main = rows().astype({"size": object})
    main.loc[[5, 250], "size"] = "none of it"
    main.to_csv(tmp_path / "new.csv", index=False)
    found = score(bundle, tmp_path / "new.csv", tmp_path / "out.csv", Silent(), rows=40)
    assert found.rows == NEW - 2
    assert sum(found.ledger.dropped.values()) == 2
    with pytest.raises(UsageError, match="unknown ending"):
        score(bundle, tmp_path / "absent.csv", tmp_path / "out.xlsx", Silent())


def test_row_numbers_as_ids_go_on_from_batch_to_batch(tmp_path: Path) -> None:
    rows().drop(columns="id").to_csv(tmp_path / "new.csv", index=False)
    options = ReadOptions(schema=toy.SCHEMA, need_target=False)
    ids = [one for part in stream_table(tmp_path / "new.csv", options, rows=40) for one in part.main["id"]]
    assert ids == list(range(NEW))
