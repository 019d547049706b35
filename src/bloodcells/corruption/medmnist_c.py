"""MedMNIST-C for blood cells: eleven corruptions at five severities, for 96 x 96 images.

Parameters: Di Salvo, Doerrich and Ledig, *MedMNIST-C* (arXiv:2406.17536), the BloodMNIST column of its registry,
given for 224 px. Lengths in pixels are scaled by S / 224; factors, qualities and the pixelate scale have no length and
stay as published, so that jpeg's 8 px blocks and pixelate's squares cover more of a 96 px cell: those two are harder
here than in the published table.

The functions are written anew in NumPy and Pillow. Where the original draws on files or libraries that are not here,
ours follows what they do: motion blur is a one-sided Gaussian trail of 2 x radius + 1 pixels (ImageMagick's), the
border is mirrored everywhere; a stain deposit is a drawn black blot, about 40 px of 224 wide and a quarter larger at
severity 5, where the original multiplies by scanned ink marks. The alias blur of defocus (sigma 0.1 px and less) has no
effect; the disk's border pixels are weighted by their covered share instead. Values are rounded, not cut off.

Random draws (angle, marks, bubbles) come from (seed, index of the image) and are the same at all severities, so that a
row of severities shows severity alone. By the published parameters stain deposits of severity 3 and 4 are then equal.

A test set, never a training augmentation: stain deposits and bubbles belong to the family that training never uses in
any form (see `composite`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bloodcells.corruption import colours, degradations, obstructions
from bloodcells.data.cells import CellSet
from bloodcells.data.jpeg import through_jpeg
from bloodcells.errors import KitError, looked_up

SEVERITIES = (1, 2, 3, 4, 5)
Corrupt = Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]

_REFERENCE_SIDE = 224
_MARK_DIAMETERS = (40, 40, 40, 40, 50)
"""Of stain deposits, in pixels of 224. A choice of ours."""


def _at_a_level(function: Callable[[np.ndarray, Any], np.ndarray]) -> Corrupt:
    """``function``, in which there is no chance."""
    return lambda image, level, rng: function(image, level)


def _defocus(image: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    return degradations.defocus(image, radius * _scale(image))


def _motion(image: np.ndarray, radius_sigma: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    radius, sigma = radius_sigma
    angle = np.radians(rng.uniform(-45, 45))
    trail = np.arange(2 * radius + 1)
    offsets = trail[:, None] * np.array([np.sin(angle), np.cos(angle)]) * _scale(image)
    return degradations.motion_blur(image, offsets, np.exp(-(trail**2) / (2 * sigma**2)))


def _stain_deposit(image: np.ndarray, marks_diameter: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """1 to ``max_marks`` black blots, the whole mark at least 10 px of 224 inside the picture."""
    max_marks, diameter = marks_diameter
    count = 1 + int(rng.random() * max_marks)
    radius = diameter / 2 / _REFERENCE_SIDE
    margin = max(_MARK_DIAMETERS) / 2 / _REFERENCE_SIDE + 10 / _REFERENCE_SIDE
    places = rng.uniform(margin, 1 - margin, (max(SEVERITIES), 2))[:count]
    discs = [(row, column, radius) for row, column in places.tolist()]
    return obstructions.deposit_stain(image, discs, (0.0, 0.0, 0.0), 1.0, int(rng.integers(2**32)))


def _bubble(image: np.ndarray, radius_count: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """7 to ``max_count`` discs with radii of 3 to ``max_radius`` px of 224, each with a ring of 2 px."""
    max_radius, max_count = radius_count
    count = 7 + int(rng.random() * (max_count - 6))
    discs = []
    for size, down, right in rng.random((count, 3)).tolist():
        radius = (3 + size * (max_radius - 3)) / _REFERENCE_SIDE
        discs.append((radius + down * (1 - 2 * radius), radius + right * (1 - 2 * radius), radius))
    return obstructions.add_bubbles(image, discs, 2 / _REFERENCE_SIDE)


def _scale(image: np.ndarray) -> float:
    """Pixels of this image per pixel of the published one."""
    return image.shape[0] / _REFERENCE_SIDE


_CORRUPTIONS: dict[str, tuple[Corrupt, tuple]] = {
    "pixelate": (_at_a_level(degradations.pixelate), (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": (_at_a_level(through_jpeg), (50, 30, 15, 10, 7)),
    "defocus_blur": (_defocus, (2, 3, 4, 5, 6)),
    "motion_blur": (_motion, ((3, 3), (5, 5), (10, 5), (10, 7), (10, 9))),
    "brightness_up": (_at_a_level(colours.scale_brightness), (1.1, 1.2, 1.3, 1.35, 1.4)),
    "brightness_down": (_at_a_level(colours.scale_brightness), (0.9, 0.8, 0.7, 0.6, 0.5)),
    "contrast_up": (_at_a_level(colours.scale_contrast), (1.1, 1.15, 1.2, 1.25, 1.3)),
    "contrast_down": (_at_a_level(colours.scale_contrast), (0.9, 0.8, 0.7, 0.6, 0.5)),
    "saturate": (_at_a_level(colours.raise_saturation), (0.05, 0.10, 0.15, 0.17, 0.20)),
    "stain_deposit": (_stain_deposit, tuple(zip((1, 2, 3, 3, 3), _MARK_DIAMETERS, strict=True))),
    "bubble": (_bubble, ((5, 10), (7, 10), (10, 10), (12, 12), (15, 12))),
}
CORRUPTIONS = tuple(_CORRUPTIONS)
"""The published names."""


def corrupt(cells: CellSet, corruption: str, severity: int, seed: int) -> CellSet:
    """The cells with one corruption applied; labels are kept, the input is not changed.

    Raises:
        KitError: unknown corruption or severity.
    """
    apply, parameters = looked_up(_CORRUPTIONS, corruption, "corruption")
    if severity not in SEVERITIES:
        raise KitError(f"unknown severity: expected 1, 2, 3, 4 or 5, got {severity!r}. Choose one of them.")
    key = CORRUPTIONS.index(corruption)
    images = np.empty_like(cells.images)
    for index, image in enumerate(cells.images):
        images[index] = apply(image, parameters[severity - 1], np.random.default_rng((seed, key, index)))
    names = np.full(len(cells), f"{corruption}_{severity}")
    origin = f"{cells.origin}, medmnist_c {corruption} {severity}, seed {seed}"
    return replace(cells, images=images, origin=origin, corruptions=names)
