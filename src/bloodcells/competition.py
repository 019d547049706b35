"""What a competition is: the facts in one file such as ``competition.toml``, as a value that is passed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from bloodcells.decoding import Name, OneOf, Positive, decoded_strictly
from bloodcells.errors import quoted
from bloodcells.files import expanded, read_toml
from bloodcells.measuring.evaluation import METRICS

VARIABLE = "BLOODCELLS_COMPETITION"
BLOOD_CELLS = Path(__file__).with_suffix(".toml")
_NEEDED = ("tensorflow", "keras", "numpy")


@dataclass(frozen=True)
class Competition:
    """One image-classification challenge.

    Attributes:
        title: how pages and reports call it.
        classes: the class names; a label is an index into them.
        image_size: height and width of an image, pixels.
        metric: the score that ranks, one of ``evaluation.METRICS``.
        leaderboard: its columns, of ``evaluation.METRICS`` and ``duration``, the metric and ``accuracy`` among them;
            ``scores.json`` holds exactly these keys.
        memory_limit: bytes of resident memory that a submission may take.
        time_limit: seconds for the whole prediction run, imports included.
        size_limit: bytes of a submission zip.
        hidden_images: images in the hidden set, to project the time of a run.
        worker_versions: packages of the machine that scores, by name; tensorflow, keras and numpy at least.
    """

    title: Name
    classes: Annotated[tuple[Name, ...], (2, 1000)]
    image_size: Annotated[int, (8, 4096)]
    metric: Annotated[str, OneOf(METRICS)]
    leaderboard: tuple[Annotated[str, OneOf((*METRICS, "duration"))], ...]
    memory_limit: Positive
    time_limit: Annotated[float, (1, 1e7)]
    size_limit: Positive
    hidden_images: Positive
    worker_versions: dict[str, Name]

    def __post_init__(self) -> None:
        """Refuse facts that do not fit together, and names that nobody can read."""
        names = (self.title, *self.classes, *self.worker_versions, *self.worker_versions.values())
        if blank := [name for name in names if not name.strip() or not name.isprintable()]:
            raise ValueError(f"expected names that can be read, got {quoted(blank[0])}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: expected different names, got one twice")
        if len(set(self.leaderboard)) < len(self.leaderboard):
            raise ValueError("leaderboard: expected different names, got one twice")
        if lacking := [name for name in ("accuracy", self.metric) if name not in self.leaderboard]:
            raise ValueError(f"leaderboard: expected {lacking[0]} among its names, got none")
        if missing := set(_NEEDED) - set(self.worker_versions):
            raise ValueError(f"worker_versions: expected {', '.join(_NEEDED)}, got none of {', '.join(missing)}")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and the three colour channels of an image."""
        return (self.image_size, self.image_size, 3)


def chosen_competition(path: Path | None = None) -> Competition:
    """The competition in the file at ``path``; else the one that ``BLOODCELLS_COMPETITION`` names; else blood cells.

    For the command line, the notebooks and benchmarks: everything else is given its competition.
    """
    return read_competition(expanded(path or os.environ.get(VARIABLE) or BLOOD_CELLS))


def read_competition(path: Path) -> Competition:
    """The facts in a file such as ``competition.toml``.

    Raises:
        KitError: the file is missing, too large or no TOML, or a fact is missing, unknown or out of its range.
    """
    advice = f"Correct it; {BLOOD_CELLS.name} of the kit has all facts."
    competition: Competition = decoded_strictly(read_toml(path), Competition, str(path), advice)
    return competition
