"""Runs that have answered on one hold-out of 160 invented cells, to be compared."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from invented_runs import invented_run

from bloodcells.data.splitting import Split
from bloodcells.decoding import decoded
from bloodcells.measuring.evaluation import accuracy_by_corruption, evaluate
from bloodcells.run import Errors, Measurement, Metrics, Run

TRUTH = np.arange(160) % 8
CHAINS = np.array(["jpeg", "jpeg+smear"] * 80)


def answered(folder: Path, clean: Sequence[int], composite: Sequence[int], sha256: str = "ab" * 32) -> Path:
    """A run that takes these places of its hold-out for the next class, and has the others right."""
    run = Run(invented_run(folder))
    run.write_split(Split(np.arange(500, 600), np.arange(160), 200 + np.arange(160)))
    rows, errors = [], {}
    for of, places in {"clean": clean, "composite": composite}.items():
        wrong = np.array(places, np.int64)
        predicted = TRUTH.copy()
        predicted[wrong] = (TRUTH[wrong] + 1) % 8
        metrics = evaluate(TRUTH, np.eye(8)[predicted] * 0.72 + 0.035)
        if of == "composite":
            metrics["by_corruption"] = accuracy_by_corruption(TRUTH, predicted, CHAINS.tolist())
        rows += [Measurement(part, of, 4, decoded(metrics, Metrics), sha256) for part in ("validation", "holdout")]
        errors[of] = some_errors(wrong, predicted, CHAINS if of == "composite" else np.full(160, ""))
    run.add(*rows)
    run.write_errors({"validation": errors, "holdout": errors})
    return folder


def some_errors(wrong: np.ndarray, predicted: np.ndarray, chains: np.ndarray) -> Errors:
    images = np.random.default_rng(0).integers(0, 256, (len(wrong), 96, 96, 3), dtype=np.uint8)
    sure, maps = np.full(len(wrong), 0.9, np.float32), np.zeros((len(wrong), 2, 2))
    return Errors(images, TRUTH[wrong], predicted[wrong], sure, maps, images, wrong, chains[wrong])
