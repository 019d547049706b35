"""A person has the last word about single images, and a file that says something else is refused in one line."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD
from invented_runs import ENVIRONMENT, invented_config

from bloodcells import walk
from bloodcells.cleaning import CleaningSettings, CleaningTable, examine
from bloodcells.cleaning.decisions import COLUMNS, Decision, Decisions, read_decisions
from bloodcells.cleaning.table import PERSON
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.run import Config, Run


def written(path: Path, *rows: tuple[object, ...], columns: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return path


@pytest.fixture(scope="module")
def table(cells: CellSet) -> CleaningTable:
    return examine(cells)


@pytest.fixture(scope="module")
def decisions(cells: CellSet, table: CleaningTable) -> Decisions:
    """A junk picture is kept, the first sound one is dropped, the second has another class."""
    junk, (first, second) = int(np.flatnonzero(table.junk)[0]), table.kept[:2].tolist()
    other = BLOOD.classes[(int(cells.labels[second]) + 1) % 8]
    rows = (Decision(junk, "", "keep", ""), Decision(first, "", "drop", ""), Decision(second, "", "relabel", other))
    return Decisions(tuple(sorted(rows, key=lambda row: row.number)), cells.sha256)


def test_keep_drop_and_relabel_are_obeyed_and_nothing_else_changes(cells, table, decisions):
    decided = examine(cells, CleaningSettings(decisions=decisions))
    by_choice = {row.choice: row for row in decisions.rows}
    assert decided.reason[by_choice["keep"].number] == ""
    assert decided.reason[by_choice["drop"].number] == PERSON == "a person's decision"
    relabelled = by_choice["relabel"].number
    assert BLOOD.classes[decided.label[relabelled]] == by_choice["relabel"].label
    others = np.setdiff1d(np.arange(len(cells)), [row.number for row in decisions.rows])
    assert (decided.reason[others] == table.reason[others]).all() and (decided.label == cells.labels)[others].all()
    counts = decided.counts()
    assert counts["dropped_by_decision"] == 1 and counts["decisions_sha256"] == decisions.sha256
    assert counts["images"] == counts["kept"] + counts["junk"] + counts["near_duplicates"] + sum(
        counts[name] for name in ("exact_duplicates", "label_conflicts", "dropped_by_decision")
    )


def test_a_label_that_is_put_right_is_no_conflict_any_more(cells, table):
    in_conflict = np.flatnonzero(table.reason == "label_conflict")
    members = np.flatnonzero(table.cluster == table.cluster[in_conflict[0]])
    right = BLOOD.classes[cells.labels[members[0]]]
    rows = tuple(Decision(int(one), "", "relabel", right) for one in members[1:])
    decided = examine(cells, CleaningSettings(decisions=Decisions(rows, cells.sha256)))
    assert not decided.label_conflict[members].any() and (decided.reason[members] == "").all()


def test_without_decisions_the_table_is_what_it_was(cells, table, tmp_path):
    table.write(tmp_path)
    assert set(json.loads((tmp_path / "cleaning.json").read_text())).isdisjoint({"decisions_sha256"})
    assert "person" not in (tmp_path / "cleaning.csv").read_text().splitlines()[0]


def test_what_is_written_reads_back_whatever_the_order_and_the_delimiter(decisions, tmp_path):
    decisions.write(tmp_path / "decisions.csv")
    assert read_decisions(tmp_path / "decisions.csv") == decisions
    header, *rows = (tmp_path / "decisions.csv").read_text().splitlines()
    (tmp_path / "sorted.csv").write_text("\n".join([header, *reversed(rows)]).replace(",", ";"))
    assert read_decisions(tmp_path / "sorted.csv").sha256 == decisions.sha256


REFUSED = {
    "number": (("x", "", "keep", "", "a"), "row 2: expected the number of an image, got 'x'"),
    "negative": (("-1", "", "keep", "", "a"), "row 2: expected the number of an image, got '-1'"),
    "decision": (("1", "", "delete", "", "a"), "row 2: expected one of keep, drop, relabel, got 'delete'"),
    "no label": (("1", "", "relabel", "", "a"), "row 2: expected a label beside relabel, got ''"),
    "label": (("1", "", "drop", "basophil", "a"), "row 2: expected no label beside drop, got 'basophil'"),
}


@pytest.mark.parametrize(("row", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_row_that_cannot_be_meant_is_refused(row, reason, tmp_path):
    with pytest.raises(KitError, match=reason):
        read_decisions(written(tmp_path / "decisions.csv", row))


def test_a_picture_twice_and_cells_of_two_sets_and_a_missing_column_are_refused(tmp_path):
    path = tmp_path / "decisions.csv"
    with pytest.raises(KitError, match="row 3: expected each image once, got 1 again"):
        read_decisions(written(path, ("1", "", "keep", "", "a"), ("1", "", "drop", "", "a")))
    with pytest.raises(KitError, match="expected one checksum in the column cells, got 2"):
        read_decisions(written(path, ("1", "", "keep", "", "a"), ("2", "", "drop", "", "b")))
    with pytest.raises(KitError, match="expected the columns number, file, decision, label, cells, got no cells"):
        read_decisions(written(path, ("1", "keep", ""), columns=("number", "decision", "label")))
    with pytest.raises(KitError, match=r"no decisions: expected the file .*none.csv, got none. Save it on the page"):
        read_decisions(tmp_path / "none.csv")


def test_other_cells_numbers_and_classes_are_refused_before_anything_is_examined(cells, monkeypatch):
    monkeypatch.setattr("bloodcells.cleaning.examination.exact_keys", lambda _: pytest.fail("examined"))

    def refused(number: int, label: str, sha256: str, reason: str) -> None:
        decisions = Decisions((Decision(number, "", "relabel", label),), sha256)
        with pytest.raises(KitError, match=reason):
            examine(cells, CleaningSettings(decisions=decisions))

    refused(1, "basophil", "ab" * 32, r"made for other cells: expected those of .*, got abababababab")
    refused(len(cells), "basophil", cells.sha256, rf"expected numbers 0\.\.{len(cells) - 1}, got {len(cells)}")
    refused(1, "unicorn", cells.sha256, "expected one of basophil, .* for image 1, got 'unicorn'")


def test_what_was_decided_reaches_the_parts_and_comes_back_with_them(cells, decisions, tmp_path):
    parts = walk.prepare(cells, tmp_path, CleaningSettings(decisions=decisions))
    run = Run(tmp_path)
    assert run.decisions == decisions
    split = run.read_split()
    places = {int(one): (part, at) for part in ("train", "validation", "holdout")
              for at, one in enumerate(getattr(split, part))}  # fmt: skip
    for row in decisions.rows:
        if row.choice == "drop":
            assert row.number not in places
            continue
        part, at = places[row.number]
        np.testing.assert_array_equal(getattr(parts, part).images[at], cells.images[row.number])
        if row.label:
            assert BLOOD.classes[getattr(parts, part).labels[at]] == row.label
    begin(run, parts)
    again = walk.parts_of(tmp_path, cells)
    assert [getattr(again, part).sha256 for part in ("train", "validation", "holdout")] == [
        getattr(parts, part).sha256 for part in ("train", "validation", "holdout")
    ]


def test_a_run_that_goes_on_with_other_decisions_is_refused_and_keeps_its_own(cells, decisions, tmp_path):
    begin(Run(tmp_path), walk.prepare(cells, tmp_path, CleaningSettings(decisions=decisions)))
    before = (tmp_path / "decided.csv").read_bytes()
    fewer = Decisions(decisions.rows[:1], decisions.cells)
    with pytest.raises(KitError, match=r"other decisions: expected those with sha256 \w{12}, got none"):
        walk.prepare(cells, tmp_path, CleaningSettings())
    with pytest.raises(KitError, match=rf"got those with sha256 {fewer.sha256[:12]}. Give the same --decisions"):
        walk.prepare(cells, tmp_path, CleaningSettings(decisions=fewer))
    walk.prepare(cells, tmp_path, CleaningSettings(decisions=decisions))
    assert (tmp_path / "decided.csv").read_bytes() == before
    assert Run(tmp_path).read(Config).decisions_sha256 == decisions.sha256


def test_a_file_that_somebody_saved_in_the_run_folder_stays_and_is_not_obeyed_unasked(cells, decisions, tmp_path):
    saved = tmp_path / "decisions.csv"
    decisions.write(saved)
    begin(Run(tmp_path), walk.prepare(cells, tmp_path, CleaningSettings()))
    walk.prepare(cells, tmp_path, CleaningSettings())
    assert saved.read_text() == decisions.text and Run(tmp_path).decisions is None
    walk.parts_of(tmp_path, cells)


def begin(run: Run, parts: walk.Parts) -> None:
    """As the training begins a run in its prepared folder."""
    config = replace(invented_config(), data_sha256=parts.train.sha256, decisions_sha256=run.decisions_sha256)
    run.begin(config, ENVIRONMENT)
