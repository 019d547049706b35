"""Wrong labels planted among real cells: how many of them are suspected, and how many of the suspects were planted.

    python tests/benchmarks/label_benchmark.py --data data/training_set.npz --init imagenet --json labels.json

Of the cells that the cleaning keeps, 2 in 100 get another label: any of the other seven, or the one that the features
themselves take for the next likely, as a person might. The cells are looked at once; each seed then costs two
cross-validations. Beside the kit's reading of the probabilities stand others: plain disagreement, confident learning,
and cleanlab's ``find_label_issues`` where it is installed.

Precision counts every suspect that was not planted as wrong. The labels as they came may hold errors of their own, so
it is the least that it can be.
"""

import argparse
import importlib.util
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bloodcells.cleaning import CleaningSettings, examine
from bloodcells.cleaning.labels import NOT_SUSPECTED, ODDS, suspected_labels
from bloodcells.cleaning.suspicion import FOLDS, WORKING_SIZE, out_of_fold_probabilities, pooled_features
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import CellSet, load_cells
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.environment import describe_environment
from bloodcells.files import write_json
from bloodcells.progress import progress_bars

OWN = f"bloodcells, odds of {ODDS:g}"
LAST_LAYER = ("top_activation",)
SEEDS = (0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a training set; without one, the synthetic smear")
    parser.add_argument("--init", required=True, help="imagenet, or an ImageNet-style .h5 file")
    parser.add_argument("--share", type=float, default=0.02, help="of the labels that are made wrong")
    parser.add_argument("--compare", type=int, default=0, metavar="N", help="compare other features, on N cells")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cells = load_cells(options.data, chosen_competition()) if options.data else draw_smear().cells
    kept = cells.take(examine(cells, CleaningSettings(allow_any_removal=True)).kept)
    with progress_bars() as progress:
        result = measure(kept, options.init, options.share, lambda done, total: progress("looking", done, total))
        if options.compare:
            result["features"] = compare_features(kept, options.init, options.compare)
    result["environment"] = describe_environment()
    print(summary(result))
    if options.json:
        write_json(options.json, result)


def measure(cells: CellSet, init: str, share: float, progress=None) -> dict[str, Any]:
    """The labels as they are, then with a ``share`` of them planted wrong, once for each of ``SEEDS``."""
    started = time.process_time()
    features = pooled_features(cells.images, init, progress)
    looked = time.process_time()
    alone = np.arange(len(cells))
    probabilities = out_of_fold_probabilities(features, cells.labels, alone, len(cells.competition.classes))
    predicted = time.process_time()
    given = readings(cells.labels, probabilities)
    planted = [
        _planted_seed(cells.labels, features, kind, others, share, seed)
        for kind, others in (("any class", None), ("look-alike", _next_likely(cells.labels, probabilities)))
        for seed in SEEDS
    ]
    return {
        "data": cells.origin,
        "cells": len(cells),
        "init": Path(init).name,
        "working_size": WORKING_SIZE,
        "folds": FOLDS,
        "cpu_seconds": {"looking": round(looked - started), "predicting": round(predicted - looked)},
        "accuracy": float((probabilities.argmax(axis=1) == cells.labels).mean()),
        "suspects": {name: int((found != NOT_SUSPECTED).sum()) for name, found in given.items()},
        "share": share,
        "planted": planted,
    }


def _next_likely(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(N,) int64: the likeliest class that is not the label."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(axis=1)


def _planted_seed(
    truth: np.ndarray, features: np.ndarray, kind: str, others: np.ndarray | None, share: float, seed: int
) -> dict[str, Any]:
    labels, planted = with_wrong_labels(truth, share, seed, others)
    probabilities = out_of_fold_probabilities(features, labels, np.arange(len(labels)), truth.max() + 1)
    methods = {name: planted_figures(found, planted, truth) for name, found in readings(labels, probabilities).items()}
    return {"kind": kind, "seed": seed, "planted": int(planted.sum()), "methods": methods}


def with_wrong_labels(
    labels: np.ndarray, share: float, seed: int, others: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Replace a ``share`` of the (N,) labels by those of ``others``, or by any other class.

    Returns:
        the new labels, and (N,) bool, which of them are wrong.
    """
    draw = np.random.default_rng(seed)
    planted = np.zeros(len(labels), bool)
    planted[draw.choice(len(labels), round(share * len(labels)), replace=False)] = True
    classes = labels.max() + 1  # every class occurs in a validated set
    wrong = labels.copy()
    any_other = (labels[planted] + draw.integers(1, classes, planted.sum())) % classes
    wrong[planted] = any_other if others is None else others[planted]
    return wrong, planted


def readings(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """What different rules make of the same probabilities: (N,) int64 each, another label or -1."""
    likeliest = probabilities.argmax(axis=1)
    found = {
        OWN: suspected_labels(labels, probabilities),
        "every disagreement": np.where(likeliest != labels, likeliest, NOT_SUSPECTED),
        "confident learning": confident_learning(labels, probabilities),
    }
    if importlib.util.find_spec("cleanlab"):
        from cleanlab.filter import find_label_issues  # no dependency of the kit

        issues = find_label_issues(labels, probabilities, n_jobs=1)
        found["cleanlab, default"] = np.where(issues, likeliest, NOT_SUSPECTED)
    return found


def confident_learning(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Off-diagonal images of the confident joint (Northcutt et al., JAIR 70, 2021).

    A class is claimed for an image when its probability reaches the mean that images with that label get for it.
    """
    classes = probabilities.shape[1]
    means = [probabilities[labels == label, label].mean() if (labels == label).any() else 2 for label in range(classes)]
    claimed = np.where(probabilities >= means, probabilities, 0)
    doubtful = (claimed.max(axis=1) > 0) & (claimed.argmax(axis=1) != labels)
    return np.where(doubtful, claimed.argmax(axis=1), NOT_SUSPECTED)


def planted_figures(found: np.ndarray, planted: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Recall and precision of the planted labels among the suspects, and how many get their true label back."""
    suspected = found != NOT_SUSPECTED
    both = suspected & planted
    return {
        "suspects": int(suspected.sum()),
        "recall": float(both.sum() / planted.sum()),
        "precision": float(both.sum() / max(suspected.sum(), 1)),
        "named": float((found[both] == truth[both]).mean()) if both.any() else None,
    }


def compare_features(cells: CellSet, init: str, n_cells: int) -> list[dict[str, Any]]:
    """Out-of-fold accuracy on a sample: the last layer or the taps, cells as they are or enlarged, random weights."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(cells))[:n_cells])
    sample = cells.take(chosen)
    variants = [
        (words, weights, size, taps)
        for words, weights, taps in (("last layer", init, LAST_LAYER), ("five resolutions", init, None))
        for size in (cells.competition.image_size, WORKING_SIZE)
    ]
    variants.append(("five resolutions, random weights", "scratch", WORKING_SIZE, None))
    rows = []
    for words, weights, size, taps in variants:
        keras.utils.set_random_seed(0)
        started = time.process_time()
        features = pooled_features(sample.images, weights, working_size=size, taps=taps)
        seconds = time.process_time() - started
        predicted = out_of_fold_probabilities(
            features, sample.labels, np.arange(len(sample)), len(sample.competition.classes)
        )
        rows.append(
            {
                "features": words,
                "working_size": size,
                "cells": len(sample),
                "accuracy": float((predicted.argmax(axis=1) == sample.labels).mean()),
                "suspects": int((suspected_labels(sample.labels, predicted) != NOT_SUSPECTED).sum()),
                "cpu_seconds": round(seconds, 1),
            }
        )
    return rows


def summary(result: dict[str, Any]) -> str:
    lines = [
        f"{result['cells']:,} cells ({result['data']}), init {result['init']}",
        f"out of fold: accuracy {result['accuracy']:.4f}, suspects {result['suspects']}",
    ]
    for seed in result["planted"]:
        for name, figures in seed["methods"].items():
            lines.append(
                f"{seed['kind']}, seed {seed['seed']}, {seed['planted']} planted, {name}: "
                f"{figures['suspects']} suspects, recall {figures['recall']:.3f}, precision {figures['precision']:.3f}"
            )
    lines += [
        f"{row['features']}, {row['working_size']} px, {row['cells']:,} cells: accuracy {row['accuracy']:.4f}"
        for row in result.get("features", ())
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
