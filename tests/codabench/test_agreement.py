"""The same zip in two environments; the second one here is the same interpreter, `make test-worker` has another."""

import json
import re
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.codabench import agreement
from bloodcells.codabench.agreement import agree, score_with_worker
from bloodcells.codabench.stages import SubmissionFailed
from bloodcells.codabench.worker import score
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]

WITH_PROBABILITIES = """
import numpy as np

class Model:
    def predict(self, X):
        return self.predict_probabilities(X).argmax(axis=1)

    def predict_probabilities(self, X):
        levels = X.reshape(len(X), 96 * 96 * 3).mean(axis=1, dtype=np.float64) / 32
        scores = np.exp(-np.abs(levels[:, None] - 0.5 - np.arange(8)))
        return scores / scores.sum(axis=1, keepdims=True)
"""


@pytest.fixture(autouse=True)
def the_versions_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the competition's NumPy be ours."""
    monkeypatch.setitem(BLOOD.worker_versions, "numpy", np.__version__)


@pytest.fixture
def scored(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> tuple[Path, CellSet, Path]:
    """A zip, its cells and the folder of its run in this environment."""
    zip_path = pack_zip(WITH_PROBABILITIES)
    score(zip_path, brightness_cells, tmp_path / "work", checks=False)
    return zip_path, brightness_cells, tmp_path / "work"


def test_equal_answers_agree(scored: tuple[Path, CellSet, Path]) -> None:
    result = agree(*scored, sys.executable)
    assert (result.images, result.different_labels, result.largest_difference) == (16, 0, 0.0)
    assert str(result).endswith(f"numpy {np.__version__}: 16 of 16 labels equal, probabilities within 0")
    assert json.loads((scored[2] / "agreement.json").read_text())["images"] == 16
    assert json.loads((scored[2] / "run.json").read_text())["submission"] == "submission.zip"


def test_an_interpreter_may_be_named_relative_to_here(
    scored: tuple[Path, CellSet, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_environment: Path
) -> None:
    assert other_environment.is_relative_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert agree(*scored, "environment/bin/python").different_labels == 0


def test_a_submission_without_probabilities_is_compared_by_its_labels(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    score(pack_zip(), brightness_cells, tmp_path / "work", checks=False)
    result = agree(tmp_path / "submission.zip", brightness_cells, tmp_path / "work", sys.executable)
    assert result.largest_difference is None and str(result).endswith("no probabilities to compare")


def answering_otherwise(change: Callable[[Path], None]) -> Callable[..., Any]:
    """`worker.score`, with its output changed as another environment might."""

    def score_otherwise(zip_path: Path, test_set: CellSet, work: Path, **options: Any) -> dict[str, float]:
        scores = score(zip_path, test_set, work, **options)
        change(work / "scoring" / "app" / "input" / "res")
        return scores

    return score_otherwise


def other_labels(output: Path) -> None:
    path = output / "predictions.csv"
    path.write_text(path.read_text().replace("label\n0\n0\n", "label\n0\n5\n"))


def other_probabilities(output: Path) -> None:
    np.save(output / "probabilities.npy", np.load(output / "probabilities.npy") + 0.002)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (other_labels, "15 of 16 labels equal, probabilities within 0."),
        (other_probabilities, "16 of 16 labels equal, probabilities within 0.002."),
    ],
)
def test_other_answers_are_refused(
    scored: tuple[Path, CellSet, Path],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    found: str,
) -> None:
    monkeypatch.setattr(agreement, "score", answering_otherwise(change))
    with pytest.raises(KitError) as caught:
        agree(*scored, sys.executable)
    assert str(caught.value).startswith("the zip gives other answers in the competition's environment: expected equal")
    assert str(caught.value).endswith(f"{found} Do not upload it.")


def test_an_environment_with_other_versions_is_remarked(
    scored: tuple[Path, CellSet, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLOOD.worker_versions, "numpy", "1.26.4")
    agree(*scored, sys.executable)
    *_, remark = json.loads((scored[2] / "run.json").read_text())["remarks"]
    assert remark.startswith(f"{sys.executable} is not the competition's environment: expected numpy 1.26.4, got ")
    with pytest.raises(KitError, match=r"^no interpreter at /nowhere/python\. Build the environment with 'make test"):
        agree(*scored, "/nowhere/python")


@pytest.fixture
def other_environment(tmp_path: Path) -> Path:
    """An interpreter that has our NumPy, and a package that we have not."""
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    for libraries in Path(np.__file__).parents[1].glob("numpy*"):
        (site / libraries.name).symlink_to(libraries)
    (site / "segmentation_models.py").touch()
    return environment / "bin" / "python"


def test_the_other_environment_decides(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path, other_environment: Path
) -> None:
    path, work, told = pack_zip(f"import segmentation_models\n{WITH_PROBABILITIES}"), tmp_path / "work", []
    scores, agreement = score_with_worker(path, brightness_cells, work, str(other_environment), told.append)
    assert scores["accuracy"] == 15 / 16 and agreement is None
    assert json.loads((work / "scores.json").read_text()) == scores
    first, *_ = json.loads((work / "run.json").read_text())["remarks"]
    assert first == (
        f"scored with {other_environment} alone; in the kit's own environment it fails (prediction run: importing "
        "model.py: ModuleNotFoundError: No module named 'segmentation_models'. Only the zip's own files and the "
        "worker's packages are there: put the code beside model.py)"
    )
    assert told[1] == "Predicting 16 images, in at most 600 s."
    assert "0.9375" in (work / "detailed_results.html").read_text()


def test_what_fails_there_fails(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    with pytest.raises(SubmissionFailed, match="No module named 'nowhere'"):
        score_with_worker(pack_zip("import nowhere"), brightness_cells, tmp_path / "work", sys.executable, print)


def test_the_requirements_of_the_worker_are_the_competitions_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    lines = (Path(__file__).parents[2] / "requirements-worker.txt").read_text().splitlines()
    pins = dict(re.match(r"([\w-]+)==([\d.]+)", line).groups() for line in lines if not line.startswith("#"))
    assert pins.pop("tensorflow-cpu") == pins["tensorflow"]
    assert pins == BLOOD.worker_versions
