"""A trained run made small enough to be handed on: weights at half precision, its config and its figures.

What comes out is a run folder that `Run` and the packager read like any other.
"""

from pathlib import Path

import h5py
import numpy as np

from bloodcells.codabench.golden import golden_images
from bloodcells.errors import KitError
from bloodcells.files import replacing, sha256_of
from bloodcells.network.inference import predict_probabilities
from bloodcells.run import HandedOn, Measurement, Run
from bloodcells.weights.loading import read_network


def publish_weights(folder: Path, out: Path, force: bool = False, note: str = "") -> HandedOn:
    """Write the weights of a complete, evaluated run at half precision into ``out``, with its records.

    ``note`` is what the records do not say of how the weights were made; the model card does.

    Raises:
        KitError: ``out`` holds weights or files of somebody else already or is the run itself, the run is not complete
            or not evaluated, or a weight is too large for half precision.
    """
    run, published = Run(folder), Run(out)
    if published.weights.exists() and not force:
        raise KitError(f"{published.weights} exists already. Choose another folder with --out, or replace it with "
                       "--force.")  # fmt: skip
    if out.resolve() == folder.resolve():
        raise KitError(f"{folder} is not published into itself: expected another --out. Choose a new folder.")
    network = run.network()
    if not run.rows(Measurement):
        raise KitError(f"{folder} is not published: expected a run that was evaluated, got no figures. Evaluate it.")
    if not published.weights.exists():
        published.claim()
    config = run.config
    images = golden_images(config.competition.image_size)
    with replacing(published.weights) as beside:
        _write_half(run.weights, beside)
        half = read_network(config.recipe, config.competition, beside)
        difference = np.abs(predict_probabilities(network, images) - predict_probabilities(half, images)).max()
        size, checksum = beside.stat().st_size, sha256_of(beside)
        card = HandedOn(published.weights.name, size, checksum, "float16", float(difference))
        run.hand_on(published, note)
        published.write(card)
    return card


def _write_half(source: Path, target: Path) -> None:
    """Copy a ``.weights.h5`` file with every array as float16."""
    with h5py.File(source, "r") as whole, h5py.File(target, "w") as half:
        half.attrs.update(whole.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                copied = half.create_dataset(name, data=_halved(np.asarray(item), name))
            else:
                copied = half.require_group(name)
            copied.attrs.update(item.attrs)

        whole.visititems(copy)


def _halved(values: np.ndarray, name: str) -> np.ndarray:
    if values.size and np.abs(values).max() > np.finfo(np.float16).max:
        raise KitError(
            f"{name} cannot be stored at half precision: expected at most {np.finfo(np.float16).max}, "
            f"got {np.abs(values).max():.3g}. Train again with more weight decay."
        )
    return values.astype(np.float16)
