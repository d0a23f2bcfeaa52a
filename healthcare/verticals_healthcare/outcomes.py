"""Outcomes within a horizon, made from a timeline: who had the event, who did not, and of whom nobody can say.

The index time never depends on the outcome. A patient whose record ends before the horizon is censored, and one who
died before it without the event is a competing case; both are left out of training and counted, never called negative.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals_plugins import DataError, Ledger, UsageError

OPTIONS = {
    "outcome": "code of the event to predict, several separated by commas (needed for training)",
    "index": "prediction time: an ISO date for all, or 'first' for each patient's first record (default first)",
    "after_days": "days after the index that are still observed before the prediction (default 0; for 'first')",
    "horizon_days": "days within which the event counts (default 365)",
}
MOST_DAYS = 36_525
DEATH = ("MEDS_DEATH", "DEATH")


@dataclass(frozen=True)
class Horizon:
    """What to predict: any of ``codes`` within ``days`` after the index; no codes = for prediction only."""

    codes: tuple[str, ...]
    index: str
    after_days: float
    days: float

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Horizon:
        """From an adapter's options.

        Raises:
            UsageError: a number or the date cannot be read.
        """
        codes = tuple(one.strip() for one in options.get("outcome", "").split(",") if one.strip())
        try:
            after, days = float(options.get("after_days", "0")), float(options.get("horizon_days", "365"))
        except ValueError as err:
            raise UsageError("after_days and horizon_days must be numbers.") from err
        if not 0 < days <= MOST_DAYS or not 0 <= after <= MOST_DAYS:
            raise UsageError(f"horizon_days={days:g}, after_days={after:g}.", expected=f"Days, at most {MOST_DAYS}.")
        index = options.get("index", "first")
        if index != "first" and not _is_iso(index):
            raise UsageError(f"index={index!r} is neither 'first' nor a date.", expected="As 2024-03-31.")
        return cls(codes, index, after, days)


def _is_iso(text: str) -> bool:
    """Whether a date is written year first: 03/04/2020 could be two days, and is never guessed."""
    try:
        return bool(re.match(r"\d{4}-\d\d-\d\d", text)) and not pd.isna(pd.Timestamp(text))
    except ValueError:
        return False


def index_times(patients: list[str], timeline: pd.DataFrame, horizon: Horizon) -> np.ndarray:
    """(N,) datetime64[ns] each patient's prediction time, NaT where a patient has no dated record."""
    if horizon.index != "first":
        moment = pd.Timestamp(horizon.index)
        naive = moment.tz_convert("UTC").tz_localize(None) if moment.tzinfo else moment
        return np.full(len(patients), naive.to_datetime64().astype("datetime64[ns]"))
    first = timeline.groupby("patient")["time"].min()
    found = pd.Series(patients).map(first).to_numpy().astype("datetime64[ns]")
    return found + np.timedelta64(round(horizon.after_days * 86_400), "s")


def labelled(
    main: pd.DataFrame, timeline: pd.DataFrame, horizon: Horizon, ledger: Ledger, death: Mapping[str, np.datetime64]
) -> pd.DataFrame:
    """``main`` (columns patient, time) with ``outcome`` "0" / "1" and ``outcome_time``; undecided rows are dropped.

    Raises:
        DataError: none of the codes occurs.
    """
    hit = timeline[timeline["variable"].isin(horizon.codes)]
    if not len(hit):
        some = ", ".join(timeline["variable"].value_counts().index[:8])
        raise DataError(
            f"The outcome {', '.join(horizon.codes)} does not occur.", expected=f"Codes here: {some} …",
            todo="Give another code: --option outcome=CODE",
        )  # fmt: skip
    last = timeline.groupby("patient")["time"].max()
    days = np.timedelta64(round(horizon.days * 86_400), "s")
    outcome, known, keep = [], [], []
    counts: dict[str, int] = dict.fromkeys(("before", "censored", "competing", "events", "without"), 0)
    times = {name: np.sort(rows.to_numpy()) for name, rows in hit.groupby("patient")["time"]}
    for patient, now in zip(main["patient"], main["time"].to_numpy(), strict=True):
        verdict, when = _verdict(times.get(patient), now, now + days, last.get(patient), death.get(patient))
        counts[verdict] += 1
        keep.append(verdict in ("events", "without"))
        outcome.append("1" if verdict == "events" else "0")
        known.append(when)
    ledger.drop("had the outcome before the index time", counts["before"])
    ledger.drop("are censored: their record ends before the horizon", counts["censored"])
    ledger.drop("died before the horizon without the outcome (competing)", counts["competing"])
    ledger.warn(
        f"{len(main)} subjects: {counts['events']} events, {counts['without']} without, {counts['censored']} censored, "
        f"{counts['competing']} competing, {counts['before']} had it before"
    )
    found = main.assign(outcome=outcome, outcome_time=np.array(known, dtype="datetime64[ns]"))
    return found[np.array(keep, dtype=bool)].reset_index(drop=True)


def _verdict(
    events: np.ndarray | None, now: np.datetime64, end: np.datetime64, last: pd.Timestamp | None,
    death: np.datetime64 | None,
) -> tuple[str, np.datetime64]:  # fmt: skip
    """Which case a patient is, and when that became known."""
    if events is not None and (events <= now).any():
        return "before", now
    if events is not None:
        within = events[events <= end]
        if len(within):
            return "events", within[0]
    if death is not None and death <= end:
        return "competing", death
    if last is None or pd.isna(last) or last.to_datetime64() < end:
        return "censored", end
    return "without", end
