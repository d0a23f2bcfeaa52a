"""Masked field: some numbers of a row are hidden, and the rest foretells which bin each lay in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.model.stems.numbers import BINS
from verticals.model.stems.table import TableStem
from verticals_plugins import Objective

if TYPE_CHECKING:
    from verticals.model.core import CoreModel

SHARE = 0.3


class MaskedField(nn.Module):
    """Cross-entropy over bins of the hidden numbers of the table, with all other blocks as context."""

    def __init__(self, stems: nn.ModuleDict, width: int) -> None:
        super().__init__()
        self.block = next((n for n, s in stems.items() if isinstance(s, TableStem) and s.numbers is not None), None)
        self.idle = self.block is None
        count = len(stems[self.block].config["numbers"]) if self.block else 1  # type: ignore[index]
        self.out = nn.Linear(4 * width, count * (BINS + 1))

    def forward(self, model: CoreModel, batch: dict[str, dict[str, Tensor]]) -> Tensor:
        """Mean loss over the hidden numbers."""
        if self.block is None:
            return torch.zeros((), requires_grad=True)
        stem = model.stems[self.block]
        assert isinstance(stem, TableStem)
        assert stem.numbers is not None
        numbers = batch[self.block]["numbers"]
        hidden = (torch.rand(numbers.shape, device=numbers.device) < SHARE) & ~torch.isnan(numbers)
        shown = {**batch, self.block: {**batch[self.block], "numbers": numbers.masked_fill(hidden, float("nan"))}}
        logits = self.out(model.tokens(shown).pooled()).view(*numbers.shape, BINS + 1)
        if not hidden.any():
            return logits.sum() * 0.0
        return F.cross_entropy(logits[hidden], stem.numbers.bucket(numbers)[hidden])


MASKED_FIELD = Objective("masked_field", build=MaskedField)
