import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.codabench import stages
from bloodcells.codabench.isolation import Finished, run_isolated
from bloodcells.codabench.worker import SubmissionFailed, score
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.measuring.evaluation import label_metrics

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]


def failure(zip_path: Path, cells: CellSet, work: Path, time_limit: float = 60) -> SubmissionFailed:
    with pytest.raises(SubmissionFailed) as caught:
        score(zip_path, cells, work, time_limit, checks=False)
    assert "\n" not in str(caught.value)
    assert not (work / "scores.json").exists()
    return caught.value


def test_a_good_submission_gets_the_score_of_the_evaluation(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    work = tmp_path / "work with a space"
    told: list[str] = []
    scores = score(pack_zip(), brightness_cells, work, tell=told.append, sandbox="none")
    begins = ("Unpacking", "Predicting 16 images", "The prediction took", "Trying other orders", "Scoring")
    assert len(told) == 5 and all(map(str.startswith, told, begins))
    predicted = np.repeat(np.arange(8), 2)
    expected = label_metrics(brightness_cells.labels, predicted, 8)
    assert {key: scores[key] for key in expected} == expected
    assert scores["accuracy"] == 15 / 16
    assert tuple(scores) == BLOOD.leaderboard
    assert json.loads((work / "scores.json").read_text()) == scores
    html = (work / "detailed_results.html").read_text()
    assert "0.9375" in html and "http" not in html
    record = json.loads((work / "run.json").read_text())
    assert record["remarks"] == [] and record["cells_sha256"] == brightness_cells.sha256


def test_the_memory_of_the_submission_is_not_that_of_the_kit(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    """A child inherits ``ru_maxrss`` from the process that starts it."""
    kit = np.ones(100_000_000)
    score(pack_zip(), brightness_cells, tmp_path / "work", checks=False)
    assert kit.nbytes == 800_000_000
    metadata = json.loads((tmp_path / "work/prediction/app/output/metadata.json").read_text())
    assert 10_000_000 < metadata["peak_memory"] < 400_000_000
    assert metadata["versions"]["numpy"] == np.__version__


def test_the_prediction_run_holds_the_containers_files_and_no_truth(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    score(pack_zip(), brightness_cells, tmp_path / "work")
    app = tmp_path / "work" / "prediction" / "app"
    assert sorted(path.name for path in app.iterdir()) == ["ingested_program", "input_data", "output", "program"]
    assert [path.name for path in (app / "input_data").iterdir()] == ["images.npy"]
    assert sorted(path.name for path in (app / "output").iterdir()) == ["metadata.json", "predictions.csv"]
    scoring = tmp_path / "work" / "scoring" / "app"
    assert sorted(path.name for path in (scoring / "input").iterdir()) == ["ref", "res"]
    assert "metadata" not in [path.name for path in (scoring / "output").iterdir()]


def test_an_unfit_zip_fails_before_it_runs(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    error = failure(pack_zip(None, **{"a/model.py": ""}), brightness_cells, tmp_path / "work")
    assert error.stage == "zip"
    assert "must be at the root" in (tmp_path / "work" / "detailed_results.html").read_text()


def test_what_a_failing_submission_printed_is_kept(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    code = (
        "import sys\nclass Model:\n    def predict(self, X):\n"
        "        print('looking at', len(X)); print('<warning>', file=sys.stderr)\n        return 1 / 0"
    )
    error = failure(pack_zip(code), brightness_cells, work)
    assert str(error) == "prediction run: predict: ZeroDivisionError: division by zero"
    for text in ("looking at 16", "<warning>", "Traceback", 'model.py", line 5, in predict'):
        assert text in error.log_tail
    assert "&lt;warning&gt;" in (work / "detailed_results.html").read_text()
    assert "looking at 16" in (work / "prediction" / "logs" / "stdout.txt").read_text()


def test_a_second_run_leaves_nothing_of_the_first(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    score(pack_zip(), brightness_cells, tmp_path / "work", checks=False)
    failure(pack_zip("class Net: ..."), brightness_cells, tmp_path / "work")
    assert not (tmp_path / "work" / "run.json").exists()
    assert "expected a class Model" in (tmp_path / "work" / "detailed_results.html").read_text()


def test_what_no_score_has_made_is_neither_removed_nor_replaced(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    (work / "submission").mkdir(parents=True)
    (work / "submission" / "model.py").write_text("mine")
    (work / "run.json").symlink_to("nowhere")
    before = sorted(work.rglob("*"))
    with pytest.raises(KitError, match=r"work holds run.json, submission, which this step would replace"):
        score(pack_zip(), brightness_cells, work, checks=False)
    assert sorted(work.rglob("*")) == before
    assert (work / "submission" / "model.py").read_text() == "mine"


def test_neither_truth_nor_scoring_program_is_on_the_disk_before_the_prediction_has_ended(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, ended = tmp_path / "work", []

    def found() -> list[str]:
        return sorted(path.name for path in work.rglob("*") if path.name in ("labels.npy", "scoring.py"))

    def run_and_look(words: list[str], app: Path, *arguments: Any) -> Finished:
        assert (found() == []) == (app.parent.name != "scoring")
        ended.append(app.parent.name)
        return run_isolated(words, app, *arguments)

    monkeypatch.setattr(stages, "run_isolated", run_and_look)
    score(pack_zip(), brightness_cells, work, checks=False)
    assert ended == ["inspection", "prediction", "scoring"] and found() == ["labels.npy", "scoring.py"]


def with_scoring_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: Callable[[str], str]) -> None:
    """Let the worker use a changed ``scoring.py``."""
    programs = tmp_path / "programs"
    shutil.copytree(stages.PROGRAMS, programs)
    path = programs / "scoring" / "scoring.py"
    path.write_text(change(path.read_text()))
    monkeypatch.setattr(stages, "PROGRAMS", programs)


BAD_PREDICTIONS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "got an empty file."),
    "extra column": (b"label\n" + b"3,0.5\n" * 16, "got more than one column, '3,0.5', at index 0."),
    "no header": (b"3\n" * 16, "got '3' in line 1."),
    "text": (b"label\n3\nplatelet\n", "got 'platelet' at index 1. Write numbers."),
    "too many": (b"label\n" + b"3\n" * 18, "got 18 labels for 16 images: first surplus index 16."),
    "too few": (b"label\n" + b"3\n" * 9, "got 9 labels for 16 images: first missing index 9."),
    "NaN": (b"label\n3\nnan\ninf\n", "got 2 NaN or infinite, first at index 1."),
    "unknown class": (b"label\n3\n8\n-1\n", "got 2 other values, first 8 at index 1."),
}


@pytest.mark.parametrize(("change", "line"), BAD_PREDICTIONS.values(), ids=BAD_PREDICTIONS.keys())
def test_the_scoring_program_checks_the_predictions(
    brightness_cells: CellSet,
    tmp_path: Path,
    change: bytes,
    line: str,
    pack_zip: PackZip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stages, "run_isolated", changing_the_predictions(change))
    error = failure(pack_zip(), brightness_cells, tmp_path / "work")
    assert error.stage == "scoring"
    assert str(error).startswith(
        "scoring run: comparing: expected predictions.csv with the line 'label', then 16 lines with one label 0..7 "
        f"each, {line}"
    )


def changing_the_predictions(change: bytes) -> Callable[..., Finished]:
    """`isolation.run_isolated`, with its output changed as nobody's submission can."""

    def run_and_change(words: list[str], app: Path, *arguments: Any) -> Finished:
        end = run_isolated(words, app, *arguments)
        predictions = app / "output" / "predictions.csv"
        if predictions.exists():
            predictions.write_bytes(change)
        return end

    return run_and_change


BAD_SCORES = {
    "too large": ('"duration": 1e10', "expected a number below 1e+10 for duration, got 10000000000.0."),
    "NaN": ('"duration": float("nan")', "expected a number below 1e+10 for duration, got nan."),
}


@pytest.mark.parametrize(("entry", "line"), BAD_SCORES.values(), ids=BAD_SCORES.keys())
def test_scores_that_the_leaderboard_cannot_hold_are_refused(
    pack_zip: PackZip,
    brightness_cells: CellSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: str,
    line: str,
) -> None:
    metadata = '"duration": metadata["duration"]'
    with_scoring_program(monkeypatch, tmp_path, lambda code: code.replace(metadata, f"{metadata}, {entry}"))
    error = failure(pack_zip(), brightness_cells, tmp_path / "work")
    assert str(error).startswith(f"scoring run: comparing: {line}")


def test_a_column_that_the_scoring_program_does_not_fill_is_refused(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_scoring_program(monkeypatch, tmp_path, lambda code: code.replace('"duration": metadata["duration"],', ""))
    error = failure(pack_zip(), brightness_cells, tmp_path / "work")
    assert "got ['duration']. Correct the leaderboard." in str(error)


def test_a_foreign_scoring_program_is_checked_as_well(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = "import sys, pathlib; pathlib.Path(sys.argv[2], 'scores.json').write_text('{\"acc\": 1}')"
    with_scoring_program(monkeypatch, tmp_path, lambda code: write)
    error = failure(pack_zip(), brightness_cells, tmp_path / "work")
    assert str(error).startswith("scoring run: expected the leaderboard's columns accuracy, ")
    assert str(error).endswith("got acc. Correct the scoring program.")


def test_classes_that_do_not_occur_are_scored_and_listed(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    some = brightness_cells.take(np.arange(4))
    scores = score(pack_zip(), some, tmp_path / "work", checks=False)
    assert scores["accuracy"] == scores["macro_f1"] == 1.0
    html = (tmp_path / "work" / "detailed_results.html").read_text()
    assert html.count("no images") == 6 and html.count("never") == 6


def test_a_folder_that_cannot_be_written_is_named(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        KitError, match=r"^cannot write .*file/work: Not a directory\. Choose another folder with --out\."
    ):
        score(pack_zip(), brightness_cells, tmp_path / "file" / "work")
