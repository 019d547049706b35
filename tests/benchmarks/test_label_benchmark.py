"""The benchmark of wrong labels on features that are cheap to make; its published figures come from real cells."""

import label_benchmark
import numpy as np
import pytest
from competitions import BLOOD
from label_benchmark import OWN, confident_learning, measure, planted_figures, readings, summary, with_wrong_labels

from bloodcells.data.cells import CellSet


@pytest.fixture
def cells(monkeypatch) -> CellSet:
    """400 images without content, and features from which their labels can be told."""
    labels = np.arange(400) % 8
    draw = np.random.default_rng(0)
    features = draw.normal(0, 1, (8, 200))[labels] + draw.normal(0, 1, (400, 200))
    monkeypatch.setattr(label_benchmark, "pooled_features", lambda images, init, progress=None: features[: len(images)])
    return CellSet(np.zeros((400, 96, 96, 3), np.uint8), labels, "invented cells", BLOOD)


def test_planted_labels_are_wrong_and_as_many_as_asked_for():
    labels = np.arange(1_000) % 8
    wrong, planted = with_wrong_labels(labels, 0.02, seed=1)
    assert planted.sum() == 20
    assert np.array_equal(wrong != labels, planted) and set(wrong) <= set(range(8))
    assert np.array_equal(with_wrong_labels(labels, 0.02, seed=1)[0], wrong)
    assert not np.array_equal(with_wrong_labels(labels, 0.02, seed=2)[0], wrong)
    others = (labels + 3) % 8
    named, planted = with_wrong_labels(labels, 0.02, 1, others)
    assert np.array_equal(named[planted], others[planted]) and np.array_equal(named[~planted], labels[~planted])


def test_recall_precision_and_names_are_counted():
    truth = np.array([0, 1, 2, 3, 4, 5])
    planted = np.array([True, True, True, False, False, False])
    found = np.array([0, 7, -1, 6, -1, -1])
    assert planted_figures(found, planted, truth) == {
        "suspects": 3,
        "recall": pytest.approx(2 / 3),
        "precision": pytest.approx(2 / 3),
        "named": 0.5,
    }


def test_a_disagreement_without_confidence_is_no_suspicion():
    labels = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.45, 0.55], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    found = readings(labels, probabilities)
    assert found["every disagreement"].tolist() == [-1, -1, 1, -1, -1, -1]
    assert (found[OWN] == -1).all() and (found["confident learning"] == -1).all()
    probabilities[2] = (0.02, 0.98)
    assert confident_learning(labels, probabilities).tolist() == [-1, -1, 1, -1, -1, -1]


def test_planted_labels_are_found_again(cells):
    result = measure(cells, "folder/weights.h5", 0.05)
    assert result["init"] == "weights.h5" and result["cells"] == 400
    assert result["accuracy"] >= 0.95
    assert [seed["seed"] for seed in result["planted"]] == [0, 1, 2, 0, 1, 2]
    assert [seed["kind"] for seed in result["planted"]] == ["any class"] * 3 + ["look-alike"] * 3
    for seed in result["planted"][:3]:
        ours = seed["methods"][OWN]
        assert seed["planted"] == 20 and ours["recall"] >= 0.7 and ours["precision"] >= 0.7
    assert summary(result).count("seed ") == 6 * len(result["suspects"])
