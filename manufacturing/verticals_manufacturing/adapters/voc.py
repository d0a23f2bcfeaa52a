"""Pascal VOC annotations: one XML file a picture, with marked defects. NEU-DET and many labelling tools write them.

A picture's class is that of its largest marked area; where every file name starts with a class and a number
(``crazing_12``), as in NEU-DET, the name's class counts instead.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from verticals_manufacturing.adapters.finding import Finder, split_of
from verticals_manufacturing.adapters.folders import SPLITS
from verticals_manufacturing.pictures import natural
from verticals_manufacturing.records import OPTIONS, Box, Record, is_good, label_of, to_dataset
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

NUMBERED = re.compile(r"^(.+?)[_-]?\d+$")
ROOT = re.compile(rb"<annotation[\s>/]")
HEAD, LOOKED_AT = 100_000, 20
"""Bytes of a file, and files of a folder, in which the root is looked for."""


def files_in(path: Path) -> list[Path]:
    """The XML file, or the visible ones of a folder and of the visible folders below it."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".xml" else []
    found = [p for p in path.rglob("*") if p.suffix.lower() == ".xml" and p.is_file()]
    return sorted((p for p in found if not any(n[0] == "." for n in p.relative_to(path).parts)), key=natural)


def sniff_voc(path: Path) -> Sniff:
    """An XML file with <annotation>, or a folder that holds some."""
    try:
        files = files_in(path)
        if not files:
            return Sniff(0.0, "no XML file")
        for file in files[:LOOKED_AT]:
            if ROOT.search(file.read_bytes()[:HEAD].replace(b"\0", b"")):  # zeros as UTF-16 writes them
                return Sniff(0.85, f"{file.name} is a VOC annotation")
        return Sniff(0.0, f"{files[0].name} is XML without <annotation>")
    except OSError as err:
        return Sniff(0.0, str(err))


def read_voc(path: Path, options: ReadOptions) -> Dataset:
    """Read annotations and the pictures they name; pictures without an annotation are counted and left out.

    Raises:
        DataError: no annotation, or none whose picture can be used.
    """
    root = path if path.is_dir() else path.parent
    files = files_in(path)
    if not files:
        raise DataError(f"{path.name} holds no XML file.", expected="Pascal VOC annotations beside pictures.")
    ledger, finder = Ledger(), Finder(root if path.is_dir() else path.parent)
    records: list[Record] = []
    for file in files:
        try:
            records.append(record_of(file, root, finder))
        except DataError as err:
            ledger.drop("annotation cannot be read", 1, [f"{file.relative_to(root)}: {err.found}"])
    if not records:
        places = "; ".join(ledger.where["annotation cannot be read"][:2])
        raise DataError(
            f"None of {len(files)} XML files can be read as an annotation ({places}).",
            expected="<annotation> with <filename> and <object>, each with <name> and four numbers in <bndbox>.",
            todo="Export the labels as Pascal VOC.",
        )
    parts = listed_parts(root)
    records = [replace(r, split=r.split or parts.get(r.path.stem)) for r in records]
    named = {r.path for r in records}
    bare = [p for p in finder.every() if p not in named] if path.is_dir() else []
    ledger.drop("picture without an annotation", len(bare), [p.name for p in bare[:5]])
    return to_dataset(_by_name(records, ledger), options, adapter="manufacturing.voc", ledger=ledger)


def listed_parts(root: Path) -> dict[str, str]:
    """Name of a picture -> its part, by the lists ``ImageSets/Main/train.txt``, ``val.txt`` and ``test.txt``."""
    found: dict[str, str] = {}
    for file in sorted(root.rglob("ImageSets/Main/*.txt")):
        part = SPLITS.get(file.stem.lower())
        if part is not None:
            text = file.read_text(encoding="utf-8-sig", errors="replace")
            found |= {line.split()[0]: part for line in text.splitlines() if line.split()}
    return found


def record_of(file: Path, root: Path, finder: Finder) -> Record:
    """One annotation. Parts of an object (a head) are no objects; corners are read by name.

    Raises:
        DataError: not well-formed, or without what an annotation must have.
    """
    try:
        tree = ElementTree.fromstring(_safe(file))
    except (ElementTree.ParseError, ValueError, LookupError) as err:
        raise DataError(f"not well-formed XML ({err})") from err
    if tree.tag != "annotation":
        raise DataError(f"its root is <{tree.tag}>, not <annotation>")
    boxes = tuple(box for box in map(_box, tree.findall("object")) if not is_good(box.label))
    name = (tree.findtext("filename") or "").strip()
    near = (file.parent, *_beside(file, root))
    picture = finder.find(name, *near) if name else file.with_suffix(".jpg")
    if not picture.is_file():
        picture = finder.with_stem(file.stem, *near) or finder.with_stem(Path(name).stem, *near) or picture
    width, height = (tree.findtext(f"size/{side}") for side in ("width", "height"))
    declared = None
    if width and height and width.strip().isdigit() and height.strip().isdigit() and int(width) * int(height) > 0:
        declared = (int(width), int(height))
    inside = file.relative_to(root)
    shown = picture.relative_to(root).as_posix() if picture.is_relative_to(root) else picture.name
    split = split_of(*inside.parts[:-1])
    return Record(picture, shown, label=label_of(boxes), split=split, boxes=boxes, declared=declared)


def _safe(file: Path) -> bytes:
    """The bytes, unless they declare entities (which may grow without bound)."""
    data = file.read_bytes()
    plain = data.replace(b"\0", b"")  # as UTF-16 writes it
    if b"<!ENTITY" in plain or b"<!DOCTYPE" in plain:
        raise DataError("it declares a document type or entities, which annotations never need")
    return data


def _box(element: ElementTree.Element) -> Box:
    label = (element.findtext("name") or "").strip()
    corners = [element.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    if not label:
        raise DataError("an object has no name")
    try:
        x0, y0, x1, y1 = (float(c) for c in corners if c is not None)
    except ValueError as err:
        raise DataError(f"the box of {label!r} has no four numbers") from err
    if not (x1 >= x0 and y1 >= y0):
        raise DataError(f"the box of {label!r} ends before it begins ({x0:g},{y0:g}-{x1:g},{y1:g})")
    return Box(label, (x0, y0, x1, y1))


def _beside(file: Path, root: Path) -> list[Path]:
    """Folders where the picture of an annotation usually lies."""
    out = []
    for parent in (file.parent.parent, file.parent):
        for name in ("JPEGImages", "images", "IMAGES", "Images", "image"):
            if parent.is_relative_to(root) and (parent / name).is_dir():
                out.append(parent / name)
    return out


def _by_name(records: list[Record], ledger: Ledger) -> list[Record]:
    """Classes by file name where every name starts with a marked class; different boxes are told."""
    classes = {box.label for r in records for box in r.boxes}
    found = [NUMBERED.match(r.path.stem) for r in records]
    names = [m.group(1) if m else "" for m in found]
    if len(records) < 2 or len(set(names)) < 2 or not set(names) <= classes:
        return records
    other = sum(box.label != name for r, name in zip(records, names, strict=True) for box in r.boxes)
    ledger.warn(
        f"The class was taken from the file name (as {records[0].path.stem} = {names[0]}); "
        f"{other} marked areas carry another class."
    )
    return [replace(r, label=name) for r, name in zip(records, names, strict=True)]


VOC = Adapter(
    name="manufacturing.voc",
    summary="Pascal VOC annotations (XML) beside pictures, NEU-DET",
    sniff=sniff_voc,
    read=read_voc,
    options=OPTIONS,
)
