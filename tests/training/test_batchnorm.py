"""BatchNorm's statistics, taken from batches."""

import keras
import numpy as np
import pytest

from bloodcells.network.network import BACKBONE, build_network
from bloodcells.training.batchnorm import re_estimate


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(96, 32, 8, 0.2)


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    bright = np.random.default_rng(0).uniform(0, 255, (2, 8, 96, 96, 3)).astype(np.float32)
    return [bright[0], bright[1] / 4]


def statistics_of(network: keras.Model) -> list[np.ndarray]:
    """Mean and variance that the first BatchNorm uses."""
    return network.get_layer(BACKBONE).get_layer("stem_bn").get_weights()[2:]


def seen_by_first(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """What comes into the first BatchNorm, one row a place."""
    backbone = network.get_layer(BACKBONE)
    standardised = keras.Model(network.input, network.get_layer("standardisation").output)(images)
    seen = np.asarray(keras.Model(backbone.input, backbone.get_layer("stem_conv").output)(standardised))
    return seen.reshape(-1, seen.shape[-1])


def test_the_statistics_are_the_mean_of_those_of_the_batches(network, batches):
    copy = build_network(96, 32, 8, 0.2)
    copy.set_weights(network.get_weights())
    re_estimate(copy, batches)
    seen = [seen_by_first(network, batch) for batch in batches]
    mean, variance = statistics_of(copy)
    np.testing.assert_allclose(mean, np.mean([one.mean(axis=0) for one in seen], axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(variance, np.mean([one.var(axis=0) for one in seen], axis=0), rtol=1e-3, atol=1e-4)


def test_a_share_blends_old_and_new_statistics(network, batches):
    whole, half = (build_network(96, 32, 8, 0.2) for _ in range(2))
    for copy, share in ((whole, 1.0), (half, 0.5)):
        copy.set_weights(network.get_weights())
        re_estimate(copy, batches, share)
    for old, new, blend in zip(*map(statistics_of, (network, whole, half)), strict=True):
        np.testing.assert_allclose(blend, (old + new) / 2, rtol=1e-5)


def test_nothing_else_changes(network, batches):
    copy = build_network(96, 32, 8, 0.2)
    copy.set_weights(network.get_weights())
    layers = copy.get_layer(BACKBONE).layers
    settings = [(getattr(layer, "rate", None), getattr(layer, "momentum", None)) for layer in layers]
    re_estimate(copy, batches)
    assert [(getattr(layer, "rate", None), getattr(layer, "momentum", None)) for layer in layers] == settings
    for variable, before in zip(copy.trainable_variables, network.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, before)
