"""The column is ImageHash's own; the hashes of all views are those of the turned pictures; exact keys see shape."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from bloodcells.cleaning.hashing import VIEWS, exact_keys, low_cosines, phash, view_hashes
from bloodcells.network.inference import dihedral


def shrunk(images: np.ndarray) -> np.ndarray:
    """What ImageHash looks at: (N, 32, 32) uint8."""
    return np.stack([Image.fromarray(one).convert("L").resize((32, 32), Image.Resampling.LANCZOS) for one in images])


def one_by_one(images: np.ndarray) -> np.ndarray:
    """ImageHash's number of each image: (N,) uint64."""
    return np.array([int(str(imagehash.phash(Image.fromarray(image))), 16) for image in images], np.uint64)


def test_the_column_is_what_imagehash_writes(smear):
    images = smear.cells.images[:20]
    assert phash(images).tolist() == [str(imagehash.phash(Image.fromarray(image))) for image in images]


@pytest.mark.parametrize("shape", [(60, 96, 96, 3), (3, 40, 75, 3), (30, 8, 8, 3)])
def test_the_first_view_hashes_as_imagehash_does(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    images[0], images[1] = 255 * (images[0] > 127), 127
    assert np.array_equal(view_hashes(low_cosines(shrunk(images)))[:, 0], one_by_one(images))


def test_the_eight_views_are_hashes_of_the_turned_images(smear):
    images = smear.cells.images[:60]
    views = view_hashes(low_cosines(shrunk(images)))
    for view in range(VIEWS):
        apart = np.bitwise_count(views[:, view] ^ one_by_one(np.ascontiguousarray(dihedral(images, view))))
        assert apart.mean() < 0.5 and apart.max() <= 4  # Pillow's passes round the other way round


def test_exact_keys_see_shape_and_dtype():
    pixels = np.arange(24, dtype=np.uint8)
    keys = [exact_keys(pixels.reshape(1, *shape))[0] for shape in ((2, 4, 3), (4, 2, 3), (8, 1, 3))]
    assert len(set(keys)) == 3
    assert exact_keys(pixels.reshape(1, 2, 4, 3).view(np.int8))[0] not in keys
    assert exact_keys(np.stack([pixels, pixels]).reshape(2, 2, 4, 3)) == [keys[0], keys[0]]


def test_progress_ends_with_the_last_image(smear):
    seen = []
    phash(smear.cells.images[:10], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10) and len(seen) > 1


def test_no_images_have_no_hashes():
    assert phash(np.empty((0, 96, 96, 3), np.uint8)).shape == (0,)
