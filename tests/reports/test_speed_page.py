"""The page of the speed: its figures are those of the records, and the published one is up to date."""

from pathlib import Path

import pytest

from bloodcells.errors import KitError
from bloodcells.files import write_json
from reports.make.speed_page import speed_page, write_speed_page

ENVIRONMENT = {"cores": 2, "cpu": "Invented CPU", "accelerators": []}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with invented records of every benchmark."""
    zips = [{"settings": {"tta_level": 0}, "images": 3421, "zip_to_score_seconds": 20.0, "load_seconds": 4.0,
             "predict_seconds": 12.0, "images_per_second": 285.1, "peak_memory": 9e8,
             "prediction_run_seconds": 18.0}]  # fmt: skip
    zips.append({**zips[0], "settings": {"tta_level": 2, "gate": 0.7}})
    write_json(tmp_path / "score.json", {"zips": zips, "environment": ENVIRONMENT})
    plain = {"images_per_second": 45.0, "accuracy": 0.9}
    gated = {"images_per_second": 180.0, "times": 4.0, "equal_labels": 0.999, "accuracy": 0.901}
    levels = {"composite": {"tta1": {"images": 1024, "plain": plain, "all_views": {**gated, "times": 1.5},
                                     "gated": gated}}}  # fmt: skip
    process = {"load_seconds": 0.4, "first_seconds": 0.01, "images": 20000, "peak_memory": 1.2e9}
    predict = {"run": "invented", "levels": levels, "batches": {"64": {"plain": 180, "packed": 270, "times": 1.5}},
               "processes": {"packed": process}, "working_size": 96, "threads": 2, "gate": 0.4,
               "environment": ENVIRONMENT}  # fmt: skip
    write_json(tmp_path / "predict.json", predict)
    rows = [{"size": 64, "threads": threads, "batch": 32, "keras": [keras, keras, 1.0], "memory": [44.0] * 3,
             "kit": [kit, kit, 99.0]} for threads, keras, kit in ((1, 40.0, 50.0), (2, 66.0, 80.0))]  # fmt: skip
    write_json(tmp_path / "training.json", {"rows": rows, "turns": 3, "environment": ENVIRONMENT})
    policies = {"flips": {"images_per_second": 8060.4, "times": 152.92}}
    throughput = {"working_size": 96, "batch_size": 32, "rounds": 3, "training": {"images_per_second": 34.2},
                  "policies": policies, "environment": ENVIRONMENT}  # fmt: skip
    write_json(tmp_path / "augmentation.json", throughput)
    installed = {**ENVIRONMENT, "python": "3.13.0", "packages": {"tensorflow": "2.20.0"}}
    walk = {"platform": "Colab", "cells": "cells.npz", "images": 1194, "profile": "quick", "environment": installed,
            "seconds": {"04_train": 90.0, "05_submit": 30.0}, "scores": {"clean": 0.99, "composite": 0.75}}  # fmt: skip
    write_json(tmp_path / "notebooks_colab.json", walk)
    return tmp_path


def test_figures_are_those_of_the_records(folder: Path) -> None:
    page = write_speed_page(folder).read_text(encoding="utf-8")
    assert "| single view | 3,421 | 20 | 4.0 | 12 | 285 | 0.90 | 3% |" in page
    assert "| 8 dihedral views, gated | 3,421 |" in page
    assert "| composite | 4 rotations | the zip, gated | 180.0 | 4.0 | 0.9990 |" in page
    assert "| 64 | 1 | 32 | 40.0 | 44.0 | 50.0 | 1.25 |" in page
    assert "62% of what 2 threads do" in page
    assert "| `flips` | 8,060 | 152.9 |" in page
    assert "| Colab | 3.13.0 | 2.20.0 | 1.5 | 0.5 | 2.0 | 0.9900 | 0.7500 |" in page


def test_a_missing_record_is_named(folder: Path) -> None:
    (folder / "predict.json").unlink()
    with pytest.raises(KitError, match=r"predict\.json"):
        speed_page(folder)
