"""Training on several devices at once by the means of Keras' backends: each device takes its share of every batch."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import keras

from bloodcells.errors import KitError


def spread_over(count: int) -> Callable[[], AbstractContextManager[object]]:
    """What a network must be built and compiled under for ``fit`` to train it on ``count`` devices.

    GPUs where there are some, else the CPU's logical devices. Gradients are averaged over the devices, so a step is
    that of one device with the whole batch, but for BatchNorm, whose statistics are those of each device's share.
    TensorFlow does it by ``MirroredStrategy``, JAX by ``keras.distribution.DataParallel``, which from then on holds for
    the process.

    Raises:
        KitError: there are fewer devices, or the backend is another.
    """
    if count == 1:
        return nullcontext
    found = list(keras.distribution.list_devices())
    if not 1 <= count <= len(found):
        raise KitError(
            f"devices: expected 1 to {len(found)}, got {count}. Here are {', '.join(found)}; choose with --devices."
        )
    backend = keras.backend.backend()
    if backend == "jax":
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=found[:count]))
        return nullcontext
    if backend != "tensorflow":
        raise KitError(f"several devices: expected the backend tensorflow or jax, got {backend}. Set KERAS_BACKEND.")
    import tensorflow as tf  # of this backend alone

    return tf.distribute.MirroredStrategy(found[:count]).scope
