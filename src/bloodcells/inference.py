"""Batched prediction and test-time augmentation. It travels in the submission zip and imports nothing of the kit."""

from collections.abc import Callable

import keras
import numpy as np

TTA_VIEWS = (1, 4, 8)
"""Views per level of test-time augmentation: none, the four rotations, the eight dihedral views."""

_CHUNK = 1024


def predict_probabilities(
    network: keras.Model, images: np.ndarray, tta_level: int = 0, batch_size: int = 64
) -> np.ndarray:
    """Class probabilities, averaged over the views of the level.

    Images pass in chunks and views one after another, so memory does not grow with either.

    Args:
        network: from (N, S, S, 3) pixels 0..255 to (N, C) probabilities.
        images: (N, S, S, 3), uint8 or float, values 0..255, square.
        tta_level: 0 none, 1 the four rotations, 2 the eight dihedral views.
        batch_size: images per step.

    Returns:
        (N, C) float32; every row sums to 1.

    Raises:
        ValueError: unknown level.
    """
    views = dihedral_views(tta_level)
    probabilities = np.zeros((len(images), network.output_shape[-1]), np.float32)
    for start in range(0, len(images), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        pixels = np.asarray(images[chunk], np.float32)
        for view in views:
            probabilities[chunk] += network.predict(view(pixels), batch_size=batch_size, verbose=0)
    return probabilities / len(views)


def dihedral_views(tta_level: int) -> list[Callable[[np.ndarray], np.ndarray]]:
    """The views of a level, as functions from (N, S, S, 3) to (N, S, S, 3); the first is the identity."""
    if tta_level not in range(len(TTA_VIEWS)):
        raise ValueError(f"unknown tta_level: expected 0, 1 or 2, received: tta_level={tta_level!r}")
    return [_view(quarter_turns, flipped) for flipped in (False, True) for quarter_turns in range(4)][
        : TTA_VIEWS[tta_level]
    ]


def _view(quarter_turns: int, flipped: bool) -> Callable[[np.ndarray], np.ndarray]:
    def view(images: np.ndarray) -> np.ndarray:
        turned = np.rot90(images, quarter_turns, axes=(1, 2))
        return np.ascontiguousarray(turned[:, :, ::-1] if flipped else turned)

    return view
