"""MedMNIST: an npz with ``{train,val,test}_{images,labels}``, opened without pickle."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from verticals_healthcare.adapters.common import EPOCH, dataset, source_of, words
from verticals_healthcare.schema import LABELS
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

PARTS = {"train": "train", "val": "valid", "test": "test"}
FINDINGS = {"breastmnist": {"0": "malignant", "1": "benign"}}
"""Sets in which class 0 is the finding (medmnist.com): by name, so that the event is not taken for its absence."""


def sniff(path: Path) -> Sniff:
    """An npz that holds at least one ``*_images`` array, or a folder with that file."""
    file = _file(path)
    if file.suffix.lower() != ".npz" or not file.is_file():
        return Sniff(0.0, "no .npz file")
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return Sniff(0.5, "an .npz file that cannot be opened")
    known = any(f"{part}_images.npy" in names for part in PARTS)
    return Sniff(0.95 if known else 0.3, "arrays named …_images" if known else "an .npz without …_images")


def _file(path: Path) -> Path:
    """The file, or the one .npz of a folder."""
    inside = sorted(path.glob("*.npz")) if path.is_dir() else []
    return inside[0] if len(inside) == 1 else path


def read(path: Path, options: ReadOptions) -> Dataset:
    """Every picture is a case of its own: the format names no patients.

    Raises:
        DataError: the file is damaged, lacks arrays, holds objects, volumes, or numbers that are no pixels.
    """
    images, labels, parts = [], [], []
    path = _file(path)
    arrays = load(path)
    for short, part in PARTS.items():
        if f"{short}_images" not in arrays:
            continue
        pixels = _pixels(arrays[f"{short}_images"], f"{path.name}: {short}_images")
        images.append(pixels)
        parts += [part] * len(pixels)
        labels.append(_labels(arrays, short, len(pixels), path.name, options.need_target))
    if not images:
        raise DataError(
            f"{path.name} holds {', '.join(sorted(arrays)[:6]) or 'nothing'}.", expected="train_images, val_images …"
        )
    if len({one.shape[1] for one in labels if one is not None}) > 1:
        raise DataError(f"{path.name}: the parts have labels of different widths.", expected="One width.")
    if len({one.shape[1:] for one in images}) > 1:
        raise DataError(f"{path.name}: the parts have pictures of different shapes.", expected="One shape.")
    pixels, ledger = np.concatenate(images), Ledger()
    main = pd.DataFrame({"case": [f"{part}-{i}" for part, many in _counts(parts) for i in range(many)]})
    main["patient"] = main["case"]
    main["time"] = EPOCH
    main["split"] = parts
    main["image"] = np.arange(len(pixels), dtype=np.int64)
    if all(one is not None for one in labels):
        truth = np.concatenate([one for one in labels if one is not None])
        if truth.shape[1] == 1:
            main["outcome"] = words(_named([str(int(one)) for one in truth[:, 0]], path, ledger))
        else:
            for number in range(truth.shape[1]):
                main[f"{LABELS}{number}"] = truth[:, number].astype(np.float64)
    if options.limit is not None:
        main = main.iloc[: options.limit]
    ledger.warn("MedMNIST names no patients: each picture counts as a patient of its own")
    return dataset(
        main, adapter="healthcare.medmnist", sources=[source_of(path, len(main))], ledger=ledger,
        arrays={"images": pixels}, name=path.name,
    )  # fmt: skip


def load(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz, no objects.

    Raises:
        DataError: the file is damaged or an array holds Python objects.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path.name} is no .npz, or is damaged.", expected="A zip of arrays.", todo="Copy it again.")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, MemoryError) as err:
        if "allow_pickle" in str(err):
            raise DataError(
                f"{path.name} holds Python objects (pickle).", expected="Plain arrays: pickles can run code.",
                todo="Ask for the file without objects.",
            ) from err  # fmt: skip
        raise DataError(f"{path.name} is damaged or truncated ({err}).", todo="Copy it again.") from err


def _pixels(found: np.ndarray, name: str) -> np.ndarray:
    """(M, h, w, C) uint8."""
    if found.ndim == 3:
        found = found[..., None]
    if found.ndim != 4 or found.shape[-1] not in (1, 3, 4):
        raise DataError(
            f"{name} has shape {found.shape}.", expected="(M, h, w) or (M, h, w, 3): pictures; volumes are not read."
        )
    if found.dtype != np.uint8:
        raise DataError(f"{name} is {found.dtype}.", expected="uint8, 0 ... 255.")
    return found


def _labels(arrays: dict[str, np.ndarray], short: str, many: int, name: str, needed: bool) -> np.ndarray | None:
    """(M, L) numbers, or None where there are none and none are needed."""
    found = arrays.get(f"{short}_labels")
    if found is None:
        if needed:
            raise DataError(f"{name} has no {short}_labels.", expected="Labels for every part.")
        return None
    if len(found) != many or found.ndim not in (1, 2) or found.dtype.kind not in "biuf":
        raise DataError(
            f"{name}: {short}_labels has shape {found.shape} of {found.dtype}.", expected=f"{many} rows of numbers."
        )
    if not np.isfinite(found).all() or (found != np.floor(found)).any() or (found < 0).any():
        raise DataError(
            f"{name}: {short}_labels are no whole numbers from 0 on.", expected="Class numbers, or 0 and 1."
        )
    found = found[:, None] if found.ndim == 1 else found
    if found.shape[1] > 1 and (found > 1).any():
        raise DataError(f"{name}: {short}_labels say {found.max():g}.", expected="0 and 1 where there are several.")
    return found


def _named(codes: list[str], path: Path, ledger: Ledger) -> list[str]:
    """Class numbers, or names in sets where number 0 is the finding."""
    names = next((one for stem, one in FINDINGS.items() if path.stem.lower().startswith(stem)), None)
    if names is None or not set(codes) <= set(names):
        return codes
    ledger.warn("classes of this set are read as " + ", ".join(f"{code} = {name}" for code, name in names.items()))
    return [names[one] for one in codes]


def _counts(parts: list[str]) -> list[tuple[str, int]]:
    return [(part, parts.count(part)) for part in PARTS.values() if part in parts]


MEDMNIST = Adapter(name="healthcare.medmnist", summary="MedMNIST npz", sniff=sniff, read=read)
