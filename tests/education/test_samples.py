"""Every public sample file of education, of any format: read, or refused in words, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verticals.pipeline.reading import choose
from verticals_education.courses import COURSES
from verticals_plugins import DataError, ReadOptions

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
    mute = []
    for path in sorted(one for one in shared(f"formats/education/{name}").rglob("*") if one.is_file()):
        try:
            found = choose(COURSES, path).adapter.read(path, ReadOptions(schema=COURSES.schema))
        except DataError as err:
            mute += [] if err.found and (err.expected or err.todo) else [f"{path.name}: {err}"]
        else:
            assert len(found.main), path
            assert found.provenance.sources, path
    assert not mute
