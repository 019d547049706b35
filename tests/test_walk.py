"""The whole walk once, with a small network, and what it leaves in the run folder."""

import csv
import json
import shutil
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
from bloodcells.pages.run_page import draw_run
from bloodcells.recipe import Phase, Recipe
from bloodcells.run import Config, Gate, Measurement, Request, Run, Sitting, Summary, Temperature, metrics_by_set

pytestmark = pytest.mark.usefixtures("small_backbone")
CONFIG = Recipe(
    init="scratch", phases=(Phase("training", 1, "none", 32, batch_size=32, learning_rate=1e-3, warmup_steps=1),)
)


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return draw_smear(FEWEST_CELLS, seed=5).cells


@pytest.fixture(scope="module")
def walked(cells, tmp_path_factory) -> tuple[Path, Summary]:
    run = tmp_path_factory.mktemp("a walk")
    request = Request("bloodcells run", "tiny", "synthetic")
    return run, walk.walk(cells, CONFIG, 1, run, CleaningSettings(), sitting=Sitting(request))


def test_the_zip_scores_what_the_evaluation_measured(walked):
    run, summary = walked
    for name, measured in metrics_by_set(Run(run).rows(Measurement), "holdout", 4).items():
        assert summary.scores[name]["accuracy"] == pytest.approx(measured.accuracy)
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
    assert Run(run).read(Summary) == summary
    assert summary.cleaning.images == len(cells)
    assert sum(summary.parts.values()) == summary.cleaning.kept
    assert set(summary.seconds) == {"clean and split", "train", "evaluate", "package and score"}


def test_the_split_does_not_move_with_the_seed_of_the_run(walked, cells, tmp_path):
    run, _ = walked
    walk.prepare(cells, tmp_path, CleaningSettings())
    assert (tmp_path / "split.csv").read_bytes() == (run / "split.csv").read_bytes()


def test_a_run_gets_its_own_cells_back_and_refuses_others(walked, cells):
    run, summary = walked
    parts = walk.parts_of(run, cells)
    assert len(parts.holdout) == summary.parts["holdout"]
    other = CellSet(255 - cells.images, cells.labels, "other cells", BLOOD)
    with pytest.raises(KitError, match=r"other cells is not what .* was trained on: expected training cells"):
        walk.parts_of(run, other)
    with pytest.raises(KitError, match=r"is not what .* was trained on: expected more than \d+ images, got 9"):
        walk.parts_of(run, cells.take(np.arange(9)))


def test_what_was_asked_for_is_recorded_when_the_run_begins(walked):
    config = Run(walked[0]).read(Config)
    assert (config.commands, config.recipe_name, config.data) == (("bloodcells run",), "tiny", "synthetic")
    assert config.recipe == CONFIG


def submit_with_scores_off_by(walked, cells, monkeypatch, labels: int) -> dict[str, dict[str, float]]:
    run, summary = walked
    right = iter(of.accuracy for of in metrics_by_set(Run(run).rows(Measurement), "holdout", 4).values())
    off = labels / summary.parts["holdout"]
    monkeypatch.setattr(walk, "package", lambda *_, **__: None)
    monkeypatch.setattr(walk, "score", lambda *_, **__: {"accuracy": next(right) + off})
    return walk.submit(run, walk.parts_of(run, cells), 1)


@pytest.mark.parametrize("labels", [-2, 2])
def test_a_zip_that_scores_otherwise_is_not_to_be_uploaded(walked, cells, monkeypatch, labels):
    with pytest.raises(KitError, match="the zip does not score what the network scores"):
        submit_with_scores_off_by(walked, cells, monkeypatch, labels)


def test_one_label_may_differ_and_is_told(walked, cells, monkeypatch, capsys):
    submit_with_scores_off_by(walked, cells, monkeypatch, 0)
    assert capsys.readouterr().out == ""
    submit_with_scores_off_by(walked, cells, monkeypatch, -1)
    assert f"the zip's backend gets -1 of {walked[1].parts['holdout']} labels right" in capsys.readouterr().out


def test_the_gate_is_chosen_on_validation_cells_and_packed(walked):
    run, summary = walked
    (kept,) = Run(run).rows(Gate)
    assert kept.views == 4
    for effect in kept.effects:
        assert effect.images == summary.parts[effect.part]
        measured = metrics_by_set(Run(run).rows(Measurement), effect.part, 4)[effect.set]
        assert effect.accuracy_gated == measured.accuracy
        assert 1 <= effect.views_per_image <= 4
        assert effect.part == "holdout" or effect.equal_labels >= 0.999
    with zipfile.ZipFile(run / "submission.zip") as archive:
        settings = json.loads(archive.read("submission.json"))
    assert settings["gate"] == kept.gate
    single, chosen = Run(run).rows(Temperature)
    assert (single.views, chosen.views) == (1, 4) and settings["temperature"] == chosen.temperature != 1
    assert {(one.part, one.set): one.before for one in chosen.effects} == {
        (row.part, row.set): row.metrics.calibration_error for row in Run(run).rows(Measurement) if row.views == 4
    }


def test_the_corrupted_parts_are_frozen_and_differ_from_each_other(cells):
    parts = walk.Parts(cells, cells, cells)
    first, again = (walk.Parts(cells, cells, cells).sets("validation")["composite"] for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, parts.sets("holdout")["composite"].images)


def test_the_corruption_is_made_once(cells):
    parts = walk.Parts(cells, cells, cells)
    assert parts.sets("validation") is parts.sets("validation")


def test_evaluating_another_level_keeps_what_was_measured(walked, cells, tmp_path):
    """It overwrote the gate of the zip's level, and `report` ended in a KeyError."""
    run = tmp_path / "run"
    shutil.copytree(walked[0], run)
    before = Run(run).rows(Measurement)
    walk.measure(run, walk.parts_of(run, cells), 2)
    after = Run(run).rows(Measurement)
    assert [row for row in after if row.views != 8] == list(before)
    assert {row.views for row in after} == {1, 4, 8}
    assert Run(run).gate(4) == Run(walked[0]).gate(4) is not None
    assert [gate.views for gate in Run(run).rows(Gate)] == [4, 8]
    assert "8 dihedral views" in draw_run(run, tmp_path / "page").read_text(encoding="utf-8")


def test_a_level_that_was_not_measured_is_not_submitted(walked, cells):
    with pytest.raises(KitError, match="expected metrics of the holdout over 8 views"):
        walk.submit(walked[0], walk.parts_of(walked[0], cells), 2)


def test_other_cells_are_refused_before_a_trained_run_is_touched(walked, cells):
    run, _ = walked
    before = (run / "split.csv").read_bytes(), (run / "cleaning" / "cleaning.csv").read_bytes()
    with pytest.raises(KitError, match=r"is not what .* was trained on"):
        walk.prepare(draw_smear(FEWEST_CELLS, seed=6).cells, run, CleaningSettings())
    assert before == ((run / "split.csv").read_bytes(), (run / "cleaning" / "cleaning.csv").read_bytes())
