"""A network as a TFLite flatbuffer, run on the CPU by XNNPACK.

Such a file has no Keras version in it, is there in a fraction of a second, and predicts several times as many images a
second as Keras does. The interpreter is part of TensorFlow. This module travels in the submission zip and imports
nothing of the kit.
"""

import os
import warnings
from pathlib import Path

import numpy as np


class Flatbuffer:
    """A flatbuffer with one input and one output, to be asked like a ``keras.Model``.

    Attributes:
        output_shape: (None, C).
    """

    def __init__(self, path: Path) -> None:
        """Load ``path`` and run it once.

        Raises:
            Exception: of any kind, if this TensorFlow cannot load or run it.
        """
        import tensorflow as tf  # takes seconds, and a submission without a flatbuffer does not need it here

        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        with warnings.catch_warnings():
            # TensorFlow names a successor in a package of its own, which the worker does not have.
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated", UserWarning)
            self._interpreter = tf.lite.Interpreter(str(path), num_threads=threads)
        (given,), (result,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._input, self._output = given["index"], result["index"]
        self._image_shape = tuple(int(length) for length in given["shape"][1:])
        self._allocated = 0
        self.output_shape = (None, int(result["shape"][-1]))
        self.predict(np.zeros((1, *self._image_shape), np.float32), batch_size=1)

    def predict(self, x: np.ndarray, batch_size: int, verbose: int = 0) -> np.ndarray:
        """From (N, S, S, 3) float32 pixels 0..255 to (N, C) float32 probabilities.

        Memory is that of the largest batch so far; changing its size costs less than a millisecond.
        ``verbose`` is there because Keras has it.
        """
        results = np.empty((len(x), self.output_shape[-1]), np.float32)
        for start in range(0, len(x), batch_size):
            batch = x[start : start + batch_size]
            if len(batch) != self._allocated:
                self._interpreter.resize_tensor_input(self._input, (len(batch), *self._image_shape))
                self._interpreter.allocate_tensors()
                self._allocated = len(batch)
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            results[start : start + batch_size] = self._interpreter.get_tensor(self._output)
        return results
