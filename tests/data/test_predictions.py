import numpy as np
import pytest

from bloodcells.data.predictions import write_predictions
from bloodcells.errors import KitError

LABELS = np.array([3, 0, 7])


def test_a_csv_is_what_kaggle_takes(tmp_path):
    write_predictions(tmp_path / "labels.csv", LABELS)
    assert (tmp_path / "labels.csv").read_text() == "id,label\n0,3\n1,0\n2,7\n"


def test_an_npy_holds_the_labels(tmp_path):
    write_predictions(tmp_path / "labels.npy", LABELS)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), LABELS)


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("mine")
    with pytest.raises(KitError, match=r"exists already.*--force"):
        write_predictions(path, LABELS)
    assert path.read_text() == "mine"
    write_predictions(path, LABELS, force=True)
    assert path.read_text().startswith("id,label")


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(KitError, match=r"expected \.csv or \.npy, got '\.txt'"):
        write_predictions(tmp_path / "labels.txt", LABELS)
