import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from competitions import BLOOD

from bloodcells.codabench.archive import check_archive, extract, layout_remarks
from bloodcells.errors import KitError


def refusal(path: Path, size_limit: int = BLOOD.size_limit) -> str:
    with pytest.raises(KitError) as caught:
        check_archive(path, size_limit)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_flat_zip_passes_and_unpacks(pack_zip: Callable[..., Path], tmp_path: Path) -> None:
    path = pack_zip(**{"weights.weights.h5": b"1234", "submission.json": "{}"})
    assert [member.filename for member in check_archive(path, BLOOD.size_limit)] == [
        "model.py",
        "weights.weights.h5",
        "submission.json",
    ]
    extract(path, tmp_path / "out")
    assert (tmp_path / "out" / "weights.weights.h5").read_bytes() == b"1234"


def test_missing_empty_and_truncated_zips(pack_zip: Callable[..., Path], tmp_path: Path) -> None:
    assert "submission zip not found" in refusal(tmp_path / "none.zip")
    (tmp_path / "empty.zip").touch()
    assert refusal(tmp_path / "empty.zip") == "empty.zip is empty (0 bytes). Build the zip again."
    path = pack_zip()
    path.write_bytes(path.read_bytes()[:-30])
    assert "submission.zip is not a complete zip (truncated?)" in refusal(path)
    path.write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(50))
    assert "submission.zip is a RAR archive: expected a zip. Zip the files, do not rename another" in refusal(path)


def test_a_damaged_member_is_named(pack_zip: Callable[..., Path], tmp_path: Path) -> None:
    path = pack_zip(**{"notes.txt": "x" * 2000})
    content = bytearray(path.read_bytes())
    content[content.index(b"notes.txt") + len("notes.txt") + 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(KitError, match=r"submission\.zip: notes\.txt is damaged"):
        extract(path, tmp_path / "out")


def test_files_inside_a_folder_are_refused(pack_zip: Callable[..., Path]) -> None:
    path = pack_zip(None, **{"homework/": "", "homework/model.py": "", "__MACOSX/homework/._model.py": ""})
    assert refusal(path) == (
        "submission.zip: model.py must be at the root of the zip, got homework/model.py. "
        "Zip the files, not the folder that holds them."
    )


@pytest.mark.parametrize(
    "name", ["./model.py", "model/__init__.py", "model.pyc", "model.cpython-310-x86_64-linux-gnu.so"]
)
def test_whatever_is_imported_as_model_will_do(pack_zip: Callable[..., Path], name: str) -> None:
    check_archive(pack_zip(None, **{"./": "", name: ""}), BLOOD.size_limit)


def remarks(path: Path) -> list[str]:
    return layout_remarks(check_archive(path, BLOOD.size_limit))


def test_no_model_py_lists_what_is_there(pack_zip: Callable[..., Path]) -> None:
    assert refusal(pack_zip(None, **{"Model.py": ""})) == (
        "submission.zip holds no model.py: got Model.py. Put it at the root."
    )


@pytest.mark.parametrize(
    "junk",
    [
        "__MACOSX/._model.py",
        ".DS_Store",
        "__pycache__/model.cpython-311.pyc",
        ".ipynb_checkpoints/a.py",
        ".git/config",
        "cells.csv",
        "homework.ipynb",
        "cell.png",
    ],
)
def test_what_predict_hardly_reads_is_remarked(pack_zip: Callable[..., Path], junk: str) -> None:
    assert remarks(pack_zip(**{junk: b"x"})) == [f"the zip holds what predict hardly reads: {junk}. Leave it out"]


def test_folders_are_remarked_and_unpacked(pack_zip: Callable[..., Path], tmp_path: Path) -> None:
    path = pack_zip(**{"net/saved_model.pb": b"1", "net/variables/variables.index": b"2", "src/__init__.py": ""})
    assert remarks(path) == ["the zip holds folders: net/, src/. They are unpacked as they are"]
    extract(path, tmp_path / "out")
    assert (tmp_path / "out" / "net" / "variables" / "variables.index").read_bytes() == b"2"


def test_of_two_files_of_one_name_the_last_counts(pack_zip: Callable[..., Path], tmp_path: Path) -> None:
    path = pack_zip(**{"./model.py": "other"})
    assert remarks(path) == ["the zip holds model.py more than once: the last one counts. Build it again"]
    extract(path, tmp_path / "out")
    assert (tmp_path / "out" / "model.py").read_text() == "other"


@pytest.mark.parametrize("name", ["../model.py", "/etc/model.py", "a/../../x.py", "a\nb.py"])
def test_names_that_leave_the_folder_are_refused(pack_zip: Callable[..., Path], name: str) -> None:
    assert "expected a plain file name" in refusal(pack_zip(**{name: ""}))


def test_symlinks_and_encryption_are_refused(pack_zip: Callable[..., Path]) -> None:
    path = pack_zip()
    link = zipfile.ZipInfo("weights.h5")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "weights.h5 is a symbolic link; expected a file" in refusal(path)

    path = pack_zip()
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "model.py is encrypted" in refusal(path)


def test_a_large_zip_names_its_largest_members(pack_zip: Callable[..., Path]) -> None:
    path = pack_zip(**{"weights.h5": bytes(range(256)) * 40, "small.json": "{}"})
    size = path.stat().st_size
    line = refusal(path, size_limit=100)
    assert line.startswith(f"submission.zip is too large: expected at most 100 bytes, got {size:,}")
    assert "the largest members are weights.h5" in line and "optimizer slots" in line


def test_a_bomb_is_not_unpacked(pack_zip: Callable[..., Path]) -> None:
    assert "would unpack to 60,000" in refusal(pack_zip(**{"weights.h5": bytes(60_000_000)}))
    assert "would unpack to 9,1" in refusal(pack_zip(**{"weights.h5": bytes(9_000)}), size_limit=2_000)


def test_what_no_disk_can_hold_is_refused(pack_zip: Callable[..., Path], tmp_path: Path) -> None:
    assert "expected names of at most 255 bytes" in refusal(pack_zip(**{"x" * 300: ""}))
    assert "holds 20,002 members: expected at most 20,000" in refusal(pack_zip(**{f"{n}": "" for n in range(20_001)}))
    with pytest.raises(KitError, match=r"submission\.zip: w/a is damaged \(.*\)\. Build the zip again"):
        extract(pack_zip(w="a file", **{"w/a": "in it"}), tmp_path / "out")


DIRECTORIES = {
    "a version": (b"PK\x01\x02\x14\x03\x14\x00", b"PK\x01\x02\x14\x03\xff\xff"),
    "UTF-8": ("é".encode(), b"\xff\xfe"),
}


@pytest.mark.parametrize(("old", "new"), DIRECTORIES.values(), ids=DIRECTORIES.keys())
def test_a_directory_that_no_zip_has_is_refused(pack_zip: Callable[..., Path], old: bytes, new: bytes) -> None:
    path = pack_zip(**{"é.txt": ""})
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    assert "submission.zip has a damaged directory (" in refusal(path)
