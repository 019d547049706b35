"""What Codabench calls a task: the two programs, and the data that each of them gets."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bloodcells.codabench.schema import check_definition
from bloodcells.codabench.stages import write_program
from bloodcells.competition import COMPETITION
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError

PARTS = ("ingestion_program", "scoring_program", "input_data", "reference_data")
"""The folders of a task, by the names that Codabench gives them."""


@dataclass(frozen=True)
class Task:
    """A task on disk.

    Attributes:
        folder: holds the folders ``PARTS``.
        origin: where its cells come from, in words.
        cells_sha256: the identity of its cells, as ``CellSet.sha256``.
        columns: keys of the leaderboard's columns.
        time_limit: seconds for each of the two runs.
    """

    folder: Path
    origin: str
    cells_sha256: str
    columns: tuple[str, ...] = COMPETITION.leaderboard
    time_limit: float = COMPETITION.time_limit

    @property
    def ingestion_program(self) -> Path:
        """Asks the submission for labels."""
        return self.folder / "ingestion_program"

    @property
    def scoring_program(self) -> Path:
        """Compares the labels with the truth."""
        return self.folder / "scoring_program"

    @property
    def input_data(self) -> Path:
        """``images.npy``, (N, S, S, 3) uint8."""
        return self.folder / "input_data"

    @property
    def reference_data(self) -> Path:
        """``labels.npy``, (N,) int64, and ``corruptions.npy``, (N,) str, where they are known."""
        return self.folder / "reference_data"


def write_task(cells: CellSet, folder: Path) -> Task:
    """Lay out the task of labelling ``cells`` in ``folder``; the truth is in its reference data alone."""
    task = Task(folder, cells.origin, cells.sha256)
    write_program("ingestion", task.ingestion_program)
    write_program("scoring", task.scoring_program)
    task.input_data.mkdir()
    np.save(task.input_data / "images.npy", cells.images)
    task.reference_data.mkdir()
    np.save(task.reference_data / "labels.npy", cells.labels)
    if cells.corruptions is not None:
        np.save(task.reference_data / "corruptions.npy", cells.corruptions)
    return task


def unpack_task(bundle: Path, folder: Path) -> Task:
    """Lay out the first task of a competition bundle's first phase in ``folder``, as Codabench would.

    Raises:
        KitError: it is no bundle that Codabench accepts, or not one of this competition.
    """
    unpacked = folder / "bundle"
    definition = read_bundle(bundle, unpacked)
    first = min(definition["phases"], key=lambda phase: phase.get("index", 0))
    (described,) = (task for task in definition["tasks"] if task["index"] == first["tasks"][0])
    for part in PARTS:
        if part not in described:
            raise KitError(f"{bundle.name}: expected a task with {', '.join(PARTS)}, got no {part}. Add it.")
        _unpack_part(unpacked / described[part], folder / part)
    shutil.rmtree(unpacked)
    try:
        images = np.load(folder / "input_data" / "images.npy")
        labels = np.load(folder / "reference_data" / "labels.npy")
    except (OSError, ValueError) as error:
        raise KitError(
            f"{bundle.name}: expected images.npy in the input data and labels.npy in the reference data, got "
            f"other files ({error}). Write the bundle with 'bloodcells bundle'."
        ) from error
    return Task(
        folder,
        bundle.name,
        CellSet(images, labels, bundle.name, COMPETITION).sha256,
        tuple(column["key"] for column in definition["leaderboards"][0]["columns"]),
        first.get("execution_time_limit", COMPETITION.time_limit),
    )


def read_bundle(bundle: Path, folder: Path) -> dict[str, Any]:
    """Unpack a bundle into ``folder`` and return its checked definition.

    Raises:
        KitError: not a zip, without ``competition.yaml`` at its root, or with a definition that is refused.
    """
    if not bundle.is_file():
        raise KitError(f"bundle not found: {bundle}. Write one with 'bloodcells bundle'.")
    try:
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(folder)
            names = archive.namelist()
    except (zipfile.BadZipFile, EOFError) as error:
        raise KitError(f"{bundle.name} is not a complete zip ({error}). Write the bundle again.") from error
    if "competition.yaml" not in names:
        raise KitError(
            f"{bundle.name}: expected competition.yaml at its root, got {', '.join(names[:4])}. "
            "Zip the files, not the folder that holds them."
        )
    try:
        definition = yaml.safe_load((folder / "competition.yaml").read_text("utf-8"))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise KitError(f"{bundle.name}: competition.yaml is not YAML ({reason}). Correct it.") from error
    check_definition(definition, [name for name in names if not name.endswith("/")])
    for name in (definition["terms"], *(page["file"] for page in definition["pages"])):
        if not (folder / name).read_text("utf-8").strip():
            raise KitError(f"{bundle.name}: {name} is empty: expected a page of text. Write it.")
    return dict(definition)


def _unpack_part(path: Path, folder: Path) -> None:
    """A program or data of a bundle, which is a zip or a folder."""
    if path.is_dir():
        shutil.copytree(path, folder)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise KitError(f"{path.name}: expected a zip or a folder, got neither. Write the bundle again.") from error
