"""Picture files as arrays: upright, every grey level kept, and nothing half decoded.

One convention for the whole industry: a picture is *upright*. EXIF orientation is applied on reading, and sizes, boxes
and masks are all given in the upright picture. Legend: H height, W width.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from verticals_plugins import DataError, need

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".gif")
OTHER_SUFFIXES = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".dng", ".cr2", ".nef", ".arw", ".exr", ".npy", ".svg")
"""Pictures that are not read; those who read folders count them."""
DEPTHS = (8, 10, 12, 14, 16)
_TURN_TAG = 0x0112
_PHOTOMETRIC_TAG = 262
_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True)
class Picture:
    """``pixels`` (H, W) or (H, W, 3), uint8 or uint16; ``stored`` is (width, height) before turning."""

    pixels: np.ndarray
    stored: tuple[int, int]
    orientation: int = 1
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        return self.pixels.shape[1], self.pixels.shape[0]


def is_picture(path: Path) -> bool:
    """Whether the name is one of a picture that can be read."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def pictures_in(folder: Path) -> list[Path]:
    """Pictures directly in ``folder``, sorted by name with numbers in order."""
    return sorted((p for p in folder.iterdir() if p.is_file() and is_picture(p)), key=natural)


def pictures_below(folder: Path) -> list[Path]:
    """Pictures in ``folder`` and in folders below it, sorted by path with numbers in order."""
    return sorted((p for p in folder.rglob("*") if is_picture(p) and p.is_file()), key=natural)


def natural(path: Path) -> tuple[Any, ...]:
    """Sort key under which ``x_2`` comes before ``x_10``."""
    parts: list[tuple[int, int | str]] = []
    digits = ""
    for character in [*str(path), ""]:
        if character.isdigit() and character.isascii():
            digits += character
            continue
        if digits:
            parts.append((0, int(digits)))
            digits = ""
        parts.append((1, character))
    return tuple(parts)


def read_picture(path: Path) -> Picture:
    """Decode one file; 1-bit becomes 0/255, palettes their colours, CMYK is RGB, 16-bit grey stays uint16.

    Raises:
        DataError: missing, damaged, truncated, or a kind of picture that cannot be shown rightly as grey or RGB.
    """
    pil = need("PIL.Image", extra="manufacturing")
    if not path.is_file():
        raise DataError(f"{path.name} is not there.", expected="A picture file.", todo="Check the path or the list.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of (odd tags) is either harmless or raised as an error
        try:
            with pil.open(path) as image:
                return _decode(image, path)
        except DataError:
            raise
        except pil.DecompressionBombError as err:
            raise DataError(f"{path.name} is larger than 178 megapixels.", todo="Cut it into tiles.") from err
        except Exception as err:  # Pillow raises OSError, SyntaxError, ValueError, struct.error … on damaged files
            raise DataError(
                f"{path.name} cannot be decoded ({_first_line(err)}).",
                expected="A whole PNG, JPEG, BMP or TIFF file.",
                todo="Export it again.",
            ) from err


def read_mask(path: Path) -> np.ndarray:
    """(H, W) bool, True where a mask picture is not black; of a folder of masks, where one of them is not."""
    if path.is_dir():
        parts = [read_mask(one) for one in pictures_in(path)]
        if not parts or len({one.shape for one in parts}) > 1:
            raise DataError(f"{path.name} holds {len(parts)} masks of different sizes.", expected="Masks of one size.")
        return np.asarray(np.logical_or.reduce(parts))
    pixels = read_picture(path).pixels
    return (pixels if pixels.ndim == 2 else pixels.max(axis=2)) > 0


def _decode(image: Any, path: Path) -> Picture:
    pages = getattr(image, "n_frames", 1)
    notes = [f"only the first of {pages} pages was read"] if pages > 1 else []
    deep = image.mode in ("RGB", "RGBA", "LA") and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    white_is_zero = image.mode.startswith("I;16") and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG) == 0
    image.load()
    if deep:
        notes.append("of 16 bits a colour the upper 8 were read")
    orientation = image.getexif().get(_TURN_TAG, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    if image.mode in ("I", "F"):
        raise DataError(
            f"{path.name} has {'32-bit integer' if image.mode == 'I' else 'floating-point'} samples.",
            expected="1, 8 or 16 bits a sample.",
            todo="Export it as 16-bit TIFF or PNG with a stated scale.",
        )
    pixels, more = _samples(image)
    if white_is_zero:
        pixels, more = 65535 - pixels, (*more, "white is stored as 0: turned, so that large is bright")
    return Picture(_upright(pixels, orientation), image.size, orientation, (*notes, *more))


def _samples(image: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W) or (H, W, 3) as stored, and what had to be decided."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), ()
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), ()
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or (image.mode == "P" and "transparency" in image.info):
        rgba = np.asarray(image.convert("RGBA"))
        alpha = rgba[..., 3:].astype(np.float32) / 255
        if not alpha.any() or (alpha.all() and alpha.min() == 1):
            return _plain(rgba[..., :3]), ()
        shown = np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        return _plain(shown), ("transparent parts were shown on white",)
    return _plain(np.asarray(image.convert("RGB"))), ()


def _plain(rgb: np.ndarray) -> np.ndarray:
    """(H, W) if the three channels are equal, else (H, W, 3)."""
    grey = (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()
    return np.ascontiguousarray(rgb[..., 0]) if grey else np.ascontiguousarray(rgb)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the camera's turn (EXIF 2.32, tag 0x0112)."""
    if orientation in _SIDEWAYS:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def upright_boxes(boxes: np.ndarray, stored: tuple[int, int], orientation: int) -> np.ndarray:
    """(n, 4) xmin, ymin, xmax, ymax of the stored picture -> of the upright one."""
    width, height = stored
    x0, y0, x1, y1 = boxes.T
    if orientation in _SIDEWAYS:
        x0, y0, x1, y1, width, height = y0, x0, y1, x1, height, width
    if orientation in (3, 4, 7, 8):
        y0, y1 = height - y1, height - y0
    if orientation in (2, 3, 6, 7):
        x0, x1 = width - x1, width - x0
    return np.stack([x0, y0, x1, y1], axis=1)


def depth_of(pictures: list[np.ndarray]) -> int:
    """Bits a sample that the brightest pixel of all uint16 ``pictures`` needs, one of 8, 10, 12, 14, 16."""
    top = max((int(p.max(initial=0)) for p in pictures if p.dtype == np.uint16), default=0)
    return next(bits for bits in DEPTHS if top < 2**bits)


def to_uint8(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Samples of ``bits`` bits as 8 bits, rounded; uint8 is returned as it is."""
    if pixels.dtype == np.uint8:
        return pixels
    scaled = pixels.astype(np.float32) * (255.0 / (2**bits - 1))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) at ``size`` (width, height): box average when smaller, bilinear when larger."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    pil = need("PIL.Image", extra="manufacturing")
    smaller = size[0] <= pixels.shape[1] and size[1] <= pixels.shape[0]
    way = pil.Resampling.BOX if smaller else pil.Resampling.BILINEAR
    return np.asarray(pil.fromarray(pixels).resize(size, way))


def _first_line(err: Exception) -> str:
    return (str(err).splitlines() or [type(err).__name__])[0][:120]
