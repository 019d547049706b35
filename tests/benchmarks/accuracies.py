"""What several benchmarks count and print: accuracy by set."""

from collections.abc import Mapping

import numpy as np


def print_accuracies(words: str, probabilities: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, float]:
    """Print one line, ``words`` and the accuracy on each set; return the accuracy by set.

    Args:
        words: what was measured.
        probabilities: by set, of the same cells in the same order; float of shape (n, classes).
        labels: int of shape (n,).
    """
    accuracies = {name: float((found.argmax(axis=1) == labels).mean()) for name, found in probabilities.items()}
    print(words, ", ".join(f"{name} {value:.4f}" for name, value in accuracies.items()), flush=True)
    return accuracies
