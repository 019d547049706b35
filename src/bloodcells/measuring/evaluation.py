"""Metrics of a classification. It travels in the scoring program and needs NumPy alone: the worker has no more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

BINS = 15
"""Bins of equal width over the confidence, to measure calibration with."""


@dataclass(frozen=True)
class ConfidenceBin:
    """The images whose winning class has a probability in one range.

    Attributes:
        images: how many.
        confidence: their mean winning probability, 0..1.
        accuracy: the share of them that is right, 0..1.
    """

    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Metric:
    """A score of a prediction, which a competition may rank by.

    Attributes:
        function: from the truth, (N,) integers in 0..classes-1; the prediction; and the number of classes. The
            prediction is (N,) labels in 0..classes-1, or (N, classes) probabilities.
        of_probabilities: whether it takes probabilities.
        higher_is_better: whether the largest value wins.
        range: its smallest and largest value.
    """

    function: Callable[[np.ndarray, np.ndarray, int], float]
    of_probabilities: bool = False
    higher_is_better: bool = True
    range: tuple[float, float] = (0, 1)


def accuracy(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The share of the labels that is right."""
    return float(np.mean(truth == predicted))


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The mean recall of the classes that occur in the truth."""
    return float(np.nanmean(per_class_recall(truth, predicted, classes)))


def macro_f1(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The mean F1 of the classes that occur in the truth or the predictions."""
    matrix = confusion(truth, predicted, classes)
    occurrences = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = 2 * matrix.diagonal()[occurrences > 0] / occurrences[occurrences > 0]
    return float(f1.mean())


def log_loss(truth: np.ndarray, probabilities: np.ndarray, classes: int) -> float:
    """The mean of -log of the true class's probability, in nats; a probability counts as at least 1e-7."""
    shares = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    return float(-np.log(shares[np.arange(len(truth)), truth].clip(1e-7)).mean())


def roc_auc(truth: np.ndarray, probabilities: np.ndarray, classes: int) -> float:
    """The mean over the classes of how often a member of one has a higher probability for it than another image.

    Ties count half. Classes without members are left out; NaN where all images are of one class.
    """
    found = np.unique(truth)
    if len(found) < 2:
        return math.nan
    return float(np.mean([_rank_area(probabilities[:, label], truth == label) for label in found]))


def _rank_area(scores: np.ndarray, positive: np.ndarray) -> float:
    """The area under the ROC curve by the ranks of the positives (Mann and Whitney 1947), equal scores sharing one."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    members, others = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - members * (members + 1) / 2) / (members * others))


METRICS = {
    "accuracy": Metric(accuracy),
    "balanced_accuracy": Metric(balanced_accuracy),
    "macro_f1": Metric(macro_f1),
    "log_loss": Metric(log_loss, of_probabilities=True, higher_is_better=False, range=(0, -math.log(1e-7))),
    "roc_auc": Metric(roc_auc, of_probabilities=True),
}
"""What a competition may rank by and show, by name."""


def label_metrics(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """The metrics that every record holds: ``accuracy``, ``balanced_accuracy`` and ``macro_f1``, by name."""
    return {metric.__name__: metric(truth, predicted, classes) for metric in (accuracy, balanced_accuracy, macro_f1)}


def per_class_recall(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Recall of each class, (classes,) float64 in 0..1; NaN where a class does not occur in the truth."""
    matrix = confusion(truth, predicted, classes)
    occurrences = matrix.sum(axis=1)
    return np.divide(matrix.diagonal(), occurrences, out=np.full(classes, np.nan), where=occurrences > 0)


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Confusion matrix, (classes, classes) int64: row the true class, column the predicted one."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error of the winning class (Guo et al. 2017, arXiv:1706.04599), 0..1, lower is better.

    Arguments as for `reliability`.
    """
    gaps = [abs(bin_.accuracy - bin_.confidence) * bin_.images for bin_ in reliability(truth, probabilities)]
    return sum(gaps) / len(truth)


def reliability(truth: np.ndarray, probabilities: np.ndarray) -> list[ConfidenceBin]:
    """How often the winning class is right, by how sure the network is of it.

    Args:
        truth: (N,) integers.
        probabilities: (N, C), rows sum to 1.

    Returns:
        Those of the ``BINS`` that hold images, by rising confidence.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    members = [bin_of == bin_ for bin_ in np.unique(bin_of)]
    return [
        ConfidenceBin(int(inside.sum()), float(confidence[inside].mean()), float(correct[inside].mean()))
        for inside in members
    ]


def accuracy_by_corruption(
    truth: np.ndarray, predicted: np.ndarray, corruptions: Sequence[str]
) -> dict[str, tuple[int, float]]:
    """How many images each corruption has met, and the share of them that is right; the worst first.

    Args:
        truth: (N,) integers.
        predicted: (N,) integers.
        corruptions: N strings, names joined by ``+``; an image counts under each of its names, one without a name
            under the empty one.
    """
    correct = truth == predicted
    names = [set(text.split("+")) for text in corruptions]
    found = {}
    for name in set().union(*names):
        inside = np.array([name in own for own in names])
        found[name] = (int(inside.sum()), float(correct[inside].mean()))
    return dict(sorted(found.items(), key=lambda item: (item[1][1], item[0])))


def evaluate(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, object]:
    """Everything the kit records about one prediction of one set.

    Args:
        truth: (N,) integers in 0..C-1.
        probabilities: (N, C), rows sum to 1.

    Returns:
        ``images``, the metrics of `label_metrics`, ``calibration_error``, ``reliability`` (for each bin its images,
        confidence and accuracy), ``per_class_recall`` (a list of C numbers; ``None`` for a class without images) and
        ``confusion`` (C lists of C counts).
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    recall = per_class_recall(truth, predicted, classes)
    return {
        "images": len(truth),
        **label_metrics(truth, predicted, classes),
        "calibration_error": calibration_error(truth, probabilities),
        "reliability": [[bin_.images, bin_.confidence, bin_.accuracy] for bin_ in reliability(truth, probabilities)],
        "per_class_recall": [None if np.isnan(value) else float(value) for value in recall],
        "confusion": confusion(truth, predicted, classes).tolist(),
    }
