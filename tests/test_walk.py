"""The whole walk once, as small as EfficientNetB3 allows, and what it leaves in the run folder."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells import walk
from bloodcells.cleaning import CleaningSettings
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import FEWEST_CELLS, draw_smear
from bloodcells.errors import KitError
from bloodcells.recipe import Phase, TrainingConfig

CONFIG = TrainingConfig(
    init="scratch", phases=(Phase("training", 1, "none", 32, batch_size=32, learning_rate=1e-3, warmup_steps=1),)
)


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return draw_smear(FEWEST_CELLS, seed=5).cells


@pytest.fixture(scope="module")
def walked(cells, tmp_path_factory) -> tuple[Path, dict]:
    run = tmp_path_factory.mktemp("a walk")
    return run, walk.walk(cells, CONFIG, 1, run, CleaningSettings())


def test_the_zip_scores_what_the_evaluation_measured(walked):
    run, summary = walked
    for name in ("clean", "composite"):
        measured = json.loads((run / "evaluation.json").read_text())["holdout"][name]["tta1"]["accuracy"]
        assert summary["scores"][name]["accuracy"] == pytest.approx(measured)
        assert (run / "score" / name / "detailed_results.html").exists()


def test_no_cell_is_in_two_parts_and_no_junk_in_any(walked, cells):
    run, _ = walked
    with (run / "split.csv").open() as stream:
        parts = {int(row["index"]): row["part"] for row in csv.DictReader(stream)}
    with (run / "cleaning" / "cleaning.csv").open() as stream:
        kept = {int(row["index"]) for row in csv.DictReader(stream) if row["decision"] == "keep"}
    assert set(parts) == kept
    pictures = {part: set() for part in ("train", "validation", "holdout")}
    for index, part in parts.items():
        pictures[part].add(cells.images[index].tobytes())
    assert sum(len(found) for found in pictures.values()) == len(set().union(*pictures.values()))


def test_the_summary_adds_up(walked, cells):
    run, summary = walked
    assert json.loads((run / "summary.json").read_text()) == summary
    assert summary["cleaning"]["images"] == len(cells)
    assert sum(summary["parts"].values()) == summary["cleaning"]["kept"]
    assert set(summary["seconds"]) == {"clean and split", "train", "evaluate", "package and score"}


def test_the_split_does_not_move_with_the_seed_of_the_run(walked, cells, tmp_path):
    run, _ = walked
    walk.prepare(cells, tmp_path, CleaningSettings())
    assert (tmp_path / "split.csv").read_bytes() == (run / "split.csv").read_bytes()


def test_a_run_gets_its_own_cells_back_and_refuses_others(walked, cells):
    run, summary = walked
    parts = walk.parts_of(run, cells)
    assert len(parts.holdout) == summary["parts"]["holdout"]
    other = CellSet(255 - cells.images, cells.labels, "other cells", BLOOD)
    with pytest.raises(KitError, match=r"other cells is not what .* was trained on: expected training cells"):
        walk.parts_of(run, other)


def submit_with_scores_off_by(walked, cells, monkeypatch, labels: int) -> dict:
    run, summary = walked
    right = iter(summary["accuracy"]["holdout"][name] for name in ("clean", "composite"))
    off = labels / summary["parts"]["holdout"]
    monkeypatch.setattr(walk, "package", lambda *_, **__: None)
    monkeypatch.setattr(walk, "score", lambda *_, **__: {"accuracy": next(right) + off})
    return walk.submit(run, walk.parts_of(run, cells), 1)


@pytest.mark.parametrize("labels", [-2, 2])
def test_a_zip_that_scores_otherwise_is_not_to_be_uploaded(walked, cells, monkeypatch, labels):
    with pytest.raises(KitError, match="the zip scores otherwise than the network"):
        submit_with_scores_off_by(walked, cells, monkeypatch, labels)


def test_one_label_may_differ_and_is_told(walked, cells, monkeypatch, capsys):
    submit_with_scores_off_by(walked, cells, monkeypatch, 0)
    assert capsys.readouterr().out == ""
    submit_with_scores_off_by(walked, cells, monkeypatch, -1)
    assert f"the zip's backend gets -1 of {walked[1]['parts']['holdout']} labels right" in capsys.readouterr().out


def test_the_gate_is_chosen_on_validation_cells_and_packed(walked):
    run, summary = walked
    kept = json.loads((run / "gate.json").read_text())
    assert (kept["tta_level"], kept["chosen_on"]) == (1, "validation")
    for part, sets in kept["effects"].items():
        for name, effect in sets.items():
            assert effect["images"] == summary["parts"][part]
            assert effect["accuracy_gated"] == summary["accuracy"][part][name]
            assert 1 <= effect["views_per_image"] <= 4
            assert part == "holdout" or effect["equal_labels"] >= 0.999
    with zipfile.ZipFile(run / "submission.zip") as archive:
        assert json.loads(archive.read("submission.json"))["gate"] == kept["gate"]


def test_the_corrupted_parts_are_frozen_and_differ_from_each_other(cells):
    parts = walk.Parts(cells, cells, cells)
    first, again = (walk.clean_and_composite(parts, "validation")["composite"] for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, walk.clean_and_composite(parts, "holdout")["composite"].images)


def test_other_cells_are_refused_before_a_trained_run_is_touched(walked, cells):
    run, _ = walked
    before = (run / "split.csv").read_bytes(), (run / "cleaning" / "cleaning.csv").read_bytes()
    with pytest.raises(KitError, match=r"is not what .* was trained on"):
        walk.prepare(draw_smear(FEWEST_CELLS, seed=6).cells, run, CleaningSettings())
    assert before == ((run / "split.csv").read_bytes(), (run / "cleaning" / "cleaning.csv").read_bytes())
