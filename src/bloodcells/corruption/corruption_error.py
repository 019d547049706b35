"""The metric of MedMNIST-C, and the published rows to stand beside.

A balanced error is 1 - balanced accuracy. A corruption's is the mean over its five severities. BE divides it by
AlexNet's and takes the mean over the corruptions; the relative BE does the same with what each lost against its own
clean error. Lower is better; AlexNet has 1 by definition.

Source of the rows: Di Salvo, Doerrich and Ledig, *MedMNIST-C* (arXiv:2406.17536), BloodMNIST at 224 px, in per cent
of balanced error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bloodcells.corruption.medmnist_c import CORRUPTIONS, SEVERITIES, corrupt
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.measuring.evaluation import per_class_recall


@dataclass(frozen=True)
class ErrorRow:
    """Balanced errors of one network, 0..1.

    Attributes:
        name: the network, as a table calls it.
        clean: error on the images as they are.
        corrupted: error by corruption, mean over the severities.
    """

    name: str
    clean: float
    corrupted: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Mean error over the corruptions, not divided by anything."""
        return float(np.mean([self.corrupted[name] for name in CORRUPTIONS]))


def _published(name: str, clean: float, *percent: float) -> ErrorRow:
    return ErrorRow(name, clean / 100, {key: value / 100 for key, value in zip(CORRUPTIONS, percent, strict=True)})


ALEXNET = _published("AlexNet", 1.84, 5.98, 13.98, 22.40, 18.45, 6.95, 7.90, 5.22, 7.97, 3.48, 18.54, 12.90)
RESNET18 = _published("ResNet-18 (ImageNet)", 0.98, 7.90, 15.50, 7.51, 5.51, 8.10, 39.72, 3.70, 6.80, 7.10, 13.82, 5.19)


def balanced_error(cells: CellSet, predicted: np.ndarray) -> float:
    """1 - the mean recall of the classes that occur among ``cells``, labelled ``predicted``, (N,) integers. 0..1."""
    recall = per_class_recall(cells.labels, predicted, len(cells.competition.classes))
    return 1 - float(recall[~np.isnan(recall)].mean())


def errors_by_severity(
    predicted: Callable[[CellSet], np.ndarray], cells: CellSet, seed: int
) -> tuple[dict[str, list[float]], float]:
    """What a network makes of the 55 copies of ``cells``.

    Args:
        predicted: from cells to their labels, (N,) integers.
        cells: as they are.
        seed: the seed of the corruptions.

    Returns:
        Balanced errors by corruption, at severity 1 to 5, and the mean accuracy over all copies.
    """
    errors: dict[str, list[float]] = {name: [] for name in CORRUPTIONS}
    accuracies = []
    for name, own in errors.items():
        for severity in SEVERITIES:
            labels = predicted(corrupt(cells, name, severity, seed))
            own.append(balanced_error(cells, labels))
            accuracies.append(float(np.mean(labels == cells.labels)))
    return errors, float(np.mean(accuracies))


def error_row(name: str, clean: float, by_severity: Mapping[str, Sequence[float]]) -> ErrorRow:
    """The row of a network from its balanced errors: corruption -> the errors at severity 1 to 5.

    Raises:
        KitError: a corruption or a severity is missing, or there are others.
    """
    if set(by_severity) != set(CORRUPTIONS):
        raise KitError(
            f"row of {name}: expected errors for {', '.join(CORRUPTIONS)}, got {', '.join(by_severity) or 'none'}. "
            "Evaluate all of them."
        )
    for corruption, errors in by_severity.items():
        if len(errors) != len(SEVERITIES):
            raise KitError(
                f"row of {name}, {corruption}: expected {len(SEVERITIES)} severities, got {len(errors)}. Evaluate all."
            )
    return ErrorRow(name, clean, {key: float(np.mean(by_severity[key])) for key in CORRUPTIONS})


def relative_to_alexnet(row: ErrorRow) -> dict[str, float]:
    """Each corruption's balanced error divided by AlexNet's."""
    return {name: row.corrupted[name] / ALEXNET.corrupted[name] for name in CORRUPTIONS}


def be(row: ErrorRow) -> float:
    """BE: the mean of `relative_to_alexnet`."""
    return float(np.mean(list(relative_to_alexnet(row).values())))


def relative_be(row: ErrorRow) -> float:
    """Relative BE: the rise over the own clean error, divided by AlexNet's rise; mean over the corruptions."""
    rises = [(row.corrupted[name] - row.clean) / (ALEXNET.corrupted[name] - ALEXNET.clean) for name in CORRUPTIONS]
    return float(np.mean(rises))
