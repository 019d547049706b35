import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score
from sklearn.metrics import log_loss as log_loss_score

from bloodcells.measuring.evaluation import (
    METRICS,
    accuracy_by_corruption,
    calibration_error,
    confusion,
    evaluate,
    label_metrics,
    per_class_recall,
    reliability,
)

TRUTH = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])


def test_metrics_of_a_worked_example():
    metrics = label_metrics(TRUTH, PREDICTED, 3)
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(TRUTH, PREDICTED))
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    np.testing.assert_array_equal(confusion(TRUTH, PREDICTED, 3), [[2, 1, 0], [0, 2, 0], [1, 0, 0]])


@pytest.mark.parametrize("n", [1, 4, 300])
def test_metrics_are_those_of_scikit_learn(n):
    rng = np.random.default_rng(n)
    truth, predicted = rng.integers(0, 7, n), rng.integers(1, 8, n)
    metrics = label_metrics(truth, predicted, 8)
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0))
    np.testing.assert_array_equal(
        confusion(truth, predicted, 8), confusion_matrix(truth, predicted, labels=np.arange(8))
    )


def test_metrics_of_probabilities_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    truth = np.concatenate([np.arange(5), rng.integers(0, 5, 60)])
    probabilities = rng.random((65, 5)).round(1) + 0.05  # with ties
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    loss, area = (METRICS[name].function(truth, probabilities, 5) for name in ("log_loss", "roc_auc"))
    assert loss == pytest.approx(log_loss_score(truth, probabilities))
    assert area == pytest.approx(roc_auc_score(truth, probabilities, multi_class="ovr", average="macro"))


@pytest.mark.parametrize("name", METRICS)
def test_a_better_prediction_lies_nearer_to_the_better_end_of_the_range(name):
    metric = METRICS[name]
    truth = np.arange(60) % 3
    sure = np.eye(3)[truth]
    doubtful = np.where(np.arange(60)[:, None] < 20, sure[:, ::-1], sure) * 0.5 + 1 / 6
    worst = np.roll(sure, 1, axis=1)
    predictions = [one if metric.of_probabilities else one.argmax(axis=1) for one in (worst, doubtful, sure)]
    values = [metric.function(truth, one, 3) for one in predictions]
    assert values == sorted(values, reverse=not metric.higher_is_better) and len(set(values)) == 3
    low, high = metric.range
    assert all(low <= value <= high + 1e-9 for value in values)
    assert values[-1] == pytest.approx(high if metric.higher_is_better else low)


def test_a_set_of_one_class_has_no_area_under_the_curve_and_absent_classes_do_not_count():
    scores = np.array([[0.8, 0.2, 0.0], [0.6, 0.4, 0.0], [0.3, 0.7, 0.0]])
    assert np.isnan(METRICS["roc_auc"].function(np.zeros(3, int), scores, 3))
    assert METRICS["roc_auc"].function(np.array([0, 0, 1]), scores, 3) == 1


def test_a_class_absent_from_the_truth_has_no_recall_and_does_not_count():
    recall = per_class_recall(TRUTH, PREDICTED, 4)
    assert np.isnan(recall[3])
    assert (
        label_metrics(TRUTH, PREDICTED, 4)["balanced_accuracy"]
        == label_metrics(TRUTH, PREDICTED, 3)["balanced_accuracy"]
    )


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    probabilities = np.tile([0.9, 0.1], (10, 1))
    assert calibration_error(np.array([0] * 9 + [1]), probabilities) == pytest.approx(0.0)
    assert calibration_error(np.array([0] * 5 + [1] * 5), probabilities) == pytest.approx(0.4)
    assert calibration_error(np.zeros(3, int), np.eye(2)[[0, 0, 0]]) == pytest.approx(0.0)


def test_reliability_lists_the_bins_that_hold_images():
    probabilities = np.array([[0.95, 0.05], [0.99, 0.01], [0.3, 0.7], [0.5, 0.5]])
    low, middle, high = reliability(np.array([0, 1, 1, 1]), probabilities)
    assert (low.images, low.confidence, low.accuracy) == (1, 0.5, 0.0)
    assert (middle.images, middle.accuracy) == (1, 1.0)
    assert (high.images, high.confidence, high.accuracy) == (2, pytest.approx(0.97), 0.5)


def test_accuracy_by_corruption_counts_an_image_under_each_of_its_names():
    names = ["blur", "jpeg+blur", "jpeg", "", "", "noise"]
    found = accuracy_by_corruption(TRUTH, PREDICTED, names)
    assert found == {"noise": (1, 0.0), "jpeg": (2, 0.5), "": (2, 1.0), "blur": (2, 1.0)}
    assert list(found) == ["noise", "jpeg", "", "blur"]


def test_the_record_is_json_even_where_a_class_is_absent():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 6)
    record = json.loads(json.dumps(evaluate(TRUTH, probabilities), allow_nan=False))
    assert record["images"] == 6
    assert record["per_class_recall"][3] is None
    assert np.array(record["confusion"]).sum() == 6
