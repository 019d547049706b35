"""What a network makes of pictures from elsewhere: another laboratory, another camera. Nothing is chosen by them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from bloodcells.measuring.evaluation import balanced_accuracy, confusion

CONFIDENT = 0.8
"""Probability above which an error counts as a confident one."""


@dataclass(frozen=True)
class Share:
    """``right`` of ``images``, with Wilson's 95 % interval, 0..1: what drawing other images would move."""

    right: int
    images: int
    low: float
    high: float

    @classmethod
    def of(cls, right: int, images: int) -> "Share":
        """The share of at least one image, with its interval."""
        interval = binomtest(right, images).proportion_ci(method="wilson")
        return cls(right, images, float(interval.low), float(interval.high))

    def __str__(self) -> str:
        return f"{self.right / self.images:.4f} ({self.low:.3f} to {self.high:.3f}, n = {self.images})"


@dataclass(frozen=True)
class External:
    """How many of the pictures from elsewhere are recognised.

    Attributes:
        accuracy: the accuracy of all.
        balanced_accuracy: the mean recall of the classes that occur, 0..1.
        recall: the recall of each class that occurs, by name.
        taken_for: for each of these, the class that most of its errors are taken for; None without errors.
        confident_errors: errors whose probability is above `CONFIDENT`.
    """

    accuracy: Share
    balanced_accuracy: float
    recall: dict[str, Share]
    taken_for: dict[str, str | None]
    confident_errors: int

    def __str__(self) -> str:
        errors = self.accuracy.images - self.accuracy.right
        recalls = [
            f"  {name}: {share}" + (f", else {self.taken_for[name]}" if self.taken_for[name] else "")
            for name, share in self.recall.items()
        ]
        return "\n".join(
            (
                f"accuracy {self.accuracy}, balanced accuracy {self.balanced_accuracy:.4f}",
                "recall by class:",
                *recalls,
                f"{self.confident_errors} of {errors} errors have a probability above {CONFIDENT:g}",
            )
        )


def measure_external(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> External:
    """Compare predictions with the truth.

    Args:
        labels: (N,) int64, the true classes; some may not occur.
        probabilities: (N, C).
        classes: their C names.
    """
    predicted, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    matrix = confusion(labels, predicted, len(classes))
    right, occurring = matrix.diagonal(), np.flatnonzero(matrix.sum(axis=1)).tolist()
    wrong = matrix - np.diag(right)
    return External(
        Share.of(int(right.sum()), len(labels)),
        balanced_accuracy(labels, predicted, len(classes)),
        {classes[one]: Share.of(int(right[one]), int(matrix[one].sum())) for one in occurring},
        {classes[one]: classes[int(wrong[one].argmax())] if wrong[one].any() else None for one in occurring},
        int(((predicted != labels) & (surest > CONFIDENT)).sum()),
    )
