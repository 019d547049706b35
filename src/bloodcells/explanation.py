"""What a network was sure of and wrong about, and where in the picture it looked.

A run folder keeps them in ``errors.npz``, so that a page can show them without the cells and the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bloodcells.cells import CellSet
from bloodcells.files import replacing
from bloodcells.inference import dihedral_views

if TYPE_CHECKING:
    import keras

ERRORS = "errors.npz"
_FIELDS = ("images", "labels", "predicted", "confidence", "maps")


@dataclass(frozen=True, eq=False)
class Errors:
    """Wrongly classified images of one set, the most confident first.

    Attributes:
        images: (N, S, S, 3) uint8.
        labels: (N,) int64, the true classes.
        predicted: (N,) int64.
        confidence: (N,) float32, the probability of the predicted class, 0..1.
        maps: (N, h, w) float32, 0..1: what spoke for the predicted class, by place.
    """

    images: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    maps: np.ndarray


def confident_errors(network: "keras.Model", cells: CellSet, probabilities: np.ndarray, most: int = 8) -> Errors:
    """The errors of ``probabilities`` (N, C) on ``cells``, the most confident first, with their maps."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != cells.labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    images, classes = cells.images[shown], predicted[shown]
    maps = activation_maps(network, images, classes)
    return Errors(images, cells.labels[shown], classes, confidence[shown].astype(np.float32), maps)


def activation_maps(network: "keras.Model", images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Grad-CAM of one class for each image (Selvaraju et al. 2017, arXiv:1610.02391).

    Behind the last convolution this network only averages and multiplies, so that the gradient is the class's row of
    weights and the map is that of Zhou et al. 2016 (arXiv:1512.04150); no backend is asked for a gradient. The grid is
    coarse (3 x 3 at 96 px), and the padding of the strides favours its upper left corner; the mean over the eight
    dihedral views, each turned back, favours none.

    Args:
        network: what `network.build_network` gives.
        images: (N, S, S, 3), 0..255.
        classes: (N,) integers, whose evidence is shown.

    Returns:
        (N, h, w) float32, each 0..1 with 1 at its strongest place; all 0 where nothing speaks for the class.
    """
    import keras  # takes seconds, and pages that only read do without

    from bloodcells.network import BACKBONE

    backbone = network.get_layer(BACKBONE)
    last = keras.Model(backbone.input, backbone.get_layer("top_activation").output)
    activations = keras.Model(network.input, last(network.get_layer("standardisation").output))
    if not len(images):
        return np.zeros((0, *activations.output_shape[1:3]), np.float32)
    weights = keras.ops.convert_to_numpy(network.get_layer("probabilities").kernel)[:, classes]
    pixels, mean = np.asarray(images, np.float32), 0.0
    for view, (flipped, quarter_turns) in zip(dihedral_views(2), product((False, True), range(4)), strict=True):
        found = activations.predict(view(pixels), batch_size=64, verbose=0)
        evidence = np.einsum("nhwk,kn->nhw", found, weights)
        evidence = evidence[:, :, ::-1] if flipped else evidence
        mean = mean + np.rot90(evidence, -quarter_turns, axes=(1, 2)) / 8
    positive = np.maximum(mean, 0)
    return (positive / np.maximum(positive.max(axis=(1, 2), keepdims=True), 1e-12)).astype(np.float32)


def write_errors(run: Path, by_set: Mapping[str, Errors]) -> None:
    """Keep the errors of each set in the run folder."""
    arrays = {f"{name}_{field}": getattr(errors, field) for name, errors in by_set.items() for field in _FIELDS}
    with replacing(run / ERRORS) as beside, beside.open("wb") as stream:
        np.savez(stream, **arrays)


def read_errors(run: Path) -> dict[str, Errors]:
    """What `write_errors` has kept, by set; empty where there is none."""
    if not (run / ERRORS).exists():
        return {}
    with np.load(run / ERRORS, allow_pickle=False) as kept:
        names = dict.fromkeys(key.rsplit("_", 1)[0] for key in kept.files)
        return {name: Errors(**{field: kept[f"{name}_{field}"] for field in _FIELDS}) for name in names}
