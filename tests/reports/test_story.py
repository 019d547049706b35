"""The page that tells everything, and its twin that shows the same."""

import re
from pathlib import Path

REPORTS = Path(__file__).resolve().parents[2] / "reports"


def test_every_picture_and_page_it_names_is_there():
    targets = re.findall(r"\]\((?!https:)([^)#]+)", (REPORTS / "index.md").read_text(encoding="utf-8"))
    assert len(targets) > 10
    assert [target for target in targets if not (REPORTS / target).exists()] == []


def test_the_runs_after_the_first_are_folded():
    text = (REPORTS / "index.md").read_text(encoding="utf-8")
    assert text.count("<details>") == text.count("</details>") == len(list(REPORTS.glob("*/record.json"))) - 1


def test_the_twin_has_the_same_tables_and_pictures():
    text, page = (REPORTS / name for name in ("index.md", "index.html"))
    markdown, html = text.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")
    assert html.count("<img ") == len(re.findall(r"^!\[", markdown, re.MULTILINE))
    assert html.count("<table>") == len(re.findall(r"^\| -", markdown, re.MULTILINE))
    assert "| ---" not in html
