"""The text stem: a text -> one vector a token, behind a token that says "here it begins".

The tokenizer (byte-level BPE, so that every text can be written) is trained on the training part's own texts and is
kept as JSON in the stem's config. Legend: B batch, T tokens (START and a text's first tokens), D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from verticals.model.tokens import Tokens
from verticals_plugins import Stem, Texts

VOCABULARY = 4000
LENGTH = 128
"""Tokens of a text that are read, at most."""


def fit_text(block: Texts, width: int) -> dict[str, Any]:
    """A tokenizer of these texts, as JSON text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, min_frequency=2, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(block.values, trainer)
    return {"tokenizer": tokenizer.to_str(), "length": LENGTH}


class TextStem(nn.Module):
    """(B, T, D): START and the text's tokens, left-padded; a missing text is START alone."""

    def __init__(self, config: dict[str, Any], width: int) -> None:
        super().__init__()
        self.tokenizer: Any = Tokenizer.from_str(config["tokenizer"])
        self.length, self.start = int(config["length"]), self.tokenizer.get_vocab_size()
        self.table = nn.Embedding(self.start + 1, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.drop = nn.Dropout(0.1)

    def collate(self, block: Texts, rows: np.ndarray) -> dict[str, Tensor]:
        """Codes (B, T) int64 and mask (B, T); T is what the longest of these texts needs."""
        said = self.tokenizer.encode_batch_fast([block.values[int(row)] for row in rows])
        codes = [[self.start, *one.ids[: self.length]] for one in said]
        longest = max((len(one) for one in codes), default=1)
        out, mask = np.zeros((len(codes), longest), dtype=np.int64), np.zeros((len(codes), longest), dtype=bool)
        for place, one in enumerate(codes):
            out[place, longest - len(one) :], mask[place, longest - len(one) :] = one, True
        return {"code": torch.from_numpy(out), "mask": torch.from_numpy(mask)}

    def forward(self, batch: dict[str, Tensor]) -> Tokens:
        code, mask = batch["code"], batch["mask"]
        x = self.drop(self.table(code)) * mask.unsqueeze(-1)
        place = (mask.cumsum(1) - 1).clamp(min=0).to(x.dtype)
        return Tokens(x, mask, place)


TEXT = Stem("text", kind=Texts, fit=fit_text, build=TextStem)
