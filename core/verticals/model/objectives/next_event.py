"""Next event: each event's vector, with what came before it, foretells the numbers of the event after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.model.stems.events import EventsStem
from verticals.model.stems.numbers import BINS
from verticals_plugins import Objective

if TYPE_CHECKING:
    from verticals.model.core import CoreModel


class NextEvent(nn.Module):
    """Cross-entropy over the bins of each number of the next event, over all events stems that have numbers."""

    def __init__(self, stems: nn.ModuleDict, width: int) -> None:
        super().__init__()
        self.blocks = [n for n, s in stems.items() if isinstance(s, EventsStem) and s.numbers is not None]
        self.idle = not self.blocks
        fields = {name: len(stems[name].config["numbers"]) for name in self.blocks}  # type: ignore[index]
        self.out = nn.ModuleDict({name: nn.Linear(width, count * (BINS + 1)) for name, count in fields.items()})

    def forward(self, model: CoreModel, batch: dict[str, dict[str, Tensor]]) -> Tensor:
        """Mean loss over blocks, events and numbers."""
        losses = []
        for name in self.blocks:
            stem = model.stems[name]
            assert isinstance(stem, EventsStem)
            tokens = stem(batch[name])
            hidden = model.context(tokens, causal=True)
            B, T, _ = hidden.shape
            logits = self.out[name](hidden[:, :-1]).view(B, T - 1, -1, BINS + 1)
            wanted = stem.targets(batch[name])[:, 1:]
            exists = (tokens.mask[:, :-1] & tokens.mask[:, 1:]).unsqueeze(-1).expand_as(wanted)
            if exists.any():
                losses.append(F.cross_entropy(logits[exists], wanted[exists]))
        return torch.stack(losses).mean() if losses else torch.zeros((), requires_grad=True)


NEXT_EVENT = Objective("next_event", build=NextEvent)
