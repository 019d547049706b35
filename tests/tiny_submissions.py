"""Tiny submissions: a zip of a few lines of NumPy is scored in a second."""

import zipfile
from pathlib import Path

BY_BRIGHTNESS = """
import numpy as np

class Model:
    def predict(self, X):
        scale = 255 if X.dtype.kind == "f" and X.max() <= 1 else 1
        return (X.mean(axis=(1, 2, 3)) * scale // 32).astype(int)
"""
"""A good submission: the cells of `brightness_cells` have the labels that it predicts, but for the last."""


def packed(
    folder: Path, model: str | None = BY_BRIGHTNESS, name: str = "submission.zip", **members: str | bytes
) -> Path:
    """Write the zip ``name`` into ``folder``."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        if model is not None:
            archive.writestr("model.py", model)
        for member, content in members.items():
            archive.writestr(member, content)
    return folder / name
