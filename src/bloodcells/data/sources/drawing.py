"""One stained blood cell among its neighbours on a smear, drawn from a random generator.

``morphology`` paints what tells the classes apart; here is what does not, and varies freely: place, red cells, stray
platelets, stain, light and camera.
"""

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from bloodcells.data.sources.brushes import SIZE, Colour, Point, planes, texture
from bloodcells.data.sources.morphology import PAINTERS, paint_fragment

_GLASS: Colour = (253, 230, 201)
_BLUE_GLASS: Colour = (230, 228, 246)


def draw_cell(label: int, rng: np.random.Generator) -> np.ndarray:
    """A picture of one cell of the class ``label``: (S, S, 3) uint8, S = ``SIZE``."""
    canvas = np.tile(planes(_GLASS), (1, SIZE, SIZE))
    draw, smallest, largest = list(PAINTERS.values())[label]
    radius = rng.uniform(smallest, largest)
    x, y = (SIZE - 1) / 2 + rng.normal(0, 3, 2).clip(-7, 7)
    centre = (float(x), float(y))
    _red_cells(canvas, rng, centre, radius)
    if rng.random() < 0.12:
        _litter(canvas, rng, centre, radius)
    draw(canvas, rng, centre, radius)
    return _camera(_stain(canvas, rng), rng)


def _red_cells(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """Red cells: pink discs with a pale centre, some overlapping, many cut by the border."""
    tint = np.array((0.165, 0.235, 0.15)) + rng.normal(0, 0.007, 3)
    pallor = rng.uniform(0.4, 1.0)
    size = rng.uniform(15.5, 20)
    placed: list[Point] = []
    for _ in range(rng.integers(8, 30)):
        r = size * rng.uniform(0.85, 1.15)
        place = (rng.uniform(-r, SIZE + r), rng.uniform(-r, SIZE + r))
        crowded = any(math.dist(place, other) < 1.65 * r for other in placed)
        if math.dist(place, centre) > radius + 0.85 * r and not crowded:
            placed.append(place)
            _red_cell(canvas, rng, place, r, tint * rng.uniform(0.75, 1.2), pallor)


def _red_cell(
    canvas: np.ndarray, rng: np.random.Generator, place: Point, radius: float, tint: np.ndarray, pallor: float
) -> None:
    """One red cell, which absorbs light, so that two that overlap are darker. Drawn in a window, for speed."""
    columns, rows = (slice(max(0, int(p - 1.3 * radius)), max(0, int(p + 1.3 * radius))) for p in place)
    x = (np.arange(SIZE, dtype=np.float32)[columns] - place[0]) / radius
    y = ((np.arange(SIZE, dtype=np.float32)[rows] - place[1]) / radius)[:, None]
    angle, stretch, bend = rng.uniform(0, math.pi), rng.uniform(0.82, 1.0), rng.normal(0, 0.06)
    u = x * math.cos(angle) + y * math.sin(angle)
    v = (y * math.cos(angle) - x * math.sin(angle)) / stretch
    square = u * u + v * v
    r = np.sqrt(square) * (1 + bend * u)
    hollow = pallor * rng.uniform(0.6, 1.1) * np.exp(-np.square(square / rng.uniform(0.14, 0.32)))
    thickness = np.clip((1 - r) * radius / 1.5 + 0.5, 0, 1) * (0.85 + 0.25 * square - 0.8 * hollow)
    canvas[:, rows, columns] *= 1 - thickness * planes(tint)


def _litter(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A stray platelet beside the cell, often at the border."""
    angle = rng.uniform(0, 2 * math.pi)
    reach = radius + rng.uniform(7, 16)
    place = (centre[0] + reach * math.cos(angle), centre[1] + reach * math.sin(angle))
    paint_fragment(canvas, rng, place, rng.uniform(3, 6))


def _stain(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stain strength (absorbance times 0.8..1.25) and hue; one in fifty from a bluer microscope."""
    strength = planes(rng.uniform(0.8, 1.25) * (1 + rng.normal(0, 0.045, 3)))
    light = np.asarray(_GLASS) + rng.normal(0, 1.2, 3)
    if rng.random() < 0.02:
        light = np.asarray(_BLUE_GLASS)
    absorbance = np.log(np.maximum(canvas, 2) / planes(_GLASS))
    return planes(light) * np.exp(strength * absorbance)


def _camera(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven light, slight defocus and sensor noise; (S, S, 3) uint8."""
    ramp = np.linspace(-1, 1, SIZE, dtype=np.float32) * np.float32(0.015)
    light = np.float32(rng.uniform(0.965, 1.01)) + np.float32(rng.normal()) * ramp
    light = light[:, None] + np.float32(rng.normal()) * ramp
    defocus = rng.uniform(0.3, 0.65)
    blurred = gaussian_filter(canvas, (0, defocus, defocus), truncate=3)
    noise = np.stack([texture(rng, 0.5) for _ in range(3)]) * np.float32(rng.uniform(0.5, 1.5))
    picture = np.rint(blurred * light + noise).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture.transpose(1, 2, 0))
