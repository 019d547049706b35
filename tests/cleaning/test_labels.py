"""Suspected labels from given probabilities: planted flips are found, doubt alone is not enough."""

import numpy as np
import pytest

from bloodcells.cleaning.labels import suspected_labels


def predictions(truth: np.ndarray, classes: int = 8, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 1, (len(truth), classes))
    logits[np.arange(len(truth)), truth] += 5
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_flipped_labels_are_found_and_named():
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 8, 2_000)
    labels = truth.copy()
    flipped = draw.choice(2_000, 60, replace=False)
    labels[flipped] = (labels[flipped] + draw.integers(1, 8, 60)) % 8
    suspected = suspected_labels(labels, predictions(truth))
    found = np.flatnonzero(suspected >= 0)
    assert np.isin(flipped, found).mean() >= 0.85
    assert np.isin(found, flipped).mean() >= 0.9
    both = np.intersect1d(found, flipped)
    assert (suspected[both] == truth[both]).mean() >= 0.95


def test_an_unsure_prediction_accuses_nobody():
    labels = np.array([0, 0, 0, 1, 1, 1])
    sure = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]] * 3)
    sure[2] = (0.45, 0.55)
    assert (suspected_labels(labels, sure) == -1).all()


def test_the_odds_against_the_label_decide():
    given = np.array([[0.07, 0.69, 0.24], [0.07, 0.71, 0.22], [0.0, 0.5, 0.5]])
    assert suspected_labels(np.zeros(3, int), given).tolist() == [-1, 1, 1]


def test_images_without_a_prediction_are_passed_over():
    labels = np.array([0, 0, 1, 1, 1])
    given = np.array([[0.9, 0.1], [0.02, 0.98], [0.1, 0.9], [0.2, 0.8], [np.nan, np.nan]])
    assert suspected_labels(labels, given).tolist() == [-1, 1, -1, -1, -1]


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="expected rows that add up to 1"):
        suspected_labels(np.array([0, 1]), np.array([[3.0, 1.0], [0.5, 0.5]]))
    with pytest.raises(ValueError, match=r"expected \(2, classes\), got \(3, 2\)"):
        suspected_labels(np.array([0, 1]), np.full((3, 2), 0.5))
