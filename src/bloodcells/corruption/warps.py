"""Geometry: one affine warp about the centre of the picture, and the five corruptions made of it.

Every function takes an image (S, S, 3) uint8 and returns another of the same shape and dtype.
"""

import math

import numpy as np
from PIL import Image

FILLS = ("black", "white", "mean", "edge", "reflect")
"""What may lie outside the picture once it has moved."""


def rotate(image: np.ndarray, degrees: float, fill: str) -> np.ndarray:
    """Turn the picture counter-clockwise about its centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _warp(image, ((cos, -sin), (sin, cos)), (0.0, 0.0), fill)


def shear(image: np.ndarray, x: float, y: float, fill: str) -> np.ndarray:
    """Slant the picture: ``x`` columns per row and ``y`` rows per column."""
    return _warp(image, ((1.0, x), (y, 1.0)), (0.0, 0.0), fill)


def translate(image: np.ndarray, x: float, y: float, fill: str) -> np.ndarray:
    """Move the picture right and down by fractions of its side."""
    return _warp(image, ((1.0, 0.0), (0.0, 1.0)), (-x, -y), fill)


def zoom(image: np.ndarray, factor: float, x: float, y: float, fill: str) -> np.ndarray:
    """Enlarge (``factor`` > 1) or shrink the picture and show it ``x``, ``y`` fractions of its side off the centre."""
    return _warp(image, ((1 / factor, 0.0), (0.0, 1 / factor)), (-x, -y), fill)


def stretch(image: np.ndarray, factor: float, degrees: float, fill: str) -> np.ndarray:
    """Stretch the picture by ``factor`` along the direction ``degrees`` and shrink it across by the same."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along, across = 1 / factor, factor
    mixed = (along - across) * sin * cos
    matrix = ((along * cos**2 + across * sin**2, mixed), (mixed, along * sin**2 + across * cos**2))
    return _warp(image, matrix, (0.0, 0.0), fill)


def _warp(
    image: np.ndarray,
    matrix: tuple[tuple[float, float], tuple[float, float]],
    shift: tuple[float, float],
    fill: str,
) -> np.ndarray:
    """Sample the picture bilinearly at ``matrix`` @ (position - centre) + centre + ``shift`` x side.

    The margin is half a side wide, which is further than any corruption of the composite reaches.
    """
    side = image.shape[0]
    margin = side // 2
    (a, b), (c, d) = matrix
    centre = side / 2
    left = centre - a * centre - b * centre + shift[0] * side + margin
    top = centre - c * centre - d * centre + shift[1] * side + margin
    padded = Image.fromarray(_padded(image, margin, fill))
    warped = padded.transform((side, side), Image.Transform.AFFINE, (a, b, left, c, d, top), Image.Resampling.BILINEAR)
    return np.array(warped)


def _padded(image: np.ndarray, margin: int, fill: str) -> np.ndarray:
    widths = ((margin, margin), (margin, margin), (0, 0))
    if fill in ("edge", "reflect"):
        return np.pad(image, widths, mode="edge" if fill == "edge" else "reflect")
    side = image.shape[0]
    padded = np.empty((side + 2 * margin, side + 2 * margin, 3), np.uint8)
    padded[:] = {"black": 0, "white": 255, "mean": image.mean(axis=(0, 1)).astype(np.uint8)}[fill]
    padded[margin : margin + side, margin : margin + side] = image
    return padded
