"""Where the weights start: ImageNet by download, an ImageNet-style file, weights of this kit, or scratch."""

from pathlib import Path

import h5py
import keras
import numpy as np

from bloodcells.errors import KitError
from bloodcells.network import BACKBONE


def initialise(network: keras.Model, init: str) -> None:
    """Load the backbone's starting weights into ``network``, in place.

    The layers are copied by name into our own preprocessing, and the features of both backbones are compared,
    because weights trained behind another preprocessing would load without a word.

    Args:
        network: what `network.build_network` gives.
        init: ``scratch`` (nothing is done), ``imagenet`` (downloaded once by Keras, then cached), the path of an
            ``.h5`` file for ``keras.applications.EfficientNetB3(include_top=False)`` on RGB 0..255, or the path of a
            ``.weights.h5`` file that this kit has trained, head included.

    Raises:
        KitError: no network and nothing cached; the file is missing, is not of this backbone, or expects
            another preprocessing.
    """
    if init == "scratch":
        return
    if _is_trained(Path(init)):
        _load_trained(network, Path(init))
        return
    backbone = network.get_layer(BACKBONE)
    source = _source_backbone(init, backbone.input_shape[1:])
    for layer in source.layers:
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            backbone.get_layer(layer.name).set_weights(layer.get_weights())
    _refuse_other_preprocessing(source, network, init)


def _is_trained(path: Path) -> bool:
    """Whether the file holds a backbone with a head on it, as this kit trains it, and not a backbone alone."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as weights:
        return "layers/functional" in weights


def _load_trained(network: keras.Model, path: Path) -> None:
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise KitError(
            f"{path} does not hold the weights of a network of this kit: {_first_line(error)}. Give another file."
        ) from error


def _source_backbone(init: str, input_shape: tuple[int, int, int]) -> keras.Model:
    if init != "imagenet" and not Path(init).is_file():
        raise KitError(
            f"init not found: expected imagenet, scratch or an existing .h5 file, got {init}. Check the path."
        )
    try:
        return keras.applications.EfficientNetB3(
            include_top=False, weights=init, input_shape=input_shape, pooling="avg"
        )
    except Exception as error:
        if init == "imagenet":
            raise KitError(
                "the ImageNet weights could not be downloaded: they need the network once "
                f"({_first_line(error)}). Pass a file with --init FILE.h5, or start with --init scratch."
            ) from error
        raise KitError(
            f"{init} does not hold an EfficientNetB3 without its top: {_first_line(error)}. Give another file."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]


def _refuse_other_preprocessing(source: keras.Model, network: keras.Model, init: str) -> None:
    size = source.input_shape[1]
    pixels = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    standardised = network.get_layer("standardisation")(pixels)
    ours = network.get_layer(BACKBONE).predict_on_batch(keras.ops.convert_to_numpy(standardised))
    theirs = source.predict_on_batch(pixels)
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if difference > 0.01:
        raise KitError(
            f"{init} expects another preprocessing: expected equal features on RGB 0..255 standardised by ImageNet's "
            f"mean and deviation, got a relative difference of {difference:.2g}. Convert the file."
        )
