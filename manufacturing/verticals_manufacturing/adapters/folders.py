"""Folders of pictures by class: ``good/`` and defects, with or without train and test, and the MVTec AD layout.

MVTec AD (Bergmann et al. 2019): ``train/good``, ``test/good``, ``test/<defect>``, ``ground_truth/<defect>/*_mask.png``.
"""

from __future__ import annotations

from pathlib import Path

from verticals_manufacturing.pictures import OTHER_SUFFIXES, natural, pictures_below, pictures_in
from verticals_manufacturing.records import OPTIONS, Record, is_good, to_dataset
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "test_public": "test",
}
PRIVATE = "test_private"
"""Parts whose classes are kept secret (MVTec AD 2) begin so."""
TRUTH = "ground_truth"


def sniff_folders(path: Path) -> Sniff:
    """A folder whose subfolders (or split folders) hold pictures."""
    try:
        if not path.is_dir():
            return Sniff(0.0, "not a folder")
        path = _home(path)
        names = _folders(path)
        if TRUTH in {n.name for n in names}:
            return Sniff(0.9, "ground_truth/ beside folders of pictures")
        classes = [c for s in names if s.name.lower() in SPLITS for c in _folders(s) if pictures_in(c)]
        if classes:
            return Sniff(0.7, f"{len(classes)} folders of pictures in split folders")
        filled = [n for n in names if n.name.lower() not in ("images", "labels", "annotations") and pictures_in(n)]
        if filled:
            sure = 0.8 if any(is_good(n.name) for n in filled) else 0.5
            return Sniff(sure, f"{len(filled)} folders of pictures, one a class")
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
    path = _home(path)
    folders = _folders(path)
    products = [f for f in folders if (f / "train" / "good").is_dir()]
    if products:
        raise DataError(
            f"{path.name} holds {len(products)} products ({', '.join(p.name for p in products[:5])}).",
            expected="One product.",
            todo=f"Point to one of them, as {products[0].name}/.",
        )
    train = _folders(path / "train") if (path / "train").is_dir() else []
    if any(f.name == TRUTH for f in folders) and not any(is_good(f.name) for f in train):
        raise DataError(
            f"{path.name} has {TRUTH}/ but no train/good/ (found: {', '.join(f.name for f in folders)}).",
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
    return to_dataset(_records(path, folders), options, adapter="manufacturing.folders", ledger=ledger)


def _records(path: Path, folders: list[Path]) -> list[Record]:
    out: list[Record] = []
    for folder in folders:
        split = SPLITS.get(folder.name.lower())
        if split is not None and _folders(folder):
            truth = folder if (folder / TRUTH).is_dir() else path
            for inner in _folders(folder):
                out += _of_class(path, inner, split, truth) if inner.name != TRUTH else []
        elif folder.name != TRUTH:
            hidden = folder.name.lower().startswith(PRIVATE)
            out += _of_class(path, folder, split, path, known=split is None and not hidden)
    label = path.name if is_good(path.name) else None
    out += [Record(p, p.name, label=label) for p in pictures_in(path)]
    return out


def _of_class(root: Path, folder: Path, split: str | None, home: Path, *, known: bool = True) -> list[Record]:
    truth = home / TRUTH / folder.name
    records = []
    for picture in pictures_below(folder):
        masks = [truth / f"{picture.stem}_mask.png", truth / f"{picture.stem}.png", truth / picture.stem]
        mask = next((m for m in masks if m.exists()), None)
        name = picture.relative_to(root).as_posix()
        records.append(Record(picture, name, folder.name if known else None, split=split, mask=mask))
    return records


def _home(path: Path) -> Path:
    """``path``, or the only folder in it, as archives often unpack; followed while there is no picture beside it."""
    for _ in range(3):
        inside = _folders(path)
        if len(inside) != 1 or inside[0].name.lower() in SPLITS or pictures_in(path) or pictures_in(inside[0]):
            break
        path = inside[0]
    return path


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
