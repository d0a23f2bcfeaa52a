"""For a plugin's own tests; pytest is imported only when it is used."""

from __future__ import annotations

from verticals_plugins.testing.outcome import NotApplicableError
from verticals_plugins.testing.subject import Subject
from verticals_plugins.testing.suite import Check


def applied(check: Check, subject: Subject) -> None:
    """Run a check inside a pytest test; one that does not apply to the task is passed over, not failed."""
    try:
        check(subject)
    except NotApplicableError as err:
        import pytest

        pytest.skip(str(err))
