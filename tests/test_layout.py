"""The house: its folders, its names, its arrows, and what may never stand in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
INDUSTRIES = sorted(set(PROJECT["project"]["entry-points"]["verticals"]) - {"core"})
PACKAGES = [ROOT / one for one in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
CODE = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]

FORMATS = (
    "fhir dicom iso8583 iso20022 pacs tabformer meds mvtec coco yolo vrplib solomon vroom osrm recbole oulad moodle"
)
FORMATS += " xapi tsf monash m5 m4 medmnist physionet hl7 edifact"
TASKS = "fraud diagnosis defects routes courses"


def lines(folder: Path) -> Iterator[tuple[str, str]]:
    """Each line of text below a folder, with its place."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".py", ".template", ".json", ".html", ".css"}:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}", line


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_package_is_regular_and_typed(package: Path) -> None:
    assert (package / "__init__.py").is_file()
    assert (package / "py.typed").is_file()


def test_there_are_six_industries_each_with_a_plugin_and_an_extra() -> None:
    assert len(INDUSTRIES) == 6
    for name in INDUSTRIES:
        assert (ROOT / name / f"verticals_{name}" / "plugin.py").is_file()
        assert name in PROJECT["project"]["optional-dependencies"]


def test_licence_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_constraints_name_exact_versions() -> None:
    pinned = (ROOT / "constraints.txt").read_text().split()
    assert len(pinned) > 50
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", one) for one in pinned)


@pytest.mark.parametrize("folder", ["core", "plugins"])
def test_core_and_contract_name_no_industry_no_task_no_format(folder: str) -> None:
    words = re.compile(rf"(?<![a-z])(?:{'|'.join([*INDUSTRIES, *FORMATS.split(), *TASKS.split()])})(?![a-z])", re.I)
    found = [place for place, line in lines(ROOT / folder) if words.search(line)]
    assert not found, "\n".join(found)


def test_persistence_is_never_by_pickle() -> None:
    forbidden = re.compile(
        r"^\s*(?:import|from)\s+(?:pickle|joblib|dill|cloudpickle|shelve)\b"
        r"|allow_pickle\s*=\s*True|torch\.load\((?![^)]*weights_only=True)|\.to_pickle\(|read_pickle\(",
        re.M,
    )
    found = [f"{path}: {match.group()}" for path in CODE for match in forbidden.finditer(path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", INDUSTRIES)
def test_industry_imports_no_other_industry(name: str) -> None:
    others = {f"verticals_{one}" for one in INDUSTRIES if one != name}
    for path in (ROOT / name).rglob("*.py"):
        assert not imported(path) & others, path


@pytest.mark.parametrize("name", [*INDUSTRIES, "core"])
def test_plugin_module_imports_nothing_heavy(name: str) -> None:
    package = "verticals" if name == "core" else f"verticals_{name}"
    code = f"import {package}.plugin, sys; print(sorted({{'torch', 'pandas', 'numpy'}} & set(sys.modules)))"
    assert run(code) == "[]"


def test_command_line_starts_without_torch_or_pandas_in_a_third_of_a_second() -> None:
    code = (
        "import sys, contextlib, io, resource\n"
        "from verticals.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)), used.ru_utime + used.ru_stime < 0.3)"
    )
    assert run(code) == "[] True"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def imported(path: Path) -> set[str]:
    """First parts of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names
