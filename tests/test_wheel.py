"""The wheel: it holds all that the packages hold, and works from a folder that is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as pip would, and unpacked."""
    home = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)]
    subprocess.run(line, check=True, capture_output=True, cwd=root, timeout=120)
    with zipfile.ZipFile(next(home.glob("*.whl"))) as packed:
        packed.extractall(home / "unpacked")
    return home / "unpacked"


def test_every_file_of_every_package_is_in_it(root: Path, wheel: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    for package in (root / one for one in settings["targets"]["wheel"]["packages"]):
        files = {path.relative_to(package.parent) for path in package.rglob("*") if path.is_file()}
        wanted = {path for path in files if "__pycache__" not in path.parts and path.suffix not in {".pyc", ".pyo"}}
        assert len(wanted) > 5
        for path in sorted(wanted):
            assert (wheel / path).read_bytes() == (package.parent / path).read_bytes(), path
    assert list(wheel.glob("*.dist-info/licenses/LICENSE"))


def test_the_command_line_works_from_it(wheel: Path, tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(wheel), "VERTICALS_PLUGINS": "core"}
    where = (
        "import verticals, verticals.cli, sys; print(verticals.__file__, flush=True); sys.exit(verticals.cli.main())"
    )
    for words, said in ((["doctor"], "ready"), (["plugin", "new", "shop"], "verticals-shop written")):
        line = [sys.executable, "-c", where, *words]
        done = subprocess.run(line, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(str(wheel))
        assert said in done.stdout
    assert (tmp_path / "verticals-shop" / "verticals_shop" / "job.py").is_file()
