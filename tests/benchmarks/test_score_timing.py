"""The timing of a zip at a size that a test can afford."""

import json
import sys
import zipfile
from pathlib import Path

import pytest
import score_timing

from bloodcells.data.cells import CellSet, save_cells

MODEL = """
import time

import numpy as np

time.sleep(0.3)

class Model:
    def predict(self, X):
        time.sleep(0.5)
        return np.zeros(len(X), int)
"""


def test_every_zip_is_measured_on_as_many_images(
    cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_cells(tmp_path / "cells.npz", cells)
    with zipfile.ZipFile(tmp_path / "tta2.zip", "w") as archive:
        archive.writestr("model.py", MODEL)
        archive.writestr("submission.json", json.dumps({"tta_level": 2, "classes": list("abc")}))
    record = tmp_path / "record.json"
    images = len(cells) + 7
    arguments = [str(tmp_path / "tta2.zip"), "--data", str(tmp_path / "cells.npz"), "--images", str(images)]
    monkeypatch.setattr(sys, "argv", ["score_timing.py", *arguments, "--json", str(record)])
    score_timing.main()
    (row,) = json.loads(record.read_text())["zips"]
    assert (row["images"], row["settings"]) == (images, {"tta_level": 2})
    assert 0.5 <= row["predict_seconds"] < row["prediction_run_seconds"] < row["zip_to_score_seconds"]
    assert row["load_seconds"] >= 0.3
    assert row["images_per_second"] == pytest.approx(images / row["predict_seconds"], rel=0.02)
    head, _, line = capsys.readouterr().out.strip().splitlines()
    assert head.count("|") == line.count("|") and line.startswith(f"| tta2.zip | 2 | {images} | ")
