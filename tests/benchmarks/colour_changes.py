"""Ways to give pictures of one laboratory the colours of another: white balance, Reinhard, Macenko, quantiles.

Each takes and returns (N, S, S, 3) uint8 and is made from pictures of the laboratory whose colours it gives. ``each``
says whether every picture is changed by its own statistics, or all by those of all.
"""

from collections.abc import Callable

import numpy as np

from bloodcells.data.white_balance import ground

Change = Callable[[np.ndarray], np.ndarray]

_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
_TO_OPPONENT = np.diag(1 / np.sqrt([3, 6, 2])) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])
_EVERY = 7  # pixel that a statistic over all pictures is taken of, where sorting all would take long
_STAINED = 0.15  # optical density above which a pixel is not ground (Macenko)


def unchanged(images: np.ndarray) -> np.ndarray:
    """The pictures as they are."""
    return images


def ground_balanced(home: np.ndarray, each: bool) -> Change:
    """White balance: each channel is multiplied so that the ground between the cells has the colour of home."""
    at_home = np.median(ground(home), axis=0)
    return lambda images: _bytes(images * (at_home / _statistic(ground(images), each)))


def grey_world(home: np.ndarray, each: bool) -> Change:
    """Each channel is multiplied so that its mean is that of home."""
    at_home = home.mean(axis=(0, 1, 2))
    return lambda images: _bytes(images * (at_home / _statistic(images.mean(axis=(1, 2)), each, np.mean)))


def reinhard(home: np.ndarray, each: bool) -> Change:
    """Mean and deviation of home in the opponent colours of Reinhard et al. (2001)."""
    colours, axes = _opponent(home), ((1, 2) if each else (0, 1, 2))
    mean, deviation = colours.mean(axis=(0, 1, 2)), colours.std(axis=(0, 1, 2))

    def change(images: np.ndarray) -> np.ndarray:
        given = _opponent(images)
        standard = (given - given.mean(axes, keepdims=True)) / given.std(axes, keepdims=True)
        logarithms = (standard * deviation + mean) @ np.linalg.inv(_TO_OPPONENT).T
        return _bytes(10**logarithms @ np.linalg.inv(_TO_LMS).T)

    return change


def stain_strength(home: np.ndarray, each: bool) -> Change:
    """The ground of home, and in each channel the optical density of home's darkest hundredth."""
    at_home = np.median(ground(home), axis=0)
    dark = np.percentile(_density(home, at_home), 99, axis=(0, 1, 2))

    def change(images: np.ndarray) -> np.ndarray:
        density = _density(images, _statistic(ground(images), each))
        darkest = np.percentile(density, 99, axis=(1, 2) if each else (0, 1, 2), keepdims=True)
        return _from_density(density * dark / darkest, at_home)

    return change


def macenko(home: np.ndarray) -> Change:
    """The two stains of home in place of those of all pictures (Macenko et al. 2009)."""
    at_home = np.median(ground(home), axis=0)
    stains, strengths = _stains(_density(home, at_home))

    def change(images: np.ndarray) -> np.ndarray:
        density = _density(images, _statistic(ground(images), each=False))
        own, own_strengths = _stains(density)
        amounts = density @ np.linalg.pinv(own)
        return _from_density(amounts * (strengths / own_strengths) @ stains, at_home)

    return change


def quantiles(home: np.ndarray, share: float = 1.0) -> Change:
    """By ``share`` the values that each channel has at home at the same rank among all pixels of all pictures."""
    steps = np.linspace(0, 1, 256)
    at_home = np.quantile(home.reshape(-1, 3)[::_EVERY], steps, axis=0)

    def change(images: np.ndarray) -> np.ndarray:
        own = np.quantile(images.reshape(-1, 3)[::_EVERY], steps, axis=0)
        mapped = [np.interp(images[..., channel], own[:, channel], at_home[:, channel]) for channel in range(3)]
        return _bytes(share * np.stack(mapped, axis=-1) + (1 - share) * images)

    return change


def _statistic(of_each: np.ndarray, each: bool, middle: Callable[..., np.ndarray] = np.median) -> np.ndarray:
    """The colour of each picture, or the ``middle`` of all, (N or 1, 1, 1, 3)."""
    return (of_each if each else middle(of_each, axis=0, keepdims=True))[:, None, None]


def _opponent(images: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(images.astype(np.float32), 1) @ _TO_LMS.T) @ _TO_OPPONENT.T


def _density(images: np.ndarray, ground_colour: np.ndarray) -> np.ndarray:
    """Optical density over the ground, at least 0."""
    return -np.log((np.minimum(images, ground_colour) + 1) / (ground_colour + 1))


def _from_density(density: np.ndarray, ground_colour: np.ndarray) -> np.ndarray:
    return _bytes((ground_colour + 1) * np.exp(-density) - 1)


def _stains(density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The densities of the two stains, (2, 3), and the strength of each, (2,): the 99th percentile of its amount."""
    pixels = density.reshape(-1, 3)[::_EVERY]
    pixels = pixels[(pixels > _STAINED).all(axis=1)]
    plane = np.linalg.eigh(np.cov(pixels.T))[1][:, [2, 1]]
    plane[:, 0] *= np.sign(plane[:, 0].sum())
    angles = np.arctan2(pixels @ plane[:, 1], pixels @ plane[:, 0])
    stains = np.stack([plane @ [np.cos(end), np.sin(end)] for end in np.percentile(angles, (1, 99))])
    stains = stains[np.argsort(-stains[:, 0])]  # the nucleus' stain takes most red
    return stains, np.percentile(pixels @ np.linalg.pinv(stains), 99, axis=0)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
