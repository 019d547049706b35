"""The layers give what Keras' own give: outputs, gradients, moving statistics, checkpoints."""

import keras
import numpy as np
import pytest

from bloodcells.network.network import build_network
from bloodcells.training.cpu_layers import BatchNormalization, DepthwiseConv2D, faster_on_cpu

tf = pytest.importorskip("tensorflow")

RANDOM = np.random.default_rng(0)


def both(made, kept, images, **options):
    """(outputs, input gradient, kernel gradients) of each layer, from one set of weights."""
    results = []
    kept.build(images.shape)
    made.build(images.shape)
    made.set_weights(kept.get_weights())
    for layer in (kept, made):
        x = tf.Variable(images)
        with tf.GradientTape() as tape:
            y = layer(x, **options)
            loss = tf.reduce_sum(tf.square(y) * tf.reshape(tf.range(tf.size(y), dtype=tf.float32), tf.shape(y)))
        gradients = tape.gradient(loss, [x, *(weight.value for weight in layer.trainable_variables)])
        results.append([y.numpy(), *(gradient.numpy() for gradient in gradients)])
    return results


@pytest.mark.parametrize("size, stride, padding", [(8, 1, "same"), (7, 1, "same"), (2, 1, "same"), (9, 2, "valid")])
def test_depthwise_convolution_of_five_by_five_has_keras_gradients(size, stride, padding):
    images = RANDOM.normal(size=(3, size, size, 6)).astype(np.float32)
    settings = {"kernel_size": 5, "strides": stride, "padding": padding, "use_bias": False}
    kept, made = both(DepthwiseConv2D(**settings), keras.layers.DepthwiseConv2D(**settings), images)
    for one, other in zip(kept, made, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())


def test_batch_normalization_has_keras_outputs_gradients_and_moving_statistics():
    images = RANDOM.normal(3.0, 2.0, size=(4, 5, 5, 6)).astype(np.float32)
    keras_layer, own = keras.layers.BatchNormalization(), BatchNormalization()
    kept, made = both(own, keras_layer, images, training=True)
    for one, other in zip(kept, made, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())
    assert not np.allclose(own.moving_mean, 0.0)
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(getattr(own, name), getattr(keras_layer, name), rtol=1e-5)


@pytest.mark.parametrize("frozen, training", [(True, True), (False, False)])
def test_batch_normalization_keeps_its_statistics_when_it_does_not_train(frozen, training):
    own = BatchNormalization(trainable=not frozen)
    own(np.full((2, 3, 3, 4), 9.0, np.float32), training=training)
    assert np.all(own.moving_mean == 0) and np.all(own.moving_variance == 1)


@pytest.mark.usefixtures("small_backbone")
def test_a_faster_network_predicts_the_same_and_shares_checkpoints(tmp_path):
    network = build_network(96, 32, 8)
    faster = faster_on_cpu(network)
    assert any(isinstance(layer, BatchNormalization) for layer in faster.get_layer("efficientnetb3").layers)
    images = RANDOM.uniform(0, 255, (2, 96, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(faster.predict(images, verbose=0), network.predict(images, verbose=0), atol=1e-6)
    faster.save_weights(tmp_path / "one.weights.h5")
    other = build_network(96, 32, 8)
    other.load_weights(tmp_path / "one.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[7], network.get_weights()[7])
