"""What the competition is: one file of facts, ``competition.toml``, or the one that BLOODCELLS_COMPETITION names."""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from bloodcells.errors import KitError, first_line

VARIABLE = "BLOODCELLS_COMPETITION"
BLOOD_CELLS = Path(__file__).with_suffix(".toml")
METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
"""What may rank, as ``evaluation.label_metrics`` gives it."""


@dataclass(frozen=True)
class Competition:
    """One image-classification challenge.

    Attributes:
        title: how pages and reports call it.
        classes: the class names; a label is an index into them.
        image_size: height and width of an image, pixels.
        metric: the score that ranks, one of ``METRICS``.
        leaderboard: its columns, of ``METRICS`` and ``duration``, the metric and ``accuracy`` among them;
            ``scores.json`` holds exactly these keys.
        memory_limit: bytes of resident memory that a submission may take.
        time_limit: seconds for the whole prediction run, imports included.
        size_limit: bytes of a submission zip.
        hidden_images: images in the hidden set, to project the time of a run.
        worker_versions: packages of the machine that scores, by name; tensorflow, keras and numpy at least.
    """

    title: str
    classes: tuple[str, ...]
    image_size: int
    metric: str
    leaderboard: tuple[str, ...]
    memory_limit: int
    time_limit: float
    size_limit: int
    hidden_images: int
    worker_versions: dict[str, str]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and the three colour channels of an image."""
        return (self.image_size, self.image_size, 3)


def chosen_competition() -> Competition:
    """The competition in the file that ``BLOODCELLS_COMPETITION`` names, or the blood cells where it names none."""
    return read_competition(Path(os.environ.get(VARIABLE) or BLOOD_CELLS).expanduser())


def read_competition(path: Path) -> Competition:
    """The facts in a file such as ``competition.toml``.

    Raises:
        KitError: the file is missing, is not TOML, or a fact is missing, unknown or of another type.
    """
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KitError(
            f"{path}: expected a competition in TOML, got {first_line(error)}. Start from {BLOOD_CELLS.name}."
        ) from error
    expected = {field.name for field in fields(Competition)}
    if facts.keys() != expected:
        differing = ", ".join(sorted(facts.keys() ^ expected))
        raise KitError(f"{path}: expected {', '.join(sorted(expected))}, got another set ({differing}). Correct it.")
    for name, kind in _KINDS.items():
        if not isinstance(facts[name], kind) or isinstance(facts[name], bool):
            wanted = kind.__name__ if isinstance(kind, type) else "number"
            raise KitError(f"{path}: expected {name} as {wanted}, got {facts[name]!r}. Correct it.")
    classes = tuple(facts["classes"])
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise KitError(f"{path}: expected two or more classes with their own names, got {list(classes)}. Correct it.")
    columns = set(facts["leaderboard"])
    if facts["metric"] not in METRICS:
        raise KitError(f"{path}: expected a metric of {', '.join(METRICS)}, got {facts['metric']!r}. Choose one.")
    if not {facts["metric"], "accuracy"} <= columns <= {*METRICS, "duration"}:
        raise KitError(
            f"{path}: expected a leaderboard of {', '.join(METRICS)} and duration with accuracy and the metric in it, "
            f"got {facts['leaderboard']}. Correct it."
        )
    unknown = {"tensorflow", "keras", "numpy"} - facts["worker_versions"].keys()
    if unknown:
        raise KitError(f"{path}: expected worker_versions with {', '.join(sorted(unknown))}, got none. Add them.")
    return Competition(**{**facts, "classes": classes, "leaderboard": tuple(facts["leaderboard"])})


_KINDS: dict[str, type | tuple[type, ...]] = {
    "title": str, "classes": list, "image_size": int, "metric": str, "leaderboard": list, "memory_limit": int,
    "time_limit": (int, float), "size_limit": int, "hidden_images": int, "worker_versions": dict,
}  # fmt: skip
COMPETITION = chosen_competition()
