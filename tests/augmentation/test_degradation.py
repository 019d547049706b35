"""The exact results of injected draws, and the ranges of drawn ones; what all layers share is in `test_layers`."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from bloodcells.augmentation.degradation import RandomBlur, RandomJpeg, RandomPixelation, RandomShading
from bloodcells.data.jpeg import through_jpeg


@pytest.fixture(autouse=True)
def seeded():
    tf.random.set_global_generator(tf.random.Generator.from_seed(1))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 255, (2, 32, 32, 3)).astype(np.float32)


def kernel(stddev: float) -> np.ndarray:
    place = np.arange(-5, 6)
    weights = np.exp(-(place**2) / (2 * stddev**2))
    weights /= weights.sum()
    return np.outer(weights, weights).astype(np.float32)


def test_blur_convolves_each_image_with_the_kernel_it_was_given(pixels):
    blurred = RandomBlur().augment_images(tf.constant(pixels), tf.constant(np.stack([kernel(0.05), kernel(1.5)])))
    np.testing.assert_allclose(blurred[0], pixels[0], atol=1e-3)
    expected = gaussian_filter(pixels[1], (1.5, 1.5, 0), mode="mirror", truncate=5 / 1.5)
    np.testing.assert_allclose(blurred[1], expected, atol=0.05)


def test_blur_draws_kernels_that_keep_the_brightness_and_have_two_widths():
    kernels = RandomBlur(stddev=2.0).get_random_transformation_batch(100).numpy()
    np.testing.assert_allclose(kernels.sum(axis=(1, 2)), 1, atol=1e-5)
    spread = np.array([np.linalg.eigvalsh(np.cov(*np.mgrid[-5:6, -5:6].reshape(2, -1), aweights=k.ravel()))
                       for k in kernels])  # fmt: skip
    assert spread[:, 1].max() < 2.2**2
    assert np.median(spread[:, 1] / np.maximum(spread[:, 0], 1e-3)) > 1.5


def test_pixelation_shows_the_middle_of_each_block(pixels):
    coarse = RandomPixelation().augment_images(tf.constant(pixels), tf.constant([1.0, 4.0]))
    np.testing.assert_array_equal(coarse[0], pixels[0])
    np.testing.assert_array_equal(coarse[1], np.repeat(np.repeat(pixels[1, 2::4, 2::4], 4, 0), 4, 1))


def test_jpeg_compresses_as_pillow_does(pixels):
    smooth = gaussian_filter(pixels, (0, 3, 3, 0))
    compressed = RandomJpeg().augment_images(tf.constant(smooth), tf.constant([90, 30]))
    for before, after, quality in zip(smooth, compressed, (90, 30), strict=True):
        np.testing.assert_allclose(after, through_jpeg(np.rint(before).astype(np.uint8), quality), atol=6)


def test_jpeg_draws_within_its_range():
    drawn = RandomJpeg(quality=20).get_random_transformation_batch(400).numpy()
    assert drawn.min() >= 20
    assert drawn.max() <= 60


def test_shading_multiplies_with_the_plane_it_was_given():
    grey = tf.fill((1, 3, 3, 3), 100.0)
    shaded = RandomShading().augment_images(grey, tf.constant([[-0.2, 0.5, 0.1]]))
    np.testing.assert_allclose(shaded[0, :, :, 0], [[20, 70, 120], [30, 80, 130], [40, 90, 140]], atol=1e-3)
