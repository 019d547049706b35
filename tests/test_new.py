from pathlib import Path

import numpy as np
import pytest
from data.sources.test_folder import pictures

from bloodcells import cli
from bloodcells.competition import read_competition
from bloodcells.data.sources.found import Found, look_into
from bloodcells.errors import KitError
from bloodcells.new import write_competition

FLOWERS = Found(("rose", "tulip"), (50, 60), 240, pictures=True)


def test_the_facts_can_be_read_back(tmp_path: Path) -> None:
    odd = Found(('a "quoted" \\ name', "ü # [x]"), (3, 4), 20, pictures=True)
    write_competition(tmp_path / "odd.toml", "O'd\"d [classes]", odd)
    read = read_competition(tmp_path / "odd.toml")
    assert (read.title, read.classes, read.image_size) == ("O'd\"d [classes]", odd.classes, 32)
    assert read.hidden_images == 7


def test_large_pictures_are_kept_at_the_size_that_the_recipes_look_at(tmp_path: Path) -> None:
    write_competition(tmp_path / "flowers.toml", "Flowers", FLOWERS)
    text = (tmp_path / "flowers.toml").read_text()
    assert "image_size = 96  # height and width, pixels; the shorter side of the pictures found: 240" in text
    assert '"rose",  # 50 pictures' in text and "log_loss" in text


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "flowers.toml").write_text("mine")
    with pytest.raises(KitError, match=r"exists already.*--force"):
        write_competition(tmp_path / "flowers.toml", "Flowers", FLOWERS)
    assert (tmp_path / "flowers.toml").read_text() == "mine"
    write_competition(tmp_path / "flowers.toml", "Flowers", FLOWERS, force=True)
    assert read_competition(tmp_path / "flowers.toml").title == "Flowers"


def test_facts_that_nothing_could_read_are_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"empty\.toml: .*Give another name"):
        write_competition(tmp_path / "empty.toml", " ", FLOWERS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "classes", "counts"),
    [
        (("Tulip/1.png", "rose/1.png", "rose/2.png"), ("rose", "Tulip"), (2, 1)),
        (("10/1.png", "9/1.png", "9/2.png"), ("9", "10"), (2, 1)),
    ],
)
def test_the_classes_of_a_folder_are_in_order(tmp_path: Path, names, classes, counts) -> None:
    found = look_into(pictures(tmp_path, *names))
    assert found == Found(classes, counts, 4, pictures=True)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([0, 2, 2, 1]), ("0", "1", "2")),
        (np.array([[0.0], [2.0], [2.0], [1.0]]), ("0", "1", "2")),
        (np.array(["b", "a", "A", "c"]), ("A", "b", "c")),
        (np.eye(3)[[0, 2, 2, 1]], ("0", "1", "2")),
    ],
)
def test_the_classes_of_an_archive_are_those_of_its_labels(tmp_path: Path, labels, classes) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 28, 30, 3), np.uint8), labels=labels)
    found = look_into(tmp_path / "a.npz")
    assert tuple(map(str.casefold, found.classes)) == tuple(map(str.casefold, classes))
    assert sum(found.counts) == 4 and found.side == 28


def test_one_class_is_no_competition(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"expected pictures of two classes or more, got those of rose\."):
        look_into(pictures(tmp_path, "rose/1.png"))


def test_the_verb_says_what_to_run_next(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "my flowers", "rose/1.png", "tulip/1.png", "tulip/2.png")
    assert cli.main(["new", "Two flowers", "--data", "my flowers", "--fit", "pad"]) == 0
    assert capsys.readouterr().out == (
        "Looking at the pictures of my flowers.\nFound 3 pictures: rose 1, tulip 2.\nRead Two_flowers.toml through: "
        "pictures are 32 px there. Next: bloodcells run --data 'my flowers' --fit pad --competition Two_flowers.toml\n"
    )
    assert read_competition(tmp_path / "Two_flowers.toml").classes == ("rose", "tulip")
