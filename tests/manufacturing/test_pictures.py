"""Picture files: the facts of public samples, and the upright convention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from verticals_manufacturing.pictures import read_picture, to_uint8, upright_boxes
from verticals_manufacturing.records import Record, stack
from verticals_plugins import DataError, Ledger

Shared = Callable[[str], Path]
FILES = "formats/manufacturing/image_files/"


@pytest.mark.parametrize(
    ("name", "size", "low", "high"),
    [
        ("12in16bit.tif", (100, 100), 0, 30),
        ("16bit.MM.cropped.tif", (64, 64), 291, 694),
        ("16bit.cropped.tif", (64, 64), 291, 694),
        ("pngsuite_basn0g16.png", (32, 32), 0, 65535),
        ("1_trns.png", (64, 64), 0, 255),
        ("palette_wedge.png", (128, 128), 0, 225),
    ],
)
def test_samples_keep_their_size_and_levels(
    shared: Shared, name: str, size: tuple[int, int], low: int, high: int
) -> None:
    picture = read_picture(shared(FILES + name))
    assert picture.size == size
    assert (int(picture.pixels.min()), int(picture.pixels.max())) == (low, high)


def test_dark_camera_data_of_twelve_bits_do_not_become_black(shared: Shared) -> None:
    picture = read_picture(shared(FILES + "12in16bit.tif"))
    pixels, notes = stack([picture], {}, Ledger())
    assert notes["bits"] == "8"
    assert pixels.max() == 30


def test_a_tiff_of_either_byte_order_gives_the_same_pixels(shared: Shared) -> None:
    big, little = (read_picture(shared(FILES + n)).pixels for n in ("16bit.MM.cropped.tif", "16bit.cropped.tif"))
    assert np.array_equal(big, little)


def test_a_cmyk_photo_is_red_on_black(shared: Shared) -> None:
    pixels = read_picture(shared(FILES + "pil_sample_cmyk.jpg")).pixels
    assert pixels[0, 0].tolist() == [255, 13, 25]


def test_only_the_first_page_is_read_and_that_is_said(shared: Shared) -> None:
    picture = read_picture(shared(FILES + "multipage.tiff"))
    assert picture.size == (10, 10)
    assert picture.pixels[0, 0].tolist() == [0, 128, 0]
    assert "3 pages" in picture.notes[0]


def test_bitmaps_stored_top_down_or_packed_are_the_same_picture(shared: Shared) -> None:
    one, other = (read_picture(shared(FILES + n)).pixels for n in ("pal8rle.bmp", "pal8topdown.bmp"))
    assert np.array_equal(one, other)


def test_a_broken_picture_is_named_and_never_half_used(shared: Shared) -> None:
    with pytest.raises(DataError, match=r"broken_data_stream\.png cannot be decoded"):
        read_picture(shared(FILES + "broken_data_stream.png"))


def test_exif_orientation_is_applied(shared: Shared) -> None:
    picture = read_picture(shared(FILES + "orientation_rectangle.jpg"))
    assert picture.size == (1, 2)
    assert picture.stored == (2, 1)


def test_boxes_turn_with_the_picture() -> None:
    boxes = np.array([[10.0, 5.0, 30.0, 15.0]])  # in a picture stored 100 x 40
    assert upright_boxes(boxes, (100, 40), 6).tolist() == [[25.0, 10.0, 35.0, 30.0]]
    assert upright_boxes(boxes, (100, 40), 3).tolist() == [[70.0, 25.0, 90.0, 35.0]]
    assert upright_boxes(boxes, (100, 40), 1).tolist() == boxes.tolist()


def test_sixteen_bits_are_scaled_by_their_depth() -> None:
    assert to_uint8(np.array([[0, 4095]], dtype=np.uint16), 12).tolist() == [[0, 255]]


def test_float_pictures_are_refused_with_a_way_out(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), dtype=np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match="floating-point"):
        read_picture(tmp_path / "x.tif")


def test_a_record_without_a_file_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        read_picture(Record(tmp_path / "no.png", "no").path)


@pytest.mark.parametrize(
    ("name", "share", "top"),
    [("1_trns.png", 0.4868, 255), ("pngsuite_basn0g01.png", 0.4883, 255), ("pal1.bmp", 0.2953, 255)],
)
def test_one_bit_becomes_black_and_white(shared: Shared, name: str, share: float, top: int) -> None:
    pixels = read_picture(shared(FILES + name)).pixels
    assert set(np.unique(pixels)) == {0, top}
    assert (pixels == top).mean() == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "size"),
    [("hopper_float_dpi_None.tif", (128, 128)), ("hopper_orientation_5.jpg", (128, 128)), ("pal8rle.bmp", (127, 64)),
     ("rgb32fakealpha.bmp", (127, 64)), ("pil123p.png", (162, 150)), ("pngsuite_exif2c08.png", (32, 32))],
)  # fmt: skip
def test_sizes_of_public_samples(shared: Shared, name: str, size: tuple[int, int]) -> None:
    picture = read_picture(shared(FILES + name))
    assert picture.size == size
    assert picture.pixels.ndim == 3


def test_palettes_give_colours_and_levels_keep_their_mean(shared: Shared) -> None:
    assert read_picture(shared(FILES + "pngsuite_basn3p01.png")).pixels.ndim == 3
    assert read_picture(shared(FILES + "12in16bit.tif")).pixels.mean() == pytest.approx(2.5882, abs=1e-4)
    assert read_picture(shared(FILES + "16bit.cropped.tif")).pixels.mean() == pytest.approx(384.1130, abs=1e-3)
    assert read_picture(shared(FILES + "pngsuite_basn0g16.png")).pixels.mean() == pytest.approx(36969.79, abs=0.01)
    assert read_picture(shared(FILES + "pil_sample_cmyk.jpg")).pixels.mean(axis=(0, 1)) == pytest.approx(
        (30.2, 5.4, 7.4), abs=0.1
    )


def test_square_photos_with_a_turn_are_turned(shared: Shared) -> None:
    turned = read_picture(shared(FILES + "hopper_orientation_6.jpg"))
    with Image.open(shared(FILES + "hopper_orientation_6.jpg")) as image:
        stored = np.asarray(image)
    assert np.array_equal(turned.pixels, np.rot90(stored, -1))


def test_sixteen_bits_whose_white_is_zero_are_turned(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 65535], [1, 2]], dtype=np.uint16)).save(tmp_path / "x.tif", tiffinfo={262: 0})
    picture = read_picture(tmp_path / "x.tif")
    assert picture.pixels.tolist() == [[65535, 0], [65534, 65533]]
    assert "turned" in picture.notes[0]


def test_animations_are_read_to_their_first_page(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 4), level) for level in (10, 200)]
    pages[0].save(tmp_path / "x.gif", save_all=True, append_images=pages[1:])
    picture = read_picture(tmp_path / "x.gif")
    assert picture.pixels[0, 0] == 10
    assert "first of 2 pages" in picture.notes[0]


def test_a_truncated_photo_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").write_bytes((tmp_path / "x.jpg").read_bytes()[:-500])
    with pytest.raises(DataError, match="cannot be decoded"):
        read_picture(tmp_path / "x.jpg")
