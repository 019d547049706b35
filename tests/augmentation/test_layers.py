"""Six properties of every layer of ours: identity when not training, the exact result of an injected draw,
randomness between images and batches, eager and graph mode alike, range, dtype and labels kept, serialisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bloodcells.augmentation.degradation import RandomBlur, RandomJpeg, RandomPixelation, RandomShading
from bloodcells.augmentation.layers import (
    RandomAffine,
    RandomCoarseDropout,
    RandomDihedral,
    RandomFramedAffine,
    RandomGaussianNoise,
    RandomStain,
)

LAYERS = [
    RandomDihedral, RandomAffine, RandomStain, RandomGaussianNoise,
    RandomBlur, RandomPixelation, RandomJpeg, RandomShading, RandomFramedAffine, RandomCoarseDropout,
]  # fmt: skip


@pytest.fixture(autouse=True)
def seeded():
    tf.random.set_global_generator(tf.random.Generator.from_seed(1))


def batch(n: int = 8, size: int = 16) -> dict[str, tf.Tensor]:
    pixels = np.random.default_rng(0).uniform(1, 255, (1, size, size, 3)).astype(np.float32)
    return {"images": tf.constant(np.repeat(pixels, n, axis=0)), "labels": tf.eye(n, 8)}


@pytest.mark.parametrize("layer", LAYERS)
def test_is_the_identity_when_not_training(layer):
    cells = batch()
    np.testing.assert_array_equal(layer()(cells, training=False)["images"], cells["images"])


@pytest.mark.parametrize("layer", LAYERS)
def test_draws_for_every_image_and_every_batch_anew(layer):
    augment, cells = layer(), batch()
    first, second = (augment(cells, training=True)["images"].numpy() for _ in range(2))
    assert len({image.tobytes() for image in first}) > 3
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("layer", LAYERS)
def test_works_in_the_graph_of_a_pipeline_and_draws_anew_in_each_batch(layer):
    augment = layer()
    batches = tf.data.Dataset.from_tensors(batch()).repeat(2).map(lambda cells: augment(cells, training=True))
    first, second = (cells["images"].numpy() for cells in batches)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("layer", LAYERS)
def test_keeps_dtype_shape_range_and_labels(layer):
    cells = batch()
    augmented = layer()(cells, training=True)
    pixels = augmented["images"].numpy()
    assert pixels.dtype == np.float32
    assert pixels.shape == (8, 16, 16, 3)
    assert pixels.min() >= 0
    assert pixels.max() <= 255.001
    np.testing.assert_array_equal(augmented["labels"], cells["labels"])


@pytest.mark.parametrize("layer", LAYERS)
def test_is_no_no_op(layer):
    cells = batch()
    assert np.abs(layer()(cells, training=True)["images"] - cells["images"]).mean() > 1


@pytest.mark.parametrize("layer", LAYERS)
def test_survives_serialisation(layer):
    original = layer(rate=0.5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(original))
    assert again.get_config() == original.get_config()
    assert again.rate == 0.5


def test_every_argument_of_a_layer_is_serialised():
    config = RandomCoarseDropout(share=0.3, smallest=6.0).get_config()
    assert (config["share"], config["smallest"], config["rate"]) == (0.3, 6.0, 1.0)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_rate_of_zero_changes_nothing(layer):
    cells = batch()
    np.testing.assert_array_equal(layer(rate=0.0)(cells, training=True)["images"], cells["images"])


@pytest.mark.parametrize("layer", LAYERS)
def test_changes_the_share_of_the_images_that_it_was_told(layer):
    cells = batch(200)
    augmented = layer(rate=0.5)(cells, training=True)["images"]
    assert 0.3 < (augmented != cells["images"]).numpy().any(axis=(1, 2, 3)).mean() < 0.65


@pytest.mark.parametrize("orientation", range(8))
def test_dihedral_applies_the_orientation_it_was_given(orientation):
    pixels = batch(1)["images"]
    expected = pixels.numpy()[0]
    expected = expected[:, ::-1] if orientation & 1 else expected
    expected = expected[::-1] if orientation & 2 else expected
    expected = expected.transpose(1, 0, 2) if orientation & 4 else expected
    np.testing.assert_array_equal(RandomDihedral().augment_images(pixels, tf.constant([orientation]))[0], expected)


def test_affine_applies_the_matrix_it_was_given():
    pixels = batch(1)["images"]
    two_to_the_right = tf.constant([[1.0, 0, 2, 0, 1, 0, 0, 0]])
    moved = RandomAffine().augment_images(pixels, two_to_the_right)
    np.testing.assert_allclose(moved[:, :, :-2], pixels[:, :, 2:], atol=1e-3)


def test_affine_turns_about_the_centre():
    cells = np.zeros((64, 17, 17, 3), np.float32)
    cells[:, 8, 8] = 255
    turned = RandomAffine(zoom=1.0, stretch=1.0, shear=0.0, translation=0.0)(tf.constant(cells), training=True)
    np.testing.assert_allclose(turned[:, 8, 8], 255, atol=1)


def test_framed_affine_shows_the_colour_it_was_given_outside_the_picture():
    pixels = batch(1)["images"]
    two_to_the_right = tf.constant([[1.0, 0, 2, 0, 1, 0, 0, 0]])
    colour = tf.constant([[[[10.0, 20.0, 30.0]]]])
    moved = RandomFramedAffine().augment_images(pixels, (two_to_the_right, colour))
    np.testing.assert_allclose(moved[:, :, :-2], pixels[:, :, 2:], atol=1e-3)
    np.testing.assert_allclose(moved[:, :, -2:], np.broadcast_to(colour, (1, 16, 2, 3)), atol=1e-3)


def test_coarse_dropout_shows_the_cover_where_it_was_told():
    pixels = batch(1)["images"]
    hidden = tf.reshape(tf.range(256) < 40, (1, 16, 16, 1))
    covered = RandomCoarseDropout().augment_images(pixels, (hidden, tf.fill((1, 16, 16, 3), 7.0)))
    np.testing.assert_array_equal(covered, np.where(hidden, 7, pixels))


def test_coarse_dropout_hides_a_share_between_0_and_what_it_was_told_in_rectangles():
    images = tf.zeros((300, 96, 96, 3))
    hidden, cover = RandomCoarseDropout(share=0.5).get_random_transformation_batch(300, images=images)
    shares = hidden.numpy().mean(axis=(1, 2, 3))
    assert 0.2 < shares.mean() < 0.3
    assert shares.max() > 0.4
    along = hidden.numpy()[..., 0]
    assert (along[:, 1:] != along[:, :-1]).mean() < 0.1  # torn into noise, it would be 0.375
    assert cover.numpy().min() >= 0
    assert cover.numpy().max() <= 255


def test_stain_scales_the_optical_density_it_was_given():
    pixels = tf.constant([[[[255.0, 127.5, 255 / 8]]]])
    twice = RandomStain().augment_images(pixels, (tf.constant(2.0), tf.constant(0.0)))
    np.testing.assert_allclose(twice[0, 0, 0], [255, 255 / 4, 255 / 64], rtol=1e-4)


def test_noise_has_the_deviation_it_was_told_in_pixels():
    grey = tf.fill((200, 16, 16, 3), 127.0)
    deviations = RandomGaussianNoise(stddev=20.0)(grey, training=True).numpy().std(axis=(1, 2, 3))
    assert 8 < deviations.mean() < 12
    assert deviations.max() < 22


def test_noise_adds_what_was_drawn_and_clips():
    noisy = RandomGaussianNoise().augment_images(
        tf.constant([[[[250.0, 5.0, 100.0]]]]), tf.constant([20.0, -20.0, 1.0])
    )
    np.testing.assert_array_equal(noisy[0, 0, 0], [255, 0, 101])
