"""Folders that cannot be written, disks that are full, bundles that were changed: one clear message, no traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toy

import verticals
from verticals.cli import main
from verticals.pipeline import files
from verticals_plugins import DataError, UsageError, VerticalsError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verticals.run(toy.TASK, out=tmp_path_factory.mktemp("runs") / "a", preset="quick", threads=1).folder


def test_folder_below_a_file_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UsageError, match=r"cannot be written: Not a directory.*--out"):
        verticals.run(toy.TASK, out=tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match=r"cannot be written: Permission denied"):
        verticals.run(toy.TASK, out=tmp_path / "run")


def full(monkeypatch: pytest.MonkeyPatch, when: Callable[[str], bool]) -> None:
    """Let the disk be full when a path that ``when`` picks is written."""
    original = Path.open

    def opened(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if mode != "r" and mode != "rb" and when(str(self)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, mode, *args, **more)

    monkeypatch.setattr(Path, "open", opened)


@pytest.mark.parametrize("what", ["log.jsonl", "sources.json", "metrics.json"])
def test_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    full(monkeypatch, lambda path: what in path)
    with pytest.raises(UsageError, match=r"No space left on device"):
        verticals.run(toy.TASK, out=tmp_path / "run", preset="quick", threads=1)
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert not list(tmp_path.rglob("*.part"))
    monkeypatch.undo()
    again = verticals.run(toy.TASK, out=tmp_path / "run", preset="quick", threads=1)
    assert (again.folder / "decisions.csv").read_bytes() == (finished / "decisions.csv").read_bytes()


def test_old_file_stays_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_atomic(tmp_path / "a.json", b"old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(UsageError, match="No space left"):
        files.write_atomic(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


# ------------------------------------------------------------------------------------------------------------ bundle


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def into_pickle(path: Path) -> None:
    path.write_bytes(b"\x80\x04N.")


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink, into_pickle], ids=lambda one: one.__name__)
def test_every_file_of_a_bundle_is_guarded(finished: Path, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    inside = [path.relative_to(finished) for path in sorted((finished / "bundle").rglob("*")) if path.is_file()]
    assert len(inside) > 3
    for name in inside:
        home = tmp_path / name.name / str(len(list(tmp_path.iterdir())))
        shutil.copytree(finished, home)
        harm(home / name)
        with pytest.raises(VerticalsError):
            verticals.load(home)


def test_manifest_that_leads_outside_is_refused(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "bundle", tmp_path / "b")
    (tmp_path / "secret.json").write_text("{}")
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    manifest["files"]["../secret.json"] = {"bytes": 2, "sha256": ""}
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="cannot be trusted"):
        verticals.load(tmp_path / "b")


def test_command_line_says_it_in_one_message(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    cut(tmp_path / "run" / "bundle" / "config.json")
    code = main(["predict", str(tmp_path / "run"), "--data", "none.csv", "-o", str(tmp_path / "out.csv")])
    said = capsys.readouterr().err
    assert code == DataError.exit_code
    assert said.startswith("error: The bundle")
    assert "Traceback" not in said
