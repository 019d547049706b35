import itertools

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.corruption import medmnist_c
from bloodcells.errors import KitError


@pytest.fixture(scope="module")
def cells(cells):
    return cells.take(np.arange(12))


def change(cells, corruption, severity):
    corrupted = medmnist_c.corrupt(cells, corruption, severity, seed=0)
    assert (corrupted.images.dtype, corrupted.images.shape) == (np.uint8, cells.images.shape)
    return np.abs(corrupted.images.astype(float) - cells.images).mean()


@pytest.mark.parametrize("corruption", medmnist_c.CORRUPTIONS)
def test_shows_and_never_gets_milder(cells, corruption):
    before = cells.images.copy()
    changes = [change(cells, corruption, severity) for severity in medmnist_c.SEVERITIES]
    assert changes[0] > 0.3
    assert changes[-1] < 110
    assert all(later >= earlier for earlier, later in itertools.pairwise(changes))
    assert changes[-1] > changes[0]
    np.testing.assert_array_equal(cells.images, before)


@pytest.mark.parametrize("corruption", ["motion_blur", "stain_deposit", "bubble"])
def test_a_random_corruption_is_frozen_by_seed_and_index(cells, corruption):
    whole = medmnist_c.corrupt(cells, corruption, 3, seed=1).images
    np.testing.assert_array_equal(medmnist_c.corrupt(cells.take(np.arange(4)), corruption, 3, seed=1).images, whole[:4])
    assert not np.array_equal(medmnist_c.corrupt(cells, corruption, 3, seed=2).images, whole)


def test_brightness_is_the_published_factor():
    from bloodcells.data.cells import CellSet

    grey = CellSet(np.full((1, 96, 96, 3), 100, np.uint8), np.zeros(1, np.int64), "grey", BLOOD)
    assert (medmnist_c.corrupt(grey, "brightness_down", 5, 0).images == 50).all()
    assert (medmnist_c.corrupt(grey, "brightness_up", 1, 0).images == 110).all()


def test_unknown_names_are_refused_with_the_known_ones(cells):
    with pytest.raises(KitError, match=r"expected one of pixelate, .*bubble, got 'fog'"):
        medmnist_c.corrupt(cells, "fog", 1, 0)
    with pytest.raises(KitError, match="expected 1, 2, 3, 4 or 5, got 6"):
        medmnist_c.corrupt(cells, "bubble", 6, 0)
