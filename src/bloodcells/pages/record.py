"""The record of a published run: everything its page says, and nothing of its weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bloodcells.data.splitting import PARTS
from bloodcells.decoding import read_as
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_json
from bloodcells.run import (
    SETS,
    Config,
    Environment,
    Epoch,
    Measurement,
    Metrics,
    Run,
    Summary,
    Temperature,
    metrics_by_set,
)

_FILE = "record.json"
SHOWN = 8
"""Errors of each set of the hold-out on the sheet of a page."""


@dataclass(frozen=True)
class RunRecord:
    """A complete run in one file, ``record.json``. Its page and its figures are drawn from it alone.

    Attributes:
        run: name of its folder.
        config: without the folders of whoever ran it.
        environment: versions and hardware.
        summary: what the walk made.
        errors: how many are shown of each set.
        measurements: the metrics by part, set and number of views.
        epochs: all of them.
        temperatures: by number of views; empty where none was chosen.
    """

    run: str
    config: Config
    environment: Environment
    summary: Summary
    errors: Mapping[str, int]
    measurements: tuple[Measurement, ...]
    epochs: tuple[Epoch, ...]
    temperatures: tuple[Temperature, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together, and a run that was not evaluated with the views of its zip."""
        wanted, classes = self.config.recipe.epochs, len(self.config.competition.classes)
        if len(self.epochs) < wanted:
            raise ValueError(f"epochs: expected {wanted} as in the recipe, got {len(self.epochs)}")
        lacking = {*PARTS} - {*self.summary.parts} or {"train"} - {*self.summary.seconds}
        columns = {*self.config.competition.leaderboard}
        if lacking or {name: {*own} for name, own in self.summary.scores.items()} != dict.fromkeys(SETS, columns):
            raise ValueError("summary: expected the sizes of all parts, the seconds and the scores, got others")
        if any(len(row.metrics.confusion) != classes for row in self.measurements):
            raise ValueError(f"measurements: expected those of {classes} classes, got others")
        for part in PARTS[1:]:
            metrics_by_set(self.measurements, part, self.summary.views)

    @property
    def holdout(self) -> dict[str, Metrics]:
        """The metrics of the hold-out by set, with as many views as the zip takes."""
        return metrics_by_set(self.measurements, "holdout", self.summary.views)

    @property
    def temperature(self) -> Temperature | None:
        """That of the zip."""
        return next((one for one in self.temperatures if one.views == self.summary.views), None)

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each stage. A run that was resumed sums up its last sitting; its epochs count them all."""
        trained = round(sum(epoch.seconds for epoch in self.epochs), 1)
        return {**self.summary.seconds, "train": max(self.summary.seconds["train"], trained)}

    def write(self, folder: Path) -> None:
        """Write it into the ``folder`` of its page."""
        write_json(folder / _FILE, asdict(self))


def run_record(folder: Path) -> RunRecord:
    """The record of a complete run folder.

    Raises:
        KitError: a file of the run is missing or damaged.
    """
    run = Run(folder)
    try:
        return RunRecord(
            run=run.name,
            config=run.read(Config).without_folders(),
            environment=run.read(Environment),
            summary=run.read(Summary),
            errors={of: min(len(errors), SHOWN) for of, errors in run.read_errors().get("holdout", {}).items()},
            measurements=run.rows(Measurement),
            epochs=run.rows(Epoch),
            temperatures=run.rows(Temperature),
        )
    except ValueError as error:
        raise KitError(f"{folder} does not hold a complete run: {error}. Run the same command again.") from error


def is_recorded(folder: Path) -> bool:
    """Whether a page of this kit lies in ``folder``: a record that can be read is beside it."""
    try:
        read_record(folder)
    except KitError:
        return False
    return True


def read_record(folder: Path) -> RunRecord:
    """The record beside a page.

    Raises:
        KitError: it is missing or damaged.
    """
    path = folder / _FILE
    record: RunRecord = read_as(RunRecord, read_json(path), path)
    return record


def read_records(reports: Path) -> dict[str, RunRecord]:
    """The records of the runs published under ``reports``, by the name of their page's folder, in order."""
    return {path.parent.name: read_record(path.parent) for path in sorted(reports.glob(f"*/{_FILE}"))}
