"""The written table: the columns and counts that others read."""

import csv
import json
from dataclasses import replace

import numpy as np

from bloodcells.cleaning import examine

COLUMNS = ["index", "label", "phash", "cluster", "junk_score", "decision", "reason"]


def rows(folder):
    with (folder / "cleaning.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_csv_has_a_row_for_every_image(tmp_path, smear, table):
    table.write(tmp_path / "a folder")
    read = rows(tmp_path / "a folder")
    assert list(read[0])[: len(COLUMNS)] == COLUMNS
    assert [int(row["index"]) for row in read] == list(range(len(smear.cells)))
    assert [int(row["label"]) for row in read] == smear.cells.labels.tolist()
    for index, row in enumerate(read):
        assert (row["decision"] == "keep") == (row["reason"] == "") == (index in table.kept)
        assert (row["cluster"] == "") == (table.cluster[index] == -1)
        assert len(row["phash"]) == 16


def test_images_from_files_are_called_by_them(tmp_path, smear):
    names = np.array([f"class/{index}.png" for index in range(len(smear.cells))])
    examine(replace(smear.cells, names=names)).write(tmp_path)
    assert [row["file"] for row in rows(tmp_path)] == names.tolist()


def test_the_json_counts_every_image_once(tmp_path, table):
    table.write(tmp_path)
    counts = json.loads((tmp_path / "cleaning.json").read_text())
    assert list(counts) == [
        "images",
        "kept",
        "exact_duplicates",
        "near_duplicates",
        "junk",
        "label_conflicts",
        "suspected_labels",
        "seconds",
    ]
    dropped = sum(counts[name] for name in ("exact_duplicates", "near_duplicates", "junk", "label_conflicts"))
    assert counts["images"] == len(table) == counts["kept"] + dropped
    reasons = [row["reason"] for row in rows(tmp_path)]
    assert reasons.count("junk") == counts["junk"] and reasons.count("") == counts["kept"]
    assert counts["seconds"] > 0


def test_suspected_labels_are_reported_and_drop_nothing(tmp_path, table):
    confident = np.full((len(table), 8), 0.02)
    confident[np.arange(len(table)), table.label] = 0.86
    confident[0] = np.roll(confident[0], 1)
    marked = table.with_suspected_labels(confident)
    assert np.flatnonzero(marked.suspected_label >= 0).tolist() == [0]
    assert np.array_equal(marked.kept, table.kept)
    marked.write(tmp_path)
    assert int(rows(tmp_path)[0]["suspected_label"]) == (table.label[0] + 1) % 8
    assert json.loads((tmp_path / "cleaning.json").read_text())["suspected_labels"] == 1
    assert rows(tmp_path)[0]["suspected_probability"] == "0.8600"
    assert rows(tmp_path)[0]["label_probability"] == "0.0200"
    assert rows(tmp_path)[1]["suspected_label"] == rows(tmp_path)[1]["suspected_probability"] == ""


def test_labels_that_nobody_examined_are_not_counted_as_sound(tmp_path, table):
    table.write(tmp_path)
    assert json.loads((tmp_path / "cleaning.json").read_text())["suspected_labels"] is None
    assert all(row["suspected_label"] == row["label_probability"] == "" for row in rows(tmp_path))
    assert table.out_of_fold_accuracy is None and len(table.suspects) == 0


def test_the_most_doubtful_label_comes_first(table):
    confident = np.full((len(table), 8), 0.02)
    confident[np.arange(len(table)), table.label] = 0.86
    for index, own in ((3, 0.04), (7, 0.01)):
        confident[index] = 0
        confident[index, table.label[index]] = own
        confident[index, (table.label[index] + 1) % 8] = 1 - own
    confident[9] = np.nan
    marked = table.with_suspected_labels(confident, seconds=2)
    assert marked.suspects.tolist() == [7, 3]
    assert marked.out_of_fold_accuracy == 1 - 2 / (len(table) - 1)
    assert marked.seconds == table.seconds + 2
