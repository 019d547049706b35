"""A small smear with planted defects, and its examination, for every test of the cleaning."""

import pytest

from bloodcells.cleaning import CleaningTable, examine
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import Smear, draw_smear


@pytest.fixture(scope="session")
def smear() -> Smear:
    return draw_smear(300, seed=3)


@pytest.fixture(scope="session")
def table(smear: Smear) -> CleaningTable:
    return examine(smear.cells)


@pytest.fixture(scope="session")
def sound(smear: Smear, table: CleaningTable) -> CellSet:
    """What the cleaning keeps of the smear: distinct cells alone."""
    return smear.cells.take(table.kept)
