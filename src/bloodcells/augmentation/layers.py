"""Augmentation layers that KerasCV lacks, with the random draw apart from its application.

Each works on batches inside ``tf.data`` (and eagerly), draws for every image on its own, and takes and
returns pixels 0..255 float32. ``get_random_transformation_batch`` draws, ``augment_images`` applies, so a
test can inject the draw.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras_cv.layers import VectorizedBaseImageAugmentationLayer


class ImageAugmentation(VectorizedBaseImageAugmentationLayer):
    """A layer that changes the pixels of some of the images and leaves their labels alone.

    Args:
        rate: share of images that are changed, 0..1.
    """

    def __init__(self, rate: float = 1.0, **kwargs: Any) -> None:
        """Keep the share; everything else is Keras'."""
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs: Any, training: bool = True) -> Any:
        """Augment while training; KerasCV's base class would augment always."""
        return super().call(inputs) if training else inputs

    def chosen(self, batch_size: tf.Tensor) -> tf.Tensor:
        """Draw which images are changed: (N,) float32, 1 with probability ``rate``, else 0."""
        return tf.cast(self._random_generator.uniform((batch_size,)) < self.rate, tf.float32)

    def augment_labels(self, labels: tf.Tensor, transformations: Any, **kwargs: Any) -> tf.Tensor:
        """Labels as they are."""
        return labels

    def get_config(self) -> dict[str, Any]:
        """The arguments, for serialisation."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("bloodcells")
class RandomDihedral(ImageAugmentation):
    """One of the eight orientations of a square: a smear has no up and no left.

    A draw is (N,) int32 in 0..7: bit 0 mirrors left-right, bit 1 up-down, bit 2 transposes.
    """

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Draw an orientation for every image."""
        return self._random_generator.uniform((batch_size,), 0, 8, tf.int32)

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Gather each image's pixels in the drawn order: ten times as fast as mirroring all and selecting."""
        size, channels = images.shape[1], images.shape[3]
        order = tf.gather(tf.constant(_dihedral_orders(size)), transformations)
        pixels = tf.gather(tf.reshape(images, (-1, size * size, channels)), order, batch_dims=1)
        return tf.reshape(pixels, (-1, size, size, channels))


def _dihedral_orders(size: int) -> np.ndarray:
    """For each of the eight orientations, where each output pixel comes from: (8, size * size) int32."""
    orders = []
    for orientation in range(8):
        order = np.arange(size * size, dtype=np.int32).reshape(size, size)
        order = order[:, ::-1] if orientation & 1 else order
        order = order[::-1] if orientation & 2 else order
        orders.append((order.T if orientation & 4 else order).ravel())
    return np.stack(orders)


@keras.saving.register_keras_serializable("bloodcells")
class RandomAffine(ImageAugmentation):
    """Rotation, zoom, shear and translation in one resampling, mirrored at the border.

    KerasCV offers the four one by one; composed first, they cost one interpolation and blur once.
    A draw is (N, 8) float32, the rows of `tf.raw_ops.ImageProjectiveTransformV3`: output to input
    coordinates, pixels.

    Args:
        rotation: largest angle, degrees.
        zoom: the scale is log-uniform in 1/zoom..zoom.
        stretch: the ratio of the two axes' scales is log-uniform in 1/stretch..stretch.
        shear: largest shear, as a share of the height.
        translation: largest shift, as a share of the side.
        rate: share of images that are changed.
    """

    def __init__(
        self,
        rotation: float = 180.0,
        zoom: float = 1.3,
        stretch: float = 1.15,
        shear: float = 0.15,
        translation: float = 0.15,
        rate: float = 1.0,
        **kwargs: Any,
    ) -> None:
        """Keep the ranges."""
        super().__init__(rate=rate, **kwargs)
        self.rotation, self.zoom, self.stretch = rotation, zoom, stretch
        self.shear, self.translation = shear, translation

    def get_random_transformation_batch(
        self, batch_size: tf.Tensor, images: tf.Tensor | None = None, **kwargs: Any
    ) -> tf.Tensor:
        """Draw a matrix for every image; those not chosen get the identity."""
        uniform = self._random_generator.uniform((batch_size, 6), -1.0, 1.0) * self.chosen(batch_size)[:, None]
        angle = uniform[:, 0] * (self.rotation * 3.141592653589793 / 180)
        scale = tf.exp(uniform[:, 1] * tf.math.log(self.zoom))
        stretch = tf.exp(uniform[:, 2] * tf.math.log(self.stretch) / 2)
        across, down, shear = stretch / scale, 1 / (stretch * scale), uniform[:, 3] * self.shear
        size = tf.cast(tf.shape(images)[1], tf.float32)
        matrix = tf.stack(
            [
                across * tf.cos(angle),
                across * (shear * tf.cos(angle) - tf.sin(angle)),
                down * tf.sin(angle),
                down * (shear * tf.sin(angle) + tf.cos(angle)),
            ],
            axis=1,
        )
        centre = (size - 1) / 2
        shift = uniform[:, 4:] * self.translation * size
        to_x = centre - (matrix[:, 0] + matrix[:, 1]) * centre + shift[:, 0]
        to_y = centre - (matrix[:, 2] + matrix[:, 3]) * centre + shift[:, 1]
        nothing = tf.zeros((batch_size, 2))
        return tf.concat([matrix[:, :2], to_x[:, None], matrix[:, 2:], to_y[:, None], nothing], axis=1)

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Resample each image bilinearly through its matrix."""
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transformations,
            output_shape=tf.shape(images)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments, for serialisation."""
        ranges = {name: getattr(self, name) for name in ("rotation", "zoom", "stretch", "shear", "translation")}
        return {**super().get_config(), **ranges}


@keras.saving.register_keras_serializable("bloodcells")
class RandomStain(ImageAugmentation):
    """Optical-density jitter: the amount of each channel's stain and the brightness of the lamp.

    Light through a stain falls exponentially with its amount (Beer-Lambert), so staining differences are
    factors on ``-log(pixel / 255)`` (Tellez et al. 2018, doi:10.1109/TMI.2018.2820199, in RGB).
    A draw is a pair of (N, 1, 1, 3) float32: factors on the densities, and densities added.

    Args:
        amount: the factors are uniform in 1-amount..1+amount.
        offset: the added densities are uniform in -offset..offset.
        rate: share of images that are changed.
    """

    def __init__(self, amount: float = 0.4, offset: float = 0.1, rate: float = 1.0, **kwargs: Any) -> None:
        """Keep the ranges."""
        super().__init__(rate=rate, **kwargs)
        self.amount, self.offset = amount, offset

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw factors and offsets for every image; those not chosen get 1 and 0."""
        chosen = self.chosen(batch_size)[:, None, None, None]
        shape = (batch_size, 1, 1, 3)
        factors = 1 + chosen * self._random_generator.uniform(shape, -self.amount, self.amount)
        return factors, chosen * self._random_generator.uniform(shape, -self.offset, self.offset)

    def augment_images(
        self, images: tf.Tensor, transformations: tuple[tf.Tensor, tf.Tensor], **kwargs: Any
    ) -> tf.Tensor:
        """Scale and shift the optical densities."""
        factors, offsets = transformations
        density = -tf.math.log(tf.clip_by_value(images, 1.0, 255.0) / 255.0)
        return tf.clip_by_value(255.0 * tf.exp(-(density * factors + offsets)), 0.0, 255.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for serialisation."""
        return {**super().get_config(), "amount": self.amount, "offset": self.offset}


@keras.saving.register_keras_serializable("bloodcells")
class RandomGaussianNoise(ImageAugmentation):
    """Additive Gaussian noise in pixel units, clipped to 0..255.

    Keras' own layer takes a standard deviation of at most 1, which is nothing on pixels of 0..255.
    A draw is (N, H, W, 3) float32, the noise itself.

    Args:
        stddev: the standard deviation of an image's noise is uniform in 0..stddev, pixels.
        rate: share of images that are changed.
    """

    def __init__(self, stddev: float = 25.0, rate: float = 1.0, **kwargs: Any) -> None:
        """Keep the range."""
        super().__init__(rate=rate, **kwargs)
        self.stddev = stddev

    def get_random_transformation_batch(
        self, batch_size: tf.Tensor, images: tf.Tensor | None = None, **kwargs: Any
    ) -> tf.Tensor:
        """Draw the noise of every image; those not chosen get zeros."""
        stddev = self.chosen(batch_size) * self._random_generator.uniform((batch_size,), 0.0, self.stddev)
        return stddev[:, None, None, None] * self._random_generator.normal(tf.shape(images))

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Add the noise and clip."""
        return tf.clip_by_value(images + transformations, 0.0, 255.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for serialisation."""
        return {**super().get_config(), "stddev": self.stddev}
