"""A look inside weights and model files, without TensorFlow and without unpickling anything."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from bloodcells.errors import KitError

OPTIMIZER_GROUPS = ("optimizer", "optimizer_weights")
"""Where Keras 3 and Keras 2 keep an optimizer's slots in an HDF5 file."""

_LFS_POINTER = b"version https://git-lfs"


def check_model_files(folder: Path, worker_keras: str) -> list[str]:
    """Check every model file of an unpacked submission, for a worker with that version of Keras.

    Returns:
        Remarks that do not stop a submission, one line each.

    Raises:
        KitError: a file is truncated, holds NaN, or cannot be loaded by the worker's Keras.
    """
    remarks = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".h5", ".hdf5"):
            remarks += _optimizer_remark(path.name, check_weights(path))
        elif path.suffix == ".keras":
            remarks += _optimizer_remark(path.name, _check_keras_file(path, folder, worker_keras))
    return remarks


def check_weights(path: Path, name: str | None = None, stream: IO[bytes] | None = None) -> int:
    """Check that an HDF5 file is complete and finite.

    Args:
        path: the file.
        name: how messages call it; its file name if not given.
        stream: read from here instead, for a file inside another one.

    Returns:
        Bytes of optimizer slots in it.

    Raises:
        KitError: truncated, not HDF5, or NaN inside.
    """
    name = name or path.name
    if not path.is_file():
        raise KitError(f"{name} is missing. Finish the training, or copy the file beside model.py.")
    try:
        with h5py.File(stream or path, "r") as file:
            slots = 0
            for key, dataset in _datasets(file):
                if key.split("/")[0] in OPTIMIZER_GROUPS:
                    slots += dataset.nbytes
                elif dataset.dtype.kind == "f":
                    _refuse_non_finite(name, key, dataset[()])
            return slots
    except OSError as error:
        size = path.stat().st_size
        with path.open("rb") as head:
            if head.read(len(_LFS_POINTER)) == _LFS_POINTER:
                raise KitError(
                    f"{name} is a Git LFS pointer of {size} bytes: expected weights. Pull them first."
                ) from error
        raise KitError(f"{name} is truncated or not an HDF5 file, size {size:,}. Write or copy it again.") from error


def _datasets(group: h5py.Group, prefix: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    for key, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _datasets(item, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", item


def _refuse_non_finite(name: str, key: str, values: np.ndarray) -> None:
    wrong = values.size - int(np.isfinite(values).sum())
    if wrong:
        raise KitError(
            f"{name} holds {wrong} NaN or infinite weights in {key}: expected finite numbers. "
            "Train again with a lower learning rate, or take an earlier checkpoint."
        )


def _optimizer_remark(name: str, slots: int) -> list[str]:
    return [f"{name} carries {slots:,} bytes of optimizer slots that predict never reads"] if slots else []


def _check_keras_file(path: Path, folder: Path, worker_keras: str) -> int:
    """Check a ``.keras`` file against the worker's Keras; return the bytes of its optimizer slots."""
    try:
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            _refuse_newer_keras(path.name, version, worker_keras)
            _refuse_unloadable(path.name, json.loads(archive.read("config.json")), folder)
            with archive.open("model.weights.h5") as stream:
                return check_weights(path, f"{path.name} (model.weights.h5)", stream)
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        size = path.stat().st_size
        raise KitError(f"{path.name} is truncated or not a Keras file, size {size:,}. Copy it again.") from error


def _refuse_newer_keras(name: str, version: str, worker: str) -> None:
    if _release(version) > _release(worker):
        raise KitError(
            f"{name} was saved by Keras {version}, but the worker has {worker}, which cannot load it. "
            "Send the code that builds the network and a .weights.h5 instead."
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _refuse_unloadable(name: str, config: Any, folder: Path) -> None:
    """Refuse Lambda layers, and custom classes that no ``.py`` file of the submission mentions."""
    code = "\n".join(path.read_text("utf-8", "replace") for path in folder.glob("*.py"))
    for layer in _serialized_objects(config):
        class_name, module = layer["class_name"], layer.get("module") or ""
        if class_name == "Lambda":
            raise KitError(
                f"{name} holds a Lambda layer, which Keras refuses to load in safe mode. "
                "Replace it by a layer class or by code in model.py."
            )
        if not module.startswith("keras") and module != "builtins" and class_name not in code:
            raise KitError(
                f"{name} holds the custom layer {class_name}: expected its code in the zip, got none. "
                "Put the class into a file that model.py imports."
            )


def _serialized_objects(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        # Tensors and shapes are serialized with a class name as well, but without a registered name.
        if "class_name" in config and "registered_name" in config:
            yield config
        for value in config.values():
            yield from _serialized_objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from _serialized_objects(value)
