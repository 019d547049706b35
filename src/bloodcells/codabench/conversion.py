"""From a Keras network to a TFLite flatbuffer.

KERAS_BACKEND=tensorflow python -m bloodcells.codabench.conversion network.keras network.tflite
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from bloodcells.errors import KitError


def to_flatbuffer(network: keras.Model) -> bytes:
    """The network as a flatbuffer with float32 weights, for batches of any size; equal bytes for equal networks.

    Takes about 8 s for EfficientNetB3 on one core. Where Keras has another backend, TensorFlow, which the converter
    belongs to, runs in a process of its own, and that takes twice as long. Probabilities stay within 1e-5. Smaller
    weights do not pay: float16 is no faster, since XNNPACK unpacks it to float32, and changes 3 labels in 1,000; int8
    changes 50 to 130.

    Args:
        network: from (N, S, S, 3) pixels to (N, C) probabilities.

    Raises:
        KitError: the converter refuses the network.
    """
    if keras.backend.backend() != "tensorflow":
        return _converted_by_tensorflow(network)
    import tensorflow as tf

    forward = tf.function(lambda pixels: network(pixels, training=False), jit_compile=False)
    concrete = forward.get_concrete_function(tf.TensorSpec((None, *network.input_shape[1:]), tf.float32))
    # With the network as the trackable object the converter goes through a SavedModel, which takes 20 s more.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], trackable_obj=concrete)
    try:
        return converter.convert()
    except Exception as error:  # the converter has its own class of them, in a private module
        reason = " ".join(str(error).split())[:200]
        raise KitError(f"TensorFlow cannot convert the network: {reason}. Package with --backend keras.") from error


def _converted_by_tensorflow(network: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "network.keras", Path(folder) / "network.tflite"
        network.save(given)
        command = [sys.executable, "-m", __name__, str(given), str(made)]
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise KitError((done.stderr.strip().splitlines() or [f"{command} ended with {done.returncode}"])[-1])
        return made.read_bytes()


def _main(given: str, made: str) -> None:
    try:
        Path(made).write_bytes(to_flatbuffer(keras.models.load_model(given, compile=False)))
    except KitError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
