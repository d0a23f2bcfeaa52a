"""What flows between the parts of the core.

Legend: B batch, T tokens (events, patches, nodes, steps), D width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Vectors ``x`` (B, T, D), which of them exist ``mask`` (B, T) bool, and where they stand ``position`` (B, T).

    ``position`` is a time or a place in any unit, None = none. ``extras`` carry what a head needs beside the vectors
    (a series' level and spread, candidate items), each with first dimension B.
    """

    x: Tensor
    mask: Tensor
    position: Tensor | None = None
    extras: dict[str, Tensor] = field(default_factory=dict)

    @property
    def last(self) -> Tensor:
        """(B, D) the last token: the query of a causal trunk."""
        return self.x[:, -1]

    def pooled(self) -> Tensor:
        """(B, 4 D): the last token, and mean, maximum and standard deviation over those that exist."""
        seen = self.mask.unsqueeze(-1)
        count = seen.sum(1).clamp(min=1)
        mean = (self.x * seen).sum(1) / count
        top = self.x.masked_fill(~seen, -1e4).amax(1).clamp(min=-1e4 + 1)
        top = torch.where(self.mask.any(1, keepdim=True), top, torch.zeros_like(top))
        spread = ((self.x - mean.unsqueeze(1)).square() * seen).sum(1).div(count).add(1e-6).sqrt()
        return torch.cat([self.last, mean, top, spread], dim=-1)


@dataclass(frozen=True, kw_only=True)
class TrunkConfig:
    """What a trunk is built from."""

    width: int = 64
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1
    causal: bool = False
    path: str = ""
    """Folder of a local ``transformers`` checkpoint, for the trunk that is one."""


def join(parts: list[Tokens]) -> Tokens:
    """Tokens of several stems one after another; positions are kept where every part has them."""
    if len(parts) == 1:
        return parts[0]
    extras = {name: value for part in parts for name, value in part.extras.items()}
    positions = [p.position for p in parts]
    position = None if any(p is None for p in positions) else torch.cat([p for p in positions if p is not None], 1)
    return Tokens(torch.cat([p.x for p in parts], 1), torch.cat([p.mask for p in parts], 1), position, extras)
