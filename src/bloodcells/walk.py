"""The stages joined: from a set of cells to a trained run folder, its evaluation and a scored submission zip.

Each function reads what the one before it wrote into the run folder; `run.Run` says what that holds.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bloodcells.cleaning import CleaningSettings, CleaningTable, examine
from bloodcells.cleaning.table import TABLE_FILES
from bloodcells.codabench.packager import MODEL, package
from bloodcells.codabench.worker import score
from bloodcells.corruption.composite import CORRUPTION_SEEDS, corrupt
from bloodcells.corruption.corruption_error import ErrorRow, balanced_error, error_row, errors_by_severity
from bloodcells.data.cells import CellSet
from bloodcells.data.splitting import PARTS, Split, split_cells
from bloodcells.decoding import decoded
from bloodcells.errors import KitError, say
from bloodcells.files import claim
from bloodcells.lock import lock_in, sole_writer
from bloodcells.measuring.evaluation import accuracy_by_corruption, evaluate
from bloodcells.measuring.explanation import errors_of
from bloodcells.measuring.gate import choose_gate, gate_effect, gated
from bloodcells.measuring.temperature import choose_temperature, temperature_effect
from bloodcells.network.inference import TTA_VIEWS, Network, predict_probabilities
from bloodcells.progress import Show, progress_bars
from bloodcells.recipe import Recipe
from bloodcells.run import (
    IN_ONE_GO,
    CleaningCounts,
    Config,
    Epoch,
    Gate,
    Measurement,
    MedmnistC,
    Metrics,
    Run,
    Sitting,
    Summary,
    Temperature,
    metrics_by_set,
)
from bloodcells.shipped import shipped

SPLIT_SEED = 0
"""One split for all runs: a hold-out that moved with a run's seed would end up in another run's training."""

STEPS = ("clean and split", "train", "evaluate", "package and score", "report")
"""Of `walk`, and after it the page, which the command line draws."""

ZIP_TOLERANCE = 0.001
"""Share of the hold-out by which the zip's score may differ from the evaluation's: its backend computes the same in
another order, so that an image of which two classes are equally probable to the fifth digit can change its label."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The kept cells of a source, in three disjoint parts."""

    train: CellSet
    validation: CellSet
    holdout: CellSet
    _sets: dict[str, dict[str, CellSet]] = field(default_factory=dict, init=False)

    def sets(self, part: str) -> dict[str, CellSet]:
        """By set, the cells of a ``part`` in `CORRUPTION_SEEDS` as they are and under its frozen corruption."""
        if part not in self._sets:
            cells = getattr(self, part)
            self._sets[part] = {"clean": cells, "composite": corrupt(cells, CORRUPTION_SEEDS[part])}
        return self._sets[part]


def clean(
    cells: CellSet,
    folder: Path,
    settings: CleaningSettings,
    init: str | None = None,
    progress: Show | None = None,
    backbone: str = Recipe.backbone,
) -> CleaningTable:
    """Examine ``cells`` and write the decisions into ``folder``; with ``init``, the labels are examined too.

    ``init``, ``progress`` and ``backbone`` are those of `suspicion.examine_labels`. The decisions are written before
    the labels are looked at.

    Raises:
        KitError: too much is removed, ``folder`` holds decisions that the kit has not made, or what
            `suspicion.examine_labels` raises.
    """
    claim(folder, TABLE_FILES)
    table = examine(cells, settings, progress)
    table.write(folder)
    if init is not None:
        from bloodcells.cleaning.suspicion import examine_labels  # imports TensorFlow, which takes seconds

        table = examine_labels(cells, table, init, progress, backbone)
        table.write(folder)
    return table


def prepare(cells: CellSet, folder: Path, settings: CleaningSettings) -> Parts:
    """Clean and split ``cells``; write the decisions and the split into a run ``folder``.

    Raises:
        KitError: too much is removed, a class has too few pictures to split, the run was trained on other cells or with
            other decisions of a person, or the folder holds files of somebody else; nothing is written then.
    """
    run = Run(folder)
    begun = run.holds(Config)
    if begun:
        _refuse_other_decisions(run, settings)
    with progress_bars() as progress:
        table = examine(cells, settings, progress)
    cells = replace(cells, labels=table.label)
    split = split_cells(table.label[table.kept], table.cluster[table.kept], cells.competition.classes, SPLIT_SEED)
    in_source = Split(*(table.kept[getattr(split, part)] for part in PARTS))
    parts = _parts(cells, in_source)
    if begun:
        _refuse_other_cells(parts, run, cells)
    else:
        run.claim()
        claim(run.cleaning, TABLE_FILES)
    if table.decisions or not begun:
        run.write_decisions(table.decisions)
    table.write(run.cleaning)
    run.write_split(in_source)
    _say_lone_junk(cells, table)
    return parts


def _say_lone_junk(cells: CellSet, table: CleaningTable) -> None:
    lone = table.lone_junk.tolist()
    if lone:
        more = f" and {len(lone) - 5} more" if len(lone) > 5 else ""
        named = ", ".join(cells.name_of(index) for index in lone[:5]) + more
        say(f"{len(lone)} odd pictures without copies are dropped as junk: {named}. --keep-lone keeps them.")


def parts_of(folder: Path, cells: CellSet) -> Parts:
    """The parts of a run that was prepared before, from the cells of its source, with the labels that it learned.

    Raises:
        KitError: ``cells`` are not those of the run.
    """
    run = Run(folder)
    split = run.read_split()
    last = max(int(getattr(split, part).max(initial=0)) for part in PARTS)
    if last >= len(cells):
        raise KitError(
            f"{cells.origin} is not what {folder} was trained on: expected more than {last} images, got {len(cells)}. "
            "Give the same --data."
        )
    parts = _parts(run.decisions.relabelled(cells) if run.decisions else cells, split)
    _refuse_other_cells(parts, run, cells)
    return parts


def fit(
    parts: Parts,
    recipe: Recipe,
    folder: Path,
    sitting: Sitting = IN_ONE_GO,
) -> None:
    """Train, or go on training, in ``folder``; both validation sets are measured with every checkpoint.

    Raises:
        KitError: ``model.py`` is not there for the zip, which is found before the training and not after it, another
            process writes to the folder, or what `loop.train` raises.
    """
    from bloodcells.training.loop import train  # imports TensorFlow, which takes seconds

    shipped(MODEL)
    recipe = recipe.fitted_to(len(parts.train))
    with sole_writer(lock_in(folder)):
        train(parts.train, parts.sets("validation"), recipe, folder, sitting)


def measure(folder: Path, parts: Parts, tta_level: int) -> tuple[Measurement, ...]:
    """Evaluate validation and hold-out, clean and corrupted, without views and at ``tta_level`` with gated views.

    The gate and the temperature are chosen on the validation cells. What was measured at other levels stays. The
    errors that are kept are those at ``tta_level``, unless the run's zip has another.

    Returns:
        All that was measured of the run.
    """
    run = Run(folder)
    network = run.network()
    found = evaluated(network, parts, tta_level)
    if found.gate:
        run.add(found.gate)
    run.add(*found.temperatures)
    if not run.holds(Summary) or run.read(Summary).views == TTA_VIEWS[tta_level]:
        run.write_errors({
            part: {
                name: errors_of(network, cells, found.submitted[part, name], parts.sets(part)["clean"])
                for name, cells in parts.sets(part).items()
            }
            for part in CORRUPTION_SEEDS
        })  # fmt: skip
    return run.add(*found.rows)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `measure` finds.

    Attributes:
        rows: the metrics of every part and set, on single views and at the level.
        gate: the gate of the level; None where it has no further views.
        temperatures: of single views and of the level.
        submitted: by part and set the probabilities that a zip of the level gives, (N, C).
    """

    rows: tuple[Measurement, ...]
    gate: Gate | None
    temperatures: tuple[Temperature, ...]
    submitted: Mapping[tuple[str, str], np.ndarray]


def evaluated(network: Network, parts: Parts, tta_level: int) -> Evaluation:
    """Measure a network, or an ensemble, as `measure` does, and record nothing."""
    sets = {(part, name): cells for part in CORRUPTION_SEEDS for name, cells in parts.sets(part).items()}
    first = _predicted(network, sets, 0)
    rows = [_measured(key, cells, 1, first[key]) for key, cells in sets.items()]
    temperature = _temperature(rows, sets, first)
    if not tta_level:
        return Evaluation(tuple(rows), None, (temperature,), first)
    views, all_views = TTA_VIEWS[tta_level], _predicted(network, sets, tta_level)
    gate = max(choose_gate(first[key], all_views[key]) for key in sets if key[0] == "validation")
    submitted = {key: gated(first[key], all_views[key], gate) for key in sets}
    gated_rows = [_measured(key, cells, views, submitted[key]) for key, cells in sets.items()]
    effects = [
        gate_effect(row, cells.labels, first[key], all_views[key], gate)
        for row, (key, cells) in zip(gated_rows, sets.items(), strict=True)
    ]
    temperatures = temperature, _temperature(gated_rows, sets, submitted)
    return Evaluation((*rows, *gated_rows), Gate(views, gate, tuple(effects)), temperatures, submitted)


def _temperature(
    rows: Sequence[Measurement],
    sets: Mapping[tuple[str, str], CellSet],
    probabilities: Mapping[tuple[str, str], np.ndarray],
) -> Temperature:
    """Chosen on the validation cells, clean and corrupted together."""
    validation = [key for key in sets if key[0] == "validation"]
    labels = np.concatenate([sets[key].labels for key in validation])
    temperature = choose_temperature(labels, np.concatenate([probabilities[key] for key in validation]))
    effects = [
        temperature_effect(row, cells.labels, probabilities[key], temperature)
        for row, (key, cells) in zip(rows, sets.items(), strict=True)
    ]
    return Temperature(rows[0].views, temperature, tuple(effects))


def _predicted(
    network: Network, sets: Mapping[tuple[str, str], CellSet], tta_level: int
) -> dict[tuple[str, str], np.ndarray]:
    probabilities = {}
    with progress_bars() as show:
        for place, (key, cells) in enumerate(sets.items(), start=1):
            probabilities[key] = predict_probabilities(network, cells.images, tta_level)
            show(f"measuring over {TTA_VIEWS[tta_level]} view(s)", place, len(sets), " ".join(key))
    return probabilities


def measure_medmnist_c(folder: Path, parts: Parts, images: int) -> ErrorRow:
    """Measure MedMNIST-C on single views of the first ``images`` hold-out cells, and record it.

    Returns:
        The row to put beside the published ones.
    """
    run = Run(folder)
    network = run.network()
    cells = parts.holdout.take(np.arange(min(images, len(parts.holdout))))

    def predicted(cells: CellSet) -> np.ndarray:
        return predict_probabilities(network, cells.images).argmax(axis=1)

    clean = balanced_error(cells, predicted(cells))
    errors, accuracy = errors_by_severity(predicted, cells, CORRUPTION_SEEDS["holdout"])
    run.write(MedmnistC(len(cells), accuracy, clean, {name: tuple(own) for name, own in errors.items()}))
    return error_row(run.name, clean, errors)


def submit(folder: Path, parts: Parts, tta_level: int) -> dict[str, dict[str, float]]:
    """Package the run and score that very zip on the clean and on the corrupted hold-out.

    Returns:
        The leaderboard's columns by set.

    Raises:
        KitError: the run was not evaluated at ``tta_level``, or the zip is refused, fails, or does not score what the
            evaluation measured in this process, but for `ZIP_TOLERANCE`.
    """
    run = Run(folder)
    measured = metrics_by_set(run.rows(Measurement), "holdout", TTA_VIEWS[tta_level])
    package(folder, run.submission, tta_level, force=True)
    return score_holdout(run.submission, parts, measured, run.score)


def score_holdout(
    zip_path: Path, parts: Parts, measured: Mapping[str, Metrics], work: Callable[[str], Path]
) -> dict[str, dict[str, float]]:
    """Score a zip on the clean and on the corrupted hold-out, each in the folder that ``work`` gives for it.

    Returns:
        The leaderboard's columns by set.

    Raises:
        KitError: the zip fails, or does not score what was ``measured`` in this process, but for `ZIP_TOLERANCE`.
    """
    scores = {}
    for name, cells in parts.sets("holdout").items():
        scores[name] = score(zip_path, cells, work(name), checks=False)
        expected = measured[name].accuracy
        surplus = round((scores[name]["accuracy"] - expected) * len(cells))
        if abs(surplus) > max(1, ZIP_TOLERANCE * len(cells)):
            raise KitError(
                f"the zip does not score what the network scores: expected accuracy {expected:.4f} on the {name} "
                f"hold-out, got {scores[name]['accuracy']:.4f}. Do not upload it."
            )
        if surplus:
            say(f"the zip's backend gets {surplus:+d} of {len(cells)} labels right on the {name} hold-out, against "
                  "the evaluation in this process")  # fmt: skip
    return scores


def walk(
    cells: CellSet,
    recipe: Recipe,
    tta_level: int,
    folder: Path,
    settings: CleaningSettings,
    sitting: Sitting = IN_ONE_GO,
) -> Summary:
    """All stages, from ``cells`` to a scored zip in ``folder``, trained as `fit` does; return what it records."""
    run, seconds = Run(folder), dict[str, float]()

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        say_step(stage)
        began = time.perf_counter()
        yield
        seconds[stage] = round(time.perf_counter() - began, 1)

    with timed("clean and split"):
        parts = prepare(cells, folder, settings)
    sizes = {part: len(getattr(parts, part)) for part in PARTS}
    counts = run.read(CleaningCounts)
    say(str(counts), "Split into " + ", ".join(f"{size:,} {part}" for part, size in sizes.items()) + " cells.")
    with timed("train"):
        fit(parts, recipe, folder, sitting)
    seconds["train"] = max(seconds["train"], round(sum(epoch.seconds for epoch in run.rows(Epoch)), 1))
    with timed("evaluate"):
        measure(folder, parts, tta_level)
    with timed("package and score"):
        scores = submit(folder, parts, tta_level)
    summary = Summary(cells.origin, counts, sizes, TTA_VIEWS[tta_level], scores, seconds)
    run.write(summary)
    return summary


def say_step(stage: str) -> None:
    """Say that one of ``STEPS`` begins."""
    say(f"Step {STEPS.index(stage) + 1} of {len(STEPS)}: {stage}.")


def _measured(key: tuple[str, str], cells: CellSet, views: int, probabilities: np.ndarray) -> Measurement:
    metrics = evaluate(cells.labels, probabilities)
    if cells.corruptions is not None:
        labels = probabilities.argmax(axis=1)
        metrics["by_corruption"] = accuracy_by_corruption(cells.labels, labels, cells.corruptions.tolist())
    return Measurement(*key, views, decoded(metrics, Metrics), cells.sha256)


def _refuse_other_cells(parts: Parts, run: Run, cells: CellSet) -> None:
    trained_on = run.config.data_sha256
    if parts.train.sha256 != trained_on:
        raise KitError(
            f"{cells.origin} is not what {run.folder} was trained on: expected training cells with sha256 "
            f"{trained_on[:12]}, got {parts.train.sha256[:12]}. Give the same --data, or another folder with --out."
        )


def _refuse_other_decisions(run: Run, settings: CleaningSettings) -> None:
    obeyed, given = run.config.decisions_sha256, settings.decisions.sha256 if settings.decisions else None
    if obeyed != given:
        raise KitError(
            f"{run.folder} holds a run with other decisions: expected {_decisions_in_words(obeyed)}, got "
            f"{_decisions_in_words(given)}. Give the same --decisions, or another folder with --out."
        )


def _decisions_in_words(sha256: str | None) -> str:
    return f"those with sha256 {sha256[:12]}" if sha256 else "none"


def _parts(cells: CellSet, split: Split) -> Parts:
    return Parts(*(cells.take(getattr(split, part), f"{cells.origin}, {part}") for part in PARTS))
