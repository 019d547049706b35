"""Means over seeds, and paired differences between two arms with an interval that a few seeds can carry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

CONFIDENCE = 0.95
"""The confidence of every interval here."""


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds of an arm.

    Attributes:
        values: one for each seed.
        mean: their mean.
        sd: their standard deviation (n - 1 in the denominator); None for a single seed.
    """

    values: tuple[float, ...]
    mean: float
    sd: float | None


@dataclass(frozen=True)
class PairedDifference:
    """How much more often one arm is right than another, by the same seeds on the same images.

    Attributes:
        mean: share of images, -1..1; positive when the first arm is right more often.
        low: lower end of the interval; with one seed it is for other images alone.
        high: its upper end.
        seeds: seeds that both arms have.
        images: images of the set.
    """

    mean: float
    low: float
    high: float
    seeds: int
    images: int


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of one figure for each seed."""
    return Spread(tuple(values), float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def paired_difference(arm: np.ndarray, baseline: np.ndarray) -> PairedDifference:
    """The mean difference and its 95 % interval, for other seeds *and* other images.

    Seeds and images are both samples, and every seed has met every image: a crossed design of two random factors. Of
    the differences right - right (seed x image) the mean squares between seeds, between images and of what is left
    give the variance of the mean,

        (MS_seeds + max(MS_images - MS_left, 0)) / (seeds x images),

    and Student's t with (seeds - 1) x ((MS_seeds + max(MS_images - MS_left, 0)) / MS_seeds)**2 degrees of freedom the
    interval: seeds - 1 when all the uncertainty is in the seeds, many when it is in the images. This is the analysis
    that radiology uses for a few readers who all read the same cases (Dorfman, Berbaum and Metz 1992, with the degrees
    of freedom of Hillis 2007, Statistics in Medicine 26:596, doi:10.1002/sim.2532); a network is a reader. Only the two
    arms enter, so nothing is assumed of the others.

    Why not the usual ones: a t interval over three seeds' means ignores that other images would give another answer,
    and is wide all the same for its 2 degrees of freedom; an interval over the images, normal or by bootstrap, ignores
    the seeds; a bootstrap over both resamples three seeds as if they were many. A test compares the first two with this
    one by simulation. Two seeds are few for it too: it covers about 0.9 then instead of 0.95.

    Args:
        arm: (seeds, images) bool, right or wrong.
        baseline: the same of the other arm, seeds and images in the same order.

    Returns:
        The difference. A single seed says nothing of others: its interval is Student's t over the images alone.
    """
    difference = arm.astype(float) - baseline
    n_seeds, n_images = difference.shape
    mean = float(difference.mean())
    if n_seeds < 2:
        half = float(student_t.ppf((1 + CONFIDENCE) / 2, n_images - 1) * difference.std(ddof=1) / math.sqrt(n_images))
        return PairedDifference(mean, mean - half, mean + half, n_seeds, n_images)
    by_seed, by_image = difference.mean(axis=1, keepdims=True), difference.mean(axis=0, keepdims=True)
    left = difference - by_seed - by_image + mean
    seeds_square = n_images * float(np.var(by_seed, ddof=1))
    images_square = n_seeds * float(np.var(by_image, ddof=1))
    left_square = float((left**2).sum()) / ((n_seeds - 1) * (n_images - 1))
    square = seeds_square + max(images_square - left_square, 0.0)
    freedom = (n_seeds - 1) * (square / seeds_square) ** 2 if seeds_square > 0 else math.inf
    half = float(student_t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(square / (n_seeds * n_images))
    return PairedDifference(mean, mean - half, mean + half, n_seeds, n_images)
