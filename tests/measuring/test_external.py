import numpy as np
import pytest

from bloodcells.measuring.external import Share, measure_external

CLASSES = ("rose", "tulip", "poppy", "daisy")


def test_recall_is_told_of_the_classes_that_occur_and_confident_errors_are_counted() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    probabilities = np.eye(4)[[0, 0, 2, 2, 1, 1]]
    probabilities[2] = (0.2, 0, 0.7, 0.1)
    found = measure_external(labels, probabilities, CLASSES)
    assert (found.accuracy.right, found.accuracy.images, found.balanced_accuracy) == (4, 6, 0.75)
    assert list(found.recall) == ["rose", "tulip"] and found.recall["rose"].right == 2
    assert found.taken_for == {"rose": "poppy", "tulip": None}
    assert found.confident_errors == 1


def test_it_reads_as_a_table() -> None:
    found = measure_external(np.array([0, 1, 1]), np.eye(4)[[0, 1, 3]], CLASSES)
    assert str(found).splitlines() == [
        "accuracy 0.6667 (0.208 to 0.939, n = 3), balanced accuracy 0.7500",
        "recall by class:",
        "  rose: 1.0000 (0.207 to 1.000, n = 1)",
        "  tulip: 0.5000 (0.095 to 0.905, n = 2), else daisy",
        "1 of 1 errors have a probability above 0.8",
    ]


def test_the_interval_is_wilsons() -> None:
    share = Share.of(188, 265)
    assert (share.low, share.high) == pytest.approx((0.6521, 0.7607), abs=1e-3)
