"""Pictures of one declared polarity (large = bright) from DICOM, PNG and JPEG; and their way to one size and 8 bits.

Legend: h w height and width, C channels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verticals_healthcare.pixels import shrunk
from verticals_plugins import DataError, Ledger, need

PLAIN = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
NOT_PICTURES = ("RTDOSE", "RTPLAN", "RTSTRUCT", "SR", "PR", "KO", "SEG", "REG", "AU", "ECG", "DOC")
DIRECTORY = "1.2.840.10008.1.3.10"
SIDE = 64
AS_STORED = "as stored"
NAMED = 3
"""How many files are named where many were treated alike."""


@dataclass(frozen=True)
class Picture:
    """One picture: ``values`` (h, w) or (h, w, 3) in real units, how it was treated, and what its header says."""

    values: np.ndarray
    treatment: str
    window: tuple[float, float] | None = None
    padding: float | None = None
    header: dict[str, str] = field(default_factory=dict[str, str])
    frames: int = 1


def tell_treatments(pictures: Iterable[tuple[str, Picture]], ledger: Ledger) -> None:
    """Note how pictures were read, with the first names, where it was otherwise than as they are stored."""
    files: dict[str, list[str]] = {}
    for name, picture in pictures:
        files.setdefault(picture.treatment, []).append(name)
    for treatment, names in sorted(files.items()):
        if treatment != AS_STORED:
            some = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
            ledger.warn(f"{len(names)} pictures were read thus: {treatment} ({some})")


def is_dicom(path: Path) -> bool:
    """Whether the file has DICOM's preamble, or begins with a tag of its first groups."""
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except OSError:
        return False
    return head[128:132] == b"DICM" or (path.suffix.lower() in (".dcm", ".dicom") and len(head) > 8)


def read_picture(path: Path) -> Picture:
    """A DICOM, PNG, JPEG or TIFF file.

    Raises:
        DataError: the file is damaged, is no picture, or is compressed in a way that cannot be opened here.
    """
    return read_dicom(path) if is_dicom(path) else read_plain(path)


def read_dicom(path: Path) -> Picture:
    """The picture in real units: stored values, slope and intercept, then large = bright; of several frames the middle.

    MONOCHROME1 is mirrored at 2^bits - 1 of the stored values. An inverting slope is left as it is: it is part of the
    real units.
    """
    pydicom: Any = need("pydicom", extra="healthcare")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pydicom.dcmread(path)
            modality = str(found.get("Modality", "") or "unknown")
            _refuse_other_kinds(found, path, modality)
            return _real(found, _stored(found, path, modality), modality)
    except pydicom.errors.InvalidDicomError as err:
        raise DataError(
            f"{path.name} has no DICOM header (no preamble, no 'DICM').", expected="A DICOM file.",
            todo="It is damaged, or not DICOM.",
        ) from err  # fmt: skip
    except DataError:
        raise
    except Exception as err:  # pydicom raises many kinds for damaged files
        first = (str(err).splitlines() or [type(err).__name__])[0][:120]
        raise DataError(f"{path.name} is damaged or truncated ({first}).", todo="Copy it again.") from err


def _refuse_other_kinds(found: Any, path: Path, modality: str) -> None:
    if str(getattr(found.file_meta, "MediaStorageSOPClassUID", "")) == DIRECTORY:
        raise DataError(
            f"{path.name} is a DICOMDIR, which lists files and holds no picture.", expected="The pictures.",
            todo="Give the folder that holds them.",
        )  # fmt: skip
    if modality in NOT_PICTURES:
        raise DataError(
            f"{path.name} is of modality {modality}.", expected="A picture for diagnosis (CR, DX, CT, MR …)."
        )
    if not any(name in found for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise DataError(
            f"{path.name} (modality {modality}) holds no pixel data.", expected="A picture.",
            todo="It may be truncated, or a header alone.",
        )  # fmt: skip


def _stored(found: Any, path: Path, modality: str) -> np.ndarray:
    """The stored values (frames, h, w[, 3]) as float64."""
    bits, high = (int(found.get(one, 0) or 0) for one in ("BitsStored", "HighBit"))
    if "HighBit" in found and high + 1 != bits and int(found.get("BitsAllocated", 0) or 0) > bits:
        raise DataError(
            f"{path.name} keeps {bits} bits at high bit {high}.", expected=f"High bit {bits - 1}.",
            todo="Convert it first (for example with dcmconv).",
        )  # fmt: skip
    syntax = getattr(getattr(found, "file_meta", None), "TransferSyntaxUID", None)
    name = getattr(syntax, "name", "unknown transfer syntax")
    try:
        pixels = np.asarray(found.pixel_array, dtype=np.float64)
    except (RuntimeError, NotImplementedError) as err:
        raise DataError(
            f"{path.name} ({modality}) is compressed as {name}, which is not opened here.",
            expected="Uncompressed, RLE, deflated, JPEG baseline, JPEG 2000.",
            todo="Decompress it first (for example with dcmdjpeg or gdcmconv --raw), or install a decoder for pydicom.",
        ) from err
    if str(found.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        lookup: Any = need("pydicom.pixels", extra="healthcare")
        table = lookup.apply_color_lut(np.asarray(found.pixel_array), found).astype(np.float64)
        depth = int(found.RedPaletteColorLookupTableDescriptor[2])
        pixels = table / (2**depth - 1) * 255
    colour = int(found.get("SamplesPerPixel", 1) or 1) > 1 or (pixels.shape[-1:] == (3,) and pixels.ndim > 2)
    pixels = pixels if pixels.ndim == (4 if colour else 3) else pixels[None]
    told = int(found.get("NumberOfFrames", 1) or 1)
    if len(pixels) != told:
        raise DataError(
            f"{path.name} states {told} frames and holds pixels of {len(pixels)}.", expected="As many as stated.",
            todo="Export it again: its rows, columns or frames are wrong.",
        )  # fmt: skip
    return pixels


def _real(found: Any, stored: np.ndarray, modality: str) -> Picture:
    frame = len(stored) // 2
    values = stored[frame]
    said = [f"frame {frame + 1} of {len(stored)}"] if len(stored) > 1 else []
    photometric = str(found.get("PhotometricInterpretation", "") or "")
    padding, window = _number(found, "PixelPaddingValue"), None
    if values.ndim == 2:
        scale = _scale(found, frame, inverted=photometric == "MONOCHROME1", said=said)
        values, padding = scale.of(values), None if padding is None else float(scale.of(np.array(padding)))
        window = _window(_group(found, frame, "FrameVOILUTSequence", "WindowCenter"), scale)
    elif photometric.startswith("YBR"):
        said.append(f"{photometric} to RGB")
    names = ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "PatientSex", "PatientAge", "StudyDate", "StudyTime",
             "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "TimezoneOffsetFromUTC", "BodyPartExamined",
             "ViewPosition")  # fmt: skip
    header = {name: str(found.get(name, "") or "").strip() for name in names} | {"Modality": modality}
    return Picture(values, "; ".join(said) or AS_STORED, window, padding, header, len(stored))


@dataclass(frozen=True)
class _Scale:
    """Stored values -> real units: mirrored at ``top`` (None = not), through ``table`` or by slope and intercept."""

    slope: float = 1.0
    intercept: float = 0.0
    top: float | None = None
    table: np.ndarray | None = None
    first: float = 0.0

    def of(self, stored: np.ndarray) -> np.ndarray:
        """(…) values in real units, large = bright."""
        if self.table is not None:
            place = np.clip(stored - self.first, 0, len(self.table) - 1).astype(np.int64)
            return np.asarray(self.table[place] if self.top is None else self.top - self.table[place])
        mirrored = stored if self.top is None else self.top - stored
        return np.asarray(mirrored * self.slope + self.intercept)

    def mirror(self, real: float) -> float:
        """Where a value in real units of the picture as it was lies in the mirrored one."""
        if self.top is None:
            return real
        return self.top - real if self.table is not None else self.slope * self.top + 2 * self.intercept - real


def _scale(found: Any, frame: int, *, inverted: bool, said: list[str]) -> _Scale:
    """What turns stored values into real units; noted in ``said``. A modality table takes the place of the slope."""
    signed, bits = bool(found.get("PixelRepresentation", 0)), int(found.get("BitsStored", 0) or 16)
    top = -1.0 if signed else 2.0**bits - 1
    if tables := found.get("ModalityLUTSequence"):
        _, first, depth = (int(one) for one in tables[0].LUTDescriptor)
        data = tables[0].LUTData
        table = np.asarray(np.frombuffer(data, "<u2") if isinstance(data, bytes) else data).astype(np.float64)
        said.append(f"modality table of {len(table)} values")
        top = 2.0**depth - 1
        said += [f"MONOCHROME1 mirrored at {top:g}"] if inverted else []
        return _Scale(top=top if inverted else None, table=table, first=first)
    said += [f"MONOCHROME1 mirrored at {top:g}"] if inverted else []
    place = _group(found, frame, "PixelValueTransformationSequence", "RescaleSlope")
    slope, intercept = _number(place, "RescaleSlope"), _number(place, "RescaleIntercept")
    if slope == 0:
        name = Path(str(found.filename)).name
        raise DataError(f"{name} has a RescaleSlope of 0: nothing is left of the picture.", expected="Another slope.")
    if slope is None or intercept is None:
        return _Scale(top=top if inverted else None)
    said += [f"slope {slope:g}, intercept {intercept:g}"] if (slope, intercept) != (1.0, 0.0) else []
    return _Scale(slope, intercept, top if inverted else None)


def _window(place: Any, scale: _Scale) -> tuple[float, float] | None:
    """Centre and width in real units, mirrored with the picture."""
    centre, width = _number(place, "WindowCenter"), _number(place, "WindowWidth")
    return (scale.mirror(centre), width) if centre is not None and width else None


def _group(found: Any, frame: int, sequence: str, name: str) -> Any:
    """Where ``name`` stands: the data set itself, or a functional group of an enhanced multi-frame."""
    if name in found:
        return found
    for level, place in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        groups = found.get(level) or []
        if len(groups) > place and sequence in groups[place]:
            return groups[place][sequence].value[0]
    return found


def _number(found: Any, name: str) -> float | None:
    value = found.get(name)
    if value is None or value == "":
        return None
    try:
        first = value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value
        return float(first)
    except (TypeError, ValueError, IndexError):
        return None


def read_plain(path: Path) -> Picture:
    """PNG, JPEG, BMP or TIFF by Pillow, upright, the first page."""
    pil: Any = need("PIL.Image", extra="healthcare")
    ops: Any = need("PIL.ImageOps", extra="healthcare")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pil.DecompressionBombWarning)
            with pil.open(path) as found:
                found.load()
                pages = getattr(found, "n_frames", 1)
                turned = ops.exif_transpose(found)
                said = [f"page 1 of {pages}"] if pages > 1 else []
                said += ["turned upright (EXIF)"] if found.getexif().get(0x0112, 1) != 1 else []
                found, kind = turned, found.mode
                if kind in ("P", "RGBA", "CMYK", "LA", "PA", "YCbCr", "HSV"):
                    found = found.convert("RGB" if kind != "LA" else "L")
                pixels = np.asarray(found)
    except Exception as err:  # Pillow raises many kinds for damaged files
        raise DataError(f"{path.name} cannot be opened as a picture ({err}).", todo="It may be damaged.") from err
    whole = {"bool": 1.0, "uint8": 255.0}.get(str(pixels.dtype))  # a dark picture of 8 bits stays dark
    window = None if whole is None else (whole / 2, whole)
    return Picture(pixels.astype(np.float64), "; ".join(said) or AS_STORED, window)


def as_bytes(picture: Picture, side: int, channels: int) -> np.ndarray:
    """(side, side, channels) uint8: window if one is declared, else the range of the values; then means over areas."""
    values = picture.values
    if picture.window is not None:
        low, high = picture.window[0] - picture.window[1] / 2, picture.window[0] + picture.window[1] / 2
    else:
        inside = values if picture.padding is None else values[values != picture.padding]
        low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
        if values.ndim == 3 or (values.min() >= 0 and values.max() <= 255 and float(values.max()) > 128):
            low, high = min(low, 0.0), max(high, 255.0)
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    layers = scaled[..., None] if scaled.ndim == 2 else scaled
    if layers.shape[-1] != channels:
        layers = np.repeat(layers.mean(axis=-1, keepdims=True), channels, axis=-1)
    small = np.stack([shrunk(layers[None, :, :, one], side)[0] for one in range(channels)], axis=-1)
    return np.round(small * 255).astype(np.uint8)
