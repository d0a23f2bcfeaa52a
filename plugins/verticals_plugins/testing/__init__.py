"""The conformance suite: what every task, built-in or foreign, must pass.

On the command line: ``verticals plugin check NAME``. In a plugin's own tests, with pytest::

    import pytest
    from verticals.pipeline.conformance import PipelineRunner
    from verticals_plugins.testing import CHECKS, Subject, applied

    @pytest.fixture(scope="module")
    def subject(tmp_path_factory):
        return Subject(LOAD, PipelineRunner(), tmp_path_factory.mktemp("load"))

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check, subject):
        applied(check, subject)
"""

from verticals_plugins.testing.outcome import CheckFailedError, NotApplicableError, Outcome
from verticals_plugins.testing.pytest_helper import applied
from verticals_plugins.testing.runner import Finished, Runner, Scorer
from verticals_plugins.testing.subject import Subject
from verticals_plugins.testing.suite import CHECKS, examine, outcome_of

__all__ = [
    "CHECKS",
    "CheckFailedError",
    "Finished",
    "NotApplicableError",
    "Outcome",
    "Runner",
    "Scorer",
    "Subject",
    "applied",
    "examine",
    "outcome_of",
]
