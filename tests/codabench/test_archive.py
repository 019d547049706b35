import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from competitions import BLOOD

from bloodcells.codabench.archive import check_archive, extract
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
    assert "expected a flat zip, got weights/a.h5" in refusal(pack_zip(**{"weights/a.h5": b""}))


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
        "key.pem",
        ".env",
        "cell.png",
    ],
)
def test_what_does_not_belong_is_refused_by_name(pack_zip: Callable[..., Path], junk: str) -> None:
    assert f"holds what does not belong in a submission: {junk}." in refusal(pack_zip(**{junk: b"x"}))


def test_duplicate_names_are_refused(pack_zip: Callable[..., Path]) -> None:
    path = pack_zip()
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("model.py", "other")
    assert refusal(path) == "submission.zip holds model.py more than once: expected unique names. Build the zip again."


@pytest.mark.parametrize("name", ["../model.py", "/etc/model.py", "a/../../x.py", "a\\b.py", "C:x.py", "a\nb.py"])
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
