"""Documented bad inputs of the inspection tasks: each is refused with a message that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

from verticals_plugins import BadInput, DataError

_PIXEL = bytes.fromhex(  # a 1 x 1 grey PNG
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


def no_labels(folder: Path) -> Path:
    """Pictures in one folder, without classes."""
    home = folder / "pictures"
    home.mkdir(parents=True)
    for number in range(3):
        (home / f"{number}.png").write_bytes(_PIXEL)
    return home


def broken_pictures(folder: Path) -> Path:
    """Folders by class whose files are no pictures."""
    for name in ("good", "scratch"):
        (folder / "broken" / name).mkdir(parents=True)
        (folder / "broken" / name / "a.png").write_bytes(b"this is no picture")
    return folder / "broken"


def missing_pictures(folder: Path) -> Path:
    """A list whose pictures are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "list.csv").write_text("image,class\na.png,good\nb.png,scratch\n")
    return folder / "list.csv"


def coco_without_categories(folder: Path) -> Path:
    """A COCO file that lost a part."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "instances_default.json"
    file.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}))
    return file


def no_train_good(folder: Path) -> Path:
    """The MVTec AD layout without good pieces to train on."""
    home = folder / "product"
    for name in ("test/scratch", "ground_truth/scratch"):
        (home / name).mkdir(parents=True)
        (home / name / "000.png").write_bytes(_PIXEL)
    return home


def yolo_without_names(folder: Path) -> Path:
    """YOLO labels without class names."""
    home = folder / "yolo"
    for name in ("images", "labels"):
        (home / name).mkdir(parents=True)
    (home / "images" / "a.png").write_bytes(_PIXEL)
    (home / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    return home


BAD_INPUTS = (
    BadInput(name="pictures without classes", make=no_labels, match="nothing says which are good", error=DataError),
    BadInput(name="files that are no pictures", make=broken_pictures, match="cannot be decoded", error=DataError),
    BadInput(name="listed pictures are missing", make=missing_pictures, match="is not there", error=DataError),
    BadInput(
        name="COCO without categories", make=coco_without_categories, match="has no list categories", error=DataError
    ),
    BadInput(name="MVTec layout without train/good", make=no_train_good, match="no train/good", error=DataError),
    BadInput(name="YOLO without class names", make=yolo_without_names, match="no class names", error=DataError),
)
