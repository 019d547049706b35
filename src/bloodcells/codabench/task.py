"""What Codabench calls a task: the two programs, and the data that each of them gets."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import yaml

from bloodcells.codabench.stages import write_program
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet, validated_cells
from bloodcells.decoding import Name, decoded
from bloodcells.errors import KitError, first_line, printable, quoted
from bloodcells.files import refuse_bomb

PARTS = ("ingestion_program", "scoring_program", "input_data", "reference_data")
"""The folders of a task, by the names that Codabench gives them."""
_LONGEST_YAML = 100_000  # bytes; PyYAML takes a second for as many


@dataclass(frozen=True)
class _Phase:
    """A phase of ``competition.yaml``: the tasks in it, by their indices, and the seconds that a run may take."""

    tasks: Annotated[tuple[int, ...], (1, 1000)]
    index: int = 0
    execution_time_limit: Annotated[float, (1, 1e7)] | None = None


@dataclass(frozen=True)
class _TaskEntry:
    """A task of ``competition.yaml``, with the paths of ``PARTS``."""

    index: int
    ingestion_program: Name
    scoring_program: Name
    input_data: Name
    reference_data: Name


@dataclass(frozen=True)
class _Column:
    """A column of a leaderboard."""

    key: Name


@dataclass(frozen=True)
class _Leaderboard:
    """A leaderboard of ``competition.yaml``."""

    columns: Annotated[tuple[_Column, ...], (1, 100)]


@dataclass(frozen=True)
class _Definition:
    """What the local worker goes by in a ``competition.yaml``; Codabench checks far more when it is uploaded."""

    phases: Annotated[tuple[_Phase, ...], (1, 100)]
    tasks: Annotated[tuple[_TaskEntry, ...], (1, 1000)]
    leaderboards: Annotated[tuple[_Leaderboard, ...], (1, 100)]

    @property
    def first_phase(self) -> _Phase:
        """The one that is scored."""
        return min(self.phases, key=lambda phase: phase.index)

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the leaderboard's columns."""
        return tuple(column.key for column in self.leaderboards[0].columns)

    def first_task(self) -> dict[str, str]:
        """The paths of ``PARTS`` of the first task of the first phase.

        Raises:
            ValueError: there is no such task, or there are two.
        """
        wanted = self.first_phase.tasks[0]
        found = [task for task in self.tasks if task.index == wanted]
        if len(found) != 1:
            known = ", ".join(str(task.index) for task in self.tasks)
            raise ValueError(f"phases.tasks: expected the index of one of the tasks ({known}), got {wanted}")
        return {part: getattr(found[0], part) for part in PARTS}


class Bundle(NamedTuple):
    """A competition bundle, and the competition whose limits hold where the bundle names none."""

    path: Path
    competition: Competition


@dataclass(frozen=True)
class Task:
    """A task on disk.

    Attributes:
        folder: holds the folders ``PARTS``.
        cells: its images and their labels.
        columns: keys of the leaderboard's columns.
        time_limit: seconds for each of the two runs.
    """

    folder: Path
    cells: CellSet
    columns: tuple[str, ...]
    time_limit: float

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
    competition = cells.competition
    task = Task(folder, cells, competition.leaderboard, competition.time_limit)
    write_program("ingestion", task.ingestion_program, competition)
    write_program("scoring", task.scoring_program, competition)
    task.input_data.mkdir()
    np.save(task.input_data / "images.npy", cells.images)
    task.reference_data.mkdir()
    np.save(task.reference_data / "labels.npy", cells.labels)
    if cells.corruptions is not None:
        np.save(task.reference_data / "corruptions.npy", cells.corruptions)
    return task


def unpack_task(bundle: Bundle, folder: Path) -> Task:
    """Lay out the first task of a competition bundle's first phase in ``folder``, as Codabench would.

    Raises:
        KitError: it is no bundle, it lacks what this worker needs of one, or it is of another kind of competition.
    """
    name, competition = bundle.path.name, bundle.competition
    unpacked = folder / "bundle"
    parts, columns, time_limit = _definition(bundle.path, unpacked)
    for part, path in parts.items():
        _unpack_part(unpacked / path, folder / part)
    shutil.rmtree(unpacked)
    cells = _cells_of(folder, name, competition)
    return Task(folder, cells, columns, time_limit or competition.time_limit)


def _cells_of(folder: Path, name: str, competition: Competition) -> CellSet:
    """The cells of an unpacked task."""
    paths = folder / "input_data" / "images.npy", folder / "reference_data" / "labels.npy"
    try:
        images, labels = (np.array(np.lib.format.open_memmap(path, mode="r")) for path in paths)
    except Exception as error:  # a damaged header makes NumPy raise nearly anything
        raise KitError(
            f"{name}: expected images.npy in the input data and labels.npy in the reference data, got "
            f"other files ({first_line(error)}). Write the bundle with 'bloodcells bundle'."
        ) from error
    return validated_cells(images, labels, name, competition, fewest=0)


def _definition(bundle: Path, folder: Path) -> tuple[dict[str, str], tuple[str, ...], float | None]:
    """Unpack a bundle into ``folder`` and read what its ``competition.yaml`` says of the first phase.

    Returns:
        The paths of ``PARTS`` in the bundle, the leaderboard's columns and the seconds for a run, None without a limit.
    """
    if not bundle.is_file():
        raise KitError(f"bundle not found: {bundle}. Write one with 'bloodcells bundle'.")
    names = _unpack(bundle, folder)
    if "competition.yaml" not in names:
        raise KitError(
            f"{bundle.name}: expected competition.yaml at its root, got {', '.join(names[:4])}. "
            "Zip the files, not the folder that holds them."
        )
    try:
        definition: _Definition = decoded(_read_yaml(folder / "competition.yaml"), _Definition)
        parts, columns, limit = definition.first_task(), definition.columns, definition.first_phase.execution_time_limit
        for part, path in parts.items():
            if not ((folder / path).exists() and (folder / path).resolve().is_relative_to(folder.resolve())):
                raise ValueError(f"tasks.{part}: expected a file of the bundle, got {quoted(path)}")
    except (OSError, ValueError) as error:
        raise KitError(f"competition.yaml: {first_line(error)}. Correct it, or write the bundle again.") from error
    return parts, columns, limit


def _read_yaml(path: Path) -> Any:
    if path.stat().st_size > _LONGEST_YAML:
        raise ValueError(f"expected at most {_LONGEST_YAML:,} bytes, got {path.stat().st_size:,}")
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except Exception as error:  # not of its own kind alone: a date of month 13, a number without digits
        raise ValueError(f"expected YAML, got none ({printable(str(error))[:200]})") from error


def _unpack_part(path: Path, folder: Path) -> None:
    """A program or data of a bundle, which is a zip or a folder."""
    if path.is_dir():
        shutil.copytree(path, folder)
    else:
        _unpack(path, folder)


def _unpack(path: Path, folder: Path) -> list[str]:
    """Unpack a zip into ``folder``; return the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(path.name, archive.infolist())
            archive.extractall(folder)
            return archive.namelist()
    except KitError:
        raise
    except Exception as error:  # a damaged directory makes zipfile raise nearly anything
        raise KitError(f"{path.name} is not a complete zip ({first_line(error)}). Write the bundle again.") from error
