"""Registration and confirmation: copies correlate, other cells do not, flat images with nothing."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bloodcells.cleaning.confirmation import Comparison, tints
from bloodcells.cleaning.copies import CHANGES
from bloodcells.cleaning.hashing import VIEWS
from bloodcells.cleaning.registration import PATCH, SCALES, patch_hashes, registered
from bloodcells.network.inference import dihedral


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_near_by_hash_and_alike_by_pixels(sound, change):
    images = sound.images[:80]
    draw = np.random.default_rng(0)
    copies = np.stack([CHANGES[change](image, draw) for image in images])
    both = np.concatenate([images, copies])
    patches = registered(both)
    apart = np.bitwise_count(patch_hashes(patches[:80]) ^ patch_hashes(patches[80:])[:, :1])
    best = apart.argmin(axis=1)
    first, second = np.arange(80), np.arange(80, 160)
    alike = Comparison(patches, tints(both)).similarities(first, second, best)
    assert ((apart.min(axis=1) <= 10) & (alike >= 0.97)).mean() >= 0.95


def test_two_cells_are_never_alike(sound):
    images = sound.images[:60]
    patches = registered(images)
    first, second = np.triu_indices(60, 1)
    comparison = Comparison(patches, tints(images))
    most = max(comparison.similarities(first, second, np.full(len(first), view)).max() for view in range(2 * VIEWS))
    assert most < 0.95


@pytest.mark.parametrize("view", range(VIEWS))
def test_a_turned_copy_is_recognised_in_its_view(sound, view):
    images = sound.images[:20]
    turned = np.ascontiguousarray(dihedral(images, view))
    both = np.concatenate([images, turned])
    first, second = np.arange(20), np.arange(20, 40)
    assert (Comparison(registered(both), tints(both)).similarities(first, second, np.full(20, view)) > 0.99).all()


def test_flat_images_resemble_nothing(sound):
    images = np.concatenate([np.full((2, 96, 96, 3), 200, np.uint8), np.zeros((1, 96, 96, 3), np.uint8)])
    images = np.concatenate([images, sound.images[:1]])
    alike = Comparison(registered(images), tints(images)).similarities(
        np.array([0, 0, 0, 3]), np.array([1, 2, 3, 0]), np.zeros(4, int)
    )
    assert alike.tolist() == [-1, -1, -1, -1]


def test_patches_have_one_shape_for_any_image_size():
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    assert registered(images).shape == (3, len(SCALES), PATCH, PATCH)


def test_a_picture_in_other_colours_is_another_picture(sound):
    """A phash ignores colour, and so does a correlation of grey."""
    images = np.stack([sound.images[0], sound.images[0][..., ::-1]])
    grey = images.mean(axis=3, keepdims=True).repeat(3, axis=3).astype(np.uint8)
    patches = registered(grey)
    pair = np.array([0]), np.array([1]), np.array([0])
    assert Comparison(patches, tints(grey)).similarities(*pair) > 0.99
    assert Comparison(patches, tints(images)).similarities(*pair) == -1


@pytest.mark.parametrize("figure", [(40, 40, 160), (150, 60, 60), (150, 150, 150)])
def test_a_figure_in_other_ink_is_another_figure(figure):
    """Red, blue or pale on one ground: the whole picture has nearly the tint of the first, black one."""
    first, second = _ring((10, 10, 10)), _ring(figure)
    grey = np.stack([first, first])
    images = np.stack([first, second])
    pair = np.array([0]), np.array([1]), np.array([0])
    assert Comparison(registered(grey), tints(grey)).similarities(*pair) > 0.99
    assert np.abs(np.diff(tints(images)[:, :2], axis=0)).max() < 25
    assert Comparison(registered(images), tints(images)).similarities(*pair) == -1


def _ring(figure):
    ground = (235, 225, 215)
    image = Image.new("RGB", (96, 96), ground)
    ImageDraw.Draw(image).ellipse((20, 20, 70, 70), outline=figure, width=8)
    return np.asarray(image)


def test_a_copy_is_compared_though_it_was_changed_twice(sound):
    images, pairs = sound.images[:12], (np.arange(12), np.arange(12, 24), np.zeros(12, int))
    draw = np.random.default_rng(1)
    for one, other in itertools.permutations(CHANGES.values(), 2):
        both = np.concatenate([images, np.stack([other(one(image, draw), draw) for image in images])])
        assert (Comparison(registered(both), tints(both)).similarities(*pairs) > -1).all()


def test_a_copy_half_as_bright_is_a_copy(sound):
    both = np.concatenate([sound.images[:20], sound.images[:20] // 2])
    pairs = np.arange(20), np.arange(20, 40), np.zeros(20, int)
    assert (Comparison(registered(both), tints(both)).similarities(*pairs) > 0.99).all()


def test_pictures_of_the_smallest_size_have_a_tint():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    assert np.isfinite(tints(images)).all()


def test_a_grey_copy_is_a_copy(sound):
    """Its tint was taken from it; another cell stays another in grey."""
    coloured = sound.images[:20]
    grey = np.stack([np.asarray(Image.fromarray(image).convert("L").convert("RGB")) for image in coloured])
    both, own = np.concatenate([coloured, grey]), np.arange(20)
    compared = Comparison(registered(both), tints(both))
    assert np.abs(tints(coloured)).max(axis=1).min() > 2
    assert (compared.similarities(own, own + 20, np.zeros(20, int)) > 0.97).all()
    assert (compared.similarities(own, np.roll(own, 1) + 20, np.zeros(20, int)) < 0.9).all()


def test_a_shift_between_pixels_and_a_crop_are_aligned_twice(sound):
    """One step of a first derivative is not enough for a whole pixel and a twentieth of growth."""
    images = sound.images[:40]
    larger = [np.asarray(Image.fromarray(image[3:-3, 3:-3]).resize((96, 96))) for image in images]
    copies = np.stack([np.pad(image, ((3, 0), (0, 2), (0, 0)), mode="edge")[:96, 2:] for image in larger])
    both = np.concatenate([images, copies])
    alike = Comparison(registered(both), tints(both)).similarities(np.arange(40), np.arange(40, 80), np.zeros(40, int))
    assert np.median(alike) > 0.985
