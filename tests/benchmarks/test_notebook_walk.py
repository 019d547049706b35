"""The walk through the notebooks, with a notebook that only leaves what the last one leaves."""

from pathlib import Path

import nbformat
import notebook_walk
import pytest

LEAVES = """
import json, os, shutil
from pathlib import Path

import bloodcells

run = Path(os.environ["BLOODCELLS_RUN"])
for name, accuracy in {"clean": 0.9, "composite": 0.8}.items():
    (run / "score" / name).mkdir(parents=True)
    (run / "score" / name / "scores.json").write_text(json.dumps({"accuracy": accuracy}))
shutil.copy(Path(bloodcells.__file__).parent / "weights" / "evaluation.json", run)
assert os.environ["BLOODCELLS_DATA"].endswith("/cells.npz")
"""


def test_every_notebook_is_timed_and_the_scores_are_those_of_the_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LEAVES)])
    nbformat.write(notebook, notebooks / "05_submit.ipynb")
    monkeypatch.setattr(notebook_walk, "NOTEBOOKS", notebooks)
    for name in ("DATA", "RUN", "PROFILE"):
        monkeypatch.setenv(f"BLOODCELLS_{name}", "other")
    (tmp_path / "place").mkdir()
    record = notebook_walk.walk(Path("/cells.npz"), tmp_path / "place")
    assert record.pop("seconds")["05_submit"] > 0
    scores = {"clean": 0.9, "composite": 0.8}
    assert record == {"cells": "cells.npz", "images": 1194, "profile": "other", "scores": scores}
