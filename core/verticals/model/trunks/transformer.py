"""The shared transformer: pre-norm blocks, causal or bidirectional, positions over real time, place, or none.

Attention falls with distance by a learned slope per head: bias = -slope * log(1 + |distance|). So a token's weight
depends on how long ago it was and not on how many tokens lie between, and any length works.

Legend: B batch, T tokens, D width, N heads, H width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.model.tokens import TrunkConfig
from verticals_plugins import Trunk


class Attention(nn.Module):
    """Multi-head attention with a distance bias (B, N, T, T)."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.dropout
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.slope = nn.Parameter(torch.linspace(0.0, 1.0, config.heads))

    def forward(self, x: Tensor, allowed: Tensor, distance: Tensor | None) -> Tensor:
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # (B, N, T, H) each
        bias = torch.zeros(B, 1, T, T, dtype=x.dtype, device=x.device).masked_fill(~allowed.unsqueeze(1), -1e4)
        if distance is not None:
            bias = bias - F.softplus(self.slope).view(1, -1, 1, 1).to(x.dtype) * distance.unsqueeze(1)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(B, T, D))


class Block(nn.Module):
    """Attention and a gated feed-forward layer (Shazeer 2020), each behind a norm."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.norm_attention, self.norm_feed = nn.RMSNorm(config.width), nn.RMSNorm(config.width)
        self.attention = Attention(config)
        self.up = nn.Linear(config.width, 4 * config.width, bias=False)
        self.down = nn.Linear(2 * config.width, config.width, bias=False)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, allowed: Tensor, distance: Tensor | None) -> Tensor:
        x = x + self.drop(self.attention(self.norm_attention(x), allowed, distance))
        gate, value = self.up(self.norm_feed(x)).chunk(2, dim=-1)
        return x + self.drop(self.down(F.silu(gate) * value))


class Transformer(nn.Module):
    """(B, T, D) -> (B, T, D). ``mask`` (B, T) says which tokens exist, ``positions`` (B, T) where they stand."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.causal = config.causal
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width)

    def forward(self, x: Tensor, mask: Tensor, positions: Tensor | None) -> Tensor:
        allowed = mask.unsqueeze(1).expand(-1, x.shape[1], -1)
        if self.causal:
            allowed = allowed & torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        # a token may always see itself, so that a row of padding has something to attend to
        allowed = allowed | torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        distance = None
        if positions is not None:
            distance = torch.log1p((positions.unsqueeze(2) - positions.unsqueeze(1)).abs()).to(x.dtype)
        for block in self.blocks:
            x = block(x, allowed, distance)
        return self.norm(x)


TRANSFORMER = Trunk("transformer", build=Transformer)
