import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from bloodcells.evaluation import calibration_error, confusion, evaluate, label_metrics, per_class_recall

TRUTH = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])


def test_metrics_of_a_worked_example():
    metrics = label_metrics(TRUTH, PREDICTED, 3)
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(TRUTH, PREDICTED))
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    np.testing.assert_array_equal(confusion(TRUTH, PREDICTED, 3), [[2, 1, 0], [0, 2, 0], [1, 0, 0]])


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


def test_the_record_is_json_even_where_a_class_is_absent():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 6)
    record = json.loads(json.dumps(evaluate(TRUTH, probabilities), allow_nan=False))
    assert record["images"] == 6
    assert record["per_class_recall"][3] is None
    assert np.array(record["confusion"]).sum() == 6
