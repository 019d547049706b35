"""Golden outputs: images that can be drawn anywhere, and how closely their stored probabilities must return.

They notice what loads without an error and is wrong: another preprocessing, other weights, another network.
"""

import numpy as np

GOLDEN_IMAGES = 16
GOLDEN_TOLERANCE = 1e-3
"""Largest difference of a probability. Between releases of TensorFlow it stays below 1e-4."""


def golden_images(image_size: int) -> np.ndarray:
    """Sixteen discs of growing size and changing colour on a grainy ground, (16, S, S, 3) uint8.

    Integer arithmetic alone, so that every version of NumPy on every machine draws the same.
    """
    image = np.arange(GOLDEN_IMAGES)[:, None, None]
    row, column = np.mgrid[:image_size, :image_size]
    distance = (row - image_size // 2) ** 2 + (column - image_size // 2 - image) ** 2
    radius = image_size // 8 + image * image_size // 48
    grain = (row * 7 + column * 13 + row * column + image * 29) % 23
    ground, cell, nucleus = (np.array(colour) for colour in ((225, 200, 195), (190, 150, 185), (90, 50, 130)))
    colours = np.where((distance < radius**2)[..., None], cell, ground)
    colours = np.where((distance < (radius * 2 // 3) ** 2)[..., None], nucleus + 5 * (image[..., None] % 7), colours)
    return (colours + grain[..., None]).astype(np.uint8)
