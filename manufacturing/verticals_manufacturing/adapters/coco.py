"""COCO annotations: one JSON file for many pictures; also the Roboflow layout (``_annotations.coco.json``).

A picture's class is the category with the largest marked area, or its image-level label; without any it is "good".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from verticals_manufacturing.adapters.finding import Finder, split_of
from verticals_manufacturing.records import OPTIONS, Box, Record, is_good, label_of, polygon_area, to_dataset
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

KEYS = ("images", "annotations", "categories")
OTHER = ("labels_", "captions_", "person_keypoints_", "panoptic_", "stuff_", "image_info_")


def files_in(path: Path) -> list[Path]:
    """The JSON files that hold annotations: the file itself, or those of a folder."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".json" else []
    found = sorted(f for f in path.rglob("*.json") if f.name[0] != ".") if path.is_dir() else []
    main = [f for f in found if f.name.startswith("instances_") or f.name.endswith(".coco.json")]
    if main:
        return main
    other = [f for f in found if _keys_in(f)] or found
    return [f for f in other if not f.name.startswith(OTHER)] or other


def _keys_in(file: Path) -> list[str]:
    """Those of the keys that the file's bytes hold, if they are at least two."""
    data = file.read_bytes()
    seen = [key for key in KEYS if f'"{key}"'.encode() in data]
    return seen if len(seen) >= 2 else []


def sniff_coco(path: Path) -> Sniff:
    """A JSON object with images, annotations and categories."""
    try:
        for file in files_in(path)[:3]:
            if file.name.endswith(".coco.json"):
                return Sniff(0.95, f"{file.name} is a Roboflow COCO export")
            if seen := _keys_in(file):
                return Sniff(0.9, f"{file.name} has {', '.join(seen)}")
        return Sniff(0.0, "no JSON file with images and annotations")
    except OSError as err:
        return Sniff(0.0, str(err))


def read_coco(path: Path, options: ReadOptions) -> Dataset:
    """Read annotations and the pictures they name.

    Raises:
        DataError: not COCO, ids that point nowhere, or no picture that can be used.
    """
    files = files_in(path)
    if not files:
        raise DataError(f"{path.name} holds no COCO JSON file.", expected="A file with images and annotations.")
    ledger = Ledger()
    root = path if path.is_dir() else _root(path)
    finder = Finder(root)
    if path.is_dir() and (left := [f.name for f in sorted(path.rglob("*.json")) if f not in files]):
        ledger.warn(f"Not read: {', '.join(left[:5])} (point to one of them to read it).")
    records = [one for file in files for one in _records(file, root, finder, ledger, options)]
    if not records and ledger.dropped:
        reasons = "; ".join(f"{count} times {reason}" for reason, count in ledger.dropped.items())
        raise DataError(
            f"{path.name} leaves no picture ({reasons}).", expected="Annotations of the pictures.",
            todo="For pictures without a defect give a folder good/; to score them, predict.",
        )  # fmt: skip
    return to_dataset(records, options, adapter="manufacturing.coco", ledger=ledger, files=files)


def _records(file: Path, root: Path, finder: Finder, ledger: Ledger, options: ReadOptions) -> list[Record]:
    content = _load(file)
    if options.need_target and not content["annotations"]:
        names = [str(one["file_name"]) for one in content["images"]]
        ledger.drop(f"picture of {file.name}, which has no annotation at all", len(names), names[:5])
        return []
    categories = {one["id"]: str(one["name"]) for one in content["categories"]}
    if len(categories) < len(content["categories"]):
        raise DataError(f"{file.name}: category ids repeat.", expected="One id a category.")
    boxes: dict[Any, list[Box]] = {one["id"]: [] for one in content["images"]}
    if len(boxes) < len(content["images"]):
        raise DataError(f"{file.name}: image ids repeat.", expected="One id an image.")
    lost = {one["image_id"] for one in content["annotations"]} & set(boxes)
    if content["annotations"] and not lost:
        raise DataError(
            f"{file.name}: no annotation is of a listed image (image_id {content['annotations'][0]['image_id']!r}; "
            f"images have {next(iter(boxes), None)!r}).",
            expected="image_id as in images.", todo="Export again; 1 and \"1\" are different ids.",
        )  # fmt: skip
    for one in content["annotations"]:
        box = _annotation(one, categories, boxes, file.name, ledger)
        if box is not None:
            boxes[one["image_id"]].append(box)
            lost.discard(one["image_id"])
    split = split_of(*file.relative_to(root).parts) if file.is_relative_to(root) else split_of(file.name)
    out = []
    for image in content["images"]:
        if options.need_target and image["id"] in lost:
            ledger.drop("picture none of whose annotations can be used", 1, [str(image["file_name"])])
            continue
        picture = finder.find(str(image["file_name"]), *_folders(file, root))
        name = picture.relative_to(root).as_posix() if picture.is_relative_to(root) else str(image["file_name"])
        sides = (image.get("width"), image.get("height"))
        known = all(isinstance(s, int | float) and 0 < s < np.inf for s in sides)
        declared = (int(sides[0]), int(sides[1])) if known else None
        marked = [box for box in boxes[image["id"]] if not is_good(box.label)]
        label = label_of(marked) if content["annotations"] and image["id"] not in lost else None
        out.append(Record(picture, name, label, split=split, boxes=tuple(marked), declared=declared))
    return out


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes().decode("utf-8-sig"))
    except ValueError as err:
        raise DataError(f"{file.name} is no whole JSON file ({err}).", todo="Export it again.") from err
    missing = [key for key in KEYS if not isinstance(content, dict) or not isinstance(content.get(key), list)]
    if missing:
        raise DataError(
            f"{file.name} has no list {', '.join(missing)}.",
            expected="COCO: images, annotations and categories.",
            todo="Export it as COCO instances, not as results or captions.",
        )
    for key, needs in (("images", ("id", "file_name")), ("categories", ("id", "name")), ("annotations", ("image_id",))):
        for place, one in enumerate(content[key]):
            lacking = [need for need in needs if not isinstance(one, dict) or need not in one]
            if lacking:
                raise DataError(f"{file.name}: {key}[{place}] has no {', '.join(lacking)}.")
            if any(not isinstance(one[need], str | int | float) for need in needs):
                raise DataError(f"{file.name}: {key}[{place}] is {str(one)[:60]}.", expected="Numbers or text.")
    return dict(content)


def _annotation(
    one: dict[str, Any], categories: dict[Any, str], images: dict[Any, list[Box]], name: str, ledger: Ledger
) -> Box | None:
    """A box, or None (and a line in the ledger) if it points to no image or no category."""
    where = f"{name}: annotation {one.get('id', '?')}"
    if one["image_id"] not in images:
        ledger.drop("annotation of an image that is not listed", 1, [where])
        return None
    if not isinstance(one.get("category_id"), str | int) or one["category_id"] not in categories:
        ledger.drop("annotation of a category that is not listed", 1, [where])
        return None
    label, box = categories[one["category_id"]], one.get("bbox")
    segments = one.get("segmentation")
    area = one.get("area")
    corners = (np.nan, np.nan, np.nan, np.nan)
    try:
        area = _area(segments) if area is None and segments else None if area is None else float(area)
        x, y, w, h = (float(v) for v in box) if box else _around(segments)
    except (TypeError, ValueError):
        ledger.drop("annotation whose box or area cannot be read", 1, [where])
        return None
    if np.isfinite((x, y, w, h)).all():
        if w < 0 or h < 0:
            ledger.drop("annotation with a negative size", 1, [where])
            return None
        corners = (x, y, x + w, y + h)
        if area is not None and area > w * h + 1:
            ledger.warn(f"{where}: its area {area:g} is larger than its box {w * h:g}; both are kept as given.")
    shown = area if area is not None else float("nan")
    return Box(label, corners, shown, one.get("iscrowd") in (1, "1", "true"))


def _area(segments: Any) -> float | None:
    """Pixels of polygons (shoelace formula) or of an uncompressed run-length mask (column by column)."""
    if isinstance(segments, dict):
        return float(sum(_runs(segments["counts"])[1::2])) if segments.get("counts") else None
    return sum(polygon_area(np.asarray(polygon, dtype=float).reshape(-1, 2)) for polygon in segments)


def _around(segments: Any) -> tuple[float, float, float, float]:
    """x, y, width and height of what polygons or a run-length mask (column by column) mark; NaN if nothing does."""
    if isinstance(segments, dict) and segments.get("counts") and segments.get("size"):
        height = int(segments["size"][0])
        if height < 1:
            raise ValueError("a mask without height")
        ends = np.cumsum(_runs(segments["counts"]))
        first, last = ends[:-1:2], ends[1::2] - 1
        first, last = first[: len(last)][last >= first], last[last >= first]
        if not len(first):
            return np.nan, np.nan, np.nan, np.nan
        whole = first // height != last // height  # a run over several columns touches both edges
        top, low = np.where(whole, 0, first % height).min(), np.where(whole, height - 1, last % height).max()
        left, right = first.min() // height, last.max() // height
        return float(left), float(top), float(right - left + 1), float(low - top + 1)
    points = [np.asarray(one, dtype=float).reshape(-1, 2) for one in segments or () if len(one)]
    if isinstance(segments, dict) or not points:
        return np.nan, np.nan, np.nan, np.nan
    (x0, y0), (x1, y1) = np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def _runs(counts: list[int] | str) -> list[int]:
    """The runs of a mask; packed in text they are differences in base 32, six bits a letter (COCO's mask API)."""
    if isinstance(counts, list):
        return [int(one) for one in counts]
    out: list[int] = []
    value = shift = 0
    for letter in counts:
        code = ord(letter) - 48
        if not 0 <= code < 64:
            raise ValueError(f"the mask's text holds {letter!r}")
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:
            value -= (1 << shift) if code & 0x10 else 0
            out.append(value + (out[-2] if len(out) > 2 else 0))
            value = shift = 0
    return out


def _root(file: Path) -> Path:
    """The folder that holds pictures and annotations."""
    return file.parent.parent if file.parent.name.lower() in ("annotations", "labels") else file.parent


def _folders(file: Path, root: Path) -> list[Path]:
    """Where the pictures of one annotation file usually lie."""
    out = [file.parent]
    stem = file.stem.removeprefix("instances_").removeprefix("labels_")
    for base in (root, file.parent):
        out += [base / "images" / stem, base / stem, base / "images", base]
    return [p for p in dict.fromkeys(out) if p.is_dir()] or [root]


COCO = Adapter(
    name="manufacturing.coco",
    summary="COCO annotations (JSON) with pictures, Roboflow exports",
    sniff=sniff_coco,
    read=read_coco,
    options=OPTIONS,
)
