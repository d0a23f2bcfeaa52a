"""The image stem: patches of a picture as tokens beside others, missing pictures, augmentation while training only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from verticals.model.stems.image import IMAGE, SIDE, ImageStem, augmented
from verticals_plugins import Images

WIDTH = 16


def pictures(count: int = 4, side: int = 28, channels: int = 1) -> Images:
    pixels = np.random.default_rng(0).integers(0, 255, (count, side, side, channels), dtype=np.uint8)
    return Images(pixels, np.array([0, -1, 2, 3]))


def built(block: Images) -> ImageStem:
    torch.manual_seed(0)
    stem = IMAGE.build(IMAGE.fit(block, WIDTH), WIDTH)
    assert isinstance(stem, ImageStem)
    return stem.eval()


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (28, 3), (50, 1), (64, 3), (128, 1)])
def test_any_size_gives_a_bounded_grid_of_patches(side: int, channels: int) -> None:
    block = pictures(side=side, channels=channels)
    tokens = built(block)(built(block).collate(block, np.arange(4)))
    assert tokens.x.shape[0] == 4
    assert 16 <= tokens.x.shape[1] <= SIDE * SIDE
    assert tokens.x.shape[2] == WIDTH


def test_a_missing_picture_has_no_token_and_no_influence() -> None:
    block = pictures()
    stem = built(block)
    tokens = stem(stem.collate(block, np.arange(4)))
    assert tokens.mask.any(1).tolist() == [True, False, True, True]
    assert torch.equal(tokens.x[1], torch.zeros_like(tokens.x[1]))


def test_no_picture_at_all_is_allowed() -> None:
    stem = built(pictures())
    empty = Images(np.zeros((0, 28, 28, 1), dtype=np.uint8), np.full(3, -1))
    assert not stem(stem.collate(empty, np.arange(3))).mask.any()


def test_the_same_picture_is_coded_alike_in_any_batch_and_only_training_augments() -> None:
    block = pictures()
    stem = built(block)
    alone, together = stem(stem.collate(block, np.array([2]))), stem(stem.collate(block, np.arange(4)))
    assert torch.allclose(alone.x[0], together.x[2], atol=1e-5)
    stem.train()
    torch.manual_seed(1)
    first, second = (stem(stem.collate(block, np.array([2]))).x for _ in range(2))
    assert not torch.allclose(first, second)


def test_augmentation_keeps_shape_and_depends_on_the_seed_alone() -> None:
    x = torch.rand(3, 1, 28, 28)
    torch.manual_seed(5)
    first = augmented(x)
    torch.manual_seed(5)
    assert torch.equal(first, augmented(x))
    assert first.shape == x.shape


def test_statistics_come_from_the_pictures_that_are_shown() -> None:
    pixels = np.zeros((2, 8, 8, 1), dtype=np.uint8)
    pixels[1] = 255
    config = IMAGE.fit(Images(pixels, np.array([1, -1])), WIDTH)
    assert config["mean"] == [1.0]
