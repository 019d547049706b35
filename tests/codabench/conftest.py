"""Tiny submissions: a zip of a few lines of NumPy is scored in a second."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.data.cells import CellSet

BY_BRIGHTNESS = """
import numpy as np

class Model:
    def predict(self, X):
        scale = 255 if X.dtype.kind == "f" and X.max() <= 1 else 1
        return (X.mean(axis=(1, 2, 3)) * scale // 32).astype(int)
"""
"""A good submission: the cells of `brightness_cells` have the labels that it predicts, but for the last."""

PackZip = Callable[..., Path]


@pytest.fixture
def brightness_cells() -> CellSet:
    """Sixteen flat images, two of each label; the last label is wrong on purpose."""
    labels = np.repeat(np.arange(8), 2)
    images = np.broadcast_to((labels * 32 + 10).astype(np.uint8)[:, None, None, None], (16, 96, 96, 3)).copy()
    labels[-1] = 0
    return CellSet(images, labels, "flat squares", BLOOD)


@pytest.fixture
def pack_zip(tmp_path: Path) -> PackZip:
    """A function that writes a zip from code for model.py and other members by name."""

    def pack(model: str | None = BY_BRIGHTNESS, name: str = "submission.zip", **members: str | bytes) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            if model is not None:
                archive.writestr("model.py", model)
            for member, content in members.items():
                archive.writestr(member, content)
        return path

    return pack
