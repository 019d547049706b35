import keras
import numpy as np
import pytest

from bloodcells.training.losses import ConsistencyLoss, training_loss


@pytest.fixture
def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.eye(8, dtype=np.float32)[rng.integers(0, 8, 5)]
    return labels, rng.dirichlet(np.ones(8), 5).astype(np.float32)


def value(loss, labels, probabilities) -> float:
    return float(keras.ops.convert_to_numpy(loss(labels, probabilities)))


def test_equal_views_leave_the_plain_cross_entropy(batch):
    labels, probabilities = batch
    thrice = value(ConsistencyLoss(12.0, 0.1), np.tile(labels, (3, 1)), np.tile(probabilities, (3, 1)))
    assert thrice == pytest.approx(value(training_loss("flips", 0.1), labels, probabilities), rel=1e-5)


def test_views_that_differ_add_their_weighted_jensen_shannon_divergence(batch):
    labels, first = batch
    rng = np.random.default_rng(1)
    views = [first, *(rng.dirichlet(np.ones(8), 5).astype(np.float32) for _ in range(2))]
    mixture = sum(views) / 3
    divergence = sum((view * np.log(view / mixture)).sum(axis=1) for view in views) / 3
    found = value(ConsistencyLoss(12.0, 0.0), np.tile(labels, (3, 1)), np.concatenate(views))
    entropy = -np.log((labels * first).sum(axis=1))
    assert found == pytest.approx(float(np.mean(entropy + 12 * divergence)), rel=1e-4)


def test_the_divergence_is_finite_where_a_probability_is_zero():
    certain = np.eye(8, dtype=np.float32)[[0, 1, 2]]
    assert np.isfinite(value(ConsistencyLoss(12.0, 0.1), np.eye(8, dtype=np.float32)[[0, 0, 0]], certain))


@pytest.mark.parametrize(("policy", "kind"), [("augmix", ConsistencyLoss), ("augmix_no_jsd", object)])
def test_only_augmix_proper_has_the_consistency_loss(policy, kind):
    loss = training_loss(policy, 0.1)
    assert isinstance(loss, ConsistencyLoss) == (kind is ConsistencyLoss)
