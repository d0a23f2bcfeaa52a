"""The nodes stem: a few places an example (a tour's stops, the two ends of a trip) -> one vector per place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verticals.model.tokens import Tokens
from verticals_plugins import Stem

WAVES = 6
"""Frequencies per coordinate: 1, 2, 4, ... periods over the training part's extent."""


@dataclass(frozen=True)
class Nodes:
    """``values`` (N, T, F) float: the first two features are coordinates; NaN in the first = no such node."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray) -> Nodes:
        """The examples at ``index``."""
        return replace(self, values=self.values[index])


def fit_nodes(block: Nodes, width: int) -> dict[str, Any]:
    """Extent of the coordinates, and mean and spread of all features, over the training part."""
    flat = block.values.reshape(-1, block.values.shape[-1])
    flat = flat[~np.isnan(flat[:, 0])]
    low, high = flat[:, :2].min(axis=0), flat[:, :2].max(axis=0)
    return {
        "low": low.tolist(), "extent": float(max((high - low).max(), 1e-9)), "nodes": block.values.shape[1],
        "mean": np.nanmean(flat, axis=0).tolist(), "spread": (np.nanstd(flat, axis=0) + 1e-9).tolist(),
    }  # fmt: skip


class NodesStem(nn.Module):
    """(B, T, D): sines and cosines of the place, the scaled features, and which node of the example it is."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.config = config
        features = len(config["mean"])
        self.place = nn.Linear(4 * WAVES, width)
        self.features = nn.Linear(features, width)
        self.order = nn.Parameter(torch.zeros(config["nodes"], width))
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def collate(self, block: Nodes, rows: np.ndarray) -> dict[str, Tensor]:
        """``waves`` (B, T, 4 WAVES), ``features`` (B, T, F) and ``mask`` (B, T)."""
        values = block.values[rows]
        mask = ~np.isnan(values[..., 0])
        values = np.where(np.isnan(values), np.array(self.config["mean"]), values)
        share = (values[..., :2] - self.config["low"]) / self.config["extent"]
        angle = 2 * np.pi * share[..., None] * 0.5 * 2.0 ** np.arange(WAVES)
        waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=-1).reshape(*mask.shape, -1)
        scaled = (values - self.config["mean"]) / self.config["spread"]
        return {
            "waves": torch.from_numpy(waves.astype(np.float32)),
            "features": torch.from_numpy(scaled.astype(np.float32)),
            "mask": torch.from_numpy(mask),
        }

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        x = self.place(batch["waves"]) + self.features(batch["features"]) + self.order
        x = (x + self.mix(x)) * batch["mask"].unsqueeze(-1)
        return Tokens(x, batch["mask"])


NODES = Stem("nodes", kind=Nodes, fit=fit_nodes, build=NodesStem)
