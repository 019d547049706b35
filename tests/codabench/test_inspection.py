"""What the inspection program reads off a submission's code."""

import sys
from pathlib import Path

import pytest
from competitions import BLOOD

from bloodcells.codabench.stages import PROGRAMS

MACHINE = {"tensorflow": "2.17.0", "keras": "3.4.1", "numpy": "1.26.4"}


@pytest.fixture
def remarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function from code to remarks: the code of model.py, and of other files by name."""
    monkeypatch.syspath_prepend(PROGRAMS.parent)
    monkeypatch.syspath_prepend(PROGRAMS / "inspection")
    for name in ("inspection", "modelfiles"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import inspection

    def of(code: str, **others: str) -> list[str]:
        for name, content in {"model": code, **others}.items():
            (tmp_path / f"{name}.py").write_text(content)
        return inspection.import_remarks(tmp_path, MACHINE)

    return of


def test_what_the_machine_is_not_known_to_have_is_named(remarks) -> None:
    (line,) = remarks("import imagehash, keras_cv.layers\ndef late():\n    from sklearn import svm")
    assert line == (
        "imports imagehash, keras_cv, sklearn: as far as is known, the competition's machine has tensorflow 2.17.0, "
        "keras 3.4.1, numpy 1.26.4 and what these bring, and no more. Do without, or try it with --worker"
    )
    assert {name: BLOOD.worker_versions[name] for name in MACHINE} == MACHINE


@pytest.mark.parametrize(
    "code",
    {
        "what it has": "import os, h5py, tensorflow as tf\nfrom keras import layers\nfrom numpy import array",
        "its own files": "import features\nfrom . import model",
        "what it can do without": "try:\n    import cv2\nexcept ImportError:\n    cv2 = None",
        "what nobody can read": "import cv2 and",
    }.values(),
)
def test_everything_else_is_not(remarks, code: str) -> None:
    assert remarks(code, features="") == []
