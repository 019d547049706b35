"""Several runs made into one submission: measured together, packed, and that very zip scored."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bloodcells import __version__
from bloodcells.codabench.packager import PackageSummary, package_ensemble, refuse_unequal
from bloodcells.data.cells import CellSet
from bloodcells.data.splitting import PARTS
from bloodcells.decoding import Amount, Count, decoded, read_as
from bloodcells.environment import checkout_commit, describe_environment
from bloodcells.errors import KitError, say
from bloodcells.files import read_json, refuse_to_overwrite, sha256_of, write_json
from bloodcells.network.ensemble import Ensemble
from bloodcells.network.inference import TTA_VIEWS
from bloodcells.run import (
    Environment,
    Gate,
    Measurement,
    Metrics,
    Run,
    Temperature,
    metrics_by_set,
)
from bloodcells.run.config import without_folders
from bloodcells.training.start import KIT
from bloodcells.walk import Evaluation, Parts, evaluated, parts_of, score_holdout


@dataclass(frozen=True)
class Member:
    """One network of an ensemble.

    Attributes:
        run: the name of its folder; ``kit`` for the weights that come with the kit.
        recipe_name: what the user called its recipe.
        seed: of its training.
        policy: the augmentation of its last phase.
        init: where its weights started; a file by its name.
        backbone: a name of `network.BACKBONES`.
        weights_sha256: the SHA-256 of its weights.
    """

    run: str
    recipe_name: str | None
    seed: int
    policy: str
    init: str
    backbone: str
    weights_sha256: str


@dataclass(frozen=True)
class EnsembleRecord:
    """What is written beside the zip of an ensemble.

    Attributes:
        command: the command line, without the folders of whoever typed it; None where Python was called.
        commit: the commit of the kit's checkout, ``+changes`` where it had any; None outside of one.
        version: of the kit.
        members: its networks.
        environment: versions and hardware.
        images: how many cells each part has.
        views: how many of an image the zip takes at most.
        measurements: of the mean of the probabilities, by part, set and number of views.
        gate: which images are spared the further views; None where there are none.
        temperature: what the probabilities of the zip are made sure by.
        zip_bytes: the size of the zip.
        zip_sha256: its SHA-256.
        projected_seconds: what the hidden set would take on this machine.
        scores: the leaderboard's columns that the zip got on the hold-out, by set.
        seconds: what measuring, packing and scoring took.
    """

    command: str | None
    commit: str | None
    version: str
    members: tuple[Member, ...]
    environment: Environment
    images: Mapping[str, Count]
    views: int
    measurements: tuple[Measurement, ...]
    gate: Gate | None
    temperature: Temperature
    zip_bytes: Count
    zip_sha256: str
    projected_seconds: Amount
    scores: Mapping[str, Mapping[str, Amount]]
    seconds: Amount

    @property
    def holdout(self) -> dict[str, Metrics]:
        """The metrics of the hold-out by set, with as many views as the zip takes."""
        return metrics_by_set(self.measurements, "holdout", self.views)


def read_ensemble(path: Path) -> EnsembleRecord:
    """The record beside the zip of an ensemble.

    Raises:
        KitError: it is missing or damaged.
    """
    record: EnsembleRecord = read_as(EnsembleRecord, read_json(path), path)
    return record


def make_ensemble(
    folders: Sequence[Path],
    cells: CellSet,
    out: Path,
    tta_level: int,
    force: bool = False,
    backend: str = "tflite",
    command: str | None = None,
) -> tuple[PackageSummary, EnsembleRecord]:
    """Write one zip of several runs, score that zip on the hold-out that they share, and record it beside the zip.

    The gate and the temperature are chosen for the mean of the probabilities, on the validation cells.

    Args:
        folders: the folders of the runs, trained to their ends, or published weights.
        cells: the source of the runs.
        out: the zip to write; its record is the ``.json`` of that name.
        tta_level: 0 none, 1 the four rotations, 2 the eight dihedral views.
        force: replace ``out`` and its record if they exist.
        backend: as `packager.package` takes it.
        command: what the user typed.

    Raises:
        KitError: the zip or another file by the name of the record exists, ``cells`` are not those of a run, no run has
            a split, the zip does not score what was measured, or what `packager.package_ensemble` raises.
    """
    record = out.with_suffix(".json")
    _refuse_to_replace(out, record, force)
    refuse_unequal(folders)
    began = time.perf_counter()
    parts = shared_parts(folders, cells)
    found = measure_ensemble(folders, parts, tta_level)
    gate, temperature = found.gate, found.temperatures[-1]
    summary = package_ensemble(
        folders, out, tta_level, force, backend, gate.gate if gate else None, temperature.temperature
    )
    views = TTA_VIEWS[tta_level]
    with tempfile.TemporaryDirectory() as work:
        scores = score_holdout(out, parts, metrics_by_set(found.rows, "holdout", views), Path(work).joinpath)
    written = EnsembleRecord(
        command=command and without_folders(command),
        commit=checkout_commit(),
        version=__version__,
        members=tuple(_member(Run(folder)) for folder in folders),
        environment=decoded(describe_environment(), Environment),
        images={part: len(getattr(parts, part)) for part in PARTS},
        views=views,
        measurements=found.rows,
        gate=gate,
        temperature=temperature,
        zip_bytes=summary.bytes,
        zip_sha256=summary.sha256,
        projected_seconds=summary.projected_seconds,
        scores=scores,
        seconds=round(time.perf_counter() - began, 1),
    )
    write_json(record, asdict(written))
    return summary, written


def shared_parts(folders: Sequence[Path], cells: CellSet) -> Parts:
    """The parts that the runs share. Published weights have no split and so no say in it.

    Where such weights come from other training cells, a line says that they may know what is measured.

    Raises:
        KitError: ``cells`` are not those of a run, or no run has a split.
    """
    runs = [Run(folder) for folder in folders]
    shared = [parts_of(run.folder, cells) for run in runs if run.is_split]
    if not shared:
        raise KitError(f"no split: expected one in {' or '.join(map(str, folders))}, got none. Leave out --data.")
    for run in runs:
        if run.config.data_sha256 != shared[0].train.sha256:
            say(f"{run.folder} comes from other training cells: some of what is measured may be among them.")
    return shared[0]


def measure_ensemble(folders: Sequence[Path], parts: Parts, tta_level: int) -> Evaluation:
    """Measure the mean of the probabilities of several runs on validation and hold-out cells, and record nothing."""
    return evaluated(Ensemble([Run(folder).network() for folder in folders]), parts, tta_level)


def _member(run: Run) -> Member:
    config = run.config.without_folders()
    recipe = config.recipe
    name = "kit" if run.folder == KIT else run.name
    return Member(
        name, config.recipe_name, recipe.seed, recipe.policy, recipe.init, recipe.backbone, sha256_of(run.weights)
    )


def _refuse_to_replace(out: Path, record: Path, force: bool) -> None:
    refuse_to_overwrite(out, force)
    if out == record:
        raise KitError(f"--out: expected a name that ends in .zip, got {out}. Choose such a name.")
    if not record.exists():
        return
    try:
        read_ensemble(record)
    except KitError as error:
        raise KitError(f"{record} is no record of an ensemble, and would be replaced. Choose another --out.") from error
    refuse_to_overwrite(record, force)
