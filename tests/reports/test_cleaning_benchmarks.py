"""The page of the cleaning's benchmarks: its figures are those of the records, and the published one is up to date."""

from pathlib import Path

import pytest

from bloodcells.errors import KitError
from bloodcells.files import write_json
from reports.make.cleaning_benchmarks import benchmark_page, write_benchmark_page

ENVIRONMENT = {"cores": 2, "cpu": "Invented CPU", "accelerators": []}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with invented records of every benchmark."""
    for seed, recall in enumerate((0.99, 0.97)):
        figures = {"copy_recall": recall, "copy_precision": 1.0, "recall_by_kind": {"shift": recall, "crop": 1.0}}
        ours = {**figures, "unrelated_recall": 0.95, "unrelated_precision": 1.0}
        methods = {"bloodcells": ours, "plain recipe": {**figures, "copy_recall": 0.5}}
        record = {"data": "invented.npz", "images": 3810, "seed": seed, "methods": methods}
        write_json(tmp_path / f"benchmark_seed{seed}.json", record)
    methods = [{"rule": {"suspects": 20, "recall": recall, "precision": 0.8, "named": 1.0}} for recall in (0.9, 0.7)]
    planted = [
        {"kind": "look-alike", "seed": seed, "planted": 12, "methods": found} for seed, found in enumerate(methods)
    ]
    features = [{"features": "last layer", "working_size": 96, "cells": 600, "accuracy": 0.75, "suspects": 4,
                 "cpu_seconds": 12.3}]  # fmt: skip
    labels = {"data": "invented.npz", "cells": 600, "init": "some.h5", "working_size": 128, "folds": 5,
              "cpu_seconds": {"looking": 31, "predicting": 4}, "accuracy": 0.955, "suspects": {"rule": 8},
              "share": 0.02, "planted": planted, "features": features, "environment": ENVIRONMENT}  # fmt: skip
    write_json(tmp_path / "labels.json", labels)
    hashes = {"images": 3000, "imagehash_one_view": 1.0, "imagehash_eight_views": 8.0, "bloodcells_registration": 0.2,
              "bloodcells_sixteen_hashes": 0.3}  # fmt: skip
    pairs = [{"hashes": 1000000, "distance": 4, "planted": 5000, "found": 4999, "seconds": 3.0, "peak_gigabytes": 0.6}]
    write_json(tmp_path / "speed.json", {"hashes": hashes, "pairs": pairs, "environment": ENVIRONMENT})
    return tmp_path


def test_figures_are_those_of_the_records(folder: Path) -> None:
    page = benchmark_page(folder)
    assert "| bloodcells | 0.980 (0.970 to 0.990) | 1.000 (1.000 to 1.000) | 0.950 (0.950 to 0.950) |" in page
    assert "| plain recipe | 0.500 (0.500 to 0.500) | 1.000 (1.000 to 1.000) | - | - |" in page
    assert "| bloodcells | 0.980 | 1.000 |" in page
    assert (
        "| look-alike | rule | 8 | 20 | 0.800 (0.700 to 0.900) | 0.800 (0.800 to 0.800) | 1.000 (1.000 to 1.000) |"
        in page
    )
    assert "| last layer | 96 | 0.7500 | 4 | 12 |" in page
    assert "| bloodcells, the eight views of both windows | 0.30 | 16.0 |" in page
    assert "| ImageHash, one view | 1.00 |" in page
    assert "| 1,000,000 | 4 | 3.0 | 0.60 | 4,999 of 5,000 |" in page


def test_seeds_hardware_and_commands_are_said(folder: Path) -> None:
    page = benchmark_page(folder)
    assert "the seeds 0 and 1" in page and "2 cores (Invented CPU), no GPU" in page
    assert "--seed 1 --json reports/cleaning/benchmark_seed1.json" in page
    assert "--compare 600 \\\n    --json reports/cleaning/labels.json" in page
    assert "--distance 4 \\\n    --json reports/cleaning/speed.json" in page


def test_a_missing_record_is_named(folder: Path) -> None:
    (folder / "labels.json").unlink()
    with pytest.raises(KitError, match=r"file not found: .*labels\.json"):
        benchmark_page(folder)
    with pytest.raises(KitError, match="no record of the planted benchmark"):
        benchmark_page(folder / "elsewhere")


def test_the_page_is_written_beside_its_records(folder: Path) -> None:
    assert write_benchmark_page(folder) == folder / "README.md"
    assert (folder / "README.md").read_text(encoding="utf-8") == benchmark_page(folder)
