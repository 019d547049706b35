"""One examination and calibration for all pages that show a cleaning, and a browser for those that answer."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from bloodcells.cleaning import CleaningSettings, CleaningTable, examine
from bloodcells.cleaning.calibration import Calibration, calibrate
from bloodcells.data.cells import CellSet

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
DRIVER = shutil.which("chromedriver") or ""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A real browser that downloads into ``tmp_path``."""
    if not (BROWSER and DRIVER):
        pytest.skip("no Chromium with its driver here")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for one in ("headless", "no-sandbox", "disable-gpu", f"user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(f"--{one}")
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def table(cells: CellSet) -> CleaningTable:
    return examine(cells)


@pytest.fixture(scope="session")
def calibration(cells: CellSet, table: CleaningTable) -> Calibration:
    return calibrate(cells.take(table.kept), CleaningSettings(), n_cells=60, copies_per_kind=5)
