"""What a source holds, before any competition says what it should: classes, how many pictures of each, their size."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bloodcells.data.cells import read_npz
from bloodcells.data.classes import spelled
from bloodcells.data.sources import AS_USUAL, Reading, archive, holds_pictures, list_pictures
from bloodcells.data.sources.pictures import median_side
from bloodcells.errors import KitError

_LOOKED_AT = 500  # pictures whose size is looked at


@dataclass(frozen=True)
class Found:
    """A source of labelled pictures.

    Attributes:
        classes: their names, by number where they are numbers, else by the alphabet.
        counts: pictures of each.
        side: the shorter side of a picture, pixels; the median where they differ.
        pictures: whether they are files, and not arrays.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    side: int
    pictures: bool


def look_into(path: Path, reading: Reading = AS_USUAL) -> Found:
    """What the folder, table or ``.npz`` at ``path`` holds.

    Raises:
        KitError: it cannot be read, has no labels, or those of one class alone.
    """
    pictures = holds_pictures(path)
    labels, side = _in_pictures(path, reading) if pictures else _in_archive(path, reading)
    by_spelling = {spelled(label): label for label in reversed(labels)}
    counted = Counter(by_spelling[spelled(label)] for label in labels)
    classes = tuple(sorted(counted, key=_by_number))
    if len(classes) < 2:
        raise KitError(
            f"{path}: expected pictures of two classes or more, got those of {', '.join(classes)}. Add some."
        )
    return Found(classes, tuple(counted[name] for name in classes), side, pictures)


def _in_pictures(path: Path, reading: Reading) -> tuple[Sequence[str], int]:
    listing = list_pictures(path, reading.keys)
    if listing.labels is None:
        raise KitError(
            f"{path}: expected a folder for each class, or a table file,label beside the pictures, got pictures alone. "
            "Sort them."
        )
    step = max(1, len(listing.files) // _LOOKED_AT)
    return listing.labels, median_side(listing.files[::step])


def _in_archive(path: Path, reading: Reading) -> tuple[Sequence[str], int]:
    keys = reading.keys or archive.KEYS
    arrays = read_npz(path, keys)
    images, labels = arrays[keys[0]], arrays[keys[1]]
    if images.ndim < 3 or not len(images):
        raise KitError(f"{path}: expected images (N, S, S, 3), got {images.shape}. Name their array with --keys.")
    if labels.ndim == 2 and archive.is_one_hot(labels, labels.shape[1]):
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if labels.dtype.kind not in "uU" and not (labels == np.abs(np.floor(labels))).all():
        raise KitError(f"{path}: expected labels as names, whole numbers or one-hot rows, got others. Convert them.")
    names = labels.tolist() if labels.dtype.kind == "U" else labels.astype(np.int64).astype(str).tolist()
    return names, min(images.shape[1:3])


def _by_number(name: str) -> tuple[float, str]:
    return (float(name) if name.isdecimal() else np.inf, name.casefold())
