"""The rank head: contextual vectors -> which item comes next, among all items.

Trains on every position at once: the vector after item t foretells item t + 1, so one example per learner carries the
whole sequence. Scores are products with the stem's own item vectors. Softmax over all items, or over a sample of them
with the correction of Bengio & Senecal (2008) where they are many.

Legend: B batch, T tokens, D width, V items, S sampled items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.data.items import Items, history_of, ranked
from verticals.evaluate.calibrate import Identity
from verticals.evaluate.rerank import Rerank
from verticals.model.stems.items import LENGTH
from verticals.model.tokens import Tokens
from verticals_plugins import Examples, Head, Predictions


def fit_rank(examples: Examples) -> dict[str, Any]:
    """The known items, which of them may be recommended, and how often each was taken."""
    items = Items.learn(examples)
    return {
        "items": list(items.names),
        "candidate": items.candidate.tolist(),
        "count": items.count.tolist(),
        "smoothing": 0.0,
        "sampled": 0,
        "length": LENGTH,
    }


class RankHead(nn.Module):
    """(B, V) log-probabilities of the next item when predicting; (B, T, D) expectations when training."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.items = Items(
            tuple(config["items"]), np.array(config["candidate"]), np.array(config["count"], dtype=float)
        )
        self.smoothing, self.sampled, self.length = config["smoothing"], int(config["sampled"]), int(config["length"])
        self.norm = nn.LayerNorm(width)
        share = (self.items.count + 0.5) / (self.items.count + 0.5).sum()
        self.bias = nn.Parameter(torch.tensor(np.log(share) - np.log(share).mean(), dtype=torch.float32))
        self.never = ~torch.from_numpy(self.items.candidate)
        self._table = torch.zeros(0)

    def forward(self, tokens: Tokens) -> Tensor:
        self._table = tokens.extras["items"]
        expected = self.norm(tokens.x)
        return expected if self.training else self._scores(expected[:, -1]).log_softmax(-1)

    def rows(self, examples: Examples) -> np.ndarray:
        """The examples that carry all positions: each learner's last, and every ``length`` before it."""
        order = pd.Series(np.arange(len(examples)))
        entity = examples.frame["entity"]
        events = history_of(examples)
        had = events.stop - events.start
        last = pd.Series(had).groupby(entity.to_numpy()).transform("max").to_numpy()
        return order.to_numpy()[(last - had) % self.length == 0]

    def target(self, examples: Examples, rows: np.ndarray) -> Tensor:
        """(B, T) the item after each token of the stem's, -1 = none or unknown; the last column is the truth."""
        events = history_of(examples)
        codes = self._codes(examples)
        have = np.minimum(events.stop[rows] - events.start[rows], self.length)
        steps = np.arange(int(have.max(initial=0))) - int(have.max(initial=0))  # ... -2 -1
        past = -steps <= have[:, None]
        place = events.stop[rows, None] + steps
        before = np.where(past, codes[np.where(past, place, 0)] if len(codes) else -1, -1)
        return torch.from_numpy(np.column_stack([before, self.items.of_truth(examples.take(rows))]))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of the next item, mean over the positions that have one."""
        if output.ndim == 2:
            known = target[:, -1] >= 0
            return F.nll_loss(output[known], target[known, -1]) if known.any() else output.sum() * 0
        known = target >= 0
        expected, wanted = output[known], target[known]
        if not len(wanted):
            return output.sum() * 0
        if not self.sampled:
            return F.cross_entropy(self._scores(expected), wanted, label_smoothing=self.smoothing)
        return self._sampled_loss(expected, wanted)

    def decode(self, outputs: np.ndarray, examples: Examples) -> Predictions:
        """The best items that the example has not had, with their log-probabilities."""
        return ranked(examples, self.items, lambda rows: outputs[rows])

    def _scores(self, expected: Tensor) -> Tensor:
        scores = expected @ self._table.T + self.bias
        return scores.masked_fill(self.never.to(scores.device), -30.0)

    def _sampled_loss(self, expected: Tensor, wanted: Tensor) -> Tensor:
        total = len(self.bias)
        others = torch.randint(total, (self.sampled,), device=wanted.device)
        sample, column = torch.unique(torch.cat([wanted, others]), return_inverse=True)
        batch = torch.bincount(column[: len(wanted)], minlength=len(sample)).to(expected.dtype)
        chance = 1 - (1 - 1 / total) ** self.sampled * torch.exp(-batch)
        scores = expected @ self._table[sample].T + self.bias[sample] - torch.log(chance)
        return F.cross_entropy(scores, column[: len(wanted)], label_smoothing=self.smoothing)

    def _codes(self, examples: Examples) -> np.ndarray:
        events = history_of(examples)
        if getattr(self, "_known", (None, None))[0] is not events.frame:
            self._known = (events.frame, self.items.of_events(events))
        codes: np.ndarray = self._known[1]
        return codes


RANK = Head("rank", fit=fit_rank, build=RankHead, blends=lambda: (Rerank(),), calibrate=Identity)
