"""The page that tells everything, and its twin that shows the same."""

import re
from pathlib import Path

from bloodcells.pages.record import read_records
from reports.make.seeds import by_recipe

REPORTS = Path(__file__).resolve().parents[2] / "reports"


def test_every_picture_and_page_it_names_is_there():
    targets = re.findall(r"\]\((?!https:)([^)#]+)", (REPORTS / "index.md").read_text(encoding="utf-8"))
    assert len(targets) > 10
    assert [target for target in targets if not (REPORTS / target).exists()] == []


def test_one_run_of_each_recipe_is_told_and_those_after_the_first_are_folded():
    text = (REPORTS / "index.md").read_text(encoding="utf-8")
    recipes = by_recipe(read_records(REPORTS))
    assert text.count("<details>") == text.count("</details>") == len(recipes) - 1 < len(read_records(REPORTS)) - 1


def test_the_twin_has_the_same_tables_and_pictures():
    text, page = (REPORTS / name for name in ("index.md", "index.html"))
    markdown, html = text.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")
    assert html.count("<img ") == len(re.findall(r"^!\[", markdown, re.MULTILINE))
    assert html.count("<table>") == len(re.findall(r"^\| -", markdown, re.MULTILINE))
    assert "| ---" not in html
