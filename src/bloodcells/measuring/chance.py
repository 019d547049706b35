"""Whether a network has learned anything: its accuracy beside that of an answer which is always the largest class."""

import math
from collections.abc import Sequence


def warning_of_chance(accuracy: float, counts: Sequence[int], classes: Sequence[str]) -> str | None:
    """What to say of an ``accuracy`` that the largest class alone may reach, within two standard deviations.

    Args:
        accuracy: 0..1, measured on validation images.
        counts: (C,) of these images in each class.
        classes: their C names.

    Returns:
        The warning, or None for an accuracy that shows learning.
    """
    images, most = sum(counts), max(counts)
    share = most / images
    spread = 2 * math.sqrt(share * (1 - share) / images)
    if accuracy > share + spread:
        return None
    return (
        f"do not upload this: the validation accuracy {accuracy:.4f} is near chance; always answering "
        f"{classes[counts.index(most)]} gets {share:.4f} ± {spread:.4f}. Train longer, or look at pictures and labels"
    )
