"""The picture as seen from its darkest mass, so that a shift or a tighter crop leaves it nearly as it was.

A phash of the whole frame moves by 14 of 64 bits when the frame moves by 3 pixels of 96, and by as many for a 90 %
crop; distinct cells come that close. A stained nucleus is the darkest mass of a smear's tile, and its centroid moves
with it. A window around that centroid is the same for a copy that is shifted, and a window of nine tenths is the same
for a copy that is cropped. Flips and turns carry over.
"""

import numpy as np
from PIL import Image

from bloodcells.cleaning.hashing import low_cosines, view_hashes
from bloodcells.progress import Progress

PATCH = 36  # pixels across a registered patch
SCALES = (1.0, 0.9)  # window of the copy as it is, and of one that is cropped to nine tenths and enlarged

_WINDOW = 0.375  # half of the window, as a share of the image: three quarters are seen
_COARSE = 48  # the centroid is found on this many pixels
_MARGIN = 3  # of them are left out at each border, which a shifted copy may have filled with black
_REACH = 10.0  # standard deviation of the weight around the centroid, in the same pixels
_ROUNDS = 3
_CHUNK = 64


def registered(images: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """Patches around the darkest mass of (N, S, S, 3) uint8: (N, 2, 36, 36) uint8, one per scale of ``SCALES``."""
    patches = np.empty((len(images), len(SCALES), PATCH, PATCH), np.uint8)
    for start in range(0, len(images), _CHUNK):
        pictures = [Image.fromarray(image).convert("L") for image in images[start : start + _CHUNK]]
        n, size = len(pictures), images.shape[1]
        small = [np.asarray(picture.resize((_COARSE, _COARSE), Image.Resampling.LANCZOS)) for picture in pictures]
        centres = _dark_centres(np.stack(small)) * size
        grey = np.stack([np.asarray(picture, np.float32) for picture in pictures])
        for number, scale in enumerate(SCALES):
            down, across = (_sampling(centres[:, axis], scale * _WINDOW * size, size) for axis in (0, 1))
            patches[start : start + n, number] = np.rint(down @ grey @ across.swapaxes(1, 2))
        if progress:
            progress(start + n, len(images))
    return patches


def patch_hashes(patches: np.ndarray) -> np.ndarray:
    """The phash of every view of (N, 2, 36, 36) patches: (N, 16) uint64, the eight views of each scale in turn."""
    return np.concatenate([view_hashes(low_cosines(patches[:, scale])) for scale in range(len(SCALES))], axis=1)


def _dark_centres(grey: np.ndarray) -> np.ndarray:
    """Row and column of the darkest mass of (N, 48, 48) images, as shares of the image: (N, 2) float64."""
    position = (np.arange(_COARSE) + 0.5)[_MARGIN:-_MARGIN]
    inner = grey[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN].astype(np.float64)
    dark = np.maximum(inner.mean(axis=(1, 2), keepdims=True) - inner, 0) ** 2 + 1e-9
    centre = np.full((len(grey), 2), _COARSE / 2)
    for _ in range(_ROUNDS):
        near = np.exp(-((position[None, :, None] - centre[:, None, :]) ** 2) / (2 * _REACH**2))
        rows = np.einsum("nyx,nx->ny", dark, near[:, :, 1]) * near[:, :, 0]
        columns = np.einsum("nyx,ny->nx", dark, near[:, :, 0]) * near[:, :, 1]
        centre = np.stack([rows @ position / rows.sum(axis=1), columns @ position / columns.sum(axis=1)], axis=1)
    return centre / _COARSE


def _sampling(centres: np.ndarray, half: float, size: int) -> np.ndarray:
    """Weights (N, 36, size) float32 that resample an axis to 36 points around ``centres``, edges repeated."""
    step = 2 * half / PATCH
    points = centres[:, None] + (np.arange(PATCH) + 0.5) * step - half - 0.5
    points = np.clip(points, 0, size - 1)
    weights = np.maximum(0, 1 - np.abs(np.arange(size) - points[:, :, None]) / max(step, 1))
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
