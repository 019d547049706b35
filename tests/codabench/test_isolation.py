import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bloodcells.codabench import isolation
from bloodcells.codabench.isolation import Finished, Machine, run_isolated
from bloodcells.codabench.sandbox import NoSandbox, Sandbox, chosen_sandbox
from bloodcells.errors import KitError

pytestmark = pytest.mark.scores

SOURCE = Path(__file__).parents[2] / "src"


def bubblewrap() -> Sandbox:
    try:
        return chosen_sandbox("required", "")[0]
    except KitError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["none", "bwrap"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """No sandbox, and bubblewrap where it is installed."""
    return NoSandbox() if request.param == "none" else bubblewrap()


Run = Callable[..., Finished]


@pytest.fixture
def run(tmp_path: Path, sandbox: Sandbox) -> Run:
    """A function that runs code as a program of its own."""

    def isolated(code: str, seconds: float = 20, memory: int = 2_000_000_000) -> Finished:
        app = tmp_path / "app"
        (app / "elsewhere").mkdir(parents=True, exist_ok=True)
        (app / "program.py").write_text(code)
        machine = Machine(seconds, memory, sandbox=sandbox)
        words = ["/app/program.py", "one", "/app/two"]
        return run_isolated(words, app, tmp_path / "logs", machine, "/app/elsewhere")

    return isolated


def test_arguments_working_directory_and_exit_code(run: Run, tmp_path: Path, sandbox: Sandbox) -> None:
    end = run("import os, sys; print(sys.argv[1:], os.getcwd()); exit(3)")
    assert (end.exit_code, end.killed) == (3, "")
    app = str(tmp_path / "app") if sandbox == NoSandbox() else "/app"
    assert end.stdout.read_text() == f"['one', '{app}/two'] {app}/elsewhere\n"


def test_a_crash_is_told_by_its_signal(run: Run) -> None:
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)").exit_code == -11


def test_neither_the_kit_nor_the_callers_folders_are_importable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    monkeypatch.setenv("A_SECRET", "x")
    end = run(
        "import os, sys, numpy\n"
        "print(*sys.path, sep='\\n', file=sys.stderr)\n"
        "assert 'A_SECRET' not in os.environ and 'PYTHONPATH' not in os.environ\n"
        "import bloodcells",
    )
    log = end.stderr.read_text()
    assert "ModuleNotFoundError: import of bloodcells halted" in log
    assert not any(entry.startswith(str(SOURCE)) for entry in log.split("Traceback")[0].split())


DETACHED = """
import os, sys, time
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(60)
    os._exit(0)
print("the program has ended", flush=True)
"""


def test_nothing_outlives_the_program_however_far_it_runs(run: Run, tmp_path: Path) -> None:
    started = time.monotonic()
    end = run(DETACHED, seconds=30)
    assert time.monotonic() - started < 10
    assert end.stdout.read_text() == "the program has ended\n"
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(one.info["cmdline"])]


def test_a_hang_is_killed_with_its_children(run: Run) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(61.5)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    started = time.monotonic()
    assert run(code, seconds=1).killed == "killed after 1 s (limit)"
    assert time.monotonic() - started < 10
    assert not [one for one in psutil.process_iter(["cmdline"]) if "time.sleep(61.5)" in str(one.info["cmdline"])]


def test_nothing_runs_on_when_the_kit_is_killed(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "program.py").write_text("import time; open('/'.join((__file__, '..', 'pid')), 'w'); time.sleep(62.5)")
    (tmp_path / "program.py").write_text(
        "import pathlib, time; pathlib.Path(__file__).with_name('runs').touch(); time.sleep(60)"
    )
    code = (
        "import sys; from pathlib import Path; from bloodcells.codabench.isolation import Machine, run_isolated\n"
        "from bloodcells.codabench.sandbox import Bubblewrap, NoSandbox\n"
        f"here = Path(sys.argv[1]); machine = Machine(60, 10**9, sandbox={sandbox!r})\n"
        "run_isolated(['/app/program.py', str(here)], here, here / 'logs', machine)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    kit = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    wait_until(lambda: (tmp_path / "runs").exists())
    kit.kill()
    kit.wait()
    wait_until(lambda: not [one for one in psutil.process_iter(["cmdline"]) if runs(one, str(tmp_path))])


def runs(process: psutil.Process, word: str) -> bool:
    return word in (process.info["cmdline"] or [])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_memory_beyond_the_limit_is_killed(run: Run) -> None:
    end = run("import time; block = bytearray(300_000_000); time.sleep(20)", memory=200_000_000)
    assert end.killed.startswith("killed at 0.") and end.killed.endswith(" GB of memory (limit 0.2 GB)")
    assert end.peak_memory > 200_000_000


def test_too_many_processes_are_killed(run: Run) -> None:
    """A submission that forks without end would take the machine with it. These stay until they have been counted."""
    code = "import os, time\nfor _ in range(400):\n    if not os.fork(): time.sleep(20); os._exit(0)\ntime.sleep(20)"
    end = run(code, memory=10**12)
    assert end.killed.startswith("killed at ") and end.killed.endswith(" processes (limit 200)")


@pytest.mark.parametrize("place", ["/app/elsewhere", "/tmp"])
def test_too_much_written_is_killed(
    tmp_path: Path, run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(isolation, "MOST_WRITTEN", 5_000_000)
    place = "." if place == "/app/elsewhere" else "os.environ['TMPDIR']"
    code = f"import os, time\nos.chdir({place!r} if {place!r} == '.' else eval({place!r}))\n"
    end = run(code + "for n in range(9): open(f'{n}', 'wb').write(bytes(10**6))\ntime.sleep(20)")
    assert end.killed == "killed at 0.0 GB written (limit 0.0 GB)"
    assert not (tmp_path / "logs" / "tmp").exists()


def test_a_flood_of_output_is_capped_at_both_ends(run: Run) -> None:
    end = run("print('first'); line = 'x' * 999\nfor _ in range(100_000): print(line)\nprint('last')")
    log = end.stdout.read_text()
    assert end.exit_code == 0
    assert log.startswith("first\n") and log.endswith("\nlast\n")
    assert len(log) < 1_100_000
    assert "[... 99,000,011 bytes left out: output is capped ...]" in log


def test_a_submission_is_told_that_there_is_no_network(run: Run) -> None:
    end = run("import urllib.request; urllib.request.urlopen('http://example.org')")
    assert "there is no network here: example.org was asked for" in end.stderr.read_text()


def test_other_programs_are_those_that_took_the_rest_of_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    at_first, later = psutil.cpu_times()._replace(user=10, idle=10), psutil.cpu_times()._replace(user=16, idle=14)
    rest = {name: 0.0 for name in at_first._fields if name not in ("user", "idle")}
    times = iter([at_first._replace(**rest), later._replace(**rest)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    load = isolation._Load()
    assert load.others(own=2) == pytest.approx(0.4)
