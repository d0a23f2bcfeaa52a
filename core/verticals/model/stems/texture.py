"""The texture stem: a picture -> one vector per patch from the classic method's own features, and one for the whole.

Local binary patterns and grey statistics of patches (``verticals.data.texture``) are to a small transformer what words
are to a large one: on surfaces they left pixels behind. The token of the whole picture stands last.

Legend: B batch, R C rows and columns of the grid, P = R C patches, F numbers a patch, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verticals.data.texture import GRADIENTS, GREY, STRENGTHS, grid_of, texture_of
from verticals.model.tokens import Tokens
from verticals_plugins import Images, Stem

KEPT, SHIFT, NOISE, CONTRAST = 0.625, 0.3, 0.1, 0.15
"""Share of patches seen in a training step; deviation of the grey shift and of the noise in standard deviations of the
numbers; deviation of the logarithm of the contrast."""


def fit_texture(block: Images, width: int) -> dict[str, Any]:
    """Grid, and mean and deviation of each number over the patches of the training pictures."""
    seen = texture_of(block.take(np.flatnonzero(block.index >= 0)))
    rows, columns = grid_of(*block.pixels.shape[1:3])
    flat = seen.reshape(-1, seen.shape[2]).astype(np.float64)
    mean, spread = (flat.mean(axis=0), flat.std(axis=0)) if len(flat) else (np.zeros(seen.shape[2]),) * 2
    return {
        "grid": [rows, columns],
        "mean": [float(m) for m in mean],
        "std": [float(max(s, 1e-3)) for s in spread],
        "dropout": 0.1,
    }


class TextureStem(nn.Module):
    """(B, P + 1, D): a two-layer network on each patch's numbers plus its learned place; fewer patches in training."""

    mean: Tensor
    std: Tensor
    turn: Tensor
    cross: Tensor

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.grid = (int(config["grid"][0]), int(config["grid"][1]))
        size, patches = len(config["mean"]), self.grid[0] * self.grid[1]
        self.register_buffer("mean", torch.tensor(config["mean"]), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]), persistent=False)
        turned = torch.arange(size)
        turned[list(GRADIENTS[:2])] = torch.tensor(GRADIENTS[:2]).flip(0)
        crossed = torch.arange(size)
        crossed[list(GRADIENTS[2:])] = torch.tensor(GRADIENTS[2:]).flip(0)
        self.register_buffer("turn", turned, persistent=False)
        self.register_buffer("cross", crossed, persistent=False)
        self.net = nn.Sequential(
            nn.Linear(size, width), nn.GELU(), nn.Dropout(config.get("dropout", 0.1)), nn.Linear(width, width)
        )
        self.place = nn.Parameter(torch.randn(1, patches + 1, width) * 0.02)

    def collate(self, block: Images, rows: np.ndarray) -> dict[str, Tensor]:
        """``texture`` (B, P, F) and ``seen`` (B,) bool."""
        taken = block.take(rows)
        return {"texture": torch.from_numpy(texture_of(taken)), "seen": torch.from_numpy(taken.index >= 0)}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        seen = batch["seen"].unsqueeze(1)
        x = (batch["texture"].to(self.place.dtype) - self.mean) / self.std
        place = self.place[:, :-1].expand(len(x), -1, -1)
        if self.training:
            x = self._augmented(x)
            kept = torch.rand(x.shape[:2], device=x.device).argsort(dim=1)[:, : max(1, round(KEPT * x.shape[1]))]
            x, place = (torch.gather(v, 1, kept.unsqueeze(-1).expand(-1, -1, v.shape[2])) for v in (x, place))
        whole, here = x.mean(1, keepdim=True), self.place[:, -1:].expand(len(x), -1, -1)
        mask = seen.expand(-1, x.shape[1] + 1)
        vectors = self.net(torch.cat([x, whole], dim=1)) + torch.cat([place, here], dim=1)
        return Tokens(vectors * mask.unsqueeze(-1), mask)

    def _augmented(self, x: Tensor) -> Tensor:
        """(B, P, F), each picture on its own: flipped, transposed, other light and contrast, and noise."""
        B, _, F = x.shape
        grid = x.view(B, *self.grid, F)
        flip = torch.rand(3, B, 1, 1, 1, device=x.device) < 0.5
        grid = torch.where(flip[0], grid.flip(1), grid)
        grid = torch.where(flip[1], grid.flip(2), grid)
        grid = torch.where(flip[0] ^ flip[1], grid[..., self.cross], grid)
        if self.grid[0] == self.grid[1]:
            grid = torch.where(flip[2], grid.transpose(1, 2)[..., self.turn], grid)
        light, strength = torch.zeros(2, F, device=x.device, dtype=x.dtype)
        light[list(GREY)] = SHIFT
        strength[list(STRENGTHS)] = CONTRAST / self.std[list(STRENGTHS)]
        other = light * torch.randn(B, 1, 1, device=x.device) + strength * torch.randn(B, 1, 1, device=x.device)
        return grid.reshape(B, -1, F) + other + NOISE * torch.randn_like(x)


TEXTURE = Stem("texture", kind=Images, fit=fit_texture, build=TextureStem)
