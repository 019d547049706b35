"""The batch hashes are ImageHash's own, bit for bit; exact keys see shape and dtype."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from bloodcells.cleaning.hashing import (
    VIEWS,
    as_hex,
    exact_keys,
    low_cosines,
    phash,
    shrunk_grey,
    view_hashes,
)
from bloodcells.network.inference import dihedral


def one_by_one(images):
    return [str(imagehash.phash(Image.fromarray(image))) for image in images]


def test_cells_hash_as_imagehash_does(smear):
    images = smear.cells.images[:150]
    assert as_hex(phash(images)) == one_by_one(images)


@pytest.mark.parametrize("shape", [(7, 96, 96, 3), (3, 40, 75, 3), (2, 28, 28, 3), (130, 8, 8, 3)])
def test_any_pixels_and_shape_hash_as_imagehash_does(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    images[0] = 255 * (images[0] > 127)
    assert as_hex(phash(images)) == one_by_one(images)


def test_flat_images_hash_as_imagehash_does():
    images = np.stack([np.full((96, 96, 3), value, np.uint8) for value in (0, 1, 127, 255)])
    assert as_hex(phash(images)) == one_by_one(images)


@pytest.mark.real_cells
def test_real_cells_hash_as_imagehash_does(real_cells):
    images = real_cells.images[:: len(real_cells) // 400]
    assert as_hex(phash(images)) == one_by_one(images)


@pytest.mark.slow
@pytest.mark.real_cells
def test_every_real_cell_hashes_as_imagehash_does(real_cells):
    assert as_hex(phash(real_cells.images)) == one_by_one(real_cells.images)


def test_the_eight_views_are_hashes_of_the_turned_images(smear):
    images = smear.cells.images[:60]
    views = view_hashes(low_cosines(shrunk_grey(images, 32, 32)))
    assert np.array_equal(views[:, 0], phash(images))
    for view in range(VIEWS):
        apart = np.bitwise_count(views[:, view] ^ phash(np.ascontiguousarray(dihedral(images, view))))
        assert apart.mean() < 0.5 and apart.max() <= 4  # Pillow's passes round the other way round


def test_the_views_are_eight_different_turns():
    image = np.arange(12).reshape(1, 2, 2, 3)
    assert len({dihedral(image, view).tobytes() for view in range(VIEWS)}) == VIEWS


def test_exact_keys_see_shape_and_dtype():
    pixels = np.arange(24, dtype=np.uint8)
    keys = [exact_keys(pixels.reshape(1, *shape))[0] for shape in ((2, 4, 3), (4, 2, 3), (8, 1, 3))]
    assert len(set(keys)) == 3
    assert exact_keys(pixels.reshape(1, 2, 4, 3).view(np.int8))[0] not in keys
    assert exact_keys(np.stack([pixels, pixels]).reshape(2, 2, 4, 3)) == [keys[0], keys[0]]


def test_progress_ends_with_the_last_image(smear):
    seen = []
    phash(smear.cells.images[:150], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (150, 150) and len(seen) > 1


def test_no_images_have_no_hashes():
    assert phash(np.empty((0, 96, 96, 3), np.uint8)).shape == (0,)
