"""What the cleaning benchmark plants among cells: copies by seven kinds of change, unrelated pictures of twelve kinds.

Everything is drawn here; no photograph is needed. Each function takes a random generator, so that a seed decides.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from bloodcells.cleaning.clusters import first_occurrence
from bloodcells.cleaning.copies import CHANGES
from bloodcells.cleaning.hashing import VIEWS, exact_keys
from bloodcells.corruption.colours import as_pixels
from bloodcells.data.cells import CellSet
from bloodcells.network.inference import dihedral

Rng = np.random.Generator
SIZE = 96


@dataclass(frozen=True, eq=False)
class Planted:
    """Cells with planted defects, in random order, and the truth.

    Attributes:
        cells: N images; the labels of unrelated pictures are random.
        original: (N,) int64, images of one cell share this number, and byte-identical unrelated pictures do.
        kind: (N,) str, "" for a clean cell, else the change or the kind of picture.
        unrelated: (N,) bool.
    """

    cells: CellSet
    original: np.ndarray
    kind: np.ndarray
    unrelated: np.ndarray


def plant(clean: CellSet, n_cells: int, copies_per_kind: int, pictures_per_kind: int, seed: int) -> Planted:
    """Draw ``n_cells`` of ``clean``, copy some of them in every way of ``CHANGES`` and add ``PICTURES``."""
    draw = np.random.default_rng(seed)
    base = clean.take(draw.choice(len(clean), n_cells, replace=False))
    images, labels, original, kind = [*base.images], [*base.labels], [*range(n_cells)], [""] * n_cells
    for name, change in CHANGES.items():
        for index in draw.choice(n_cells, copies_per_kind, replace=False):
            images.append(change(base.images[index], draw))
            labels.append(base.labels[index])
            original.append(int(index))
            kind.append(name)
    for name, picture in PICTURES.items():
        for _ in range(pictures_per_kind):
            images.append(picture(draw))
            labels.append(draw.integers(8))
            original.append(len(original))
            kind.append(name)
    unrelated = np.isin(kind, list(PICTURES))
    same = first_occurrence(exact_keys(np.stack(images)))
    numbers = np.where(unrelated, same, original)
    order = draw.permutation(len(images))
    cells = CellSet(
        np.stack(images)[order], np.array(labels, np.int64)[order], f"planted benchmark, seed {seed}", clean.competition
    )
    return Planted(cells, numbers[order], np.array(kind)[order], unrelated[order])


def _colour(draw: Rng, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = draw.integers(low, high, 3).tolist()
    return red, green, blue


def _canvas(colour: tuple[int, int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIZE, SIZE), colour)
    return image, ImageDraw.Draw(image)


def _landscape(draw: Rng) -> np.ndarray:
    """Sky with clouds above a rough meadow: colours and spectrum of an outdoor photograph."""
    down, across = np.mgrid[:SIZE, :SIZE]
    mix = (down / SIZE)[..., None]
    image = np.array((90, 150, 230)) * (1 - mix) + np.array((200, 220, 245)) * mix
    for _ in range(4):
        y, x = draw.integers(0, SIZE, 2)
        image += 90 * np.exp(-((across - x) ** 2 + 3 * (down - y) ** 2) / 300)[..., None]
    horizon = int(draw.integers(50, 85))
    image[horizon:] = np.array((60, 120, 50)) + draw.normal(0, 18, (SIZE - horizon, SIZE, 3))
    return as_pixels(image)


def _portrait(draw: Rng) -> np.ndarray:
    """A blurred head and shoulders in skin colours before a wall, with the grain of a camera."""
    image, pen = _canvas(_colour(draw, 90, 220))
    skin = draw.choice(((224, 172, 105), (141, 85, 36), (255, 219, 172), (198, 134, 66)))
    pen.ellipse((18, 62, 78, 130), fill=_colour(draw, 20, 160))
    pen.ellipse((30, 16, 66, 66), fill=tuple(int(value) for value in skin))
    pen.pieslice((28, 10, 68, 60), 180, 360, fill=_colour(draw, 10, 90))
    for x in (41, 55):
        pen.ellipse((x - 2, 40, x + 2, 43), fill=(25, 20, 20))
    pen.line((42, 56, 54, 56), fill=(150, 60, 60), width=2)
    return as_pixels(np.asarray(image.filter(ImageFilter.GaussianBlur(1.2))) + draw.normal(0, 4, (SIZE, SIZE, 3)))


def _cartoon(draw: Rng) -> np.ndarray:
    image, pen = _canvas(_colour(draw, 60, 230))
    pen.ellipse((20, 12, 76, 88), fill=_colour(draw, 100, 250))
    for x in (36, 56):
        pen.ellipse((x - 5, 34, x + 5, 46), fill="white")
        pen.ellipse((x - 2, 38, x + 2, 43), fill=(20, 20, 20))
    pen.arc((34, 50, 62, 74), 20, 160, fill=(90, 20, 20), width=3)
    return np.asarray(image)


def _blank(draw: Rng) -> np.ndarray:
    colour = draw.choice(((0, 0, 0), (255, 255, 255), (128, 128, 128), _colour(draw)))
    return np.full((SIZE, SIZE, 3), colour, np.uint8)


def _empty_field(draw: Rng) -> np.ndarray:
    """The background of a smear, and nothing on it."""
    return as_pixels(np.array((252, 228, 205)) + draw.normal(0, 2, (SIZE, SIZE, 3)))


def _white_noise(draw: Rng) -> np.ndarray:
    if draw.random() < 0.5:
        return draw.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    return as_pixels(np.array((200, 160, 170)) + draw.normal(0, 40, (SIZE, SIZE, 3)))


def _screenshot(draw: Rng) -> np.ndarray:
    dark = bool(draw.random() < 0.4)
    image, pen = _canvas((30, 30, 36) if dark else (255, 255, 255))
    pen.rectangle((0, 0, SIZE, 10), fill=_colour(draw, 40, 220))
    for y in range(14, SIZE, 9):
        letters = "".join(draw.choice(list("abcdefghij klmnop"), draw.integers(4, 18)))
        pen.text((3, y), letters, fill=(220, 220, 220) if dark else (20, 20, 20))
    return np.asarray(image)


def _chart(draw: Rng) -> np.ndarray:
    image, pen = _canvas((255, 255, 255))
    pen.line((10, 6, 10, 86, 90, 86), fill="black")
    for bar in range(5):
        pen.rectangle((16 + 15 * bar, 86 - int(draw.integers(8, 70)), 26 + 15 * bar, 86), fill=_colour(draw, 20, 230))
    return np.asarray(image)


def _gradient(draw: Rng) -> np.ndarray:
    mix = np.linspace(0, 1, SIZE)[:, None, None]
    image = as_pixels(np.array(_colour(draw)) * (1 - mix) + np.array(_colour(draw)) * mix + np.zeros((1, SIZE, 1)))
    return dihedral(image[None], int(draw.integers(VIEWS)))[0]


def _stripes(draw: Rng) -> np.ndarray:
    down, across = np.mgrid[:SIZE, :SIZE]
    angle = draw.uniform(0, np.pi)
    wave = np.sin((across * np.cos(angle) + down * np.sin(angle)) / draw.uniform(1.5, 8))
    mix = (wave[..., None] + 1) / 2
    return as_pixels(np.array(_colour(draw)) * (1 - mix) + np.array(_colour(draw)) * mix)


def _code(draw: Rng) -> np.ndarray:
    """Black and white squares, as of a QR code."""
    side = int(draw.choice((3, 4, 6)))
    squares = draw.integers(0, 2, (SIZE // side, SIZE // side)) * 255
    return np.kron(squares, np.ones((side, side)))[..., None].repeat(3, axis=2).astype(np.uint8)


def _fluorescence(draw: Rng) -> np.ndarray:
    """Glowing spots on black: another microscope."""
    down, across = np.mgrid[:SIZE, :SIZE]
    image = draw.normal(6, 3, (SIZE, SIZE, 3))
    channel = int(draw.integers(3))
    for _ in range(6):
        y, x = draw.integers(0, SIZE, 2)
        image[..., channel] += 220 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * draw.uniform(4, 9) ** 2))
    return as_pixels(image)


PICTURES: dict[str, Callable[[Rng], np.ndarray]] = {
    "landscape": _landscape,
    "portrait": _portrait,
    "cartoon": _cartoon,
    "blank": _blank,
    "empty field": _empty_field,
    "white noise": _white_noise,
    "screenshot": _screenshot,
    "chart": _chart,
    "gradient": _gradient,
    "stripes": _stripes,
    "code": _code,
    "fluorescence": _fluorescence,
}
