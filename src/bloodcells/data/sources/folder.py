"""A folder of picture files, which lie in folders called like their classes."""

from collections.abc import Sequence
from pathlib import Path

from bloodcells.data.sources.csv_table import SUFFIXES as TABLES
from bloodcells.data.sources.pictures import SUFFIXES, Listing, pictures_below
from bloodcells.errors import KitError

_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "holdout"}


def unpacked(folder: Path) -> Path:
    """``folder``, or the folder below it for which it stands, as an archive leaves it: the only thing in it."""
    inside = _seen(folder)
    only = inside[0] if len(inside) == 1 and inside[0].is_dir() else None
    if only and any(path.is_dir() or path.suffix.lower() in TABLES for path in _seen(only)):
        return unpacked(only)
    return folder


def _seen(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]


def list_folder(folder: Path) -> Listing:
    """The pictures below ``folder``; their labels are the names of the folders in it, if all lie in such.

    Raises:
        KitError: there is no picture, or the folders are the parts of a split.
    """
    files = pictures_below(folder)
    if not files:
        raise KitError(
            f"{folder} holds no pictures: expected files that end in {', '.join(SUFFIXES)}, got none. Give a folder of "
            "class folders, a folder with a table file,label, or an .npz."
        )
    below = [path.relative_to(folder) for path in files]
    names = tuple(path.as_posix() for path in below)
    if any(len(path.parts) == 1 for path in below):
        return Listing(folder, tuple(files), names)
    labels = tuple(path.parts[0] for path in below)
    _refuse_parts(folder, labels)
    return Listing(folder, tuple(files), names, labels)


def _refuse_parts(folder: Path, labels: Sequence[str]) -> None:
    found = sorted(set(labels))
    if {one.casefold() for one in found} <= _PARTS:
        raise KitError(
            f"{folder}: expected a folder for each class, got the parts {', '.join(found)}. Give one of them, such as "
            f"--data {folder / found[-1]}."
        )
