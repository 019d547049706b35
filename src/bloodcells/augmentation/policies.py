"""Augmentation policies by name: each is a chain of layers applied online, to every image on its own."""

from collections.abc import Callable

import keras
import keras_cv

from bloodcells.augmentation.layers import RandomAffine, RandomDihedral, RandomGaussianNoise, RandomStain
from bloodcells.errors import KitError

_PIXELS = (0, 255)


def _none() -> list[keras.layers.Layer]:
    """Images as they are."""
    return []


def _flips() -> list[keras.layers.Layer]:
    """The eight dihedral orientations."""
    return [RandomDihedral()]


def _randaugment() -> list[keras.layers.Layer]:
    """Orientations, then RandAugment (Cubuk et al. 2019, arXiv:1909.13719) and a quarter-size Cutout."""
    return [
        RandomDihedral(),
        keras_cv.layers.RandAugment(value_range=_PIXELS, augmentations_per_image=4, magnitude=0.6, rate=0.8),
        keras_cv.layers.RandomCutout(0.25, 0.25),
    ]


def _chain() -> list[keras.layers.Layer]:
    """Geometry, colour, optics and occlusion, each applied to its own share of the images.

    The idea of the competition's best submission: many independently drawn changes, none of them certain.
    """
    return [
        RandomDihedral(),
        RandomAffine(rate=0.6),
        RandomStain(rate=0.4),
        _sometimes(
            keras_cv.layers.RandAugment(value_range=_PIXELS, augmentations_per_image=3, magnitude=0.5, rate=0.8), 0.7
        ),
        _sometimes(keras_cv.layers.RandomChannelShift(_PIXELS, 0.3), 0.15),
        _sometimes(keras_cv.layers.ChannelShuffle(), 0.1),
        _sometimes(keras_cv.layers.RandomGaussianBlur(7, (0.0, 2.0)), 0.25),
        RandomGaussianNoise(stddev=40.0, rate=0.3),
        _sometimes(keras_cv.layers.RandomCutout((0.1, 0.4), (0.1, 0.4)), 0.4),
        _sometimes(keras_cv.layers.GridMask(ratio_factor=(0.2, 0.5)), 0.15),
    ]


def _sometimes(layer: keras.layers.Layer, rate: float) -> keras.layers.Layer:
    """``layer``, applied to a share of the images of a batch."""
    return keras_cv.layers.RandomApply(layer, rate=rate)


_POLICIES: dict[str, Callable[[], list[keras.layers.Layer]]] = {
    "none": _none,
    "flips": _flips,
    "randaugment": _randaugment,
    "chain": _chain,
}

POLICIES = tuple(_POLICIES)


def policy_layers(name: str) -> list[keras.layers.Layer]:
    """The layers of a policy, fresh, in the order in which they are applied.

    Each maps ``{"images": (N, S, S, 3) float32 0..255, "labels": (N, C) float32}`` to the same.

    Raises:
        KitError: unknown name.
    """
    if name not in _POLICIES:
        raise KitError(f"unknown augmentation policy: expected one of {', '.join(POLICIES)}, got {name!r}. Choose one.")
    return _POLICIES[name]()
