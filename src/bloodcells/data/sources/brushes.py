"""Soft-edged shapes and stains on one square canvas.

A shape is a *distance field*: (S, S) float32, pixels, negative inside, so that shapes blend, wobble and get outlines by
arithmetic and need no supersampling. A canvas is (3, S, S) float32, RGB planes in 0..255, changed in place; planes and
not pixels, because three-long inner loops are slow in NumPy.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
from scipy.ndimage import gaussian_filter

Field = np.ndarray
Colour = tuple[float, float, float]
Point = tuple[float, float]

SIZE = 96
"""Height and width of a picture, pixels; the radii of the cells are for this size."""

_Y, _X = np.mgrid[:SIZE, :SIZE].astype(np.float32)
_TILE = 384


def coverage(distance: Field, softness: float = 1.4) -> Field:
    """How much of each pixel a shape covers, 0..1; the edge is ``softness`` pixels wide."""
    return np.clip(0.5 - distance / softness, 0, 1)


def paint(canvas: np.ndarray, colour: Colour | np.ndarray, cover: Field) -> None:
    """Lay ``colour``, one or (3, S, S), over the canvas where ``cover`` is 1."""
    canvas += (planes(colour) - canvas) * cover


def planes(colour: Colour | np.ndarray) -> np.ndarray:
    """A colour as (3, 1, 1) float32, which broadcasts over a canvas; a (3, S, S) picture stays as it is."""
    array = np.asarray(colour, np.float32)
    return array[:, None, None] if array.ndim == 1 else array


def mixture(first: Colour, second: Colour, share: Field) -> np.ndarray:
    """(3, S, S): ``first`` where ``share`` is 0, ``second`` where it is 1."""
    return planes(first) + (planes(second) - planes(first)) * share


@cache
def _noise(grain: float) -> np.ndarray:
    """A fixed (384, 384) tile of band-passed noise, mean 0, deviation 1: filtering it once is the cost of 50 cells."""
    white = np.random.default_rng(2020).standard_normal((_TILE, _TILE)).astype(np.float32)
    band = gaussian_filter(white, grain, mode="wrap") - gaussian_filter(white, 3 * grain, mode="wrap")
    return (band - band.mean()) / band.std()


def texture(rng: np.random.Generator, grain: float) -> Field:
    """Speckles about ``grain`` pixels in radius, mean 0, deviation 1: a random window of a fixed tile."""
    top, left = rng.integers(0, _TILE - SIZE, 2)
    window = _noise(grain)[top : top + SIZE, left : left + SIZE]
    return window[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]


def speckles(rng: np.random.Generator, grain: float, density: float) -> Field:
    """Granules: coverage 0..1, on about the share ``density`` of the area."""
    level = np.float32(NormalDist().inv_cdf(1 - density))
    return np.clip((texture(rng, grain) - level) * np.float32(2.5) + np.float32(0.5), 0, 1)


def ellipse(centre: Point, axes: Point, angle: float) -> Field:
    """An ellipse with the half axes ``axes`` (pixels), turned by ``angle`` (radians)."""
    x, y = _X - np.float32(centre[0]), _Y - np.float32(centre[1])
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    return (np.sqrt(np.square(u / axes[0]) + np.square(v / axes[1])) - 1) * min(axes)


def outline(rng: np.random.Generator, centre: Point, radius: float, roughness: float) -> Field:
    """A closed curve around ``centre`` that departs from the circle by about the share ``roughness``."""
    stretch = 1 + min(abs(rng.normal(0, roughness)), 0.3)
    oval = ellipse(centre, (radius * stretch, radius / stretch), rng.uniform(0, math.pi))
    return oval + 0.6 * roughness * radius * texture(rng, 7.0)


def beads(points: np.ndarray, radii: np.ndarray, blend: float) -> Field:
    """Discs at ``points`` ((K, 2) as x, y) that flow together within ``blend`` pixels: lobes, sausages, kidneys."""
    x = _X - points[:, 0, None, None].astype(np.float32)
    y = _Y - points[:, 1, None, None].astype(np.float32)
    distance = np.sqrt(x * x + y * y) - radii[:, None, None].astype(np.float32)
    return union(distance, blend)


def union(distances: Sequence[Field] | np.ndarray, blend: float) -> Field:
    """The union of shapes with rounded joints: a smooth minimum over the first axis."""
    fields = np.asarray(distances)
    nearest = fields.min(axis=0)
    return nearest - np.float32(blend) * np.log(np.exp((nearest - fields) / np.float32(blend)).sum(axis=0))
