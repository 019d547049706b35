"""BatchNorm statistics from large batches, in place of the moving averages that training leaves.

A moving average is made of small batches, each of which normalised its own activations by itself; prediction normalises
them by the averages. Where batches differ much, as corrupted cells do, the two drift apart (Wu and Johnson 2021,
arXiv:2105.07576).
"""

from collections.abc import Iterable
from typing import Any

import keras

from bloodcells.network.network import BACKBONE

BATCH_SIZE = 256


def re_estimate(network: keras.Model, batches: Iterable[Any], share: float = 1.0) -> None:
    """Give every BatchNorm of ``network`` the statistics of ``batches``; nothing else of it changes.

    All activations of a batch are held at once: 256 images take 5 GB at 64 px and 10 GB at 96 px.

    Args:
        network: one of `network.build_network`, as it is built: a layer that is frozen keeps its statistics.
        batches: (n, S, S, 3) float32 pixels 0..255 each; `BATCH_SIZE` images are enough. Each counts the same.
        share: of the new statistics, 0..1; the rest are the old ones.
    """
    layers = network.get_layer(BACKBONE).layers
    normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    drops = [layer for layer in layers if isinstance(layer, keras.layers.Dropout)]
    before = [(layer.get_weights(), layer.momentum) for layer in normalizations]
    rates = [layer.rate for layer in drops]
    for layer in drops:
        layer.rate = 0.0
    for count, images in enumerate(batches):
        for layer in normalizations:
            layer.momentum = count / (count + 1)  # the mean over the batches
        network(images, training=True)
    for layer, rate in zip(drops, rates, strict=True):
        layer.rate = rate
    for layer, ((*scale_and_shift, mean, variance), momentum) in zip(normalizations, before, strict=True):
        *_, new_mean, new_variance = layer.get_weights()
        blend = (share * new_mean + (1 - share) * mean, share * new_variance + (1 - share) * variance)
        layer.set_weights([*scale_and_shift, *blend])
        layer.momentum = momentum
