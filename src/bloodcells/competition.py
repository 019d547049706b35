"""What a competition is: the facts in one file such as ``competition.toml``, as a value that is passed."""

import math
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from reprlib import Repr
from typing import Any

from bloodcells.errors import KitError, first_line
from bloodcells.files import expanded
from bloodcells.measuring.evaluation import METRICS

VARIABLE = "BLOODCELLS_COMPETITION"
BLOOD_CELLS = Path(__file__).with_suffix(".toml")
_LARGEST = 20_000  # bytes of a file; the time to parse nested keys is quadratic


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
    try:
        if path.stat().st_size > _LARGEST:
            raise KitError(f"{path}: expected at most {_LARGEST:,} bytes, got {path.stat().st_size:,}. Shorten it.")
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise KitError(
            f"{path}: expected a competition in TOML, got {first_line(error)}. Start from {BLOOD_CELLS.name}."
        ) from error
    if facts.keys() != _RULES.keys():
        differing = ", ".join(sorted(facts.keys() ^ _RULES.keys()))
        raise KitError(f"{path}: expected {', '.join(sorted(_RULES))}, got another set ({differing:.200}). Correct it.")
    for name, (words, fits) in _RULES.items():
        if not fits(facts[name]):
            raise KitError(f"{path}: expected {name} as {words}, got {_SHORT.repr(facts[name])}. Correct it.")
    if facts["metric"] not in facts["leaderboard"]:
        raise KitError(f"{path}: expected {facts['metric']} in the leaderboard, which it ranks, got none. Add it.")
    return Competition(**{**facts, "classes": tuple(facts["classes"]), "leaderboard": tuple(facts["leaderboard"])})


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= least


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_NEEDED = ("tensorflow", "keras", "numpy")
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "title": ("text", _is_text),
    "classes": ("two or more different names", lambda value: _are_names(value) and len(value) > 1),
    "image_size": ("a whole number of at least 8 pixels", _is_whole(8)),
    "metric": (f"one of {', '.join(METRICS)}", lambda value: isinstance(value, str) and value in METRICS),
    "leaderboard": (
        f"different names of {', '.join(METRICS)} and duration with accuracy among them",
        lambda value: _are_names(value) and {"accuracy"} <= set(value) <= {*METRICS, "duration"},
    ),
    "memory_limit": ("a whole number of bytes above 0", _is_whole(1)),
    "time_limit": ("a number of seconds above 0", lambda value: type(value) in (int, float) and 0 < value < math.inf),
    "size_limit": ("a whole number of bytes above 0", _is_whole(1)),
    "hidden_images": ("a whole number of at least 1", _is_whole(1)),
    "worker_versions": (
        f"versions as text, those of {', '.join(_NEEDED)} among them",
        lambda value: isinstance(value, dict) and set(_NEEDED) <= set(value) and all(map(_is_text, value.values())),
    ),
}
"""Of each fact, what it must be: in words, and as a check."""
