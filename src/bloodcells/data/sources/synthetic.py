"""The embedded data: a synthetic blood smear with the defects of the competition's file and their ground truth.

Every cell depends on (seed, position) alone, so a longer smear begins with the cells of a shorter one, but for the few
positions that hold copies. Another processor may round a few pixels differently by one level.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from bloodcells.competition import BLOOD_CELLS, read_competition
from bloodcells.data.cells import CellSet
from bloodcells.data.jpeg import through_jpeg
from bloodcells.data.sources.drawing import draw_cell
from bloodcells.errors import KitError

CLASS_COUNTS = np.array((852, 2181, 1085, 2026, 849, 993, 2330, 1643))
"""Cells per class in the competition's file without its junk, counted there; cut from PBC (Acevedo et al. 2020)."""

FILE_SIZE = 13_759
FACE_COPIES = 1_600
"""Copies of the competition's first junk picture among its ``FILE_SIZE`` images, 200 per class."""
LANDSCAPE_COPIES = 200
"""Copies of its second one, all labelled monocyte."""

EXACT_DUPLICATES = 8
NEAR_DUPLICATES = 24
LABEL_CONFLICTS = 6
FEWEST_CELLS = 100

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class Truth:
    """What is wrong with each of the N images.

    Attributes:
        defect: (N,) str: "" (a sound cell, also one that has a copy elsewhere), "junk", "exact_duplicate",
            "near_duplicate" or "label_conflict" (the same pixels as ``original``, under another label).
        original: (N,) int64, the index of the image that was copied, -1 where nothing was.
        change: (N,) str, what was done to a near duplicate: "jpeg", "brightness" or "flip"; else "".
    """

    defect: np.ndarray
    original: np.ndarray
    change: np.ndarray


DEFAULT_CELLS = 3_200
"""Of a smear for which no other number is asked."""


@dataclass(frozen=True, eq=False)
class Smear:
    """A synthetic training set and the truth about its defects, row by row."""

    cells: CellSet
    truth: Truth


def draw_smear(cells: int = DEFAULT_CELLS, seed: int = 0) -> Smear:
    """Draw ``cells`` distinct cells and plant the competition's defects.

    The exact duplicates, near duplicates and label conflicts (``EXACT_DUPLICATES``, ``NEAR_DUPLICATES``,
    ``LABEL_CONFLICTS`` of them) lie scattered among the cells; the junk lies behind them, first one picture as
    often under every label, then another as monocytes, as in the competition's file and in its proportions. 3,200 cells
    give 3,724 images.

    Raises:
        KitError: fewer than ``FEWEST_CELLS`` cells, which could not hold every class and the copies.
    """
    if cells < FEWEST_CELLS:
        raise KitError(f"the smear is too small: expected at least {FEWEST_CELLS} cells, got {cells}. Draw more.")
    copies = EXACT_DUPLICATES + NEAR_DUPLICATES + LABEL_CONFLICTS
    faces, landscapes = _junk_counts(cells + copies)
    total = cells + copies + faces + landscapes
    blood = read_competition(BLOOD_CELLS)
    images = np.empty((total, *blood.image_shape), np.uint8)
    labels = smear_labels(total, seed)
    truth = Truth(np.full(total, "", "U16"), np.full(total, -1, np.int64), np.full(total, "", "U10"))

    rng = np.random.default_rng((seed, cells, 1))
    places = rng.permutation(cells + copies)
    slots, sources = places[:copies], places[copies : 2 * copies]
    for index in np.sort(places[copies:]):
        images[index] = draw_cell(labels[index], np.random.default_rng((seed, index)))
    _plant_copies(images, labels, truth, slots, sources, rng)

    junk = slice(cells + copies, total)
    images[junk] = [cartoon_face()] * faces + [landscape()] * landscapes
    every, monocyte = range(len(blood.classes)), blood.classes.index("monocyte")
    labels[junk] = np.concatenate([np.repeat(every, faces // len(every)), np.repeat(monocyte, landscapes)])
    truth.defect[junk] = "junk"
    return Smear(CellSet(images, labels, smear_origin(cells, seed), blood), truth)


def smear_origin(cells: int, seed: int) -> str:
    """What the cells of `draw_smear` are called."""
    return f"synthetic smear, {cells} cells, seed {seed}"


def smear_labels(count: int, seed: int) -> np.ndarray:
    """(count,) int64 labels in the proportions of ``CLASS_COUNTS``, each a function of (seed, position).

    A golden-ratio sequence cut at the cumulative proportions keeps any stretch within a few cells of them.
    """
    start = np.random.default_rng((seed, 2)).random()
    shares = np.cumsum(CLASS_COUNTS) / CLASS_COUNTS.sum()
    labels = np.searchsorted(shares, (start + _GOLDEN * np.arange(count)) % 1, side="right")
    return labels.astype(np.int64)


def _junk_counts(others: int) -> tuple[int, int]:
    """How many junk pictures of each kind beside ``others`` images; the first count is a multiple of the classes."""
    total = others * FILE_SIZE / (FILE_SIZE - FACE_COPIES - LANDSCAPE_COPIES)
    classes = len(CLASS_COUNTS)
    return classes * round(total * FACE_COPIES / FILE_SIZE / classes), round(total * LANDSCAPE_COPIES / FILE_SIZE)


def _plant_copies(
    images: np.ndarray,
    labels: np.ndarray,
    truth: Truth,
    slots: np.ndarray,
    sources: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Fill ``slots`` with copies of ``sources``: exact ones, near ones, and exact ones under another label."""
    images[slots], labels[slots], truth.original[slots] = images[sources], labels[sources], sources
    exact, near, conflict = np.split(slots, np.cumsum((EXACT_DUPLICATES, NEAR_DUPLICATES)))
    truth.defect[exact] = "exact_duplicate"
    truth.defect[near] = "near_duplicate"
    truth.defect[conflict] = "label_conflict"
    classes = len(CLASS_COUNTS)
    labels[conflict] = (labels[conflict] + rng.integers(1, classes, len(conflict))) % classes
    for turn, index in enumerate(near):
        truth.change[index] = ("jpeg", "brightness", "flip")[turn % 3]
        images[index] = _changed(images[index], truth.change[index], rng)


def _changed(image: np.ndarray, change: str, rng: np.random.Generator) -> np.ndarray:
    """A near duplicate of ``image``: the same cell after a careless step of somebody's pipeline."""
    if change == "jpeg":
        return through_jpeg(image, int(rng.integers(70, 90)))
    if change == "brightness":
        return np.rint(image * rng.uniform(0.93, 0.98)).astype(np.uint8)
    return image[:, ::-1]


def cartoon_face() -> np.ndarray:
    """The first junk picture: a cat's face, (S, S, 3) uint8."""
    picture = Image.new("RGB", (96, 96), (64, 150, 164))
    pen = ImageDraw.Draw(picture)
    for outer, tip, inner in ((16, 20, 44), (80, 76, 52)):
        pen.polygon([(outer, 48), (tip, 8), (inner, 26)], fill=(226, 140, 44))
    pen.ellipse((14, 20, 82, 88), fill=(240, 160, 56))
    for x in (32, 56):
        pen.ellipse((x, 40, x + 10, 56), fill=(246, 250, 220))
        pen.ellipse((x + 3, 42, x + 7, 54), fill=(24, 30, 24))
    pen.polygon([(43, 60), (53, 60), (48, 66)], fill=(214, 84, 92))
    pen.arc((36, 60, 48, 74), 10, 160, fill=(92, 44, 20), width=2)
    pen.arc((48, 60, 60, 74), 20, 170, fill=(92, 44, 20), width=2)
    for y in (60, 66):
        pen.line((6, y - 4, 30, y), fill=(92, 44, 20))
        pen.line((66, y, 90, y - 4), fill=(92, 44, 20))
    return np.asarray(picture)


def landscape() -> np.ndarray:
    """The second junk picture: hills under a low sun, (S, S, 3) uint8."""
    picture = Image.new("RGB", (96, 96), (250, 178, 120))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 96, 24), fill=(128, 170, 214))
    pen.rectangle((0, 24, 96, 40), fill=(206, 184, 178))
    pen.ellipse((58, 28, 80, 50), fill=(255, 238, 150))
    pen.polygon([(0, 62), (26, 30), (50, 60), (66, 44), (96, 66), (96, 96), (0, 96)], fill=(96, 100, 128))
    pen.ellipse((-40, 56, 70, 140), fill=(74, 124, 66))
    pen.ellipse((30, 66, 140, 150), fill=(48, 96, 54))
    pen.line((20, 96, 44, 76, 40, 66), fill=(216, 196, 150), width=3)
    return np.asarray(picture)
