import keras
import numpy as np
import pytest
from backbones import EVERY_BACKBONE, network_on

from bloodcells.network.network import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, backbone_of, build_network

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(image_size=96, working_size=32, classes=8)


def answers(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Its probabilities, without a graph of its own, which takes seconds to trace."""
    return keras.ops.convert_to_numpy(network(pixels, training=False))


def test_gives_a_distribution_over_the_classes(network):
    probabilities = answers(network, np.random.default_rng(0).uniform(0, 255, (3, 96, 96, 3)))
    assert probabilities.shape == (3, 8)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_is_the_published_backbone(network):
    assert backbone_of(network).count_params() == 10_783_535


def test_standardises_by_the_deviations_of_imagenet_exactly_once(network):
    pixels = np.full((1, 32, 32, 3), 200.0, np.float32)
    into_backbone = network.get_layer("standardisation")(pixels)
    first_layers = keras.Model(backbone_of(network).input, backbone_of(network).get_layer("stem_conv_pad").input)
    seen = keras.ops.convert_to_numpy(first_layers(into_backbone))[0, 0, 0]
    np.testing.assert_allclose(seen, (200 / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD), rtol=1e-5)


def test_weights_survive_without_the_architecture(network, tmp_path):
    path = tmp_path / "a b.weights.h5"
    network.save_weights(path)
    again = build_network(image_size=96, working_size=32, classes=8)
    again.load_weights(path)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 96, 96, 3)).astype(np.float32)
    np.testing.assert_array_equal(answers(network, pixels), answers(again, pixels))


def test_does_not_resize_what_has_the_working_size_already():
    assert "resizing" not in [layer.name for layer in network_on("EfficientNetB3").layers]


@pytest.mark.parametrize("name", EVERY_BACKBONE)
def test_every_backbone_gives_a_distribution_and_has_its_taps(name):
    network = network_on(name)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(answers(network, pixels).sum(axis=1), 1, atol=1e-5)
    taps = [backbone_of(network).get_layer(tap).output.shape for tap in BACKBONES[name].taps]
    assert [len(shape) for shape in taps] == [4] * len(taps) and taps[0][1] > taps[-1][1]


@pytest.mark.parametrize("name", [name for name, known in BACKBONES.items() if known.options])
def test_a_backbone_is_standardised_as_its_own_preprocessing_does(name):
    """That of `keras.applications` is a layer or two of its own, which are read off here."""
    own = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(32, 32, 3))
    layers = [
        layer for layer in own.layers[1:4] if isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization))
    ]
    expected = pixels = np.random.default_rng(2).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    for layer in layers:
        expected = layer(expected)
    network = network_on(name)
    np.testing.assert_allclose(network.get_layer("standardisation")(pixels), expected, atol=1e-4)
    assert layers and not [1 for layer in backbone_of(network).layers if isinstance(layer, keras.layers.Rescaling)]
