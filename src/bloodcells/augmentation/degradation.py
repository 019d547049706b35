"""What a bad camera and a small file do to a cell, as training layers: blur, lost resolution, compression, shading.

Their forms differ from those that the benchmarks test with (`bloodcells.corruption`): one anisotropic Gaussian instead
of a disc and a straight line, nearest samples instead of areas, TensorFlow's JPEG instead of Pillow's.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from bloodcells.augmentation.layers import ImageAugmentation, turned

_RADIUS = 5  # pixels of a blur kernel on each side of its centre
_NARROWEST = 0.3  # pixels; a narrower Gaussian falls between the points of the grid


@keras.saving.register_keras_serializable("bloodcells")
class RandomBlur(ImageAugmentation):
    """A Gaussian blur of two widths at any angle: out of focus when they are alike, moved when they are not.

    A draw is (N, 11, 11) float32, a kernel for each image that sums to 1.

    Args:
        stddev: both widths are uniform in 0.3..stddev, pixels; from 2.5 on the kernel's edge cuts them off.
        rate: share of images that are changed.
    """

    def __init__(self, stddev: float = 2.0, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(rate=rate, **kwargs)
        self.stddev = stddev

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Draw a kernel for every image."""
        uniform = self._random_generator.uniform((batch_size, 3))
        angle = uniform[:, 2, None, None] * math.pi
        widths = _NARROWEST + uniform[:, :2] * (self.stddev - _NARROWEST)
        place = tf.range(-_RADIUS, _RADIUS + 1, dtype=tf.float32)
        along, across = turned(place, angle)
        exponent = (along / widths[:, 0, None, None]) ** 2 + (across / widths[:, 1, None, None]) ** 2
        kernels = tf.exp(-exponent / 2)
        return kernels / tf.reduce_sum(kernels, axis=(1, 2), keepdims=True)

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Convolve each image with its kernel, mirrored at the border; images become channels of one image."""
        count, size, channels = tf.shape(images)[0], images.shape[1], images.shape[3]
        side_by_side = tf.reshape(tf.transpose(images, (1, 2, 0, 3)), (1, size, size, count * channels))
        padded = tf.pad(side_by_side, [[0, 0], [_RADIUS, _RADIUS], [_RADIUS, _RADIUS], [0, 0]], mode="REFLECT")
        kernels = tf.repeat(tf.transpose(transformations, (1, 2, 0)), channels, axis=2)[..., None]
        blurred = tf.nn.depthwise_conv2d(padded, kernels, (1, 1, 1, 1), "VALID")
        return tf.transpose(tf.reshape(blurred, (size, size, count, channels)), (2, 0, 1, 3))


@keras.saving.register_keras_serializable("bloodcells")
class RandomPixelation(ImageAugmentation):
    """Fewer pixels than the image has: each block shows the pixel in its middle.

    A draw is (N,) float32, the side of the blocks in pixels, at least 1.

    Args:
        side: the sides are uniform in 1..side, pixels, whole or not.
        rate: share of images that are changed.
    """

    def __init__(self, side: float = 4.0, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(rate=rate, **kwargs)
        self.side = side

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Draw a side for every image."""
        return self._random_generator.uniform((batch_size,), 1.0, self.side)

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Show the pixel in the middle of each block: rows are gathered first, then columns of what is left."""
        side = transformations[:, None]
        place = tf.range(images.shape[1], dtype=tf.float32)[None]
        middle = tf.cast((tf.floor(place / side) + 0.5) * side, tf.int32)
        middle = tf.minimum(middle, images.shape[1] - 1)
        rows = tf.gather(images, middle, axis=1, batch_dims=1)
        return tf.gather(rows, middle, axis=2, batch_dims=1)


@keras.saving.register_keras_serializable("bloodcells")
class RandomJpeg(ImageAugmentation):
    """JPEG compression and back. KerasCV's layer takes pixels of 0..1 and returns white for 0..255.

    A draw is (N,) int32, the quality 1..100.

    Args:
        quality: the qualities are uniform in quality..60.
        rate: share of images that are changed.
    """

    def __init__(self, quality: int = 8, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(rate=rate, **kwargs)
        self.quality = quality

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Draw a quality for every image."""
        return self._random_generator.uniform((batch_size,), self.quality, 61, tf.int32)

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Compress the images one by one."""

        def compress(pair: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            image, quality = pair
            pixels = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
            encoded = tf.raw_ops.EncodeJpegVariableQuality(images=pixels, quality=quality)
            return tf.cast(tf.io.decode_jpeg(encoded, channels=3), tf.float32)

        compressed = tf.map_fn(compress, (images, transformations), fn_output_signature=tf.float32)
        return tf.ensure_shape(compressed, images.shape)


@keras.saving.register_keras_serializable("bloodcells")
class RandomShading(ImageAugmentation):
    """Light that falls off towards one side, and is brighter or darker as a whole.

    A draw is (N, 3) float32: the whole gain minus 1, and its slopes to the right and downwards.

    Args:
        gain: the gain in the middle is uniform in 1-gain..1+gain.
        slope: its changes from the middle to an edge are uniform in -slope..slope.
        rate: share of images that are changed.
    """

    def __init__(self, gain: float = 0.3, slope: float = 0.4, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(rate=rate, **kwargs)
        self.gain, self.slope = gain, slope

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Draw a gain and two slopes for every image."""
        uniform = self._random_generator.uniform((batch_size, 3), -1.0, 1.0)
        return uniform * tf.constant([self.gain, self.slope, self.slope])

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Multiply each image with its plane of gains and clip."""
        place = tf.linspace(-1.0, 1.0, images.shape[1])
        whole, right, down = (transformations[:, i, None, None, None] for i in range(3))
        gains = 1 + whole + right * place[None, None, :, None] + down * place[None, :, None, None]
        return tf.clip_by_value(images * gains, 0.0, 255.0)
