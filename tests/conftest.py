"""What every test shares: public data beside the checkout, no network, no foreign plugins, one thread."""

from __future__ import annotations

import os
import socket
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"

# Before torch or a plugin is imported. A developer's own plugins stay out unless VERTICALS_PLUGINS names them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
with (ROOT / "pyproject.toml").open("rb") as file:
    BUILT_IN = tuple(tomllib.load(file)["project"]["entry-points"]["verticals"])
os.environ.setdefault("VERTICALS_PLUGINS", ",".join(BUILT_IN))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """``shared("finance/x.csv")``: a file of the public data beside the checkout; the test is skipped without it."""

    def path(name: str) -> Path:
        found = SHARED / name
        if not found.exists():
            pytest.skip(f"public data {name} are not beside this checkout")
        return found

    return path


def _is_local(address: Any) -> bool:
    return not isinstance(address, tuple) or address[0] in {"localhost", "127.0.0.1", "::1", ""}


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Let sockets reach this machine only: no feature may need a network."""
    patch = pytest.MonkeyPatch()

    def guard(name: str) -> None:
        original = getattr(socket.socket, name)

        def connect(self: socket.socket, address: Any) -> Any:
            if not _is_local(address):
                raise OSError(f"a test tried to reach {address!r}; no feature may need a network")
            return original(self, address)

        patch.setattr(socket.socket, name, connect)

    guard("connect")
    guard("connect_ex")
    yield
    patch.undo()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a file's tests on one worker, so that its module fixtures are made once, unless a test names its group."""
    if config.pluginmanager.has_plugin("xdist"):
        for item in items:
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(str(item.path)))
