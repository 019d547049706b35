"""Predicted labels as a file: what a Kaggle-style competition asks for instead of code."""

from pathlib import Path

import numpy as np

from bloodcells.errors import KitError
from bloodcells.files import replacing, write_csv


def write_predictions(path: Path, labels: np.ndarray, force: bool = False) -> None:
    """Write (N,) integer labels as ``.csv`` (columns ``id,label``, id the index of the image) or ``.npy``.

    Raises:
        KitError: another suffix, or the file exists and ``force`` is not set.
    """
    if path.suffix not in (".csv", ".npy"):
        raise KitError(f"cannot write predictions to {path}: expected .csv or .npy, got {path.suffix!r}. Rename it.")
    if path.exists() and not force:
        raise KitError(f"{path} exists already. Choose another name with --out, or replace it with --force.")
    if path.suffix == ".csv":
        write_csv(path, ("id", "label"), ({"id": index, "label": label} for index, label in enumerate(labels)))
    else:
        with replacing(path) as beside:
            np.save(beside, labels)
