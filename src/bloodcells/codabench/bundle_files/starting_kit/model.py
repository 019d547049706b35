"""The smallest submission that scores: it tells pictures apart by their brightness."""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
"""Open weights from here: the working directory is another one."""

CLASSES = 8


class Model:
    """What the competition imports: created once, then asked once for the labels of all hidden images."""

    def __init__(self) -> None:
        """Load the weights here; this model has none."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Labels of pictures.

        Args:
            X: (n, height, width, 3), pixels 0..255.

        Returns:
            (n,) integers, 0..CLASSES-1.
        """
        brightness = np.array([picture.mean() for picture in X])
        return np.minimum(brightness * CLASSES / 256, CLASSES - 1).astype(int)


if __name__ == "__main__":
    print(Model().predict(np.stack([np.full((96, 96, 3), value, np.uint8) for value in (0, 80, 160, 240)])))
