"""A complete run folder with invented figures, as the walk would leave it."""

import json
from pathlib import Path

import numpy as np
import pytest

from bloodcells.files import write_json, write_text
from bloodcells.measuring.evaluation import evaluate
from bloodcells.measuring.explanation import Errors, write_errors
from bloodcells.pages.run_page import draw_run
from bloodcells.recipe import training_config

INIT = "/home/somebody/weights/backbone.h5"


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder of its own for a test that changes it."""
    return invented_run(tmp_path / "runs" / "invented-quick-0")


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a drawn page, not to be changed."""
    folder = tmp_path_factory.mktemp("page")
    return draw_run(invented_run(folder / "runs" / "invented-quick-0"), folder / "page").parent


def invented_run(run: Path) -> Path:
    """A run of the quick profile from a weights file; hold-out accuracy depends on set and views."""
    config = training_config("quick", INIT, 0).as_dict()
    write_json(run / "config.json", {**config, "data_sha256": "ab" * 32, "data_origin": "training_set.npz, train"})
    write_json(
        run / "environment.json",
        {"python": "3.11.7", "packages": {"keras": "3.15.1"}, "backend": "tensorflow", "system": "Linux x86_64",
         "cpu": "Invented CPU", "cores": 2, "accelerators": []},
    )  # fmt: skip
    epochs = [
        {"epoch": number + 1, "phase": "fine-tuning" if number else "head", "accuracy": 0.4 + 0.1 * number,
         "loss": 1.2, "clean_accuracy": 0.5 + 0.1 * number, "composite_accuracy": 0.3 + 0.1 * number,
         "learning_rate": 1e-3, "seconds": 100.0, "images_per_second": 80.0}
        for number in range(4)
    ]  # fmt: skip
    write_text(run / "metrics.jsonl", "".join(json.dumps(epoch) + "\n" for epoch in epochs))
    evaluation = {
        part: {
            name: {level: _evaluation(share + more, seed) for level, more in (("tta0", 0.0), ("tta1", 0.05))}
            for name, share in (("clean", 0.9), ("composite", 0.6))
        }
        for seed, part in enumerate(("validation", "holdout"))
    }
    write_json(run / "evaluation.json", evaluation)
    cleaning = {"images": 2000, "kept": 1600, "exact_duplicates": 8, "near_duplicates": 2, "junk": 390,
                "label_conflicts": 0, "suspected_labels": 0, "seconds": 3.2}  # fmt: skip
    write_json(run / "cleaning" / "cleaning.json", cleaning)
    zip_scores = {
        name: {**{key: sets["tta1"][key] for key in ("accuracy", "balanced_accuracy", "macro_f1")}, "duration": 12.5}
        for name, sets in evaluation["holdout"].items()
    }
    summary = {
        "cells": "training_set.npz",
        "cleaning": cleaning,
        "parts": {"train": 1280, "validation": 160, "holdout": 160},
        "tta_level": 1,
        "accuracy": {},
        "scores": zip_scores,
        "seconds": {"clean and split": 4.0, "train": 30.0, "evaluate": 20.0, "package and score": 40.0},
    }
    write_json(run / "summary.json", summary)
    draw = np.random.default_rng(3)
    images = draw.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    labels, confidence = np.array([0, 1, 2]), np.full(3, 0.9, np.float32)
    errors = Errors(images, labels, labels + 3, confidence, draw.random((3, 3, 3)))
    write_errors(run, {"clean": errors, "composite": errors})
    (run / "submission.zip").write_bytes(b"zip")
    (run / "weights.weights.h5").write_bytes(b"weights")
    return run


def _evaluation(share: float, seed: int) -> dict[str, object]:
    """What `evaluate` says of 160 invented predictions, ``share`` of them right."""
    draw = np.random.default_rng(seed)
    truth = np.arange(160) % 8
    predicted = np.where(draw.random(160) < share, truth, draw.integers(0, 8, 160))
    by_corruption = {"jpeg": [50, 0.5], "smear": [60, 0.75]}
    return {**evaluate(truth, np.eye(8)[predicted] * 0.72 + 0.035), "by_corruption": by_corruption}
