"""Fixtures that several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from competitions import BLOOD
from invented_arms import invented_arms

from bloodcells.data.cells import CellSet, load_cells
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear

pytest_plugins = ["invented_runs"]
REPOSITORY = Path(__file__).resolve().parents[1]
REAL_CELLS = REPOSITORY / "data" / "training_set.npz"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need the competition's file where it is absent; mark those with a network of their own.

    The longest file comes first, so that of two processes none ends with it alone.
    """
    items.sort(key=lambda item: item.path.name != "test_wheel.py")
    for item in items:
        if {"small_backbone", "an_epoch_of"} & set(item.fixturenames):
            item.add_marker(pytest.mark.trains)
        if not REAL_CELLS.exists() and item.get_closest_marker("real_cells"):
            item.add_marker(pytest.mark.skip(reason="data/training_set.npz is absent"))


@pytest.fixture(scope="session")
def cells() -> CellSet:
    """A small smear with its defects, not to be changed."""
    drawn = draw_smear(FEWEST_CELLS).cells
    drawn.images.flags.writeable = drawn.labels.flags.writeable = False
    return drawn


@pytest.fixture(scope="session")
def real_cells() -> CellSet:
    """The competitor's training set, as it is: 13,759 images with junk and duplicates."""
    return load_cells(REAL_CELLS, BLOOD)


@pytest.fixture(scope="module")
def small_backbone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module's EfficientNetB3 is a small one, in this process and in the zips that it packs."""
    import keras
    import small_efficientnet
    import small_kit

    from bloodcells.codabench import packager

    code = small_kit.code_with_small_backbone(tmp_path_factory.mktemp("code") / "network")
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


@pytest.fixture(scope="session")
def invent_arms():
    """The function `invented_arms`."""
    return invented_arms
