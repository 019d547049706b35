"""The ways in which a copy comes to differ from its original, to measure the thresholds and the benchmark with.

JPEG quality, brightness, contrast, shift, orientation, noise and crop, each at the strengths of a careless pipeline:
strong enough to change every byte, too weak for a person to call it another picture.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from bloodcells.corruption.colours import as_pixels
from bloodcells.data.jpeg import through_jpeg
from bloodcells.network.inference import dihedral

_TURNED = (4, 6, 2, 7, 3, 1, 5)  # the views other than the picture itself, in the order of the published draws

Rng = np.random.Generator
Change = Callable[[np.ndarray, Rng], np.ndarray]


def _jpeg(image: np.ndarray, draw: Rng) -> np.ndarray:
    return through_jpeg(image, int(draw.integers(30, 91)))


def _brightness(image: np.ndarray, draw: Rng) -> np.ndarray:
    return as_pixels(image * draw.choice((0.85, 1.15)))


def _contrast(image: np.ndarray, draw: Rng) -> np.ndarray:
    return as_pixels((image - image.mean()) * draw.choice((0.85, 1.15)) + image.mean())


def _shift(image: np.ndarray, draw: Rng) -> np.ndarray:
    """One to three pixels along one or both axes; what comes in repeats the edge, wraps around or is black."""
    down, across = (int(draw.choice((-1, 1)) * draw.integers(1, 4)) for _ in range(2))
    if draw.random() < 0.5:
        down, across = draw.permutation((down, 0))
    mode = {0: "edge", 1: "wrap", 2: "constant"}[int(draw.integers(3))]
    wide = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode=mode)  # type: ignore[call-overload]
    return wide[3 - down :, 3 - across :][: len(image), : len(image)]


def _orientation(image: np.ndarray, draw: Rng) -> np.ndarray:
    return dihedral(image[None], int(draw.choice(_TURNED)))[0]


def _noise(image: np.ndarray, draw: Rng) -> np.ndarray:
    return as_pixels(image + draw.normal(0, draw.uniform(2, 8), image.shape))


def _crop(image: np.ndarray, draw: Rng) -> np.ndarray:
    size = len(image)
    edge = round(0.05 * size)
    inner = Image.fromarray(image[edge:-edge, edge:-edge])
    return np.asarray(inner.resize((size, size), Image.Resampling.BICUBIC))


CHANGES: dict[str, Change] = {
    "JPEG, quality 30-90": _jpeg,
    "brightness +-15 %": _brightness,
    "contrast +-15 %": _contrast,
    "shift by 1-3 px": _shift,
    "flip or quarter turn": _orientation,
    "noise, sd 2-8": _noise,
    "90 % centre crop": _crop,
}
"""Each takes an image (S, S, 3) uint8 and a random generator, and returns another image of that shape."""
