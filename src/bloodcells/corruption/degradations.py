"""Blur, noise and lossy storage: what optics, sensor and file format do to a picture.

Every function takes an image (S, S, 3) uint8 and returns another of the same shape and dtype. Lengths
are in pixels of the image. Noise comes from a seed of its own, so that a recorded draw repeats it.
"""

import math

import numpy as np
from PIL import Image, ImageFilter

from bloodcells.corruption.colours import as_pixels

_SUPERSAMPLING = 9
"""Points per pixel and axis when a disk's coverage of a pixel is measured."""


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of standard deviation ``sigma``, pixels."""
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def defocus(image: np.ndarray, radius: float) -> np.ndarray:
    """Blur with a disk, as a lens out of focus does."""
    return _convolved(image, disk_kernel(radius))


def motion_blur(image: np.ndarray, offsets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average the picture moved along a path: ``offsets`` (T, 2) in rows and columns, ``weights`` (T,)."""
    return _convolved(image, path_kernel(offsets, weights))


def smear(image: np.ndarray, length: float, degrees: float) -> np.ndarray:
    """Blur evenly along a straight path of ``length``, centred on the pixel."""
    steps = np.linspace(-length / 2, length / 2, 2 * math.ceil(length) + 1)
    offsets = steps[:, None] * np.array([math.sin(math.radians(degrees)), math.cos(math.radians(degrees))])
    return motion_blur(image, offsets, np.ones(len(steps)))


def disk_kernel(radius: float) -> np.ndarray:
    """(K, K) float64, sum 1: the share of each pixel that a disk about the middle one covers."""
    reach = math.ceil(radius)
    fine = (np.arange((2 * reach + 1) * _SUPERSAMPLING) + 0.5) / _SUPERSAMPLING - (reach + 0.5)
    inside = fine**2 + fine[:, None] ** 2 <= radius**2
    size = 2 * reach + 1
    kernel = inside.reshape(size, _SUPERSAMPLING, size, _SUPERSAMPLING).mean(axis=(1, 3))
    return kernel / kernel.sum()


def path_kernel(offsets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(K, K) float64, sum 1: points between pixels are spread over the four around them bilinearly."""
    reach = math.ceil(float(np.abs(offsets).max()))
    kernel = np.zeros((2 * reach + 2, 2 * reach + 2))
    for (row, column), weight in zip(offsets + reach, weights, strict=True):
        top, left = math.floor(row), math.floor(column)
        down, right = row - top, column - left
        corners = np.outer([1 - down, down], [1 - right, right])
        kernel[top : top + 2, left : left + 2] += weight * corners
    return kernel[:-1, :-1] / kernel.sum()


def _convolved(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlate each channel with an odd ``kernel``; the picture is mirrored at its border.

    A sum of shifted pictures: for kernels this small it beats SciPy's loops, and it adds in one order everywhere.
    """
    reach = kernel.shape[0] // 2
    side = image.shape[0]
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect").astype(np.float32)
    total = np.zeros(image.shape, np.float32)
    for row, column in np.argwhere(kernel > 0).tolist():
        total += np.float32(kernel[row, column]) * padded[row : row + side, column : column + side]
    return as_pixels(total)


def gaussian_noise(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Add independent normal noise of ``sigma`` (0..255 units) to every value."""
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return as_pixels(image + np.float32(sigma) * noise)


def speckle_noise(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Add normal noise in proportion to the value; ``sigma`` is relative."""
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return as_pixels(image * (1 + np.float32(sigma) * noise))


def shot_noise(image: np.ndarray, photons: float, seed: int) -> np.ndarray:
    """Count photons: a value of 255 stands for ``photons`` of them; fewer are noisier."""
    counts = np.random.default_rng(seed).poisson(image * (photons / 255))
    return as_pixels(counts * (255 / photons))


def salt_and_pepper(image: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Set a ``share`` of the pixels to black or white, half each."""
    chance = np.random.default_rng(seed).random(image.shape[:2])
    spoiled = image.copy()
    spoiled[chance < share] = 255
    spoiled[chance < share / 2] = 0
    return spoiled


def pixelate(image: np.ndarray, scale: float) -> np.ndarray:
    """Average into fewer, larger squares: ``scale`` x side of them per axis."""
    return _resampled(image, scale, Image.Resampling.BOX, Image.Resampling.BOX)


def lower_resolution(image: np.ndarray, scale: float) -> np.ndarray:
    """Take every 1 / ``scale``-th pixel without averaging and enlarge smoothly: a careless resize, aliased and soft."""
    return _resampled(image, scale, Image.Resampling.NEAREST, Image.Resampling.BICUBIC)


def _resampled(image: np.ndarray, scale: float, down: Image.Resampling, up: Image.Resampling) -> np.ndarray:
    side = image.shape[0]
    small = max(1, int(side * scale))
    picture = Image.fromarray(image).resize((small, small), down)
    return np.array(picture.resize((side, side), up))
