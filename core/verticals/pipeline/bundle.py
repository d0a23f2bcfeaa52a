"""The bundle: what ships, in files that last. safetensors, LightGBM text, parquet, npz and JSON, each with its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from verticals.pipeline.files import plain, sha256, write_folder, write_json
from verticals.pipeline.fitting import Slots, slots_of
from verticals.pipeline.settings import Settings, configured, policy_of
from verticals_plugins import (
    Blend,
    Calibrator,
    DataError,
    Dataset,
    Decision,
    Examples,
    Method,
    Predictions,
    Provenance,
    Rule,
    Task,
    UsageError,
)
from verticals_plugins.manager import find, installed

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
MANIFEST = "manifest.json"
PLAIN = {".json", ".txt", ".safetensors", ".npz", ".parquet"}
"""Kinds of file a bundle may hold; anything else (a pickle, code) is refused."""


@dataclass
class Bundle:
    """What a run ships: fitted methods, blend and calibration, the policy with its rule, and the remembered past."""

    task: Task
    settings: Settings
    methods: Mapping[str, Method]
    blend: Blend | None
    calibrator: Calibrator
    policy: Any
    rule: Rule
    shipped: str
    past: Dataset | None
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])

    def predict_examples(self, examples: Examples) -> Predictions:
        """Calibrated predictions of what ships."""
        members = {name: method.predict(examples) for name, method in self.methods.items()}
        joined = self.blend.combine(members) if self.blend is not None else next(iter(members.values()))
        return self.calibrator.apply(joined)

    def examples(self, data: pd.DataFrame | Dataset | str | Path) -> Examples:
        """The examples of new data, which know the past that the bundle remembers."""
        return self.task.examples(self._guarded(self._dataset(data)), self.past)

    def decide(self, data: pd.DataFrame | Dataset | str | Path) -> tuple[Predictions, Decision]:
        """Predictions and the decision for new data: a path, a table with the schema's columns, or a dataset."""
        examples = self.examples(data)
        predictions = self.predict_examples(examples)
        return predictions, self.task.decide(predictions, self.policy, self.rule)

    def predict(self, data: pd.DataFrame | Dataset | str | Path) -> pd.DataFrame:
        """The decision's table for new data, with the numbers and up to three reasons behind each row.

        Raises:
            DataError: the data cannot be read, or a plugin's guard refuses them.
        """
        return self._told(*self.decide(data))

    def predict_batches(self, batches: Iterable[Dataset]) -> Iterator[pd.DataFrame]:
        """:meth:`predict` of one dataset after another, in order of time, each with the memory of those before.

        For tasks that are ``by_rows``: there the tables together are that of all the data at once.
        """
        earlier, past = None, self.past
        for dataset in batches:
            if earlier is not None:
                past = self.task.examples.memory(earlier, past)
            earlier = self._guarded(dataset)
            predictions = self.predict_examples(self.task.examples(earlier, past))
            yield self._told(predictions, self.task.decide(predictions, self.policy, self.rule))

    def _told(self, predictions: Predictions, decision: Decision) -> pd.DataFrame:
        from verticals.explain.reasons import with_reasons
        from verticals.pipeline.tables import with_values

        table = with_reasons(with_values(decision.table, predictions), self, predictions)
        return installed().thread("verticals_after_predict", table, name="table", task=self.task)

    def _dataset(self, data: pd.DataFrame | Dataset | str | Path) -> Dataset:
        from dataclasses import replace

        from verticals.pipeline.reading import read

        if isinstance(data, Dataset):
            return data
        if isinstance(data, str | Path):
            return read(self.task, replace(self.settings, data=str(data)), need_target=False)
        from verticals.data.table import dataset_of_frame
        from verticals.pipeline.reading import options_of

        return dataset_of_frame(data, options_of(self.task, self.settings, need_target=False))

    def _guarded(self, dataset: Dataset) -> Dataset:
        frame = installed().thread("verticals_before_predict", dataset.main, name="frame", task=self.task)
        return dataset.with_main(frame)

    def save(self, folder: Path) -> None:
        """Write the bundle, whole or not at all."""
        write_folder(folder, self._fill)

    def _fill(self, folder: Path) -> None:
        for name, method in self.methods.items():
            (folder / "methods" / name).mkdir(parents=True)
            method.save(folder / "methods" / name)
        for part, what in (("blend", self.blend), ("calibration", self.calibrator)):
            if what is not None:
                (folder / part).mkdir()
                what.save(folder / part)
        if self.past is not None:
            save_dataset(self.past, folder / "past")
        self.settings.save(folder)
        plugin = installed().known.get(self.task.name.split(".")[0])
        manifest = {
            "format": FORMAT,
            "task": self.task.name,
            "plugin": None if plugin is None else {"distribution": plugin.distribution, "version": plugin.version},
            "shipped": self.shipped,
            "methods": list(self.methods),
            "blend": None if self.blend is None else self.blend.name,
            "calibrator": self.calibrator.name,
            "policy": {name: getattr(self.policy, name) for name in self.policy.__dataclass_fields__},
            "rule": dict(self.rule.numbers),
            "mapping": dict(self.mapping),
            "past": self.past is not None,
            "files": {
                str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": sha256(path)}
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            },
        }
        write_json(folder / MANIFEST, manifest | {"sha256": digest_of(manifest)})


def load(folder: str | Path) -> Bundle:
    """Open a run's folder, or its ``bundle`` folder.

    Raises:
        UsageError: there is no bundle.
        DataError: the bundle was changed, cut short, or holds a kind of file that a bundle never holds.
    """
    home = Path(folder)
    if not (home / MANIFEST).is_file():
        home /= "bundle"
    if not (home / MANIFEST).is_file():
        begun = (Path(folder) / "config.json").is_file()
        raise UsageError(
            f"{folder} holds no bundle.", expected=f"A finished run's folder, with bundle/{MANIFEST}.",
            todo=f"The run was begun; take it up with: verticals run --resume {folder}" if begun else "",
        )  # fmt: skip
    manifest = verified(home)
    settings = Settings.load(home)
    task = configured(installed().task(manifest["task"]), settings)
    slots = slots_of(task)
    methods = {name: _method(task, name, home / "methods" / name) for name in manifest["methods"]}
    calibrator = slots.calibrate()
    calibrator.load(home / "calibration")
    return Bundle(
        task, settings, methods, _blend(slots, manifest["blend"], home), calibrator,
        policy_of(task, manifest["policy"]), Rule(manifest["rule"]), manifest["shipped"],
        load_dataset(home / "past", task) if manifest["past"] else None, manifest["mapping"],
    )  # fmt: skip


def verified(home: Path) -> dict[str, Any]:
    """The manifest, after every file was found whole and unchanged."""
    try:
        manifest = json.loads((home / MANIFEST).read_text())
        files: dict[str, dict[str, Any]] = manifest["files"]
    except (ValueError, KeyError, TypeError) as err:
        raise _broken(home, f"{MANIFEST} cannot be read") from err
    if isinstance(manifest.get("format"), int) and manifest["format"] > FORMAT:
        raise UsageError(
            f"{home} was written by a later version (format {manifest['format']}).",
            expected=f"Format {FORMAT} or earlier.", todo="Update verticals.",
        )  # fmt: skip
    if manifest.pop("sha256", "") != digest_of(manifest):
        raise _broken(home, f"{MANIFEST} was changed")
    found = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()} - {MANIFEST}
    for name in sorted(found - set(files)):
        raise _broken(home, f"{name} does not belong to it")
    for name, known in files.items():
        path = home / name
        if Path(name).suffix not in PLAIN or not path.resolve().is_relative_to(home.resolve()):
            raise _broken(home, f"{name} is not a kind of file that a bundle holds")
        if name not in found:
            raise _broken(home, f"{name} is missing")
        if path.stat().st_size != known["bytes"]:
            raise _broken(home, f"{name} has {path.stat().st_size} bytes instead of {known['bytes']}")
        if sha256(path) != known["sha256"]:
            raise _broken(home, f"{name} was changed")
    return dict(manifest)


def digest_of(manifest: Mapping[str, Any]) -> str:
    """Hex digest of a manifest's content, however it is written."""
    return hashlib.sha256(json.dumps(plain(manifest), sort_keys=True).encode()).hexdigest()


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Tables as parquet, arrays as npz; the schema is the task's."""
    folder.mkdir(parents=True)
    for name, table in dataset.tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    if dataset.arrays:
        arrays: dict[str, Any] = {name: np.asarray(one) for name, one in dataset.arrays.items()}
        np.savez(folder / "arrays.npz", **arrays)
    write_json(folder / "notes.json", {"adapter": dataset.provenance.adapter, "notes": dict(dataset.provenance.notes)})


def load_dataset(folder: Path, task: Task) -> Dataset:
    """What :func:`save_dataset` wrote."""
    import pandas as pd

    tables = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    arrays: dict[str, Any] = {}
    if (folder / "arrays.npz").is_file():
        with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    notes = json.loads((folder / "notes.json").read_text())
    return Dataset(tables, task.schema, Provenance(notes["adapter"], notes=notes["notes"]), arrays)


def _method(task: Task, name: str, folder: Path) -> Method:
    from verticals.model.core import core_of
    from verticals_plugins import CoreSpec

    if name == ("core" if isinstance(task.core, CoreSpec) else task.core.name):
        method: Method = core_of(task.core, task)
    else:
        known = installed().baselines() | {one.name: one for one in task.baselines if not isinstance(one, str)}
        method = find("baseline", known, name).build(task)
    method.load(folder)
    return method


def _blend(slots: Slots, name: str | None, home: Path) -> Blend | None:
    if name is None:
        return None
    blend = find("blend", {one.name: one for one in slots.blends()}, name)
    blend.load(home / "blend")
    return blend


def _broken(home: Path, what: str) -> DataError:
    return DataError(
        f"The bundle {home} cannot be trusted: {what}.",
        expected="The files as the run wrote them.",
        todo="Copy it again, or run the task again.",
    )
