"""How a check says that a task broke the contract, or that the check does not apply to it."""

from __future__ import annotations

from dataclasses import dataclass


class CheckFailedError(AssertionError):
    """The task breaks the contract; the message says where."""


class NotApplicableError(Exception):
    """The check asks for something that this task has no need of; the message says what."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check: ``passed``, ``failed`` or ``does not apply``, and why."""

    check: str
    state: str
    why: str = ""


def expect(condition: bool, message: str) -> None:
    """Fail the check unless ``condition`` holds.

    Raises:
        CheckFailedError: it does not.
    """
    if not condition:
        raise CheckFailedError(message)


def applies(condition: bool, message: str) -> None:
    """Pass over the check unless ``condition`` holds.

    Raises:
        NotApplicableError: it does not.
    """
    if not condition:
        raise NotApplicableError(message)
