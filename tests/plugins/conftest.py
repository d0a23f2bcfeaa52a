"""Little distributions on the path, as an installer would leave them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install("dist-name", good="source of a plugin module")`` puts a distribution with these plugins on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def add(distribution: str, *, version: str = "1.0", **plugins: str) -> None:
        package = distribution.replace("-", "_")
        for name, source in plugins.items():
            (site / f"{package}_{name}.py").write_text(
                "from verticals_plugins import *\nfrom verticals_plugins import hookimpl\n" + dedent(source)
            )
        lines = [f"{name} = {package}_{name}" for name in plugins]
        info = site / f"{package}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("\n".join(["[verticals]", *lines, ""]))

    yield add
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(site) in str(sys.modules[name].__file__):
            del sys.modules[name]
