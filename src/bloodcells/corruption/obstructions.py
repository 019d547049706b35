"""What hides parts of the cell: masks (blocks, grid, holes, stripes) and what lies on the slide.

Every function takes an image (S, S, 3) uint8 and returns another of the same shape and dtype. Positions and
lengths are fractions of the image's side, (row, column), so that they hold for any image size.
"""

import math
from collections.abc import Sequence

import numpy as np

from bloodcells.corruption.colours import as_pixels

COVERS = ("black", "white", "grey", "mean", "noise")
"""What a mask may be filled with."""

Box = tuple[float, float, float, float]
"""Top, left, height, width."""
Disc = tuple[float, float, float]
"""Row and column of the centre, radius."""
Line = tuple[float, float, float, float]
"""Row and column of a point on it, direction in degrees, width."""


def cover_blocks(image: np.ndarray, boxes: Sequence[Box], cover: str, seed: int) -> np.ndarray:
    """Hide rectangles, as far as they lie within the picture."""
    side = image.shape[0]
    hidden = np.zeros(image.shape[:2], bool)
    for box in boxes:
        top, left, height, width = (round(side * edge) for edge in box)
        hidden[max(top, 0) : top + height, max(left, 0) : left + width] = True
    return _covered(image, hidden, cover, seed)


def cover_grid(
    image: np.ndarray, period: float, share: float, offset: tuple[float, float], cover: str, seed: int
) -> np.ndarray:
    """Hide squares in a regular grid: one per ``period``, whose side is ``share`` of it, moved by ``offset``."""
    along = np.arange(image.shape[0]) / image.shape[0]
    rows, columns = (((along + start) / period) % 1 < share for start in offset)
    return _covered(image, rows[:, None] & columns, cover, seed)


def cover_stripes(image: np.ndarray, period: float, share: float, degrees: float, cover: str, seed: int) -> np.ndarray:
    """Hide parallel stripes: one per ``period``, whose width is ``share`` of it."""
    along = np.arange(image.shape[0]) / image.shape[0]
    across = along * math.cos(math.radians(degrees)) + (along * math.sin(math.radians(degrees)))[:, None]
    return _covered(image, (across / period) % 1 < share, cover, seed)


def cover_holes(image: np.ndarray, cells: int, share: float, cover: str, seed: int) -> np.ndarray:
    """Hide a ``share`` of the squares of a board of ``cells`` x ``cells``, at random."""
    board = np.random.default_rng(seed).random((cells, cells)) < share
    place = np.arange(image.shape[0]) * cells // image.shape[0]
    return _covered(image, board[place[:, None], place], cover, seed)


def _covered(image: np.ndarray, hidden: np.ndarray, cover: str, seed: int) -> np.ndarray:
    """``image`` with the pixels of ``hidden`` (S, S) bool replaced."""
    covered = image.copy()
    if cover == "noise":
        noise = np.random.default_rng(seed).integers(0, 256, image.shape, np.uint8)
        covered[hidden] = noise[hidden]
    elif cover == "mean":
        covered[hidden] = image.mean(axis=(0, 1)).astype(np.uint8)
    else:
        covered[hidden] = {"black": 0, "white": 255, "grey": 128}[cover]
    return covered


def deposit_stain(
    image: np.ndarray, marks: Sequence[Disc], colour: tuple[float, float, float], opacity: float, seed: int
) -> np.ndarray:
    """Lay blots with ragged, soft edges on the slide; they multiply the light, as pigment does.

    Args:
        image: (S, S, 3) uint8.
        marks: the discs that the blots wander about.
        colour: the share of red, green and blue that a blot lets through, 0..1.
        opacity: 0..1, how much of the light goes through the blot at all.
        seed: the seed of the ragged edges.
    """
    rng = np.random.default_rng(seed)
    ink = np.zeros(image.shape[:2], np.float32)
    for mark in marks:
        ink = np.maximum(ink, _blot(image.shape[0], mark, rng))
    lets_through = 1 - np.float32(opacity) * ink[..., None] * (1 - np.array(colour, np.float32))
    return as_pixels(image * lets_through)


def _blot(side: int, mark: Disc, rng: np.random.Generator) -> np.ndarray:
    """(S, S) float32 in 0..1: a disc whose radius wanders with the angle by four random waves."""
    row, column, radius = mark
    along = (np.arange(side, dtype=np.float32) + 0.5) / side
    down, right = along[:, None] - row, along - column
    angle = np.arctan2(down, right)
    wander = np.zeros_like(angle)
    for wave in range(2, 6):
        wander += np.float32(rng.random() * 0.5 / wave) * np.cos(wave * angle + np.float32(2 * np.pi * rng.random()))
    edge = radius * (1 + wander) - np.hypot(down, right)
    return np.clip(edge / (0.25 * radius), 0, 1).astype(np.float32)


def add_bubbles(image: np.ndarray, discs: Sequence[Disc], border: float) -> np.ndarray:
    """Lay white, half-transparent discs over the picture, 100/255 opaque, with a ring of 130/255 about each.

    The later disc replaces the earlier where they overlap, so that nothing becomes whiter than a ring.
    """
    side = image.shape[0]
    along = (np.arange(side, dtype=np.float32) + 0.5) / side
    white = np.zeros((side, side), np.float32)
    for row, column, radius in discs:
        distance = np.hypot(along[:, None] - row, along - column)
        white = _laid_over(white, distance, radius + border, 130 / 255)
        white = _laid_over(white, distance, radius, 100 / 255)
    return as_pixels(image + white[..., None] * (255 - image.astype(np.float32)))


def _laid_over(white: np.ndarray, distance: np.ndarray, radius: float, opacity: float) -> np.ndarray:
    """``white`` (S, S) with the disc's own opacity inside it; the edge is a pixel wide."""
    inside = np.clip((radius - distance) * len(white) + 0.5, 0, 1)
    return white + inside * (np.float32(opacity) - white)


def scratch(image: np.ndarray, lines: Sequence[Line], brightness: float) -> np.ndarray:
    """Draw straight, thin lines of one grey ``brightness`` (0..255) across the slide."""
    side = image.shape[0]
    along = (np.arange(side, dtype=np.float32) + 0.5) / side
    drawn = np.zeros((side, side), np.float32)
    for row, column, degrees, width in lines:
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        distance = np.abs((along - column) * sin - ((along - row) * cos)[:, None])
        drawn = np.maximum(drawn, np.clip((width / 2 - distance) * side + 0.5, 0, 1))
    return as_pixels(image + drawn[..., None] * (np.float32(brightness) - image))
