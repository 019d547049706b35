import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.corruption.corruption_error import ALEXNET, RESNET18, balanced_error, be, error_row, relative_be
from bloodcells.corruption.medmnist_c import CORRUPTIONS
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError


def test_the_published_rows_give_the_published_figures():
    assert pytest.approx(1.0) == be(ALEXNET)
    assert pytest.approx(0.1125, abs=5e-4) == ALEXNET.mean
    assert pytest.approx(0.1099, abs=5e-4) == RESNET18.mean
    assert pytest.approx(1.27, abs=0.01) == be(RESNET18)
    assert pytest.approx(1.0) == relative_be(ALEXNET)


def test_balanced_error_counts_every_class_alike():
    cells = CellSet(np.zeros((4, 96, 96, 3), np.uint8), np.array([0, 0, 0, 1]), "x", BLOOD)
    assert balanced_error(cells, np.zeros(4, np.int64)) == pytest.approx(0.5)


def test_a_row_needs_every_corruption_and_every_severity():
    complete = {name: [0.1] * 5 for name in CORRUPTIONS}
    assert error_row("ours", 0.02, complete).mean == pytest.approx(0.1)
    with pytest.raises(KitError, match="expected errors for"):
        error_row("ours", 0.02, {"jpeg_compression": [0.1] * 5})
    with pytest.raises(KitError, match="expected 5 severities, got 4"):
        error_row("ours", 0.02, {**complete, "bubble": [0.1] * 4})
