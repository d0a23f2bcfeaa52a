"""What is known at the index time: the outcome leaves no trace in the inputs, and the timeline's figures by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals_healthcare.adapters import CASES
from verticals_healthcare.diagnosis import DIAGNOSIS
from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.timeline import Variables, aggregates, grid, past_of, timeline_frame
from verticals_plugins import Events, Examples, ReadOptions, Table

TIMELINE = """subject,time,code,value
A,2024-01-01T02:00,LACTATE,4.0
A,2024-01-03T12:00,LACTATE,9.0
A,2024-01-03T22:00,DEATH,
B,2024-01-01T02:00,LACTATE,4.0
B,2024-01-03T12:00,LACTATE,9.0
B,2024-01-04T18:00,DISCHARGE,
"""


def examples(folder: Path, outcomes: dict[str, int], timeline: str = TIMELINE) -> Examples:
    """Examples of patients 48 hours after an admission at the beginning of 2024."""
    rows = "".join(f"{one},{one},2024-01-03T00:00,{what}\n" for one, what in outcomes.items())
    (folder / "cases.csv").write_text(f"case,patient,time,outcome\n{rows}")
    (folder / "timeline.csv").write_text(timeline)
    return DIAGNOSIS.examples(CASES.read(folder, ReadOptions(schema=SCHEMA)))


def inputs(found: Examples) -> tuple[pd.DataFrame, Events]:
    table, events = found.inputs["table"], found.inputs["timeline"]
    assert isinstance(table, Table)
    assert isinstance(events, Events)
    return table.frame, events


def test_who_dies_later_looks_like_who_goes_home_later(tmp_path: Path) -> None:
    frame, events = inputs(examples(tmp_path, {"A": 1, "B": 0}))
    pd.testing.assert_series_equal(frame.iloc[0], frame.iloc[1], check_names=False)
    assert frame["LACTATE last"].tolist() == [4.0, 4.0]
    assert frame["LACTATE count"].tolist() == [1, 1]
    assert not [name for name in frame if "DEATH" in name or "DISCHARGE" in name]
    assert events.frame["LACTATE"].tolist() == [4.0, 4.0]


def test_outcomes_that_are_swapped_change_no_input(tmp_path: Path) -> None:
    before, after = (examples(tmp_path, outcomes) for outcomes in ({"A": 1, "B": 0}, {"A": 0, "B": 1}))
    assert before.truth is not None
    assert after.truth is not None
    assert before.truth.tolist() == after.truth.tolist()[::-1]
    (one, seen), (other, again) = inputs(before), inputs(after)
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(seen.frame, again.frame)


def test_what_is_known_at_the_index_time_itself_is_used_and_a_second_later_is_not(tmp_path: Path) -> None:
    rows = "subject,time,code,value\nA,2024-01-03T00:00:00,X,1\nB,2024-01-03T00:00:01,X,2\n"
    frame, _ = inputs(examples(tmp_path, {"A": 1, "B": 0}, rows))
    assert frame["X count"].tolist() == [1, 0]
    assert frame["X last"].tolist() == pytest.approx([1, np.nan], nan_ok=True)


NOW = pd.Timestamp("2024-01-03")


def test_the_figures_of_a_timeline_by_hand() -> None:
    when = [NOW - pd.Timedelta(hours=one) for one in (10, 4, 1)]
    timeline = timeline_frame(["a"] * 3, when, ["X"] * 3, [1.0, 3.0, 8.0])
    past = past_of(timeline, pd.Series(["a", "b"]), pd.Series([NOW, NOW]))
    variables = Variables.of(past, 8)
    found = aggregates(past, variables)
    right = {
        "timeline rows": 3, "timeline hours": 10, "X first": 1, "X last": 8, "X min": 1, "X max": 8, "X mean": 4,
        "X sd": np.sqrt(13), "X slope": 30 / 42, "X recent": 5.5, "X early": 1, "X count": 3, "X hours since": 1,
    }  # fmt: skip
    assert found.iloc[0].to_dict() == pytest.approx(right)
    nothing = found.iloc[1]
    assert nothing[["timeline rows", "X count"]].tolist() == [0, 0]
    assert nothing.drop(["timeline rows", "X count"]).isna().all()
    steps = grid(past, variables, hours=4, most=2)
    assert steps.frame.iloc[steps.start[0] : steps.stop[0]]["X"].tolist() == [3.0, 8.0]
    assert steps.start[1] == steps.stop[1]
