"""Where cells come from: a competitor's file, BloodMNIST by download, or the embedded synthetic smear."""

from pathlib import Path

from bloodcells.competition import BLOOD_CELLS, COMPETITION, read_competition
from bloodcells.data.cells import CellSet, load_cells
from bloodcells.data.sources.bloodmnist import fetch_bloodmnist, load_bloodmnist
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.errors import KitError

KNOWN = ("synthetic", "bloodmnist")


def open_source(name: str, cache: Path, seed: int = 0, cells: int | None = None) -> CellSet:
    """The cells called ``name``: "synthetic", "bloodmnist", or the path of an ``.npz`` with images and labels.

    Args:
        name: a known word, or a path.
        cache: the folder that keeps what is downloaded.
        seed: of the synthetic smear.
        cells: how many distinct cells the synthetic smear draws; its own default when None.

    Raises:
        KitError: a word that is neither known nor a path, or what the source itself refuses.
    """
    if name in KNOWN:
        blood = read_competition(BLOOD_CELLS)
        if (COMPETITION.classes, COMPETITION.image_size) != (blood.classes, blood.image_size):
            raise KitError(
                f"{name}: expected images of {COMPETITION.title}, got blood cells. Give an .npz with --data."
            )
    if name == "synthetic":
        return (draw_smear(seed=seed) if cells is None else draw_smear(cells, seed)).cells
    if name == "bloodmnist":
        return load_bloodmnist(fetch_bloodmnist(cache))
    path = Path(name).expanduser()
    if not path.suffix and len(path.parts) == 1 and not path.exists():
        raise KitError(
            f"unknown data source: expected {', '.join(KNOWN)} or the path of an .npz, got {name!r}. Correct --data."
        )
    return load_cells(path)
