"""YOLO labels: a text file a picture, ``class x y w h`` in shares of the picture; data.yaml, obj.data or classes.txt.

Boxes are shares of the *upright* picture. A picture without a label file, or with an empty one, is "good", as for YOLO.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from verticals_manufacturing.adapters.finding import split_of
from verticals_manufacturing.adapters.folders import SPLITS, home_of
from verticals_manufacturing.pictures import pictures_below
from verticals_manufacturing.records import OPTIONS, Box, Record, is_good, label_of, polygon_area, to_dataset
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, need

NAMES = ("classes.txt", "obj.names", "labels.txt")
NAMED = re.compile(rb"(?m)^[ \t]*[\"']?names[\"']?[ \t]*:")
EDGE = 1e-3
"""How far a box may leave the picture by rounding."""


@dataclass(frozen=True)
class Layout:
    """What a YOLO data set consists of: class names and (picture, split)."""

    names: tuple[str, ...]
    pictures: tuple[tuple[Path, str | None], ...]
    lost: tuple[str, ...] = ()
    """Parts that are named and hold no picture."""


def sniff_yolo(path: Path) -> Sniff:
    """A data.yaml with names, an obj.data, or images/ beside labels/."""
    try:
        home = _home(path)
        if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
            if NAMED.search(path.read_bytes()):
                return Sniff(0.9, "a YAML file with names")
            return Sniff(0.0, "a YAML file without names")
        if path.suffix == ".data" and path.is_file():
            return Sniff(0.9, "a Darknet .data file")
        if not path.is_dir():
            return Sniff(0.0, "no YOLO data set")
        if _yaml_in(home) is not None:
            return Sniff(0.95, "data.yaml with names")
        if list(home.glob("*.data")):
            return Sniff(0.95, "a Darknet .data file")
        if (home / "labels").is_dir() and (home / "images").is_dir():
            return Sniff(0.75, "images/ and labels/")
        named = any((home / name).is_file() for name in NAMES)
        if named and any(label_file(picture).is_file() for picture in pictures_below(home)):
            return Sniff(0.6, "a list of class names, and label files")
        return Sniff(0.0, "no data.yaml, obj.data or labels/")
    except OSError as err:
        return Sniff(0.0, str(err))


def read_yolo(path: Path, options: ReadOptions) -> Dataset:
    """Read label files and their pictures.

    Raises:
        DataError: no class names, no pictures, or no label file at all.
    """
    layout, ledger = layout_of(path), Ledger()
    home = _home(path)
    if not layout.pictures:
        raise DataError(f"No picture of {path.name} was found.", expected="Pictures where data.yaml or the lists say.")
    for one in layout.lost:
        ledger.warn(f"{one}: no picture was found there; the part is left out")
    stray = _without_picture([picture for picture, _ in layout.pictures])
    ledger.drop("label file without a picture", len(stray), stray[:5])
    records, bare = [], []
    labelled = {split for picture, split in layout.pictures if label_file(picture).is_file()}
    for picture, split in layout.pictures:
        labels = label_file(picture)
        name = picture.relative_to(home).as_posix() if picture.is_relative_to(home) else picture.name
        if not labels.is_file():
            bare.append(name)
            if options.need_target and labelled and split not in labelled:
                ledger.drop(f"picture of the part {split}, which has no label file at all", 1, [name])
                continue
        try:
            boxes = read_labels(labels, layout.names) if labels.is_file() else ()
        except DataError as err:
            ledger.drop("label file cannot be used", 1, [err.found])
            continue
        marked = tuple(box for box in boxes if not is_good(box.label))
        label = label_of(marked) if labels.is_file() or options.need_target else None
        records.append(Record(picture, name, label, split=split, boxes=marked, normalised=True))
    if len(bare) == len(layout.pictures) and options.need_target:
        raise DataError(
            f"None of {len(bare)} pictures has a label file (looked for {label_file(layout.pictures[0][0])}).",
            expected="labels/ beside images/, or a .txt beside each picture.",
        )
    if bare and options.need_target:
        ledger.warn(f"{len(bare)} pictures without a label file count as good, as in YOLO ({', '.join(bare[:3])} …).")
    if not records:
        places = ledger.where.get("label file cannot be used", [])
        raise DataError(
            f"No label file can be used: {'; '.join(places[:2])}.", expected="class x y w h in shares of the picture."
        )
    return to_dataset(records, options, adapter="manufacturing.yolo", ledger=ledger)


def _without_picture(pictures: list[Path]) -> list[str]:
    """Label files in the folders of the pictures' labels that belong to none of them."""
    mine = {label_file(one) for one in pictures}
    folders = [folder for folder in {one.parent for one in mine} if folder.is_dir()]
    every = {one for folder in folders for one in folder.iterdir() if one.suffix.lower() == ".txt" and one.is_file()}
    return sorted(one.name for one in every - mine if one.name not in NAMES and _is_label(one))


def _is_label(file: Path) -> bool:
    """Whether a text file lies in a folder of labels, or begins with five numbers as a label does."""
    first = file.read_text(encoding="utf-8-sig", errors="replace")[:1000].split("\n")[0].split()
    return "labels" in file.parts or (len(first) >= 5 and all(re.fullmatch(r"[-+.\deE]+", cell) for cell in first))


def label_file(picture: Path) -> Path:
    """The last folder called images becomes labels, the ending .txt; else a .txt beside the picture."""
    beside = picture.with_suffix(".txt")
    parts = list(picture.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() == "images":
            parts[place] = "labels"
            moved = Path(*parts).with_suffix(".txt")
            return moved if moved.is_file() or not beside.is_file() else beside
    return beside


def read_labels(file: Path, names: tuple[str, ...]) -> tuple[Box, ...]:
    """Boxes (five numbers) or polygons (class and at least three points); all in shares of the picture.

    Raises:
        DataError: a line that is neither, a class without a name, or numbers outside the picture.
    """
    out = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        cells = line.split()
        if not cells:
            continue
        where = f"{file.name}, line {number}"
        try:
            values = np.array([float(c) for c in cells])
        except ValueError as err:
            raise DataError(f"{where}: {line[:40]!r} is not a row of numbers") from err
        label, rest = values[0], values[1:]
        if not np.isfinite(label) or label != int(label) or not 0 <= label < len(names):
            raise DataError(f"{where}: class {cells[0]} has no name ({len(names)} classes)")
        if len(rest) != 4 and (len(rest) < 6 or len(rest) % 2):
            why = " (the fifth may be a confidence: these are predictions, not labels)" if len(rest) == 5 else ""
            raise DataError(
                f"{where}: {len(rest)} numbers after the class{why}; expected 4 (x y w h) or points of a polygon"
            )
        if len(rest) == 4:
            x, y, w, h = rest
            corners, area = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]), float("nan")
        else:
            points = rest.reshape(-1, 2)
            corners = np.array([*points.min(axis=0), *points.max(axis=0)])
            area = polygon_area(points)
        if not np.isfinite(rest).all() or rest.min() < -EDGE or corners.min() < -0.01 or corners.max() > 1.01:
            raise DataError(f"{where}: the box leaves the picture (shares from 0 to 1 are expected)")
        c = np.clip(corners, 0, 1)
        out.append(Box(names[int(label)], (float(c[0]), float(c[1]), float(c[2]), float(c[3])), area))
    return tuple(out)


def layout_of(path: Path) -> Layout:
    """From data.yaml, obj.data, or a folder with class names and images.

    Raises:
        DataError: no class names.
    """
    home = _home(path)
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(path)
    if path.is_file() and path.suffix == ".data":
        return _from_darknet(path)
    found = _yaml_in(home)
    if found is not None:
        return _from_yaml(found)
    if darknet := sorted(home.glob("*.data")):
        return _from_darknet(darknet[0])
    names = next((home / name for name in NAMES if (home / name).is_file()), None)
    names = names or next((home / "labels" / name for name in NAMES if (home / "labels" / name).is_file()), None)
    if names is None:
        raise DataError(
            f"{home.name} has YOLO labels but no class names.",
            expected="data.yaml with names, obj.names, or classes.txt.",
            todo="Add classes.txt, one name a line, in the order of the class numbers.",
        )
    pictures = pictures_below(home)
    splits = [split_of(*p.relative_to(home).parts[:-1]) for p in pictures]
    return Layout(_names_in(names), tuple(zip(pictures, splits, strict=True)))


def _home(path: Path) -> Path:
    """The folder of a data set: a file's, the path's own, or the one in it that holds all, as archives unpack."""
    if path.is_file():
        return path.parent
    inside = home_of(path)
    own = _yaml_in(path) or next(iter(path.glob("*.data")), None) or any((path / name).is_file() for name in NAMES)
    return path if own or inside.name.lower() in ("images", "labels") else inside


def _from_yaml(file: Path) -> Layout:
    yaml = need("yaml", extra="manufacturing")
    try:
        # all scalars stay text: a class called "no" or "on" is no truth value
        content = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise DataError(
            f"{file.name} is no readable YAML ({str(err).splitlines()[0]}).", expected="YAML in UTF-8.",
            todo="Save it again as UTF-8, indented with blanks.",
        ) from err  # fmt: skip
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(content, dict) and "kpt_shape" in content:
        raise DataError(
            f"{file.name} describes key points (kpt_shape), not defects.", expected="YOLO boxes or polygons."
        )
    if isinstance(names, dict) and all(str(key).isdigit() for key in names):
        numbers = sorted(map(int, names))
        if numbers != list(range(len(names))):
            raise DataError(
                f"{file.name} numbers its names {', '.join(map(str, numbers[:8]))}.",
                expected=f"0 to {len(names) - 1}, without a gap.", todo="Name every class number.",
            )  # fmt: skip
        names = [names[key] for key in sorted(names, key=int)]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"{file.name} has no list of class names.", expected="names: [scratch, stain] or 0: scratch …")
    count = content.get("nc")
    if count is not None and str(count) != str(len(names)):
        raise DataError(f"{file.name} says nc: {count}, but has {len(names)} names.", expected="As many names as nc.")
    pictures: list[tuple[Path, str | None]] = []
    lost = []
    for key in ("train", "val", "valid", "test"):
        for entry in _entries(content.get(key)):
            found = _pictures_at(file.parent, content.get("path"), entry, key)
            pictures += [(p, SPLITS[key]) for p in found]
            lost += [] if found else [f"{key}: {entry}"]
    return Layout(tuple(str(n) for n in names), tuple(dict.fromkeys(pictures)), tuple(lost))


def _entries(value: Any) -> list[str]:
    every = value if isinstance(value, list) else [value]
    return [str(one) for one in every if one and str(one).lower() not in ("null", "~")]


def _pictures_at(home: Path, base: Any, entry: str, key: str) -> list[Path]:
    """The pictures of one split: where the entry says, else (exports move) in the folder of that split's name."""
    entry = entry.replace("\\", "/")
    tail = [part for part in entry.split("/") if part not in ("..", ".", "")]
    places = [home / str(base) / entry] if base else []
    places += [home / entry, home.joinpath(*tail)]
    alike = [key, *(name for name, other in SPLITS.items() if other == SPLITS[key] and name != key)]
    places += [place for name in alike for place in (home / name / "images", home / "images" / name)]
    places += [*(home.joinpath(*tail[start:]) for start in range(1, len(tail))), home / key]
    for place in places:
        if place.is_file() and place.suffix.lower() == ".txt":
            return _listed(place, home if base is None else place.parent)
        if place.is_dir() and (found := pictures_below(place)):
            return found
    return []


def _from_darknet(file: Path) -> Layout:
    pairs = [line.split("=", 1) for line in _lines(file) if "=" in line]
    said = {key.strip(): value.strip() for key, value in pairs}
    names = _nearest(file.parent, said.get("names", "obj.names"))
    if names is None:
        raise DataError(
            f"{file.name} names {said.get('names')}, which is not there.", expected="A list of class names."
        )
    found = _names_in(names)
    if said.get("classes", "").isdigit() and int(said["classes"]) != len(found):
        raise DataError(f"{file.name} says classes = {said['classes']}, but {names.name} has {len(found)} names.")
    pictures: list[tuple[Path, str | None]] = []
    lost = []
    for key in ("train", "valid", "test"):
        if key not in said:
            continue
        listed = _nearest(file.parent, said[key])
        pictures += [(p, SPLITS[key]) for p in _listed(listed, file.parent)] if listed else []
        lost += [] if listed else [f"{key}: {said[key]}"]
    return Layout(found, tuple(dict.fromkeys(pictures)), tuple(lost))


def _listed(file: Path, home: Path) -> list[Path]:
    return [_nearest(home, line) or home / line for line in _lines(file)]


def _nearest(home: Path, given: str) -> Path | None:
    """``given`` below ``home``, or without its first folders."""
    parts = [part for part in given.replace("\\", "/").split("/") if part not in ("", ".")]
    tries = [Path(given), *(home.joinpath(*parts[start:]) for start in range(len(parts)))]
    return next((p for p in tries if p.is_file()), None)


def _yaml_in(home: Path) -> Path | None:
    for file in sorted([*home.glob("*.yaml"), *home.glob("*.yml")]):
        if NAMED.search(file.read_bytes()[:100_000]):
            return file
    return None


def _lines(file: Path) -> tuple[str, ...]:
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _names_in(file: Path) -> tuple[str, ...]:
    """Class names, one a line.

    Raises:
        DataError: not UTF-8, no name, or an empty line between names, which would shift the numbers.
    """
    try:
        names = file.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as err:
        raise DataError(f"{file.name} is not UTF-8 text ({err.reason}).", todo="Save it again as UTF-8.") from err
    if not names or not all(name.strip() for name in names):
        raise DataError(
            f"{file.name} has {'an empty line between its names' if names else 'no names'}.",
            expected="One class name a line, in the order of the class numbers.",
        )
    return tuple(name.strip() for name in names)


YOLO = Adapter(
    name="manufacturing.yolo",
    summary="YOLO labels with pictures (data.yaml, obj.data or classes.txt)",
    sniff=sniff_yolo,
    read=read_yolo,
    options=OPTIONS,
)
