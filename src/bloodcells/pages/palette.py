"""One colour per class, per set and per arm, the same in every figure, told apart by colour-blind readers too.

Paul Tol's schemes *muted* (classes), *bright* (runs) and *high contrast* (sets), https://personal.sron.nl/~pault/; the
arms take from all of his.
"""

from itertools import cycle, islice

_MUTED = ("#332288", "#CC6677", "#DDCC77", "#117733", "#88CCEE", "#AA4499", "#44AA99", "#999933", "#882255")
_BRIGHT = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")


def class_colours(count: int) -> list[str]:
    """The colours of so many classes, in their order; beyond nine they repeat."""
    return list(islice(cycle(_MUTED), count))


def run_colours(count: int) -> list[str]:
    """The colours of so many runs that are compared, legible on white and on black; beyond six they repeat."""
    return list(islice(cycle(_BRIGHT), count))


SET_COLOURS = {"clean": "#004488", "composite": "#BB5566", "training": "#DDAA33"}
"""Colour of what is measured on: cells as they are, cells after the composite corruption, augmented training cells."""

ARM_COLOURS = {
    "none": "#BBBBBB", "flips": "#555555",
    "randaugment": "#332288", "augmix": "#4477AA", "augmix_no_jsd": "#88CCEE",
    "mixup": "#882255", "cutmix": "#EE99AA",
    "gaussian_noise": "#117733", "stain": "#44AA99",
    "cutout": "#999933", "gridmask": "#DDCC77",
    "chain": "#EE7733", "full": "#CC3311",
    "half_rate": "#88CCEE", "double_rate": "#4477AA", "lion": "#332288", "ema": "#44AA99",
    "hard_labels": "#EE99AA", "class_weights": "#882255", "no_decay": "#999933", "whole_depth": "#117733",
    "frozen_batchnorm": "#DDCC77", "precise_batchnorm": "#EE7733", "96_px": "#555555",
}  # fmt: skip
"""Colour of each arm of an ablation, by name: relatives are of one hue. Augmentations and changes to the recipe stand
in different figures. None tells thirteen arms apart by colour alone; each also names them."""


def arm_colour(arm: str) -> str:
    """The colour of an arm; black for one that is not among ``ARM_COLOURS``."""
    return ARM_COLOURS.get(arm, "#000000")
