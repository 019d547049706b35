"""One examination and calibration for all pages that show a cleaning."""

import pytest

from bloodcells.cleaning import CleaningSettings, CleaningTable, examine
from bloodcells.cleaning.calibration import Calibration, calibrate
from bloodcells.data.cells import CellSet


@pytest.fixture(scope="session")
def table(cells: CellSet) -> CleaningTable:
    return examine(cells)


@pytest.fixture(scope="session")
def calibration(cells: CellSet, table: CleaningTable) -> Calibration:
    return calibrate(cells.take(table.kept), CleaningSettings(), n_cells=60, copies_per_kind=5)
