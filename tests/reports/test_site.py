"""The twins in HTML: every link of what is published leads somewhere, and none leads a browser to Markdown."""

import re
from pathlib import Path

import pytest

from reports.make.site import twin

pytestmark = pytest.mark.draws

REPORTS = Path(__file__).resolve().parents[2] / "reports"
PAGES = sorted(page for page in REPORTS.rglob("*.md") if page.name != "tried.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPORTS)))
def test_every_link_and_picture_of_a_twin_leads_somewhere(page: Path) -> None:
    html = page.with_suffix(".html").read_text(encoding="utf-8")
    names = set(re.findall(r' id="([^"]+)"', html))
    for target, anchor in re.findall(r'(?:href|src)="(?!https:)([^"#]*)#?([^"]*)"', html):
        beside = (page.parent / target).resolve()
        assert beside.exists(), target
        assert beside.suffix != ".md" or not beside.is_relative_to(REPORTS), target
        assert target or anchor in names, anchor


def test_links_to_pages_lead_to_their_twins_and_others_stay(tmp_path: Path) -> None:
    pages = [tmp_path / "index.md", tmp_path / "guide" / "a.md"]
    html = twin("# T\n\n[a](guide/a.md#x) [b](other.md) [c](https://b.org/guide/a.md)\n", pages[0], pages)
    assert re.findall(r'href="([^"]+)"', html) == ["guide/a.html#x", "other.md", "https://b.org/guide/a.md"]


def test_a_long_page_has_a_table_of_contents(tmp_path: Path) -> None:
    text = "# T\n\n## One & two\n\n## Three\n"
    assert "<nav>" not in twin(text, tmp_path / "a.md", [])
    html = twin(f"{text}\n## Four\n", tmp_path / "a.md", [])
    assert '<h2 id="one--two">One &amp; two</h2>' in html
    assert '<nav>Contents<ul><li><a href="#one--two">One &amp; two</a></li><li><a href="#three">' in html


def test_a_folded_section_is_rendered_inside(tmp_path: Path) -> None:
    html = twin(
        "# T\n\n<details>\n<summary>s</summary>\n\n| a |\n| --- |\n| b |\n\n</details>\n", tmp_path / "a.md", []
    )
    assert re.search(r'<details>\s*<summary>s</summary>\s*<div class="wide"><table>', html)


def test_figures_and_names_stay_in_one_line_and_sentences_do_not(tmp_path: Path) -> None:
    table = "| a | b | c |\n| --- | ---: | --- |\n| `clean` | 0.863 ± 0.009 | cells as they are |\n"
    html = twin(f"# T\n\n{table}\n1 (0.9 to 1.0)\n", tmp_path / "a.md", [])
    assert '<td class="short"><code>clean</code></td>' in html
    assert '<td class="short" style="text-align:right">0.863 ± 0.009</td>' in html
    assert "<td>cells as they are</td>" in html
    assert "1 (0.9&nbsp;to&nbsp;1.0)" in html
