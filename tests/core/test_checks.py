"""Checks tell what is odd and change nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from verticals.data.checks import check
from verticals_plugins import Category, Dataset, Id, Number, Provenance, Schema, Time

SCHEMA = Schema(
    id=Id("id"),
    entity=Category("account"),
    time=Time("when"),
    target=Category("late"),
    fields=(Number("amount"), Category("kind"), Time("due", known_ahead=True)),
)
NOW = pd.Timestamp("2024-06-01").timestamp()


def clean(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "account": rng.choice(list("abc"), rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), unit="h"),
            "late": rng.choice(["no", "yes"], rows),
            "amount": rng.normal(size=rows),
            "kind": rng.choice(list("xy"), rows),
        }
    )


def texts(frame: pd.DataFrame, *, in_file: bool = True) -> dict[str, str]:
    before = frame.copy()
    columns = {name: name for name in frame} if in_file else {}
    found = check(Dataset({"main": frame}, SCHEMA, Provenance("test", mapping=columns)), now=NOW)
    pd.testing.assert_frame_equal(frame, before)
    return {one.field: one.text for one in found}


def test_nothing_is_said_of_clean_data() -> None:
    assert texts(clean()) == {}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"amount": 1.0}, "amount", "always 1.0: it tells nothing"),
        (
            {"kind": np.where(np.arange(200) < 150, None, np.where(np.arange(200) % 2, "x", "y"))},
            "kind",
            "75% of the values are missing",
        ),
        ({"amount": np.where(np.arange(200) < 3, np.nan, np.arange(200))}, "amount", "1.5% of the values are missing"),
        ({"late": "no"}, "late", "only one class (no)"),
        ({"late": np.where(np.arange(200) < 5, "yes", "no")}, "late", "class yes has only 5 rows"),
        ({"late": [str(n) for n in range(200)]}, "late", "200 of 200 classes have fewer than 20 rows"),
        ({"when": pd.Timestamp("2031-01-01")}, "when", "200 times lie in the future, up to 2031-01-01"),
        ({"when": pd.Timestamp("1970-01-01")}, "when", "200 times lie before 1990"),
        ({"kind": np.where(np.arange(200) < 3, "4.11111E+15", "x")}, "kind", "3 values like 4.11E+15"),
    ],
)
def test_what_is_odd_is_told(change: dict[str, object], field: str, words: str) -> None:
    assert words in texts(clean().assign(**change))[field]


def test_times_that_an_adapter_counts_from_1970_are_no_finding() -> None:
    assert texts(clean().assign(when=pd.Timestamp("1970-01-01")), in_file=False) == {}


def test_a_column_that_tells_the_target_by_itself_is_suspected() -> None:
    frame = clean()
    leak = (frame["late"] == "yes").astype(float) + 0.001 * frame["amount"]
    found = texts(frame.assign(refund=leak))
    assert "tells late almost perfectly" in found["refund"]
    assert "tells late almost perfectly" in texts(frame.assign(refund=-leak))["refund"]


def test_a_category_that_tells_the_target_by_itself_is_suspected() -> None:
    frame = clean()
    status = frame["late"].map({"yes": "charged back", "no": "settled"}).astype("category")
    assert "tells late almost perfectly" in texts(frame.assign(status=status))["status"]


def test_rows_equal_in_all_but_the_id_are_told() -> None:
    frame = clean()
    again = pd.concat([frame, frame.head(3).assign(id=[900, 901, 902])], ignore_index=True)
    assert texts(again)["rows"] == "3 rows equal an earlier one in all but the id"


def test_times_known_ahead_may_lie_in_the_future() -> None:
    assert "due" not in texts(clean().assign(due=pd.Timestamp("2031-01-01")))
