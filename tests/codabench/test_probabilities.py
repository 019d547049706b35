"""Probabilities on the result page: caught where predict goes through predict_probabilities, and only if they fit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bloodcells.codabench.worker import SubmissionFailed, score
from bloodcells.data.cells import CellSet

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]

MODEL = """
import numpy as np

class Model:
    def predict(self, X):
        return self.predict_probabilities(X).argmax(axis=1)

    def predict_probabilities(self, X):
        levels = X.mean(axis=(1, 2, 3)) // 32
        return np.where(levels[:, None] == np.arange(8), 0.93, 0.01)
"""


def results(zip_path: Path, cells: CellSet, work: Path) -> tuple[np.ndarray | None, str]:
    """The probabilities that were kept, and the page."""
    assert score(zip_path, cells, work, checks=False)["accuracy"] == 15 / 16
    kept = work / "prediction" / "app" / "output" / "probabilities.npy"
    return np.load(kept) if kept.exists() else None, (work / "detailed_results.html").read_text()


def ranked_by_loss(cells: CellSet) -> CellSet:
    columns = ("accuracy", "log_loss", "roc_auc")
    return replace(cells, competition=replace(cells.competition, metric="log_loss", leaderboard=columns))


def test_a_competition_may_rank_by_them(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    scores = score(pack_zip(MODEL), ranked_by_loss(brightness_cells), tmp_path / "work", checks=False)
    assert list(scores) == ["accuracy", "log_loss", "roc_auc"]
    assert scores["log_loss"] == pytest.approx(-(15 * np.log(0.93) + np.log(0.01)) / 16)
    assert "log loss, lower is better" in (tmp_path / "work" / "detailed_results.html").read_text()


def test_labels_alone_are_refused_where_a_column_needs_more(
    pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    labels_alone = MODEL.replace("predict_probabilities", "scores")
    with pytest.raises(SubmissionFailed) as caught:
        score(pack_zip(labels_alone), ranked_by_loss(brightness_cells), tmp_path / "work", checks=False)
    assert str(caught.value) == (
        "scoring run: comparing: expected probabilities for log_loss, got labels alone. Let predict go through a "
        "method predict_probabilities(X) of the same Model."
    )


WAYS = {
    "at once": MODEL,
    "in chunks": MODEL.replace(
        "self.predict_probabilities(X)", "np.concatenate([self.predict_probabilities(x) for x in np.split(X, 4)])"
    ),
}


@pytest.mark.parametrize("model", WAYS.values(), ids=WAYS.keys())
def test_they_are_kept_and_drawn(model: str, pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    probabilities, page = results(pack_zip(model), brightness_cells, tmp_path / "work")
    assert probabilities is not None and probabilities.shape == (16, 8) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities[3], np.eye(8)[1] * 0.92 + 0.01, rtol=1e-6)
    assert "<dt>expected calibration error</dt><dd>0.0075</dd>" in page and "<circle" in page


MISFITS = {
    "none": MODEL.replace("predict_probabilities", "scores").replace("0.01", "0.0"),
    "not distributions": MODEL.replace("0.93", "5.0"),
    "in another order": MODEL.replace("(X).argmax(axis=1)", "(X[::-1]).argmax(axis=1)[::-1]"),
    "of an ensemble": MODEL.replace(
        "return self.predict_probabilities(X)", "return (self.predict_probabilities(X) + self.predict_probabilities(X))"
    ),
    "in a dictionary": MODEL.replace("predict_probabilities(X).", 'predict_probabilities(X)["all"].').replace(
        "return np.where(levels[:, None] == np.arange(8), 0.93, 0.01)", 'return {"all": np.eye(8)[levels.astype(int)]}'
    ),
    "with slots": MODEL.replace("class Model:", "class Model:\n    __slots__ = ()"),
}


@pytest.mark.parametrize("model", MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit_is_left_out_and_scores_all_the_same(
    model: str, pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    probabilities, page = results(pack_zip(model), brightness_cells, tmp_path / "work")
    assert probabilities is None
    assert "predict has returned labels alone" in page
