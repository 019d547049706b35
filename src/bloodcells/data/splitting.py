"""Train, validation and holdout parts: stratified by class, and no picture in two parts.

Copies of a picture on both sides of a split let a network answer from memory, so a cluster of copies goes to one part
as a whole. scikit-learn's ``StratifiedGroupKFold`` keeps groups together too, but knows only equal folds and weighs
every group against every fold in Python; here nearly all groups have one image, and shuffling them class by class is
exact to an image.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bloodcells.cleaning.clusters import groups_of
from bloodcells.errors import KitError, first_line, quoted
from bloodcells.files import write_csv

PARTS = ("train", "validation", "holdout")
_COLUMNS = ("index", "part")


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint parts that together hold every image once.

    Attributes:
        train: sorted int64 indices to learn from.
        validation: sorted int64 indices for every choice: epochs, policies, thresholds.
        holdout: sorted int64 indices, looked at once, for the figure that is published.
    """

    train: np.ndarray
    validation: np.ndarray
    holdout: np.ndarray

    def write(self, path: Path) -> None:
        """Write a csv with the columns ``index,part``, by index."""
        rows = [{"index": int(index), "part": part} for part in PARTS for index in getattr(self, part)]
        write_csv(path, _COLUMNS, sorted(rows, key=lambda row: int(row["index"])))


def read_split(path: Path) -> Split:
    """Read what ``Split.write`` has written.

    Raises:
        KitError: the file is missing or no such csv, an index is there twice, or a part is empty.
    """
    if not path.is_file():
        raise KitError(f"split not found: {path}. Run the training first; it writes the split beside its weights.")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return _split_of(csv.reader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise KitError(f"{path} is no split: {first_line(error)}. Write the split again.") from error


def _split_of(lines: Iterator[list[str]]) -> Split:
    if (columns := next(lines, [])) != list(_COLUMNS):
        raise ValueError(f"line 1: expected {','.join(_COLUMNS)}, got {quoted(columns)}")
    part_of: dict[int, str] = {}
    for number, line in enumerate(lines, start=2):
        if len(line) != 2 or line[1] not in PARTS or not re.fullmatch("[0-9]{1,12}", line[0]):
            raise ValueError(f"line {number}: expected an index and one of {', '.join(PARTS)}, got {quoted(line)}")
        index = int(line[0])
        if index in part_of:
            raise ValueError(f"line {number}: expected each index once, got {index} again")
        part_of[index] = line[1]
    parts = {part: np.array(sorted(i for i, own in part_of.items() if own == part), np.int64) for part in PARTS}
    for part, indices in parts.items():
        if not len(indices):
            raise ValueError(f"expected images in each part, got none in {part}")
    return Split(**parts)


def split_cells(
    labels: np.ndarray,
    clusters: np.ndarray,
    classes: Sequence[str],
    seed: int,
    validation: float = 0.1,
    holdout: float = 0.1,
) -> Split:
    """Split N images into three parts with the same mixture of classes.

    A cluster whose images carry several labels counts as the class of its first image.

    Args:
        labels: (N,) int64, indices into ``classes``.
        clusters: (N,) int64, cluster of copies of each image, -1 for an image alone.
        classes: the names of the classes.
        seed: another seed, another split.
        validation: share of the images, above 0.
        holdout: share of the images, above 0; both together below 1.

    Raises:
        KitError: a class has fewer than three distinct pictures.
        ValueError: the shares leave a part empty.
    """
    if not (validation > 0 and holdout > 0 and validation + holdout < 1):
        raise ValueError(f"shares: expected above 0 and below 1 together, got {validation} and {holdout}")
    draw = np.random.default_rng(seed)
    _, first, group, size = np.unique(groups_of(clusters), return_index=True, return_inverse=True, return_counts=True)
    part_of_group = np.zeros(len(size), np.int64)
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels[first] == label))
        if len(members) < len(PARTS):
            raise KitError(
                f"class {label} ({classes[label]}) has {len(members)} distinct pictures: expected at least "
                f"{len(PARTS)}, one for each of {', '.join(PARTS)}. Add some or leave the class out."
            )
        part_of_group[members] = _parts(size[members], validation, holdout)
    part = part_of_group[group]
    return Split(*(np.flatnonzero(part == number) for number in range(len(PARTS))))


def leaked(clusters: np.ndarray, training: np.ndarray) -> np.ndarray:
    """The images outside the training part of which it holds a copy.

    Args:
        clusters: (N,) int64, cluster of copies of each image, -1 for an image alone.
        training: (N,) bool.

    Returns:
        (N,) bool.
    """
    in_training = np.isin(clusters, clusters[training & (clusters >= 0)])
    return in_training & ~training


def _parts(sizes: np.ndarray, validation: float, holdout: float) -> np.ndarray:
    """The part of each group, in order: holdout first, then validation, then train, none of them empty."""
    middle = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    end_of_holdout = int(np.clip(np.searchsorted(middle, holdout), 1, len(sizes) - 2))
    end_of_validation = int(np.clip(np.searchsorted(middle, holdout + validation), end_of_holdout + 1, len(sizes) - 1))
    part = np.full(len(sizes), PARTS.index("train"))
    part[end_of_holdout:end_of_validation] = PARTS.index("validation")
    part[:end_of_holdout] = PARTS.index("holdout")
    return part
