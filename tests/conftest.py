"""Fixtures that several rooms share."""

from pathlib import Path

import pytest

from bloodcells.cells import CellSet, load_cells

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_CELLS = REPOSITORY / "data" / "training_set.npz"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need the competition's file where it is absent."""
    if REAL_CELLS.exists():
        return
    for item in items:
        if item.get_closest_marker("real_cells"):
            item.add_marker(pytest.mark.skip(reason="data/training_set.npz is absent"))


@pytest.fixture(scope="session")
def real_cells() -> CellSet:
    """The competitor's training set, as it is: 13,759 images with junk and duplicates."""
    return load_cells(REAL_CELLS)
