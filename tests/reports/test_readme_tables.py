from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bloodcells.errors import KitError
from bloodcells.pages.record import read_records, run_record
from reports.make.readme import draw_picture, filled, results_table

TEMPLATE = """# Title
<!-- results: made by make reports -->
stale | table
<!-- end of results -->
between
<!-- costs: made by make reports -->
<!-- end of costs -->
<!-- timing: made by make reports -->
<!-- end of timing -->
after
"""
TIMING = {
    "zips": [
        {"settings": {"tta_level": 1}, "images": 3421, "zip_to_score_seconds": 40.4, "load_seconds": 4.04,
         "predict_seconds": 30.3, "images_per_second": 112.9, "peak_memory": 1_230_000_000,
         "prediction_run_seconds": 36.0}
    ]
}  # fmt: skip


def test_rows_are_made_from_the_records(run_folder: Path, tmp_path: Path) -> None:
    record = run_record(run_folder)
    record.write(tmp_path / "reports" / "a-page")
    readme = filled(TEMPLATE, read_records(tmp_path / "reports"), TIMING, "reports")
    clean, composite = (record.summary.scores[name]["accuracy"] for name in ("clean", "composite"))
    (row,) = (line for line in readme.splitlines() if "a-page" in line)
    assert row.startswith("| [this kit: EfficientNetB3, `quick` from backbone.h5](reports/a-page/index.md) | ")
    assert f"| {composite:.4f} (" in row and f") | {clean:.4f} (" in row
    assert row.endswith("| 160 | training_set.npz, seed 0; 4 rotations; 2 cores (Invented CPU), no GPU |")
    costs = "| invented-quick-0 | backbone.h5 | 1,280 | 4 | 64 | 2 cores (Invented CPU), no GPU | 0.1 | 6.7 | 0.3 |"
    assert f"{costs} 0.7 | 7.7 |\n" in readme
    assert "| 4 rotations | 3,421 | 40 | 4.0 | 30 | 113 | 1.23 | 6% |" in readme
    assert "stale" not in readme
    assert readme.startswith("# Title\n<!--") and "\nbetween\n" in readme and readme.endswith("\nafter\n")


def test_what_a_command_makes_comes_before_what_it_does_not(run_folder: Path) -> None:
    made = run_record(run_folder)
    by_hand = replace(made, config=replace(made.config, note="in a loop of its own"))
    table = results_table({"a-page": by_hand, "b-page": made}, "reports")
    assert table.index("b-page") < table.index("a-page")
    assert "EfficientNetB3, weights of the kit from backbone.h5](reports/a-page" in table


def test_filling_again_changes_nothing(run_folder: Path) -> None:
    records = {"a-page": run_record(run_folder)}
    once = filled(TEMPLATE, records, TIMING, "reports")
    assert filled(once, records, TIMING, "reports") == once


def test_without_records_the_tables_say_so() -> None:
    readme = filled(TEMPLATE, {}, TIMING, "reports")
    assert "| this kit | no run is published yet |" in readme
    assert "0.9687 (hidden set)" in readme


def test_missing_marker_is_refused() -> None:
    with pytest.raises(KitError, match="lacks its costs"):
        filled(TEMPLATE.replace("end of costs", "end"), {}, TIMING, "reports")


def test_picture_is_light_and_not_empty(tmp_path: Path) -> None:
    draw_picture(tmp_path / "smear.png")
    with Image.open(tmp_path / "smear.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] < 1_200 and pixels.std() > 30
    assert (tmp_path / "smear.png").stat().st_size < 1_000_000
