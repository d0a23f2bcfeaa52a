"""A payment with its card's and its terminal's past: the examples of fraud detection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from verticals.data.match import plain
from verticals.data.table import classes_of, says_no
from verticals.data.windows import Timeline
from verticals_finance.fraud.features import compute, feature_names
from verticals_finance.fraud.log import DAY, NEVER, REACH, Days, Log, derive, latest
from verticals_finance.fraud.schema import CATEGORIES
from verticals_plugins import DataError, Dataset, Events, Examples, Table
from verticals_plugins.examples import Block

FIXED_FACTS = ("excess", "rank", "risk")
"""Facts that are fixed when a payment happens; a memory keeps them."""
LARGEST = 1e12
FRAUD_WORDS = ("fraud", "fraudulent", "isfraud", "yes", "y", "true", "t", "positive", "chargeback", "suspicious")


@dataclass(frozen=True)
class Payments:
    """Builds the examples. Labels count from ``schema.label_delay_days`` after a payment, or from its label time."""

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        every, new = together(dataset, past)
        refuse_absurd(every)
        log = as_log(every, dataset.schema.label_delay_days)
        rows = np.flatnonzero(new)
        fresh = np.flatnonzero(np.isnan(log.excess))
        derive(log, Days.of(log), fresh)
        known = every["fraud_code"].to_numpy()
        labelled = (known[rows] >= 0).any()
        rows = rows[known[rows] >= 0] if labelled else rows
        return assemble(log, every, rows, dataset.schema.label_delay_days, labelled=bool(labelled))

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset:
        """Payments of the last 90 days, and those whose label came in them, with the facts fixed for each."""
        every, _ = together(dataset, past)
        delay = dataset.schema.label_delay_days
        log = as_log(every, delay)
        derive(log, Days.of(log), np.flatnonzero(np.isnan(log.excess)))
        last = latest(log.time)
        told = np.where(log.known == NEVER, np.iinfo(np.int64).min, log.known)
        keep = np.maximum(log.time, told) > last - REACH - DAY
        kept = every.loc[keep].assign(**{name: getattr(log, name)[keep] for name in FIXED_FACTS})
        kept = kept.assign(label_time=np.where(log.known == NEVER, 0, log.known)[keep].astype("datetime64[ns]"))
        text = [name for name in ("card", "terminal", *CATEGORIES[1:]) if name in kept]
        kept = kept.assign(**{name: kept[name].astype(object) for name in text})
        names = [
            name for name in ("id", "time", "amount", "label_time", "fraud_code", *text, *FIXED_FACTS) if name in kept
        ]
        return dataset.with_main(kept[list(dict.fromkeys(names))].reset_index(drop=True))


def assemble(log: Log, every: pd.DataFrame, rows: np.ndarray, delay_days: float, *, labelled: bool) -> Examples:
    """The examples of the payments ``rows`` of a log whose facts are derived; ``every`` has the log's payments."""
    words = {name: categorical(every[name], rows) if name in every else absent(len(rows)) for name in CATEGORIES[1:]}
    inputs = inputs_of(log, rows, compute(log, rows)[1], pd.DataFrame(words), delay_days)
    frame = pd.DataFrame(
        {
            "id": every["id"].to_numpy()[rows],
            "entity": every["card"].astype(str).to_numpy()[rows],
            "time": every["time"].to_numpy()[rows],
            "day": log.day[rows].astype("datetime64[D]").astype(str),
            "amount": log.amount[rows],
            "terminal": every["terminal"].astype(object).to_numpy()[rows] if "terminal" in every else "",
        }
    )
    truth = every["fraud_code"].to_numpy()[rows].astype(np.int64) if labelled else None
    known = log.known[rows].astype("datetime64[ns]") if labelled else None
    return Examples(frame, inputs, truth, known, ("genuine", "fraud"))


def inputs_of(
    log: Log, rows: np.ndarray, values: np.ndarray, words: pd.DataFrame, delay_days: float
) -> dict[str, Block]:
    """What methods read of the payments ``rows``: features (Q, F) with their categories, and the events before them."""
    numbers = pd.DataFrame(values, columns=feature_index(), copy=False)
    return {
        "table": Table(pd.concat([numbers, words], axis=1)),
        "card": past_events(log, log.by_card, rows, 0),
        "terminal": past_events(log, log.by_terminal, rows, int(delay_days * DAY)),
    }


@cache
def feature_index() -> pd.Index:
    """(F,) names of the features."""
    return pd.Index(feature_names())


def categorical(column: pd.Series, rows: np.ndarray) -> pd.Categorical:
    """The values of ``rows`` as categories; text is left as it is."""
    return pd.Categorical(column.to_numpy(dtype=object)[rows])


def absent(rows: int) -> pd.Categorical:
    """A category that no payment has."""
    codes: Any = np.full(rows, -1, dtype=np.int8)
    return pd.Categorical.from_codes(codes, categories=pd.Index([], dtype=object))


def together(dataset: Dataset, past: Dataset | None) -> tuple[pd.DataFrame, np.ndarray]:
    """The payments of the past and the new ones as one table, and which are new (N,)."""
    main = dataset.main.reset_index(drop=True)
    if "fraud_code" not in main:
        main = main.assign(fraud_code=label_codes(main))
    if past is None:
        return main, np.ones(len(main), dtype=bool)
    old = past.main
    loose = {name: object for name in old if isinstance(old[name].dtype, pd.CategoricalDtype)}
    every = pd.concat([old.astype(loose), main], ignore_index=True)
    return every, np.arange(len(every)) >= len(old)


def refuse_absurd(main: pd.DataFrame) -> None:
    """Amounts are summed exactly, in hundredths, which has an end.

    Raises:
        DataError: an amount is larger than :data:`LARGEST`, or none at all.
    """
    amount = main["amount"].to_numpy(dtype=float)
    odd = np.flatnonzero(~(np.abs(amount) <= LARGEST))
    if len(odd):
        raise DataError(
            f"{len(odd)} amounts are larger than {LARGEST:.0e} or none, for example {amount[odd[0]]:g} "
            f"(id {main['id'].iloc[odd[0]]}).",
            expected="Amounts in the main unit of a currency.", todo="Correct these rows or take them out.",
        )  # fmt: skip


def label_codes(main: pd.DataFrame) -> np.ndarray:
    """(N,) 1 fraud, 0 genuine, -1 not known.

    Raises:
        DataError: the target has other than two values, or words of which none is known to mean fraud or not.
    """
    if "fraud" not in main:
        return np.full(len(main), -1, dtype=np.int64)
    classes = classes_of(main["fraud"])
    if len(classes.names) > 2:
        raise DataError(
            f"The target has {len(classes.names)} values ({', '.join(classes.names[:5])}).",
            expected="Two: fraud or not.", todo="Say which word is fraud: --option positive=WORD.",
        )  # fmt: skip
    known = [_meaning(one, classes.names) for one in classes.names]
    if known in ([], [0], [0, 1], [0, None]):
        return classes.codes
    if known == [1]:
        return np.where(classes.codes >= 0, 1, -1)
    raise DataError(
        f"The target says {' and '.join(map(repr, classes.names))}, which does not tell what is fraud.",
        expected="0 and 1, no and yes, genuine and fraud.", todo="Say which word is fraud: --option positive=WORD.",
    )  # fmt: skip


def _meaning(word: str, words: tuple[str, ...]) -> int | None:
    """1 fraud, 0 genuine, None = the word does not tell; of two numbers the larger one is fraud."""
    if re.fullmatch(r"[-+]?[\d.]+", word):
        return words.index(word) if len(words) > 1 else int(float(word) > 0)
    if says_no(word, {plain(one) for one in words}):
        return 0
    return 1 if plain(word) in FRAUD_WORDS else None


def as_log(every: pd.DataFrame, delay_days: float) -> Log:
    """Payments as arrays; facts that a memory keeps are taken over, the others are NaN."""
    time = every["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    fraud = every["fraud_code"].to_numpy(dtype=np.int64)
    known = time + int(delay_days * DAY)
    if "label_time" in every or "label_known_at" in every:
        told = every["label_time" if "label_time" in every else "label_known_at"].to_numpy().astype("datetime64[ns]")
        known = np.where(np.isnat(told), known, told.astype(np.int64))
    known = np.where(fraud < 0, NEVER, known)
    nothing = np.full(len(every), np.nan)
    facts = {
        name: every[name].to_numpy(dtype=float).copy() if name in every else nothing.copy() for name in FIXED_FACTS
    }
    return Log(
        card=codes_of(every["card"]),
        terminal=codes_of(every["terminal"]) if "terminal" in every else np.full(len(every), -1),
        time=time, tie=tie_of(every["id"]), amount=every["amount"].to_numpy(dtype=float), fraud=np.maximum(fraud, 0),
        known=known, **facts,
        habits={name: codes_of(every[name]) for name in CATEGORIES[1:4] if name in every},
    )  # fmt: skip


def codes_of(column: pd.Series) -> np.ndarray:
    """(N,) int64 codes of the values as text, -1 = missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64)
    text = column.astype(object).map(lambda one: None if pd.isna(one) else str(one))
    codes, _ = pd.factorize(text, use_na_sentinel=True)
    return codes.astype(np.int64)


def tie_of(ids: pd.Series) -> np.ndarray:
    """(N,) order of payments of one moment: by id, whatever else is in the table."""
    keys = ids.to_numpy() if ids.dtype.kind in "iu" else ids.astype(str).to_numpy(dtype=str)
    order = np.argsort(keys, kind="stable")
    rank = np.empty(len(keys), dtype=np.int64)
    rank[order] = np.arange(len(keys))
    return rank


def past_events(log: Log, line: Timeline, rows: np.ndarray, delay: int) -> Events:
    """What happened before each payment with the same key of ``line``, up to ``delay`` nanoseconds ago."""
    order, at = line.order, line.place[rows]
    stop = at if not delay else np.minimum(at, line.find(line.key[at], log.time[rows] - delay))
    columns = {
        "log_amount": log.log_amount,
        "excess": log.excess,
        "rank": log.rank,
        "risk": log.risk,
        "fraud": log.fraud,
    }
    facts = np.empty((len(columns), len(log)), dtype=np.float32)
    for number, values in enumerate(columns.values()):
        facts[number] = values[order]
    frame = pd.DataFrame(facts.T, columns=list(columns), copy=False)
    known = np.where(log.known == NEVER, np.inf, log.known / 1e9)[order]
    return Events(
        frame, line.time / 1e9, line.first[at], np.maximum(stop, line.first[at]), log.time[rows] / 1e9, {"fraud": known}
    )
