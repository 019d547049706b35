from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.codabench.archive import extract
from bloodcells.codabench.golden import golden_images
from bloodcells.codabench.isolation import Machine
from bloodcells.codabench.rehearsal import Rehearsal, rehearse
from bloodcells.codabench.stages import SubmissionFailed
from bloodcells.data.cells import CellSet

pytestmark = pytest.mark.scores

GOOD = """
import numpy as np

class Model:
    def predict(self, X):
        return self.predict_probabilities(X).argmax(axis=1)

    def predict_probabilities(self, X):
        scale = 255 if X.dtype.kind == "f" and X.max() <= 1 else 1
        levels = X.reshape(len(X), 96 * 96 * 3).mean(axis=1, dtype=np.float64) * scale / 32
        return np.exp(-np.abs(levels[:, None] - 0.5 - np.arange(8)))
"""


@pytest.fixture
def checked(pack_zip: Callable[..., Path], brightness_cells: CellSet, tmp_path: Path) -> Callable[..., Rehearsal]:
    def check(code: str, **members: str) -> Rehearsal:
        folder = tmp_path / "submission"
        extract(pack_zip(code, **members), folder)
        return rehearse(folder, brightness_cells.images, tmp_path / "work", Machine(30, 2_000_000_000), BLOOD)

    return check


def test_a_good_submission_has_no_remarks(checked: Callable[..., Rehearsal]) -> None:
    rehearsal = checked(GOOD)
    assert rehearsal.labels[:16] == tuple(np.repeat(np.arange(8), 2)) and len(rehearsal.labels) == 257
    assert rehearsal.remarks == () and rehearsal.golden_difference is None and rehearsal.golden_problem() == ""
    assert 0 < rehearsal.seconds_per_image < 0.1 and rehearsal.peak_memory > 10_000_000


BREAKS = {
    "one image": (
        "axis=1)\n\n",
        "axis=1) if len(X) != 1 else np.eye(8)[:1]\n\n",
        "predict of 1 images: Refusal: expected an integer array of shape (1,) with labels 0..7, got float64 of shape "
        "(1, 8). Return one label per image.",
    ),
    "0..1": ("255 if", "1 if", "float32 in 0..1: neither recognised nor refused, 28 of 32 labels differ"),
    "order": (
        "* scale",
        "* scale * (np.arange(len(X)) < 16)",
        "another order of images: ",
    ),
    "state": (
        "levels = ",
        "self.calls = getattr(self, 'calls', 0) + 1\n        levels = (self.calls < 8) * ",
        "the same images again: 28 of 32 labels differ",
    ),
    "dtype": ("X.reshape", "(X * (X.dtype != np.float64)).reshape", "float64 in 0..255: 28 of 32 labels differ"),
}


@pytest.mark.parametrize(("old", "new", "remark"), BREAKS.values(), ids=BREAKS.keys())
def test_what_one_call_does_not_show(checked: Callable[..., Rehearsal], old: str, new: str, remark: str) -> None:
    assert old in GOOD
    remarks = checked(GOOD.replace(old, new)).remarks
    assert any(line.startswith(remark) for line in remarks), remarks


def stored(probabilities: np.ndarray) -> str:
    return f'{{"golden": {np.round(probabilities, 6).tolist()}}}'


def test_golden_outputs_are_compared(checked: Callable[..., Rehearsal]) -> None:
    scope: dict[str, type] = {}
    exec(GOOD, scope)
    probabilities = scope["Model"]().predict_probabilities(golden_images(96))
    assert checked(GOOD, **{"submission.json": stored(probabilities)}).golden_problem() == ""


def test_differing_golden_outputs_are_a_problem(checked: Callable[..., Rehearsal]) -> None:
    rehearsal = checked(GOOD, **{"submission.json": stored(np.zeros((16, 8)))})
    assert rehearsal.golden_problem().startswith("golden outputs differ: expected the probabilities stored at packing")


def test_a_model_that_cannot_be_created_fails(checked: Callable[..., Rehearsal]) -> None:
    with pytest.raises(SubmissionFailed, match=r"check run: importing model\.py: expected a class Model"):
        checked("class Net: ...")


def test_a_report_that_the_submission_has_written_is_refused(checked: Callable[..., Rehearsal]) -> None:
    report = '{"golden_difference": 0, "remarks": [], "labels": [], "load_seconds": -1}'
    code = (
        f"import atexit, pathlib, sys\natexit.register(pathlib.Path(sys.argv[2], 'checks.json').write_text, {report!r})"
    )
    with pytest.raises(SubmissionFailed, match=r"expected checks\.json as check\.py writes it, got another \("):
        checked(f"{code}\n{GOOD}")


def test_the_time_of_the_hidden_set_is_projected() -> None:
    rehearsal = Rehearsal(None, (), load_seconds=10, seconds_per_image=0.2, peak_memory=0, hidden_images=3421)
    assert rehearsal.projected_seconds == pytest.approx(694.2)
    (remark,) = rehearsal.time_remarks(600)
    assert remark == (
        "predict is too slow: projected 694 s for 3,421 images on this machine, limit 600 s. Use a lower TTA level"
    )
    (remark,) = replace(rehearsal, others=0.6).time_remarks(600)
    assert remark.endswith("Other programs took 60% of the processors meanwhile")
    assert rehearsal.time_remarks(700) == []
