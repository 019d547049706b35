"""Metrics of a classification. It travels in the scoring program and imports nothing of the kit."""

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score


def label_metrics(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """Metrics that need labels alone, each 0..1, higher is better.

    Args:
        truth: (N,) integers in 0..classes-1.
        predicted: (N,) integers in 0..classes-1.
        classes: number of classes.

    Returns:
        ``accuracy``; ``balanced_accuracy``, the mean recall of the classes that occur in the truth;
        ``macro_f1``, the mean F1 of the classes that occur in the truth or the predictions.
    """
    recall = per_class_recall(truth, predicted, classes)
    return {
        "accuracy": float(np.mean(truth == predicted)),
        "balanced_accuracy": float(np.nanmean(recall)),
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
    }


def per_class_recall(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Recall of each class, (classes,) float64 in 0..1; NaN where a class does not occur in the truth."""
    matrix = confusion(truth, predicted, classes)
    occurrences = matrix.sum(axis=1)
    return np.divide(matrix.diagonal(), occurrences, out=np.full(classes, np.nan), where=occurrences > 0)


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Confusion matrix, (classes, classes) int64: row the true class, column the predicted one."""
    return confusion_matrix(truth, predicted, labels=np.arange(classes))


def calibration_error(truth: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the winning class (Guo et al. 2017, arXiv:1706.04599), 0..1, lower is better.

    Args:
        truth: (N,) integers.
        probabilities: (N, C), rows sum to 1.
        bins: bins of equal width over the confidence.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(np.mean(correct[bin_of == bin_]) - np.mean(confidence[bin_of == bin_])) * np.mean(bin_of == bin_)
        for bin_ in np.unique(bin_of)
    ]
    return float(sum(gaps))


def evaluate(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, object]:
    """Everything the kit records about one prediction of one set.

    Args:
        truth: (N,) integers in 0..C-1.
        probabilities: (N, C), rows sum to 1.

    Returns:
        ``images``, the metrics of `label_metrics`, ``calibration_error``, ``per_class_recall`` (a list of C
        numbers; ``None`` for a class without images) and ``confusion`` (C lists of C counts).
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    recall = per_class_recall(truth, predicted, classes)
    return {
        "images": len(truth),
        **label_metrics(truth, predicted, classes),
        "calibration_error": calibration_error(truth, probabilities),
        "per_class_recall": [None if np.isnan(value) else float(value) for value in recall],
        "confusion": confusion(truth, predicted, classes).tolist(),
    }
