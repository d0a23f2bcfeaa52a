"""The core: stems -> trunk -> head, as one model, and as the method that a run fits.

``CoreModel`` is the network, ``CoreMethod`` trains a few of them with different seeds and averages what they say.
Both are made from a ``CoreSpec``; parts are looked up by name among what plugins registered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from verticals.baselines.table import some_rows, thin
from verticals.model.tokens import Tokens, TrunkConfig, join
from verticals.pipeline.files import write_json
from verticals.train.loop import LoopSettings, train
from verticals_plugins import Baseline, Budget, CoreSpec, DataError, Examples, Predictions
from verticals_plugins.manager import find, installed

Batch = dict[str, dict[str, Tensor]]
WATCHED = 20_000
"""Validation examples whose loss picks the best epoch, at most."""


@dataclass(frozen=True)
class Built:
    """A spec with what its stems and its head learnt on the training part: all that is needed to build the model."""

    spec: CoreSpec
    stems: dict[str, tuple[str, dict[str, Any]]]
    """Block name -> (stem name, config)."""
    head: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"spec": asdict(self.spec), "stems": {k: list(v) for k, v in self.stems.items()}, "head": self.head}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Built:
        """From :meth:`to_json`."""
        spec = CoreSpec(**{**state["spec"], "stems": tuple(state["spec"]["stems"])})
        return cls(spec, {k: (v[0], v[1]) for k, v in state["stems"].items()}, state["head"])


class CoreModel(nn.Module):
    """Stems side by side, one trunk over all their tokens, one head. The stem named last is the query."""

    def __init__(self, built: Built) -> None:
        super().__init__()
        spec, plugins = built.spec, installed()
        stems = plugins.stems()
        self.stems = nn.ModuleDict(
            {
                block: find("stem", stems, name).build(config, spec.width)
                for block, (name, config) in built.stems.items()
            }
        )
        self.kind = nn.Parameter(torch.zeros(len(built.stems), spec.width))
        trunk, path = (spec.trunk, "") if spec.trunk in plugins.trunks() else ("pretrained", spec.trunk)
        self.trunk = find("trunk", plugins.trunks(), trunk).build(
            TrunkConfig(width=spec.width, layers=spec.layers, heads=spec.heads, dropout=spec.dropout,
                        causal=spec.causal, path=path)
        )  # fmt: skip
        self.head = find("head", plugins.heads(), spec.head).build(built.head, spec.width)

    def tokens(self, batch: Batch) -> Tokens:
        """Contextual tokens of all blocks."""
        parts = []
        for place, (block, stem) in enumerate(self.stems.items()):
            part: Tokens = stem(batch[block])
            parts.append(replace(part, x=part.x + self.kind[place]))
        joined = join(parts)
        return replace(joined, x=self.context(joined))

    def context(self, tokens: Tokens, *, causal: bool | None = None) -> Tensor:
        """(B, T, D) through the trunk; ``causal`` overrides the trunk's own way for this call."""
        trunk: Any = self.trunk
        own = getattr(trunk, "causal", None)
        if causal is not None and own is not None:
            trunk.causal = causal
        x: Tensor = trunk(tokens.x, tokens.mask, tokens.position)
        if causal is not None and own is not None:
            trunk.causal = own
        return x

    def forward(self, batch: Batch) -> Tensor:
        output: Tensor = self.head(self.tokens(batch))
        return output


class CoreMethod:
    """The core as a method: fits ``spec.members`` models and averages their outputs before decoding."""

    def __init__(self, spec: CoreSpec, *, name: str = "core") -> None:
        self.name, self.spec = name, spec
        self.built: Built | None = None
        self.models: list[CoreModel] = []
        self.epochs: list[int] = []
        self.notes: dict[str, Any] = {}

    def fit(self, train: Examples, valid: Examples | None, budget: Budget) -> None:
        """Pretrain if the spec says so, then fine-tune; the best epoch on ``valid`` is kept and reused by a refit."""
        torch.set_num_threads(budget.threads)
        self.built = self._learn(train)
        chosen, self.epochs, self.models = list(self.epochs), [], []
        for member in range(self.spec.members):
            seed = budget.seed + member
            torch.manual_seed(seed)
            model = CoreModel(self.built).to(device())
            folder = None if budget.folder is None else budget.folder / f"member_{member}"
            share = Share(member, self.spec.members, budget)
            if self.spec.objective != "none" and self.spec.pretrain_epochs:
                self._pretrain(model, train, seed, budget, folder, share)
            stop = chosen[member] if valid is None and member < len(chosen) else None
            self.epochs.append(self._finetune(model, train, valid, seed, budget, folder, stop, share))
            self.models.append(model.cpu().eval())
        self.notes["parameters"] = sum(p.numel() for p in self.models[0].parameters())

    def predict(self, examples: Examples) -> Predictions:
        """Mean of the members' outputs, decoded batch by batch."""
        assert self.built is not None
        head: Any = self.models[0].head
        decoded = []
        with torch.no_grad():
            for rows in batches(len(examples), max(64, self.spec.batch)):
                batch = self._collate(self.models[0], examples, rows)
                output = torch.stack([model(batch) for model in self.models]).mean(0)
                some = examples if len(rows) == len(examples) else examples.take(rows)
                decoded.append(head.decode(output.float().numpy(), some))
        return concatenate(decoded, examples)

    def save(self, folder: Path) -> None:
        """core.json and one safetensors file per member."""
        assert self.built is not None
        write_json(folder / "core.json", self.built.to_json() | {"epochs": self.epochs, "notes": self.notes})
        for number, model in enumerate(self.models):
            tensors = {name: t.detach().contiguous() for name, t in model.state_dict().items()}
            save_file(tensors, folder / f"member_{number}.safetensors")

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = json.loads((folder / "core.json").read_text())
        self.built = Built.from_json(state)
        self.spec, self.epochs, self.notes = self.built.spec, state["epochs"], state["notes"]
        self.models = []
        for number in range(self.spec.members):
            model = CoreModel(self.built)
            model.load_state_dict(load_file(folder / f"member_{number}.safetensors"))
            self.models.append(model.eval())

    def _learn(self, train: Examples) -> Built:
        plugins, stems = installed(), {}
        for entry in self.spec.stems:
            name, _, block = entry.partition(":")
            stem = find("stem", plugins.stems(), name, plugins)
            found = train.inputs.get(block or name)
            if isinstance(found, stem.kind):
                config = stem.fit(found, self.spec.width) | dict(self.spec.options.get(block or name, {}))
                key = (block or name) if (block or name) not in stems else f"{block or name}__{name}"
                stems[key] = (name, config)
        if not stems:
            raise DataError(
                f"None of the core's blocks {list(self.spec.stems)} is in these examples.",
                expected=f"Blocks here: {sorted(train.inputs)}.",
            )
        head = find("head", plugins.heads(), self.spec.head, plugins).fit(train)
        head |= {"smoothing": self.spec.label_smoothing} | dict(self.spec.options.get("head", {}))
        return Built(self.spec, stems, head)

    def _pretrain(
        self, model: CoreModel, train_on: Examples, seed: int, budget: Budget, folder: Path | None, share: Share
    ) -> None:
        found = find("objective", installed().objectives(), self.spec.objective)
        objective = found.build(model.stems, self.spec.width).to(device())
        if getattr(objective, "idle", False):  # these examples have nothing that it could hide or foretell
            return
        both = nn.ModuleDict({"model": model, "objective": objective})
        rows = some_rows(len(train_on), int(self.spec.options.get("pretrain", {}).get("rows", 50_000)), seed)
        settings = self._settings(self.spec.pretrain_epochs, seed + 7, budget)

        def loss_of(batch: np.ndarray) -> Tensor:
            loss: Tensor = objective(model, self._collate(model, train_on, batch))
            return loss

        mark = None if folder is None else folder / "pretrain.safetensors"
        progress = train(both, loss_of, rows, settings, checkpoint=mark, report=share.report("pretrain"))
        self.notes["pretrained epochs"] = progress.epoch

    def _finetune(
        self, model: CoreModel, train_on: Examples, valid: Examples | None, seed: int, budget: Budget,
        folder: Path | None, stop: int | None, share: Share,
    ) -> int:  # fmt: skip
        assert train_on.truth is not None
        head: Any = model.head
        rows, weight = (head.rows(train_on) if hasattr(head, "rows") else np.arange(len(train_on))), None
        if train_on.truth.ndim == 1 and head_is_binary(model):
            kept, weights = thin(train_on.truth, seed, int(self.spec.options.get("train", {}).get("rows", 60_000)))
            if kept is not None and weights is not None:
                rows = kept
                weight = np.ones(len(train_on), dtype=np.float32)
                weight[kept] = weights

        def loss_on(examples: Examples, batch: np.ndarray, weights: np.ndarray | None) -> Tensor:
            output = model(self._collate(model, examples, batch))
            target = head.target(examples, batch).to(output.device)
            extra = {} if weights is None else {"weight": torch.from_numpy(weights[batch]).to(output.device)}
            loss: Tensor = head.loss(output, target, **extra)
            return loss

        watched = some_rows(0 if valid is None else len(valid), WATCHED, seed)

        def check() -> float:
            assert valid is not None
            with torch.no_grad():
                losses = [(len(b), float(loss_on(valid, watched[b], None))) for b in batches(len(watched), 1024)]
            return sum(n * loss for n, loss in losses) / len(watched)

        settings = replace(self._settings(self.spec.epochs, seed, budget), stop_after=stop)
        progress = train(
            model, lambda batch: loss_on(train_on, batch, weight), rows, settings,
            check=None if valid is None else check,
            checkpoint=None if folder is None else folder / "finetune.safetensors",
            report=share.report("train"),
        )  # fmt: skip
        return progress.best_epoch or progress.epoch

    def _settings(self, epochs: int, seed: int, budget: Budget) -> LoopSettings:
        seconds = None if budget.seconds is None else budget.seconds / self.spec.members
        return LoopSettings(
            epochs=epochs, batch=self.spec.batch, learning_rate=self.spec.learning_rate, seconds=seconds,
            weight_decay=self.spec.weight_decay, seed=seed, average=self.spec.average,
        )  # fmt: skip

    def _collate(self, model: CoreModel, examples: Examples, rows: np.ndarray) -> Batch:
        assert self.built is not None
        where = next(model.parameters()).device
        out: Batch = {}
        for key, stem in model.stems.items():
            module: Any = stem
            batch = module.collate(examples.inputs[key.split("__")[0]], rows)
            out[key] = {name: tensor.to(where) for name, tensor in batch.items()}
        return out


@dataclass(frozen=True)
class Share:
    """Which part of a fit one member is, for progress bars."""

    member: int
    members: int
    budget: Budget

    def report(self, what: str) -> Any:
        """A function that takes the member's own share done."""
        if self.budget.progress is None:
            return None
        tell = self.budget.progress
        return lambda done: tell(f"core: {what}", (self.member + done) / self.members)


def core_of(spec: CoreSpec | Baseline, task: Any) -> Any:
    """The method in a task's core slot."""
    return CoreMethod(spec) if isinstance(spec, CoreSpec) else spec.build(task)


def head_is_binary(model: CoreModel) -> bool:
    """Whether the model's head gives one probability."""
    return getattr(model.head, "kind", "") == "binary"


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def batches(n: int, size: int) -> Iterator[np.ndarray]:
    """Row numbers 0 ... n - 1 in pieces."""
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))


def concatenate(parts: list[Predictions], examples: Examples) -> Predictions:
    """Predictions of consecutive batches as those of all ``examples``."""
    if not parts:
        return Predictions(examples, np.zeros(0))
    extras = {name: np.concatenate([p.extras[name] for p in parts]) for name in parts[0].extras}
    return Predictions(examples, np.concatenate([p.values for p in parts]), parts[0].levels, extras)


__all__ = ["Built", "CoreMethod", "CoreModel", "core_of"]
