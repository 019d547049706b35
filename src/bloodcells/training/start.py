"""Where the weights start: ImageNet by download, the weights that come with the kit, a file, or scratch."""

import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import keras
import numpy as np

from bloodcells.data.classes import spelled
from bloodcells.errors import KitError, first_line, say
from bloodcells.network.network import DEFAULT_BACKBONE, backbone_of, build_network
from bloodcells.recipe import Recipe, read_recipe
from bloodcells.run import Config, Run
from bloodcells.weights.loading import load_weights

KIT = Path(__file__).parents[1] / "weights"
"""The weights that come with the kit: a folder that is read like that of a run."""

STARTS = ("auto", "imagenet", "kit", "scratch")
"""The starts that have a name; any other is the path of a file."""
_MOST_CLASSES = 10_000  # a head takes memory for each
_PATIENCE = 20.0  # seconds that a server may be silent


def starting_recipe(
    name: str,
    init: str,
    data: str,
    classes: Sequence[str],
    seed: int = 0,
    changes: Sequence[str] = (),
    run: Path | None = None,
) -> Recipe:
    """What `recipe.read_recipe` gives, with an ``init`` of ``auto`` resolved by `starting_point`.

    Trained weights that tell other ``classes`` apart start a backbone alone: their phases are those of a new head.

    Raises:
        KitError: the recipe is refused, or starts another backbone with the kit's weights.
    """
    told = read_recipe(name, "imagenet" if init == "auto" else init, seed, changes)
    start = starting_point(init, data, run, told.backbone)
    if start == "kit" and told.backbone != DEFAULT_BACKBONE:
        raise KitError(
            f"the kit's weights are of {DEFAULT_BACKBONE}: expected --init imagenet, scratch or a file for "
            f"{told.backbone}, got kit. Give one."
        )
    path = _trained_at(start)
    return read_recipe(name, start, seed, changes, new_head=is_trained(path) and not tells_apart(path, classes))


def starting_point(init: str, data: str, run: Path | None = None, backbone: str = DEFAULT_BACKBONE) -> str:
    """Where training starts: ``init`` itself, or what ``auto`` stands for.

    That is what ``run`` has started from, if it was begun before; ``kit`` for the ``synthetic`` smear, which is there
    to try the kit without any download; else ``imagenet`` where those weights can be had, and ``kit`` where not. For a
    backbone of which the kit has no weights, ``scratch`` stands in for ``kit``.
    """
    if init != "auto":
        return init
    without_download = "kit" if backbone == DEFAULT_BACKBONE else "scratch"
    if run is not None and Run(run).holds(Config):
        return Run(run).config.recipe.init
    if data == "synthetic":
        return without_download
    try:
        with _impatient():
            getattr(keras.applications, backbone)(include_top=False, weights="imagenet")
    except Exception as error:  # whatever it is, they cannot be had
        say(f"no ImageNet weights ({first_line(error)})")
        return without_download
    return "imagenet"


def initialise(
    network: keras.Model, init: str, backbone: str = DEFAULT_BACKBONE, classes: Sequence[str] | None = None
) -> None:
    """Load the backbone's starting weights into ``network``, in place.

    The layers are copied one by one behind our own preprocessing, and the features of both backbones are compared,
    because weights trained behind another preprocessing would load without a word.

    Args:
        network: what `network.build_network` gives.
        init: ``scratch`` (nothing is done), ``imagenet`` (downloaded once by Keras, then cached), ``kit`` (what comes
            with the kit, head included if the classes are the same), the path of an ``.h5`` file for
            ``keras.applications.EfficientNetB3(include_top=False)`` (or ``backbone``) on RGB 0..255, or the path of
            a ``.weights.h5`` file that this kit has trained, head included if the classes are the same.
        backbone: that ``network`` was built with.
        classes: that it is to tell apart; None where nobody looks at its head.

    Raises:
        KitError: no network and nothing cached; the file is missing, is not of this backbone, or expects
            another preprocessing.
    """
    if init == "scratch":
        return
    path = _trained_at(init)
    if is_trained(path):
        _load_trained(network, path, backbone, classes)
        return
    source = _source_backbone(init, backbone, backbone_of(network).input_shape[1:])
    for own, given in zip(_weighted(backbone_of(network)), _weighted(source), strict=True):
        own.set_weights(given.get_weights())
    _refuse_other_preprocessing(source, network, init)


def _weighted(backbone: keras.Model) -> list[keras.layers.Layer]:
    """Its layers with weights in their order, which is that of its builder; but for the preprocessing."""
    return [layer for layer in backbone.layers if layer.weights and not isinstance(layer, keras.layers.Normalization)]


def is_trained(path: Path) -> bool:
    """Whether the file holds a backbone with a head on it, as this kit trains it, and not a backbone alone."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path) as weights:
            return "layers/functional" in weights
    except OSError:
        return False


def tells_apart(path: Path, classes: Sequence[str]) -> bool:
    """Whether the trained weights at ``path`` are of these classes: by name where their run says it, else by number."""
    run = Run(path.parent)
    if path == run.weights and run.holds(Config):
        return [*map(spelled, run.config.competition.classes)] == [*map(spelled, classes)]
    return _classes_in(path) == len(classes)


def _trained_at(init: str) -> Path:
    return Run(KIT).weights if init == "kit" else Path(init)


def _classes_in(path: Path) -> int:
    try:
        with h5py.File(path) as weights:
            return int(weights["layers/dense/vars/1"].shape[0])
    except Exception:  # a damaged file makes HDF5 raise nearly anything
        return 0


def _load_trained(network: keras.Model, path: Path, backbone: str, classes: Sequence[str] | None) -> None:
    """Everything, or the backbone alone where the head is for other classes."""
    try:
        known, wanted = _classes_in(path), network.output_shape[-1]
        if known > _MOST_CLASSES:
            raise ValueError(f"declares {known:,} classes")
        if known == wanted and (classes is None or tells_apart(path, classes)):
            load_weights(network, path)
            return
        say(f"{path.name} tells {known} other classes apart: the head starts anew, for {wanted}")
        size = backbone_of(network).input_shape[1]
        trained = build_network(size, size, known, backbone=backbone)
        # In a file, a network that resizes its input has one layer more, but the same names.
        load_weights(trained, path)
        backbone_of(network).set_weights(backbone_of(trained).get_weights())
    except Exception as error:  # a damaged file makes HDF5 raise nearly anything
        raise KitError(
            f"{path} does not hold the weights of a network of this kit on {backbone}: it {first_line(error)}. "
            "Give another file."
        ) from error


def _source_backbone(init: str, backbone: str, input_shape: tuple[int, int, int]) -> keras.Model:
    if init != "imagenet" and not Path(init).is_file():
        raise KitError(
            f"init not found: expected imagenet, kit, scratch or an existing .h5 file, got {init}. Check the path."
        )
    try:
        with _impatient(), _no_layer_at_random():
            return getattr(keras.applications, backbone)(
                include_top=False, weights=init, input_shape=input_shape, pooling="avg"
            )
    except Exception as error:
        if init == "imagenet":
            raise KitError(
                "the ImageNet weights could not be downloaded: they need the network once "
                f"({first_line(error)}). Pass a file with --init FILE.h5, or start with --init kit."
            ) from error
        raise KitError(
            f"{init} does not hold the weights of {backbone} without its top: {first_line(error)}. Give another file."
        ) from error


@contextmanager
def _no_layer_at_random() -> Iterator[None]:
    """A file that leaves a layer as it was drawn is refused; Keras itself only warns of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", r"(?s).*(freshly-initialized|saved file)", UserWarning)
        # MobileNetV3 says that its ImageNet weights were trained at 224 px, as those of all backbones here.
        warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square", UserWarning)
        yield


@contextmanager
def _impatient() -> Iterator[None]:
    """A download that hears nothing for a while fails; Keras itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _refuse_other_preprocessing(source: keras.Model, network: keras.Model, init: str) -> None:
    size = source.input_shape[1]
    pixels = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    standardised = network.get_layer("standardisation")(pixels)
    ours, theirs = (
        keras.ops.convert_to_numpy(backbone(seen, training=False))  # tracing a graph would take longer than two images
        for backbone, seen in ((backbone_of(network), standardised), (source, pixels))
    )
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if not difference <= 0.01:  # NaN is none either
        raise KitError(
            f"{init} expects another preprocessing: expected equal features on RGB 0..255 standardised as for "
            f"ImageNet, got a relative difference of {difference:.2g}. Convert the file."
        )
