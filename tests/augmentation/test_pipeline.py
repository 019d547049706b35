from collections.abc import Callable
from functools import cache

import keras_cv
import numpy as np
import pytest
import tensorflow as tf
from competitions import BLOOD

from bloodcells.augmentation import pipeline
from bloodcells.augmentation.pipeline import training_batches
from bloodcells.augmentation.policies import POLICIES, Policy
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear


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


def test_beside_an_accelerator_the_batches_are_augmented_at_once_and_stay_in_order(cells, monkeypatch):
    serial = training_batches(cells, "none", 16, 0, 0, 1)
    expected = epochs(cells)
    monkeypatch.setattr(pipeline, "accelerators", lambda: ["gpu:0"])
    parallel = training_batches(cells, "none", 16, 0, 0, 1)
    assert (mapping(serial), mapping(parallel)) == ("MapDataset", "ParallelMapDataset")
    for (pixels, _), (found, _) in zip(expected, parallel.as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(found, pixels)


def mapping(batches: tf.data.Dataset) -> str:
    """How the batches are augmented, by the name of TensorFlow's class."""
    (prefetched,) = batches._inputs()
    return type(prefetched).__name__.strip("_")


@pytest.fixture(scope="module")
def two_pictures(cells) -> CellSet:
    """A cell and noise, 32 times each: whatever differs between two of a kind, a policy has made."""
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    return CellSet(
        np.tile(np.stack([cells.images[0], noise]), (32, 1, 1, 1)),
        np.tile([0, 1], 32).astype(np.int64),
        "two pictures",
        BLOOD,
    )


@pytest.fixture(scope="module")
def an_epoch_of(two_pictures) -> Callable[[str], list[tuple[np.ndarray, np.ndarray]]]:
    """Eight batches of a policy; each policy is traced once for all tests."""
    return cache(lambda policy: epochs(two_pictures, policy, batch_size=8))


@pytest.mark.parametrize("policy", POLICIES)
def test_pixels_stay_in_range_and_labels_stay_distributions(an_epoch_of, policy):
    for pixels, labels in an_epoch_of(policy):
        assert pixels.dtype == labels.dtype == np.float32
        assert pixels.min() >= 0
        assert pixels.max() <= 255
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("policy", [policy for policy in POLICIES if policy != "none"])
def test_an_augmenting_policy_changes_the_cells_each_in_its_own_way(an_epoch_of, two_pictures, policy):
    pixels = np.concatenate([pixels[-8:] for pixels, _ in an_epoch_of(policy)])
    assert len({image.tobytes() for image in pixels}) > 12
    changes = np.abs(pixels[:, None] - two_pictures.images[None, :2].astype(np.float32)).mean(axis=(2, 3, 4))
    assert changes.min(axis=1).mean() > 1


@pytest.mark.parametrize("policy", [policy for policy in POLICIES if policy not in ("none", "flips")])
def test_operations_are_drawn_anew_in_every_batch(an_epoch_of, policy):
    """A layer that draws while it is traced would repeat its operations for the whole run."""
    fingerprints = {tuple(sorted(pixels.std(axis=(1, 2, 3)).round(2))) for pixels, _ in an_epoch_of(policy)}
    assert len(fingerprints) == 8


@pytest.mark.trains
@pytest.mark.parametrize("policy", ["gridmask", "augmix", "mixup"])
def test_equal_seeds_give_equal_pictures(cells, policy):
    """GridMask draws in one loop, AugMix in three, MixUp in none."""
    first, again = epochs(cells, policy, last=8), epochs(cells, policy, last=8)
    for (pixels, labels), (found, own) in zip(first, again, strict=True):
        np.testing.assert_array_equal(found, pixels)
        np.testing.assert_array_equal(own, labels)


_SLOW = ("randaugment", "augmix", "chain", "full")


@pytest.mark.trains
@pytest.mark.parametrize("policy", [pytest.param(one, marks=[pytest.mark.slow] * (one in _SLOW)) for one in POLICIES])
def test_a_resumed_run_sees_the_pictures_that_an_uninterrupted_one_sees(cells, policy):
    whole = epochs(cells, policy, last=3)
    resumed = epochs(cells, policy, first=2, last=3)
    for (pixels, labels), (found, own) in zip(whole[-len(resumed) :], resumed, strict=True):
        np.testing.assert_array_equal(found, pixels)
        np.testing.assert_array_equal(own, labels)


@pytest.mark.trains
@pytest.mark.parametrize("policy", ["flips", "augmix", "mixup", "cutmix"])
def test_a_batch_of_one_passes(cells, policy):
    pixels, labels = epochs(cells.take(np.arange(1)), policy, batch_size=1)[0]
    assert pixels.shape[1:] == (96, 96, 3)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)


@pytest.mark.trains
def test_a_consistency_loss_gets_three_views_of_the_same_cells(cells):
    pixels, labels = epochs(cells, "augmix", batch_size=8)[0]
    views = np.split(pixels, 3)
    for view, label in zip(views[1:], np.split(labels, 3)[1:], strict=True):
        np.testing.assert_array_equal(label, labels[:8])
        assert np.abs(view - views[0]).mean() > 1
        correlation = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(view, views[0], strict=True)]
        assert np.median(correlation) > 0.5
    assert np.abs(views[1] - views[2]).mean() > 1


@pytest.mark.trains
def test_the_first_view_is_an_orientation_of_the_cell(cells):
    pixels, _ = epochs(cells.take(np.arange(1)), "augmix", batch_size=1)[0]
    assert np.sort(pixels[0], axis=None).tolist() == np.sort(cells.images[0], axis=None).tolist()


def black_and_white(count: int = 400) -> CellSet:
    """Cells of two classes, all black and all white, so that a mixed picture tells its shares."""
    labels = np.arange(count) % 2
    return CellSet(np.repeat(labels * 255, 96 * 96 * 3).reshape(-1, 96, 96, 3).astype(np.uint8), labels, "two", BLOOD)


@pytest.mark.parametrize("policy", ["mixup", "cutmix"])
def test_mixed_labels_are_the_shares_of_the_pixels(policy):
    pixels, labels = epochs(black_and_white(), policy, batch_size=400)[0]
    share = pixels.mean(axis=(1, 2, 3)) / 255
    mixed = (labels[:, 1] > 0.01) & (labels[:, 1] < 0.99)
    assert 0.2 < mixed.mean() < 0.7
    np.testing.assert_allclose(share, labels[:, 1], atol=0.03)


def test_the_shares_of_mixup_follow_their_beta_distribution():
    from scipy.stats import beta, kstest

    _, labels = epochs(black_and_white(1000), "mixup", batch_size=1000)[0]
    white = labels[:, 1][(labels[:, 1] > 0) & (labels[:, 1] < 1)]
    # Black mixed into white shows lambda, white into black 1 - lambda; the distribution is the same.
    assert kstest(white, beta(0.4, 0.4).cdf).pvalue > 0.001


def test_the_shares_of_cutmix_are_spread_evenly():
    from scipy.stats import kstest

    _, labels = epochs(black_and_white(1000), "cutmix", batch_size=1000)[0]
    white = labels[:, 1][(labels[:, 1] > 0) & (labels[:, 1] < 1)]
    assert kstest(white, "uniform").pvalue > 0.001


def test_mixing_refuses_labels_that_are_no_distributions():
    mixing, _ = pipeline._application(Policy("mix", list, mixing=keras_cv.layers.MixUp))
    batch = {"images": tf.zeros((4, 96, 96, 3)), "labels": tf.constant([0, 1, 2, 3])}
    with pytest.raises(ValueError, match=r"float one-hot labels \(N, C\), got <dtype: 'int32'>"):
        mixing(batch)


def test_the_share_that_is_to_stay_untouched_does():
    apply, _ = pipeline._application(
        Policy("negative", lambda: [lambda batch, training: batch, negative]), untouched=0.3
    )
    batch = {"images": tf.fill((400, 4, 4, 3), 100.0), "labels": tf.ones((400, 1))}
    tf.random.set_global_generator(tf.random.Generator.from_seed(1))
    first = apply(dict(batch))["images"].numpy()
    assert set(np.unique(first)) == {100.0, 155.0}
    assert 0.22 < (first[:, 0, 0, 0] == 100).mean() < 0.38
    assert (first == first[:, :1, :1, :1]).all()


def negative(batch, training):
    return {**batch, "images": 255 - batch["images"]}


def test_the_layers_of_a_chain_change_places_between_batches():
    """Grey 100 through "add 64, at most 255" and "negate": the order shows in the result."""

    def nothing(batch, training):
        return batch

    def brighten(batch, training):
        return {**batch, "images": tf.minimum(batch["images"] + 64, 255)}

    def negate(batch, training):
        return {**batch, "images": 255 - batch["images"]}

    tf.random.set_global_generator(tf.random.Generator.from_seed(1))
    apply, _ = pipeline._application(Policy("two", lambda: [nothing, brighten, negate], shuffled=True))
    batch = {"images": tf.fill((1, 4, 4, 3), 100.0), "labels": tf.ones((1, 1))}
    results = {float(apply(batch)["images"][0, 0, 0, 0]) for _ in range(20)}
    assert results == {255.0 - 164.0, 155.0 + 64.0}
