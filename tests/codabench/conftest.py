"""Cells for tiny submissions, and a function that packs one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD
from tiny_submissions import packed

from bloodcells.data.cells import CellSet

PackZip = Callable[..., Path]


@pytest.fixture(scope="session")
def brightness_cells() -> CellSet:
    """Sixteen flat images, two of each label; the last label is wrong on purpose."""
    labels = np.repeat(np.arange(8), 2)
    images = np.broadcast_to((labels * 32 + 10).astype(np.uint8)[:, None, None, None], (16, 96, 96, 3)).copy()
    labels[-1] = 0
    images.flags.writeable = labels.flags.writeable = False
    return CellSet(images, labels, "flat squares", BLOOD)


@pytest.fixture
def pack_zip(tmp_path: Path) -> PackZip:
    """A function that writes a zip from code for model.py and other members by name."""
    return partial(packed, tmp_path)
