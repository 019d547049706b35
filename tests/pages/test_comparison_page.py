"""The page and the table of a comparison: every flipped picture, every interval, one file that fetches nothing."""

import csv
import re
from pathlib import Path

import pytest
from compared_runs import answered

from bloodcells import cli
from bloodcells.errors import KitError
from bloodcells.measuring.comparison import read_answers
from bloodcells.pages import embedded
from bloodcells.pages.comparison_page import write_comparison

pytestmark = pytest.mark.draws


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [answered(folder / "<old>", [0, 1], range(40)), answered(folder / "new", [1, 2, 3], range(10, 45))]


def test_the_verb_writes_a_page_and_a_table_and_says_both_differences(runs, tmp_path, capsys):
    assert cli.main(["compare", *map(str, runs), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "new is right for 98.12% of 160 clean cells, -0.62 points" in said and ": 10 gained, 5 lost" in said
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "<old>" not in page and "&lt;old&gt;" in page
    assert "Only new is right: 10" in page and "Only &lt;old&gt; is right: 5" in page
    assert page.count("<figure><div><img") == 18 and page.count("image 240<") == 1
    assert not re.search(r"(src|href)=\"(?!data:|#)|url\(http|@import|<script", page)
    with (tmp_path / "compare.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["group"] for row in rows].count("all") == 2 and {row["run"] for row in rows} == {"new"}
    assert float(rows[0]["low"]) < float(rows[0]["difference"]) < float(rows[0]["high"])


def test_a_file_of_somebody_else_is_not_replaced(runs, tmp_path):
    (tmp_path / "compare.csv").write_text("mine")
    with pytest.raises(KitError, match=r"holds compare.csv, which this step would replace"):
        write_comparison(read_answers(runs), tmp_path)
    assert (tmp_path / "compare.csv").read_text() == "mine"


def test_the_pictures_are_stored_worse_where_the_page_would_be_too_large(runs, tmp_path, monkeypatch):
    write_comparison(read_answers(runs), tmp_path)
    size = (tmp_path / "compare.html").stat().st_size
    monkeypatch.setattr(embedded, "MOST_BYTES", size - 1)
    write_comparison(read_answers(runs), tmp_path)
    assert (tmp_path / "compare.html").stat().st_size < size
