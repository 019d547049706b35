import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bloodcells.codabench.isolation import Finished, Machine, package_folders, run_isolated
from bloodcells.errors import KitError

SOURCE = Path(__file__).parents[2] / "src"


def run(code: str, tmp_path: Path, seconds: float = 20, memory: int = 2_000_000_000) -> Finished:
    program = tmp_path / "program.py"
    program.write_text(code)
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    return run_isolated(program, ["one", "two"], tmp_path / "elsewhere", tmp_path / "logs", Machine(seconds, memory))


@pytest.mark.parametrize("code", ["", "#!/bin/sh\nexit 3\n"])
def test_what_is_no_interpreter_is_refused(code: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(code)
    python.chmod(0o755 if code else 0o644)
    with pytest.raises(KitError, match=r"cannot be run: expected a Python interpreter, got .* Build one"):
        package_folders(str(python))


def test_arguments_working_directory_and_exit_code(tmp_path: Path) -> None:
    end = run("import os, sys; print(sys.argv[1:], os.getcwd()); exit(3)", tmp_path)
    assert (end.exit_code, end.killed) == (3, "")
    assert end.stdout.read_text() == f"['one', 'two'] {tmp_path / 'elsewhere'}\n"


def test_neither_the_kit_nor_the_callers_folders_are_importable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    monkeypatch.setenv("A_SECRET", "x")
    end = run(
        "import os, sys, numpy\n"
        "print(*sys.path, sep='\\n', file=sys.stderr)\n"
        "assert 'A_SECRET' not in os.environ and 'PYTHONPATH' not in os.environ\n"
        "import bloodcells",
        tmp_path,
    )
    log = end.stderr.read_text()
    assert "ModuleNotFoundError: import of bloodcells halted" in log
    path = log.split("Traceback")[0].split()
    assert path[0] == str(tmp_path)
    assert not any(entry.startswith(str(SOURCE)) for entry in path)


def test_a_hang_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    started = time.monotonic()
    end = run(code, tmp_path, seconds=1)
    assert end.killed == "killed after 1 s (limit)"
    assert time.monotonic() - started < 5
    wait_until(lambda: not _runs(int(end.stdout.read_text())))


def test_nothing_runs_on_when_the_kit_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    code = (
        "import sys; from pathlib import Path; from bloodcells.codabench.isolation import Machine, run_isolated\n"
        "here = Path(sys.argv[1]); run_isolated(here / 'program.py', [], here, here / 'logs', Machine(60, 10**9))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    kit = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    kit.kill()
    kit.wait()
    wait_until(lambda: not _runs(int((tmp_path / "pid").read_text())))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_memory_beyond_the_limit_is_killed(tmp_path: Path) -> None:
    end = run("import time; block = bytearray(300_000_000); time.sleep(20)", tmp_path, memory=200_000_000)
    assert end.killed.startswith("killed at 0.") and end.killed.endswith(" GB of memory (limit 0.2 GB)")
    assert end.peak_memory > 200_000_000


def test_a_flood_of_output_is_capped_at_both_ends(tmp_path: Path) -> None:
    code = "print('first'); line = 'x' * 999\nfor _ in range(100_000): print(line)\nprint('last')"
    end = run(code, tmp_path)
    log = end.stdout.read_text()
    assert end.exit_code == 0
    assert log.startswith("first\n") and log.endswith("\nlast\n")
    assert len(log) < 1_100_000
    assert "[... 99,000,011 bytes left out: output is capped ...]" in log


def test_there_is_no_network(tmp_path: Path) -> None:
    end = run("import urllib.request; urllib.request.urlopen('http://example.org')", tmp_path)
    assert "there is no network here: example.org was asked for" in end.stderr.read_text()
    end = run("import socket; socket.socket().connect(('127.0.0.1', 9))", tmp_path)
    assert "there is no network here: ('127.0.0.1', 9) was asked for" in end.stderr.read_text()
