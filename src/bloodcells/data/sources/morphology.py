"""The eight classes of blood cells, painted as a haematologist tells them apart (May-Gruenwald-Giemsa stain).

Size of the cell, number and shape of the nuclear lobes, nucleus/cytoplasm ratio, colour and density of the granules.
Sizes and colours were chosen beside the PBC images of Acevedo et al. 2020 (doi:10.1016/j.dib.2020.105474), at about
0.2 um per pixel. Every painter takes the canvas, a random generator, the centre (x, y) and the radius in pixels.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np

from bloodcells.data.sources.brushes import (
    Colour,
    Field,
    Point,
    beads,
    coverage,
    ellipse,
    mixture,
    outline,
    paint,
    planes,
    speckles,
    texture,
    union,
)

_CHROMATIN: Colour = (58, 24, 112)
_CLEFTS: Colour = (140, 88, 152)
_AZURE_GRANULE: Colour = (108, 48, 122)


def _jitter(rng: np.random.Generator, colour: Colour, deviation: float = 4) -> Colour:
    red, green, blue = np.asarray(colour) + rng.normal(0, deviation, 3) + rng.normal(0, deviation)
    return (red, green, blue)


def _towards(centre: Point, angle: float, distance: float) -> Point:
    return (centre[0] + distance * math.cos(angle), centre[1] + distance * math.sin(angle))


def _cytoplasm(
    canvas: np.ndarray, rng: np.random.Generator, shape: Field, colour: Colour, mottle: float, rim: float
) -> Field:
    """Fill a cell body; ``mottle`` (levels) is its cloudiness, ``rim`` (0..1) how dark its edge is. Gives coverage."""
    cover = coverage(shape)
    clouds = texture(rng, 0.8) * mottle + texture(rng, 2.5) * mottle
    paint(canvas, planes(_jitter(rng, colour)) + clouds, cover)
    paint(canvas, (96, 70, 142), rim * np.exp(-((shape + 0.8) ** 2) / 1.4))
    return cover


def _nucleus(
    canvas: np.ndarray,
    rng: np.random.Generator,
    shape: Field,
    clefts: float = 0.3,
    grain: float = 0.8,
    dark: Colour = _CHROMATIN,
    pale: Colour = _CLEFTS,
) -> None:
    """Fill a nucleus: dark chromatin broken by pale ``clefts`` (0..1, on average), and the membrane's dark line."""
    shape = shape + 0.3 * texture(rng, 2.5)
    loose = (clefts + 0.3 * texture(rng, grain) + 0.12 * texture(rng, 2.5)).clip(0, 1)
    paint(canvas, mixture(_jitter(rng, dark, 4), _jitter(rng, pale, 5), loose), coverage(shape))
    paint(canvas, dark, 0.75 * np.exp(-((shape + 1.0) ** 2) / 1.2))


def _lobes(rng: np.random.Generator, centre: Point, radius: float, count: int) -> Field:
    """``count`` lobes in a bent chain, joined by thin threads, in a cell of ``radius``."""
    step = rng.uniform(0.9, 1.15) * {2: 2.3, 3: 1.6, 4: 1.25, 5: 1.05}[count]
    angles = rng.uniform(0, 2 * math.pi) + step * np.arange(count) + rng.normal(0, 0.08, count)
    orbit = radius * rng.uniform(0.40, 0.52) * rng.uniform(0.9, 1.15, count)
    places = np.stack([centre[0] + orbit * np.cos(angles), centre[1] + orbit * np.sin(angles)], axis=1)
    sizes = radius * {2: 0.36, 3: 0.31, 4: 0.27, 5: 0.24}[count] * rng.uniform(0.85, 1.15, count)
    along = np.linspace(0.2, 0.8, 4)[:, None]
    threads = [a + (b - a) * along for a, b in itertools.pairwise(places)]
    thin = np.full(4 * (count - 1), radius * rng.uniform(0.03, 0.09))
    # A second, smaller disc beside each makes the lobes oval, each its own way.
    turns = rng.uniform(0, 2 * math.pi, count)
    ovals = places + 0.6 * sizes[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return beads(np.concatenate([places, ovals, *threads]), np.concatenate([sizes, 0.85 * sizes, thin]), 0.7)


def _sausage(centre: Point, angle: float, orbit: float, thick: float, sweep: float, blend: float = 2.0) -> Field:
    """A bent rod of half thickness ``thick`` over ``sweep`` radians of a circle: band, kidney, horseshoe."""
    angles = angle + np.linspace(-sweep / 2, sweep / 2, 9)
    shift = orbit * 0.45 * np.array((math.cos(angle), math.sin(angle)))
    places = np.asarray(centre) - shift + orbit * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return beads(places, thick * (1 + 0.12 * np.cos(np.linspace(0, 4 * math.pi, 9))), blend)


def _basophil(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """Coarse blue-black granules over everything, the lobed nucleus hardly seen beneath."""
    body = outline(rng, centre, radius, 0.05) + 0.7 * texture(rng, 1.6)
    inside = _cytoplasm(canvas, rng, body, (196, 158, 194), 8, 0.1)
    lobes = beads(np.asarray(centre) + rng.normal(0, 0.33 * radius, (3, 2)), np.full(3, 0.46 * radius), 3.0)
    paint(canvas, _jitter(rng, (84, 48, 128)), coverage(np.maximum(lobes, body + 2), 3) * 0.95)
    granule = _jitter(rng, (46, 12, 88), 5)
    near_edge = np.exp(-((body + 2.0) ** 2) / 6)
    paint(canvas, granule, inside * speckles(rng, rng.choice((0.6, 0.8, 1.2)), rng.uniform(0.35, 0.62)))
    paint(canvas, granule, coverage(body - 0.6) * near_edge * speckles(rng, 1.2, 0.6))


def _eosinophil(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """Two lobes, rarely three, and a body packed with orange granules."""
    body = outline(rng, centre, radius, 0.035)
    inside = _cytoplasm(canvas, rng, body, (222, 196, 198), 4, 0.25)
    packed = inside * coverage(ellipse(_towards(centre, rng.uniform(0, 6.3), 3), (radius, radius), 0) + 1, 4)
    paint(canvas, _jitter(rng, (208, 136, 134)), packed * rng.uniform(0.55, 0.95))
    paint(canvas, _jitter(rng, (176, 86, 102)), packed * speckles(rng, 0.6, 0.45) * 0.6)
    paint(canvas, (232, 184, 170), packed * speckles(rng, 0.6, 0.15) * 0.5)
    count = 2 if rng.random() < 0.8 else 3
    _nucleus(canvas, rng, _lobes(rng, centre, radius, count), clefts=0.3)


def _erythroblast(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A small, round, very dark nucleus in smooth grey-blue to grey-pink cytoplasm."""
    ripeness = rng.uniform(0, 1)
    young, ripe = np.array((132, 124, 172)), np.array((196, 170, 182))
    red, green, blue = young + (ripe - young) * ripeness
    body = outline(rng, centre, radius, 0.06)
    _cytoplasm(canvas, rng, body, (red, green, blue), 2.5, 0.2)
    size = radius * rng.uniform(0.54, 0.8)
    place = _towards(centre, rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.75) * (radius - size))
    paint(canvas, (226, 208, 216), 0.35 * np.exp(-((ellipse(place, (size, size), 0) - 1.5) ** 2) / 2))
    spots = rng.uniform(-0.5, 0.05)
    _nucleus(canvas, rng, outline(rng, place, size, 0.03), spots, 1.2, dark=(42, 16, 92), pale=(110, 60, 130))


def _immature_granulocyte(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A large, unlobed, oval or kidney nucleus; fine purple granules over body and nucleus."""
    body = outline(rng, centre, radius, 0.04)
    inside = _cytoplasm(canvas, rng, body, (188, 160, 194), 6, 0.4)
    angle = rng.uniform(0, 2 * math.pi)
    place = _towards(centre, angle, rng.uniform(0.1, 0.24) * radius)
    if rng.random() < 0.6:
        across = radius * rng.uniform(0.62, 0.74)
        nucleus = ellipse(place, (across, across * rng.uniform(1.05, 1.25)), angle)
    else:
        nucleus = _sausage(place, angle, radius * 0.36, radius * rng.uniform(0.40, 0.46), rng.uniform(1.5, 2.0), 3.5)
    shape = np.maximum(nucleus, body + 2.5)
    _nucleus(canvas, rng, shape, rng.uniform(0.35, 0.45), dark=(70, 30, 116), pale=(146, 92, 158))
    grains = speckles(rng, 0.6, rng.uniform(0.06, 0.4))
    paint(canvas, _AZURE_GRANULE, inside * coverage(-shape, 3) * grains * 0.9)
    paint(canvas, (60, 22, 100), coverage(shape) * grains * 0.4)


def _lymphocyte(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A small cell: a round, dense nucleus that leaves a thin blue rim; some with little buds."""
    body = outline(rng, centre, radius, 0.035) + 0.35 * texture(rng, 2.5)
    if rng.random() < 0.25:
        for angle in rng.uniform(0, 2 * math.pi, rng.integers(1, 4)):
            bud = rng.uniform(2, 3.2)
            body = union((body, ellipse(_towards(centre, angle, radius + 0.6 * bud), (bud, bud), 0)), 0.8)
    _cytoplasm(canvas, rng, body, (124, 116, 180), 10, 0.6)
    size = radius * rng.uniform(0.70, 0.91)
    place = _towards(centre, rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.85) * (radius - size))
    nucleus = outline(rng, place, size, 0.035)
    _nucleus(canvas, rng, nucleus, rng.uniform(0.1, 0.25), 0.8, dark=(54, 20, 104), pale=(128, 72, 138))


def _monocyte(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A large cell of irregular outline, grey-blue with vacuoles; a folded, kidney or horseshoe nucleus."""
    body = outline(rng, centre, radius, 0.075)
    inside = _cytoplasm(canvas, rng, body, (164, 148, 190), 8, 0.35)
    paint(canvas, (126, 104, 164), inside * speckles(rng, 0.6, 0.25) * 0.4)
    angle, sweep = rng.uniform(0, 2 * math.pi), rng.uniform(2.1, 4.0)
    thick = radius * rng.uniform(0.29, 0.36) * (1.12 - 0.06 * sweep)
    nucleus = _sausage(centre, angle, radius * rng.uniform(0.36, 0.44), thick, sweep, 2.5) + texture(rng, 5.0)
    _vacuoles(canvas, rng, np.maximum(body + 3, -nucleus), centre, radius)
    _nucleus(canvas, rng, np.maximum(nucleus, body + 2), rng.uniform(0.33, 0.43), 0.8, (66, 32, 116), (142, 96, 160))


def _vacuoles(canvas: np.ndarray, rng: np.random.Generator, room: Field, centre: Point, radius: float) -> None:
    """Clear bubbles where ``room`` is negative; a third of the cells have many."""
    count = rng.integers(6, 16) if rng.random() < 0.35 else rng.integers(0, 5)
    if count == 0:
        return
    places = np.asarray(centre) + rng.uniform(-radius, radius, (count, 2))
    bubbles = np.maximum(beads(places, rng.uniform(0.6, 2.4, count), 0.3), room)
    paint(canvas, (246, 228, 218), coverage(bubbles, 2) * 0.85)


def _neutrophil(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """Three to five lobes on threads, or a band; pale pink body with fine, faint granules."""
    body = outline(rng, centre, radius, 0.045)
    inside = _cytoplasm(canvas, rng, body, (228, 200, 198), 4, 0.2)
    paint(canvas, _jitter(rng, (180, 122, 158)), inside * speckles(rng, 0.6, rng.uniform(0.08, 0.32)) * 0.8)
    if rng.random() < 0.25:
        orbit, angle = radius * rng.uniform(0.42, 0.5), rng.uniform(0, 2 * math.pi)
        nucleus = _sausage(centre, angle, orbit, radius * rng.uniform(0.19, 0.24), rng.uniform(2.6, 4.4), 1.0)
    else:
        nucleus = _lobes(rng, centre, radius, int(rng.choice((3, 4, 5), p=(0.45, 0.38, 0.17))))
    _nucleus(canvas, rng, nucleus, clefts=0.15, dark=(52, 22, 108), pale=(128, 82, 156))


def _platelet(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """A tiny fragment without a nucleus, granular and purple; sometimes two or three."""
    paint_fragment(canvas, rng, centre, radius)
    for _ in range(rng.choice((0, 1, 2), p=(0.7, 0.2, 0.1))):
        place = _towards(centre, rng.uniform(0, 2 * math.pi), radius + rng.uniform(6, 18))
        paint_fragment(canvas, rng, place, rng.uniform(0.3, 0.7) * radius)


def paint_fragment(canvas: np.ndarray, rng: np.random.Generator, centre: Point, radius: float) -> None:
    """One platelet: blue-grey ground, purple grains towards the middle, a frayed edge."""
    fray = rng.uniform(0.2, 1.4)
    body = outline(rng, centre, radius, 0.09) + fray * texture(rng, 1.6)
    cover = coverage(body, 2.2)
    paint(canvas, _jitter(rng, (168, 142, 186), 8), cover * 0.9)
    grains = speckles(rng, 0.6, rng.uniform(0.4, 0.65)) * coverage(body + 0.15 * radius, 0.6 * radius)
    paint(canvas, _jitter(rng, (90, 42, 128), 8), grains * rng.uniform(0.7, 0.95))


Painter = Callable[[np.ndarray, np.random.Generator, Point, float], None]
PAINTERS: dict[str, tuple[Painter, float, float]] = {
    "basophil": (_basophil, 25, 35),
    "eosinophil": (_eosinophil, 28, 40),
    "erythroblast": (_erythroblast, 18, 29),
    "immature granulocyte": (_immature_granulocyte, 29, 42),
    "lymphocyte": (_lymphocyte, 20, 31),
    "monocyte": (_monocyte, 31, 43),
    "neutrophil": (_neutrophil, 28, 39),
    "platelet": (_platelet, 8, 16),
}
"""By class, in the order of the labels: the painter, and the smallest and the largest radius in pixels."""
