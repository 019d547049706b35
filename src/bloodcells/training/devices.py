"""What training runs on: several devices at once, each with its share of every batch, and in which precision."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras

from bloodcells.environment import accelerators
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


def dtype_policy(precision: str) -> str:
    """The Keras dtype policy of a precision: of ``auto``, what this machine is fastest with at no loss.

    That is float32 on a CPU, bfloat16 on an accelerator that computes in it, and float16 on an older GPU, where Keras
    scales the loss. Variables are float32 in all of them.
    """
    if precision == "auto":
        precision = "float32" if not accelerators() else "bfloat16" if _has_bfloat16() else "float16"
    return precision if precision == "float32" else f"mixed_{precision}"


def _has_bfloat16() -> bool:
    """Whether the accelerators compute in it: TPUs, and NVIDIA's GPUs from Ampere (compute capability 8.0) on."""
    if keras.backend.backend() == "jax":
        import jax  # of this backend alone

        capabilities = [getattr(device, "compute_capability", "8.0") for device in jax.devices()]
        return all(float(capability) >= 8 for capability in capabilities)
    import tensorflow as tf  # of this backend alone

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return all(detail.get("compute_capability", (8, 0)) >= (8, 0) for detail in details)


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Networks built inside have this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
