"""A trained run made small enough to be handed on: weights at half precision, its config and its figures.

What comes out is a run folder that `training.load_network` and the packager read like any other.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from bloodcells.codabench.golden import golden_images
from bloodcells.competition import COMPETITION
from bloodcells.errors import KitError
from bloodcells.files import WEIGHTS, read_json, replacing, sha256_of, write_json
from bloodcells.network.inference import predict_probabilities
from bloodcells.training.loop import load_network

RECORDS = (
    "config.json", "environment.json", "metrics.jsonl", "evaluation.json", "gate.json", "medmnist_c.json",
    "summary.json",
)  # fmt: skip
"""What of a run is published beside its weights, where it is there."""


@dataclass(frozen=True)
class Publication:
    """What was written.

    Attributes:
        weights: the file.
        bytes: of the file.
        sha256: of the file.
        difference: largest change of a probability that half precision causes on the golden images.
    """

    weights: Path
    bytes: int
    sha256: str
    difference: float


def publish_weights(run: Path, out: Path, force: bool = False, note: str = "") -> Publication:
    """Write the weights of a complete, evaluated run at half precision into ``out``, with its records.

    ``note`` is what the records do not say of how the weights were made; the model card does.

    Raises:
        KitError: ``out`` holds weights already, the run is not complete or not evaluated, or a weight is too large
            for half precision.
    """
    if (out / WEIGHTS).exists() and not force:
        raise KitError(f"{out / WEIGHTS} exists already. Choose another folder with --out, or replace it with --force.")
    network = load_network(run)
    read_json(run / "evaluation.json")  # refuses a run that was not evaluated
    with replacing(out / WEIGHTS) as beside:
        _write_half(run / WEIGHTS, beside)
    for name in RECORDS:
        if (run / name).exists():
            with replacing(out / name) as beside:
                beside.write_bytes((run / name).read_bytes())
    images = golden_images(COMPETITION.image_size)
    halved = load_network(out)
    difference = np.abs(predict_probabilities(network, images) - predict_probabilities(halved, images)).max()
    path = out / WEIGHTS
    publication = Publication(path, path.stat().st_size, sha256_of(path), float(difference))
    write_json(
        out / "weights.json",
        {
            "file": WEIGHTS,
            "bytes": publication.bytes,
            "sha256": publication.sha256,
            "precision": "float16",
            "largest_change_of_a_probability": publication.difference,
            "note": note,
        },
    )
    return publication


def _write_half(source: Path, target: Path) -> None:
    """Copy a ``.weights.h5`` file with every array as float16."""
    with h5py.File(source, "r") as whole, h5py.File(target, "w", track_order=True) as half:
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
