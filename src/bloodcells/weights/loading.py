"""A network with the weights of a file: whole, finite and its own, or refused in a line."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bloodcells.competition import Competition
from bloodcells.errors import KitError, printable
from bloodcells.recipe import Recipe

if TYPE_CHECKING:
    import keras

_MOST_EXPANDED = 10  # times the size of a file of weights, which Keras does not compress


def read_network(recipe: Recipe, competition: Competition, weights: Path) -> "keras.Model":
    """The network of a recipe with the ``weights`` of a file, not compiled.

    Raises:
        KitError: they are truncated, not finite, or of another network.
    """
    from bloodcells.network.network import build_network  # imports Keras, which takes seconds

    classes = len(competition.classes)
    network = build_network(competition.image_size, recipe.working_size, classes, recipe.dropout, recipe.backbone)
    try:
        load_weights(network, weights)
    except ValueError as error:
        raise KitError(f"{weights} {error}. Train again into another folder.") from error
    return network


def load_weights(network: "keras.Model", path: Path) -> None:
    """Load a ``.weights.h5`` file into ``network``, and into its optimizer if it was compiled.

    Raises:
        ValueError: it is truncated or damaged, of another network, or holds NaN; the line goes on after its name.
    """
    import h5py  # with Keras

    try:
        with h5py.File(path) as file:
            _refuse_hollow(file, path.stat().st_size)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers that it leaves at random
            network.load_weights(path)
    except OSError as error:
        raise ValueError("cannot be read (truncated?)") from error
    except Exception as error:  # a damaged file makes HDF5 and Keras raise nearly anything
        raise ValueError(f"does not fit the network of its config.json: {printable(str(error))[:200]}") from error
    optimizer = getattr(network, "optimizer", None)
    variables = [*network.variables, *(optimizer.variables if optimizer else ())]
    if not all(np.isfinite(variable.numpy()).all() for variable in variables):
        raise ValueError("holds NaN or infinity")


def _refuse_hollow(file: Any, size: int) -> None:
    """Refuse arrays that take far more memory than the ``size`` of an HDF5 file: whoever reads them runs out of it."""
    declared = 0

    def count(name: str, item: Any) -> None:
        nonlocal declared
        declared += getattr(item, "nbytes", 0) if getattr(item, "shape", None) is not None else 0

    file.visititems(count)
    if declared > _MOST_EXPANDED * size:
        raise ValueError(f"it declares {declared:,} bytes of weights, and has {size:,}")
