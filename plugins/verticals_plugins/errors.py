"""Errors, grouped by who is at fault: the user's data, the user's call, a plugin, an install.

Each message says what was found, what was expected and what to do.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class VerticalsError(Exception):
    """Root of all errors that are shown to a user as one message, without a traceback.

    ``exit_code`` is what the command line leaves with.
    """

    exit_code = 1

    def __init__(self, found: str, *, expected: str = "", todo: str = "") -> None:
        self.found, self.expected, self.todo = found, expected, todo
        super().__init__(" ".join(part for part in (found, expected, todo) if part))


class DataError(VerticalsError):
    """The user's data cannot be used as they are."""

    exit_code = 3


class UsageError(VerticalsError):
    """The call or the command line asks for something that does not exist or does not fit."""

    exit_code = 2


class PluginError(VerticalsError):
    """A plugin broke the contract; names the plugin and its distribution."""

    exit_code = 4


class MissingExtraError(VerticalsError):
    """A package of an optional extra is not installed."""

    exit_code = 5


def need(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say how to install it.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as err:
        if (err.name or "").split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{module.split('.')[0]} is not installed.",
            todo=f"Install it with: pip install 'verticals[{extra}]'",
        ) from err
