"""A simulator of card payments, for demos and tests. Nobody's data: cards, terminals and fraud are drawn by chance.

Cards have a typical amount, a habit of terminals and of hours. Fraud comes in three kinds: a skimmed terminal (for
three weeks some of its payments are fraud), a stolen card (for ten days a part of its payments is several times its
usual amount, in other countries), and card testing (bursts of small payments in a few minutes).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from verticals_finance.fraud.schema import SCHEMA
from verticals_plugins import Dataset, Provenance

DAYS = 100
CARDS, TERMINALS = 320, 160
START = np.datetime64("2026-01-01T00:00:00", "ns")


def simulate(seed: int, *, cards: int = CARDS, terminals: int = TERMINALS, days: int = DAYS) -> Dataset:
    """About ``cards * days / 3`` payments in order of time, 1 to 3 % of them fraud."""
    rng = np.random.default_rng(seed)
    frame = pd.concat(
        [_ordinary(rng, cards, terminals, days), _testing(rng, cards, terminals, days)], ignore_index=True
    )
    _skimmed_terminals(frame, rng, terminals, days)
    _stolen_cards(frame, rng, cards, days)
    frame = frame.sort_values(["seconds", "card"], kind="stable").reset_index(drop=True)
    main = pd.DataFrame(
        {
            "id": np.arange(len(frame)),
            "card": ("c" + frame["card"].astype(str)).astype("category"),
            "time": START + (frame["seconds"].to_numpy() * 1e9).astype("timedelta64[ns]"),
            "fraud": frame["fraud"].astype(int).astype(str).astype("category"),
            "amount": frame["amount"].round(2),
            "terminal": ("t" + frame["terminal"].astype(str)).astype("category"),
            "country": frame["country"].astype("category"),
            "channel": frame["channel"].astype("category"),
        }
    )
    return Dataset({"main": main}, SCHEMA, Provenance("simulator", notes={"data": f"simulated payments, seed {seed}"}))


def _ordinary(rng: np.random.Generator, cards: int, terminals: int, days: int) -> pd.DataFrame:
    rate = rng.gamma(2.0, 0.17, cards)
    counts = rng.poisson(rate * days)
    card = np.repeat(np.arange(cards), counts)
    n = len(card)
    typical = rng.lognormal(3.8, 0.6, cards)
    habits = rng.integers(0, terminals, (cards, 6))
    hour = np.clip(rng.normal(14, 4, n), 0, 23.99)
    abroad = rng.random(n) < 0.03
    return pd.DataFrame(
        {
            "card": card,
            "seconds": np.floor(rng.integers(0, days, n) * 86_400 + hour * 3600),
            "terminal": np.where(
                rng.random(n) < 0.85, habits[card, rng.integers(0, 6, n)], rng.integers(0, terminals, n)
            ),
            "amount": typical[card] * rng.lognormal(0, 0.5, n),
            "country": np.where(abroad, rng.choice(["FR", "US", "GB"], n), "DE"),
            "channel": np.where(rng.random(n) < 0.3, "online", "chip"),
            "fraud": False,
        }
    )


def _testing(rng: np.random.Generator, cards: int, terminals: int, days: int) -> pd.DataFrame:
    bursts = max(1, cards // 20)
    rows = []
    for card in rng.choice(cards, bursts, replace=False):
        count = int(rng.integers(4, 9))
        start = rng.integers(0, days * 86_400)
        rows.append(
            pd.DataFrame(
                {
                    "card": card,
                    "seconds": start + np.sort(rng.integers(0, 900, count)).astype(float),
                    "terminal": rng.integers(0, terminals, count),
                    "amount": rng.uniform(0.5, 3.0, count),
                    "country": "US",
                    "channel": "online",
                    "fraud": True,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def _skimmed_terminals(frame: pd.DataFrame, rng: np.random.Generator, terminals: int, days: int) -> None:
    for terminal in rng.choice(terminals, max(3, terminals // 8), replace=False):
        begin = rng.integers(0, max(1, days - 21)) * 86_400
        hit = (frame["terminal"] == terminal) & frame["seconds"].between(begin, begin + 21 * 86_400)
        frame.loc[hit & (rng.random(len(frame)) < 0.7), "fraud"] = True


def _stolen_cards(frame: pd.DataFrame, rng: np.random.Generator, cards: int, days: int) -> None:
    for card in rng.choice(cards, max(3, cards // 5), replace=False):
        begin = rng.integers(0, max(1, days - 10)) * 86_400
        hit = (frame["card"] == card) & frame["seconds"].between(begin, begin + 10 * 86_400)
        hit &= rng.random(len(frame)) < 0.5
        frame["amount"] = np.where(hit, frame["amount"] * rng.uniform(3, 6), frame["amount"])
        frame.loc[hit, "country"] = rng.choice(["US", "BR", "NG"])
        frame.loc[hit, "channel"] = "online"
        frame.loc[hit, "fraud"] = True
