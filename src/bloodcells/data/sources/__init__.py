"""Where cells come from: a competitor's file, BloodMNIST by download, or the embedded synthetic smear."""

from dataclasses import replace
from pathlib import Path

from bloodcells.competition import BLOOD_CELLS, Competition, read_competition
from bloodcells.data.cells import CellSet, load_cells
from bloodcells.data.sources.bloodmnist import fetch_bloodmnist, load_bloodmnist
from bloodcells.data.sources.synthetic import DEFAULT_CELLS, draw_smear
from bloodcells.errors import KitError

KNOWN = ("synthetic", "bloodmnist")


def open_source(name: str, cache: Path, competition: Competition, seed: int = 0, cells: int | None = None) -> CellSet:
    """The cells called ``name``: "synthetic", "bloodmnist", or the path of an ``.npz`` with images and labels.

    Args:
        name: a known word, or a path.
        cache: the folder that keeps what is downloaded.
        competition: what they must fit.
        seed: of the synthetic smear.
        cells: how many distinct cells the synthetic smear draws; its own default when None.

    Raises:
        KitError: a word that is neither known nor a path, or what the source itself refuses.
    """
    if name in KNOWN:
        blood = read_competition(BLOOD_CELLS)
        if (competition.classes, competition.image_size) != (blood.classes, blood.image_size):
            raise KitError(
                f"{name}: expected images of {competition.title}, got blood cells. Give an .npz with --data."
            )
    if name == "synthetic":
        return replace(draw_smear(DEFAULT_CELLS if cells is None else cells, seed).cells, competition=competition)
    if name == "bloodmnist":
        return load_bloodmnist(fetch_bloodmnist(cache), competition)
    path = Path(name).expanduser()
    if not path.suffix and len(path.parts) == 1 and not path.exists():
        raise KitError(
            f"unknown data source: expected {', '.join(KNOWN)} or the path of an .npz, got {name!r}. Correct --data."
        )
    return load_cells(path, competition)
