"""The pages that answer to clicks are as wide as a phone: what is wider scrolls inside of them."""

from pathlib import Path

import pytest
from compared_runs import answered

from bloodcells.cleaning import CleaningSettings
from bloodcells.measuring.comparison import read_answers
from bloodcells.pages.cleaning_page import write_cleaning_page
from bloodcells.pages.comparison_page import write_comparison

pytestmark = pytest.mark.draws

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture
def pages(page: Path, tmp_path: Path, cells, table) -> list[Path]:
    write_cleaning_page(tmp_path / "cleaning.html", cells, table, CleaningSettings())
    write_comparison(read_answers([answered(tmp_path / name, [0], range(9)) for name in ("old", "new")]), tmp_path)
    return [tmp_path / "cleaning.html", tmp_path / "compare.html", page / "errors.html"]


def test_no_page_scrolls_sideways(browser, pages: list[Path]) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    for one in pages:
        browser.get(one.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"], one.name
