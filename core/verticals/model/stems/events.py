"""The events stem: an example's past -> one vector per event.

An event's vector sums its numbers, its categories, its age at the example's moment, the gap to the event before, the
hour of day, and, where a label is already known at that moment, that label with its own embedding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from verticals.baselines.encode import is_category, number_matrix
from verticals.model.stems.categories import Categories, category_codes, category_config
from verticals.model.stems.numbers import Numbers, number_config
from verticals.model.tokens import Tokens
from verticals_plugins import Events, Stem

LENGTH = 32
"""Most recent events that are read."""
AGE_EDGES = [0.0, 60, 600, 3600, 4 * 3600, 12 * 3600] + [
    86_400.0 * d for d in (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 180, 365)
]
DAY = 86_400.0


def fit_events(block: Events, width: int) -> dict[str, Any]:
    """Quantile edges and vocabularies over the events that the training examples may read."""
    frame = block.frame.iloc[seen_events(block)]
    revealed = list(block.revealed)
    categories = [name for name in frame.columns if name not in revealed and is_category(frame[name])]
    numbers = [name for name in frame.columns if name not in revealed and name not in categories]
    return {
        "numbers": numbers,
        "edges": number_config(frame, numbers),
        "categories": category_config(frame, categories),
        "revealed": revealed,
        "length": LENGTH,
    }


def seen_events(block: Events) -> np.ndarray:
    """Row numbers of the events that lie in any example's past."""
    change = np.zeros(len(block.frame) + 1, dtype=np.int64)
    np.add.at(change, block.start, 1)
    np.add.at(change, block.stop, -1)
    return np.flatnonzero(np.cumsum(change[:-1]) > 0)


class EventsStem(nn.Module):
    """(B, T, D): the last T events, left-padded, the newest last; position is the age in days, negative."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.config = config
        self.numbers = Numbers(config["edges"], width) if config["numbers"] else None
        self.times = Numbers([AGE_EDGES, AGE_EDGES], width)
        self.hour = nn.Linear(2, width)
        sizes = [len(codes) for codes in config["categories"].values()]
        self.categories = Categories(sizes, width) if sizes else None
        self.labels = nn.ModuleList(nn.Embedding(3, width) for _ in config["revealed"])
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self._cache: tuple[pd.DataFrame | None, dict[str, np.ndarray]] = (None, {})

    def collate(self, block: Events, rows: np.ndarray) -> dict[str, Tensor]:
        """Numbers (B, T, F), codes (B, T, C), age and gap in seconds (B, T, 2), hour (B, T, 2), labels (B, T, R)."""
        columns = self._columns(block)
        length = self.config["length"]
        place = block.stop[rows, None] - length + np.arange(length)  # (B, T)
        mask = place >= block.start[rows, None]
        safe = np.where(mask, place, 0)
        now = block.now[rows, None]
        stamps = block.time if len(block.time) else np.zeros(1)
        before = np.where(mask & (place - 1 >= block.start[rows, None]), stamps[np.maximum(safe - 1, 0)], np.nan)
        time = stamps[safe]
        labels = [np.where(known[safe] <= now, value[safe], 2) for value, known in self._labels(block)]
        angle = time / DAY * 2 * np.pi
        tensors = {
            "mask": mask,
            "numbers": columns["numbers"][safe],
            "codes": columns["codes"][safe],
            "times": np.stack([now - time, time - before], axis=-1).astype(np.float32),
            "hour": np.stack([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32),
            "labels": np.stack(labels, axis=-1).astype(np.int64) if labels else np.zeros((*mask.shape, 0), np.int64),
        }
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in tensors.items()}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        x = self.times(batch["times"]) + self.hour(batch["hour"])
        if self.numbers is not None:
            x = x + self.numbers(batch["numbers"])
        if self.categories is not None:
            x = x + self.categories(batch["codes"])
        for place, table in enumerate(self.labels):
            x = x + table(batch["labels"][..., place])
        x = (x + self.mix(x)) * batch["mask"].unsqueeze(-1)
        age = torch.nan_to_num(batch["times"][..., 0]) / DAY
        return Tokens(x, batch["mask"], -age)

    def targets(self, batch: dict[str, Tensor]) -> Tensor:
        """(B, T, F) bins of the numbers: what the next event is asked for."""
        assert self.numbers is not None
        return self.numbers.bucket(batch["numbers"])

    def _columns(self, block: Events) -> dict[str, np.ndarray]:
        if self._cache[0] is not block.frame:
            numbers = number_matrix(block.frame, self.config["numbers"])
            codes = category_codes(block.frame, self.config["categories"])
            empty = len(block.frame) == 0
            self._cache = (
                block.frame,
                {
                    "numbers": np.zeros((1, numbers.shape[1]), np.float32) if empty else numbers,
                    "codes": np.zeros((1, codes.shape[1]), np.int64) if empty else codes,
                },
            )
        return self._cache[1]

    def _labels(self, block: Events) -> list[tuple[np.ndarray, np.ndarray]]:
        if len(block.frame) == 0:
            return [(np.zeros(1), np.full(1, np.inf)) for _ in self.config["revealed"]]
        return [(block.frame[name].to_numpy(dtype=float), block.revealed[name]) for name in self.config["revealed"]]


EVENTS = Stem("events", kind=Events, fit=fit_events, build=EventsStem)
