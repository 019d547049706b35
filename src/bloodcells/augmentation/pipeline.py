"""The ``tf.data`` pipeline of training: shuffled, augmented batches. Validation never passes here."""

import keras
import numpy as np
import tensorflow as tf

from bloodcells.augmentation.policies import policy_layers
from bloodcells.cells import CellSet
from bloodcells.competition import COMPETITION


def training_batches(
    cells: CellSet, policy: str, batch_size: int, seed: int, first_epoch: int, last_epoch: int
) -> tf.data.Dataset:
    """Augmented batches of the epochs ``first_epoch`` .. ``last_epoch`` - 1.

    The order within an epoch depends on the seed and the epoch alone, so a resumed run sees the order
    that an uninterrupted one would have seen. A last, smaller batch of an epoch is dropped.

    Args:
        cells: the training cells.
        policy: name of the augmentation policy.
        batch_size: images per batch.
        seed: of the order and the augmentation.
        first_epoch: number of epochs already trained.
        last_epoch: number of epochs in all.

    Returns:
        Pairs of (batch_size, S, S, 3) float32 pixels 0..255 and (batch_size, C) float32 labels.
    """
    # Most KerasCV layers draw from this generator; without a seed of its own it would differ from run to run.
    tf.random.set_global_generator(tf.random.Generator.from_seed(seed * 10_000 + first_epoch))
    layers = policy_layers(policy)
    images = tf.constant(cells.images)
    labels = tf.constant(np.eye(len(COMPETITION.classes), dtype=np.float32)[cells.labels])

    def order(epoch: tf.Tensor) -> tf.data.Dataset:
        indices = _shuffled(len(cells), seed, tf.cast(epoch, tf.int32))
        return tf.data.Dataset.from_tensor_slices(indices).batch(batch_size, drop_remainder=True)

    def augment(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = {"images": tf.cast(tf.gather(images, indices), tf.float32), "labels": tf.gather(labels, indices)}
        for layer in layers:
            batch = layer(batch, training=True)
        pixels = tf.ensure_shape(batch["images"], (batch_size, *COMPETITION.image_shape))
        return tf.clip_by_value(pixels, 0.0, 255.0), batch["labels"]

    # Serial mapping: parallel mapping is not repeatable, and one thread already outpaces training on a CPU.
    return tf.data.Dataset.range(first_epoch, last_epoch).flat_map(order).map(augment).prefetch(4)


def augmented_images(images: np.ndarray, policy: str, seed: int) -> np.ndarray:
    """One augmented view of each image, to look at: (N, S, S, 3) uint8 in, the same out, in the same order."""
    cells = CellSet(images, np.zeros(len(images), np.int64), "gallery")
    batch, _ = next(iter(training_batches(cells, policy, len(images), seed, 0, 1)))
    views = np.empty_like(images)
    views[_shuffled(len(images), seed, 0).numpy()] = np.rint(keras.ops.convert_to_numpy(batch))
    return views


def _shuffled(count: int, seed: int, epoch: int | tf.Tensor) -> tf.Tensor:
    """The order of an epoch: (count,) int32."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), [seed, epoch])
