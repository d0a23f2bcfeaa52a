"""The classify head: a class, several classes, or several labels at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.evaluate.blend import LogitBlend, MeanBlend
from verticals.evaluate.calibrate import Probabilities
from verticals.model.tokens import Tokens
from verticals_plugins import Examples, Head, Predictions


def fit_classify(examples: Examples) -> dict[str, Any]:
    """Kind of truth and the base rate of each output, where training starts from."""
    truth = examples.truth
    assert truth is not None
    if truth.ndim == 2:
        rates = np.nanmean(truth, axis=0)
        kind = "labels"
    elif len(examples.names) > 2:
        rates = np.bincount(truth.astype(int), minlength=len(examples.names)) / len(truth)
        kind = "classes"
    else:
        rates, kind = np.array([truth.mean()]), "binary"
    return {"kind": kind, "rates": [float(np.clip(r, 1e-4, 1 - 1e-4)) for r in rates], "smoothing": 0.0}


class ClassifyHead(nn.Module):
    """Pooled tokens -> logits: (B,) binary, (B, K) classes or labels."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.kind, self.smoothing = config["kind"], config["smoothing"]
        rates = torch.tensor(config["rates"])
        self.net = nn.Sequential(
            nn.LayerNorm(4 * width), nn.Linear(4 * width, width), nn.GELU(), nn.Linear(width, len(rates))
        )
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        last.bias.data = rates.log() if self.kind == "classes" else torch.logit(rates)

    def forward(self, tokens: Tokens) -> Tensor:
        logits = self.net(tokens.pooled())
        return logits.squeeze(-1) if self.kind == "binary" else logits

    def target(self, examples: Examples, rows: np.ndarray) -> Tensor:
        """Class numbers (B,) int64, or 0/1 float (B,) or (B, K), NaN = unknown."""
        assert examples.truth is not None
        return torch.as_tensor(examples.truth[rows], dtype=torch.long if self.kind == "classes" else torch.float32)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Cross-entropy; unknown labels are left out."""
        if self.kind == "classes":
            each = F.cross_entropy(output, target, reduction="none", label_smoothing=self.smoothing)
        else:
            known = ~torch.isnan(target)
            soft = torch.nan_to_num(target) * (1 - self.smoothing) + self.smoothing / 2
            each = F.binary_cross_entropy_with_logits(output, soft, reduction="none") * known
            each = each.sum(-1) / known.sum(-1).clamp(min=1) if each.ndim == 2 else each
        return (each * weight).sum() / weight.sum() if weight is not None else each.mean()

    def decode(self, outputs: np.ndarray, examples: Examples) -> Predictions:
        """Probabilities (N,), (N, K) classes that sum to one, or (N, K) labels."""
        outputs = outputs.astype(np.float64)
        if self.kind == "classes":
            chance = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return Predictions(examples, chance / chance.sum(axis=1, keepdims=True))
        return Predictions(examples, 1 / (1 + np.exp(-outputs)))


CLASSIFY = Head(
    "classify", fit=fit_classify, build=ClassifyHead, blends=lambda: (LogitBlend(),), calibrate=Probabilities
)
LABELS = Head("labels", fit=fit_classify, build=ClassifyHead, blends=lambda: (MeanBlend(),), calibrate=Probabilities)
