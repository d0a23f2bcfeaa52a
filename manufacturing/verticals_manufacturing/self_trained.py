"""Patch features that a small network teaches itself on good pieces, and a memory of what they are there.

The network learns to say where a piece of picture was pasted into a photo of a good piece (CutPaste, Li et al. 2021;
its dense form as in NSA, Schluter et al. 2022). A place is suspicious when the network says so, and when its features
are far from all memorised good ones (PatchCore, Roth et al. 2022). No downloaded weights.

Legend: B batch, R C rows and columns of places (a quarter of the picture's), D features a place, M memorised places.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from verticals.pipeline.files import write_json
from verticals_manufacturing.drawn import paste_patch
from verticals_manufacturing.novelty import MEMORY, Scale, good_rows, halves, images_of, small_grey, top_mean
from verticals_plugins import Baseline, Budget, Examples, Predictions

SIDE = 96
WIDTH, CLOSE = 32, 3
STEPS = {"quick": 150, "standard": 400, "best": 1200}
BATCH, RATE = 16, 2e-3


class PlaceNet(nn.Module):
    """(B, 1, h, w) grey -> features (B, D, h/4, w/4) and a logit "pasted here" (B, h/4, w/4)."""

    def __init__(self) -> None:
        super().__init__()
        norm = [nn.GroupNorm(8, WIDTH) for _ in range(4)]
        self.body = nn.Sequential(
            nn.Conv2d(1, WIDTH, 5, 2, 2), norm[0], nn.GELU(),
            nn.Conv2d(WIDTH, WIDTH, 3, 2, 1), norm[1], nn.GELU(),
            nn.Conv2d(WIDTH, WIDTH, 3, 1, 1), norm[2], nn.GELU(),
            nn.Conv2d(WIDTH, WIDTH, 3, 1, 2, dilation=2), norm[3], nn.GELU(),
        )  # fmt: skip
        self.head = nn.Conv2d(WIDTH, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return features, self.head(features).squeeze(1)


class SelfTrained:
    """The network, the memory of its features on good pieces, and the unit of both."""

    name = "self_trained"

    def __init__(self) -> None:
        self.scale = Scale()
        self.net = PlaceNet()
        self.memory = np.empty((0, WIDTH), dtype=np.float32)
        self.level, self.spread = 0.5, 0.25
        self.units = [0.0, 1.0, 0.0, 1.0]
        """Mean and deviation over good places of the memory's distance and of the network's logit."""
        self.notes: dict[str, float | int] = {}

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Train the network on good pieces, then memorise; the unit comes from halves that judge one another."""
        torch.set_num_threads(budget.threads)
        rows = good_rows(train)
        pictures = self._pictures(train.take(rows))
        self.level, self.spread = float(pictures.mean()), float(max(pictures.std(), 1e-3))
        torch.manual_seed(budget.seed)
        self.net = PlaceNet()
        self._learn(pictures, STEPS.get(budget.preset, STEPS["standard"]), budget)
        features, logits = self._seen(pictures)
        place = {int(row): number for number, row in enumerate(rows)}
        distances = np.empty_like(logits)
        for learnt, judged in halves(train, rows):
            mine, others = ([place[int(r)] for r in part] for part in (learnt, judged))
            self.memory = _memorise(features[mine], budget.seed)
            distances[others] = self._distances(features[others])
        self.units = [float(distances.mean()), float(distances.std()), float(logits.mean()), float(logits.std())]
        self.scale.fit(top_mean(self._joined(distances, logits)))
        self.memory = _memorise(features, budget.seed)
        self.notes = {"parameters": sum(p.numel() for p in self.net.parameters()), "memorised places": len(self.memory)}

    def predict(self, examples: Examples) -> Predictions:
        """(N,) score and ``map`` (N, MAP, MAP)."""
        features, logits = self._seen(self._pictures(examples))
        return self.scale.predictions(examples, self._joined(self._distances(features), logits))

    def save(self, folder: Path) -> None:
        """safetensors, npz and JSON."""
        save_file({k: v.contiguous() for k, v in self.net.state_dict().items()}, folder / "net.safetensors")
        np.savez(folder / "memory.npz", memory=self.memory)
        state = {"centre": self.scale.centre, "width": self.scale.width, "units": self.units, "level": self.level}
        write_json(folder / "self_trained.json", state | {"spread": self.spread, "notes": self.notes})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "self_trained.json").read_text())
        self.scale.centre, self.scale.width, self.units = state["centre"], state["width"], state["units"]
        self.level, self.spread, self.notes = state["level"], state["spread"], state["notes"]
        self.net = PlaceNet()
        self.net.load_state_dict(load_file(folder / "net.safetensors"))
        with np.load(folder / "memory.npz", allow_pickle=False) as stored:
            self.memory = stored["memory"]

    def _pictures(self, examples: Examples) -> np.ndarray:
        """(N, h, w) float32 grey from 0 to 1."""
        block = images_of(examples)
        return np.stack([small_grey(block.pixels[int(index)], SIDE) for index in block.index])

    def _learn(self, pictures: np.ndarray, steps: int, budget: Budget) -> None:
        rng = np.random.default_rng(budget.seed)
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
        grey = np.rint(pictures * 255).astype(np.uint8)[..., None]
        self.net.train()
        for step in range(steps):
            batch, truth = _pasted(grey, rng)
            _, logits = self.net(self._input(batch))
            target = F.interpolate(torch.from_numpy(truth)[:, None], size=logits.shape[1:], mode="area")[:, 0]
            loss = F.binary_cross_entropy_with_logits(logits, target)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if budget.progress is not None:
                budget.progress("train", (step + 1) / steps)
        self.net.eval()

    def _input(self, pictures: np.ndarray) -> Tensor:
        x: Tensor = torch.from_numpy((pictures - self.level) / self.spread).float()[:, None]
        return x

    def _seen(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, R, C, D) and logits (N, R, C), smoothed; one by one, so a subset gives the same."""
        features, logits = [], []
        with torch.no_grad():
            for picture in pictures:
                found, said = self.net(self._input(picture[None]))
                features.append(F.avg_pool2d(found, 3, 1, 1)[0].permute(1, 2, 0).numpy())
                logits.append(F.avg_pool2d(said[:, None], 3, 1, 1)[0, 0].numpy())
        return np.stack(features), np.stack(logits)

    def _distances(self, features: np.ndarray) -> np.ndarray:
        """(N, R, C) mean distance to the CLOSE nearest memorised places."""
        out = np.empty(features.shape[:3], dtype=np.float32)
        memory = torch.from_numpy(self.memory)
        for number, one in enumerate(features):
            flat = torch.from_numpy(np.ascontiguousarray(one)).reshape(-1, WIDTH)
            near = torch.cdist(flat, memory).topk(min(CLOSE, len(memory)), dim=1, largest=False).values
            out[number] = near.mean(1).reshape(one.shape[:2]).numpy()
        return out

    def _joined(self, distances: np.ndarray, logits: np.ndarray) -> np.ndarray:
        mean, spread, level, width = self.units
        return np.asarray((distances - mean) / max(spread, 1e-6) + (logits - level) / max(width, 1e-6))


def _pasted(grey: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """BATCH pictures (B, h, w) from 0 to 1, most with pasted pieces, flipped at random; and where (B, h, w)."""
    pictures, masks = [], []
    for _ in range(BATCH):
        one, other = (grey[int(rng.integers(len(grey)))] for _ in range(2))
        mask = np.zeros(one.shape[:2], dtype=bool)
        for _ in range(int(rng.integers(0, 4))):
            one, where = paste_patch(one, other, rng)
            mask |= where
        flips = tuple(slice(None, None, -1 if rng.random() < 0.5 else 1) for _ in range(2))
        pictures.append(one[..., 0][flips] / np.float32(255))
        masks.append(mask[flips])
    return np.stack(pictures), np.stack(masks).astype(np.float32)


def _memorise(features: np.ndarray, seed: int) -> np.ndarray:
    flat = features.reshape(-1, WIDTH)
    rows = np.random.default_rng(seed).choice(len(flat), min(MEMORY, len(flat)), replace=False)
    return np.ascontiguousarray(flat[np.sort(rows)], dtype=np.float32)


SELF_TRAINED = Baseline("self_trained", build=lambda task: SelfTrained(), summary="self-taught patches with a memory")
