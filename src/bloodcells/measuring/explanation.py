"""What a network was wrong about, and where in the picture it looked."""

from typing import TYPE_CHECKING

import numpy as np

from bloodcells.data.cells import CellSet
from bloodcells.network.inference import dihedral, turned_back, views_of
from bloodcells.run import Errors

if TYPE_CHECKING:
    import keras

PICTURES = 400
"""Errors of a part and set of which the pictures are kept."""

_FINER = 2


def errors_of(network: "keras.Model", cells: CellSet, probabilities: np.ndarray, originals: CellSet) -> Errors:
    """The errors of ``probabilities`` (N, C) on ``cells``, the most confident first.

    Args:
        network: that was wrong.
        cells: of one part and set.
        probabilities: what it predicted for them.
        originals: the cells before they were corrupted.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != cells.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    shown = wrong[:PICTURES]
    return Errors(
        images=cells.images[shown],
        labels=cells.labels[wrong],
        predicted=predicted[wrong],
        confidence=confidence[wrong].astype(np.float32),
        maps=activation_maps(network, cells.images[shown], predicted[shown]),
        originals=originals.images[shown],
        places=wrong,
        corruptions=np.full(len(wrong), "") if cells.corruptions is None else cells.corruptions[wrong],
    )


def activation_maps(network: "keras.Model", images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Grad-CAM of one class for each image (Selvaraju et al. 2017, arXiv:1610.02391).

    Behind the last convolution these networks only average, normalise (ConvNeXt) and multiply, so that the gradient is
    the class's row of weights, up to a factor, and the map is that of Zhou et al. 2016 (arXiv:1512.04150); no backend
    is asked for a gradient. The grid is coarse (2 x 2 at 64 px): it is made twice as fine by moving the image by half a
    place and putting the places of all positions in their order (shift and stitch: Long et al. 2015, arXiv:1411.4038,
    section 3.2). The padding of the strides favours the upper left corner; the mean over the four rotations, each
    turned back, favours none. An image passes through the network sixteen times.

    Args:
        network: what `network.build_network` gives.
        images: (N, S, S, 3), 0..255.
        classes: (N,) integers, whose evidence is shown.

    Returns:
        (N, h, w) float32, each 0..1 with 1 at its strongest place; all 0 where nothing speaks for the class. 4 x 4 at
        64 px, 6 x 6 at 96 px.
    """
    import keras  # takes seconds, and pages that only read do without

    from bloodcells.network.network import backbone_of

    backbone = backbone_of(network)
    *_, pooling = (layer for layer in backbone.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    last = keras.Model(backbone.input, pooling.input)
    activations = keras.Model(network.input, last(network.get_layer("standardisation").output))
    grid, finer = activations.output_shape[1], _FINER * activations.output_shape[1]
    if not len(images):
        return np.zeros((0, finer, finer), np.float32)
    weights = _evidence_of_a_channel(network)[:, classes]
    step = images.shape[1] // finer
    moves = [round(step * (place - (_FINER - 1) / 2)) for place in range(_FINER)]
    mean = np.zeros((len(images), finer, finer))
    for view in views_of(1):
        pixels = dihedral(np.asarray(images, np.float32), view)
        moved = np.concatenate([_moved(pixels, down, right) for down in moves for right in moves])
        found = activations.predict(moved, batch_size=64, verbose=0)
        found = found.reshape(_FINER, _FINER, len(images), grid, grid, -1)
        evidence = np.einsum("abnhwk,kn->nhawb", found, weights).reshape(mean.shape)
        mean += turned_back(evidence, view) / 4
    positive = np.maximum(mean, 0)
    return (positive / np.maximum(positive.max(axis=(1, 2), keepdims=True), 1e-12)).astype(np.float32)


def _evidence_of_a_channel(network: "keras.Model") -> np.ndarray:
    """(F, C): what a channel of the last activation adds to each class's logit, up to one positive factor an image."""
    import keras

    from bloodcells.network.network import backbone_of

    kernel = keras.ops.convert_to_numpy(network.get_layer("probabilities").kernel)
    normalization = backbone_of(network).layers[-1]
    if not isinstance(normalization, keras.layers.LayerNormalization):
        return kernel
    # It takes the mean of the channels off and divides by their deviation, the factor.
    scaled = keras.ops.convert_to_numpy(normalization.gamma)[:, None] * kernel
    return scaled - scaled.mean(axis=0)


def _moved(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """What (N, S, S, 3) show when the window moves by so many pixels; beyond the edge, the edge goes on."""
    size = images.shape[1]
    rows, columns = (np.clip(np.arange(size) + by, 0, size - 1) for by in (down, right))
    return images[:, rows][:, :, columns]
