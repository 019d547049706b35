"""The stages joined: from a set of cells to a trained run folder, its evaluation and a scored submission zip.

Each function reads what the one before it wrote into the run folder, which then holds

    cleaning/            cleaning.csv, cleaning.json
    split.csv            index in the source, part
    config.json ...      what `training.train` writes
    evaluation.json      metrics by part, set and level of test-time augmentation
    gate.json            which images are spared further views at that level
    errors.npz           the most confident errors of the hold-out, and where the network looked
    medmnist_c.json      balanced errors under the corruptions of MedMNIST-C, where they were asked for
    submission.zip       what is uploaded
    score/<set>/         what the local worker made of that zip on the hold-out
    summary.json         the walk's figures in one place
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.cleaning import CleaningSettings, CleaningTable, examine
from bloodcells.cleaning.suspicion import examine_labels
from bloodcells.codabench.packager import MODEL, package
from bloodcells.codabench.worker import score
from bloodcells.corruption.composite import corrupt
from bloodcells.corruption.corruption_error import ErrorRow, balanced_error, error_row, errors_by_severity
from bloodcells.data.cells import CellSet
from bloodcells.data.splitting import PARTS, Split, read_split, split_cells
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_json
from bloodcells.measuring.evaluation import accuracy_by_corruption, evaluate
from bloodcells.measuring.explanation import confident_errors, write_errors
from bloodcells.measuring.gate import choose_gate, gate_effect, gated, write_gate
from bloodcells.network.inference import predict_probabilities
from bloodcells.recipe import TrainingConfig
from bloodcells.shipped import shipped
from bloodcells.training.loop import load_network, train

SPLIT_SEED = 0
"""One split for all runs: a hold-out that moved with a run's seed would end up in another run's training."""

CORRUPTION_SEEDS = {"validation": 1, "holdout": 2}
"""The composite corruption of each part is frozen: the same for every run on the same cells."""

ZIP_TOLERANCE = 0.001
"""Share of the hold-out by which the zip's score may differ from the evaluation's: its backend computes the same in
another order, so that an image of which two classes are equally probable to the fifth digit can change its label."""


@dataclass(frozen=True)
class Parts:
    """The kept cells of a source, in three disjoint parts."""

    train: CellSet
    validation: CellSet
    holdout: CellSet


def clean(
    cells: CellSet,
    folder: Path,
    settings: CleaningSettings,
    init: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> CleaningTable:
    """Examine ``cells`` and write the decisions into ``folder``; with ``init``, the labels are examined too.

    ``init`` and ``progress`` are those of `suspicion.examine_labels`. The decisions are written before the labels are
    looked at.

    Raises:
        KitError: too much is removed, or what `suspicion.examine_labels` raises.
    """
    table = examine(cells, settings, progress)
    table.write(folder)
    if init is not None:
        table = examine_labels(cells, table, init, progress)
        table.write(folder)
    return table


def prepare(cells: CellSet, run: Path, settings: CleaningSettings) -> Parts:
    """Clean and split ``cells``; write ``cleaning/`` and ``split.csv`` into ``run``.

    Raises:
        KitError: too much is removed, a class has too few pictures to split, or ``run`` was trained on other cells;
            nothing is written then.
    """
    table = examine(cells, settings)
    split = split_cells(table.label[table.kept], table.cluster[table.kept], cells.competition.classes, SPLIT_SEED)
    in_source = Split(*(table.kept[getattr(split, part)] for part in PARTS))
    parts = _parts(cells, in_source)
    if (run / "config.json").exists():
        _refuse_other_cells(parts, run, cells)
    table.write(run / "cleaning")
    in_source.write(run / "split.csv")
    return parts


def parts_of(run: Path, cells: CellSet) -> Parts:
    """The parts of a run that was prepared before, from the cells of its source.

    Raises:
        KitError: ``cells`` are not those of the run.
    """
    parts = _parts(cells, read_split(run / "split.csv"))
    _refuse_other_cells(parts, run, cells)
    return parts


def clean_and_composite(parts: Parts, part: str) -> dict[str, CellSet]:
    """The cells of a ``part`` in `CORRUPTION_SEEDS` as they are and under its frozen composite corruption, by set."""
    cells = getattr(parts, part)
    return {"clean": cells, "composite": corrupt(cells, CORRUPTION_SEEDS[part])}


def fit(parts: Parts, config: TrainingConfig, run: Path, devices: int = 1) -> None:
    """Train, or go on training, in ``run``; the clean and the corrupted validation set are measured every epoch.

    Raises:
        KitError: ``model.py`` is not there for the zip, which is found before the training and not after it, or what
            `loop.train` raises.
    """
    shipped(MODEL)
    train(parts.train, clean_and_composite(parts, "validation"), config, run, devices)


def measure(run: Path, parts: Parts, tta_level: int) -> dict[str, Any]:
    """Evaluate validation and hold-out, clean and corrupted, without views and at ``tta_level`` with gated views.

    Writes ``gate.json``, with the gate chosen on the validation cells, and writes and returns ``evaluation.json``:
    part -> set -> ``tta0`` .. -> the metrics of `evaluation.evaluate`, on corrupted sets with ``by_corruption``. Writes
    ``errors.npz`` too.
    """
    network = load_network(run)
    sets = {part: clean_and_composite(parts, part) for part in CORRUPTION_SEEDS}

    def predicted(level: int) -> dict[str, dict[str, np.ndarray]]:
        return {
            part: {name: predict_probabilities(network, cells.images, level) for name, cells in named.items()}
            for part, named in sets.items()
        }

    first = predicted(0)
    result: dict[str, Any] = {
        part: {name: {"tta0": _evaluated(cells, first[part][name])} for name, cells in named.items()}
        for part, named in sets.items()
    }
    submitted = first["holdout"]
    if tta_level:
        views = predicted(tta_level)
        gate = max(choose_gate(first["validation"][name], views["validation"][name]) for name in sets["validation"])
        effects: dict[str, Any] = {part: {} for part in sets}
        for part, named in sets.items():
            for name, cells in named.items():
                pair = first[part][name], views[part][name]
                result[part][name][f"tta{tta_level}"] = _evaluated(cells, gated(*pair, gate))
                effects[part][name] = gate_effect(cells.labels, *pair, gate, tta_level)
        write_gate(run, tta_level, gate, effects)
        submitted = {name: gated(first["holdout"][name], views["holdout"][name], gate) for name in submitted}
    errors = {name: confident_errors(network, cells, submitted[name]) for name, cells in sets["holdout"].items()}
    write_errors(run, errors)
    write_json(run / "evaluation.json", result)
    return result


def measure_medmnist_c(run: Path, parts: Parts, images: int) -> ErrorRow:
    """Measure MedMNIST-C on single views of the first ``images`` hold-out cells; write ``medmnist_c.json``.

    Returns:
        The row to put beside the published ones.
    """
    network = load_network(run)
    cells = parts.holdout.take(np.arange(min(images, len(parts.holdout))))

    def predicted(cells: CellSet) -> np.ndarray:
        return predict_probabilities(network, cells.images).argmax(axis=1)

    clean = balanced_error(cells, predicted(cells))
    errors, accuracy = errors_by_severity(predicted, cells, CORRUPTION_SEEDS["holdout"])
    write_json(
        run / "medmnist_c.json",
        {"images": len(cells), "accuracy": accuracy, "balanced_error": {"clean": clean, "medmnist_c": errors}},
    )
    return error_row(run.resolve().name, clean, errors)


def submit(run: Path, parts: Parts, tta_level: int) -> dict[str, dict[str, float]]:
    """Package the run and score that very zip on the clean and on the corrupted hold-out.

    Returns:
        The leaderboard's columns by set.

    Raises:
        KitError: the zip is refused, fails, or does not score what the evaluation measured in this process, but for
            `ZIP_TOLERANCE`.
    """
    zip_path = run / "submission.zip"
    package(run, zip_path, tta_level, force=True)
    evaluation = read_json(run / "evaluation.json")["holdout"]
    scores = {}
    for name, cells in clean_and_composite(parts, "holdout").items():
        scores[name] = score(zip_path, cells, run / "score" / name, checks=False)
        measured = evaluation[name][f"tta{tta_level}"]["accuracy"]
        surplus = round((scores[name]["accuracy"] - measured) * len(cells))
        if abs(surplus) > max(1, ZIP_TOLERANCE * len(cells)):
            raise KitError(
                f"the zip scores otherwise than the network: expected accuracy {measured:.4f} on the {name} hold-out, "
                f"got {scores[name]['accuracy']:.4f}. Do not upload it."
            )
        if surplus:
            print(f"the zip's backend gets {surplus:+d} of {len(cells)} labels right on the {name} hold-out, against "
                  "the evaluation in this process")  # fmt: skip
    return scores


def walk(
    cells: CellSet,
    config: TrainingConfig,
    tta_level: int,
    run: Path,
    settings: CleaningSettings,
    devices: int = 1,
) -> dict[str, Any]:
    """All stages, from ``cells`` to a scored zip in ``run``, trained on ``devices``.

    Returns:
        What ``summary.json`` holds: the cleaning's counts, the sizes of the parts, the accuracy by part and set at
        ``tta_level``, the zip's scores, and the seconds of each stage.
    """
    seconds: dict[str, float] = {}

    def timed(stage: str, began: float) -> None:
        seconds[stage] = round(time.perf_counter() - began, 1)

    began = time.perf_counter()
    parts = prepare(cells, run, settings)
    timed("clean and split", began)
    print(
        f"{len(cells)} images, kept: {', '.join(f'{len(getattr(parts, part))} {part}' for part in PARTS)}", flush=True
    )
    began = time.perf_counter()
    fit(parts, config, run, devices)
    timed("train", began)
    began = time.perf_counter()
    evaluation = measure(run, parts, tta_level)
    timed("evaluate", began)
    began = time.perf_counter()
    scores = submit(run, parts, tta_level)
    timed("package and score", began)
    summary = {
        "cells": cells.origin,
        "cleaning": read_json(run / "cleaning" / "cleaning.json"),
        "parts": {part: len(getattr(parts, part)) for part in PARTS},
        "tta_level": tta_level,
        "accuracy": {
            part: {name: levels[f"tta{tta_level}"]["accuracy"] for name, levels in sets.items()}
            for part, sets in evaluation.items()
        },
        "scores": scores,
        "seconds": seconds,
    }
    write_json(run / "summary.json", summary)
    return summary


def _evaluated(cells: CellSet, probabilities: np.ndarray) -> dict[str, object]:
    metrics = evaluate(cells.labels, probabilities)
    if cells.corruptions is None:
        return metrics
    found = accuracy_by_corruption(cells.labels, probabilities.argmax(axis=1), cells.corruptions.tolist())
    return {**metrics, "by_corruption": {name: list(figures) for name, figures in found.items()}}


def _refuse_other_cells(parts: Parts, run: Path, cells: CellSet) -> None:
    trained_on = read_json(run / "config.json")["data_sha256"]
    if parts.train.sha256 != trained_on:
        raise KitError(
            f"{cells.origin} is not what {run} was trained on: expected training cells with sha256 {trained_on[:12]}, "
            f"got {parts.train.sha256[:12]}. Give the same --data, or another folder with --out."
        )


def _parts(cells: CellSet, split: Split) -> Parts:
    return Parts(*(cells.take(getattr(split, part), f"{cells.origin}, {part}") for part in PARTS))
