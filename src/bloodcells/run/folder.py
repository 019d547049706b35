"""A run folder. Each of its files has its name, its type, its one writer and its one reader here.

    cleaning/            cleaning.csv, cleaning.json: a decision for every image, and their counts
    split.csv            index in the source, part
    decided.csv          what a person decided about single images, where somebody did
    environment.json     versions and hardware; under ``continued`` those of later sittings, where they were others
    config.json          what was asked for, of which kit, on which cells: it is there when the run has begun
    metrics.jsonl        one line an epoch
    checkpoints/         the last two epochs: weights, optimizer state
    weights.weights.h5   the result: it is there when the run is complete
    gate.json            by number of views, which images are spared the further ones, and what that does
    temperature.json     by number of views, how sure probabilities must be made to be right as often as they say
    errors.npz           every error on validation and hold-out, and where the network looked
    evaluation.json      a row of metrics for each part, set and number of views
    medmnist_c.json      balanced errors under the corruptions of MedMNIST-C, where they were asked for
    submission.zip       what is uploaded
    score/<set>/         what the local worker made of that zip on the hold-out
    summary.json         what `walk.walk` made, and what it took
    report/              the page of the run
    weights.json         beside published weights: what was handed on

Each file is swapped in whole, and the one that says that a stage is done comes last: wherever the writing stops, what
is there can be read, and the same command goes on with it.
"""

import json
import math
import re
import shlex
import subprocess
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import numpy as np

from bloodcells import __version__
from bloodcells.cleaning.decisions import Decisions, read_decisions
from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet, read_npz
from bloodcells.data.splitting import PARTS, Split, read_split
from bloodcells.data.white_balance import typical_ground
from bloodcells.decoding import Amount, Count, OneOf, Positive, Share, decoded
from bloodcells.errors import KitError, first_line, printable
from bloodcells.files import (
    MARK,
    WEIGHTS,
    claim,
    expanded,
    read_json,
    read_json_lines,
    replacing,
    write_json,
    write_text,
)
from bloodcells.network.inference import TTA_VIEWS, predict_probabilities, tempered
from bloodcells.recipe import Recipe

if TYPE_CHECKING:
    import keras

SETS = ("clean", "composite")
"""What every part is measured on: its cells as they are, and under the composite corruption."""
_Part = Annotated[str, OneOf(PARTS[1:])]
_Set = Annotated[str, OneOf(SETS)]
_Views = Annotated[int, OneOf(TTA_VIEWS)]
_Channel = Annotated[float, (0, 255)]
_MOST_EXPANDED = 10  # times the size of a file of weights, which Keras does not compress
_SPLIT = "split.csv"
_KEPT_CHECKPOINTS = 2  # the second in case that the newest cannot be read
_CHECKPOINT = re.compile(r"epoch-(\d{4,6})\.weights\.h5")


@dataclass(frozen=True)
class Request:
    """What the user typed; nothing of it is guessed afterwards.

    Attributes:
        command: the whole command line; None where Python was called.
        recipe: the name of the recipe.
        data: the source of the cells, as ``--data`` takes it.
    """

    command: str | None = None
    recipe: str | None = None
    data: str | None = None


FROM_PYTHON = Request()
"""Python was called: nobody typed a command."""


@dataclass(frozen=True)
class Sitting:
    """What one command adds to a run, which may take several.

    Attributes:
        request: what the user typed, to be recorded.
        devices: among which every batch is shared out, as `devices.spread_over` says; None for all GPUs, as far as
            they divide the batches of the recipe.
        minutes: training stops at the last end of an epoch that fits into them; None for never.
    """

    request: Request = FROM_PYTHON
    devices: int | None = None
    minutes: float | None = None


IN_ONE_GO = Sitting()
"""From Python, to the end."""


@dataclass(frozen=True)
class Config:
    """What a run was asked for, of which kit, on which cells.

    Attributes:
        recipe: the recipe of the training.
        recipe_name: what the user called it.
        commands: every command line that trained or measured here, once, in order; empty where Python was called.
        data: the source of the cells, as ``--data`` takes it.
        commit: the commit of the kit's checkout when the run began, ``+changes`` where it had any; None outside of one.
        version: the version of the kit when the run began.
        competition: its facts.
        data_sha256: the SHA-256 of the training cells.
        data_origin: the origin of the training cells, in words.
        note: what the records do not say of how the weights were made; pages print it in place of the commands.
        decisions_sha256: the SHA-256 of a person's decisions about single images; None where there are none.
        ground: of the training cells, as `white_balance.typical_ground` says; None where an earlier kit began the run.
    """

    recipe: Recipe
    recipe_name: str | None
    commands: tuple[str, ...]
    data: str | None
    commit: str | None
    version: str | None
    competition: Competition
    data_sha256: str
    data_origin: str
    note: str = ""
    decisions_sha256: str | None = None
    ground: tuple[_Channel, _Channel, _Channel] | None = None

    @classmethod
    def of(cls, recipe: Recipe, training: CellSet, request: Request, decisions_sha256: str | None = None) -> "Config":
        """The config of a run that begins now."""
        return cls(
            recipe=recipe,
            recipe_name=request.recipe,
            commands=(request.command,) if request.command else (),
            data=request.data,
            commit=checkout_commit(),
            version=__version__,
            competition=training.competition,
            data_sha256=training.sha256,
            data_origin=training.origin,
            decisions_sha256=decisions_sha256,
            ground=typical_ground(training.images),
        )

    def without_folders(self) -> "Config":
        """The same without the folders of whoever ran it: files by their name alone."""
        return replace(
            self,
            recipe=replace(self.recipe, init=Path(self.recipe.init).name),
            commands=tuple(shlex.join(map(_without_folder, shlex.split(command))) for command in self.commands),
            data=self.data and _without_folder(self.data),
        )


@dataclass(frozen=True)
class Environment:
    """Versions and hardware, as `environment.describe_environment` gives them.

    Attributes:
        python: its version.
        packages: versions by name.
        backend: of Keras.
        system: operating system and architecture.
        cpu: its name.
        cores: those that the process might use.
        accelerators: GPUs and TPUs, by Keras' names.
        after_epoch: the epochs that were done when training went on here.
        continued: where it went on later.
    """

    python: str
    packages: Mapping[str, str]
    backend: str
    system: str
    cpu: str
    cores: Count
    accelerators: tuple[str, ...]
    after_epoch: Count = 0
    continued: tuple["Environment", ...] = ()


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

    @property
    def key(self) -> tuple[int]:
        """Its number."""
        return (self.epoch,)


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

    @property
    def key(self) -> tuple[bool, str, int]:
        """Validation comes first."""
        return (self.part != "validation", self.set, self.views)


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

    @property
    def key(self) -> tuple[int]:
        """The number of views."""
        return (self.views,)


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

    @property
    def key(self) -> tuple[int]:
        """The number of views."""
        return (self.views,)


@dataclass(frozen=True, eq=False)
class Errors:
    """All wrongly classified images of one part and set, the most confident first; of the first M the pictures too.

    Attributes:
        images: (M, S, S, 3) uint8, as the network saw them.
        labels: (N,) int64, the true classes.
        predicted: (N,) int64.
        confidence: (N,) float32, the probability of the predicted class, 0..1.
        maps: (M, h, w) float32, 0..1: what spoke for the predicted class, by place.
        originals: (M, S, S, 3) uint8, the images before they were corrupted.
        places: (N,) int64, of the images in their part; -1 in a record of an earlier kit, which holds a few errors.
        corruptions: (N,) str, what was done to the images, names joined by ``+``.
    """

    images: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    maps: np.ndarray
    originals: np.ndarray
    places: np.ndarray
    corruptions: np.ndarray

    @classmethod
    def of_an_earlier_kit(
        cls, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, maps: np.ndarray
    ) -> "Errors":
        """The eight most confident errors of a set, which that kit kept: where they are in it is not known."""
        nowhere, unsaid = np.full(len(confidence), -1), np.full(len(confidence), "")
        return cls(images, labels, predicted, confidence, maps, images, nowhere, unsaid)

    def __len__(self) -> int:
        """How many errors."""
        return len(self.confidence)

    def __post_init__(self) -> None:
        """Refuse arrays of other kinds, shapes or ranges."""
        every, pictured = self.confidence.shape[:1], self.images.shape[:1]
        kinds = {
            "images": ("u", 4, pictured), "originals": ("u", 4, pictured), "maps": ("f", 3, pictured),
            "labels": ("i", 1, every), "predicted": ("i", 1, every), "confidence": ("f", 1, every),
            "places": ("i", 1, every), "corruptions": ("U", 1, every),
        }  # fmt: skip
        for name, (kind, axes, length) in kinds.items():
            array = getattr(self, name)
            if (array.dtype.kind, array.ndim, array.shape[:1]) != (kind, axes, length):
                raise ValueError(f"{name}: expected one for each error, got {array.dtype} of {array.shape}")
        if pictured > every:
            raise ValueError(f"images: expected at most {every[0]}, got {pictured[0]}")
        if not all(((array >= 0) & (array <= 1 + 1e-6)).all() for array in (self.confidence, self.maps)):
            raise ValueError("confidence and maps: expected 0 to 1, got others")


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


_FILES: Mapping[type, str] = {
    Environment: "environment.json", Config: "config.json", CleaningCounts: "cleaning/cleaning.json",
    Epoch: "metrics.jsonl", Gate: "gate.json", Temperature: "temperature.json", Errors: "errors.npz",
    Measurement: "evaluation.json", MedmnistC: "medmnist_c.json", Summary: "summary.json", HandedOn: "weights.json",
}  # fmt: skip
_DECISIONS = "decided.csv"  # not as the page calls it: somebody may save that here
_OF_AN_EARLIER_KIT = 5  # of the arrays of `Errors`
_OF_THE_WEIGHTS = (Gate, Temperature, Errors, Measurement, MedmnistC, Summary)


class Row(Protocol):
    """A record of which a file holds many, in the order of their keys."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What no other row of the file has."""
        ...


Record = TypeVar("Record")
AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True)
class Run:
    """The files of a run ``folder``, which may be anywhere on its way.

    What is read is checked: whatever is missing or damaged is a KitError in one line.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.resolve().name

    @property
    def cleaning(self) -> Path:
        """The folder that `CleaningTable.write` takes."""
        return self.folder / "cleaning"

    @property
    def weights(self) -> Path:
        """The trained weights."""
        return self.folder / WEIGHTS

    @property
    def log(self) -> Path:
        """A line for every epoch."""
        return self._path(Epoch)

    @property
    def submission(self) -> Path:
        """The zip that is uploaded."""
        return self.folder / "submission.zip"

    @property
    def report(self) -> Path:
        """The folder of the run's page."""
        return self.folder / "report"

    def score(self, name: str) -> Path:
        """The folder in which the worker scores a set."""
        return self.folder / "score" / name

    def claim(self) -> None:
        """Take the names of a run's files for one that is to begin here, but for its cleaning, which may be there.

        Raises:
            KitError: the folder holds files of somebody else.
        """
        names = {Path(name).parts[0] for name in _FILES.values()} - {self.cleaning.name}
        others = (self.weights, self.submission, self.report, self.score(""), self.checkpoint(0).parent)
        claim(self.folder, names | {path.name for path in others} | {_SPLIT, _DECISIONS})

    def holds(self, kind: type) -> bool:
        """Whether the file of a kind of record is there. With `Config` the run has begun."""
        return self._path(kind).exists()

    def read(self, kind: type[Record]) -> Record:
        """The record of a kind that a file holds once."""
        path = self._path(kind)
        return read_as(kind, read_json(path), path)

    def rows(self, kind: type[Record]) -> tuple[Record, ...]:
        """The records of a kind that a file holds many of; none where it is not there."""
        path = self._path(kind)
        if not path.exists():
            return ()
        value = read_json_lines(path) if path.suffix == ".jsonl" else read_json(path)
        rows: tuple[Any, ...] = read_as(tuple[kind, ...], value, path)  # type: ignore[valid-type]
        if len({row.key for row in rows}) < len(rows):
            raise KitError(
                f"{path} is damaged: expected each row once, got one twice. Run the step that writes it again."
            )
        return rows

    def write(self, record: Any) -> None:
        """Write a record that a file holds once."""
        write_json(self._path(type(record)), asdict(record))

    def add(self, *rows: AnyRow) -> tuple[AnyRow, ...]:
        """Add ``rows`` of one kind to their file, in place of those with the same keys; return all that it holds."""
        by_key = {row.key: row for row in (*self.rows(type(rows[0])), *rows)}
        merged = tuple(by_key[key] for key in sorted(by_key))
        self._write_rows(type(rows[0]), merged)
        return merged

    def begin(self, config: Config, environment: Environment) -> None:
        """Claim the folder, or see that the run in it is the same, and note the command that goes on with it.

        Raises:
            KitError: the folder holds another run.
        """
        if not self.holds(Config):
            self.write(environment)
            self.write(config)  # last: it says that a run is here
            return
        wanted, found = _identity(config), _identity(self.read(Config))
        for key, value in wanted.items():
            if found[key] != value:
                raise KitError(
                    f"{self.folder} holds another run: expected {key} = {value}, got {found[key]}. "
                    "Choose another folder with --out."
                )
        self.note_commands(*config.commands)

    def note_commands(self, *commands: str) -> None:
        """Record commands that went on with the run, where they are not recorded yet."""
        config = self.read(Config)
        noted = tuple(dict.fromkeys((*config.commands, *commands)))
        if noted != config.commands:
            self.write(replace(config, commands=noted))

    def go_on_in(self, here: Environment) -> None:
        """Record what trains from ``here.after_epoch`` on, where it differs from what trained before."""
        if not self.holds(Environment):
            self.write(here)
        recorded = self.read(Environment)
        last = (recorded, *recorded.continued)[-1]
        if replace(last, after_epoch=here.after_epoch, continued=()) != here:
            self.write(replace(recorded, continued=(*recorded.continued, here)))

    @property
    def is_split(self) -> bool:
        """Whether the parts of the source are known here; those of published weights are not."""
        return (self.folder / _SPLIT).exists()

    def read_split(self) -> Split:
        """The parts of the source."""
        return read_split(self.folder / _SPLIT)

    def write_split(self, split: Split) -> None:
        """Keep the parts of the source."""
        split.write(self.folder / _SPLIT)

    @property
    def decisions(self) -> Decisions | None:
        """A person's decisions about single images of the source; None where there are none."""
        path = self.folder / _DECISIONS
        return read_decisions(path) if path.exists() else None

    @property
    def decisions_sha256(self) -> str | None:
        """Of the decisions; None where there are none."""
        decisions = self.decisions
        return decisions.sha256 if decisions else None

    def write_decisions(self, decisions: Decisions | None) -> None:
        """Keep what a person decided, or that nobody did."""
        path = self.folder / _DECISIONS
        if decisions:
            decisions.write(path)
        else:
            path.unlink(missing_ok=True)

    def checkpoint(self, epoch: int) -> Path:
        """The weights and the optimizer's state after ``epoch``."""
        return self.folder / "checkpoints" / f"epoch-{epoch:04d}.weights.h5"

    def checkpoints(self, last: float = math.inf) -> dict[int, Path]:
        """The checkpoints by epoch, from the ``last`` one down; files of other names and epochs are passed over."""
        named = ((_CHECKPOINT.fullmatch(path.name), path) for path in self.checkpoint(0).parent.glob("*"))
        found = {int(name[1]): path for name, path in named if name}
        return {epoch: found[epoch] for epoch in sorted(found, reverse=True) if 0 < epoch <= last}

    def drop_old_checkpoints(self, last: int) -> None:
        """Keep the ``last`` one and the one before it."""
        for path in list(self.checkpoints(last).values())[_KEPT_CHECKPOINTS:]:
            path.unlink()

    def drop_epochs_after(self, epoch: int) -> None:
        """Forget the lines of epochs that no checkpoint holds."""
        if self.holds(Epoch):
            self._write_rows(Epoch, [one for one in self.rows(Epoch) if one.epoch <= epoch])

    @contextmanager
    def finishing(self) -> Iterator[Path]:
        """Yield where the trained weights are to be written; what was measured on others before is removed."""
        with replacing(self.weights) as beside:
            yield beside
            for kind in _OF_THE_WEIGHTS:
                self._path(kind).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the files of a training, and the folder if it holds nothing else."""
        for path in (*map(self._path, _FILES), self.weights, *self.checkpoints().values(), self.folder / MARK):
            path.unlink(missing_ok=True)
        for folder in (self.checkpoint(0).parent, self.folder):
            with suppress(OSError):
                folder.rmdir()

    def network(self) -> "keras.Model":
        """The trained network, not compiled.

        Raises:
            KitError: the run is not complete, or its weights are truncated or of another network.
        """
        config = self.read(Config)
        if not self.weights.exists():
            finish = f": {config.commands[0]}" if config.commands else "."
            raise KitError(f"{self.folder} is not trained to its end: expected {WEIGHTS}. Finish its training{finish}")
        return read_network(config.recipe, config.competition, self.weights)

    def predict(self, images: np.ndarray, tta_level: int) -> np.ndarray:
        """The probabilities that a zip of this run gives, (N, C) float64; ``images`` are (N, S, S, 3), 0..255."""
        views = TTA_VIEWS[tta_level]
        averaged = predict_probabilities(self.network(), images, tta_level, gate=self.gate(views))
        return tempered(averaged, self.temperature(views))

    def gate(self, views: int) -> float | None:
        """The gate for so many views; None where none was measured: all images get all views."""
        return next((one.gate for one in self.rows(Gate) if one.views == views), None)

    def temperature(self, views: int) -> float:
        """The temperature for so many views; 1, which changes nothing, where none was chosen."""
        return next((one.temperature for one in self.rows(Temperature) if one.views == views), 1.0)

    def read_errors(self) -> dict[str, dict[str, Errors]]:
        """The errors by part and set; empty where they were not kept, without validation in an earlier kit's record."""
        path = self._path(Errors)
        if not path.exists():
            return {}
        competition = self.read(Config).competition
        try:
            found = _kept_errors(path)
            every = [one for by_set in found.values() for one in by_set.values()]
            shapes = {array.shape[1:] for one in every for array in (one.images, one.originals)}
            if shapes != {competition.image_shape}:
                raise ValueError(f"images: expected those of {competition.title}, got others")
            labels = np.concatenate([array for one in every for array in (one.labels, one.predicted)])
            if not np.isin(labels, np.arange(len(competition.classes))).all():
                raise ValueError(f"labels: expected 0..{len(competition.classes) - 1}, got others")
            _refuse_places_beyond(self.read_split(), found)
        except ValueError as error:
            raise KitError(f"{path} is damaged: {error}. Evaluate the run again.") from error
        return found

    def write_errors(self, by_part: Mapping[str, Mapping[str, Errors]]) -> None:
        """Keep the errors of each part but training, and each of ``SETS``."""
        arrays: dict[str, Any] = {
            f"{part}_{of}_{name}": array
            for part, by_set in by_part.items()
            for of, one in by_set.items()
            for name, array in vars(one).items()
        }
        with replacing(self._path(Errors)) as beside, beside.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    def hand_on(self, out: "Run", note: str) -> None:
        """Copy what is recorded to ``out``, without the folders of whoever ran it; ``note`` as in `Config`."""
        for kind in (Environment, Epoch, Gate, Temperature, Measurement, MedmnistC, Summary):
            if self.holds(kind):
                with replacing(out._path(kind)) as beside:
                    beside.write_bytes(self._path(kind).read_bytes())
            else:
                out._path(kind).unlink(missing_ok=True)
        config = self.read(Config).without_folders()
        out.write(replace(config, note=note or config.note))

    def _path(self, kind: type) -> Path:
        return self.folder / _FILES[kind]

    def _write_rows(self, kind: type, rows: Sequence[Any]) -> None:
        # Whole, also where lines could be appended: one that is cut off in its middle would damage the file.
        path, values = self._path(kind), [asdict(row) for row in rows]
        if path.suffix == ".jsonl":
            write_text(path, "".join(json.dumps(value, allow_nan=False) + "\n" for value in values))
        else:
            write_json(path, values)


def read_as(kind: Any, value: Any, path: Path) -> Any:
    """The JSON ``value`` of the file ``path`` as a record of ``kind``.

    Raises:
        KitError: it is none.
    """
    try:
        return decoded(value, kind)
    except (ValueError, RecursionError) as error:
        raise KitError(f"{path} is damaged: {first_line(error)}. Run the step that writes it again.") from error


def _refuse_places_beyond(split: Split, errors: Mapping[str, Mapping[str, Errors]]) -> None:
    for part, by_set in errors.items():
        last = len(getattr(split, part)) - 1
        place = max(int(one.places.max(initial=-1)) for one in by_set.values())
        if place > last:
            raise ValueError(f"places: expected 0..{last} in the {part}, got {place}")


def is_complete(errors: Mapping[str, Mapping[str, Errors]]) -> bool:
    """Whether these are all errors of a run, and it is known of which images; not so in a record of an earlier kit."""
    return set(errors) == set(PARTS[1:]) and all(
        (one.places >= 0).all() for by_set in errors.values() for one in by_set.values()
    )


def _kept_errors(path: Path) -> dict[str, dict[str, Errors]]:
    names = [field.name for field in fields(Errors)]
    if read_npz(path, (), ("clean_images",)):
        kept = read_npz(path, tuple(f"{of}_{name}" for of in SETS for name in names[:_OF_AN_EARLIER_KIT]))
        return {
            "holdout": {
                of: Errors.of_an_earlier_kit(*(kept[f"{of}_{name}"] for name in names[:_OF_AN_EARLIER_KIT]))
                for of in SETS
            }
        }
    kept = read_npz(path, tuple(f"{part}_{of}_{name}" for part in PARTS[1:] for of in SETS for name in names))
    return {part: {of: Errors(*(kept[f"{part}_{of}_{name}"] for name in names)) for of in SETS} for part in PARTS[1:]}


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


def read_network(recipe: Recipe, competition: Competition, weights: Path) -> "keras.Model":
    """The network of a recipe with the ``weights`` of a file, not compiled.

    Raises:
        KitError: they are truncated, not finite, or of another network.
    """
    from bloodcells.network.network import build_network  # imports Keras, which takes seconds

    classes = len(competition.classes)
    network = build_network(competition.image_size, recipe.working_size, classes, recipe.dropout, recipe.backbone)
    try:
        load_weights(network, weights)
    except ValueError as error:
        raise KitError(f"{weights} {error}. Train again into another folder.") from error
    return network


def load_weights(network: "keras.Model", path: Path) -> None:
    """Load a ``.weights.h5`` file into ``network``, and into its optimizer if it was compiled.

    Raises:
        ValueError: it is truncated or damaged, of another network, or holds NaN; the line goes on after its name.
    """
    import h5py  # with Keras

    try:
        with h5py.File(path) as file:
            _refuse_hollow(file, path.stat().st_size)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers that it leaves at random
            network.load_weights(path)
    except OSError as error:
        raise ValueError("cannot be read (truncated?)") from error
    except Exception as error:  # a damaged file makes HDF5 and Keras raise nearly anything
        raise ValueError(f"does not fit the network of its config.json: {printable(str(error))[:200]}") from error
    optimizer = getattr(network, "optimizer", None)
    variables = [*network.variables, *(optimizer.variables if optimizer else ())]
    if not all(np.isfinite(variable.numpy()).all() for variable in variables):
        raise ValueError("holds NaN or infinity")


def _refuse_hollow(file: Any, size: int) -> None:
    """Refuse arrays that take far more memory than the ``size`` of an HDF5 file: whoever reads them runs out of it."""
    declared = 0

    def count(name: str, item: Any) -> None:
        nonlocal declared
        declared += getattr(item, "nbytes", 0) if getattr(item, "shape", None) is not None else 0

    file.visititems(count)
    if declared > _MOST_EXPANDED * size:
        raise ValueError(f"it declares {declared:,} bytes of weights, and has {size:,}")


def checkout_commit() -> str | None:
    """The commit of the kit's checkout, ``+changes`` where it has any; None where the kit is installed without one."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # else a kit in another project's folder would take its commit
        return git("describe", "--always", "--exclude=*", "--dirty=+changes")
    except (OSError, subprocess.SubprocessError):
        return None


def _identity(config: Config) -> dict[str, Any]:
    """What must not change between the sittings of a run."""
    own = {"data_sha256": config.data_sha256, "decisions_sha256": config.decisions_sha256}
    return {**asdict(config.recipe), **own, "classes": config.competition.classes}


def _without_folder(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    return f"{option}{equals}{Path(value).name}" if expanded(value).is_absolute() else argument
