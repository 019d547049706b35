"""The ``tf.data`` pipeline of training: shuffled, augmented batches. Validation never passes here."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from bloodcells.augmentation.policies import Policy, policy
from bloodcells.data.cells import CellSet
from bloodcells.environment import accelerators, usable_cores

Batch = dict[str, tf.Tensor]

# TensorFlow runs ten turns of a loop side by side, and KerasCV draws within loops: which turn draws which number would
# differ from run to run.
_LOOPS_IN_ORDER: dict[str, Any] = {
    name: partial(getattr(tf, name), parallel_iterations=1) for name in ("map_fn", "while_loop")
}
# What KerasCV calls of tf.random keeps a state that nothing can set; here is the same without one.
_STATELESS = {
    "uniform": tf.random.stateless_uniform,
    "normal": tf.random.stateless_normal,
    "gamma": tf.random.stateless_gamma,
    "shuffle": tf.random.experimental.stateless_shuffle,
}


def training_batches(
    cells: CellSet,
    policy_name: str,
    batch_size: int,
    seed: int,
    first_epoch: int,
    last_epoch: int,
    untouched: float = 0.0,
) -> tf.data.Dataset:
    """Augmented batches of the epochs ``first_epoch`` .. ``last_epoch`` - 1.

    What an epoch shows depends on the seed and the epoch alone, so a resumed run sees what an uninterrupted one would
    have seen; with a GPU this holds for the order, not for the augmentation. A last, smaller batch of an epoch is
    dropped.

    Args:
        cells: the training cells.
        policy_name: the name of the augmentation policy.
        batch_size: cells per batch.
        seed: the seed of the order and the augmentation.
        first_epoch: number of epochs already trained.
        last_epoch: number of epochs in all.
        untouched: share of the images that the policy's first layer alone changes, 0..1.

    Returns:
        Pairs of (batch_size, S, S, 3) float32 pixels 0..255 and (batch_size, C) float32 labels whose rows sum to 1.
        Under a policy with a consistency loss three times as many: all first views, all second, all third.
    """
    labels = np.eye(len(cells.competition.classes), dtype=np.float32)[cells.labels]
    return _batches(cells.images, labels, policy_name, batch_size, seed, first_epoch, last_epoch, untouched)


def _batches(
    images: np.ndarray,
    labels: np.ndarray,
    policy_name: str,
    batch_size: int,
    seed: int,
    first_epoch: int,
    last_epoch: int,
    untouched: float,
) -> tf.data.Dataset:
    generator = tf.random.Generator.from_seed(seed)
    tf.random.set_global_generator(generator)  # most layers draw from it
    drawing: dict[str, Any] = {name: _drawing(generator, draw) for name, draw in _STATELESS.items()}
    apply, states = _application(policy(policy_name), untouched)
    count, images, labels = len(images), tf.constant(images), tf.constant(labels)

    def order(epoch: tf.Tensor) -> tf.data.Dataset:
        generator.reset(tf.stack([seed * 10_000 + epoch, 0, 0]))
        reset_states(states, seed, epoch)
        indices = _shuffled(count, seed, tf.cast(epoch, tf.int32))
        return tf.data.Dataset.from_tensor_slices(indices).batch(batch_size, drop_remainder=True)

    def augment(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = {"images": tf.cast(tf.gather(images, indices), tf.float32), "labels": tf.gather(labels, indices)}
        with mock.patch.multiple(tf, **_LOOPS_IN_ORDER), mock.patch.multiple(tf.random, **drawing):
            batch = apply(batch)
        return tf.clip_by_value(batch["images"], 0.0, 255.0), batch["labels"]

    # Parallel mapping is not repeatable, so it is left to accelerators: one thread already outpaces training on a CPU.
    parallel = usable_cores() if accelerators() else None
    return tf.data.Dataset.range(first_epoch, last_epoch).flat_map(order).map(augment, parallel).prefetch(4)


def augmented_images(images: np.ndarray, policy_name: str, seed: int) -> np.ndarray:
    """One augmented view of each image, to look at: (N, S, S, 3) uint8 in, the same out, in the same order."""
    labels = np.ones((len(images), 1), np.float32)
    batch, _ = next(iter(_batches(images, labels, policy_name, len(images), seed, 0, 1, untouched=0)))
    views = np.empty_like(images)
    views[_shuffled(len(images), seed, 0).numpy()] = np.rint(keras.ops.convert_to_numpy(batch[-len(images) :]))
    return views


def _shuffled(count: int, seed: int, epoch: int | tf.Tensor) -> tf.Tensor:
    """The order of an epoch: (count,) int32."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), [seed, epoch])


def _drawing(generator: tf.random.Generator, stateless: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """What ``stateless`` draws, with a seed that the ``generator`` draws."""

    def draw(*arguments: Any, seed: None = None, **options: Any) -> tf.Tensor:
        of, *others = arguments or (options.pop("shape"),)
        if stateless is tf.random.stateless_gamma:  # the only one whose shape counts that of its parameters
            of = tf.concat((of, tf.shape(options["alpha"])), 0)
        return stateless(of, generator.make_seeds()[:, 0], *others, **options)

    return draw


def random_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """What ``layer``, and every layer in it, draws from where Keras itself draws."""
    return [one for one in getattr(layer, "variables", ()) if one.name == "seed_generator_state"]


def reset_states(states: Sequence[keras.Variable], seed: int, epoch: int | tf.Tensor) -> None:
    """Let ``states`` follow from the ``seed`` and the number of the ``epoch`` alone."""
    for place, state in enumerate(states):
        state.assign(keras.ops.cast([seed * 10_000 + epoch, place], state.dtype))


def _application(chosen: Policy, untouched: float = 0.0) -> tuple[Callable[[Batch], Batch], list[keras.Variable]]:
    """What ``chosen`` does to a batch, as a function with its layers made once, and the random states of these."""
    layers = chosen.layers()
    first, others = layers[:1], layers[1:]
    mixing = chosen.mixing() if chosen.mixing else None
    states = [state for layer in (*layers, mixing) if layer for state in random_states(layer)]

    def in_order(layers: list[keras.layers.Layer], batch: Batch) -> Batch:
        for layer in layers:
            batch = layer(batch, training=True)
        return batch

    def augmented(batch: Batch) -> Batch:
        changed = _in_drawn_order(others, batch) if chosen.shuffled else in_order(others, batch)
        if untouched == 0:
            return changed
        kept = tf.random.get_global_generator().uniform((tf.shape(batch["images"])[0], 1, 1, 1)) < untouched
        return {**changed, "images": tf.where(kept, batch["images"], changed["images"])}

    def apply(batch: Batch) -> Batch:
        batch = in_order(first, batch)
        if chosen.consistency:
            views = [batch, augmented(dict(batch)), augmented(dict(batch))]
            return {key: tf.concat([view[key] for view in views], axis=0) for key in batch}
        batch = augmented(batch)
        if mixing is None:
            return batch
        if not batch["labels"].dtype.is_floating or batch["labels"].shape.rank != 2:
            raise ValueError(
                f"mixing needs float one-hot labels (N, C), got {batch['labels'].dtype} of {batch['labels'].shape}"
            )
        return mixing(batch, training=True)

    return apply, states


def _in_drawn_order(layers: list[keras.layers.Layer], batch: Batch) -> Batch:
    """``batch`` after each of ``layers`` once, in an order drawn for this batch.

    A loop over one switch holds each layer once in the graph; written out, it would be their number squared.
    """
    draws = tf.random.get_global_generator().uniform((len(layers),))
    order = tf.argsort(draws)

    def step(place: tf.Tensor, batch: Batch) -> tuple[tf.Tensor, Batch]:
        branches = [partial(_applied, layer, batch) for layer in layers]
        return place + 1, tf.switch_case(order[place], branches)

    return tf.while_loop(lambda place, _: place < len(layers), step, (tf.constant(0), batch))[1]


def _applied(layer: keras.layers.Layer, batch: Batch) -> Batch:
    """``batch`` after ``layer``, with the shape that it had: a loop refuses one that it cannot see."""
    augmented = layer(dict(batch), training=True)
    return {key: tf.ensure_shape(augmented[key], value.shape) for key, value in batch.items()}
