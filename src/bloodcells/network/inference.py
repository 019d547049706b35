"""Batched prediction, test-time augmentation, its gate, and the temperature of what comes out.

It travels in the submission zip and imports nothing of the kit.
"""

from typing import Protocol

import numpy as np

TTA_VIEWS = (1, 4, 8)
"""Views per level of test-time augmentation: none, the four rotations, the eight dihedral views."""

_CHUNK = 1024


class Network(Protocol):
    """What is asked of a network. A ``keras.Model`` is one, a ``flatbuffer.Flatbuffer`` another."""

    output_shape: tuple[int | None, ...]

    def predict(self, x: np.ndarray, batch_size: int, verbose: int) -> np.ndarray:
        """From (N, S, S, 3) float32 pixels 0..255 to (N, C) float32 probabilities."""
        ...


def predict_probabilities(
    network: Network, images: np.ndarray, tta_level: int = 0, batch_size: int = 64, gate: float | None = None
) -> np.ndarray:
    """Class probabilities, averaged over the views of the level.

    Images pass in chunks and views one after another, so memory does not grow with either. Whether an image gets
    all views is decided for each image alone, so that neither its neighbours nor their order matter.

    Args:
        network: from (N, S, S, 3) pixels 0..255 to (N, C) probabilities.
        images: (N, S, S, 3), uint8 or float, values 0..255, square.
        tta_level: 0 none, 1 the four rotations, 2 the eight dihedral views.
        batch_size: images per step.
        gate: only images of which the first view is `unsure` get the further views; None: all images get them.

    Returns:
        (N, C) float32; every row sums to 1.

    Raises:
        ValueError: unknown level.
    """
    further = views_of(tta_level)[1:]
    probabilities = np.zeros((len(images), network.output_shape[-1] or 0), np.float32)
    for start in range(0, len(images), _CHUNK):
        pixels = np.asarray(images[start : start + _CHUNK], np.float32)
        mean = probabilities[start : start + _CHUNK]
        mean[:] = network.predict(pixels, batch_size=batch_size, verbose=0)
        open_ = np.flatnonzero(unsure(mean, gate))
        if further and len(open_):
            pixels = pixels[open_]
            total = mean[open_]
            for view in further:
                seen = np.ascontiguousarray(dihedral(pixels, view))
                total += network.predict(seen, batch_size=batch_size, verbose=0)
            mean[open_] = total / (1 + len(further))
    return probabilities


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities sharpened (``temperature`` below 1) or softened; the order of an image's classes stays.

    Args:
        probabilities: (N, C), averaged over the views.
        temperature: above 0; 1 changes nothing.

    Returns:
        (N, C) float64; every row sums to 1.
    """
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def unsure(probabilities: np.ndarray, gate: float | None) -> np.ndarray:
    """Which images are to get further views: those whose two most probable classes are less than ``gate`` apart.

    Args:
        probabilities: (N, C), of the first view.
        gate: 0..1; None for all images.

    Returns:
        (N,) bool.
    """
    return np.ones(len(probabilities), bool) if gate is None else margins(probabilities) < gate


def margins(probabilities: np.ndarray) -> np.ndarray:
    """How far the most probable class of each image is ahead of the second, (N,) in 0..1."""
    best_two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return best_two[:, 1] - best_two[:, 0]


def views_of(tta_level: int) -> range:
    """The views of a level, as `dihedral` numbers them; 0, the image itself, comes first.

    Raises:
        ValueError: unknown level.
    """
    if tta_level not in range(len(TTA_VIEWS)):
        raise ValueError(f"unknown tta_level: expected 0, 1 or 2, received: tta_level={tta_level!r}")
    return range(TTA_VIEWS[tta_level])


def dihedral(images: np.ndarray, view: int) -> np.ndarray:
    """One of the eight orientations of a square, as a view of ``images`` (N, S, S, ...).

    Args:
        images: a stack of squares.
        view: 0..7; ``view`` % 4 quarter turns counter-clockwise, and from 4 on mirrored left-right after them.
    """
    turned = np.rot90(images, view % 4, axes=(1, 2))
    return turned[:, :, ::-1] if view >= 4 else turned


def turned_back(images: np.ndarray, view: int) -> np.ndarray:
    """What (N, S, S, ...) were before `dihedral` showed them in ``view``."""
    return np.rot90(images[:, :, ::-1] if view >= 4 else images, -view % 4, axes=(1, 2))
