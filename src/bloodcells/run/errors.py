"""The wrongly classified images of a run, and the file that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.competition import Competition
from bloodcells.data.cells import read_npz
from bloodcells.data.splitting import PARTS, Split
from bloodcells.errors import KitError
from bloodcells.files import replacing
from bloodcells.run.records import SETS

_OF_AN_EARLIER_KIT = 5  # of the arrays of `Errors`


@dataclass(frozen=True, eq=False)
class Errors:
    """All wrongly classified images of one part and set, the most confident first; of the first M the pictures too.

    Attributes:
        images: (M, S, S, 3) uint8, as the network saw them.
        labels: (N,) int64, the true classes.
        predicted: (N,) int64.
        confidence: (N,) float32, the probability of the predicted class, 0..1.
        maps: (M, h, w) float32, 0..1: what spoke for the predicted class, by place.
        originals: (M, S, S, 3) uint8, the images before they were corrupted.
        places: (N,) int64, of the images in their part; -1 in a record of an earlier kit, which holds a few errors.
        corruptions: (N,) str, what was done to the images, names joined by ``+``.
    """

    images: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    maps: np.ndarray
    originals: np.ndarray
    places: np.ndarray
    corruptions: np.ndarray

    @classmethod
    def of_an_earlier_kit(
        cls, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, maps: np.ndarray
    ) -> "Errors":
        """The eight most confident errors of a set, which that kit kept: where they are in it is not known."""
        nowhere, unsaid = np.full(len(confidence), -1), np.full(len(confidence), "")
        return cls(images, labels, predicted, confidence, maps, images, nowhere, unsaid)

    def __len__(self) -> int:
        """How many errors."""
        return len(self.confidence)

    def __post_init__(self) -> None:
        """Refuse arrays of other kinds, shapes or ranges."""
        every, pictured = self.confidence.shape[:1], self.images.shape[:1]
        kinds = {
            "images": ("u", 4, pictured), "originals": ("u", 4, pictured), "maps": ("f", 3, pictured),
            "labels": ("i", 1, every), "predicted": ("i", 1, every), "confidence": ("f", 1, every),
            "places": ("i", 1, every), "corruptions": ("U", 1, every),
        }  # fmt: skip
        for name, (kind, axes, length) in kinds.items():
            array = getattr(self, name)
            if (array.dtype.kind, array.ndim, array.shape[:1]) != (kind, axes, length):
                raise ValueError(f"{name}: expected one for each error, got {array.dtype} of {array.shape}")
        if pictured > every:
            raise ValueError(f"images: expected at most {every[0]}, got {pictured[0]}")
        if not all(((array >= 0) & (array <= 1 + 1e-6)).all() for array in (self.confidence, self.maps)):
            raise ValueError("confidence and maps: expected 0 to 1, got others")


def is_complete(errors: Mapping[str, Mapping[str, Errors]]) -> bool:
    """Whether these are all errors of a run, and it is known of which images; not so in a record of an earlier kit."""
    return set(errors) == set(PARTS[1:]) and all(
        (one.places >= 0).all() for by_set in errors.values() for one in by_set.values()
    )


def read_errors(path: Path, competition: Competition, split: Split) -> dict[str, dict[str, Errors]]:
    """The errors by part and set; without validation in an earlier kit's record.

    Raises:
        KitError: the file is damaged, or its images are not of the ``competition`` and the ``split``.
    """
    try:
        found = _kept_errors(path)
        every = [one for by_set in found.values() for one in by_set.values()]
        shapes = {array.shape[1:] for one in every for array in (one.images, one.originals)}
        if shapes != {competition.image_shape}:
            raise ValueError(f"images: expected those of {competition.title}, got others")
        labels = np.concatenate([array for one in every for array in (one.labels, one.predicted)])
        if not np.isin(labels, np.arange(len(competition.classes))).all():
            raise ValueError(f"labels: expected 0..{len(competition.classes) - 1}, got others")
        _refuse_places_beyond(split, found)
    except ValueError as error:
        raise KitError(f"{path} is damaged: {error}. Evaluate the run again.") from error
    return found


def write_errors(path: Path, by_part: Mapping[str, Mapping[str, Errors]]) -> None:
    """Keep the errors of each part but training, and each of ``SETS``."""
    arrays: dict[str, Any] = {
        f"{part}_{of}_{name}": array
        for part, by_set in by_part.items()
        for of, one in by_set.items()
        for name, array in vars(one).items()
    }
    with replacing(path) as beside, beside.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def _kept_errors(path: Path) -> dict[str, dict[str, Errors]]:
    names = [field.name for field in fields(Errors)]
    if read_npz(path, (), ("clean_images",)):
        kept = read_npz(path, tuple(f"{of}_{name}" for of in SETS for name in names[:_OF_AN_EARLIER_KIT]))
        return {
            "holdout": {
                of: Errors.of_an_earlier_kit(*(kept[f"{of}_{name}"] for name in names[:_OF_AN_EARLIER_KIT]))
                for of in SETS
            }
        }
    kept = read_npz(path, tuple(f"{part}_{of}_{name}" for part in PARTS[1:] for of in SETS for name in names))
    return {part: {of: Errors(*(kept[f"{part}_{of}_{name}"] for name in names)) for of in SETS} for part in PARTS[1:]}


def _refuse_places_beyond(split: Split, errors: Mapping[str, Mapping[str, Errors]]) -> None:
    for part, by_set in errors.items():
        last = len(getattr(split, part)) - 1
        place = max(int(one.places.max(initial=-1)) for one in by_set.values())
        if place > last:
            raise ValueError(f"places: expected 0..{last} in the {part}, got {place}")
