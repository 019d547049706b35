"""Submissions that want more than a score: each gets what it deserves, in one line, and none of the kit's files."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bloodcells.codabench.isolation import Finished
from bloodcells.codabench.prediction import labels_in, metadata_in
from bloodcells.codabench.sandbox import chosen_sandbox
from bloodcells.codabench.stages import Ended
from bloodcells.codabench.worker import SubmissionFailed, score
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]

HONEST = """
import json, os, pathlib, shutil, sys, time
import numpy as np

OUTPUT = pathlib.Path(sys.argv[2])
WORK = {work!r}

class Model:
    def predict(self, X):
        {mischief}
        return (X.mean(axis=(1, 2, 3)) // 32).astype(int)
"""


@pytest.fixture(params=["none", "required"])
def sandbox(request: pytest.FixtureRequest) -> str:
    """Without a sandbox, and with bubblewrap where it is installed."""
    try:
        chosen_sandbox(request.param, "")
    except KitError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture
def scored(pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path, sandbox: str) -> Callable[..., Any]:
    """A function that scores a submission which does this mischief before it predicts."""

    def score_it(mischief: str) -> dict[str, float]:
        work = tmp_path / "work"
        code = HONEST.format(work=str(work), mischief=mischief.strip().replace("\n", "\n        "))
        return score(pack_zip(code), brightness_cells, work, time_limit=60, checks=False, sandbox=sandbox)

    return score_it


REWRITING = """
if not os.fork():
    os.setsid()
    if not os.fork():
        while True:
            for path in [*OUTPUT.glob("*"), *pathlib.Path(WORK).rglob("scores.json")]:
                try: path.write_text(json.dumps(dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), 0.999)))
                except OSError: pass
            time.sleep(0.01)
    os._exit(0)
"""


def test_what_it_leaves_behind_rewrites_no_scores(scored, tmp_path: Path) -> None:
    try:
        scores = scored(REWRITING)
    except SubmissionFailed as error:  # what it rewrote was its own predictions
        assert "Leave it alone" in str(error) or "predictions.csv" in str(error)
        return
    assert scores["accuracy"] == 15 / 16
    time.sleep(0.2)
    assert json.loads((tmp_path / "work" / "scores.json").read_text()) == scores


THINGS = """
os.mkfifo(OUTPUT / "pipe")
os.symlink("/nowhere", OUTPUT / "dangling")
os.symlink("/usr", OUTPUT / "system")
os.symlink("/etc/hostname", OUTPUT / "detailed_results.html")
(OUTPUT / "folder").mkdir()
(OUTPUT / "notes.txt").write_text("mine")
"""


def test_only_files_are_taken_from_its_output(scored, tmp_path: Path) -> None:
    assert scored(THINGS)["accuracy"] == 15 / 16
    taken = (tmp_path / "work" / "scoring" / "app" / "input" / "res").iterdir()
    assert sorted(path.name for path in taken) == ["metadata.json", "notes.txt", "predictions.csv"]


FAILING = {
    "an output folder that leads elsewhere": (
        "shutil.rmtree(OUTPUT); (OUTPUT.parent / 'other').mkdir(); os.symlink(OUTPUT.parent / 'other', OUTPUT)",
        "prediction run: expected a folder of at most 100 files and 100,000,000 bytes as output, got Not a directory",
    ),
    "a metric in another ingestion program": (
        "sys.modules['__main__'].json = type('json', (), dict(dumps=lambda value: '{\"duration\": -5000}'))",
        "prediction run: expected metadata.json as the ingestion program writes it, got another (",
    ),
    "escape sequences in an exception of two lines": (
        "raise ValueError('\\x1b[2Jgone\\n\\x1b]0;title\\x07')",
        r"prediction run: predict: ValueError: \x1b[2Jgone \x1b]0;title\x07",
    ),
    "no time at all": (
        "import atexit; atexit.register(lambda: (OUTPUT / 'metadata.json').write_text('{\"duration\": 0}'))",
        "prediction run: expected metadata.json as the ingestion program writes it, got another (duration: expected",
    ),
}


@pytest.mark.parametrize(("mischief", "line"), FAILING.values(), ids=FAILING.keys())
def test_it_fails_in_one_line(scored, mischief: str, line: str) -> None:
    with pytest.raises(SubmissionFailed) as caught:
        scored(mischief)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_sleeper_that_holds_the_pipes_delays_nothing(scored) -> None:
    started = time.monotonic()
    assert scored("os.fork() or (os.setsid(), time.sleep(50))")["accuracy"] == 15 / 16
    assert time.monotonic() - started < 40


@pytest.mark.parametrize("sandbox", ["none"], indirect=True)
def test_a_work_folder_that_is_gone_is_told_in_one_line(scored) -> None:
    with pytest.raises(KitError) as caught:
        scored("shutil.rmtree(WORK)")
    assert "\n" not in str(caught.value)


METADATA = {
    "no duration": b"{}",
    "a list": b"[1]",
    "no JSON": b"{",
    "nested": b"[" * 100_000,
    "NaN": b'{"duration": NaN}',
    "more than the run took": b'{"duration": 99}',
    "versions that are none": b'{"duration": 1, "versions": [3]}',
    "negative memory": b'{"duration": 1, "peak_memory": -1}',
}


@pytest.mark.parametrize("content", METADATA.values(), ids=METADATA.keys())
def test_metadata_that_cannot_be_is_refused(content: bytes) -> None:
    end = Finished(0, "", 5.0, 0, 0.0, Path(), Path())
    with pytest.raises(SubmissionFailed, match=r"expected metadata\.json as the ingestion program writes it, got"):
        metadata_in(Ended(end, {"metadata.json": content}))
    metadata_in(Ended(end, {"metadata.json": b'{"duration": 4.9, "versions": {"numpy": "2"}, "more": 1}'}))


def test_labels_that_are_none_count_as_wrong() -> None:
    end = Finished(0, "", 5.0, 0, 0.0, Path(), Path())
    files = {"predictions.csv": b"label\n3\n-1\nplatelet\n99999999999999999999\n"}
    assert np.array_equal(labels_in(Ended(end, files)), [3, -1, -1, -1])
