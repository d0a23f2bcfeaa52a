"""Folders of pictures by class: ``good/`` and defects, with or without train and test, and the MVTec AD layout.

MVTec AD (Bergmann et al. 2019): ``train/good``, ``test/good``, ``test/<defect>``, ``ground_truth/<defect>/*_mask.png``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from verticals_manufacturing.pictures import (
    OTHER_SUFFIXES,
    SUFFIXES,
    natural,
    pictures_below,
    pictures_in,
    read_picture,
)
from verticals_manufacturing.records import OPTIONS, Record, is_good, to_dataset
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

SPLITS = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "test_public": "test",
}
PRIVATE = "test_private"
"""Parts whose classes are kept secret (MVTec AD 2) begin so."""
MASKS = ("ground_truth", "groundtruth", "gt", "mask", "masks", "label", "labels")
"""Folders that hold masks, not pictures (compared without case)."""
NO_CLASS = ("images", "image", "imgs", "img", "jpegimages", "annotations")
"""Folders whose name says nothing of the pictures in them."""
MARKS = ("_mask", "_label", "_gt")
"""Endings of the names of masks that lie beside their picture."""


def sniff_folders(path: Path) -> Sniff:
    """A folder whose subfolders (or split folders) hold pictures."""
    try:
        if not path.is_dir():
            return Sniff(0.0, "not a folder")
        path = home_of(path)
        names = _folders(path)
        if any(n.name.lower() == MASKS[0] for n in names):
            return Sniff(0.9, "ground_truth/ beside folders of pictures")
        if products := _products(names):
            return Sniff(0.7, f"{len(products)} products, each with good pieces to train on")
        classes = [c for s in names if s.name.lower() in SPLITS for c in _folders(s) if _is_class(c) and pictures_in(c)]
        if classes:
            return Sniff(0.7, f"{len(classes)} folders of pictures in split folders")
        if any(is_good(n.name) and pictures_below(n) for n in names):
            return Sniff(0.8, f"{len(names)} folders of pictures, one a class, one of them good")
        filled = [n for n in names if _is_class(n) and pictures_in(n)]
        if filled:
            return Sniff(0.5, f"{len(filled)} folders of pictures, one a class")
        if pictures_in(path):
            return Sniff(0.3, "a folder of pictures")
        return Sniff(0.0, "no pictures in it or in its folders")
    except OSError as err:
        return Sniff(0.0, str(err))


def read_folders(path: Path, options: ReadOptions) -> Dataset:
    """Read pictures with the folder's name as their class.

    Raises:
        DataError: no pictures, several products at once, or ``ground_truth`` without ``train/good``.
    """
    if not path.is_dir():
        raise DataError(f"{path.name} is not a folder.", expected="A folder with a folder of pictures per class.")
    path = home_of(path)
    folders = _folders(path)
    if products := _products(folders):
        raise DataError(
            f"{path.name} holds {len(products)} products ({', '.join(p.name for p in products[:5])}).",
            expected="One product.",
            todo=f"Point to one of them, as {products[0].name}/.",
        )
    truth = next((f for f in folders if f.name.lower() == MASKS[0]), None)
    if truth is not None and not _products([path]):
        raise DataError(
            f"{path.name} has {truth.name}/ but no train/good/ (found: {', '.join(f.name for f in folders)}).",
            expected="The MVTec AD layout: train/good, test/good, test/<defect>, ground_truth/<defect>.",
            todo="Put pictures of good pieces into train/good.",
        )
    ledger = Ledger()
    hidden = [f for f in folders if f.name.lower().startswith(PRIVATE)]
    if options.need_target:
        kept_back = [p.name for f in hidden for p in pictures_below(f)]
        ledger.drop("picture of a part without classes (test_private)", len(kept_back), kept_back[:5])
        folders = [f for f in folders if f not in hidden]
    other = [p.name for p in sorted(path.rglob("*")) if p.suffix.lower() in OTHER_SUFFIXES and p.is_file()]
    ledger.drop("picture of a kind that is not read", len(other), other[:5])
    records = _records(path, folders, ledger)
    _tell_unmasked(records, next((t for f in (path, *folders) if (t := _truth(f))), None), ledger)
    bare = [one.id for one in records if one.label is None]
    if options.need_target and len(bare) < len(records):
        ledger.drop("picture that lies in no folder of a class", len(bare), bare[:5])
        records = [one for one in records if one.label is not None]
    return to_dataset(records, options, adapter="manufacturing.folders", ledger=ledger)


def _tell_unmasked(records: list[Record], truth: Path | None, ledger: Ledger) -> None:
    """Name the pictures with a defect that have no mask though there is a folder of masks."""
    bare = [one.id for one in records if one.mask is None and one.label is not None and not is_good(one.label)]
    if truth is not None and bare:
        ledger.warn(
            f"{len(bare)} pictures with a defect have no mask in {truth.name}/ ({', '.join(bare[:3])}; "
            f"expected: {truth.name}/<class>/<picture>_mask.png)."
        )


def _records(path: Path, folders: list[Path], ledger: Ledger) -> list[Record]:
    out: list[Record] = []
    for folder in folders:
        split = SPLITS.get(folder.name.lower())
        inner = _folders(folder) if split is not None else []
        truth = _truth(folder) or _truth(path)
        for one in inner:
            out += _of_class(path, one, split, truth, ledger, known=_is_class(one))
        if inner:
            out += [Record(p, p.relative_to(path).as_posix(), split=split) for p in pictures_in(folder)]
        else:
            named = split is None and _is_class(folder) and not folder.name.lower().startswith(PRIVATE)
            out += _of_class(path, folder, split, truth, ledger, known=named)
    label = path.name if is_good(path.name) else None
    out += [Record(p, p.name, label=label) for p in pictures_in(path)]
    return out


def _of_class(
    root: Path, folder: Path, split: str | None, truth: Path | None, ledger: Ledger, *, known: bool = True
) -> list[Record]:
    """The pictures of one folder, with its name as their class if that is ``known``; masks are no pictures."""
    if folder.name.lower() in MASKS:
        return []
    every = [p for p in pictures_below(folder) if not any(n.lower() in MASKS for n in p.relative_to(folder).parts[:-1])]
    if not every:
        ledger.warn(f"{folder.relative_to(root).as_posix()}/ holds no picture.")
    beside = _masks_among(every)
    homes = [home for home in (truth and truth / folder.name, _truth(folder)) if home is not None and home.is_dir()]
    records = []
    for picture in sorted(set(every) - set(beside.values()), key=natural):
        mask = beside.get(picture) or _mask_in(homes, picture.stem)
        inside = [SPLITS[n.lower()] for n in picture.relative_to(folder).parts[:-1] if n.lower() in SPLITS]
        name, part = picture.relative_to(root).as_posix(), split or next(iter(inside), None)
        records.append(Record(picture, name, folder.name if known else None, split=part, mask=mask))
    return records


def _masks_among(pictures: list[Path]) -> dict[Path, Path]:
    """Picture -> the mask beside it: ``x.png`` of ``x.jpg``, or ``x_mask``, ``x_label`` and ``x_GT`` of ``x``."""
    found = {}
    by_stem = {p.with_suffix(""): p for p in pictures if p.suffix.lower() != ".png"}
    every = {p.with_suffix(""): p for p in pictures} | by_stem
    for one in pictures:
        mark = next((m for m in MARKS if one.stem.lower().endswith(m)), "")
        owner = every.get(one.with_name(one.stem[: -len(mark)])) if mark else by_stem.get(one.with_suffix(""))
        if owner is not None and owner != one and (mark or _two_levels(one)):
            found[owner] = one
    return found


def _two_levels(path: Path) -> bool:
    """Whether a picture is a PNG of at most two grey levels, as masks are."""
    try:
        return path.suffix.lower() == ".png" and len(np.unique(read_picture(path).pixels)) <= 2
    except DataError:
        return False


def _mask_in(homes: list[Path], stem: str) -> Path | None:
    """The mask of a picture in one of the folders: ``stem_mask.*``, ``stem.*``, or a folder called as the picture."""
    names = [*(f"{stem}{mark}{ending}" for mark in ("_mask", "") for ending in SUFFIXES), stem]
    return next((home / name for home in homes for name in names if (home / name).exists()), None)


def _truth(path: Path) -> Path | None:
    """The folder of masks in ``path``."""
    return next((f for f in _folders(path) if f.name.lower() in MASKS), None)


def _products(folders: list[Path]) -> list[Path]:
    """Those of the folders that hold ``train/good``, in any case and with any word for good."""
    trains = [(f, t) for f in folders for t in _folders(f) if SPLITS.get(t.name.lower()) == "train"]
    return list(dict.fromkeys(f for f, t in trains if any(is_good(g.name) for g in _folders(t))))


def _is_class(folder: Path) -> bool:
    """Whether a folder's name may be a class."""
    return folder.name.lower() not in (*MASKS, *NO_CLASS)


def home_of(path: Path) -> Path:
    """``path``, or the only folder in it, as archives often unpack; followed while there is no picture beside it."""
    for _ in range(3):
        inside = _folders(path)
        if len(inside) != 1 or _says(inside[0].name) or pictures_in(path) or pictures_in(inside[0]):
            break
        path = inside[0]
    return path


def _says(name: str) -> bool:
    """Whether a folder's name is a split or a good class, so that it is no mere wrapping."""
    return name.lower() in SPLITS or is_good(name)


def _folders(path: Path) -> list[Path]:
    """Visible folders in ``path``, good ones first, then by name."""
    found = [p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))]
    return sorted(found, key=lambda p: (SPLITS.get(p.name.lower(), "zz") != "train", not is_good(p.name), natural(p)))


FOLDERS = Adapter(
    name="manufacturing.folders",
    summary="Folders of pictures by class (good/, scratch/ …), split folders, MVTec AD",
    sniff=sniff_folders,
    read=read_folders,
    options=OPTIONS,
)
