"""What is recorded while a run is made, and of what it made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from bloodcells.data.splitting import PARTS
from bloodcells.decoding import Amount, Count, OneOf, Positive, Share
from bloodcells.errors import KitError
from bloodcells.network.inference import TTA_VIEWS

SETS = ("clean", "composite")
"""What every part is measured on: its cells as they are, and under the composite corruption."""
_Part = Annotated[str, OneOf(PARTS[1:])]
_Set = Annotated[str, OneOf(SETS)]
_Views = Annotated[int, OneOf(TTA_VIEWS)]


@dataclass(frozen=True)
class Epoch:
    """One epoch of training.

    Attributes:
        epoch: its number, from 1.
        phase: its name.
        accuracy: mean over the epoch, on augmented cells.
        loss: mean over the epoch.
        validation: accuracy after it on single views, by set; a set that was not measured is missing.
        learning_rate: at its end.
        seconds: it took, without validation.
        images_per_second: cells trained on, augmentation included.
    """

    epoch: Positive
    phase: str
    accuracy: Share
    loss: float
    validation: Mapping[str, Share]
    learning_rate: Share
    seconds: Amount
    images_per_second: Amount


@dataclass(frozen=True)
class Metrics:
    """What `evaluation.evaluate` says of one prediction, and for corrupted cells `accuracy_by_corruption`."""

    images: Positive
    accuracy: Share
    balanced_accuracy: Share
    macro_f1: Share
    calibration_error: Share
    reliability: tuple[tuple[Count, Share, Share], ...]
    per_class_recall: tuple[Share | None, ...]
    confusion: tuple[tuple[Count, ...], ...]
    by_corruption: Mapping[str, tuple[Count, Share]] | None = None

    def __post_init__(self) -> None:
        """Refuse a confusion matrix that contradicts the other figures."""
        classes = len(self.per_class_recall)
        if [len(row) for row in self.confusion] != [classes] * classes:
            raise ValueError(f"confusion: expected {classes} rows of {classes} counts, got another shape")
        right = sum(row[place] for place, row in enumerate(self.confusion))
        if sum(map(sum, self.confusion)) != self.images or abs(right / self.images - self.accuracy) > 1e-3:
            raise ValueError(
                f"confusion: expected {self.images} images and an accuracy of {self.accuracy:.4f}, "
                f"got {sum(map(sum, self.confusion))} and {right / self.images:.4f}"
            )


@dataclass(frozen=True)
class Measurement:
    """The metrics of the cells of one ``part`` in one of ``SETS``, averaged over so many ``views`` (1, 4 or 8).

    ``cells_sha256`` says which cells; an earlier kit did not record it.
    """

    part: _Part
    set: _Set
    views: _Views
    metrics: Metrics
    cells_sha256: str | None = None


@dataclass(frozen=True)
class GateEffect:
    """What a gate does to one part and set: accuracies, the labels that stay, the mean number of views."""

    part: _Part
    set: _Set
    images: Count
    accuracy_first_view: Share
    accuracy_all_views: Share
    accuracy_gated: Share
    equal_labels: Share
    views_per_image: Annotated[float, (1, 8)]


@dataclass(frozen=True)
class Gate:
    """Images whose first view is surer than ``gate`` are spared the others; chosen on validation cells, by `gate`."""

    views: _Views
    gate: Share
    effects: tuple[GateEffect, ...]


@dataclass(frozen=True)
class TemperatureEffect:
    """The calibration error of one part and set before and after a temperature, and the bins of `Metrics` after it."""

    part: _Part
    set: _Set
    images: Count
    before: Share
    after: Share
    reliability: tuple[tuple[Count, Share, Share], ...]


@dataclass(frozen=True)
class Temperature:
    """What probabilities averaged over so many ``views`` are `inference.tempered` by; chosen on validation cells."""

    views: _Views
    temperature: Annotated[float, (0.01, 100)]
    effects: tuple[TemperatureEffect, ...]


@dataclass(frozen=True)
class MedmnistC:
    """What `corruption_error.errors_by_severity` gives for so many ``images``; ``clean`` is their balanced error."""

    images: Count
    accuracy: Share
    clean: Share
    errors: Mapping[str, tuple[Share, ...]]


@dataclass(frozen=True)
class CleaningCounts:
    """What `cleaning.CleaningTable.counts` says; as text a sentence."""

    images: Count
    kept: Count
    exact_duplicates: Count
    near_duplicates: Count
    junk: Count
    label_conflicts: Count
    suspected_labels: Count | None
    seconds: Amount
    dropped_by_decision: Count = 0
    decisions_sha256: str | None = None

    def __str__(self) -> str:
        removed = {
            "junk": self.junk,
            "copies of another image": self.exact_duplicates + self.near_duplicates,
            "copies with different labels": self.label_conflicts,
            "dropped by your decision": self.dropped_by_decision,
        }
        found = ", ".join(f"{count:,} are {reason}" for reason, count in removed.items() if count)
        told = f"{self.kept:,} of {self.images:,} images are kept" + (f"; {found}." if found else ".")
        if self.suspected_labels is None:
            return told
        return f"{told} The labels of {self.suspected_labels:,} kept images are suspected to be wrong."


@dataclass(frozen=True)
class Summary:
    """What a whole walk made.

    Attributes:
        cells: their origin.
        cleaning: what it found.
        parts: images of each.
        views: the views of each cell, in the zip.
        scores: the scores of the zip, by set and column of the leaderboard.
        seconds: by stage; training counts all sittings, the other stages are done anew in each.
    """

    cells: str
    cleaning: CleaningCounts
    parts: Mapping[str, Count]
    views: _Views
    scores: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, Amount]


@dataclass(frozen=True)
class HandedOn:
    """The file of published weights, and the largest change of a probability by its precision on the golden images."""

    file: str
    bytes: Count
    sha256: str
    precision: str
    largest_change_of_a_probability: Share


def metrics_by_set(rows: Iterable[Measurement], part: str, views: int) -> dict[str, Metrics]:
    """The metrics of one part and number of views, by set.

    Raises:
        KitError: they were not measured.
    """
    found = {row.set: row.metrics for row in rows if (row.part, row.views) == (part, views)}
    if set(found) != set(SETS):
        raise KitError(
            f"the run was not measured: expected metrics of the {part} over {views} views, got those of "
            f"{' and '.join(found) or 'no set'}. Evaluate the run with that --tta."
        )
    return found
