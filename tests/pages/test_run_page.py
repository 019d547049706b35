import json
import re
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bloodcells.errors import KitError
from bloodcells.pages.plots import learning_curves, recall_by_class, reliability_curves
from bloodcells.pages.record import read_record, read_records, run_record
from bloodcells.pages.run_page import draw_run, redraw_run, run_page
from bloodcells.pages.words import PARTS
from bloodcells.run import CleaningCounts, Config, Epoch, Measurement, Run, Summary

pytestmark = pytest.mark.draws


def test_page_names_n_seed_hardware_and_command(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    for fact in ("seed 0", "2 cores (Invented CPU), no GPU", "| training | 1,280 |", "same 160 images"):
        assert fact in text
    command = "bloodcells run --data training_set.npz --init=backbone.h5 --tta 1 --out runs/invented-quick-0"
    assert f"```\n{command}\n```" in text
    assert "| bloodcells | 1.2, commit abc1234+changes |" in text


def test_page_holds_the_figures_of_the_record(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    record = read_record(page)
    for row in record.measurements:
        words = {1: "single view", 4: "4 rotations"}[row.views]
        assert f"| {PARTS[row.part]} | {row.set} | {words} | {row.metrics.accuracy:.4f} |" in text
    for scores in record.summary.scores.values():
        assert f"{scores['accuracy']:.4f}" in text


def test_page_tells_what_the_temperature_does(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    assert "| hold-out | clean | 160 | 0.0900 | 0.0100 |" in text
    assert "to the power of 1/0.60, made to sum to 1" in text


def test_record_without_a_temperature_is_drawn_without_one(page: Path, tmp_path: Path) -> None:
    shutil.copytree(page, tmp_path / "page")
    record = json.loads((page / "record.json").read_text())
    del record["temperatures"]
    (tmp_path / "page" / "record.json").write_text(json.dumps(record))
    assert "temperature" not in redraw_run(tmp_path / "page").read_text(encoding="utf-8")


def test_bins_of_few_images_are_hollow_and_all_have_their_interval(run_folder: Path) -> None:
    record = run_record(run_folder)
    before, after = reliability_curves(record.holdout, record.temperature, "title").axes
    assert after.get_title() == "at temperature 0.60\ncalibration error: clean 0.010, composite 0.010"
    assert before.get_title().startswith("as averaged\ncalibration error: clean ")
    assert len(after.lines) == 1 + 4
    few = replace(record.temperatures[0], effects=tuple(
        replace(one, reliability=((9, 0.9, 1.0), (10, 0.95, 1.0))) for one in record.temperatures[0].effects
    ))  # fmt: skip
    _, after = reliability_curves(record.holdout, few, "title").axes
    hollow, full = after.collections[0].get_facecolors()
    assert hollow.tolist() == [1, 1, 1, 1] and full.tolist() == after.collections[0].get_edgecolors()[0].tolist()


def test_corruptions_are_listed_with_their_family(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    assert "| jpeg | storage | 50 | 0.500 |" in text and "| smear | blur | 60 | 0.750 |" in text


def test_phases_are_listed_with_what_they_reached(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    assert "| the head | 1 | flips | 64 | 64 | 0.002 | 80 | 2 | 0.5000 | 0.3000 |" in text
    assert "| the whole network | 2 | flips | 64 | 64 | 0.001 | 80 | 3 | 0.7000 | 0.5000 |" in text


def test_set_that_was_not_measured_after_an_epoch_is_a_dash_and_a_gap(run_folder: Path) -> None:
    epochs = [
        replace(epoch, validation={"clean": epoch.validation["clean"]}) for epoch in Run(run_folder).rows(Epoch)[:2]
    ]
    Run(run_folder).add(*epochs)
    record = run_record(run_folder)
    assert "| the head | 1 | flips | 64 | 64 | 0.002 | 80 | 2 | 0.5000 | – |" in run_page(record)
    composite = learning_curves(record.epochs).axes[0].lines[5].get_ydata()
    assert np.isnan(composite[:2]).all() and np.isfinite(composite[2:]).all()


def test_names_of_phases_do_not_touch_each_other() -> None:
    lengths = {"flips": 3, "chain, 64 px": 4, "warm restart": 4, "whole depth": 90, "a late one": 2, "end": 5}
    phases = [name for name, length in lengths.items() for _ in range(length)]
    epochs = [Epoch(number, phase, 0.5, 1.0, {}, 1e-3, 1.0, 1.0) for number, phase in enumerate(phases, 1)]
    figure = learning_curves(epochs)
    figure.draw_without_rendering()
    names = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(names) == len(lengths)
    assert "2 chain, 64 px" in figure.axes[0].get_xlabel()
    assert not any(one.overlaps(other) for one, other in combinations(names, 2))


def test_every_picture_is_written_and_shown(page: Path) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (page / "index.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(path.name for path in page.iterdir() if path.suffix in (".png", ".jpg"))
    for name in shown:
        with Image.open(page / name) as picture:
            assert min(picture.size) >= 300


def test_nothing_private_or_heavy_is_published(page: Path) -> None:
    assert {path.suffix for path in page.iterdir()} == {".md", ".png", ".jpg", ".json", ".html"}
    for path in page.iterdir():
        content = path.read_bytes()
        assert b"somebody" not in content and str(page.parent).encode() not in content
    assert read_record(page).config.recipe.init == "backbone.h5"


def test_page_is_the_same_when_drawn_again(page: Path, run_folder: Path, tmp_path: Path) -> None:
    again = draw_run(run_folder, tmp_path).parent
    for path in page.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_resumed_run_counts_the_seconds_of_all_epochs(run_folder: Path) -> None:
    assert run_record(run_folder).seconds["train"] == 400.0


def test_run_from_python_says_so_and_a_note_stands_in_place_of_commands(run_folder: Path) -> None:
    run, config = Run(run_folder), Run(run_folder).read(Config)
    run.write(replace(config, commands=()))
    assert "No command made this run" in run_page(run_record(run_folder))
    run.write(replace(config, note="The last epochs were trained elsewhere."))
    text = run_page(run_record(run_folder))
    assert "The last epochs were trained elsewhere." in text and "bloodcells run" not in text


def test_every_command_that_made_the_figures_is_printed(run_folder: Path) -> None:
    for _ in range(2):
        Run(run_folder).note_commands("bloodcells evaluate --run runs/invented-quick-0 --tta 2")
    text = run_page(run_record(run_folder))
    assert "--out runs/invented-quick-0\nbloodcells evaluate --run runs/invented-quick-0 --tta 2\n```" in text


def test_page_of_a_run_that_was_evaluated_at_another_level_shows_both(run_folder: Path) -> None:
    rows = Run(run_folder).rows(Measurement)
    Run(run_folder).add(*(replace(row, views=8) for row in rows if row.views == 4))
    text = run_page(run_record(run_folder))
    assert "| hold-out | clean | 4 rotations |" in text and "| hold-out | clean | 8 dihedral views |" in text


def test_page_and_figures_are_drawn_from_the_record_alone(page: Path, tmp_path: Path) -> None:
    for name in ("record.json", "errors.html", "errors.jpg"):
        shutil.copy(page / name, tmp_path)
    redraw_run(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (page / path.name).read_bytes(), path.name
    assert {path.name for path in page.iterdir()} == {path.name for path in tmp_path.iterdir()}


def test_a_page_whose_pictures_of_errors_are_gone_shows_none(page: Path, tmp_path: Path) -> None:
    shutil.copy(page / "record.json", tmp_path)
    assert "errors.jpg" in (page / "index.md").read_text()
    assert "errors" not in redraw_run(tmp_path).read_text().split("## Data")[0].replace("calibration error", "")


def test_class_without_cells_is_drawn(run_folder: Path) -> None:
    record = run_record(run_folder)
    sets = record.holdout
    recall = sets["composite"].per_class_recall
    sets["composite"] = replace(sets["composite"], per_class_recall=(*recall[:3], None, *recall[4:]))
    offsets = recall_by_class(sets, record.config.competition.classes, "recall").axes[0].collections[3].get_offsets()
    assert offsets.shape == (8, 2) and offsets.mask[3, 0]


def test_incomplete_run_is_refused_in_one_line(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "summary.json").unlink()
    with pytest.raises(KitError, match=r"file not found: .*summary.json"):
        draw_run(run_folder, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_run_without_the_views_of_its_zip_is_refused(run_folder: Path) -> None:
    Run(run_folder).write(replace(Run(run_folder).read(Summary), views=8))
    with pytest.raises(KitError, match=r"expected metrics of the validation over 8 views, got those of no set"):
        run_record(run_folder)


def test_cut_off_metrics_are_refused(run_folder: Path) -> None:
    with (run_folder / "metrics.jsonl").open("a") as stream:
        stream.write('{"epoch": 5, "pha')
    with pytest.raises(KitError, match=r"metrics.jsonl is damaged"):
        run_record(run_folder)


def test_records_of_runs_are_found_by_page(run_folder: Path, tmp_path: Path) -> None:
    for page in ("b", "a"):
        run_record(run_folder).write(tmp_path / "reports" / page)
    assert list(read_records(tmp_path / "reports")) == ["a", "b"]


def test_a_page_of_somebody_else_is_not_replaced(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.md").write_text("mine")
    with pytest.raises(KitError, match=r"page holds index.md, which this step would replace"):
        draw_run(run_folder, tmp_path / "page")
    assert [path.read_text() for path in (tmp_path / "page").iterdir()] == ["mine"]
    (tmp_path / "page" / "index.md").unlink()
    draw_run(run_folder, tmp_path / "page")
    draw_run(run_folder, tmp_path / "page")


def test_decisions_of_a_person_are_named_where_there_are_any(run_folder: Path) -> None:
    assert "decision" not in run_page(run_record(run_folder)).split("## Data")[1].split("## Cost")[0]
    run = Run(run_folder)
    run.write(replace(run.read(Config), decisions_sha256="cd" * 32))
    run.write(replace(run.read(Summary), cleaning=replace(run.read(CleaningCounts), dropped_by_decision=3)))
    text = run_page(run_record(run_folder))
    assert "| dropped by decision | 3 |" in text and f"SHA-256 of the decisions `{'cd' * 8}`" in text
