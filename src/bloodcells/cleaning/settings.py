"""What counts as a copy, as junk and as too much: every threshold of the cleaning, with its reason."""

from dataclasses import dataclass
from typing import Literal

from bloodcells.cleaning.hashing import HASH_BITS


@dataclass(frozen=True)
class CleaningSettings:
    """Thresholds of ``examine``.

    Attributes:
        max_distance: bits in which two perceptual hashes may differ for the pair to be compared on pixels.
        min_similarity: correlation of the aligned pixels, -1..1, from which a pair is one cell twice.
        orientations: find flipped and rotated copies too (the eight dihedral views).
        junk_threshold: junk score from which an image is dropped.
        max_labels: more labels than this on copies of one image, and the image is no cell at all.
        label_conflicts: ``drop`` removes every copy of an image that carries two labels; ``keep`` leaves
            the first copy of each label, for a person to decide.
        max_removed_share: share of the images, 0..1, above which ``examine`` refuses to go on. A half: where most
            of a file would go, either the file or a threshold is not what its user thinks.
        allow_any_removal: go on all the same.
    """

    max_distance: int = 10
    min_similarity: float = 0.97
    orientations: bool = True
    junk_threshold: float = 1.0
    max_labels: int = 2
    label_conflicts: Literal["drop", "keep"] = "drop"
    max_removed_share: float = 0.5
    allow_any_removal: bool = False

    def __post_init__(self) -> None:
        """Refuse thresholds that cannot mean anything.

        Raises:
            TypeError: ``max_distance`` or ``max_labels`` is not an integer.
            ValueError: a value is out of its range.
        """
        for name in ("max_distance", "max_labels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name}: expected an integer, got {value!r}")
        _in_range("max_distance", self.max_distance, 0, HASH_BITS)
        _in_range("max_labels", self.max_labels, 1, float("inf"))
        _in_range("min_similarity", self.min_similarity, -1, 1)
        _in_range("junk_threshold", self.junk_threshold, 0, float("inf"))
        _in_range("max_removed_share", self.max_removed_share, 0, 1)
        if self.label_conflicts not in ("drop", "keep"):
            raise ValueError(f"label_conflicts: expected drop or keep, got {self.label_conflicts!r}")


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: expected {low}..{high}, got {value!r}")
