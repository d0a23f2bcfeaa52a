"""From a list of pictures with what is known of each to a dataset: the one way that all adapters take."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from verticals_manufacturing.pictures import (
    DEPTHS,
    Picture,
    depth_of,
    read_mask,
    read_picture,
    resized,
    to_uint8,
    upright_boxes,
)
from verticals_plugins import DataError, Dataset, Ledger, Provenance, ReadOptions, Source, UsageError

LARGEST = 256
"""Pictures are kept at most this many pixels a side unless the option ``size`` says otherwise."""

GOOD_NAMES = frozenset(
    ("good", "ok", "normal", "pass", "passed", "no_defect", "no_defects", "nodefect", "defect_free", "defectfree", "io",
     "i_o", "none", "negative", "no_crack", "non_crack", "uncracked", "undamaged", "no_damage", "intact", "flawless",
     "healthy", "non_defective", "nondefective", "not_defective", "no_anomaly", "non_anomalous", "accepted", "mt_free")
)  # fmt: skip
"""Class names that mean: no defect (compared without case; what stands between the words is an underscore)."""

OPTIONS = {
    "size": f"width x height to keep pictures at, as 200x200 (default: as stored, at most {LARGEST} a side)",
    "good": "names of classes that mean no defect, comma-separated (default: good, ok, normal, pass …)",
    "bits": "bits a sample of 16-bit pictures (default: what the brightest pixel of all needs)",
}


@dataclass(frozen=True)
class Box:
    """A marked defect: class and xmin, ymin, xmax, ymax in pixels (NaN when only its picture is known)."""

    label: str
    corners: tuple[float, float, float, float]
    area: float = float("nan")
    crowd: bool = False

    @property
    def size(self) -> float:
        """Its area in pixels: that of the mask if given, else that of the box."""
        if np.isfinite(self.area):
            return self.area
        x0, y0, x1, y1 = self.corners
        return max(x1 - x0, 0.0) * max(y1 - y0, 0.0)


@dataclass(frozen=True)
class Record:
    """One picture and what is known of it. ``declared`` is the (width, height) that its annotation says."""

    path: Path
    id: str
    label: str | None = None
    piece: str | None = None
    lot: str | None = None
    time: pd.Timestamp | None = None
    split: str | None = None
    mask: Path | None = None
    boxes: tuple[Box, ...] = ()
    declared: tuple[int, int] | None = None
    normalised: bool = False
    """Boxes and their areas are shares of the upright picture's width and height, and of its pixels."""
    process: Mapping[str, float | str] = field(default_factory=dict[str, float | str])


def is_good(name: str) -> bool:
    """Whether a class name means a piece without defect."""
    text = re.sub(r"[\W_]+", "_", str(name).lower()).strip("_")
    return text in GOOD_NAMES or text.startswith(("ok_", "good_"))


def polygon_area(points: np.ndarray) -> float:
    """Area of a polygon from its corners (n, 2), by the shoelace formula."""
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def label_of(boxes: Sequence[Box]) -> str:
    """The class of a picture with marked defects: the one with the largest marked area; "good" without any."""
    area: dict[str, float] = {}
    for box in boxes:
        area[box.label] = area.get(box.label, 0.0) + max(box.size if np.isfinite(box.size) else 0.0, 1e-9)
    return max(area, key=lambda name: area[name]) if area else "good"


def to_dataset(
    records: Sequence[Record],
    options: ReadOptions,
    *,
    adapter: str,
    ledger: Ledger | None = None,
    notes: Mapping[str, str] | None = None,
    files: Sequence[Path] = (),
) -> Dataset:
    """Read every picture, drop (and count) what is damaged or missing, and stack the rest.

    Raises:
        DataError: no picture is left, or no class is known although one is needed.
    """
    ledger = ledger if ledger is not None else Ledger()
    records = _renamed(list(records)[: options.limit], options)
    if not records:
        raise DataError("No picture was found.", expected="PNG, JPEG, BMP or TIFF files.", todo="Check the folder.")
    if options.need_target and all(one.label is None for one in records):
        raise DataError(
            f"{len(records)} pictures, and nothing says which are good and which have a defect.",
            expected="A folder a class (good/, scratch/ …), a list with a class column, or annotations.",
            todo="Put the pictures into folders by class, good pieces into good/.",
        )
    kept, pictures, boxes = _read_all(_once(records, ledger), ledger)
    _tell_odd(kept, ledger)
    pixels, more = stack(pictures, options.options, ledger)
    main = pd.DataFrame(_columns(kept))
    tables = {"main": main}
    if any(boxes):
        tables["boxes"] = _box_table(kept, pictures, boxes)
    if any(one.mask is not None for one in kept):
        tables["masks"] = _mask_table(kept, pictures, ledger)
    timed = any(one.time is not None for one in kept)
    if not timed:
        more["time"] = "no time in the data: 1970-01-01 stands for it"
    provenance = Provenance(
        adapter=adapter, sources=_sources(kept, files), ledger=ledger, notes={**(notes or {}), **more},
        mapping={name: name for name in main.columns if timed or name != "time"},
    )  # fmt: skip
    return Dataset(tables, options.schema, provenance, {"image": pixels})


def _tell_odd(kept: Sequence[Record], ledger: Ledger) -> None:
    """Classes that differ only in case, and pictures without a time among those with one."""
    names = sorted({one.label for one in kept if one.label is not None})
    plain = [name.lower() for name in names]
    if alike := [name for name in names if plain.count(name.lower()) > 1]:
        ledger.warn(f"Classes that differ only in case stay apart: {', '.join(alike[:6])}.")
    late = sum(one.time is None for one in kept)
    if 0 < late < len(kept):
        ledger.warn(f"{late} of {len(kept)} pictures have no time; 1970-01-01 stands for it.")


def _once(records: list[Record], ledger: Ledger) -> list[Record]:
    """Each picture once, as it was named first.

    Raises:
        DataError: it is named with two classes.
    """
    kept: dict[str, Record] = {}
    again: list[str] = []
    for one in records:
        first = kept.setdefault(os.path.normpath(one.path), one)
        if first is not one:
            again.append(one.id)
            if first.label != one.label:
                raise DataError(
                    f"{one.id} has several classes: {first.label} and {one.label}.", expected="One class a picture.",
                    todo="Correct the list or the annotations.",
                )  # fmt: skip
    ledger.drop("picture named before (in two parts, or twice)", len(again), again[:5])
    return list(kept.values())


def _renamed(records: list[Record], options: ReadOptions) -> list[Record]:
    """The classes that the option ``good`` names become "good".

    Raises:
        UsageError: no picture has such a class.
    """
    wanted = {name.strip() for name in options.options.get("good", "").split(",") if name.strip()}
    missing = wanted - {str(one.label) for one in records}
    if missing and options.need_target:
        found = sorted({str(one.label) for one in records if one.label is not None})
        raise UsageError(
            f"No picture has the class {', '.join(sorted(missing))}.", expected=f"One of: {', '.join(found[:12])}."
        )
    return [replace(one, label="good") if one.label in wanted else one for one in records]


def _read_all(records: Sequence[Record], ledger: Ledger) -> tuple[list[Record], list[Picture], list[tuple[Box, ...]]]:
    kept: list[Record] = []
    pictures: list[Picture] = []
    boxes: list[tuple[Box, ...]] = []
    first: DataError | None = None
    for record in records:
        try:
            picture = read_picture(record.path)
            turned = _place(record, picture, ledger)
        except DataError as err:
            reason = "picture file is not there" if not record.path.is_file() else "picture cannot be used"
            ledger.drop(reason, 1, [f"{record.id}: {err.found}"])
            first = first or err
            continue
        for note in picture.notes:
            ledger.warn(f"{record.id}: {note}")
        kept.append(record)
        pictures.append(picture)
        boxes.append(turned)
    if not kept:
        raise DataError(
            f"None of {len(records)} pictures can be used; the first: {first.found if first else ''}",
            expected="Readable PNG, JPEG, BMP or TIFF files at the listed paths.",
            todo="Check that the pictures lie where the list or the annotations say.",
        )
    return kept, pictures, boxes


def _place(record: Record, picture: Picture, ledger: Ledger) -> tuple[Box, ...]:
    """The record's boxes in pixels of the upright picture.

    Raises:
        DataError: the annotation was made for a picture of another size.
    """
    if not record.boxes:
        return ()
    corners = np.array([box.corners for box in record.boxes], dtype=float)
    pixels = 1
    if record.normalised:
        corners = corners * np.array([*picture.size, *picture.size])
        pixels = picture.size[0] * picture.size[1]
    elif record.declared is not None and record.declared != picture.size:
        if record.declared != picture.stored:
            raise DataError(
                f"its annotation is for {record.declared[0]} x {record.declared[1]} pixels, the picture has "
                f"{picture.size[0]} x {picture.size[1]}."
            )
        corners = upright_boxes(corners, picture.stored, picture.orientation)
        ledger.warn("Boxes given for pictures as stored were turned with them (EXIF orientation).")
    elif picture.orientation != 1 and record.declared in (None, picture.stored):
        ledger.warn(f"{record.id} is turned by its EXIF data; its boxes were taken as those of the upright picture.")
    outside = (corners < -1).any(axis=1) | (corners[:, 2:] > np.array(picture.size) + 1).any(axis=1)
    if outside.any():
        ledger.warn(f"{record.id}: {int(outside.sum())} marked areas leave the picture; they are kept as given.")
    return tuple(
        Box(box.label, (float(c[0]), float(c[1]), float(c[2]), float(c[3])), box.area * pixels, box.crowd)
        for box, c in zip(record.boxes, corners, strict=True)
    )


def stack(pictures: Sequence[Picture], options: Mapping[str, str], ledger: Ledger) -> tuple[np.ndarray, dict[str, str]]:
    """(M, H, W, C) uint8 of one size, C = 1 if every picture is grey, and how it was made."""
    bits = _bits(options) or depth_of([p.pixels for p in pictures])
    deep = sum(p.pixels.dtype == np.uint16 for p in pictures)
    notes = {}
    if deep:
        notes["bits"] = str(bits)
        ledger.warn(f"{deep} pictures of 16 bits a sample were read as {bits}-bit and scaled to 8 bits (option bits).")
    size = _size(options) or _common(pictures)
    if any(p.size != size for p in pictures):
        shapes = len({p.size for p in pictures})
        ledger.warn(f"Pictures of {shapes} size(s) were brought to {size[0]} x {size[1]} pixels (option size).")
    notes["size"] = f"{size[0]}x{size[1]}"
    channels = 3 if any(p.pixels.ndim == 3 for p in pictures) else 1
    out = np.empty((len(pictures), size[1], size[0], channels), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        small = resized(to_uint8(picture.pixels, bits), size)
        out[place] = small if small.ndim == 3 else small[:, :, None]
    return out, notes


def _common(pictures: Sequence[Picture]) -> tuple[int, int]:
    sizes = {p.size for p in pictures}
    if len(sizes) > 1:
        return LARGEST, LARGEST
    width, height = next(iter(sizes))
    shrink = min(1.0, LARGEST / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _size(options: Mapping[str, str]) -> tuple[int, int] | None:
    text = options.get("size", "")
    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(p.isdigit() and 8 <= int(p) <= 4096 for p in parts):
        raise UsageError(f"Size {text!r} is not understood.", expected="Width x height from 8 to 4096, as 200x200.")
    return int(parts[0]), int(parts[-1])


def _bits(options: Mapping[str, str]) -> int | None:
    text = options.get("bits", "")
    if not text:
        return None
    if not text.isdigit() or int(text) not in DEPTHS:
        raise UsageError(f"Bits {text!r} are not understood.", expected=f"One of {', '.join(map(str, DEPTHS))}.")
    return int(text)


def _columns(kept: Sequence[Record]) -> dict[str, object]:
    columns: dict[str, object] = {
        "id": [one.id for one in kept],
        "piece": [one.piece if one.piece is not None else one.id for one in kept],
        "image": np.arange(len(kept)),
        "time": pd.to_datetime([one.time or pd.Timestamp(0) for one in kept]).astype("datetime64[ns]"),
    }
    if any(one.label is not None for one in kept):
        columns["class"] = [one.label for one in kept]
    for name in ("lot", "split"):
        if any(getattr(one, name) is not None for one in kept):
            columns[name] = [getattr(one, name) for one in kept]
    for name in dict.fromkeys(name for one in kept for name in one.process):
        columns[name] = [one.process.get(name, np.nan) for one in kept]
    return columns


def _box_table(kept: Sequence[Record], pictures: Sequence[Picture], boxes: Sequence[tuple[Box, ...]]) -> pd.DataFrame:
    rows = [
        (record.id, box.label, *box.corners, box.size, box.crowd, *picture.size)
        for record, picture, many in zip(kept, pictures, boxes, strict=True)
        for box in many
    ]
    names = ["id", "class", "xmin", "ymin", "xmax", "ymax", "area", "crowd", "width", "height"]
    return pd.DataFrame(rows, columns=names)


def _mask_table(kept: Sequence[Record], pictures: Sequence[Picture], ledger: Ledger) -> pd.DataFrame:
    rows = []
    for record, picture in zip(kept, pictures, strict=True):
        if record.mask is None:
            continue
        try:
            mask = read_mask(record.mask)
            rows.append((record.id, str(record.mask), int(mask.sum())))
            if (mask.shape[1], mask.shape[0]) != picture.size:
                ledger.warn(f"{record.id}: its mask is of another size than the picture.")
        except DataError as err:
            ledger.warn(f"{record.id}: mask: {err.found}")
    return pd.DataFrame(rows, columns=["id", "mask", "defect_pixels"])


def _sources(kept: Sequence[Record], files: Sequence[Path]) -> tuple[Source, ...]:
    """Each list or annotation file, and the pictures as one source (the hash of their names and bytes)."""
    out = [Source(str(f), f.stat().st_size, hashlib.sha256(f.read_bytes()).hexdigest(), len(kept)) for f in files]
    total, digest = 0, hashlib.sha256()
    for record in kept:
        data = record.path.read_bytes()
        total += len(data)
        digest.update(record.id.encode() + b"\0" + data)
    folder = kept[0].path.parent
    return (*out, Source(str(folder), total, digest.hexdigest(), len(kept)))
