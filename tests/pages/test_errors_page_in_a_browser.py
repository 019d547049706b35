"""The page of errors in a real browser: a click on the confusion matrix and the filters leave what they say."""

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

pytestmark = pytest.mark.draws


def shown(browser: webdriver.Chrome) -> list[str]:
    cards = browser.find_elements(By.CSS_SELECTOR, ".cards figure")
    return [card.get_attribute("data-corruptions") for card in cards if card.is_displayed()]


def choose(browser: webdriver.Chrome, name: str, text: str) -> None:
    Select(browser.find_element(By.NAME, name)).select_by_visible_text(text)


def test_filters_and_a_click_on_a_count_leave_what_they_say(browser: webdriver.Chrome, page: Path) -> None:
    browser.get((page / "errors.html").as_uri())
    assert len(shown(browser)) == 12
    choose(browser, "corruption", "jpeg")
    assert shown(browser) == ["jpeg", "smear jpeg", "jpeg", "smear jpeg"]
    choose(browser, "part", "hold-out")
    assert shown(browser) == ["jpeg", "smear jpeg"]
    assert browser.find_element(By.TAG_NAME, "output").text == "2 of 12 pictures"
    browser.execute_script("filters.elements.confidence.value = 91; filters.oninput()")
    assert shown(browser) == []
    count = browser.find_element(By.CSS_SELECTOR, ".matrix [data-part=holdout][data-set=composite][data-truth='1']")
    browser.execute_script("arguments[0].click()", count)
    wanted = [browser.find_element(By.NAME, name).get_attribute("value") for name in ("part", "set", "truth", "taken")]
    assert wanted == ["holdout", "composite", "1", count.get_attribute("data-taken")]
    assert shown(browser) == (["smear jpeg"] if wanted[3] == "4" else [])
