"""A folder of zips and the table that comes of it."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from competitions import BLOOD

from bloodcells.codabench import ranking
from bloodcells.codabench.ranking import Row, rank_folder, ranked
from bloodcells.codabench.stages import SubmissionFailed
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError


def stand_in(path: Path, test_set: CellSet, work: Path, **_: object) -> dict[str, float]:
    """`worker.score` for zips whose names say what they score."""
    work.mkdir(parents=True)
    if path.stem == "broken":
        failed = SubmissionFailed("zip", "broken.zip holds <no> model.py")
        failed.remarks = ["odd"]
        raise failed
    (work / "run.json").write_text('{"remarks": ["opens a file", "is <slow>"]}')
    return dict.fromkeys(BLOOD.leaderboard, float(path.stem.split("_")[0]))


@pytest.fixture
def zips(tmp_path: Path) -> Path:
    folder = tmp_path / "zips"
    folder.mkdir()
    for name in ("0.5.zip", "0.9_a.ZIP", "0.9_b.zip", "0.25.zip", "broken.zip", "notes.txt"):
        (folder / name).touch()
    return folder


def test_a_folder_becomes_a_table_of_ranks_and_reasons(
    zips: Path, brightness_cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "score", stand_in)
    told: list[str] = []
    rows = rank_folder(zips, brightness_cells, tmp_path / "out", sys.executable, told.append)
    assert [(row.rank, row.zip) for row in rows] == [
        (1, "0.9_a.ZIP"),
        (1, "0.9_b.zip"),
        (3, "0.5.zip"),
        (4, "0.25.zip"),
        (None, "broken.zip"),
    ]
    assert told == [f"{place} of 5: {name}" for place, name in enumerate(sorted(row.zip for row in rows), start=1)]
    with (tmp_path / "out" / "ranking.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert list(table[0]) == ["rank", "zip", *BLOOD.leaderboard, "reason", "remarks"]
    assert table[0]["accuracy"] == "0.9" and table[0]["remarks"] == "opens a file; is <slow>"
    assert table[-1] == {**dict.fromkeys(table[-1], ""), "zip": "broken.zip", "remarks": "odd"} | {
        "reason": "broken.zip holds <no> model.py"
    }
    page = (tmp_path / "out" / "ranking.html").read_text()
    assert "0.9000" in page and "&lt;slow&gt;" in page and "holds &lt;no&gt;" in page
    assert 'href="broken.zip/detailed_results.html"' in page


def test_a_metric_of_which_less_is_better_ranks_the_least_first(brightness_cells: CellSet) -> None:
    rows = [Row(name, {"log_loss": loss}, "", ()) for name, loss in {"a": 2.0, "b": 0.5, "c": 1.0}.items()]
    order = ranked(rows, replace(BLOOD, metric="log_loss", leaderboard=("accuracy", "log_loss")))
    assert [row.zip for row in order] == ["b", "c", "a"]


def test_a_folder_without_zips_is_refused(brightness_cells: CellSet, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="expected submission zips, got none"):
        rank_folder(tmp_path, brightness_cells, tmp_path / "out", sys.executable, print)
