"""The calibration: planted copies lie on one side of the thresholds, distinct cells on the other."""

import numpy as np
import pytest

from bloodcells.cleaning import CleaningSettings
from bloodcells.cleaning.calibration import Calibration, calibrate
from bloodcells.cleaning.copies import CHANGES

SETTINGS = CleaningSettings()


@pytest.fixture(scope="module")
def calibration(sound) -> Calibration:
    return calibrate(sound, SETTINGS, n_cells=200, copies_per_kind=30)


def test_copies_and_cells_are_told_apart(calibration):
    copies = (calibration.copy_distance <= SETTINGS.max_distance) & (
        calibration.copy_similarity >= SETTINGS.min_similarity
    )
    assert copies.mean() >= 0.98
    assert (calibration.pair_similarity < SETTINGS.min_similarity).all()


def test_every_pair_and_every_copy_is_counted_once(calibration):
    assert calibration.n_cells == 200
    assert calibration.pair_distance.sum() == 200 * 199 // 2
    assert len(calibration.kind) == len(calibration.copy_distance) == 30 * len(CHANGES)


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_changes_the_image_and_keeps_its_shape(sound, kind):
    image = sound.images[0]
    changed = CHANGES[kind](image, np.random.default_rng(0))
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert (changed != image).mean() > 0.02


def test_a_seed_decides(sound):
    one, again, other = (calibrate(sound, SETTINGS, 40, 5, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.copy_similarity, again.copy_similarity)
    assert not np.array_equal(one.copy_similarity, other.copy_similarity)
