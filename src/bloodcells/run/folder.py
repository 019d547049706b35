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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bloodcells.cleaning.decisions import Decisions, read_decisions
from bloodcells.data.splitting import Split, read_split
from bloodcells.decoding import read_as
from bloodcells.errors import KitError
from bloodcells.files import MARK, WEIGHTS, claim, read_json, read_json_lines, replacing, write_json, write_text
from bloodcells.network.inference import TTA_VIEWS, predict_probabilities, tempered
from bloodcells.run.config import Config, Environment
from bloodcells.run.errors import Errors, read_errors, write_errors
from bloodcells.run.records import CleaningCounts, Epoch, Gate, HandedOn, Measurement, MedmnistC, Summary, Temperature
from bloodcells.weights.loading import read_network

if TYPE_CHECKING:
    import keras

_SPLIT = "split.csv"
_KEPT_CHECKPOINTS = 2  # the second in case that the newest cannot be read
_CHECKPOINT = re.compile(r"epoch-(\d{4,6})\.weights\.h5")
_FILES: Mapping[type, str] = {
    Environment: "environment.json", Config: "config.json", CleaningCounts: "cleaning/cleaning.json",
    Epoch: "metrics.jsonl", Gate: "gate.json", Temperature: "temperature.json", Errors: "errors.npz",
    Measurement: "evaluation.json", MedmnistC: "medmnist_c.json", Summary: "summary.json", HandedOn: "weights.json",
}  # fmt: skip
_KEYS: Mapping[type, Callable[[Any], Any]] = {
    Epoch: attrgetter("epoch"),
    Gate: attrgetter("views"),
    Temperature: attrgetter("views"),
    Measurement: lambda row: (row.part != "validation", row.set, row.views),
}
"""Of the records of which a file holds many: what no other row has, and their order. Validation comes first."""
_DECISIONS = "decided.csv"  # not as the page calls it: somebody may save that here
_OF_THE_WEIGHTS = (Gate, Temperature, Errors, Measurement, MedmnistC, Summary)


Record = TypeVar("Record")


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

    @property
    def config(self) -> Config:
        """What the run was asked for; a KitError where none has begun."""
        return self.read(Config)

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
        if len(set(map(_KEYS[kind], rows))) < len(rows):
            raise KitError(
                f"{path} is damaged: expected each row once, got one twice. Run the step that writes it again."
            )
        return rows

    def write(self, record: Any) -> None:
        """Write a record that a file holds once."""
        write_json(self._path(type(record)), asdict(record))

    def add(self, *rows: Record) -> tuple[Record, ...]:
        """Add ``rows`` of one kind to their file, in place of those with the same keys; return all that it holds."""
        kind = type(rows[0])
        by_key = {_KEYS[kind](row): row for row in (*self.rows(kind), *rows)}
        merged = tuple(by_key[key] for key in sorted(by_key))
        self._write_rows(kind, merged)
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
        wanted, found = config.identity, self.config.identity
        for key, value in wanted.items():
            if found[key] != value:
                raise KitError(
                    f"{self.folder} holds another run: expected {key} = {value}, got {found[key]}. "
                    "Choose another folder with --out."
                )
        self.note_commands(*config.commands)

    def note_commands(self, *commands: str) -> None:
        """Record commands that went on with the run, where they are not recorded yet."""
        config = self.config
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
        config = self.config
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
        return read_errors(path, self.config.competition, self.read_split()) if path.exists() else {}

    def write_errors(self, by_part: Mapping[str, Mapping[str, Errors]]) -> None:
        """Keep the errors of each part but training, and each of ``SETS``."""
        write_errors(self._path(Errors), by_part)

    def hand_on(self, out: "Run", note: str) -> None:
        """Copy what is recorded to ``out``, without the folders of whoever ran it; ``note`` as in `Config`."""
        for kind in (Environment, Epoch, Gate, Temperature, Measurement, MedmnistC, Summary):
            if self.holds(kind):
                with replacing(out._path(kind)) as beside:
                    beside.write_bytes(self._path(kind).read_bytes())
            else:
                out._path(kind).unlink(missing_ok=True)
        config = self.config.without_folders()
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
