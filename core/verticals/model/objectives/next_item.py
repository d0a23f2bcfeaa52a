"""Next item: each item's vector, with what came before it, foretells the item after it, at every position of a past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.model.stems.items import ItemsStem
from verticals_plugins import Objective

if TYPE_CHECKING:
    from verticals.model.core import CoreModel

SAMPLED = 512
"""Items beside the batch's own that the right one is told from."""


class NextItem(nn.Module):
    """Sampled softmax over the items of all items stems."""

    def __init__(self, stems: nn.ModuleDict, width: int) -> None:
        super().__init__()
        self.blocks = [name for name, stem in stems.items() if isinstance(stem, ItemsStem)]
        self.norm = nn.LayerNorm(width)

    def forward(self, model: CoreModel, batch: dict[str, dict[str, Tensor]]) -> Tensor:
        """Mean loss over positions whose next item is known."""
        losses = []
        for name in self.blocks:
            stem = model.stems[name]
            assert isinstance(stem, ItemsStem)
            tokens = stem(batch[name])
            hidden = self.norm(model.context(tokens, causal=True))
            wanted = batch[name]["code"][:, 1:]
            exists = tokens.mask[:, :-1] & tokens.mask[:, 1:] & (wanted < stem.start)
            if exists.any():
                losses.append(self._loss(hidden[:, :-1][exists], wanted[exists], stem.table.weight))
        return torch.stack(losses).mean() if losses else torch.zeros((), requires_grad=True)

    def _loss(self, expected: Tensor, wanted: Tensor, table: Tensor) -> Tensor:
        others = torch.randint(len(table), (min(SAMPLED, len(table)),), device=wanted.device)
        sample, column = torch.unique(torch.cat([wanted, others]), return_inverse=True)
        return F.cross_entropy(expected @ table[sample].T, column[: len(wanted)])


NEXT_ITEM = Objective("next_item", build=NextItem)
