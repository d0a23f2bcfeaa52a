"""Every public sample file of education, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from samples import unclear

from verticals_education.courses import COURSES

FOLDERS = (
    "caliper",
    "canvas_gradebook",
    "course_catalogue",
    "dkt_three_line",
    "edx_tracking",
    "gradescope",
    "kdd_cup",
    "mooccube",
    "moodle_grades",
    "moodle_log",
    "moodle_quiz",
    "oneroster",
    "oulad",
    "qti",
    "recbole",
    "xapi",
    "xapi_edu_data",
)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_sample_is_read_or_refused_in_words(name: str, shared: Callable[[str], Path]) -> None:
    assert unclear(COURSES, shared(f"formats/education/{name}")) == []
