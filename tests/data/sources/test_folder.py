from pathlib import Path

import pytest
from PIL import Image

from bloodcells.data.sources import list_pictures
from bloodcells.data.sources.folder import list_folder, unpacked
from bloodcells.errors import KitError


def pictures(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    return folder


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    found = list_folder(pictures(tmp_path, "rose/2.jpg", "rose/1.jpg", "tulip/deep/1.PNG"))
    assert found.names == ("rose/1.jpg", "rose/2.jpg", "tulip/deep/1.PNG")
    assert found.labels == ("rose", "rose", "tulip")
    assert found.files[0] == tmp_path / "rose" / "1.jpg"


def test_a_folder_that_holds_only_the_folder_of_classes_stands_for_it(tmp_path: Path) -> None:
    pictures(tmp_path, "a/PBC_dataset/rose/1.jpg", "a/PBC_dataset/tulip/1.jpg", "__MACOSX/1.jpg")
    assert list_folder(unpacked(tmp_path)).labels == ("rose", "tulip")


def test_so_does_one_that_holds_only_the_folder_of_a_table(tmp_path: Path) -> None:
    pictures(tmp_path, "flowers-master/images/1.jpg", "flowers-master/images/2.jpg")
    (tmp_path / "flowers-master" / "train.csv").write_text("id,label\n1,rose\n2,tulip\n")
    assert list_pictures(tmp_path).labels == ("rose", "tulip")


def test_a_folder_of_one_class_is_that_class_and_stands_for_nothing(tmp_path: Path) -> None:
    assert unpacked(pictures(tmp_path, "rose/1.jpg")) == tmp_path


def test_pictures_of_one_class_are_labelled(tmp_path: Path) -> None:
    assert list_folder(pictures(tmp_path, "rose/1.jpg", "rose/2.jpg")).labels == ("rose", "rose")


def test_pictures_without_folders_have_no_labels(tmp_path: Path) -> None:
    assert list_folder(pictures(tmp_path, "1.jpg", "2.jpg")).labels is None


def test_what_systems_leave_in_folders_is_no_picture(tmp_path: Path) -> None:
    pictures(tmp_path, "rose/1.jpg", "tulip/1.jpg", "rose/._1.jpg", "__MACOSX/rose/1.jpg", ".cache/2.jpg")
    (tmp_path / "rose" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "rose" / "notes.txt").write_text("x")
    assert list_folder(tmp_path).names == ("rose/1.jpg", "tulip/1.jpg")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"holds no pictures: expected files that end in \.jpg"):
        list_folder(tmp_path)


def test_the_parts_of_a_split_are_not_taken_for_classes(tmp_path: Path) -> None:
    pictures(tmp_path, "train/rose/1.jpg", "test/rose/1.jpg")
    with pytest.raises(KitError, match=r"got the parts test, train\. Give one of them, such as --data .*train\."):
        list_folder(tmp_path)
