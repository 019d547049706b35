"""One writer: the second is told who holds a folder; a lock ends with its process, and leaves nothing behind."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bloodcells import cli, lock
from bloodcells.errors import KitError
from bloodcells.lock import lock_beside, lock_in, sole_writer

HOLDER = """
import sys, time
from pathlib import Path
from bloodcells.lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """A process that holds the lock of ``tmp_path/out``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock_in(tmp_path / "out"), "an\x1bargument"], stdout=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_told_who_writes_there_since_when(holder, tmp_path: Path) -> None:
    wanted = (
        rf"^{tmp_path}/out is in use: expected no other writer, got process {holder.pid} on \S+ "
        r"\(.*'an\\x1bargument'\), since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\. Wait for its end, or "
    )
    with pytest.raises(KitError) as caught, sole_writer(lock_in(tmp_path / "out")):
        pass
    assert re.match(wanted, str(caught.value))
    assert lock_in(tmp_path / "out").exists()


def test_a_killed_holder_holds_nothing(holder, tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with sole_writer(lock_in(tmp_path / "out")):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_nothing_stays_where_nothing_was_written(tmp_path: Path) -> None:
    with sole_writer(lock_beside(tmp_path / "a" / "b" / "out.zip")), sole_writer(lock_in(tmp_path / "c")):
        assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [".out.zip.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_block_within_a_block_holds_the_same_lock(tmp_path: Path) -> None:
    with sole_writer(lock_in(tmp_path)):
        with sole_writer(lock_in(tmp_path)):
            pass
        assert lock_in(tmp_path).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_lock_is_written_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_):
        raise OSError(37, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refused)
        with sole_writer(lock_in(tmp_path)):
            pass
    (tmp_path / "file").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        with sole_writer(lock_in(tmp_path)):
            pass
    with sole_writer(lock_in(tmp_path / "file")):
        pass


def test_of_many_that_come_and_go_one_at_a_time_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each removes the file of the lock while others open it."""
    monkeypatch.setattr(lock, "_HELD", type("Forgetful", (set,), {"add": lambda *_: None})())
    inside, most, entries = [], [], []

    def come_and_go() -> None:
        for _ in range(200):
            try:
                with sole_writer(lock_in(tmp_path)):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    entries.append(1)
            except KitError:
                continue

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(entries) > 20


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--out", "out"], ["train", "--out", "out"], ["evaluate", "--run", "out"], ["clean", "--out", "out"],
        ["publish", "--run", "a", "--out", "out"], ["corrupt", "--out", "out"], ["ablate", "--out", "out"],
        ["report", "--run", "a", "--out", "out"], ["score", "a.zip", "--data", "synthetic", "--out", "out"],
    ],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_every_verb_leaves_a_folder_to_who_writes_there(holder, tmp_path, monkeypatch, capsys, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    told = capsys.readouterr().err
    assert f"is in use: expected no other writer, got process {holder.pid} " in told and told.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
