"""Several networks that are asked as one.

It travels in the submission zip of an ensemble and imports nothing of the kit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


class Ensemble:
    """The mean of the probabilities of several networks, to be asked like one of them, an ``inference.Network``.

    Attributes:
        output_shape: (None, C), that of every member.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        """Of at least one network; all take the same images and know the same classes."""
        self._members = members
        self.output_shape = members[0].output_shape

    def predict(self, x: np.ndarray, batch_size: int, verbose: int = 0) -> np.ndarray:
        """From (N, S, S, 3) float32 pixels 0..255 to (N, C) float32 probabilities."""
        return np.mean([one.predict(x, batch_size=batch_size, verbose=verbose) for one in self._members], axis=0)
