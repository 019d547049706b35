"""How the program ends: one line, the right exit code, and what was finished stays finished."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, time
from pathlib import Path
from bloodcells import cli, files
from bloodcells.errors import say

@cli.research.GROUP.verb("try", "try it", lambda told: "trying", lock=lambda told: Path("data/.lock"))
def verb(told):
    {}

sys.exit(cli.main(["try"]))
"""
MANY_LINES = "[print('a line') for _ in range(100_000)]"


def program(body: str) -> list[str]:
    """The command line, with ``body`` as what a verb does."""
    return [sys.executable, "-c", PROGRAM.format(body)]


def ended(body: str, folder: Path, **options) -> tuple[int, list[str]]:
    """The exit code and the lines on standard error."""
    environment = {**os.environ, **options.pop("env", {})}
    done = subprocess.run(
        program(body), cwd=folder, stderr=subprocess.PIPE, text=True, env=environment, check=False, timeout=60,
        **{"stdout": subprocess.PIPE, **options},
    )  # fmt: skip
    return done.returncode, done.stderr.splitlines()


def test_where_nobody_reads_on_the_program_ends_in_silence(tmp_path: Path) -> None:
    for body in (MANY_LINES, "print('a line')", "raise BrokenPipeError"):
        read, write = os.pipe()
        os.close(read)
        assert ended(body, tmp_path, stdout=write) == (128 + signal.SIGPIPE, [])
        os.close(write)


def test_help_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "bloodcells", "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("body", [MANY_LINES, "print('a line')"], ids=["at once", "at the end"])
def test_a_full_standard_output_is_one_line_and_the_work_is_done(tmp_path: Path, body: str) -> None:
    with Path("/dev/full").open("w") as full:
        code, lines = ended(f"files.write_json(Path('result.json'), 1); {body}", tmp_path, stdout=full)
    assert code == 1
    assert lines == [
        "error: cannot go on: writing: No space left on device. Put that right and give the same command again; what "
        "is done stays."
    ]
    assert (tmp_path / "result.json").read_text() == "1\n"


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-", "</dev/null >&- 2>&-"):
        command = ["sh", "-c", f'"$@" {closed}', "sh", *program("print('a line'); sys.stdout.isatty()")]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_a_name_that_the_terminal_cannot_show_is_spelled_out(tmp_path: Path) -> None:
    done = subprocess.run(
        program("say(Path('zählung')); print(Path(os.fsdecode(b'caf\\xe9')))"), cwd=tmp_path, check=True,
        capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["trying", r"z\xe4hlung", r"caf\udce9"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_it_tidily(tmp_path: Path, number: signal.Signals, code: int) -> None:
    body = "with files.replacing(Path('a.json')): print('ready', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        program(body), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # nohup, for one, ignores SIGHUP
    )  # fmt: skip
    assert process.stdout and [process.stdout.readline() for _ in range(2)] == ["trying\n", "ready\n"]
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.count("\n")) == (code, 1) and told.endswith("give the same command again\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    body = "print('on', signal.raise_signal(signal.SIGHUP))".replace("signal.", "__import__('signal').")
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *program(body)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout == b"trying\non None\n"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise OSError(28, 'No space left on device', 'a/b.npy')", "cannot go on: a/b.npy: No space left on device."),
        ("raise OSError('431 requested and 33 written')", "cannot go on: writing: No space left on device."),
        ("import shutil; raise shutil.Error([('a', 'b', '[Errno 28] No space left on device')])",
         "cannot go on: writing: No space left on device."),
        ("raise OSError('unable to write')", "cannot go on: writing: unable to write."),
        ("Path('.').write_text('')", "cannot go on: .: Is a directory."),
        ("raise MemoryError('Unable to allocate 9 GiB')", "the memory does not suffice (Unable to allocate 9 GiB)."),
        ("raise cli.KitError('a\\x1b[2Jb\\r\\nc\\u202ed')".replace("cli", "files"), r"a\x1b[2Jb c\u202ed"),
    ],
    ids=[
        "disk full", "disk full, says NumPy", "disk full, says shutil", "without a reason", "not allowed", "memory",
        "control characters",
    ],
)  # fmt: skip
def test_whatever_stops_it_is_one_line(tmp_path: Path, body: str, line: str) -> None:
    code, lines = ended(body, tmp_path)
    assert code == 1 and len(lines) == 1 and lines[0].startswith(f"error: {line}"), lines


def test_a_defect_keeps_its_traceback(tmp_path: Path) -> None:
    code, lines = ended("1 / 0", tmp_path)
    assert code == 1 and lines[0].startswith("Traceback")


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *program("pass")]
    done = subprocess.run(command, cwd=gone, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.startswith("error: cannot go on: the current folder: No such file") and done.stderr.count("\n") == 1
    )
