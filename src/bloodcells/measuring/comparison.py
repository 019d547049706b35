"""Runs compared image by image on one hold-out: how often one is right where another is wrong."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from scipy.stats import binomtest

from bloodcells.errors import KitError
from bloodcells.run import SETS, Config, Epoch, Errors, Measurement, Metrics, Run, is_complete, metrics_by_set

GROUPS = ("all", "class", "corruption")
"""What a row of a comparison may be about: all images, those of a true class, those that met a corruption."""
_DEVIATIONS = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a run answered on its hold-out, clean and corrupted.

    Attributes:
        run: its name.
        config: of the run.
        epochs: of its training.
        metrics: by set.
        errors: by set, all of them.
        cells_sha256: by set, of the cells.
        numbers: (N,) int64, of the cells in their source.
    """

    run: str
    config: Config
    epochs: tuple[Epoch, ...]
    metrics: Mapping[str, Metrics]
    errors: Mapping[str, Errors]
    cells_sha256: Mapping[str, str | None]
    numbers: np.ndarray


@dataclass(frozen=True)
class Difference:
    """A run against the baseline on some images of one set.

    Attributes:
        run: its name.
        baseline: the other's.
        set: one of ``SETS``.
        group: one of ``GROUPS``.
        name: of the class or corruption; empty for all images.
        images: N, how many.
        right: share of them that the run has right.
        gained: images that the run alone has right.
        lost: images that the baseline alone has right.
    """

    run: str
    baseline: str
    set: str
    group: str
    name: str
    images: int
    right: float
    gained: int
    lost: int

    def __str__(self) -> str:
        """In a sentence."""
        low, high = (100 * end for end in self.interval)
        return (
            f"{self.run} is right for {self.right:.2%} of {self.images:,} {self.set} cells, {100 * self.mean:+.2f} "
            f"points ({low:+.2f} to {high:+.2f}) against {self.baseline}: {self.gained} gained, {self.lost} lost"
        )

    @property
    def mean(self) -> float:
        """The run's accuracy minus the baseline's, -1..1."""
        return (self.gained - self.lost) / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference for other images, the networks staying as they are.

        Of Wald with half an image added to each count of the paired table (Agresti and Min 2005, doi:10.1002/sim.1781).
        """
        images, flipped = self.images + 2, self.gained + self.lost + 1
        middle = (self.gained - self.lost) / images
        half = _DEVIATIONS * math.sqrt(flipped - images * middle**2) / images
        return max(middle - half, -1.0), min(middle + half, 1.0)

    @property
    def p_value(self) -> float:
        """How often flips would be as uneven by chance alone: the exact test of McNemar (1947)."""
        flipped = self.gained + self.lost
        return float(binomtest(self.gained, flipped).pvalue) if flipped else 1.0


def read_answers(folders: Sequence[Path]) -> list[Answers]:
    """What the runs in ``folders`` answered on one hold-out; the first is the baseline.

    Raises:
        KitError: there are fewer than two runs, one lacks the record of its errors, or their hold-outs differ.
    """
    if len(folders) < 2 or len({folder.resolve() for folder in folders}) < len(folders):
        raise KitError(f"compare: expected two different runs or more, got {', '.join(map(str, folders))}. Name them.")
    names = [Run(folder).name for folder in folders]
    unlike = len(set(names)) == len(names)
    found = [_answers(folder, name if unlike else str(folder)) for folder, name in zip(folders, names, strict=True)]
    baseline = found[0]
    for one in found[1:]:
        if (one.cells_sha256, one.config.competition.classes) != (
            baseline.cells_sha256,
            baseline.config.competition.classes,
        ):
            raise KitError(
                f"{one.run} and {baseline.run} were measured on different hold-outs: expected cells with sha256 "
                f"{str(baseline.cells_sha256['clean'])[:12]}, got {str(one.cells_sha256['clean'])[:12]}. Compare runs "
                "of the same --data and decisions."
            )
    return found


def differences(runs: Sequence[Answers]) -> list[Difference]:
    """Each run against the first: all images, by class and by corruption, on the clean and the corrupted set."""
    baseline, *others = runs
    return [row for run in others for of in SETS for row in _differences(run, baseline, of)]


def flipped(run: Answers, baseline: Answers, of: str) -> tuple[list[int], list[int]]:
    """Places in the hold-out that the run alone has right, and those that the baseline alone has right, in order."""
    own, other = ({int(place) for place in answers.errors[of].places} for answers in (run, baseline))
    return sorted(other - own), sorted(own - other)


def _answers(folder: Path, name: str) -> Answers:
    run = Run(folder)
    errors, rows = run.read_errors(), run.rows(Measurement)
    wrong = {of: len(one) for of, one in errors.get("holdout", {}).items()}
    for views in sorted({row.views for row in rows if row.cells_sha256}, reverse=True):
        metrics = metrics_by_set(rows, "holdout", views)
        counts = {of: own.images - round(own.accuracy * own.images) for of, own in metrics.items()}
        if is_complete(errors) and counts == wrong:
            sha256 = {row.set: row.cells_sha256 for row in rows if (row.part, row.views) == ("holdout", views)}
            numbers = run.read_split().holdout
            return Answers(name, run.config, run.rows(Epoch), metrics, errors["holdout"], sha256, numbers)
    raise KitError(
        f"{folder} does not say which images of its hold-out are wrong: expected the errors.npz and evaluation.json of "
        f"one evaluation by this kit, got {'others' if rows else 'none'}. Run bloodcells evaluate --run {folder} again."
    )


def _differences(run: Answers, baseline: Answers, of: str) -> Iterator[Difference]:
    gained, lost = flipped(run, baseline, of)
    groups = (_groups(baseline, of, gained), _groups(run, of, lost))  # each flip stands in the errors of one of them
    for key, (images, right) in _shares(run, of).items():
        counts = [sum(key in keys for keys in one) for one in groups]
        yield Difference(run.run, baseline.run, of, *key, images, right, *counts)


def _shares(run: Answers, of: str) -> dict[tuple[str, str], tuple[int, float]]:
    """By group and name, how many images there are and the share that is right."""
    metrics, classes = run.metrics[of], run.config.competition.classes
    sizes = [sum(row) for row in metrics.confusion]
    by_class = zip(classes, sizes, metrics.per_class_recall, strict=True)
    return {
        ("all", ""): (metrics.images, metrics.accuracy),
        **{("class", name): (size, recall) for name, size, recall in by_class if recall is not None},
        **{("corruption", name): share for name, share in sorted((metrics.by_corruption or {}).items()) if name},
    }


def _groups(run: Answers, of: str, places: Sequence[int]) -> list[set[tuple[str, str]]]:
    """The groups and names of each of ``places``, which are among the errors of the run."""
    errors, classes = run.errors[of], run.config.competition.classes
    at = {int(place): index for index, place in enumerate(errors.places)}
    return [
        {("all", ""), ("class", classes[errors.labels[at[place]]])}
        | {("corruption", name) for name in str(errors.corruptions[at[place]]).split("+")}
        for place in places
    ]
