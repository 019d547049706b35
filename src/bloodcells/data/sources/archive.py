"""An ``.npz`` of any keys, with labels as whole numbers, names or one-hot rows, and with images of any size."""

from pathlib import Path

import numpy as np
from PIL import Image

from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet, read_npz, validated_cells, validated_images
from bloodcells.data.classes import labels_of
from bloodcells.errors import KitError

KEYS = ("images", "labels")
SPLITS = ("train", "val", "test")
"""The parts of a file of MedMNIST, whose keys are ``train_images``, ``train_labels`` and so on."""


def load_archive(
    path: Path,
    competition: Competition,
    keys: tuple[str, str] = KEYS,
    resize: bool = False,
    fewest: int = 2,
) -> CellSet:
    """The cells under two keys of an ``.npz``, by the rules of `cells.load_cells` but for what is said here.

    Args:
        path: the path of the file.
        competition: whose classes the labels are: as `cells.load_cells` takes them, as names, or as one-hot rows.
        keys: the keys of the images and of the labels.
        resize: whether square images of any size, also grey ones, are made the competition's.
        fewest: images that each class must have.

    Raises:
        KitError: what `cells.load_cells` refuses, and names of no class.
    """
    arrays = read_npz(path, keys, optional=("corruptions",))
    images, labels = arrays[keys[0]], arrays[keys[1]]
    if resize:
        images = resized(images, path.name, competition.image_size)
    elif images.shape[1:] != competition.image_shape and _square(images):
        size = competition.image_size
        raise KitError(
            f"{path.name}: images has shape {images.shape}; expected (N, {size}, {size}, 3). "
            "Give --fit squash to have them resized, grey ones in three channels."
        )
    if labels.dtype.kind == "U" and labels.ndim == 1:
        labels = labels_of(labels.tolist(), competition.classes, str(path), competition.title)
    elif is_one_hot(labels, len(competition.classes)):
        labels = labels.argmax(axis=1)
    return validated_cells(images, labels, path.name, competition, arrays.get("corruptions"), fewest=fewest)


def resized(images: np.ndarray, name: str, size: int) -> np.ndarray:
    """Square images of any size, colour or grey, as (N, size, size, 3) uint8, with antialiasing.

    Raises:
        KitError: they are not square, or what `cells.validated_images` refuses.
    """
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=3)
    images = validated_images(images, name, images.shape[1] if images.ndim == 4 else size)
    if images.shape[1] == size:
        return images
    small = (Image.fromarray(one).resize((size, size), Image.Resampling.LANCZOS) for one in images)
    return np.stack([np.asarray(one) for one in small])


def _square(images: np.ndarray) -> bool:
    """Whether they are square images in colour or grey, as `resized` takes them."""
    shape = images.shape
    return len(shape) in (3, 4) and shape[1] == shape[2] and shape[3:] in ((), (1,), (3,))


def is_one_hot(labels: np.ndarray, classes: int) -> bool:
    """Whether these are (N, classes) rows of zeros with a single one."""
    return (
        labels.ndim == 2
        and labels.shape[1] == classes > 1
        and labels.dtype.kind in "uifb"
        and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())
    )
