"""Plugins from outside: the tutorial's energy and the scaffold, installed as a user would, pass the suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from verticals.cli import main


def installed(source: Path, site: Path) -> Path:
    """Build the distribution's wheel and install it into ``site``, without a network."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, *offline, "--target", str(site), str(source)], check=True, capture_output=True, timeout=120)
    return site


def verticals(site: Path, only: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(site), "VERTICALS_PLUGINS": only, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "verticals.cli", *words]
    return subprocess.run(line, capture_output=True, text=True, env=env, cwd=cwd, timeout=900)


@pytest.fixture(scope="module")
def energy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(root / "docs/plugins/verticals-energy", tmp_path_factory.mktemp("energy") / "site")


def test_energy_is_ready_and_listed(energy: Path, tmp_path: Path) -> None:
    said = verticals(energy, "core,energy", "doctor", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert ["verticals-energy", "0.1.0", "energy.load", "ready"] in [line.split() for line in said.stdout.splitlines()]
    found = json.loads(verticals(energy, "core,energy", "list", "--json", cwd=tmp_path).stdout)
    assert [one["name"] for one in found["tasks"]] == ["energy.load"]
    assert "energy.total_load" in [one["name"] for one in found["adapters"]]


def test_energy_passes_the_suite(energy: Path, tmp_path: Path) -> None:
    said = verticals(energy, "core,energy", "plugin", "check", "energy", cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("energy.load: ")
    assert int(said.stdout.split()[1]) >= 31


def test_energy_reads_an_export_with_a_day_of_23_hours(energy: Path, tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text(EXPORT)
    said = verticals(
        energy, "core,energy", "run", "energy.load", "--data", "load.csv", "--explain-data", "--json", cwd=tmp_path
    )
    assert said.returncode == 0, said.stderr
    assert "energy.total_load" in said.stdout


EXPORT = """"Time (CET/CEST)","Day-ahead Total Load Forecast [MW] - North","Actual Total Load [MW] - North"
"29.03.2026 00:00 - 29.03.2026 01:00","100","101"
"29.03.2026 01:00 - 29.03.2026 02:00","100","102"
"29.03.2026 02:00 - 29.03.2026 03:00","n/e","n/e"
"29.03.2026 03:00 - 29.03.2026 04:00","100","103"
"29.03.2026 04:00 - 29.03.2026 05:00","100","-"
"""


def test_hours_of_an_export_are_in_utc(energy: Path, tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text(EXPORT)
    code = (
        "from pathlib import Path\n"
        "from verticals_energy.load import LOAD\n"
        "from verticals_energy.transparency import TOTAL_LOAD_CSV as one\n"
        "from verticals_plugins import ReadOptions\n"
        "data = one.read(Path('load.csv'), ReadOptions(schema=LOAD.schema))\n"
        "print(data.main[['substation', 'hour', 'load_mw']].to_json(orient='split', date_format='iso'))\n"
        "print(sum(data.provenance.ledger.dropped.values()), one.sniff(Path('load.csv')).score)"
    )
    env = os.environ | {"PYTHONPATH": str(energy)}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path, check=True, timeout=120
    )
    table, told = said.stdout.splitlines()
    assert json.loads(table)["data"] == [
        ["North", "2026-03-28T23:00:00.000", 101.0],
        ["North", "2026-03-29T00:00:00.000", 102.0],
        ["North", "2026-03-29T01:00:00.000", 103.0],
    ]
    assert told == "2 0.95"


def test_energy_imports_only_what_is_public(root: Path) -> None:
    for path in (root / "docs/plugins/verticals-energy").rglob("*.py"):
        private = [line for line in path.read_text().splitlines() if "import _" in line or "._" in line]
        assert not private, path


def test_scaffold_passes_the_suite_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "my_shop", "--out", str(tmp_path)]) == 0
    assert "verticals plugin check my_shop" in capsys.readouterr().out
    site = installed(tmp_path / "verticals-my-shop", tmp_path / "site")
    said = verticals(site, "core,my_shop", "plugin", "check", "my_shop", cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("my_shop.job: ")
    assert "failed" not in said.stdout


def test_scaffold_refuses_a_name_or_a_folder_that_will_not_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "new", "My Shop", "--out", str(tmp_path)]) == 2
    (tmp_path / "verticals-shop").mkdir()
    assert main(["plugin", "new", "shop", "--out", str(tmp_path)]) == 2
    assert "exists" in capsys.readouterr().err


def test_check_of_what_is_not_there_names_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "nothing"]) == 2
    assert "no plugin 'nothing'" in capsys.readouterr().err
    assert main(["plugin", "check", "core"]) == 4
    assert "registers no task" in capsys.readouterr().err
