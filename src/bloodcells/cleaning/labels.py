"""Labels that predictions contradict. Nothing is trained here, and nothing is dropped.

The odds of the likeliest class against the label decide. Confident learning (C. Northcutt, L. Jiang, I. Chuang,
*Confident learning: estimating uncertainty in dataset labels*, JAIR 70, 2021) compares the winner with its class's mean
instead and forgets how improbable the label is; measured beside it on planted labels, the odds find more of them.
``tests/benchmarks/label_benchmark.py`` has both.
"""

import numpy as np

NOT_SUSPECTED = -1
ODDS = 10.0
"""How many times as probable as the label another class must be. At 20, a tenth of the wrong labels that look alike
escapes, and a third as many right ones are accused."""


def suspected_labels(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The label that each image more likely has, where the odds against its own are at least ``ODDS``.

    Args:
        labels: (N,) int64.
        probabilities: (N, C) predictions for images that the model has not learned from (out of fold), rows adding
            up to 1. Predictions that claim too much confidence accuse too many. A row of NaN is an image without
            a prediction.

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
    own = probabilities[np.arange(len(labels)), labels]
    doubtful = predicted & (probabilities.max(axis=1) >= ODDS * own)
    return np.where(doubtful, probabilities.argmax(axis=1), NOT_SUSPECTED)
