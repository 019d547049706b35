import keras
import numpy as np
import pytest

from bloodcells.network.network import BACKBONE, IMAGENET_MEAN, IMAGENET_STD, build_network


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(image_size=96, working_size=32, classes=8)


def test_gives_a_distribution_over_the_classes(network):
    probabilities = network.predict_on_batch(np.random.default_rng(0).uniform(0, 255, (3, 96, 96, 3)))
    assert probabilities.shape == (3, 8)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_is_the_published_backbone(network):
    assert network.get_layer(BACKBONE).count_params() == 10_783_535


def test_standardises_by_the_deviations_of_imagenet_exactly_once(network):
    pixels = np.full((1, 32, 32, 3), 200.0, np.float32)
    into_backbone = network.get_layer("standardisation")(pixels)
    first_layers = keras.Model(
        network.get_layer(BACKBONE).input, network.get_layer(BACKBONE).get_layer("stem_conv_pad").input
    )
    seen = keras.ops.convert_to_numpy(first_layers(into_backbone))[0, 0, 0]
    np.testing.assert_allclose(seen, (200 / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD), rtol=1e-5)


def test_weights_survive_without_the_architecture(network, tmp_path):
    path = tmp_path / "a b.weights.h5"
    network.save_weights(path)
    again = build_network(image_size=96, working_size=32, classes=8)
    again.load_weights(path)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 96, 96, 3)).astype(np.float32)
    np.testing.assert_array_equal(network.predict_on_batch(pixels), again.predict_on_batch(pixels))


def test_does_not_resize_what_has_the_working_size_already():
    names = [layer.name for layer in build_network(image_size=32, working_size=32, classes=5).layers]
    assert "resizing" not in names
