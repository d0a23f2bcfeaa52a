"""Pictures of one declared polarity (large = bright) from DICOM, PNG and JPEG; and their way to one size and 8 bits.

Legend: h w height and width, C channels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verticals_healthcare.pixels import shrunk
from verticals_plugins import DataError, need

PLAIN = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
NOT_PICTURES = ("RTDOSE", "RTPLAN", "RTSTRUCT", "SR", "PR", "KO", "SEG", "REG", "AU", "ECG", "DOC")
SIDE = 64


@dataclass(frozen=True)
class Picture:
    """One picture: ``values`` (h, w) or (h, w, 3) in real units, how it was treated, and what its header says."""

    values: np.ndarray
    treatment: str
    window: tuple[float, float] | None = None
    padding: float | None = None
    header: dict[str, str] = field(default_factory=dict[str, str])
    frames: int = 1


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
            stored = _stored(found, path, modality)
    except pydicom.errors.InvalidDicomError as err:
        raise DataError(
            f"{path.name} has no DICOM header (no preamble, no 'DICM').", expected="A DICOM file.",
            todo="It is damaged, or not DICOM.",
        ) from err  # fmt: skip
    except (EOFError, OSError, KeyError, TypeError, OverflowError) as err:
        raise DataError(f"{path.name} is damaged or truncated ({err}).", todo="Copy it again.") from err
    return _real(found, stored, modality)


def _refuse_other_kinds(found: Any, path: Path, modality: str) -> None:
    if modality in NOT_PICTURES:
        raise DataError(
            f"{path.name} is of modality {modality}.", expected="A picture for diagnosis (CR, DX, CT, MR …)."
        )
    if not any(name in found for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise DataError(f"{path.name} (modality {modality}) holds no pixel data.", expected="A picture.")


def _stored(found: Any, path: Path, modality: str) -> np.ndarray:
    """The stored values (frames, h, w[, 3]) as float64."""
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
    except (ValueError, AttributeError, TypeError) as err:
        raise DataError(f"{path.name} is damaged or truncated ({err}).", todo="Copy it again.") from err
    if str(found.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        lookup: Any = need("pydicom.pixels", extra="healthcare")
        table = lookup.apply_color_lut(np.asarray(found.pixel_array), found).astype(np.float64)
        depth = int(found.RedPaletteColorLookupTableDescriptor[2])
        pixels = table / (2**depth - 1) * 255
    colour = int(found.get("SamplesPerPixel", 1) or 1) > 1 or (pixels.shape[-1:] == (3,) and pixels.ndim > 2)
    return pixels if pixels.ndim == (4 if colour else 3) else pixels[None]


def _real(found: Any, stored: np.ndarray, modality: str) -> Picture:
    frames = len(stored)
    values = stored[frames // 2]
    said = [f"frame {frames // 2 + 1} of {frames}"] if frames > 1 else []
    photometric = str(found.get("PhotometricInterpretation", "") or "")
    bits = int(found.get("BitsStored", 0) or 16)
    signed = bool(found.get("PixelRepresentation", 0))
    inverted = photometric == "MONOCHROME1"
    padding = _number(found, "PixelPaddingValue")
    top = 2.0**bits - 1 if not signed else -1.0
    slope = intercept = None
    if values.ndim == 2:
        if inverted:
            values, padding = top - values, None if padding is None else top - padding
            said.append(f"MONOCHROME1 mirrored at {top:g}")
        slope, intercept = (
            _number(_rescaling(found, frames // 2), one) for one in ("RescaleSlope", "RescaleIntercept")
        )
        if slope is not None and intercept is not None and (slope, intercept) != (1.0, 0.0):
            values = values * slope + intercept
            padding = None if padding is None else padding * slope + intercept
            said.append(f"slope {slope:g}, intercept {intercept:g}")
    elif photometric.startswith("YBR"):
        said.append(f"{photometric} to RGB")
    centre, width = _number(found, "WindowCenter"), _number(found, "WindowWidth")
    if inverted and centre is not None and values.ndim == 2:
        # a mirrored value is slope * top + 2 * intercept - value
        centre = (slope or 1.0) * top + 2 * (intercept or 0.0) - centre
    window = (centre, width) if centre is not None and width and values.ndim == 2 else None
    names = ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "PatientSex", "PatientAge", "StudyDate", "StudyTime",
             "AcquisitionDate", "AcquisitionTime", "BodyPartExamined", "ViewPosition")  # fmt: skip
    header = {name: str(found.get(name, "") or "").strip() for name in names} | {"Modality": modality}
    return Picture(values, "; ".join(said) or "as stored", window, padding, header, frames)


def _rescaling(found: Any, frame: int) -> Any:
    """Where slope and intercept stand: the data set itself, or the functional groups of an enhanced multi-frame."""
    if "RescaleSlope" in found:
        return found
    for name, place in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        groups = found.get(name) or []
        if len(groups) > place and "PixelValueTransformationSequence" in groups[place]:
            return groups[place].PixelValueTransformationSequence[0]
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
    """PNG, JPEG, BMP or TIFF by Pillow, the first page."""
    pil: Any = need("PIL.Image", extra="manufacturing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pil.DecompressionBombWarning)
            with pil.open(path) as found:
                found.load()
                kind = found.mode
                if kind in ("P", "RGBA", "CMYK", "LA", "PA", "YCbCr", "HSV"):
                    found = found.convert("RGB" if kind != "LA" else "L")
                values = np.asarray(found, dtype=np.float64)
    except Exception as err:  # Pillow raises many kinds for damaged files
        raise DataError(f"{path.name} cannot be opened as a picture ({err}).", todo="It may be damaged.") from err
    return Picture(values, "as stored")


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
