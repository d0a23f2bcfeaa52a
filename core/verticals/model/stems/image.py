"""The image stem: a picture -> one vector per patch, by a small convolutional stem with residual blocks.

A picture's tokens stand at position 0 (now), beside the tokens of other stems; a missing picture is all masked.
Pictures are augmented inside ``forward`` while training. Legend: B batch, h w height and width, C channels, P patches.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.model.tokens import Tokens
from verticals_plugins import Images, Stem

SIDE = 8
"""Most patches along the longer side."""
SHIFT, TURN, SHRINK, GROW = 0.12, 0.2, 0.85, 1.1
CONTRAST, BRIGHTNESS = (0.75, 1.3), 0.3


def fit_image(block: Images, width: int) -> dict[str, Any]:
    """Shape, and mean and deviation by channel, of the pictures that the training examples show."""
    shown = np.unique(block.index[block.index >= 0])
    shown = shown[:: max(1, len(shown) // 2000)]
    _, height, wide, channels = block.pixels.shape
    level, spread = np.full(channels, 0.5), np.full(channels, 0.25)
    if len(shown):
        pixels = block.pixels[shown].astype(np.float64) / 255
        level, spread = pixels.mean(axis=(0, 1, 2)), pixels.std(axis=(0, 1, 2))
    return {
        "shape": [int(height), int(wide), int(channels)],
        "mean": [float(one) for one in level],
        "std": [float(max(one, 1e-3)) for one in spread],
        "augment": True,
    }


class Residual(nn.Module):
    """Two 3 x 3 convolutions behind group norms, added to their input; the first one may halve the sides."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(inside, outside, 3, stride, 1)
        self.net = nn.Sequential(
            nn.GroupNorm(math.gcd(outside, 8), outside), nn.GELU(), nn.Conv2d(outside, outside, 3, 1, 1),
            nn.GroupNorm(math.gcd(outside, 8), outside), nn.GELU(), nn.Conv2d(outside, outside, 3, 1, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        added: Tensor = x + self.net(x)
        return added


class ImageStem(nn.Module):
    """(B, P, D): convolutions that halve the sides until at most SIDE patches lie along the longer one."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.config = config
        height, wide, channels = config["shape"]
        halvings = max(0, math.ceil(math.log2(max(height, wide) / SIDE)))
        widths = [channels, *(min(width, 8 << max(0, n - max(0, halvings - 2))) for n in range(halvings)), width]
        strides = [2 if n or halvings > 2 else 1 for n in range(halvings)] + [2 if halvings <= 2 else 1]
        strides = strides if halvings else [1]
        self.net = nn.Sequential(*(Residual(a, b, s) for a, b, s in zip(widths, widths[1:], strides, strict=False)))
        with torch.no_grad():
            grid = self.net(torch.zeros(1, channels, height, wide)).shape[-2:]
        self.place = nn.Parameter(torch.randn(1, int(grid[0] * grid[1]), width) * 0.02)
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, -1, 1, 1), persistent=False)

    def collate(self, block: Images, rows: np.ndarray) -> dict[str, Tensor]:
        """``pixels`` (B, C, h, w) uint8, zero where there is no picture, and ``seen`` (B,) bool."""
        index = block.index[rows]
        pixels = np.zeros((len(rows), *self.config["shape"]), dtype=np.uint8)
        seen = index >= 0
        pixels[seen] = block.pixels[index[seen]]
        moved = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        return {"pixels": torch.from_numpy(moved), "seen": torch.from_numpy(seen)}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        seen = batch["seen"]
        mask = seen.unsqueeze(1).expand(-1, self.place.shape[1])
        x = self.place.new_zeros(len(seen), *self.place.shape[1:])
        if seen.any():
            shown = (batch["pixels"][seen].to(self.place.dtype) / 255 - self.mean) / self.std
            if self.training and self.config["augment"]:
                shown = augmented(shown)
            x = x.index_put((seen.nonzero().squeeze(1),), self.net(shown).flatten(2).transpose(1, 2) + self.place)
        return Tokens(x, mask, torch.zeros_like(x[..., 0]))


def augmented(x: Tensor) -> Tensor:
    """Each picture (B, C, h, w) shifted, turned, scaled, and with another contrast and brightness, at random."""
    many = x.shape[0]

    def between(low: float, high: float) -> Tensor:
        return torch.empty(many, device=x.device).uniform_(low, high)

    angle, scale = between(-TURN, TURN), 1 / between(SHRINK, GROW)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    top = torch.stack([cosine, -sine, between(-2 * SHIFT, 2 * SHIFT)], dim=-1)
    low = torch.stack([sine, cosine, between(-2 * SHIFT, 2 * SHIFT)], dim=-1)
    grid = F.affine_grid(torch.stack([top, low], dim=1).to(x.dtype), list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    gain, offset = between(*CONTRAST), between(-BRIGHTNESS, BRIGHTNESS)
    return x * gain.view(-1, 1, 1, 1) + offset.view(-1, 1, 1, 1)


IMAGE = Stem("image", kind=Images, fit=fit_image, build=ImageStem)
