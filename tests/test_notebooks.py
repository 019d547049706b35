"""The notebooks are well formed, and run from the first to the last cell in a folder that holds nothing else."""

import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from bloodcells.run import Measurement, Run, metrics_by_set

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
NAMES = ("01_explore", "02_clean", "03_augment", "04_train", "05_submit")


def test_all_five_are_there() -> None:
    assert tuple(path.stem for path in NOTEBOOKS) == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_well_formed_and_light(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < 1_500_000
    opening, closing = notebook.cells[0], notebook.cells[-1]
    assert opening.cell_type == "markdown"
    assert all(f"**{word}**" in opening.source for word in ("Reads", "Writes", "Costs"))
    assert closing.cell_type == "code" and "assert " in closing.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_outputs_name_no_folder_and_no_error(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    words = [str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert not re.search(r"(^|[\s'\"(])(/[\w.-]+){2,}", "\n".join(words))


def test_notebooks_run_in_order_and_the_quick_profile_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a copy, on the synthetic smear. The canary: a network that stays below the floor has not been trained."""
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", ""))))
    monkeypatch.setenv("BLOODCELLS_DATA", "synthetic")
    monkeypatch.setenv("BLOODCELLS_PROFILE", "quick")
    for name in ("INIT", "RUN", "CELLS"):
        monkeypatch.delenv(f"BLOODCELLS_{name}", raising=False)
    for name in NAMES:
        notebook = nbformat.read(tmp_path / "notebooks" / f"{name}.ipynb", as_version=4)
        NotebookClient(
            notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": tmp_path / "notebooks"}}
        ).execute()
    run = tmp_path / "runs" / "synthetic-quick-0"
    expected = {"cleaning", "split.csv", "config.json", "metrics.jsonl", "evaluation.json", "submission.zip", "score"}
    assert expected <= {path.name for path in run.iterdir()}
    assert metrics_by_set(Run(run).rows(Measurement), "validation", 1)["clean"].accuracy >= 0.70
