"""Texture of patches: codes, stem and support vector machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from verticals.baselines.texture import PictureSvm
from verticals.data.texture import CODES, grid_of, hog_of, patch_texture, texture_of
from verticals.model.stems.texture import TextureStem, fit_texture
from verticals_plugins import Budget, Examples, Images


def pictures(many: int, seed: int = 0) -> np.ndarray:
    """Half of them smooth, half rough."""
    rng = np.random.default_rng(seed)
    out = rng.normal(128, 30, (many, 32, 32, 1))
    out[::2] = (out[::2] + np.roll(out[::2], 1, axis=1) + np.roll(out[::2], 1, axis=2)) / 3
    return np.clip(out, 0, 255).astype(np.uint8)


def examples(many: int, seed: int = 0, classes: int = 2) -> Examples:
    frame = pd.DataFrame({"id": range(many), "entity": range(many), "time": pd.Timestamp(0)})
    truth = np.arange(many) % 2
    names = ("smooth", "rough", "none")[:classes]
    return Examples(frame, {"image": Images(pictures(many, seed), np.arange(many))}, truth, names=names)


def test_histograms_of_each_patch_sum_to_one() -> None:
    found = patch_texture(pictures(1)[0])
    assert found.shape == (4, 70)
    sums = (found[:, : 6 * CODES].reshape(4, 6, CODES) ** 2).sum(axis=2)
    assert np.allclose(sums, 1, atol=1e-5)


def test_a_constant_picture_has_all_ones_and_no_gradient() -> None:
    found = patch_texture(np.full((32, 32, 1), 77, dtype=np.uint8))
    assert np.allclose(found[:, 8], 1)  # eight neighbours at least as bright
    assert np.allclose(found[:, 60], 77 / 255, atol=1e-6)
    assert np.allclose(found[:, 64:68], np.log(1e-3), atol=1e-5)


def test_codes_do_not_change_with_a_quarter_turn_or_brightness() -> None:
    picture = np.clip(pictures(1)[0], 20, 200)
    turned = patch_texture(np.ascontiguousarray(np.rot90(picture)))
    brighter = patch_texture((picture + 30).astype(np.uint8))
    plain = patch_texture(picture)
    assert np.allclose(plain[:, :60].mean(axis=0), turned[:, :60].mean(axis=0), atol=0.02)
    assert np.allclose(plain[:, :60], brighter[:, :60], atol=1e-6)


def test_colour_adds_numbers_and_missing_pictures_are_zero() -> None:
    block = Images(np.repeat(pictures(2), 3, axis=3), np.array([1, -1]))
    found = texture_of(block)
    assert found.shape == (2, 4, 74)
    assert not found[1].any()


def test_grid_grows_with_the_picture_up_to_a_limit() -> None:
    assert grid_of(8, 8) == (1, 1)
    assert grid_of(64, 32) == (4, 2)
    assert grid_of(200, 2000) == (8, 8)


def test_gradients_tell_directions_apart() -> None:
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    stripes = np.where(np.arange(32) % 8 < 4, 40, 200).astype(np.uint8)
    across = hog_of(np.tile(stripes, (32, 1))[..., None])
    along = hog_of(np.tile(stripes[:, None], (1, 32))[..., None])
    assert np.isfinite(hog_of(ramp[..., None])).all()
    assert np.linalg.norm(across - along) > 1


def test_the_stem_gives_a_token_a_patch_and_one_for_the_whole() -> None:
    block = Images(pictures(6), np.array([0, 1, 2, -1]))
    stem = TextureStem(fit_texture(block, 16), 16).eval()
    tokens = stem(stem.collate(block, np.arange(4)))
    assert tokens.x.shape == (4, 5, 16)
    assert tokens.mask.tolist()[0] == [True] * 5
    assert not tokens.mask[3].any()


def test_the_stem_drops_patches_while_training_only() -> None:
    block = Images(np.zeros((3, 128, 128, 1), dtype=np.uint8) + 9, np.arange(3))
    stem = TextureStem(fit_texture(block, 16), 16)
    torch.manual_seed(0)
    seen = stem.train()(stem.collate(block, np.arange(3))).mask.sum(dim=1)
    assert seen.tolist() == [41, 41, 41]
    again = [stem.eval()(stem.collate(block, np.arange(3))).x for _ in range(2)]
    assert torch.equal(again[0], again[1])


@pytest.mark.parametrize("features", ["texture", "hog"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_machine_learns_and_survives_a_round_trip(features: str, classes: int, tmp_path: Path) -> None:
    machine = PictureSvm(features, name=features)
    machine.fit(examples(60, classes=classes), examples(30, 1, classes), Budget())
    test = examples(40, 2, classes)
    said = machine.predict(test).values
    guess = said.argmax(axis=1) if said.ndim == 2 else said > 0.5
    assert test.truth is not None
    assert np.mean(guess == test.truth) > (0.95 if features == "texture" else 0.6)
    machine.save(tmp_path)
    assert not list(tmp_path.glob("*.pkl"))
    fresh = PictureSvm("texture", name="fresh")
    fresh.load(tmp_path)
    assert np.array_equal(fresh.predict(test).values, said)
    assert np.array_equal(fresh.predict(test.take(np.array([7]))).values, said[7:8])
