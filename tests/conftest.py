"""Fixtures that several rooms share."""

import inspect
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.ablation.records import ArmRecord, BalancedErrors
from bloodcells.corruption import composite, medmnist_c
from bloodcells.data.cells import CellSet, load_cells

pytest_plugins = ["invented_runs"]
REPOSITORY = Path(__file__).resolve().parents[1]
REAL_CELLS = REPOSITORY / "data" / "training_set.npz"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need the competition's file where it is absent; mark those with a network of their own."""
    for item in items:
        if {"small_backbone", "an_epoch_of"} & set(item.fixturenames):
            item.add_marker(pytest.mark.trains)
        if not REAL_CELLS.exists() and item.get_closest_marker("real_cells"):
            item.add_marker(pytest.mark.skip(reason="data/training_set.npz is absent"))


@pytest.fixture(scope="session")
def real_cells() -> CellSet:
    """The competitor's training set, as it is: 13,759 images with junk and duplicates."""
    return load_cells(REAL_CELLS, BLOOD)


@pytest.fixture(scope="module")
def small_backbone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module's EfficientNetB3 is a small one, in this process and in the zips that it packs."""
    import keras
    import small_efficientnet

    from bloodcells.codabench import packager

    code = tmp_path_factory.mktemp("code") / "network"
    shutil.copytree(packager._NETWORK, code)
    builder, small = (code / "network.py").read_text(), inspect.getsource(small_efficientnet)
    swapped = "import keras\n\nkeras.applications.EfficientNetB3 = small_efficientnet\n"
    (code / "network.py").write_text(f"{small}\n{swapped}{builder}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "EfficientNetB3", small_efficientnet.small_efficientnet)
        patch.setattr(packager, "_NETWORK", code)
        yield


@pytest.fixture(scope="module")
def no_graphs() -> Iterator[None]:
    """A module's networks compute step by step: to trace a graph takes longer than what a test computes with it."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def published_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test of a module with a small backbone, EfficientNetB3 is itself."""
    import keras
    from keras.src.applications import efficientnet

    monkeypatch.setattr(keras.applications, "EfficientNetB3", efficientnet.EfficientNetB3)


def invented_arms(arms: Sequence[str], seeds: Sequence[int], images: int = 300) -> list[ArmRecord]:
    """Records of an ablation that nobody ran: each arm is better on corrupted cells than the one before it."""
    draw = np.random.default_rng(7)
    difficulty = draw.random(images)
    records = []
    for place, arm in enumerate(arms):
        for seed in seeds:
            share = 0.45 + 0.4 * place / len(arms) + 0.02 * np.random.default_rng((seed, place)).normal()
            correct = {
                "clean": difficulty + 0.05 * draw.normal(size=images) < 0.96,
                "composite": difficulty + 0.2 * draw.normal(size=images) < share,
            }
            rises = (0.6, 0.8, 1, 1.2, 1.4)
            lost = {name: 0.35 * (1 - share) * (1 + column / 10) for column, name in enumerate(medmnist_c.CORRUPTIONS)}
            records.append(
                ArmRecord(
                    arm=arm,
                    seed=seed,
                    budget={"name": "invented", "cells": 1600, "epochs": 3, "batch_size": 32},
                    data_sha256="ab" * 32,
                    start_sha256="cd" * 32,
                    images={"clean": images, "composite": images, "medmnist_c": 200},
                    accuracy={
                        **{name: float(right.mean()) for name, right in correct.items()},
                        "medmnist_c": 1 - float(np.mean(list(lost.values()))),
                    },
                    correct=correct,
                    balanced_error=BalancedErrors(
                        0.03, {name: tuple(error * rise for rise in rises) for name, error in lost.items()}
                    ),
                    composite_families={
                        name: share - 0.02 * column + 0.1 for column, name in enumerate(composite.FAMILIES)
                    },
                    steps=150,
                    train_seconds=160.0 + 7 * (place % 3) + draw.random(),
                    images_per_second=30.0 - place % 3,
                    policy_images_per_second=2000.0 / (1 + place),
                    environment={
                        "python": "3.11.7", "packages": {"keras": "3.15.1"}, "backend": "tensorflow",
                        "system": "Linux x86_64", "cpu": "Invented CPU", "cores": 2, "accelerators": [],
                    },
                )
            )  # fmt: skip
    return records


@pytest.fixture(scope="session")
def invent_arms():
    """The function `invented_arms`."""
    return invented_arms
