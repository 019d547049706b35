"""Submissions of other kinds than the kit's own: they score, and what is odd about them is remarked."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from bloodcells.codabench.worker import score
from bloodcells.data.cells import CellSet

pytestmark = pytest.mark.scores

PackZip = Callable[..., Path]
RELATIVE_PATH = "opens a file by a relative path: scored from the submission's own folder, but where the working"
CENTRES = np.arange(8) * 32 + 16.0
"""The brightness in the middle of each class of the flat squares."""


@dataclass(frozen=True)
class Good:
    """A submission that scores.

    Attributes:
        model: the code of model.py, or the members that stand for it by name.
        members: its other files.
        remarks: how they begin.
        checks: whether the check run is made too.
        right: how many of the sixteen labels are.
    """

    model: str | dict[str, str]
    members: dict[str, Callable[[], str | bytes]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    checks: bool = False
    right: int = 15


def saved(save: Callable[..., Any], *values: Any, **named: Any) -> bytes:
    """What ``save`` writes into a file."""
    stream = io.BytesIO()
    if save is joblib.dump:
        save(*values, stream)
    else:
        save(stream, *values, **named)
    return stream.getvalue()


def kerasfile() -> bytes:
    """A network of one layer, saved by the worker's Keras 3.4.1: the nearest of ``CENTRES`` to the mean of an image."""
    return Path(__file__).with_name("brightness.keras").read_bytes()


KERAS_FILE = Good(
    """
import keras

class Model:
    def __init__(self):
        self.network = keras.models.load_model("brightness.keras")

    def predict(self, X):
        scale = 255 if X.dtype.kind == "f" and len(X) and X.max() <= 1 else 1
        return self.network.predict(X.astype("float32") * scale, verbose=0).argmax(axis=1) if len(X) else X[:, 0, 0, 0]
""",
    {"brightness.keras": kerasfile},
    (RELATIVE_PATH,),
)

SCIKIT_LEARN = Good(
    """
from pathlib import Path

import joblib
import numpy as np

class Model:
    def __init__(self):
        self.classifier = joblib.load(Path(__file__).parent / "neighbours.joblib")

    def predict(self, X):
        if not len(X):
            return np.zeros(0, int)
        return self.classifier.predict(X.mean(axis=(1, 2, 3))[:, None])
""",
    {"neighbours.joblib": lambda: saved(joblib.dump, KNeighborsClassifier(1).fit(CENTRES[:, None], np.arange(8)))},
    (
        "imports joblib: as far as is known, the competition's machine",
        "float32 in 0..1: neither recognised nor refused",
    ),
    checks=True,
)

ENSEMBLE = Good(
    """
from pathlib import Path

import numpy as np

class Model:
    def __init__(self):
        self.members = [np.load(path) for path in sorted(Path(__file__).parent.glob("member*.npz"))]

    def predict(self, X):
        if X.dtype.kind == "f" and len(X) and X.max() <= 1:
            raise ValueError("expected pixels 0..255")
        level = X.mean(axis=(1, 2, 3))[:, None]
        votes = [level * member["slope"] + member["offset"] for member in self.members]
        return sum(votes).argmax(axis=1).astype(np.uint8)
""",
    {
        "member1.npz": lambda: saved(np.savez, slope=2 * CENTRES, offset=-(CENTRES**2)),
        "member2.npz": lambda: saved(np.savez, slope=CENTRES, offset=-(CENTRES**2) / 2),
    },
    checks=True,
)

SEVERAL_FILES = Good(
    """
import json
from pathlib import Path

import numpy as np
from features import brightness

FOLDER = Path(__file__).parent

class Model:
    def __init__(self):
        self.settings = json.loads((FOLDER / "settings.json").read_text())
        self.prototypes = np.load(FOLDER / "prototypes.npy")

    def predict(self, X):
        return np.abs(brightness(X, **self.settings)[:, None] - self.prototypes).argmin(axis=1)
""",
    {
        "features.py": lambda: (
            "def brightness(X, unit):\n"
            "    return X.mean(axis=(1, 2, 3)) * (unit if X.dtype.kind == 'f' and X.size and X.max() <= 1 else 1)\n"
        ),
        "settings.json": lambda: '{"unit": 255}',
        "prototypes.npy": lambda: saved(np.save, CENTRES),
    },
)

WITH_STATE = Good(
    """
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

class Model:
    def predict(self, X):
        print("x" * 3_000_000)
        cache = Path(tempfile.mkdtemp()) / "levels.npy"
        with ThreadPoolExecutor(2) as pool:
            np.save(cache, np.array(list(pool.map(np.mean, X)), float))
        levels = np.load(cache)
        if X.dtype.kind == "f" and len(X) and X.max() <= 1:
            levels *= 255
        return (levels // 32).astype(np.int8)
"""
)

WINDOWS = Good("\ufeff" + SEVERAL_FILES.model.replace("\n", "\r\n"), SEVERAL_FILES.members)

NEAREST = """
import glob, os
import numpy as np

class Model:
    def __init__(self):
        self.centres = {loaded}

    def predict(self, X):
        return np.abs(X.mean(axis=(1, 2, 3))[:, None] - self.centres).argmin(axis=1)
"""
CENTRES_FILE: dict[str, Callable[[], str | bytes]] = {"w.npy": lambda: saved(np.save, CENTRES)}


def nearest(loaded: str, *remarks: str, folder: str = "", **options: Any) -> Good:
    """A submission that loads the centres of the classes in this way, from a file in that folder of the zip."""
    members = {folder + name: content for name, content in CENTRES_FILE.items()}
    return Good(NEAREST.format(loaded=loaded), members | options.pop("members", {}), remarks, **options)


HERE = "np.load(os.path.join(os.path.dirname(__file__), {!r}))"
FOLDERS = "the zip holds folders: "
UNREAD = "the zip holds what predict hardly reads: "
OF_ALL_STYLES = {
    "files by a pattern": nearest("np.mean([np.load(path) for path in glob.glob('*.npy')], axis=0)[:8]", RELATIVE_PATH),
    "files of the folder": nearest(
        "np.load([name for name in os.listdir() if name.endswith('.npy')][0])", RELATIVE_PATH
    ),
    "zeros where the file is not found": nearest(
        "np.load('w.npy') if os.path.exists('w.npy') else np.zeros(8)",
        "the labels depend on the working directory: 14 of 16 differ where it is the submission's own folder",
        "float32 in 0..1: neither recognised nor refused",
        checks=True,
        right=3,
    ),
    "members that begin with ./": Good(
        {"./": "", "./model.py": NEAREST.format(loaded=HERE.format("w.npy"))}, {"./w.npy": CENTRES_FILE["w.npy"]}
    ),
    "what macOS, Jupyter and pandas leave": nearest(
        HERE.format("w.npy"),
        UNREAD + "__MACOSX/._model.py, .DS_Store, homework.ipynb, history.csv",
        members=dict.fromkeys(("__MACOSX/._model.py", ".DS_Store", "homework.ipynb", "history.csv"), lambda: b"x"),
    ),
    "weights in a folder": nearest(HERE.format("weights/w.npy"), FOLDERS + "weights/", folder="weights/"),
    "a SavedModel beside a pickle": nearest(
        HERE.format("SubmissionModel/w.npy"),
        FOLDERS + "SubmissionModel/, variables/",
        folder="SubmissionModel/",
        members=dict.fromkeys(
            ("variables/variables.index", "SubmissionModel/saved_model.pb", "x.pickle"), lambda: b"x"
        ),
    ),
    "a package beside model.py": Good(
        "from src.net import Model",
        {"src/__init__.py": lambda: "", "src/net.py": lambda: NEAREST.format(loaded="np.arange(8) * 32 + 16")},
        (FOLDERS + "src/",),
    ),
    "a package called model": Good(
        {
            "model/__init__.py": "from model.net import Model",
            "model/net.py": NEAREST.format(loaded="np.arange(8) * 32"),
        },
        remarks=(FOLDERS + "model/",),
    ),
    "a function called Model": Good(
        NEAREST.format(loaded="np.arange(8) * 32 + 16").replace("Model", "Net")
        + ("\ndef Model():\n    net = Net()\n    net.ready = True\n    return net\n")
    ),
    "predict as an attribute": Good(
        "class Model:\n    def __init__(self):\n"
        "        self.predict = lambda X: (X.mean(axis=(1, 2, 3)) // 32).astype(int)\n"
    ),
    "the path as an argument with a default": Good(
        NEAREST.replace("__init__(self)", "__init__(self, path=os.path.dirname(__file__))").format(
            loaded="np.load(os.path.join(path, 'w.npy'))"
        ),
        CENTRES_FILE,
    ),
}

GOOD = {
    "a .keras file by a relative path": KERAS_FILE,
    "scikit-learn": SCIKIT_LEARN,
    "an ensemble of two": ENSEMBLE,
    "several files": SEVERAL_FILES,
    "threads, a file of its own, 3 MB of output": WITH_STATE,
    "written on Windows": WINDOWS,
    **OF_ALL_STYLES,
}


def cases() -> list:
    """Keras in a process of its own takes as long as all the others together."""
    return [
        pytest.param(good, id=name, marks=[pytest.mark.trains] * (good is KERAS_FILE)) for name, good in GOOD.items()
    ]


@pytest.mark.parametrize("good", cases())
def test_it_scores(good: Good, pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    code = {"model.py": good.model} if isinstance(good.model, str) else good.model
    members = {name: content() for name, content in good.members.items()}
    path = pack_zip(None, "mon modèle.zip", **code, **members)
    work = tmp_path / "où ça marche"
    scores = score(path, brightness_cells, work, checks=good.checks)
    remarks = json.loads((work / "run.json").read_text())["remarks"]
    assert len(remarks) == len(good.remarks), remarks
    for remark, beginning in zip(remarks, good.remarks, strict=True):
        assert remark.startswith(beginning)
    assert scores["accuracy"] == good.right / 16
    assert (work / "prediction" / "logs" / "stdout.txt").stat().st_size < 1_100_000
