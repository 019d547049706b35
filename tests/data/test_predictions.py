from pathlib import Path

import numpy as np
import pytest

from bloodcells.data.predictions import layout_like, plain_layout, refuse_to_write, rows_of, write_predictions
from bloodcells.errors import KitError

CLASSES = ("rose", "sugar beet", "tulip")
NAMES = ("test/b.jpg", "test/a.png", "c.jpg")
PROBABILITIES = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])


def written(folder: Path, layout, names=NAMES, probabilities=PROBABILITIES) -> str:
    places, ids = rows_of(layout, names)
    write_predictions(folder / "labels.csv", ids, probabilities[places], layout)
    return (folder / "labels.csv").read_text()


def sample(folder: Path, text: str) -> Path:
    (folder / "sample.csv").write_text(text)
    return folder / "sample.csv"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("index", "id,label\ntest/b.jpg,2\ntest/a.png,0\nc.jpg,1\n"),
        ("name", "id,label\ntest/b.jpg,tulip\ntest/a.png,rose\nc.jpg,sugar beet\n"),
        ("proba", "id,rose,sugar beet,tulip\ntest/b.jpg,0.1,0.2,0.7\ntest/a.png,0.5,0.25,0.25\n"
                  "c.jpg,0.125,0.75,0.125\n"),
    ],
)  # fmt: skip
def test_a_csv_is_what_kaggle_takes(tmp_path: Path, form: str, text: str) -> None:
    assert written(tmp_path, plain_layout(form, CLASSES)) == text


@pytest.mark.parametrize(("form", "held"), [("index", [2, 0, 1]), ("proba", PROBABILITIES)])
def test_an_npy_holds_the_bare_numbers(tmp_path: Path, form: str, held) -> None:
    write_predictions(tmp_path / "labels.npy", NAMES, PROBABILITIES, plain_layout(form, CLASSES))
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), held)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,species\na,Sugar_Beet\nb,Sugar_Beet\n", "file,species\na,rose\nb,tulip\n"),
        ("id,label\nc.jpg,Sugar_Beet\na.png,rose\n", "id,label\nc.jpg,Sugar_Beet\na.png,rose\n"),
        ("id,label\nb,0\na,0\n", "id,label\nb,2\na,0\n"),
        ("id,label\nb,\na,\n", "id,label\nb,2\na,0\n"),
        ("id,Tulip,rose,sugar-beet\ntest/b.jpg,0,0,0\n", "id,Tulip,rose,sugar-beet\ntest/b.jpg,0.7,0.1,0.2\n"),
    ],
)
def test_a_sample_gives_columns_spelling_ids_and_order(tmp_path: Path, text: str, expected: str) -> None:
    assert written(tmp_path, layout_like(sample(tmp_path, text), CLASSES)) == expected


def test_a_sample_of_fractions_for_two_classes_takes_the_probability_of_the_second(tmp_path: Path) -> None:
    layout = layout_like(sample(tmp_path, "id,target\n1,0.5\n0,0.5\n"), ("healthy", "ill"))
    two = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert written(tmp_path, layout, ("0", "1"), two) == "id,target\n1,0.8\n0,0.1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\n1\n", "got none"),
        ("id,rose,tulip\n1,0,0\n", "or one for each class .*got rose, tulip"),
        ("id,label\n1,0\n1,0\n", "expected each id once in column id"),
        ("", "expected a header"),
    ],
)
def test_a_sample_of_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(KitError, match=said):
        layout_like(sample(tmp_path, text), CLASSES)


def test_an_id_without_a_picture_is_refused_and_a_picture_without_an_id_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KitError, match=r"each of the 2 ids of the sample, got none for 1, the first x\."):
        written(tmp_path, layout_like(sample(tmp_path, "id,label\na,0\nx,0\n"), CLASSES))
    written(tmp_path, layout_like(sample(tmp_path, "id,label\na,0\n"), CLASSES))
    assert capsys.readouterr().err == "2 pictures are not in the sample and are left out\n"


def test_an_id_that_two_pictures_could_mean_is_refused(tmp_path: Path) -> None:
    layout = layout_like(sample(tmp_path, "id,label\na,0\n"), CLASSES)
    with pytest.raises(KitError, match="got none for 1, the first a"):
        written(tmp_path, layout, ("x/a.jpg", "y/a.jpg", "z.jpg"))


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("mine")
    with pytest.raises(KitError, match=r"exists already.*--force"):
        refuse_to_write(path, force=False)
    refuse_to_write(path, force=True)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"expected \.csv or \.npy, got '\.txt'"):
        refuse_to_write(tmp_path / "labels.txt", force=False)
