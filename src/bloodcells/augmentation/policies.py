"""Augmentation policies by name: each is a chain of layers applied online, to every image on its own.

The names are the arms of the ablation. All but ``none`` start with the eight orientations, so that an arm
differs from ``flips`` in one thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import keras_cv

from bloodcells.augmentation.degradation import RandomBlur, RandomJpeg, RandomPixelation, RandomShading
from bloodcells.augmentation.layers import (
    RandomAffine,
    RandomCoarseDropout,
    RandomDihedral,
    RandomFramedAffine,
    RandomGaussianNoise,
    RandomStain,
)
from bloodcells.errors import looked_up

Layers = list[keras.layers.Layer]

_PIXELS = (0, 255)


@dataclass(frozen=True)
class Policy:
    """One way to augment.

    Attributes:
        description: what it does, for a table.
        layers: makes the layers, fresh, in the order in which they are applied. Each maps
            ``{"images": (N, S, S, 3) float32 0..255, "labels": (N, C) float32}`` to the same.
        shuffled: apply all but the first of the layers in an order drawn for each batch.
        mixing: makes the layer that mixes pairs of images and their labels, after all the others.
        consistency: weight of the Jensen-Shannon consistency loss; above 0, every image comes in three views, as the
            first layer leaves it and twice augmented by the others.
        near: what the benchmarks test that this policy comes near to, in another form and range: corruptions of
            MedMNIST-C and families of the composite corruption.
    """

    description: str
    layers: Callable[[], Layers]
    shuffled: bool = False
    mixing: Callable[[], keras.layers.Layer] | None = None
    consistency: float = 0.0
    near: frozenset[str] = frozenset()


def _flips_and(*layers: Callable[[], keras.layers.Layer]) -> Callable[[], Layers]:
    """Makes the eight orientations, then ``layers``."""
    return lambda: [RandomDihedral(), *(layer() for layer in layers)]


def _rand_augment(operations: int = 4, magnitude: float = 0.6) -> keras.layers.Layer:
    return keras_cv.layers.RandAugment(
        value_range=_PIXELS, augmentations_per_image=operations, magnitude=magnitude, rate=0.8
    )


_AUG_MIX = partial(keras_cv.layers.AugMix, value_range=_PIXELS, severity=0.3)
_GRID_MASK = partial(keras_cv.layers.GridMask, ratio_factor=(0.2, 0.5))
# KerasCV's takes the labels' shares from the box before it is cut at the border.
_CUT_MIX = partial(keras.layers.CutMix, factor=(1.0, 1.0))


def _sometimes(layer: keras.layers.Layer, rate: float) -> keras.layers.Layer:
    """``layer``, applied to a share of the images of a batch."""
    return keras_cv.layers.RandomApply(layer, rate=rate)


def _camera() -> Layers:
    """What a camera and a file do to colour and detail, each to its own share of the images."""
    return [
        _sometimes(keras_cv.layers.RandomHue((0.0, 0.5), _PIXELS), 0.15),
        _sometimes(keras_cv.layers.RandomChannelShift(_PIXELS, 0.3), 0.1),
        _sometimes(keras_cv.layers.ChannelShuffle(), 0.1),
        RandomBlur(stddev=2.5, rate=0.25),
        RandomPixelation(rate=0.1),
        RandomGaussianNoise(stddev=45.0, rate=0.25),
        RandomJpeg(rate=0.15),
    ]


def _chain() -> Layers:
    """Geometry, colour, optics, storage and occlusion, each applied to its own share of the images."""
    return [
        RandomDihedral(),
        RandomAffine(rate=0.5),
        RandomStain(amount=0.5, offset=0.15, rate=0.35),
        RandomShading(rate=0.25),
        _sometimes(_rand_augment(2, 0.5), 0.6),
        *_camera(),
        _sometimes(keras_cv.layers.RandomCutout((0.1, 0.4), (0.1, 0.4)), 0.3),
        _sometimes(_GRID_MASK(), 0.12),
    ]


def _full() -> Layers:
    """As `_chain`, wider where a network trained with that is weakest: covers, frames, tone and contrast."""
    return [
        RandomDihedral(),
        RandomAffine(zoom=1.5, stretch=1.3, shear=0.25, rate=0.3),
        RandomFramedAffine(zoom=1.7, stretch=1.3, shear=0.3, translation=0.2, rate=0.25),
        RandomStain(amount=0.9, offset=0.2, rate=0.35),
        RandomShading(rate=0.25),
        _sometimes(_rand_augment(2, 0.5), 0.4),
        _sometimes(keras_cv.layers.RandomContrast(_PIXELS, 0.8), 0.15),
        _sometimes(
            keras_cv.layers.Solarization(_PIXELS, addition_factor=(0.0, 110.0), threshold_factor=(0.0, 255.0)), 0.12
        ),
        *_camera(),
        _sometimes(keras_cv.layers.RandomCutout((0.1, 0.4), (0.1, 0.4)), 0.15),
        _sometimes(_GRID_MASK(), 0.1),
        RandomCoarseDropout(rate=0.25),
    ]


_NEAR_RAND_AUGMENT = frozenset(
    {"brightness_up", "brightness_down", "contrast_up", "contrast_down", "geometry", "colour", "light", "tone"}
)
_NEAR_AUG_MIX = frozenset({"contrast_up", "geometry", "light", "tone"})
_NEAR_STAIN = frozenset({"brightness_up", "brightness_down", "colour", "light"})
_NEAR_CHAIN = _NEAR_RAND_AUGMENT | {
    "pixelate", "jpeg_compression", "defocus_blur", "motion_blur", "saturate",
    "channels", "blur", "noise", "storage", "occlusion",
}  # fmt: skip

_POLICIES: dict[str, Policy] = {
    "none": Policy("the cells as they are", list),
    "flips": Policy("one of the eight orientations", _flips_and()),
    "randaugment": Policy(
        "flips, RandAugment (Cubuk et al. 2019, arXiv:1909.13719)", _flips_and(_rand_augment), near=_NEAR_RAND_AUGMENT
    ),
    "augmix": Policy(
        "flips, AugMix with its consistency loss over three views (Hendrycks et al. 2019, arXiv:1912.02781)",
        _flips_and(_AUG_MIX),
        consistency=12.0,
        near=_NEAR_AUG_MIX,
    ),
    "augmix_no_jsd": Policy("flips, AugMix without the consistency loss", _flips_and(_AUG_MIX), near=_NEAR_AUG_MIX),
    "mixup": Policy(
        "flips, MixUp (Zhang et al. 2017, arXiv:1710.09412)",
        _flips_and(),
        mixing=partial(keras_cv.layers.MixUp, alpha=0.4),
    ),
    "cutmix": Policy(
        "flips, CutMix (Yun et al. 2019, arXiv:1905.04899)",
        _flips_and(),
        mixing=_CUT_MIX,
        near=frozenset({"occlusion"}),
    ),
    "gaussian_noise": Policy(
        "flips, Gaussian noise of up to 25 pixel values", _flips_and(RandomGaussianNoise), near=frozenset({"noise"})
    ),
    "cutout": Policy(
        "flips, Cutout of a quarter of each side (DeVries and Taylor 2017, arXiv:1708.04552)",
        _flips_and(partial(keras_cv.layers.RandomCutout, 0.25, 0.25)),
        near=frozenset({"occlusion"}),
    ),
    "gridmask": Policy(
        "flips, GridMask (Chen et al. 2020, arXiv:2001.04086)", _flips_and(_GRID_MASK), near=frozenset({"occlusion"})
    ),
    "stain": Policy(
        "flips, optical-density jitter (Tellez et al. 2018, doi:10.1109/TMI.2018.2820199)",
        _flips_and(RandomStain),
        near=_NEAR_STAIN,
    ),
    "chain": Policy(
        "geometry, colour, optics, storage and occlusion, each now and then, in random order",
        _chain,
        shuffled=True,
        near=_NEAR_CHAIN,
    ),
    "full": Policy(
        "chain, wider in geometry, tone, contrast and covers",
        _full,
        shuffled=True,
        near=_NEAR_CHAIN,
    ),
}

POLICIES = tuple(_POLICIES)


def policy(name: str) -> Policy:
    """The policy of that name.

    Raises:
        KitError: unknown name.
    """
    return looked_up(_POLICIES, name, "augmentation policy")
