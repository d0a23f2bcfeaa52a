"""The scaffold of a new plugin: a distribution that installs, passes the conformance suite, and waits to be changed."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from verticals_plugins.errors import UsageError

PACKAGE = "package"
"""Folder of the template that becomes ``verticals_NAME``."""


def write(name: str, parent: Path) -> Path:
    """Write ``verticals-NAME`` below ``parent`` and return its path.

    Raises:
        UsageError: the name cannot be one, or the folder exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f"{name!r} cannot be a plugin's name.", expected="Lower-case letters, digits and _.")
    home = parent / f"verticals-{name.replace('_', '-')}"
    if home.exists():
        raise UsageError(f"{home} exists.", todo="Choose another name, or another folder with --out.")
    try:
        _copy(files(__name__) / "files", home, name)
    except OSError as err:
        raise UsageError(f"{home} cannot be written: {err.strerror or err}.") from err
    return home


def _copy(source: Traversable, target: Path, name: str) -> None:
    target.mkdir(parents=True)
    for one in source.iterdir():
        if one.is_dir():
            _copy(one, target / (f"verticals_{name}" if one.name == PACKAGE else one.name), name)
        elif one.name.endswith(".template"):
            (target / one.name.removesuffix(".template")).write_text(_filled(one.read_text(), name))


def _filled(text: str, name: str) -> str:
    for word, value in (("{{name}}", name), ("{{dist}}", name.replace("_", "-")), ("{{NAME}}", name.upper())):
        text = text.replace(word, value)
    return text
