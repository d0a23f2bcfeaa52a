"""Examples: a learner at an enrolment, with the courses taken strictly before it.

A row with a course is an example whose truth is that course; a row without one asks for a recommendation. Where a
dataset holds rows that ask, only they are examples and the others are history. A course that the learner has taken
before is no truth: repetitions stay in the history and are no examples.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from verticals_education.catalogue import catalogue_of
from verticals_education.pseudonyms import NOTE, pseudonyms
from verticals_plugins import Block, DataError, Dataset, Events, Examples, Objects

KEYS = ["learner", "time", "course"]


class Enrolments:
    """Builds the examples of ``education.courses``; memory is every enrolment and the catalogue."""

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        main = hidden(dataset, past)
        catalogue = catalogue_of(_catalogue(dataset, past))
        history = _history(main, dataset, past)
        names = _names(list(catalogue.courses), history)
        asked = main[_asks(main)]
        wanted = asked if len(asked) else main
        wanted = wanted.sort_values(["time", "id"], kind="stable").reset_index(drop=True)
        start, stop = spans(history, wanted)
        if not len(asked):
            fresh = ~_had_before(history, wanted)
            wanted, start, stop = wanted[fresh].reset_index(drop=True), start[fresh], stop[fresh]
        truth = None
        if not len(asked):
            at = {name: place for place, name in enumerate(names)}
            truth = np.array([at[str(one)] for one in wanted["course"]], dtype=np.int64)
        frame = pd.DataFrame(
            {"id": wanted["id"], "entity": wanted["learner"].astype(str), "time": wanted["time"], "taken": stop - start}
        )
        if "split" in wanted:
            frame["split"] = wanted["split"].astype(str)
        when = wanted["time"].to_numpy().astype("datetime64[ns]")
        events = _events(history, names, start, stop, seconds(when))
        inputs: dict[str, Block] = {"history": events, "catalogue": Objects((catalogue,) * len(wanted))}
        return Examples(frame, inputs, truth, when, names)

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset:
        """Who took what, and the catalogue."""
        main = hidden(dataset, past)
        history = _history(main, dataset, past).drop(columns="order")
        tables = {"main": history.assign(id=np.arange(len(history)))}
        catalogue = _catalogue(dataset, past)
        if catalogue is not None:
            tables["catalogue"] = catalogue
        notes = {**({} if past is None else past.provenance.notes), **dataset.provenance.notes}
        provenance = replace(dataset.provenance, notes={NOTE: notes[NOTE]} if NOTE in notes else {})
        return Dataset(tables, dataset.schema, provenance)


def hidden(dataset: Dataset, past: Dataset | None) -> pd.DataFrame:
    """The main table under pseudonyms: a table that came from memory is hashed with the key of the past.

    Raises:
        DataError: a row has no time.
    """
    main = dataset.main
    if main["time"].isna().any():
        raise DataError(
            f"{int(main['time'].isna().sum())} of {len(main)} enrolments have no time.",
            expected="A time for each: what comes next can only be learnt from what came before.",
            todo="Export them with their time.",
        )
    salt = None if past is None else past.provenance.notes.get(NOTE)
    if salt is not None and dataset.provenance.adapter == "frame":
        return main.assign(learner=pseudonyms(main["learner"], salt))
    return main


def spans(history: pd.DataFrame, wanted: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows ``start[i]:stop[i]`` of ``history`` that lie strictly before example i, of the same learner."""
    both = pd.concat([history["learner"].astype(str), wanted["learner"].astype(str)], ignore_index=True)
    learner = pd.factorize(both, sort=True)[0]
    time = np.concatenate([one["time"].to_numpy().astype("datetime64[ns]") for one in (history, wanted)])
    event = np.arange(len(both)) < len(history)
    order = np.lexsort((event, time, learner))
    before = np.cumsum(event[order].astype(np.int64)) - event[order]
    stop = np.empty(len(both), dtype=np.int64)
    stop[order] = before
    first = np.searchsorted(learner[: len(history)], learner[len(history) :])
    return first.astype(np.int64), stop[len(history) :]


def seconds(when: np.ndarray) -> np.ndarray:
    """(N,) seconds since 1970."""
    return when.astype("int64") / 1e9


def _asks(main: pd.DataFrame) -> np.ndarray:
    if "course" not in main:
        return np.ones(len(main), dtype=bool)
    return main["course"].isna().to_numpy()


def _history(main: pd.DataFrame, dataset: Dataset, past: Dataset | None) -> pd.DataFrame:
    """Every known enrolment once, by learner and time; ``order`` is the same for all orders of the file."""
    parts = [main[~_asks(main)], dataset.tables.get("past")]
    if past is not None:
        parts.insert(0, past.main)
    kept = [
        one[[*KEYS, *(["completed"] if "completed" in one else [])]] for one in parts if one is not None and len(one)
    ]
    if not kept:
        return pd.DataFrame({"learner": [], "time": np.array([], "datetime64[ns]"), "course": [], "order": []})
    whole = pd.concat([one.astype({"learner": str, "course": str}) for one in kept], ignore_index=True)
    whole = whole.drop_duplicates(KEYS, keep="first").sort_values(KEYS, kind="stable").reset_index(drop=True)
    return whole.assign(order=np.arange(len(whole)))


def _had_before(history: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """(N,) bool: the learner took the course at an earlier time, or an earlier row says the same."""
    first = history.groupby(["learner", "course"], sort=False)["time"].min().rename("first")
    keys = wanted.assign(learner=wanted["learner"].astype(str), course=wanted["course"].astype(str))
    earliest = keys.join(first, on=["learner", "course"])["first"]
    again = keys.duplicated(KEYS, keep="first").to_numpy()
    return (earliest < wanted["time"]).to_numpy() | again


def _names(listed: list[str], history: pd.DataFrame) -> tuple[str, ...]:
    """The catalogue's courses, then the others in order of their first enrolment: later rows only append."""
    if not len(history):
        return tuple(listed)
    first = history.groupby("course", sort=True)["time"].min().sort_values(kind="stable")
    return tuple(dict.fromkeys([*listed, *(str(name) for name in first.index)]))


def _events(
    history: pd.DataFrame, names: tuple[str, ...], start: np.ndarray, stop: np.ndarray, now: np.ndarray
) -> Events:
    when = seconds(history["time"].to_numpy().astype("datetime64[ns]"))
    revealed = when
    if "completed" in history:
        done = history["completed"].to_numpy().astype("datetime64[ns]")
        revealed = np.where(np.isnat(done), np.inf, np.maximum(seconds(done), when))
    item = pd.Categorical(history["course"], categories=pd.Index(names, dtype=object))
    frame = pd.DataFrame({"item": item, "passed": np.ones(len(history))})
    return Events(frame, when, start, stop, now, {"passed": revealed})


def _catalogue(dataset: Dataset, past: Dataset | None) -> pd.DataFrame | None:
    found = dataset.tables.get("catalogue")
    return found if found is not None or past is None else past.tables.get("catalogue")
