"""Masked patch: a patch of a series' own past is hidden, and what lies before it foretells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from verticals.model.stems.series import SeriesStem, scaled
from verticals_plugins import Objective

if TYPE_CHECKING:
    from verticals.model.core import CoreModel


def series_blocks(stems: nn.ModuleDict) -> list[str]:
    """Names of the blocks that a series stem reads."""
    return [name for name, stem in stems.items() if isinstance(stem, SeriesStem)]


def patch_loss(model: CoreModel, batch: dict[str, dict[str, Tensor]], block: str, patch: Tensor) -> Tensor:
    """The head's loss on ``patch`` (B, H) after the window in ``batch[block]``, each series in units of its spread."""
    stem = model.stems[block]
    assert isinstance(stem, SeriesStem)
    _, spread, _ = scaled(stem.plan, batch[block]["window"])
    inverse = (1 / spread)[:, None].expand_as(patch)
    seen = ~torch.isnan(batch[block]["window"]).all(1, keepdim=True)
    target = torch.stack([torch.where(seen, patch, torch.full_like(patch, float("nan"))), inverse], -1)
    loss: Tensor = model.head.loss(model(batch), target)  # type: ignore[operator]
    return loss


class MaskedPatch(nn.Module):
    """Hides ``H`` values at a random place of the window and all after them."""

    def __init__(self, stems: nn.ModuleDict, width: int) -> None:
        super().__init__()
        self.blocks = series_blocks(stems)

    def forward(self, model: CoreModel, batch: dict[str, dict[str, Tensor]]) -> Tensor:
        """Mean loss over the series blocks; a scalar."""
        losses = []
        for name in self.blocks:
            stem = model.stems[name]
            assert isinstance(stem, SeriesStem)
            plan = stem.plan
            window, own = batch[name]["window"], batch[name]["own"]
            H, W = plan.horizon, plan.window
            if H >= W:
                continue
            back = int(torch.randint(H, max(H + 1, W // 3), (1,)))
            patch = window[:, W - back : W - back + H]
            shifted = torch.cat([torch.full_like(window[:, :back], float("nan")), window[:, : W - back]], 1)
            own = torch.cat([torch.full_like(own[:, :back], float("nan")), own[:, : W + H - back]], 1)
            waves = torch.full_like(batch[name]["waves"], float("nan"))
            moved = {**batch[name], "window": shifted, "own": own, "waves": waves}
            losses.append(patch_loss(model, {**batch, name: moved}, name, patch))
        return torch.stack(losses).mean() if losses else torch.zeros((), requires_grad=True)


MASKED_PATCH = Objective("masked_patch", build=MaskedPatch)
