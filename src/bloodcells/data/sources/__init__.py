"""Where cells come from: an ``.npz``, picture files, BloodMNIST by download, or the embedded synthetic smear."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bloodcells.competition import BLOOD_CELLS, Competition, read_competition
from bloodcells.data.cells import CellSet, load_images, read_npz, validated_cells
from bloodcells.data.classes import labels_of
from bloodcells.data.sources import archive, csv_table
from bloodcells.data.sources.bloodmnist import fetch_bloodmnist, load_bloodmnist
from bloodcells.data.sources.folder import list_folder, unpacked
from bloodcells.data.sources.pictures import Fit, Listing, read_pictures
from bloodcells.data.sources.synthetic import DEFAULT_CELLS, draw_smear
from bloodcells.errors import KitError
from bloodcells.files import expanded

KNOWN = ("synthetic", "bloodmnist")


@dataclass(frozen=True)
class Reading:
    """How a source is read that does not look like the competition's own file.

    Attributes:
        fit: how pictures become square; None crops picture files, and refuses arrays of another size.
        strict: refuse where a picture file cannot be read.
        keys: the keys of the images and labels in an ``.npz``, or the columns of a table; None for the usual ones.
        fewest: images that each class must have: 2 to train, one of them to validate; 0 where nothing is trained.
    """

    fit: Fit | None = None
    strict: bool = False
    keys: tuple[str, str] | None = None
    fewest: int = 2


AS_USUAL = Reading()


def open_source(
    name: str,
    cache: Path,
    competition: Competition,
    seed: int = 0,
    cells: int | None = None,
    reading: Reading = AS_USUAL,
) -> CellSet:
    """The cells called ``name``.

    Args:
        name: ``synthetic``, ``bloodmnist``, or the path of an ``.npz``, of a folder of class folders, of a table
            ``file,label`` or of the folder that holds it.
        cache: the folder that keeps what is downloaded.
        competition: what they must fit.
        seed: the seed of the synthetic smear.
        cells: how many distinct cells the synthetic smear draws; its own default when None.
        reading: how.

    Raises:
        KitError: a word that is neither known nor a path, or what the source itself refuses.
    """
    if name in KNOWN:
        blood = read_competition(BLOOD_CELLS)
        if (competition.classes, competition.image_size) != (blood.classes, blood.image_size):
            raise KitError(
                f"{name}: expected images of {competition.title}, got blood cells. Give an .npz or a folder with "
                "--data."
            )
    if name == "synthetic":
        return replace(draw_smear(DEFAULT_CELLS if cells is None else cells, seed).cells, competition=competition)
    if name == "bloodmnist":
        return load_bloodmnist(fetch_bloodmnist(cache), competition)
    path = _path(name)
    if not holds_pictures(path):
        keys, resize = reading.keys or archive.KEYS, reading.fit is not None
        return archive.load_archive(path, competition, keys, resize, reading.fewest)
    listing = list_pictures(path, reading.keys)
    if listing.labels is None:
        raise KitError(
            f"{name}: expected a folder for each class, or a table file,label beside the pictures, got pictures alone. "
            "Sort them, or label them with bloodcells predict."
        )
    labels = labels_of(listing.labels, competition.classes, name, competition.title)
    images, read = read_pictures(listing, competition.image_size, reading.fit or Fit(), reading.strict)
    names = np.array(listing.names)[read]
    return validated_cells(images, labels[read], path.name, competition, names=names, fewest=reading.fewest)


def open_images(name: str, image_size: int, reading: Reading = AS_USUAL) -> tuple[np.ndarray, np.ndarray]:
    """The images at the path ``name``, labelled or not: (N, S, S, 3) uint8, S = ``image_size``, and (N,) str names.

    Arrays have no names: their places stand for them.

    Raises:
        KitError: what the source itself refuses.
    """
    path = _path(name)
    if holds_pictures(path):
        listing = list_pictures(path, reading.keys, labelled=False)
        images, read = read_pictures(listing, image_size, reading.fit or Fit(), reading.strict)
        return images, np.array(listing.names)[read]
    key = (reading.keys or archive.KEYS)[0]
    if reading.fit:
        images = archive.resized(read_npz(path, (key,))[key], path.name, image_size)
    else:
        images = load_images(path, image_size, key)
    return images, np.arange(len(images)).astype(str)


def list_pictures(path: Path, columns: tuple[str, str] | None = None, labelled: bool = True) -> Listing:
    """The picture files of a folder or of a table.

    A folder that holds one folder and nothing else stands for that one.

    Raises:
        KitError: it holds none, or more than one table that names them.
    """
    if path.is_file():
        return csv_table.list_table(path, columns, labelled)
    path = unpacked(path)
    tables = csv_table.tables_in(path)
    if len(tables) > 1:
        raise KitError(
            f"{path}: expected one table that names the pictures, got {', '.join(one.name for one in tables)}. Name "
            f"it: --data {tables[-1]}."
        )
    return csv_table.list_table(tables[0], columns, labelled) if tables else list_folder(path)


def holds_pictures(path: Path) -> bool:
    """Whether picture files are found at ``path``, and not arrays."""
    return path.is_dir() or path.suffix.lower() in csv_table.SUFFIXES


def _path(name: str) -> Path:
    path = expanded(name)
    if not path.suffix and len(path.parts) == 1 and not path.exists():
        raise KitError(
            f"unknown data source: expected {', '.join(KNOWN)} or the path of an .npz or a folder, got {name!r}. "
            "Correct --data."
        )
    return path
