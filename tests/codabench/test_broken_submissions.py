"""Submissions that get no score: each fails with a line of its own that says what to do.

They are what participants ask about most: the zip of a folder, a file that the machine does not have, a model saved by
a newer Keras, one-hot labels, and more. Every one is a real zip that goes through the whole worker.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bloodcells.codabench.worker import SubmissionFailed, score
from bloodcells.data.cells import CellSet

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]

GOOD = """
import numpy as np

class Model:
    def predict(self, X):
        return np.zeros(len(X), int)
"""


@dataclass(frozen=True)
class Broken:
    """A submission and how it fails.

    Attributes:
        line: how the line begins that the user reads.
        ending: how it ends.
        model: the code of model.py; none at the root of the zip where None.
        members: other files of the zip, or functions that make them.
        stage: where it fails.
        options: limits of the worker.
    """

    line: str
    model: str | None = GOOD
    members: dict[str, Any] = field(default_factory=dict)
    stage: str = "zip"
    options: dict[str, Any] = field(default_factory=dict)
    ending: str = ""


# --- model files -----------------------------------------------------------------------------------------------------

OPENS = "from pathlib import Path\nclass Model:\n    def __init__(self):\n        {}\n    def predict(self, X): ..."
OPENS_H5 = OPENS.format("import h5py; h5py.File(Path(__file__).with_name('net.h5'))")
AS_KERAS = OPENS.format("raise ValueError('File not found: filepath=net.keras. Please ensure the file is accessible')")
"""What Keras 3.4.1 says of every file that is no zip."""


def hdf5(values: np.ndarray) -> bytes:
    with h5py.File("weights.h5", "w", driver="core", backing_store=False) as file:
        file["layers/dense/vars/0"] = values
        file.flush()
        return file.id.get_file_image()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 44500000\n"
MODEL_FILES: dict[str, tuple[str, str, Callable[[], bytes], str]] = {
    "half of the weights": (
        OPENS_H5,
        "net.h5",
        lambda: hdf5(np.ones(1000))[:3000],
        "creating Model(): OSError: Unable to synchronously open file (truncated file: eof = 3000,",
    ),
    "a pointer of Git LFS": (
        OPENS_H5,
        "net.h5",
        lambda: LFS,
        "creating Model(): OSError: Unable to synchronously open file (file signature not found) net.h5 is a Git LFS "
        "pointer of 70 bytes: expected weights. Pull them first.",
    ),
    "half a .keras file": (
        AS_KERAS,
        "net.keras",
        lambda: b"PK\x03\x04",
        "creating Model(): ValueError: File not found: filepath=net.keras. Please ensure the file is accessible "
        "net.keras is truncated or not a Keras file, size 4. Copy it again.",
    ),
    "HDF5 called .keras": (
        AS_KERAS,
        "net.keras",
        lambda: hdf5(np.ones(3)),
        "creating Model(): ValueError: File not found: filepath=net.keras. Please ensure the file is accessible "
        "net.keras is an HDF5 file, and not the zip that load_model takes a .keras file for. Name it .h5",
    ),
}

# --- the code --------------------------------------------------------------------------------------------------------

CREATES = "class Model:\n    def __init__(self):\n        {}\n    def predict(self, X): ..."
RETURNS = "import numpy as np\nclass Model:\n    def predict(self, X):\n        return {}"
NOT_THERE = "Only the zip's own files and the worker's packages are there: put the code beside model.py."
OWN_FOLDER = "Put the file into the zip and open it from the folder of __file__."

PICKLE = b"c__main__\nNet\n."
"""What pickle makes of an object of a class Net that a notebook defines: its name."""

CODE = {
    "imports the repository": (
        "from src.bloodcells import network",
        f"importing model.py: ModuleNotFoundError: No module named 'src'. {NOT_THERE}",
    ),
    "imports the kit": (
        "import bloodcells",
        f"importing model.py: ModuleNotFoundError: import of bloodcells halted; None in sys.modules. {NOT_THERE}",
    ),
    "imports a package that is not there": (
        "import segmentation_models",
        f"importing model.py: ModuleNotFoundError: No module named 'segmentation_models'. {NOT_THERE}",
    ),
    "a syntax error": ("class Model", "importing model.py: SyntaxError: expected ':' (model.py, line 1)"),
    "saved as UTF-16": ("c\x00l\x00a\x00s\x00s\x00", "importing model.py: SyntaxError: source code"),
    "a notebook called model.py": ('{"outputs": null}', "importing model.py: NameError: name 'null' is not defined"),
    "no class": ("class Net: ...", "importing model.py: expected a class Model in model.py, got none. Name it Model."),
    "the class of the years before": (
        "class model:\n    def __init__(self, path): ...\n    def predict(self, X): ...",
        "importing model.py: expected a class Model in model.py, got the class model. Name it Model.",
    ),
    "installs what it needs": (
        "import subprocess, sys; subprocess.check_call([sys.executable, '-c', 'exit(1)', 'install'])",
        "importing model.py: CalledProcessError: Command '[",
    ),
    "no predict": (
        "class Model: ...",
        "creating Model(): expected a method predict(self, X) in Model, got none. Add it.",
    ),
    "asks the network": (
        "import urllib.request; urllib.request.urlopen('http://example.org/weights.h5')",
        "importing model.py: URLError: <urlopen error there is no network here: example.org was asked for>",
    ),
    "asks the user": ("input('which model? ')", "importing model.py: EOFError: EOF when reading a line"),
    "leaves at import": (
        "import sys; sys.exit(0)",
        "importing model.py: expected it to return, but it called sys.exit(0). Remove that call.",
    ),
    "leaves at once": (
        "import os; os._exit(0)",
        "expected predictions.csv, got exit code 0 and no such file. See the end of its output.",
    ),
    "crashes": (
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "expected predictions.csv, got signal 11 and no such file. See the end of its output.",
    ),
    "needs an argument": (
        "class Model:\n    def __init__(self, path): ...\n    def predict(self, X): ...",
        "creating Model(): TypeError: Model.__init__() missing 1 required positional argument: 'path'. Give it a",
    ),
    "weights not in the zip": (
        CREATES.format("import pathlib; (pathlib.Path(__file__).parent / 'w.bin').read_bytes()"),
        "creating Model(): FileNotFoundError: [Errno 2] No such file or directory: '/",
    ),
    "weights in a home folder": (
        CREATES.format("open('/home/me/w.bin')"),
        f"creating Model(): FileNotFoundError: [Errno 2] No such file or directory: '/home/me/w.bin'. {OWN_FOLDER}",
    ),
    "weights by a Windows path": (
        CREATES.format("open('weights' + chr(92) + 'w.bin')"),
        "creating Model(): FileNotFoundError: [Errno 2] No such file or directory: 'weights\\\\w.bin'.",
    ),
    "a cause behind a whole model": (
        CREATES.format("raise TypeError('could not be deserialized. config=' + '[0], ' * 999 + 'Unrecognized: axis')"),
        "creating Model(): TypeError: could not be deserialized. config=[0], [0], ",
    ),
    "a pickle without its class": (
        CREATES.format(f"import pickle; pickle.loads({PICKLE!r})"),
        "creating Model(): AttributeError: Can't get attribute 'Net' on <module '__main__'",
    ),
    "predict without X": (
        "class Model:\n    def predict(self): ...",
        "predict: TypeError: Model.predict() takes 1 positional argument but 2 were given",
    ),
    "predict with categories": (
        "class Model:\n    def predict(self, X, categories): ...",
        "predict: TypeError: Model.predict() missing 1 required positional argument: 'categories'",
    ),
    "an error in predict": (RETURNS.format("1 / 0"), "predict: ZeroDivisionError: division by zero"),
    "a file called metadata": (
        "import sys, pathlib, numpy as np\nclass Model:\n    def predict(self, X):\n"
        "        pathlib.Path(sys.argv[2], 'metadata').touch()\n        return np.zeros(len(X), int)",
        "expected no file called metadata in the output, got one: Codabench writes its own. Rename it.",
    ),
}

# --- what predict returns --------------------------------------------------------------------------------------------

EXPECTED = "predict: expected an integer array of shape (16,) with labels 0..7, got"
RETURNED = {
    "one-hot": (
        "np.eye(8)[np.zeros(16, int)]",
        "float64 of shape (16, 8): one-hot or probabilities. Return their argmax(axis=1).",
    ),
    "a column": ("np.zeros((16, 1), int)", "int64 of shape (16, 1). Return labels[:, 0]."),
    "floats": ("np.zeros(16)", "float64 of shape (16,). Return labels.astype(int)."),
    "names": ("np.full(16, 'basophil')", "<U8 of shape (16,). Return labels.astype(int)."),
    "a list": ("[0] * 16", "list. Return a NumPy array."),
    "a tensor": ("type('EagerTensor', (), {})()", "EagerTensor. Return a NumPy array."),
    "nothing": ("None", "NoneType. Return a NumPy array."),
    "one too few": ("np.zeros(15, int)", "int64 of shape (15,). Return one label per image."),
    "-1": ("np.array([0] * 14 + [-1, 0])", "1 labels outside, the first, -1, at index 14. Count classes from 0."),
    "counted from 1": ("np.array([1, 8] * 8)", "8 labels outside, the first, 8, at index 1. Count classes from 0."),
}

# --- limits, and outputs that are not those of the training ----------------------------------------------------------

LIMITS = {
    "a hang": Broken(
        "prediction run: killed after 1.5 s (limit). Make predict faster",
        "import time; print('still here', flush=True); time.sleep(60)",
        stage="prediction",
        options={"time_limit": 1.5},
    ),
    "too much memory": Broken(
        "prediction run: killed at 0.",
        "import time; block = bytearray(400_000_000); time.sleep(20)",
        stage="prediction",
        options={"memory_limit": 300_000_000},
    ),
    "other outputs than at packing": Broken(
        "check run: golden outputs differ: expected the probabilities stored at packing within 0.001, got",
        GOOD + "    def predict_probabilities(self, X):\n        return np.full((len(X), 8), 1 / 8)\n",
        {"submission.json": json.dumps({"golden": np.eye(8)[[0] * 16].tolist()})},
        stage="check",
        options={"checks": True},
    ),
}

ENDINGS = {"a cause behind a whole model": "[0], Unrecognized: axis"}

BROKEN: dict[str, Broken] = {
    # `test_archive` goes through the zips that are refused.
    "no model.py": Broken("submission.zip holds no model.py: got my_model.py. Put it at", None, {"my_model.py": GOOD}),
    **{
        name: Broken(f"prediction run: {line}", code, {file: content}, stage="prediction")
        for name, (code, file, content, line) in MODEL_FILES.items()
    },
    **{
        name: Broken(f"prediction run: {line}", code, stage="prediction", ending=ENDINGS.get(name, ""))
        for name, (code, line) in CODE.items()
    },
    **{
        f"returns {name}": Broken(f"prediction run: {EXPECTED} {got}", RETURNS.format(value), stage="prediction")
        for name, (value, got) in RETURNED.items()
    },
    **LIMITS,
}


def test_there_are_more_than_thirty_and_no_two_lines_are_equal() -> None:
    assert len(BROKEN) > 30
    assert len({broken.line for broken in BROKEN.values()}) == len(BROKEN)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_it_fails_with_its_own_line(
    broken: Broken, pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    members = {name: content() if callable(content) else content for name, content in broken.members.items()}
    path = pack_zip(broken.model, **members)
    work = tmp_path / "work"
    with pytest.raises(SubmissionFailed) as caught:
        score(path, brightness_cells, work, **{"checks": False, **broken.options})
    line = str(caught.value)
    assert line.startswith(broken.line) and line.endswith(broken.ending) and "\n" not in line
    assert caught.value.stage == broken.stage
    assert escape(line) in (work / "detailed_results.html").read_text()
    assert not (work / "scores.json").exists() and not (work / "run.json").exists()


RELATIVE = """
import numpy as np

class Model:
    def __init__(self):
        self.weights = np.load("w.npy")
        {creating}

    def predict(self, X):
        return {value}
"""
BESIDES = {
    "one-hot": ("", "np.eye(8)[np.zeros(16, int)]", f"{EXPECTED} float64 of shape (16, 8): one-hot"),
    "a list": ("", "[0] * len(X)", f"{EXPECTED} list."),
    "a TypeError": ("", "X + 'x'", "predict: UFuncTypeError: "),
    "weights of another shape": (
        "self.weights @ np.eye(7)",
        "0",
        "creating Model(): ValueError: matmul: Input operand 1",
    ),
}


@pytest.mark.parametrize(("creating", "value", "line"), BESIDES.values(), ids=BESIDES.keys())
def test_a_relative_path_hides_no_other_reason(
    creating: str, value: str, line: str, pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path
) -> None:
    weights = io.BytesIO()
    np.save(weights, np.eye(8))
    path = pack_zip(RELATIVE.format(creating=creating, value=value), **{"w.npy": weights.getvalue()})
    with pytest.raises(SubmissionFailed) as caught:
        score(path, brightness_cells, tmp_path / "work", checks=False)
    assert str(caught.value).startswith(f"prediction run: {line}")
    (remark,) = caught.value.remarks
    assert remark.startswith("opens a file by a relative path: ") and "'w.npy'" in remark
    assert escape(remark) in (tmp_path / "work" / "detailed_results.html").read_text()
