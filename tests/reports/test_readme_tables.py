from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bloodcells.errors import KitError
from bloodcells.pages.record import run_record
from reports.make.readme import cost_table, draw_pictures, filled, results_table
from reports.make.seeds import by_recipe
from reports.make.speed_page import score_table

pytestmark = pytest.mark.draws

TEMPLATE = """# Title
<!-- results: made by make reports -->
stale | table
<!-- end of results -->
after
"""
TIMING = {
    "zips": [
        {"settings": {"tta_level": 1}, "images": 3421, "zip_to_score_seconds": 40.4, "load_seconds": 4.04,
         "predict_seconds": 30.3, "images_per_second": 112.9, "peak_memory": 1_230_000_000,
         "prediction_run_seconds": 36.0}
    ]
}  # fmt: skip


def test_rows_are_made_from_the_records(run_folder: Path) -> None:
    record = run_record(run_folder)
    clean, composite = (record.summary.scores[name]["accuracy"] for name in ("clean", "composite"))
    row = results_table(by_recipe({"a-page": record}), {}, "reports").splitlines()[-1]
    assert row.startswith("| this kit: [`quick`](reports/a-page/index.md), 8 minutes on 2 cores | ")
    assert f"| {composite:.4f} (" in row and f") | {clean:.4f} (" in row and row.endswith("| 160 |")


def test_a_zip_has_a_row_of_its_timing() -> None:
    assert "| 4 rotations | 3,421 | 40 | 4.0 | 30 | 113 | 1.23 | 6% |" in score_table(TIMING)


def test_the_costs_of_a_run_are_minutes_by_stage(run_folder: Path) -> None:
    table = cost_table([run_record(run_folder)])
    assert "| invented-quick-0 | 1,280 | 4 | 64 | 0.1 | 6.7 | 0.3 | 0.7 | 7.7 |\n" in table
    assert "invented-quick-0 on 2 cores (Invented CPU), no GPU.*" in table


def test_what_a_command_makes_comes_before_what_it_does_not(run_folder: Path) -> None:
    made = run_record(run_folder)
    by_hand = replace(made, config=replace(made.config, note="in a loop of its own"))
    table = results_table(by_recipe({"a-page": by_hand, "b-page": made}), {}, "reports")
    assert table.index("b-page") < table.index("a-page")
    assert "this kit: [the weights that come with it](reports/a-page" in table


def test_the_seeds_of_a_recipe_are_one_row_with_their_spread(run_folder: Path) -> None:
    record = run_record(run_folder)
    scores = record.summary.scores
    worse = {**scores, "composite": {**scores["composite"], "accuracy": scores["composite"]["accuracy"] - 0.02}}
    other = replace(
        record,
        config=replace(record.config, recipe=replace(record.config.recipe, seed=1)),
        summary=replace(record.summary, scores=worse),
    )
    row = results_table(by_recipe({"b": other, "a": record}), {}, "reports").splitlines()[-1]
    assert row.startswith("| this kit: `quick`, seeds [0](reports/a/index.md), [1](reports/b/index.md), 8 minutes on 2")
    assert f"| {scores['composite']['accuracy'] - 0.01:.4f} ± 0.0141 | " in row and "± 0.0000 | 160 |" in row


def test_a_changed_recipe_says_what_was_changed(run_folder: Path) -> None:
    record = run_record(run_folder)
    changed = replace(record, config=replace(record.config, commands=("bloodcells run --set phases.1.policy=chain",)))
    table = results_table(by_recipe({"a": changed}), {}, "reports")
    assert "[`quick`](reports/a/index.md) with `policy=chain`, 8 minutes" in table


def test_filling_again_changes_nothing() -> None:
    once = filled(TEMPLATE, {"results": "| a |\n"})
    assert "stale" not in once and once.startswith("# Title\n<!--") and once.endswith("\nafter\n")
    assert filled(once, {"results": "| a |\n"}) == once


def test_without_records_the_table_says_so() -> None:
    table = results_table([], {}, "reports")
    assert "| this kit | no run is published yet |" in table and "0.9687 (hidden set)" in table


def test_missing_marker_is_refused() -> None:
    with pytest.raises(KitError, match="lacks its results"):
        filled(TEMPLATE.replace("end of results", "end"), {"results": ""})


def test_picture_is_light_and_not_empty(tmp_path: Path) -> None:
    draw_pictures(tmp_path / "smear.png")
    with Image.open(tmp_path / "smear.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] < 1_200 and pixels.std() > 30
    assert (tmp_path / "smear.png").stat().st_size < 1_000_000
    assert (tmp_path / "each_corruption.png").stat().st_size < 1_000_000
