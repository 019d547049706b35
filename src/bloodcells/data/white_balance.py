"""White balance: the pictures of another laboratory with the ground of one's own.

The ground between the cells is white light through glass, so that its colour is the camera's and not the cell's.
"""

import numpy as np

_BRIGHTER = 95  # per cent of a picture's pixels that its ground is as bright as or brighter
_ENOUGH = 1_000  # pictures that say what is typical
_CHUNK = 256

Colour = tuple[float, float, float]
"""Red, green and blue, grey levels 0..255."""


def ground(images: np.ndarray) -> np.ndarray:
    """The colour of the ground of each of (N, S, S, 3) uint8 images, (N, 3): 5 % of its pixels are brighter."""
    return np.percentile(images, _BRIGHTER, axis=(1, 2))


def typical_ground(images: np.ndarray) -> Colour:
    """The median of the `ground` of (N, S, S, 3) uint8 images, or of a thousand of them."""
    some = images[:: -(-len(images) // _ENOUGH)]
    red, green, blue = np.median(ground(some), axis=0)
    return float(red), float(green), float(blue)


def white_balanced(images: np.ndarray, home: Colour) -> np.ndarray:
    """(N, S, S, 3) uint8 ``images``, each channel of all multiplied so that their typical ground becomes ``home``.

    One change for all pictures, since a picture that its cell fills does not show its ground.
    """
    factors = np.array(home) / np.maximum(typical_ground(images), 1)
    balanced = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        changed = images[start : start + _CHUNK] * factors
        balanced[start : start + _CHUNK] = np.clip(np.rint(changed), 0, 255)
    return balanced
