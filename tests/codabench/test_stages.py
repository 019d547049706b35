"""What is taken from the output of a program whose owner is not trusted."""

import os
from pathlib import Path

import pytest

from bloodcells.codabench import stages


def test_files_are_taken_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("3")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("labels.csv")
    os.mkfifo(tmp_path / "pipe")
    assert stages._files(tmp_path) == {"labels.csv": b"3"}


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr")
    with pytest.raises(OSError):
        stages._files(tmp_path / "link")


@pytest.mark.parametrize(("limit", "value"), [("_LARGEST_OUTPUT", 5), ("_MOST_FILES", 2)])
def test_more_than_a_score_needs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    for name in "abc":
        (tmp_path / name).write_text("xx")
    assert len(stages._files(tmp_path)) == 3
    monkeypatch.setattr(stages, limit, value)
    with pytest.raises(OSError, match="more"):
        stages._files(tmp_path)
