"""Payments that are odd and of use: a run takes them, tells what it saw, and counts what it dropped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verticals
from verticals.cli import main
from verticals_finance.fraud.simulate import simulate

FAST = ("--quiet", "--preset", "quick", "--time-limit", "1s", "--threads", "1")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on payments with refunds, a time in the future, repeated rows, and the newest first."""
    home = tmp_path_factory.mktemp("odd")
    rows = simulate(3, cards=40, terminals=20, days=90).main.astype({"time": str})
    rows.loc[rows.index[::20], "amount"] *= -1
    rows.loc[rows.index[-1], "time"] = "2090-01-01 00:00:00"
    rows = pd.concat([rows.iloc[::-1], rows.iloc[:2]])
    rows.to_csv(home / "x.csv", index=False)
    assert main(["run", "finance.fraud", "--data", str(home / "x.csv"), "--out", str(home / "run"), *FAST]) == 0
    return home / "run"


def test_future_times_repeated_rows_and_rows_out_of_order_are_told(odd: Path) -> None:
    metrics, report = json.loads((odd / "metrics.json").read_text()), (odd / "report.md").read_text()
    assert any("rows came after a later one" in one for one in metrics["warnings"])
    assert metrics["data"]["dropped"] == {"a repetition of an earlier row": 2}
    assert "1 times lie in the future, up to 2090-01-01" in report


def test_a_time_in_the_future_does_not_make_the_bundle_forget(odd: Path) -> None:
    past = verticals.load(odd).past
    assert past is not None
    assert (past.main["time"] < pd.Timestamp("2030-01-01")).sum() > 500


def test_refunds_are_scored_and_cost_nothing(odd: Path) -> None:
    decided = pd.read_csv(odd / "decisions.csv")
    refunds = decided[decided["amount"] < 0]
    assert len(refunds) > 5
    assert refunds["probability"].between(0, 1).all()
    said = pd.read_parquet(odd / "predictions.parquet")
    told = json.loads((odd / "metrics.json").read_text())["decision"]
    fraud = decided.merge(said[["id", "truth"]].astype({"id": decided["id"].dtype}), on="id")["truth"] == 1
    caught = fraud & (decided["action"] != "pass")
    alerts = told["alerts_per_day"] * 5  # the cost of a review
    days = (decided["action"] != "pass").sum() / told["alerts_per_day"]
    assert told["saved_per_day"] == pytest.approx(decided["amount"].clip(lower=0)[caught].sum() / days - alerts)


def test_unknown_names_are_scored(odd: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text(
        "id,card,time,amount,terminal,country\n"
        "n1,nobody,2026-04-20 10:00,20,nowhere,Atlantis\nn2,c1,2026-04-20 11:00,20,,\n"
    )
    assert main(["predict", str(odd), "--data", str(new), "-o", str(tmp_path / "out.csv"), "--quiet"]) == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["id"].tolist() == ["n1", "n2"]
    assert np.isfinite(found["probability"]).all()
