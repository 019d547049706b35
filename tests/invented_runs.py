"""A complete run folder with invented figures, as the walk would leave it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.competition import Competition
from bloodcells.data.splitting import Split
from bloodcells.decoding import decoded
from bloodcells.measuring.evaluation import evaluate
from bloodcells.pages.run_page import draw_run
from bloodcells.recipe import Phase, read_recipe
from bloodcells.run import (
    CleaningCounts,
    Config,
    Environment,
    Epoch,
    Errors,
    Gate,
    GateEffect,
    Measurement,
    MedmnistC,
    Metrics,
    Run,
    Summary,
    Temperature,
    TemperatureEffect,
    metrics_by_set,
)  # fmt: skip

INIT = "/home/somebody/weights/backbone.h5"
COMMAND = f"bloodcells run --data /home/somebody/training_set.npz --init={INIT} --tta 1 --out runs/invented-quick-0"
ENVIRONMENT = Environment("3.11.7", {"keras": "3.15.1"}, "tensorflow", "Linux x86_64", "Invented CPU", 2, ())


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder of its own for a test that changes it."""
    return invented_run(tmp_path / "runs" / "invented-quick-0")


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a drawn page, not to be changed."""
    folder = tmp_path_factory.mktemp("page")
    return draw_run(invented_run(folder / "runs" / "invented-quick-0"), folder / "page").parent


def invented_run(folder: Path, competition: Competition = BLOOD) -> Path:
    """A run of the quick profile from a weights file; hold-out accuracy depends on set and views."""
    run = Run(folder)
    run.begin(invented_config(competition), ENVIRONMENT)
    run.add(*(
        Epoch(number + 1, "the whole network" if number else "the head", 0.4 + 0.1 * number, 1.2,
              {"clean": 0.5 + 0.1 * number, "composite": 0.3 + 0.1 * number}, 1e-3, 100.0, 80.0)
        for number in range(4)
    ))  # fmt: skip
    rows = run.add(*(
        Measurement(part, name, views, invented_metrics(share + more, seed))
        for seed, part in enumerate(("validation", "holdout"))
        for name, share in (("clean", 0.9), ("composite", 0.6))
        for views, more in ((1, 0.0), (4, 0.05))
    ))  # fmt: skip
    effects = (GateEffect("holdout", "clean", 160, 0.9, 0.95, 0.95, 1.0, 1.5),)
    run.add(Gate(4, 0.5, effects))
    run.add(Temperature(4, 0.6, tuple(
        TemperatureEffect("holdout", name, 160, 0.09, 0.01, ((150, 0.97, 0.98), (10, 0.4, 0.5)))
        for name in ("clean", "composite")
    )))  # fmt: skip
    cleaning = CleaningCounts(2000, 1600, 8, 2, 390, 0, 0, 3.2)
    run.write(cleaning)
    scores = {
        name: {"accuracy": of.accuracy, "balanced_accuracy": of.balanced_accuracy, "macro_f1": of.macro_f1,
               "duration": 12.5}
        for name, of in metrics_by_set(rows, "holdout", 4).items()
    }  # fmt: skip
    seconds = {"clean and split": 4.0, "train": 30.0, "evaluate": 20.0, "package and score": 40.0}
    parts = {"train": 1280, "validation": 160, "holdout": 160}
    run.write(Summary("training_set.npz", cleaning, parts, 4, scores, seconds))
    run.write(MedmnistC(300, 0.9, 0.1, {"jpeg_compression": (0.1, 0.2, 0.3, 0.4, 0.5)}))
    draw = np.random.default_rng(3)
    images = draw.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    labels, confidence = np.array([0, 1, 2]), np.full(3, 0.9, np.float32)
    chains = np.array(["jpeg", "smear+jpeg", "rotate"])
    clean, composite = (
        Errors(images, labels, labels + 3, confidence, draw.random((3, 3, 3)), images, np.array([7, 3, 11]), chain)
        for chain in (np.full(3, ""), chains)
    )
    run.write_errors({part: {"clean": clean, "composite": composite} for part in ("validation", "holdout")})
    run.write_split(Split(np.arange(40, 1320), np.arange(20), np.arange(20, 40)))
    run.submission.write_bytes(b"zip")
    run.weights.write_bytes(b"weights")
    return folder


def invented_config(competition: Competition = BLOOD, **recipe: Any) -> Config:
    """The config of a run that begins; ``recipe`` replaces values of the quick profile's."""
    return Config(
        recipe=replace(read_recipe("quick", INIT, 0), **recipe), recipe_name="quick", commands=(COMMAND,),
        data="/home/somebody/training_set.npz", commit="abc1234+changes", version="1.2", competition=competition,
        data_sha256="ab" * 32, data_origin="training_set.npz, train",
    )  # fmt: skip


def begun_run(folder: Path, **recipe: Any) -> Run:
    """A run that has begun, of a network that works at 32 px where ``recipe`` says nothing else."""
    phases = (Phase("training", 1, "none", 32, batch_size=16, learning_rate=1e-3),)
    run = Run(folder)
    run.begin(invented_config(**{"phases": phases, **recipe}), ENVIRONMENT)
    return run


def invented_metrics(share: float, seed: int) -> Metrics:
    """What `evaluate` says of 160 invented predictions, ``share`` of them right."""
    draw = np.random.default_rng(seed)
    truth = np.arange(160) % 8
    predicted = np.where(draw.random(160) < share, truth, draw.integers(0, 8, 160))
    metrics = evaluate(truth, np.eye(8)[predicted] * 0.72 + 0.035)
    return decoded({**metrics, "by_corruption": {"jpeg": [50, 0.5], "smear": [60, 0.75]}}, Metrics)
