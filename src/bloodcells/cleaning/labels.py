"""Labels that predictions contradict with confidence. Nothing is trained here, and nothing is dropped.

Source: C. Northcutt, L. Jiang, I. Chuang, *Confident learning: estimating uncertainty in dataset labels*, JAIR 70
(2021). Its off-diagonal counts are a dozen lines; the package around them is not needed.
"""

import numpy as np

NOT_SUSPECTED = -1


def suspected_labels(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The label that each image more likely has, where its own is in doubt.

    A class is claimed for an image when its probability reaches the mean probability that images with that label
    get for it. An image is suspected when the likeliest claimed class is not its label.

    Args:
        labels: (N,) int64.
        probabilities: (N, C) predictions for images that the model has not learned from (out of fold), rows adding
            up to 1. A row of NaN is an image without a prediction.

    Returns:
        (N,) int64: another label, or -1.

    Raises:
        ValueError: the shapes do not fit, or a row does not add up to 1.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(f"probabilities: expected ({len(labels)}, classes), got {probabilities.shape}")
    predicted = ~np.isnan(probabilities).any(axis=1)
    sums = probabilities[predicted].sum(axis=1)
    if not np.allclose(sums, 1, atol=1e-3):
        raise ValueError(f"probabilities: expected rows that add up to 1, got sums {sums.min():.3f}..{sums.max():.3f}")
    confident = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels[predicted]):
        confident[label] = probabilities[predicted & (labels == label), label].mean()
    claimed = np.where(probabilities >= confident - 1e-9, probabilities, 0)  # a mean of equals may round above them
    likeliest = claimed.argmax(axis=1)
    doubtful = predicted & (claimed.max(axis=1) > 0) & (likeliest != labels)
    return np.where(doubtful, likeliest, NOT_SUSPECTED)
