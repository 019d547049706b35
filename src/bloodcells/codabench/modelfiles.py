"""A look inside weights and model files, without TensorFlow and without unpickling anything.

It travels in the inspection program: nothing of the kit, since it is strangers' files that it opens there.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

OPTIMIZER_GROUPS = ("optimizer", "optimizer_weights")
"""Where Keras 3 and Keras 2 keep an optimizer's slots in an HDF5 file."""

_LFS_POINTER = b"version https://git-lfs"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_EXPANDED = 100  # times its file: trained weights hardly shrink
_LONGEST_JSON = 50_000_000  # bytes: that of an EfficientNetB3 has 200,000


class Damaged(ValueError):
    """A file that nothing can load, in one line that names it."""


def model_file_remarks(folder: Path, worker_keras: str) -> list[str]:
    """What is odd about the model files of an unpacked submission, for a worker with that version of Keras.

    Remarks alone, one line each, led by the file's name: whether the submission loads what it brings is for the run
    to say.
    """
    remarks = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".h5", ".hdf5", ".keras") or path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        try:
            if path.suffix == ".keras":
                found = list(_keras_file_remarks(path, folder, worker_keras))
            else:
                found = list(_weights_remarks(path))
        except Damaged as error:
            found = [str(error)]
        except Exception as error:  # a file that was made to confuse its readers
            found = [f"cannot be looked into ({type(error).__name__}: {' '.join(str(error).split()):.200})"]
        remarks += [f"{name} {remark}" for remark in found]
    return remarks


def check_weights(path: Path) -> int:
    """The bytes of optimizer slots in an HDF5 file that is complete and finite.

    Raises:
        Damaged: missing, truncated, not HDF5, or NaN inside.
    """
    if not path.is_file():
        raise Damaged(f"{path.name} is missing. Finish the training, or copy the file beside model.py.")
    try:
        contents = _Contents(path)
    except Damaged as error:
        raise Damaged(f"{path.name} {error}") from error
    for key, nans, infinite in contents.not_finite:
        raise Damaged(
            f"{path.name} holds {nans + infinite} NaN or infinite weights in {key}: expected finite numbers. "
            "Train again with a lower learning rate, or take an earlier checkpoint."
        )
    return contents.slots


class _Contents:
    """What there is in an HDF5 file, of links to other places nothing.

    Attributes:
        slots: bytes of an optimizer's slots.
        not_finite: names of the other arrays that are not finite, with how many NaN and how many infinite values.
        hollow: names of the arrays that declare far more than the file holds, or keep it elsewhere.
    """

    def __init__(self, path: Path, stream: IO[bytes] | None = None) -> None:
        """Of the file at ``path``, or of the one inside of it that ``stream`` reads."""
        self.slots = 0
        self.not_finite: list[tuple[str, int, int]] = []
        self.hollow: list[str] = []
        self._size = path.stat().st_size
        try:
            with h5py.File(stream or path, "r") as file:
                file.visititems(self._see)
        except OSError as error:
            with path.open("rb") as head:
                if head.read(len(_LFS_POINTER)) == _LFS_POINTER:
                    raise Damaged(
                        f"is a Git LFS pointer of {self._size} bytes: expected weights. Pull them first."
                    ) from error
            raise Damaged(f"is truncated or not an HDF5 file, size {self._size:,}. Write or copy it again.") from error

    def _see(self, key: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        if item.nbytes > _MOST_EXPANDED * self._size or item.external or item.is_virtual:
            self.hollow.append(key)
        elif key.split("/")[0] in OPTIMIZER_GROUPS:
            self.slots += item.nbytes
        elif item.dtype.kind == "f":
            values = item[()]
            nans, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
            if nans or infinite:
                self.not_finite.append((key, nans, infinite))


def _weights_remarks(path: Path, stream: IO[bytes] | None = None) -> Iterator[str]:
    contents = _Contents(path, stream)
    if contents.slots:
        yield f"carries {contents.slots:,} bytes of optimizer slots that predict never reads"
    for key, nans, infinite in contents.not_finite:
        if nans:
            yield f"holds {nans} NaN in {key}: what comes of them is NaN, and its argmax is class 0"
        else:
            yield f"holds {infinite} infinite weights in {key}: right for a mask, and wrong anywhere else"
    for key in contents.hollow:
        yield f"declares more in {key} than the file holds"


def _keras_file_remarks(path: Path, folder: Path, worker_keras: str) -> Iterator[str]:
    with path.open("rb") as head:
        start = head.read(len(_LFS_POINTER))
    if start.startswith(_HDF5):
        yield "is an HDF5 file, and not the zip that load_model takes a .keras file for. Name it .h5"
        return
    if start == _LFS_POINTER:
        yield f"is a Git LFS pointer of {path.stat().st_size} bytes: expected a model. Pull it first"
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _version_remarks(_member(archive, "metadata.json"), worker_keras)
            yield from _class_remarks(_member(archive, "config.json"), folder)
            with archive.open("model.weights.h5") as stream:
                yield from _weights_remarks(path, stream)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        size = path.stat().st_size
        raise Damaged(f"is truncated or not a Keras file, size {size:,}. Copy it again.") from error


def _member(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    size = archive.getinfo(name).file_size
    if size > _LONGEST_JSON:
        raise Damaged(f"has a {name} of {size:,} bytes: expected at most {_LONGEST_JSON:,}. Save the model again.")
    try:
        value = json.loads(archive.read(name))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"has no readable {name} ({type(error).__name__}). Save the model again.") from error
    if not isinstance(value, dict):
        raise Damaged(f"has no readable {name} (expected an object, got {value!r:.60}). Save the model again.")
    return value


def _version_remarks(metadata: dict[str, Any], worker_keras: str) -> Iterator[str]:
    version = metadata.get("keras_version")
    if not isinstance(version, str) or not _release(version):
        yield f"names no version of Keras (got {version!r:.60})"
    elif _release(version) > _release(worker_keras):
        yield (
            f"was saved by Keras {version}, newer than the {worker_keras} of the competition's machine, which may not "
            "load it: try it with --worker, or send the code that builds the network and a .weights.h5"
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _class_remarks(config: dict[str, Any], folder: Path) -> Iterator[str]:
    """Remarks on Lambda layers, and on custom classes of the network that no ``.py`` file of the submission mentions.

    What it was compiled with is left aside: ``compile=False`` does not read it.
    """
    code = "\n".join(path.read_text("utf-8", "replace") for path in folder.rglob("*.py") if path.is_file())
    names = {
        (str(entry["class_name"]), str(entry.get("module") or ""))
        for entry in _serialized_objects({key: value for key, value in config.items() if key != "compile_config"})
    }
    for class_name, module in sorted(names):
        package = module.split(".")[0]
        if class_name == "Lambda":
            yield "holds a Lambda layer, which Keras loads with safe_mode=False alone"
        elif package not in ("keras", "builtins") and class_name not in code and f"import {package}" not in code:
            yield f"holds the custom layer {class_name}, whose code is in no file of the zip"


def _serialized_objects(config: Any) -> Iterator[dict[str, Any]]:
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            # Tensors and shapes are serialized with a class name as well, but without a registered name.
            if "class_name" in value and "registered_name" in value:
                yield value
            pending += value.values()
        elif isinstance(value, list):
            pending += value
