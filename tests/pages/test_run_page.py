import inspect
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD
from PIL import Image

from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_json
from bloodcells.pages.plots import learning_curves, recall_by_class
from bloodcells.pages.record import read_records, run_record
from bloodcells.pages.run_page import draw_run, run_page

DRAWN_BY_DEFAULT = inspect.signature(draw_smear).parameters["cells"].default


def test_page_names_n_seed_hardware_and_command(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    for fact in ("seed 0", "2 cores (Invented CPU), no GPU", "| train | 1280 |", "same 160 cells"):
        assert fact in text
    command = "bloodcells run --data data/training_set.npz --profile quick --init backbone.h5 --seed 0 --tta 1"
    assert f"{command} --out runs/invented-quick-0" in text


def test_page_holds_the_figures_of_the_record(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    record = read_json(page / "record.json")
    for part, sets in record["metrics"].items():
        for name, levels in sets.items():
            for level, words in (("tta0", "single view"), ("tta1", "4 rotations")):
                assert f"| {part} | {name} | {words} | 160 | {levels[level]['accuracy']:.4f} |" in text
    for scores in record["scores"].values():
        assert f"{scores['accuracy']:.4f}" in text


def test_corruptions_are_listed_with_their_family(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    assert "| jpeg | storage | 50 | 0.500 |" in text and "| smear | blur | 60 | 0.750 |" in text


def test_phases_are_listed_with_what_they_reached(page: Path) -> None:
    text = (page / "index.md").read_text(encoding="utf-8")
    assert "| head | 1 | flips | 64 | 64 | 0.002 | 80 | 2 | 0.5000 | 0.3000 |" in text
    assert "| fine-tuning | 2 | flips | 64 | 64 | 0.001 | 80 | 3 | 0.7000 | 0.5000 |" in text


def test_set_that_was_not_measured_after_an_epoch_is_a_dash_and_a_gap(run_folder: Path) -> None:
    record = run_record(run_folder)
    for epoch in record["epochs"][:2]:
        del epoch["composite_accuracy"]
    assert "| head | 1 | flips | 64 | 64 | 0.002 | 80 | 2 | 0.5000 | – |" in run_page(record)
    composite = learning_curves(record["epochs"]).axes[0].lines[1].get_ydata()
    assert np.isnan(composite[:2]).all() and np.isfinite(composite[2:]).all()


def test_names_of_phases_do_not_touch_each_other() -> None:
    lengths = {"flips": 3, "chain, 64 px": 4, "warm restart": 4, "whole depth": 90, "a late one": 2, "end": 5}
    phases = [name for name, length in lengths.items() for _ in range(length)]
    epochs = [{"epoch": number, "phase": phase, "accuracy": 0.5} for number, phase in enumerate(phases, 1)]
    figure = learning_curves(epochs)
    figure.draw_without_rendering()
    names = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(names) == len(lengths) - 1
    assert not any(one.overlaps(other) for one, other in combinations(names, 2))


def test_every_picture_is_written_and_shown(page: Path) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (page / "index.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(path.name for path in page.iterdir() if path.suffix in (".png", ".jpg"))
    for name in shown:
        with Image.open(page / name) as picture:
            assert min(picture.size) >= 300


def test_nothing_private_or_heavy_is_published(page: Path) -> None:
    assert {path.suffix for path in page.iterdir()} == {".md", ".png", ".jpg", ".json"}
    for path in page.iterdir():
        content = path.read_bytes()
        assert b"somebody" not in content and str(page.parent).encode() not in content
    assert read_json(page / "record.json")["config"]["init"] == "backbone.h5"


def test_page_is_the_same_when_drawn_again(page: Path, run_folder: Path, tmp_path: Path) -> None:
    again = draw_run(run_folder, tmp_path).parent
    for path in page.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_resumed_run_counts_the_seconds_of_all_epochs(run_folder: Path) -> None:
    assert run_record(run_folder)["seconds"]["train"] == 400.0


def test_settings_of_no_profile_have_no_command(run_folder: Path) -> None:
    config = read_json(run_folder / "config.json")
    write_json(run_folder / "config.json", {**config, "epochs": 99})
    record = run_record(run_folder)
    assert record["command"] is None
    assert "No single command" in run_page(record)


@pytest.mark.parametrize(
    ("origin", "data"),
    [
        (f"synthetic smear, {DRAWN_BY_DEFAULT} cells, seed 0", "--data synthetic "),
        ("bloodmnist_128.npz", "--data bloodmnist "),
        ("mine.npz", "--data data/mine.npz "),
        ("synthetic smear, 400 cells, seed 0", None),
    ],
)
def test_command_names_the_source(run_folder: Path, origin: str, data: str | None) -> None:
    write_json(run_folder / "summary.json", {**read_json(run_folder / "summary.json"), "cells": origin})
    command = run_record(run_folder)["command"]
    assert command is None if data is None else data in command


def test_class_without_cells_is_drawn(run_folder: Path) -> None:
    sets = {name: levels["tta1"] for name, levels in read_json(run_folder / "evaluation.json")["holdout"].items()}
    sets["composite"]["per_class_recall"][3] = None
    offsets = recall_by_class(sets, BLOOD.classes, "recall").axes[0].collections[2].get_offsets()
    assert offsets.shape == (8, 2) and offsets.mask[3, 0]


def test_incomplete_run_is_refused_in_one_line(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "summary.json").unlink()
    with pytest.raises(KitError, match=r"file not found: .*summary.json"):
        draw_run(run_folder, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_cut_off_metrics_are_refused(run_folder: Path) -> None:
    with (run_folder / "metrics.jsonl").open("a") as stream:
        stream.write('{"epoch": 5, "pha')
    with pytest.raises(KitError, match=r"metrics.jsonl is damaged"):
        run_record(run_folder)


def test_records_of_runs_are_found_by_page(run_folder: Path, tmp_path: Path) -> None:
    for page in ("b", "a"):
        write_json(tmp_path / "reports" / page / "record.json", run_record(run_folder))
    write_json(tmp_path / "reports" / "other" / "record.json", {"kind": "cleaning"})
    assert [record["page"] for record in read_records(tmp_path / "reports")] == ["a", "b"]
