from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.data import sources
from bloodcells.data.cells import save_cells
from bloodcells.data.sources import open_source
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.errors import KitError


def test_synthetic_is_the_whole_smear(tmp_path: Path) -> None:
    cells = open_source("synthetic", tmp_path, BLOOD, seed=5, cells=100)
    assert cells.sha256 == draw_smear(100, seed=5).cells.sha256
    assert cells.origin == "synthetic smear, 100 cells, seed 5"


def test_a_path_is_loaded(tmp_path: Path) -> None:
    cells = draw_smear(100, seed=1).cells
    save_cells(tmp_path / "training set.npz", cells)
    assert open_source(str(tmp_path / "training set.npz"), tmp_path, BLOOD).sha256 == cells.sha256


def test_bloodmnist_is_fetched_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(folder: Path) -> Path:
        path = folder / "bloodmnist_128.npz"
        images = np.zeros((16, 128, 128, 3), np.uint8)
        np.savez(path, train_images=images, train_labels=np.arange(16)[:, None] % 8)
        return path

    monkeypatch.setattr(sources, "fetch_bloodmnist", fetch)
    cells = open_source("bloodmnist", tmp_path, BLOOD)
    assert cells.origin == "bloodmnist_128.npz"
    np.testing.assert_array_equal(cells.labels, np.arange(16) % 8)


def test_an_unknown_word_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    expected = r"^unknown data source: expected synthetic, bloodmnist or .*got 'sintetic'\. Correct --data\.$"
    with pytest.raises(KitError, match=expected):
        open_source("sintetic", tmp_path, BLOOD)


def test_a_path_that_is_not_there_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="cannot read "):
        open_source(str(tmp_path / "training_set.npz"), tmp_path, BLOOD)
