"""The items stem: an example's past items -> one vector each, behind a token that says "here it begins".

The table of item vectors goes along in ``extras["items"]``, so that a head can compare what it expects with the items
themselves. Legend: B batch, T tokens (1 + past items), D width, V items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verticals.data.items import ITEM, Items, in_hash_order
from verticals.model.tokens import Tokens
from verticals_plugins import Events, Stem

LENGTH = 50
"""Most recent items that are read."""


def fit_items(block: Events, width: int) -> dict[str, Any]:
    """The names of all items, in hash order."""
    names = [str(name) for name in block.frame[ITEM].astype("category").cat.categories]
    return {"items": list(in_hash_order(names)), "length": LENGTH, "dropout": 0.2, "hide": 0.1}


class ItemsStem(nn.Module):
    """(B, T, D): START and the last items, left-padded, the newest last; all unknown items share one vector."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        names = tuple(config["items"])
        nothing = np.zeros(len(names))
        self.items = Items(names, nothing.astype(bool), nothing)
        self.length, self.hide = int(config["length"]), float(config["hide"])
        self.start, self.other = len(names), len(names) + 1
        self.table = nn.Embedding(len(names), width)
        self.special = nn.Embedding(2, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        nn.init.normal_(self.special.weight, std=width**-0.5)
        self.drop = nn.Dropout(config["dropout"])
        self._known: tuple[Any, np.ndarray] = (None, np.zeros(0, dtype=np.int64))

    def collate(self, block: Events, rows: np.ndarray) -> dict[str, Tensor]:
        """Codes (B, T) and mask (B, T); T is what the longest past of these rows needs."""
        codes = self._codes(block)
        have = np.minimum(block.stop[rows] - block.start[rows], self.length)
        steps = np.arange(int(have.max(initial=0)) + 1) - int(have.max(initial=0))  # ... -2 -1 0
        place = block.stop[rows, None] - 1 + steps
        past = -steps < have[:, None]
        code = np.where(past, codes[np.where(past, place, 0)] if len(codes) else self.other, self.start)
        mask = -steps <= have[:, None]
        return {"code": torch.from_numpy(code), "mask": torch.from_numpy(mask)}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        code, mask = batch["code"], batch["mask"]
        if self.training and self.hide:
            hidden = (torch.rand(code.shape, device=code.device) < self.hide) & (code < self.start)
            code = torch.where(hidden, torch.full_like(code, self.other), code)
        both = torch.cat([self.table.weight, self.special.weight])
        x = self.drop(nn.functional.embedding(code, both)) * mask.unsqueeze(-1)
        place = torch.arange(code.shape[1], device=code.device, dtype=x.dtype).expand(code.shape)
        return Tokens(x, mask, place, {"items": self.table.weight[:]})

    def _codes(self, block: Events) -> np.ndarray:
        if self._known[0] is not block.frame:
            codes = self.items.of_events(block)
            self._known = (block.frame, np.where(codes < 0, self.other, codes))
        return self._known[1]


ITEMS = Stem("items", kind=Events, fit=fit_items, build=ItemsStem)
