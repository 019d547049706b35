"""The stages joined: from a set of cells to a trained run folder, its evaluation and a scored submission zip.

Each function reads what the one before it wrote into the run folder, which then holds

    cleaning/            cleaning.csv, cleaning.json
    split.csv            index in the source, part
    config.json ...      what `training.train` writes
    evaluation.json      metrics by part, set and level of test-time augmentation
    submission.zip       what is uploaded
    score/<set>/         what the local worker made of that zip on the hold-out
    summary.json         the walk's figures in one place
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bloodcells.cells import CellSet
from bloodcells.cleaning import CleaningSettings, CleaningTable, examine
from bloodcells.codabench.packager import package
from bloodcells.codabench.worker import score
from bloodcells.config import TrainingConfig
from bloodcells.corruption.composite import corrupt
from bloodcells.errors import KitError
from bloodcells.evaluation import evaluate
from bloodcells.files import read_json, write_json
from bloodcells.inference import predict_probabilities
from bloodcells.splitting import PARTS, Split, read_split, split_cells
from bloodcells.training import load_network, train

SPLIT_SEED = 0
"""One split for all runs: a hold-out that moved with a run's seed would end up in another run's training."""

CORRUPTION_SEEDS = {"validation": 1, "holdout": 2}
"""The composite corruption of each part is frozen: the same for every run on the same cells."""


@dataclass(frozen=True)
class Parts:
    """The kept cells of a source, in three disjoint parts."""

    train: CellSet
    validation: CellSet
    holdout: CellSet


def clean(cells: CellSet, folder: Path, settings: CleaningSettings) -> CleaningTable:
    """Examine ``cells`` and write the decisions into ``folder``."""
    table = examine(cells, settings)
    table.write(folder)
    return table


def prepare(cells: CellSet, run: Path, settings: CleaningSettings) -> Parts:
    """Clean and split ``cells``; write ``cleaning/`` and ``split.csv`` into ``run``."""
    table = clean(cells, run / "cleaning", settings)
    split = split_cells(table.label[table.kept], table.cluster[table.kept], SPLIT_SEED)
    in_source = Split(*(table.kept[getattr(split, part)] for part in PARTS))
    in_source.write(run / "split.csv")
    return _parts(cells, in_source)


def parts_of(run: Path, cells: CellSet) -> Parts:
    """The parts of a run that was prepared before, from the cells of its source.

    Raises:
        KitError: ``cells`` are not those of the run.
    """
    parts = _parts(cells, read_split(run / "split.csv"))
    trained_on = read_json(run / "config.json")["data_sha256"]
    if parts.train.sha256 != trained_on:
        raise KitError(
            f"{cells.origin} is not what {run} was trained on: expected training cells with sha256 {trained_on[:12]}, "
            f"got {parts.train.sha256[:12]}. Give the same --data."
        )
    return parts


def fit(parts: Parts, config: TrainingConfig, run: Path) -> None:
    """Train, or go on training, in ``run``; the clean and the corrupted validation set are measured every epoch."""
    train(parts.train, _clean_and_composite(parts, "validation"), config, run)


def measure(run: Path, parts: Parts, tta_level: int) -> dict[str, Any]:
    """Evaluate validation and hold-out, clean and corrupted, without views and at ``tta_level``.

    Writes and returns ``evaluation.json``: part -> set -> ``tta0`` .. -> the metrics of `evaluation.evaluate`.
    """
    network = load_network(run)
    levels = sorted({0, tta_level})
    result = {
        part: {
            name: {
                f"tta{level}": evaluate(cells.labels, predict_probabilities(network, cells.images, level))
                for level in levels
            }
            for name, cells in _clean_and_composite(parts, part).items()
        }
        for part in CORRUPTION_SEEDS
    }
    write_json(run / "evaluation.json", result)
    return result


def submit(run: Path, parts: Parts, tta_level: int, submission: Path) -> dict[str, dict[str, float]]:
    """Package the run and score that very zip on the clean and on the corrupted hold-out.

    Returns:
        The leaderboard's columns by set.

    Raises:
        KitError: the zip is refused, fails, or does not score what the evaluation measured in this process.
    """
    zip_path = run / "submission.zip"
    package(run, zip_path, submission, tta_level, force=True)
    evaluation = read_json(run / "evaluation.json")["holdout"]
    scores = {}
    for name, cells in _clean_and_composite(parts, "holdout").items():
        scores[name] = score(zip_path, cells, run / "score" / name, checks=False)
        measured = evaluation[name][f"tta{tta_level}"]["accuracy"]
        if not np.isclose(scores[name]["accuracy"], measured, atol=1e-9):
            raise KitError(
                f"the zip scores otherwise than the network: expected accuracy {measured:.4f} on the {name} hold-out, "
                f"got {scores[name]['accuracy']:.4f}. Do not upload it."
            )
    return scores


def walk(
    cells: CellSet, config: TrainingConfig, tta_level: int, submission: Path, run: Path, settings: CleaningSettings
) -> dict[str, Any]:
    """All stages, from ``cells`` to a scored zip in ``run``.

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
    fit(parts, config, run)
    timed("train", began)
    began = time.perf_counter()
    evaluation = measure(run, parts, tta_level)
    timed("evaluate", began)
    began = time.perf_counter()
    scores = submit(run, parts, tta_level, submission)
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


def _parts(cells: CellSet, split: Split) -> Parts:
    return Parts(*(cells.take(getattr(split, part), f"{cells.origin}, {part}") for part in PARTS))


def _clean_and_composite(parts: Parts, part: str) -> dict[str, CellSet]:
    cells = getattr(parts, part)
    return {"clean": cells, "composite": corrupt(cells, CORRUPTION_SEEDS[part])}
