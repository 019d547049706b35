import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD, SHAPES
from PIL import Image

from bloodcells.data import sources
from bloodcells.data.cells import save_cells
from bloodcells.data.sources import Reading, open_images, open_source
from bloodcells.data.sources.pictures import Fit
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


@pytest.mark.parametrize("name", ["synthetic", "bloodmnist"])
def test_blood_cells_are_no_pictures_of_another_competition(tmp_path: Path, name: str) -> None:
    with pytest.raises(KitError, match=f"^{name}: expected images of Shapes, got blood cells"):
        open_source(name, tmp_path, SHAPES)


def test_an_unknown_word_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    expected = r"^unknown data source: expected synthetic, bloodmnist or .*got 'sintetic'\. Correct --data\.$"
    with pytest.raises(KitError, match=expected):
        open_source("sintetic", tmp_path, BLOOD)


def test_a_path_that_is_not_there_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="cannot read "):
        open_source(str(tmp_path / "training_set.npz"), tmp_path, BLOOD)


def shapes(folder: Path, *names: str) -> Path:
    draw = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return folder


TWO_OF_EACH = [f"{name.upper()}/{place}.png" for name in SHAPES.classes for place in range(2)]


def test_class_folders_become_cells_that_know_their_files(tmp_path: Path) -> None:
    cells = open_source(str(shapes(tmp_path, *TWO_OF_EACH)), tmp_path, SHAPES)
    assert cells.images.shape == (10, 64, 64, 3)
    assert cells.names is not None
    for name, label in zip(cells.names, cells.labels, strict=True):
        assert name.startswith(SHAPES.classes[label].upper())
    assert cells.take(np.array([3])).name_of(0) == cells.name_of(3)


@pytest.mark.parametrize("named", ["folder", "table"])
def test_a_table_beside_pictures_becomes_cells(tmp_path: Path, named: str) -> None:
    shapes(tmp_path, *(f"{place}.png" for place in range(10)))
    rows = "".join(f"{place}.png,{SHAPES.classes[place % 5]}\n" for place in range(10))
    (tmp_path / "labels.csv").write_text("file,label\n" + rows)
    source = tmp_path if named == "folder" else tmp_path / "labels.csv"
    cells = open_source(str(source), tmp_path, SHAPES)
    np.testing.assert_array_equal(cells.labels, np.arange(10) % 5)


def test_a_broken_picture_takes_its_label_with_it(tmp_path: Path) -> None:
    shapes(tmp_path, *TWO_OF_EACH, "BAR/2.png")
    (tmp_path / "BAR" / "1.png").write_bytes(b"broken")
    cells = open_source(str(tmp_path), tmp_path, SHAPES)
    assert len(cells) == 10 and "BAR/1.png" not in list(cells.names)
    with pytest.raises(KitError, match=r"BAR/1\.png"):
        open_source(str(tmp_path), tmp_path, SHAPES, reading=Reading(strict=True))


def test_two_tables_are_not_chosen_between(tmp_path: Path) -> None:
    shapes(tmp_path, "1.png")
    for name in ("sample_submission", "train"):
        (tmp_path / f"{name}.csv").write_text("id,label\n1,disc\n")
    with pytest.raises(KitError, match=r"got sample_submission.csv, train.csv\. Name it: --data .*train.csv"):
        open_source(str(tmp_path), tmp_path, SHAPES)


def test_pictures_without_labels_cannot_be_learned_from_but_be_labelled(tmp_path: Path) -> None:
    shapes(tmp_path, "2.png", "1.png")
    with pytest.raises(KitError, match="got pictures alone"):
        open_source(str(tmp_path), tmp_path, SHAPES)
    images, names = open_images(str(tmp_path), 64)
    assert images.shape == (2, 64, 64, 3) and names.tolist() == ["1.png", "2.png"]


def test_images_of_an_archive_are_called_by_their_place(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", test_images=np.zeros((3, 28, 28), np.uint8))
    images, names = open_images(str(tmp_path / "a.npz"), 64, Reading(fit=Fit(), keys=("test_images", "test_labels")))
    assert images.shape == (3, 64, 64, 3) and names.tolist() == ["0", "1", "2"]


def test_readers_wait_for_no_tensorflow() -> None:
    modules = "bloodcells.data.sources.found, bloodcells.data.predictions, bloodcells.new"
    code = f"import sys, {modules}; sys.exit(bool({{'tensorflow', 'keras'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
