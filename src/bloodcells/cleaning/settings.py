"""What counts as a copy, as junk and as too much: every threshold of the cleaning, with its reason."""

from dataclasses import dataclass

from bloodcells.cleaning.decisions import Decisions
from bloodcells.cleaning.hashing import HASH_BITS


@dataclass(frozen=True)
class CleaningSettings:
    """Thresholds of ``examine``.

    Attributes:
        max_distance: bits, 0..64, in which two perceptual hashes may differ for the pair to be compared on pixels.
            Of copies shifted by 3 pixels or cropped to 90 %, 99 of 100 are within 10.
        min_similarity: correlation of the aligned pixels, -1..1, from which a pair is one picture. Of two cells among
            11,948 the most alike have 0.94, of copies 98 of 100 have at least 0.98.
        junk_threshold: junk score from which an image is dropped.
        keep_lone: keep an image that would be junk where it has no copies.
        max_removed_share: share of the images, 0..1, above which ``examine`` refuses to go on. A half: where most
            of a file would go, either the file or a threshold is not what its user thinks.
        allow_any_removal: go on all the same.
        decisions: those of a person about single images, who has the last word.
    """

    max_distance: int = 10
    min_similarity: float = 0.97
    junk_threshold: float = 1.0
    keep_lone: bool = False
    max_removed_share: float = 0.5
    allow_any_removal: bool = False
    decisions: Decisions | None = None

    def __post_init__(self) -> None:
        """Refuse thresholds that cannot mean anything.

        Raises:
            TypeError: ``max_distance`` is not an integer.
            ValueError: a value is out of its range.
        """
        if isinstance(self.max_distance, bool) or not isinstance(self.max_distance, int):
            raise TypeError(f"max_distance: expected a whole number of bits, got {self.max_distance!r}")
        _in_range("max_distance", self.max_distance, 0, HASH_BITS)
        _in_range("min_similarity", self.min_similarity, -1, 1)
        _in_range("junk_threshold", self.junk_threshold, 0, float("inf"))
        _in_range("max_removed_share", self.max_removed_share, 0, 1)


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: expected {low}..{high}, got {value!r}")
