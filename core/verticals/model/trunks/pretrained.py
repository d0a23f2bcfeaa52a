"""A local ``transformers`` checkpoint (BERT, DINO, Llama ...) as the trunk, by path. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from verticals.model.tokens import TrunkConfig
from verticals_plugins import Trunk, UsageError


class Pretrained(nn.Module):
    """(B, T, D) -> (B, T, D) through the checkpoint's layers; linear maps between its width and D.

    Raises:
        UsageError: the path is no folder with a ``config.json``.
    """

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        from transformers import AutoModel

        if not (Path(config.path) / "config.json").is_file():
            raise UsageError(
                f"{config.path!r} is not a transformers checkpoint.",
                expected="A local folder with config.json and safetensors weights.",
                todo="Give its path with --trunk PATH.",
            )
        self.model = AutoModel.from_pretrained(config.path, local_files_only=True, use_safetensors=True)
        width = int(self.model.config.hidden_size)
        self.into, self.back = nn.Linear(config.width, width), nn.Linear(width, config.width)
        self.norm = nn.RMSNorm(config.width)

    def forward(self, x: Tensor, mask: Tensor, positions: Tensor | None) -> Tensor:
        hidden = self.model(inputs_embeds=self.into(x), attention_mask=mask.long()).last_hidden_state
        return self.norm(x + self.back(hidden))


PRETRAINED = Trunk("pretrained", build=Pretrained)
