"""What --explain-data says: what was found, how sure that is, what would be dropped; nothing is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verticals.data.explain import ROWS, explain
from verticals.data.mapping import load_mapping, save_mapping
from verticals.pipeline.settings import Settings
from verticals_plugins import DataError, Task, UsageError

HEAD = "id;account;when;SIZE;kind;late\n"


def written(folder: Path, rows: int = 50, *, head: str = HEAD, more: str = "") -> Path:
    path = folder / "export.csv"
    lines = [f"{i};acc{i % 7};2026-01-{1 + i % 28:02} 10:00:00+01:00;{i % 40},50;b;{i % 2}\n" for i in range(rows)]
    path.write_text(head + "".join(lines) + more)
    return path


def settings(path: Path, **more: object) -> Settings:
    return Settings(task="toy.late", data=str(path), **more)  # type: ignore[arg-type]


def test_each_field_is_told_with_what_it_holds(toy_task: Task, tmp_path: Path) -> None:
    path = written(
        tmp_path, more="90;acc1;2026-01-02 10:00:00+01:00;many;b;1\n91;acc1;2026-02-30 10:00:00+01:00;1,50;b;1\n"
    )
    found = explain(toy_task, settings(path))
    said = {one.needed: one for one in found.lines}
    assert found.adapter == "table"
    assert said["size"].found == "SIZE"
    assert said["size"].how_sure.startswith("number, 0.5 … 39.5")
    assert "decimal comma" in said["size"].how_sure
    assert "offset +01:00, normalised to UTC" in said["when"].how_sure
    assert said["label delay"].how_sure == "using 2 days, set --label-delay"
    assert found.dropped == {"SIZE cannot be read as a number": 1, "when cannot be read as a time": 1}
    text = found.text()
    assert "1 row will be dropped and counted: SIZE cannot be read as a number (line 52: 'many')" in text
    assert "--save-map" in text
    assert json.loads(json.dumps(found.to_json()))["mapping"]["size"] == "SIZE"


def test_only_the_first_rows_are_looked_at_and_the_whole_is_counted(toy_task: Task, tmp_path: Path) -> None:
    found = explain(toy_task, settings(written(tmp_path, ROWS + 500)))
    assert (found.rows, found.total) == (ROWS, ROWS + 500)
    assert "about 10,500 rows, 10,000 looked at" in found.text()


def test_a_missing_column_is_told_beside_those_that_were_found(toy_task: Task, tmp_path: Path) -> None:
    found = explain(toy_task, settings(written(tmp_path, head=HEAD.replace("SIZE", "AMT"))))
    said = {one.needed: one for one in found.lines}
    assert said["size"].how_sure == "not found, and needed"
    assert said["account"].found == "account"
    assert "no column for 'size'" in found.problem
    assert found.text().splitlines()[-1].startswith("error: ")
    mapped = explain(toy_task, settings(written(tmp_path, head=HEAD.replace("SIZE", "AMT")), mapping={"size": "AMT"}))
    assert mapped.problem == ""
    assert "as you mapped it" in {one.needed: one.how_sure for one in mapped.lines}["size"]


def test_dates_as_target_show_how_long_truth_takes(toy_task: Task, tmp_path: Path) -> None:
    rows = "".join(f"{i};a;2026-01-01;1;b;{'2026-01-10' if i % 2 else ''}\n" for i in range(40))
    (tmp_path / "x.csv").write_text(HEAD + rows)
    found = explain(toy_task, settings(tmp_path / "x.csv"))
    assert "median 9 days, longest 9, between when and label_known_at" in found.lines[-1].how_sure


def test_what_cannot_be_read_at_all_is_an_error(toy_task: Task, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        explain(toy_task, settings(tmp_path / "x.csv"))


def test_a_mapping_survives_its_file(tmp_path: Path) -> None:
    mapping = {"size": 'AMT "net"', "when": "Größe\\Zeit", "kind": "a = b"}
    save_mapping(tmp_path / "m.toml", mapping)
    assert load_mapping(tmp_path / "m.toml") == mapping


@pytest.mark.parametrize("content", ["a = [", "[columns]\na = 1\n", None])
def test_what_is_no_mapping_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "m.toml").write_text(content)
    with pytest.raises(UsageError, match=r"m\.toml"):
        load_mapping(tmp_path / "m.toml")
