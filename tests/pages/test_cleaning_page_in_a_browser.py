"""From a click on the cleaning page to the run that obeys, in a real browser"""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from bloodcells import walk
from bloodcells.cleaning import CleaningSettings
from bloodcells.cleaning.decisions import Decision, Decisions, read_decisions
from bloodcells.pages.cleaning_page import write_cleaning_page
from bloodcells.run import Run

pytestmark = pytest.mark.draws


def test_a_click_on_the_page_reaches_the_run(browser, cells, table, tmp_path):
    cells = replace(cells, names=np.array([f'cell "{index}", 1.png' for index in range(len(cells))]))
    page = tmp_path / "cleaning.html"
    write_cleaning_page(page, cells, table, CleaningSettings())
    junk = int(np.flatnonzero(table.junk)[0])
    dropped, relabelled = np.flatnonzero((table.cluster >= 0) & (table.reason == ""))[:2].tolist()
    other = BLOOD.classes[(int(cells.labels[relabelled]) + 1) % 8]

    browser.get(page.as_uri())
    assert not browser.find_element(By.ID, "save").is_enabled()
    click(browser, "keep", junk)
    click(browser, "drop", dropped)
    Select(browser.find_element(By.CSS_SELECTOR, f'[aria-label="relabel image {relabelled}"]')).select_by_visible_text(
        other
    )
    undone = int(np.flatnonzero(table.reason == "near_duplicate")[0])
    click(browser, "keep", undone)
    click(browser, "keep", undone)

    browser.refresh()
    assert button(browser, "drop", dropped).get_attribute("aria-pressed") == "true", "the browser forgot"
    assert "1 kept, 1 dropped, 1 relabelled" in browser.find_element(By.TAG_NAME, "output").text
    browser.find_element(By.ID, "save").click()
    decisions = read_decisions(arrived(tmp_path / "decisions.csv"))
    assert {(row.number, row.file, row.choice, row.label) for row in decisions.rows} == {
        (junk, cells.names[junk], "keep", ""),
        (dropped, cells.names[dropped], "drop", ""),
        (relabelled, cells.names[relabelled], "relabel", other),
    }
    assert (tmp_path / "decisions.csv").read_text(encoding="utf-8") == decisions.text

    walk.prepare(cells, tmp_path / "run", CleaningSettings(decisions=decisions))
    parts = walk.Parts(*(cells.take(getattr(Run(tmp_path / "run").read_split(), part))
                         for part in ("train", "validation", "holdout")))  # fmt: skip
    names = np.concatenate([parts.train.names, parts.validation.names, parts.holdout.names])
    assert cells.names[junk] in names and cells.names[relabelled] in names and cells.names[dropped] not in names


def test_a_page_that_was_made_with_decisions_begins_with_them(browser, cells, table, tmp_path):
    one = int(np.flatnonzero((table.cluster >= 0) & (table.reason == ""))[0])
    decisions = Decisions((Decision(one, "", "drop", ""),), cells.sha256)
    write_cleaning_page(tmp_path / "cleaning.html", cells, table.decided(decisions), CleaningSettings())
    browser.get((tmp_path / "cleaning.html").as_uri())
    browser.find_element(By.ID, "save").click()
    assert read_decisions(arrived(tmp_path / "decisions.csv")) == decisions


def click(browser: webdriver.Chrome, choice: str, number: int) -> None:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button(browser, choice, number))
    button(browser, choice, number).click()


def button(browser: webdriver.Chrome, choice: str, number: int) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f'[aria-label="{choice} image {number}"]')


def arrived(path: Path) -> Path:
    """The file that a click downloads, once it is there."""
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return path
