"""What Codabench calls a task: the two programs, and the data that each of them gets."""

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from bloodcells.codabench.stages import write_program
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError

PARTS = ("ingestion_program", "scoring_program", "input_data", "reference_data")
"""The folders of a task, by the names that Codabench gives them."""


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
    try:
        images = np.load(folder / "input_data" / "images.npy")
        labels = np.load(folder / "reference_data" / "labels.npy")
    except (OSError, ValueError) as error:
        raise KitError(
            f"{name}: expected images.npy in the input data and labels.npy in the reference data, got "
            f"other files ({error}). Write the bundle with 'bloodcells bundle'."
        ) from error
    cells = CellSet(images, labels, name, competition)
    return Task(folder, cells, columns, time_limit or competition.time_limit)


def _definition(bundle: Path, folder: Path) -> tuple[dict[str, str], tuple[str, ...], float | None]:
    """Unpack a bundle into ``folder`` and read what its ``competition.yaml`` says of the first phase.

    Codabench checks far more when a bundle is uploaded; here is what the local worker goes by.

    Returns:
        The paths of ``PARTS`` in the bundle, the leaderboard's columns and the seconds for a run, None without a limit.
    """
    if not bundle.is_file():
        raise KitError(f"bundle not found: {bundle}. Write one with 'bloodcells bundle'.")
    try:
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(folder)
            names = archive.namelist()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise KitError(f"{bundle.name} is not a complete zip ({error}). Write the bundle again.") from error
    if "competition.yaml" not in names:
        raise KitError(
            f"{bundle.name}: expected competition.yaml at its root, got {', '.join(names[:4])}. "
            "Zip the files, not the folder that holds them."
        )
    try:
        definition = yaml.safe_load((folder / "competition.yaml").read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise KitError(f"{bundle.name}: competition.yaml is not YAML ({reason}). Correct it.") from error
    phases = _entries(definition, "phases", tasks=list)
    phase = min(phases, key=lambda phase: phase["index"] if isinstance(phase.get("index"), int) else 0)
    tasks = _entries(definition, "tasks", index=int, **dict.fromkeys(PARTS, str))
    wanted = [task for task in tasks if [task["index"]] == phase["tasks"][:1]]
    if len(wanted) != 1:
        known = ", ".join(str(task["index"]) for task in tasks)
        raise _refusal("phases.tasks", f"expected the index of one of the tasks ({known}), got {phase['tasks']!r:.80}")
    parts = {part: wanted[0][part] for part in PARTS}
    for part, path in parts.items():
        if not ((folder / path).exists() and (folder / path).resolve().is_relative_to(folder.resolve())):
            raise _refusal(f"tasks.{part}", f"expected a file of the bundle, got {path}")
    leaderboard = _entries(definition, "leaderboards", columns=list)[0]
    columns = tuple(column["key"] for column in _entries(leaderboard, "columns", key=str))
    limit = phase.get("execution_time_limit")
    if not (limit is None or (type(limit) in (int, float) and 0 < limit < float("inf"))):
        raise _refusal("phases.execution_time_limit", f"expected a number of seconds above 0, got {limit!r}")
    return parts, columns, limit


def _entries(holder: Any, name: str, **kinds: type) -> list[dict[str, Any]]:
    """The list ``name`` of ``holder``: not empty, and every entry with the keys of ``kinds``, of their types."""
    found = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(found, list) or not found:
        raise _refusal(name, f"expected a list with at least one entry, got {found!r:.80}")
    for entry in found:
        for key, kind in kinds.items():
            value = entry.get(key) if isinstance(entry, dict) else None
            if not isinstance(value, kind):
                words = {str: "text", int: "a whole number", list: "a list"}[kind]
                raise _refusal(f"{name}.{key}", f"expected {words}, got {value!r:.80}")
    return found


def _refusal(place: str, reason: str) -> KitError:
    return KitError(f"competition.yaml, {place}: {reason}. Correct it, or write the bundle again.")


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
