"""Augmentation layers that KerasCV lacks, with the random draw apart from its application.

Each works on batches inside ``tf.data`` (and eagerly), draws for every image on its own, and takes and
returns pixels 0..255 float32. ``get_random_transformation_batch`` draws, ``augment_images`` applies, so a
test can inject the draw; both see only the images that are to be changed.
"""

import inspect
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras_cv.layers import VectorizedBaseImageAugmentationLayer

from bloodcells.network.inference import dihedral

_NO_ARGUMENTS = ("self", "kwargs")
_VIEW_OF_DRAW = (0, 4, 6, 2, 7, 1, 3, 5)  # of `dihedral`: bits 0 and 1 mirror, bit 2 then transposes
_BOARD = 29  # rectangles of a torn board along each side, before it repeats


class ImageAugmentation(VectorizedBaseImageAugmentationLayer):
    """A layer that changes the pixels of some of the images and leaves their labels alone.

    Args:
        rate: share of images that are changed, 0..1.
    """

    def __init__(self, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs: Any, training: bool = True) -> Any:
        """Augment (N, H, W, 3) images, alone or in a batch, while training; KerasCV's base class would do it always."""
        if not training:
            return inputs
        if isinstance(inputs, dict):
            return {**inputs, "images": self._augmented(inputs["images"])}
        return self._augmented(inputs)

    def _augmented(self, images: tf.Tensor) -> tf.Tensor:
        """The images, those that the rate hits changed: a layer works on no more than these."""
        images = tf.cast(images, self.compute_dtype)
        augment = super().call
        if self.rate >= 1:
            return augment(images)
        hit = tf.where(self._random_generator.uniform((tf.shape(images)[0],)) < self.rate)
        return tf.cond(
            tf.size(hit) > 0,
            lambda: tf.tensor_scatter_nd_update(images, hit, augment(tf.gather_nd(images, hit))),
            lambda: images,
        )

    def augment_labels(self, labels: tf.Tensor, transformations: Any, **kwargs: Any) -> tf.Tensor:
        """The labels as they are: a changed picture shows the same cell."""
        return labels

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, for serialisation: a layer keeps each under its name."""
        arguments = [name for name in inspect.signature(type(self).__init__).parameters if name not in _NO_ARGUMENTS]
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments}}


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
    places = np.arange(size * size, dtype=np.int32).reshape(1, size, size)
    return np.stack([dihedral(places, view).ravel() for view in _VIEW_OF_DRAW])


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
        super().__init__(rate=rate, **kwargs)
        self.rotation, self.zoom, self.stretch = rotation, zoom, stretch
        self.shear, self.translation = shear, translation

    def get_random_transformation_batch(
        self, batch_size: tf.Tensor, images: tf.Tensor | None = None, **kwargs: Any
    ) -> tf.Tensor:
        """Draw a matrix for every image."""
        uniform = self._random_generator.uniform((batch_size, 6), -1.0, 1.0)
        angle = uniform[:, 0] * (self.rotation * math.pi / 180)
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
        return _resampled(images, transformations, "REFLECT")


def _resampled(images: tf.Tensor, matrices: tf.Tensor, outside: str) -> tf.Tensor:
    """Each image bilinearly through its row of (N, 8) ``matrices``; ``outside`` is mirrored or 0."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=matrices,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=outside,
    )


@keras.saving.register_keras_serializable("bloodcells")
class RandomFramedAffine(RandomAffine):
    """`RandomAffine` with one colour outside the picture instead of its mirror image.

    A draw is a pair: the (N, 8) float32 matrices and the (N, 1, 1, 3) float32 colours, 0..255.
    """

    def get_random_transformation_batch(
        self, batch_size: tf.Tensor, images: tf.Tensor | None = None, **kwargs: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw a matrix and a colour for every image."""
        matrices = super().get_random_transformation_batch(batch_size, images=images, **kwargs)
        return matrices, drawn_colours(self._random_generator, batch_size)

    def augment_images(
        self, images: tf.Tensor, transformations: tuple[tf.Tensor, tf.Tensor], **kwargs: Any
    ) -> tf.Tensor:
        """Resample the picture and where it is, then lay it over the colour."""
        matrices, colours = transformations
        moved = _resampled(tf.concat([images, tf.ones_like(images[..., :1])], axis=-1), matrices, "CONSTANT")
        return moved[..., :-1] + (1 - moved[..., -1:]) * colours


def turned(place: tf.Tensor, angle: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The coordinates of a square grid along and across a direction, both (N, S, S) float32.

    Args:
        place: (S,) float32, the coordinates of the rows, and of the columns.
        angle: (N, 1, 1) float32, radians.
    """
    rows, columns = place[None, :, None], place[None, None]
    along = columns * tf.cos(angle) + rows * tf.sin(angle)
    return along, rows * tf.cos(angle) - columns * tf.sin(angle)


def drawn_colours(generator: Any, count: tf.Tensor) -> tf.Tensor:
    """(count, 1, 1, 3) float32, 0..255: half of them grey; black, white and full channels are common."""
    channels = generator.uniform((count, 1, 1, 3), -128.0, 383.0)
    grey = generator.uniform((count, 1, 1, 1)) < 0.5
    return tf.clip_by_value(tf.where(grey, channels[..., :1], channels), 0.0, 255.0)


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
        super().__init__(rate=rate, **kwargs)
        self.amount, self.offset = amount, offset

    def get_random_transformation_batch(self, batch_size: tf.Tensor, **kwargs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw factors and offsets for every image."""
        shape = (batch_size, 1, 1, 3)
        factors = 1 + self._random_generator.uniform(shape, -self.amount, self.amount)
        return factors, self._random_generator.uniform(shape, -self.offset, self.offset)

    def augment_images(
        self, images: tf.Tensor, transformations: tuple[tf.Tensor, tf.Tensor], **kwargs: Any
    ) -> tf.Tensor:
        """Scale and shift the optical densities."""
        factors, offsets = transformations
        density = -tf.math.log(tf.clip_by_value(images, 1.0, 255.0) / 255.0)
        return tf.clip_by_value(255.0 * tf.exp(-(density * factors + offsets)), 0.0, 255.0)


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
        super().__init__(rate=rate, **kwargs)
        self.stddev = stddev

    def get_random_transformation_batch(
        self, batch_size: tf.Tensor, images: tf.Tensor | None = None, **kwargs: Any
    ) -> tf.Tensor:
        """Draw the noise of every image."""
        stddev = self._random_generator.uniform((batch_size, 1, 1, 1), 0.0, self.stddev)
        return stddev * self._random_generator.normal(tf.shape(images))

    def augment_images(self, images: tf.Tensor, transformations: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Add the noise and clip."""
        return tf.clip_by_value(images + transformations, 0.0, 255.0)


@keras.saving.register_keras_serializable("bloodcells")
class RandomCoarseDropout(ImageAugmentation):
    """Rectangles of a board that is turned, stretched and torn at random hide the picture.

    Cutout hides one rectangle and GridMask squares at even distances; this one hides anything from a few large pieces
    to many small or long ones (the rectangular dropout of DeVries and Taylor 2017, arXiv:1708.04552, made coarse).
    A draw is a pair: (N, H, W, 1) bool, what is hidden, and (N, H, W, 3) float32, what is shown in its place, 0..255.

    Args:
        share: the hidden share of a board is uniform in 0..share.
        smallest: least side of a rectangle, pixels; the sides are log-uniform up to half of the image.
        rate: share of images that are changed.
    """

    def __init__(self, share: float = 0.5, smallest: float = 4.0, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(rate=rate, **kwargs)
        self.share, self.smallest = share, smallest

    def get_random_transformation_batch(
        self, batch_size: tf.Tensor, images: tf.Tensor, **kwargs: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw a board and its cover for every image."""
        size = images.shape[1]
        uniform = self._random_generator.uniform((batch_size, 5))
        angle = uniform[:, :1, None] * math.pi
        sides = self.smallest * tf.exp(uniform[:, 1:3] * tf.math.log(size / 2 / self.smallest))
        place = tf.range(size, dtype=tf.float32)
        along, across = turned(place, angle)
        columns = tf.cast(tf.floor(along / sides[:, :1, None] + uniform[:, 3:4, None]), tf.int32) % _BOARD
        rows = tf.cast(tf.floor(across / sides[:, 1:, None] + uniform[:, 4:, None]), tf.int32) % _BOARD
        board = self._random_generator.uniform((batch_size, _BOARD * _BOARD))
        hidden_share = self._random_generator.uniform((batch_size, 1), 0.0, self.share)
        hidden = tf.gather(board < hidden_share, rows * _BOARD + columns, batch_dims=1)
        noise = self._random_generator.uniform(tf.shape(images), 0.0, 255.0)
        noisy = self._random_generator.uniform((batch_size, 1, 1, 1)) < 0.25
        return hidden[..., None], tf.where(noisy, noise, drawn_colours(self._random_generator, batch_size))

    def augment_images(
        self, images: tf.Tensor, transformations: tuple[tf.Tensor, tf.Tensor], **kwargs: Any
    ) -> tf.Tensor:
        """Show the cover where the picture is hidden."""
        return tf.where(*transformations, images)
