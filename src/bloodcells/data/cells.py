"""``CellSet`` and the only door for data: what has passed here is trusted everywhere else."""

import hashlib
import io
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bloodcells.competition import Competition
from bloodcells.errors import KitError, first_line, say
from bloodcells.files import refuse_bomb, replacing
from bloodcells.network.pixels import scale_of, scaled

_OTHER_FILES = {
    b"\x80": "is a pickle; refused for safety. Save the arrays with numpy.savez.",
    b"\x93NUMPY": "is an .npy of one array: expected an .npz. Save images and labels with numpy.savez.",
    b"\x1f\x8b": "is a gzip file: expected an .npz. Decompress it first.",
    b"version https://git-lfs": "is a Git LFS pointer: expected the file itself. Fetch it with git lfs pull.",
}
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins an archive without members


@dataclass(frozen=True, eq=False)
class CellSet:
    """Labelled images that have been validated.

    Attributes:
        images: (N, S, S, 3) uint8, RGB, S = ``competition.image_size``.
        labels: (N,) int64, indices into ``competition.classes``.
        origin: where they come from, in words that a report can print.
        competition: whose images they are, and what the labels mean.
        corruptions: (N,) str, what was done to each image: names joined by "+", "" for nothing. None where
            nobody said.
        names: (N,) str, of the files that they were read from. None where they were arrays.
    """

    images: np.ndarray
    labels: np.ndarray
    origin: str
    competition: Competition
    corruptions: np.ndarray | None = None
    names: np.ndarray | None = None

    def __len__(self) -> int:
        """How many cells."""
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over shape, pixels and labels: the identity of the data in every record."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def take(self, indices: np.ndarray, origin: str | None = None) -> "CellSet":
        """The cells at ``indices`` ((M,) integers), in that order."""
        corruptions, names = (None if of is None else of[indices] for of in (self.corruptions, self.names))
        images, labels = self.images[indices], self.labels[indices]
        return CellSet(images, labels, origin or self.origin, self.competition, corruptions, names)

    def name_of(self, index: int) -> str:
        """What to call a cell: its file, or its place."""
        return f"image {index}" if self.names is None else str(self.names[index])


def load_cells(path: Path, competition: Competition) -> CellSet:
    """Load and validate a labelled ``.npz`` of ``competition``, with the keys ``images`` and ``labels``.

    Images may hold 0..255, or 0..1 (announced and scaled), as for ``Model.predict``; labels may be (N,) or (N, 1)
    of any numeric type with whole values. A third key, ``corruptions``, may hold one string for each image.

    Raises:
        KitError: anything else; the line names what was expected, what was found and what to do.
    """
    arrays = read_npz(path, ("images", "labels"), optional=("corruptions",))
    return validated_cells(arrays["images"], arrays["labels"], path.name, competition, arrays.get("corruptions"))


def validated_cells(
    images: np.ndarray,
    labels: np.ndarray,
    name: str,
    competition: Competition,
    corruptions: np.ndarray | None = None,
    names: np.ndarray | None = None,
    fewest: int = 2,
) -> CellSet:
    """A ``CellSet`` of arrays that come from outside, by the rules of ``load_cells``; ``name`` is its origin.

    Each class must have ``fewest`` images: 0 where nothing is trained.

    Raises:
        KitError: wrong dtype, shape, values or counts.
    """
    images = validated_images(images, name, competition.image_size)
    labels = _validated_labels(labels, len(images), name, competition.classes, fewest)
    if corruptions is not None and (corruptions.shape != labels.shape or corruptions.dtype.kind != "U"):
        raise KitError(
            f"{name}: corruptions has dtype {corruptions.dtype} and shape {corruptions.shape}; expected one string for "
            f"each of {len(labels)} images. Save names joined by '+', or leave the key out."
        )
    return CellSet(images, labels, name, competition, corruptions, names)


def load_images(path: Path, image_size: int, key: str = "images") -> np.ndarray:
    """Load and validate the images of an ``.npz``, labelled or not: (N, S, S, 3) uint8, S = ``image_size``."""
    return validated_images(read_npz(path, (key,))[key], path.name, image_size)


def save_cells(path: Path, cells: CellSet) -> None:
    """Write ``cells`` in the competition's own format (labels as (N, 1) uint8), and ``corruptions`` where known."""
    arrays: dict[str, Any] = {"images": cells.images, "labels": cells.labels.astype(np.uint8)[:, None]}
    if cells.corruptions is not None:
        arrays["corruptions"] = cells.corruptions
    with replacing(path) as beside, beside.open("wb") as stream:
        np.savez(stream, **arrays)


def read_npz(path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The arrays of ``keys``, and of those of ``optional`` that are there, to the last byte to verify checksums.

    Raises:
        KitError: no such file, or it is empty, truncated, damaged, not an ``.npz``, or lacks a key.
    """
    if not path.exists():
        folder = path.absolute().parent
        raise KitError(f"cannot read {path}: expected an .npz file, got none. Put {path.name} in {folder}.")
    if not path.is_file():
        raise KitError(f"{path} is not a file. Give the path of an .npz file.")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise KitError(f"cannot read {path}: {error.strerror}. Check the permissions.") from error
    with stream:
        _check_start(path, stream.read(64))
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        return _read_members(path, stream, size, keys, optional)


def _read_members(
    path: Path, stream: BinaryIO, size: int, keys: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, np.ndarray]:
    try:
        with np.load(stream, allow_pickle=False) as archive:
            missing = [key for key in keys if key not in archive.files]
            if missing:
                inside = any(name.endswith(".npz") for name in archive.files)
                raise KitError(
                    f"{path} lacks {' and '.join(missing)}: expected the keys {', '.join(keys)}, "
                    f"got {', '.join(archive.files)[:300] or 'none'}. "
                    f"{'Unzip it and give the .npz in it' if inside else 'Name yours with --keys'}."
                )
            found = (*keys, *(key for key in optional if key in archive.files))
            refuse_bomb(str(path), [archive.zip.getinfo(f"{key}.npy") for key in found])
            return {key: _read_member(archive, key, path) for key in found}
    except KitError:
        raise
    except zipfile.BadZipFile as error:
        raise KitError(f"{path} is not a complete .npz (truncated?), size {size}. Download it again.") from error
    except Exception as error:  # a damaged directory makes zipfile and NumPy raise nearly anything
        raise KitError(f"{path} is damaged ({first_line(error)}), size {size}. Download it again.") from error


def _check_start(path: Path, head: bytes) -> None:
    """Refuse by the first bytes what is no zip archive, before any loader sees it."""
    if not head:
        raise KitError(f"{path} is empty (0 bytes). Download it again.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        start = text[: len(text.replace(b">", b" ").split()[0])].decode("ascii", "replace")
        raise KitError(f"{path} starts with {start!r}: this is a web page, not an .npz. Download it again, logged in.")
    for magic, words in _OTHER_FILES.items():
        if head.startswith(magic):
            raise KitError(f"{path} {words}")
    if not head.startswith(_ZIP_MAGICS):
        raise KitError(f"{path} is not an .npz: expected a zip archive, got bytes {head[:4]!r}. Download it again.")


def _read_member(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    try:
        return np.asarray(archive[key])
    except zipfile.BadZipFile as error:
        raise KitError(f"{path}: checksum error in member {key}.npy. Download it again.") from error
    except ValueError as error:
        if "allow_pickle" not in str(error):
            reason = first_line(error)
            raise KitError(f"{path}: member {key}.npy cannot be read ({reason}). Download it again.") from error
        expected = {"labels": "integers (N,)", "corruptions": "strings (N,)"}.get(key, "uint8 or float32 (N, S, S, 3)")
        raise KitError(f"{path}: {key} has dtype object; expected {expected}. Save it as a plain array.") from error


def validated_images(images: np.ndarray, name: str, size: int) -> np.ndarray:
    """``images`` as (N, S, S, 3) uint8 with S = ``size``, by the rule of `pixels.scale_of`, or a refusal.

    What is scaled or clipped is said on standard error.

    Raises:
        KitError: wrong dtype, shape or values.
    """
    if images.shape[:1] == (0,):
        raise KitError(f"{name}: 0 images. Give a file that holds some.")
    try:
        factor, remarks = scale_of(images, size, name)
    except ValueError as error:
        raise KitError(str(error)) from error
    for remark in remarks:
        say(remark, file=sys.stderr)
    if images.dtype == np.uint8:
        return images
    pixels = np.empty(images.shape, np.uint8)
    for own, given in zip(pixels, images, strict=True):
        np.rint(scaled(given, factor), out=own, casting="unsafe")
    return pixels


def _validated_labels(
    labels: np.ndarray, n_images: int, name: str, classes: tuple[str, ...], fewest: int
) -> np.ndarray:
    """``labels`` as (N,) int64 that use every class ``fewest`` times, or a refusal."""
    last = len(classes) - 1
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = "Give labels[0]" if labels.shape[:1] == (1,) else "Decode one-hot by argmax"
        raise KitError(f"{name}: labels has shape {labels.shape}; expected (N,) or (N, 1). {hint}.")
    if len(labels) != n_images:
        raise KitError(f"{name}: {n_images} images but {len(labels)} labels. Give one label per image.")
    found = np.unique(labels)
    whole = labels.dtype.kind in "uib" or (labels.dtype.kind == "f" and bool((found == np.floor(found)).all()))
    if not whole or found[0] < 0 or found[-1] > last:
        values = ", ".join(str(value)[:40] for value in found[:12].tolist())
        raise KitError(f"{name}: expected whole labels 0..{last}, got the values {values}. Map the classes to them.")
    labels = labels.astype(np.int64)
    counts = np.bincount(labels, minlength=last + 1)
    scarce = int(counts.argmin())
    if counts[scarce] < fewest:
        raise KitError(
            f"{name}: class {scarce} ({classes[scarce]}) has {counts[scarce]} images; "
            f"expected at least {fewest}, one to train and one to validate. Add some."
        )
    return labels
