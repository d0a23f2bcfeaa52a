"""Photos as examples: near duplicates are found first, so that no piece stands on two sides of a split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from verticals_manufacturing.drawn import draw_defect, generator
from verticals_manufacturing.pictures import resized
from verticals_manufacturing.records import is_good
from verticals_plugins import DataError, Dataset, Examples, Images, Table

KNOWN = ("id", "piece", "image", "time", "class", "lot", "split")
SMALL = 32
ALIKE = 0.985
"""Two photos correlated more than this at 32 x 32 pixels (shading removed) are taken for the same piece."""


@dataclass(frozen=True)
class PieceExamples:
    """Dataset -> examples with blocks ``image`` and, if there are process values, ``table``.

    ``two_classes``: the truth is 0 good, 1 defect; otherwise the class number in order of first appearance. The
    frame's ``group`` joins photos of one piece and near duplicates; it is the unit of splits and of the bootstrap.
    """

    two_classes: bool = False

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        main = dataset.main
        if not len(main):
            raise DataError("There is no piece to look at.", expected="At least one picture.")
        pixels, index = _as_trained(dataset, past), main["image"].to_numpy(dtype=np.int64)
        piece = main["piece"].astype(str).to_numpy() if "piece" in main else main["id"].astype(str).to_numpy()
        frame = pd.DataFrame({"id": main["id"].to_numpy(), "entity": piece, "time": _time(main)})
        frame["group"] = near_duplicates(pixels, index, piece)
        for name in ("lot", "split", "class"):
            if name in main:
                frame[name] = main[name].to_numpy()
        names, truth = self._truth(main, past)
        if self.two_classes and truth is not None and past is None:
            extra = _to_draw(frame, truth)
            if len(extra):
                pixels, index, frame = _with_drawn(pixels, index, frame, extra)
                main = pd.concat([main, main.iloc[extra]], ignore_index=True)
                truth = np.concatenate([truth, np.ones(len(extra), dtype=np.int64)])
        inputs: dict[str, Images | Table] = {"image": Images(pixels, index)}
        process = main[[name for name in main.columns if name not in KNOWN]].reset_index(drop=True)
        if len(process.columns):
            words = [name for name in process if not pd.api.types.is_numeric_dtype(process[name])]
            inputs["table"] = Table(process.astype(dict.fromkeys(words, "category")))
        return Examples(frame, inputs, truth, names=names)

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset | None:
        """The class names, in order: one row each, no picture; and how the pictures were brought to one shape."""
        if past is not None:
            return past
        names, _ = self._truth(dataset.main, past)
        main = pd.DataFrame({"class": list(names)})
        height, width, channels = dataset.arrays["image"].shape[1:]
        notes = {**dataset.provenance.notes, "size": f"{width}x{height}", "channels": str(channels)}
        return replace(dataset, tables={"main": main}, arrays={}, provenance=replace(dataset.provenance, notes=notes))

    def _truth(self, main: pd.DataFrame, past: Dataset | None) -> tuple[tuple[str, ...], np.ndarray | None]:
        labels = main["class"] if "class" in main and main["class"].notna().any() else None
        if labels is not None and labels.isna().any() and past is not None:
            labels = None
        if labels is not None and labels.isna().any():
            raise DataError(
                f"{int(labels.isna().sum())} of {len(labels)} pictures have no class.",
                expected="A class for every picture, or for none.",
                todo="Leave those out of training and score them later.",
            )
        if self.two_classes:
            truth = None if labels is None else np.array([not is_good(one) for one in labels], dtype=np.int64)
            return ("good", "defect"), truth
        if past is not None:
            names = tuple(past.main["class"].astype(str))
        else:
            names = () if labels is None else tuple(dict.fromkeys(labels.astype(str)))
        if labels is None:
            return names, None
        code = {name: number for number, name in enumerate(names)}
        unknown = sorted(set(labels.astype(str)) - set(names))
        if unknown:
            raise DataError(
                f"Classes {unknown[:5]} were not there in training.",
                expected=f"One of {list(names)}.",
                todo="Train again with pictures of these classes, or leave the class column out to score.",
            )
        return names, np.array([code[one] for one in labels.astype(str)], dtype=np.int64)


def _as_trained(dataset: Dataset, past: Dataset | None) -> np.ndarray:
    """The pictures in the size, the channels and the depth that the pictures had at training."""
    pixels: np.ndarray = dataset.arrays["image"]
    known = {} if past is None else past.provenance.notes
    if "channels" in known and int(known["channels"]) != pixels.shape[3]:
        grey = np.rint(pixels.mean(axis=3, keepdims=True)).astype(np.uint8)
        pixels = grey if known["channels"] == "1" else np.repeat(grey, 3, axis=3)
    if "size" in known:
        width, height = (int(side) for side in known["size"].split("x"))
        if pixels.shape[1:3] != (height, width):
            pixels = np.stack([_sized(picture, width, height) for picture in pixels])
    bits, now = int(known.get("bits", 0)), int(dataset.provenance.notes.get("bits", 0))
    if bits and now and bits != now:
        scaled = pixels.astype(np.float32) * np.float32((2**now - 1) / (2**bits - 1))
        pixels = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return pixels


def _sized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    planes = (np.ascontiguousarray(picture[..., channel]) for channel in range(picture.shape[2]))
    return np.stack([resized(plane, (width, height)) for plane in planes], axis=2)


def _to_draw(frame: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    """Rows that get a copy with a drawn defect: every third good piece, if no defective one may be learnt from.

    With a given split, only where the split's test part is not concerned: real defects there are left to judge.
    """
    free = np.ones(len(frame), dtype=bool)
    if "split" in frame and {"train", "test"} <= set(frame["split"].dropna()):
        free = frame["split"].to_numpy() != "test"
    if truth[free].any() or not free.any():
        return np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(free)
    return rows[frame["group"].to_numpy()[rows] % 3 == 0]


def _with_drawn(
    pixels: np.ndarray, index: np.ndarray, frame: pd.DataFrame, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Copies of ``rows`` with a drawn defect behind the others; they stay in their original's group."""
    drawn = [draw_defect(pixels[index[r]], generator(str(frame["id"].iloc[r])))[0] for r in rows]
    copies = frame.iloc[rows].assign(id=[f"{i}#drawn" for i in frame["id"].iloc[rows]], simulated=True)
    if "class" in copies:
        copies["class"] = "drawn defect"
    both = pd.concat([frame.assign(simulated=False), copies], ignore_index=True)
    places = np.arange(len(pixels), len(pixels) + len(rows))
    return np.concatenate([pixels, np.stack(drawn)]), np.concatenate([index, places]), both


def near_duplicates(pixels: np.ndarray, index: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """(N,) group number of each photo: that of its piece, else of the first earlier photo that looks the same.

    Photos are compared with the first photo of each group only, in order, so later photos never change earlier groups.
    """
    looks = fingerprints(pixels, index)
    group = np.empty(len(index), dtype=np.int64)
    of_piece: dict[str, int] = {}
    leaders = np.empty_like(looks)
    count = 0
    for row, name in enumerate(piece):
        found = of_piece.get(name)
        if found is None and count:
            alike = leaders[:count] @ looks[row]
            best = int(alike.argmax())
            found = best if alike[best] > ALIKE else None
        if found is None:
            leaders[count] = looks[row]
            found, count = count, count + 1
        of_piece.setdefault(name, found)
        group[row] = found
    return group


def fingerprints(pixels: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(N, 1024) float32 of mean 0 and length 1: the photo at 32 x 32, its plane of shading removed."""
    small = np.empty((len(index), SMALL * SMALL), dtype=np.float32)
    for row, at in enumerate(index):
        picture = pixels[at]
        grey = np.rint(picture.mean(axis=2)).astype(np.uint8) if picture.shape[2] > 1 else picture[..., 0]
        small[row] = resized(np.ascontiguousarray(grey), (SMALL, SMALL)).reshape(-1)
    slope = np.linspace(-1, 1, SMALL, dtype=np.float32)
    plane = np.stack([np.ones(SMALL * SMALL), np.repeat(slope, SMALL), np.tile(slope, SMALL)]).astype(np.float32)
    plane /= np.linalg.norm(plane, axis=1, keepdims=True)
    for axis in plane:
        small -= (small @ axis)[:, None] * axis
    length = np.linalg.norm(small, axis=1, keepdims=True)
    return small / np.maximum(length, 1e-6)


def _time(main: pd.DataFrame) -> np.ndarray:
    if "time" in main:
        return main["time"].to_numpy().astype("datetime64[ns]")
    return np.zeros(len(main), dtype="datetime64[ns]")
