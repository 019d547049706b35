from pathlib import Path

import numpy as np
import pytest
from competitions import SHAPES

from bloodcells.data.sources.archive import load_archive
from bloodcells.errors import KitError

SIZE, CLASSES = SHAPES.image_size, SHAPES.classes
LABELS = np.arange(10) % len(CLASSES)
IMAGES = np.random.default_rng(0).integers(0, 256, (10, SIZE, SIZE, 3), dtype=np.uint8)


def written(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "shapes.npz", **arrays)
    return folder / "shapes.npz"


def test_other_keys_are_taken(tmp_path: Path) -> None:
    cells = load_archive(written(tmp_path, data=IMAGES, targets=LABELS), SHAPES, ("data", "targets"))
    np.testing.assert_array_equal(cells.images, IMAGES)
    np.testing.assert_array_equal(cells.labels, LABELS)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(CLASSES)[LABELS],
        np.char.upper(np.array(CLASSES)[LABELS]),
        LABELS.astype(str),
        np.eye(5, dtype=np.float32)[LABELS],
        np.eye(5, dtype=bool)[LABELS],
        LABELS[:, None],
    ],
)
def test_labels_may_be_names_or_one_hot(tmp_path: Path, labels: np.ndarray) -> None:
    cells = load_archive(written(tmp_path, images=IMAGES, labels=labels), SHAPES)
    np.testing.assert_array_equal(cells.labels, LABELS)


def test_rows_that_are_not_one_hot_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"labels has shape \(10, 5\)"):
        load_archive(written(tmp_path, images=IMAGES, labels=np.ones((10, 5))), SHAPES)


def test_a_name_of_no_class_is_refused(tmp_path: Path) -> None:
    labels = np.array([*np.array(CLASSES)[LABELS[:9]], "star"])
    with pytest.raises(KitError, match=r"expected the classes of Shapes .*got star\. .*bloodcells new NAME"):
        load_archive(written(tmp_path, images=IMAGES, labels=labels), SHAPES)


@pytest.mark.parametrize("shape", [(28, 28, 3), (28, 28), (28, 28, 1), (224, 224, 3), (64, 64)])
def test_images_of_another_size_are_resized_when_asked(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = written(tmp_path, images=np.full((10, *shape), 77, np.uint8), labels=LABELS)
    with pytest.raises(KitError, match=r"images has shape .*; expected \(N, 64, 64, 3\)\. Give --fit squash"):
        load_archive(path, SHAPES)
    cells = load_archive(path, SHAPES, resize=True)
    assert cells.images.shape == (10, SIZE, SIZE, 3) and (cells.images == 77).all()


def test_images_that_are_not_square_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, images=np.zeros((10, 20, 30, 3), np.uint8), labels=LABELS)
    with pytest.raises(KitError, match="images has shape"):
        load_archive(path, SHAPES, resize=True)


def test_a_class_may_be_absent_where_nothing_is_trained(tmp_path: Path) -> None:
    path = written(tmp_path, images=IMAGES, labels=LABELS % 4)
    with pytest.raises(KitError, match=r"class 4 \(cross\) has 0 images"):
        load_archive(path, SHAPES)
    assert len(load_archive(path, SHAPES, fewest=0)) == 10
