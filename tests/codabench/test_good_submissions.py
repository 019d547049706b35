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

PackZip = Callable[..., Path]
CENTRES = np.arange(8) * 32 + 16.0
"""The brightness in the middle of each class of the flat squares."""


@dataclass(frozen=True)
class Good:
    """A submission that scores: model.py, its other files, and how its remarks begin."""

    model: str
    members: dict[str, Callable[[], str | bytes]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


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
    ("opens a file by a relative path: scored from the submission's own folder",),
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
    ("float32 in 0..1: neither recognised nor refused",),
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

GOOD = {
    "a .keras file by a relative path": KERAS_FILE,
    "scikit-learn": SCIKIT_LEARN,
    "an ensemble of two": ENSEMBLE,
    "several files": SEVERAL_FILES,
    "threads, a file of its own, 3 MB of output": WITH_STATE,
    "written on Windows": WINDOWS,
}


def cases() -> list:
    """Keras in a process of its own takes as long as all the others together."""
    return [
        pytest.param(good, id=name, marks=[pytest.mark.trains] * (good is KERAS_FILE)) for name, good in GOOD.items()
    ]


@pytest.mark.parametrize("good", cases())
def test_it_scores(good: Good, pack_zip: PackZip, brightness_cells: CellSet, tmp_path: Path) -> None:
    path = pack_zip(good.model, "mon modèle.zip", **{name: content() for name, content in good.members.items()})
    work = tmp_path / "où ça marche"
    scores = score(path, brightness_cells, work)
    assert scores["accuracy"] == 15 / 16
    remarks = json.loads((work / "run.json").read_text())["remarks"]
    assert len(remarks) == len(good.remarks), remarks
    for remark, beginning in zip(remarks, good.remarks, strict=True):
        assert remark.startswith(beginning)
    assert (work / "prediction" / "logs" / "stdout.txt").stat().st_size < 1_100_000
