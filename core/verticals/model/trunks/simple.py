"""Trunks without attention: a GRU, and none at all."""

from __future__ import annotations

from torch import Tensor, nn

from verticals.model.tokens import TrunkConfig
from verticals_plugins import Trunk


class Gru(nn.Module):
    """A GRU over the tokens in their order; reads padding as zeros, so left-padded pasts end on the newest event."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.gru = nn.GRU(config.width, config.width, num_layers=config.layers, batch_first=True)
        self.drop = nn.Dropout(config.dropout)
        self.norm = nn.RMSNorm(config.width)

    def forward(self, x: Tensor, mask: Tensor, positions: Tensor | None) -> Tensor:
        state, _ = self.gru(x * mask.unsqueeze(-1))
        return self.norm(x + self.drop(state))


class NoTrunk(nn.Module):
    """Leaves the stems' vectors as they are: for tasks whose gain lies in the stem."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor, positions: Tensor | None) -> Tensor:
        return self.drop(x)


GRU = Trunk("gru", build=Gru)
NONE = Trunk("none", build=NoTrunk)
