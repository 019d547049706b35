import numpy as np
import pytest

from bloodcells.augmentation.pipeline import augmented_images, training_batches
from bloodcells.augmentation.policies import POLICIES, policy_layers
from bloodcells.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.sources.synthetic import FEWEST_CELLS, draw_smear


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return draw_smear(FEWEST_CELLS, seed=3).cells


def epochs(cells, policy="none", first=0, last=1, seed=0, batch_size=16):
    return [
        (pixels.numpy(), labels.numpy())
        for pixels, labels in training_batches(cells, policy, batch_size, seed, first, last)
    ]


def test_none_gives_every_cell_once_with_its_label(cells):
    batches = epochs(cells, batch_size=1)
    assert len(batches) == len(cells)
    seen = {pixels.astype(np.uint8).tobytes(): labels.argmax() for pixels, labels in batches}
    assert all(seen[image.tobytes()] in cells.labels[(cells.images == image).all((1, 2, 3))] for image in cells.images)


def test_a_last_smaller_batch_is_dropped(cells):
    assert [len(pixels) for pixels, _ in epochs(cells, batch_size=16)] == [16] * (len(cells) // 16)


def test_a_resumed_run_sees_the_order_that_an_uninterrupted_one_sees(cells):
    whole, resumed = epochs(cells, last=3), epochs(cells, first=2, last=3)
    for (expected, _), (found, _) in zip(whole[-len(resumed) :], resumed, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_epochs_and_seeds_have_orders_of_their_own(cells):
    first, second = epochs(cells, last=1)[0][0], epochs(cells, first=1, last=2)[0][0]
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, epochs(cells, seed=1)[0][0])


@pytest.mark.parametrize("policy", POLICIES)
def test_pixels_stay_in_range_and_labels_stay_distributions(cells, policy):
    pixels, labels = epochs(cells, policy)[0]
    assert pixels.dtype == labels.dtype == np.float32
    assert pixels.min() >= 0
    assert pixels.max() <= 255
    np.testing.assert_allclose(labels.sum(axis=1), 1)


@pytest.mark.parametrize("policy", [policy for policy in POLICIES if policy != "none"])
def test_an_augmenting_policy_changes_the_cells_each_in_its_own_way(cells, policy):
    twins = np.repeat(cells.images[:1], 8, axis=0)
    seen = augmented_images(twins, policy, seed=0)
    assert len({image.tobytes() for image in seen}) > 3
    assert np.abs(seen.astype(float) - twins).mean() > 1


def test_operations_are_drawn_anew_in_every_batch():
    """A layer that draws while it is traced would repeat its operations for the whole run."""
    grey = CellSet(np.full((160, 96, 96, 3), 90, np.uint8), np.zeros(160, np.int64), "grey")
    means = [pixels.mean(axis=(1, 2, 3)) for pixels, _ in epochs(grey, "randaugment", batch_size=8)]
    assert len({mean.tobytes() for mean in means}) == len(means)
    assert all(len(np.unique(mean.round(3))) > 2 for mean in means)


def test_an_unknown_policy_is_refused_with_the_list_of_known_ones():
    with pytest.raises(KitError, match="none, flips, randaugment, chain, got 'rand'"):
        policy_layers("rand")
