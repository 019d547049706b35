"""What is taken from the output of a program whose owner is not trusted."""

import os
from pathlib import Path

import pytest

from bloodcells.codabench import stages
from bloodcells.codabench.stages import Stage
from bloodcells.errors import KitError


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


def test_the_command_is_that_of_the_program(tmp_path: Path) -> None:
    stage = Stage("scoring", tmp_path, tmp_path)
    (tmp_path / "program").mkdir()
    path = tmp_path / "program" / "metadata.yaml"
    path.write_text("description: compares\ncommand: python3 /app/program/a.py '/app/in put/'\n")
    assert stages._command(stage) == ["/app/program/a.py", "/app/in put/"]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"command:", b"command: [1]", b"command: bash a.sh", b"command: python3", b"\xff", b"a: 'b", b"- x"],
)
def test_a_program_without_one_is_refused(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "program").mkdir()
    if content is not None:
        (tmp_path / "program" / "metadata.yaml").write_bytes(content)
    with pytest.raises(
        KitError, match=r"^scoring program: expected 'command: python3 PROGRAM \.\.\.' in metadata\.yaml"
    ):
        stages._command(Stage("scoring", tmp_path, tmp_path))
