"""The visible loop: it pretrains and fine-tunes every core. One epoch after another, nothing hidden.

Each epoch's randomness comes from (seed, epoch) alone, so a run that is killed and resumed from its last checkpoint
ends with the same weights, bit for bit, as one that was not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from verticals.pipeline.files import write_atomic

WARM_UP = 0.05
FLOOR = 0.02
CLIP = 1.0
CHECKPOINT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How a model is trained. ``stop_after`` ends the same schedule early, after so many epochs."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    seed: int
    average: float = 0.0
    stop_after: int | None = None
    seconds: float | None = None


@dataclass
class Progress:
    """Where the loop stands; part of a checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    best: float = math.inf
    history: list[float] = field(default_factory=list)


def train(
    model: nn.Module,
    loss_of: Callable[[np.ndarray], Tensor],
    rows: np.ndarray,
    settings: LoopSettings,
    *,
    check: Callable[[], float] | None = None,
    checkpoint: Path | None = None,
    report: Callable[[float], None] | None = None,
) -> Progress:
    """Train ``model`` in place on ``rows``; ``loss_of(rows of a batch)`` returns a scalar.

    With ``check`` (a validation loss) the weights of the best epoch are kept, else those of the last.
    """
    optimiser = make_optimiser(model, settings)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    best: dict[str, Tensor] = {}
    progress = Progress()
    if checkpoint is not None and checkpoint.is_file():
        progress = _restore(checkpoint, model, optimiser, average, best)
    per_epoch = max(1, math.ceil(len(rows) / settings.batch))
    last = settings.stop_after or settings.epochs
    started, saved = time.monotonic(), time.monotonic()
    while progress.epoch < last and not _late(started, settings):
        torch.manual_seed(settings.seed * 100_003 + progress.epoch)
        order = rows[torch.randperm(len(rows)).numpy()]
        model.train()
        for number, batch in enumerate(np.array_split(order, per_epoch)):
            step = progress.epoch * per_epoch + number
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * schedule(step, per_epoch * settings.epochs)
            with precision(model):
                loss = loss_of(batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.step()
            _update_average(model, average, settings.average, step)
            if report is not None:
                report((step + 1) / (per_epoch * last))
        progress.epoch += 1
        with averaged(model, average, settings.average), precision(model):
            value = check() if check is not None else 0.0
            progress.history.append(value)
            if check is None or value < progress.best:
                progress.best, progress.best_epoch = value, progress.epoch
                best = {name: p.detach().clone() for name, p in model.named_parameters()}
        if checkpoint is not None and (time.monotonic() - saved > CHECKPOINT_SECONDS or progress.epoch == last):
            _store(checkpoint, model, optimiser, average, best, progress)
            saved = time.monotonic()
    if best:
        _set(model, best)
    model.eval()
    return progress


def precision(model: nn.Module) -> AbstractContextManager[Any]:
    """bfloat16 where it is safe, on a GPU; on a CPU nothing changes."""
    if next(model.parameters()).device.type != "cuda":
        return nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16)


def schedule(step: int, total: int) -> float:
    """Linear warm-up, then half a cosine down to FLOOR."""
    warm = max(1, round(WARM_UP * total))
    if step < warm:
        return (step + 1) / warm
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def make_optimiser(model: nn.Module, settings: LoopSettings) -> torch.optim.AdamW:
    """AdamW; vectors (biases, norms, slopes) are not decayed."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98))


@contextmanager
def averaged(model: nn.Module, average: dict[str, Tensor], decay: float) -> Iterator[None]:
    """The model with its averaged weights, in evaluation mode; afterwards with its own again."""
    model.eval()
    if not decay:
        yield
        return
    own = {name: p.detach().clone() for name, p in model.named_parameters()}
    _set(model, average)
    yield
    _set(model, own)


@torch.no_grad()
def _update_average(model: nn.Module, average: dict[str, Tensor], decay: float, step: int) -> None:
    if decay:
        share = min(decay, (1 + step) / (10 + step))
        for name, p in model.named_parameters():
            average[name].mul_(share).add_(p.detach(), alpha=1 - share)


@torch.no_grad()
def _set(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, p in model.named_parameters():
        p.copy_(weights[name])


def _late(started: float, settings: LoopSettings) -> bool:
    return settings.seconds is not None and time.monotonic() - started > settings.seconds


def _store(
    path: Path, model: nn.Module, optimiser: torch.optim.AdamW, average: dict[str, Tensor], best: dict[str, Tensor],
    progress: Progress,
) -> None:  # fmt: skip
    tensors = {f"model/{n}": p.detach() for n, p in model.named_parameters()}
    tensors |= {f"average/{n}": p for n, p in average.items()} | {f"best/{n}": p for n, p in best.items()}
    names = {id(p): n for n, p in model.named_parameters()}
    for p, state in optimiser.state.items():
        tensors |= {f"optimiser/{names[id(p)]}/{key}": value for key, value in state.items()}
    content = {name: t.contiguous().clone() for name, t in tensors.items()}
    write_atomic(path, save(content, {"progress": json.dumps(vars(progress))}))


def _restore(
    path: Path, model: nn.Module, optimiser: torch.optim.AdamW, average: dict[str, Tensor], best: dict[str, Tensor]
) -> Progress:
    with safe_open(path, framework="pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - safe_open is no mapping
        progress = Progress(**json.loads(stored.metadata()["progress"]))
    _set(model, {n: tensors[f"model/{n}"] for n, _ in model.named_parameters()})
    for name, p in model.named_parameters():
        average[name] = tensors[f"average/{name}"].to(p.device)
        if f"best/{name}" in tensors:
            best[name] = tensors[f"best/{name}"].to(p.device)
        prefix = f"optimiser/{name}/"
        found = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
        state = {key: t if key == "step" else t.to(p.device) for key, t in found.items()}
        if state:
            optimiser.state[p] = state
    return progress
