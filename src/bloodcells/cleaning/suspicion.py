"""Labels in doubt: what all the other cells say of each one, through a backbone that has not learned the labels.

Training a network for every fold takes hours; a linear model on the features of a frozen one takes minutes. Which
features decides: the last layer of a backbone answers ImageNet's questions, and with 2,000 real cells at 96 px a
regression on it is right for 74 % of them. The widest activations before each halving of the resolution, averaged over
the image, bring 90 %, and 95 % when the cells are enlarged to 128 px first, nearer to the size of what the backbone has
learned from (``tests/benchmarks/label_benchmark.py --compare 2000``).

The features know no label, and a cell is predicted by a regression that was fitted without it and its copies. So a
wrong label cannot vouch for itself.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bloodcells.cleaning import CleaningTable
from bloodcells.cleaning.clusters import groups_of
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError, looked_up
from bloodcells.network.network import BACKBONES, DEFAULT_BACKBONE, backbone_of, build_network
from bloodcells.progress import Progress
from bloodcells.training.start import initialise, is_trained

FOLDS = 5
WORKING_SIZE = 128

_REGULARISATION = 0.005  # inverse strength: ten times as much is as accurate, and fits wrong labels
_CHUNK = 512


def examine_labels(
    cells: CellSet,
    table: CleaningTable,
    init: str,
    progress: Callable[[str, int, int], None] | None = None,
    backbone: str = DEFAULT_BACKBONE,
) -> CleaningTable:
    """``table`` with out-of-fold predictions for the images that it keeps, and the labels that they contradict.

    No label is changed and no image dropped. About a minute for 2,000 images on one core.

    Args:
        cells: what was examined.
        table: what ``examine`` found in them.
        init: weights of the backbone as `pretrained.initialise` takes them; they must not have learned these labels.
        progress: called with the name of a step, how much of it is done, and all of it.
        backbone: a name of `network.BACKBONES`.

    Raises:
        KitError: the weights are refused, or a class keeps too few pictures.
    """
    if init in ("scratch", "kit") or is_trained(Path(init)):
        reason = "random weights" if init == "scratch" else "weights that have learned them"
        raise KitError(
            f"labels cannot be examined with {reason}: expected imagenet or an .h5 file that this kit has not "
            f"trained, got {init}. Give one with --init."
        )
    looked_up(BACKBONES, backbone, "backbone")
    started = time.perf_counter()
    labels = table.label[table.kept]
    _, first, group = np.unique(groups_of(table.cluster[table.kept]), return_index=True, return_inverse=True)
    groups = first[group]  # the folds follow the numbers: an image alone is its own, whatever clusters there are
    _refuse_few(labels, groups, cells.competition.classes)

    def step(name: str) -> Progress | None:
        return partial(progress, name) if progress else None

    classes = len(cells.competition.classes)
    features = pooled_features(cells.images[table.kept], init, step("looking"), backbone=backbone)
    probabilities = np.full((len(table), classes), np.nan)
    probabilities[table.kept] = out_of_fold_probabilities(features, labels, groups, classes, step("predicting"))
    return table.with_suspected_labels(probabilities, time.perf_counter() - started)


def pooled_features(
    images: np.ndarray,
    init: str,
    progress: Progress | None = None,
    working_size: int = WORKING_SIZE,
    taps: Sequence[str] | None = None,
    backbone: str = DEFAULT_BACKBONE,
) -> np.ndarray:
    """Activations of a backbone at several resolutions, averaged over each image.

    Args:
        images: (N, S, S, 3) uint8.
        init: weights of the backbone.
        progress: called with the number of images seen so far, and of all.
        working_size: height and width to which the images are enlarged.
        taps: names of the backbone's layers; by default those of `network.BACKBONES`. What lies behind the last one is
            not computed.
        backbone: a name of `network.BACKBONES`.

    Returns:
        (N, F) float32, F = 2016 for EfficientNetB3 with its own taps.
    """
    network = _feature_network(images.shape[1], init, working_size, taps or BACKBONES[backbone].taps, backbone)
    features = np.empty((len(images), network.output_shape[-1]), np.float32)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        features[start : start + len(chunk)] = network.predict(chunk, batch_size=64, verbose=0)
        if progress:
            progress(start + len(chunk), len(images))
    return features


def out_of_fold_probabilities(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int, progress: Progress | None = None
) -> np.ndarray:
    """Class probabilities of every image by a logistic regression fitted without its group.

    Args:
        features: (N, F) floats.
        labels: (N,) int64, every class that occurs in at least ``FOLDS`` groups.
        groups: (N,) int64, equal for images of one picture.
        classes: C, how many there are.
        progress: called with the number of folds done, and of all.

    Returns:
        (N, C) float64, rows adding up to 1; 0 for a class that does not occur.
    """
    probabilities = np.zeros((len(labels), classes))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for done, (fitted, left_out) in enumerate(folds.split(features, labels, groups), start=1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_REGULARISATION, max_iter=500, tol=1e-3))
        model.fit(features[fitted], labels[fitted])
        probabilities[np.ix_(left_out, model.classes_)] = model.predict_proba(features[left_out])
        if progress:
            progress(done, FOLDS)
    return probabilities


def _feature_network(image_size: int, init: str, working_size: int, taps: Sequence[str], backbone: str) -> keras.Model:
    """From (N, S, S, 3) pixels 0..255 to (N, F) features."""
    network = build_network(image_size, working_size, classes=2, backbone=backbone)  # the head is not used
    initialise(network, init, backbone)
    seeing = backbone_of(network)
    pooled = [keras.layers.GlobalAveragePooling2D()(seeing.get_layer(tap).output) for tap in taps]
    features = keras.Model(seeing.input, keras.layers.concatenate(pooled) if len(pooled) > 1 else pooled[0])
    return keras.Model(network.input, features(network.get_layer("standardisation").output))


def _refuse_few(labels: np.ndarray, groups: np.ndarray, classes: Sequence[str]) -> None:
    for label, name in enumerate(classes):
        pictures = len(np.unique(groups[labels == label]))
        if 0 < pictures < FOLDS:
            raise KitError(
                f"labels cannot be examined: expected at least {FOLDS} distinct pictures of every class, got "
                f"{pictures} of class {label} ({name}). Add some, or clean without --init."
            )
