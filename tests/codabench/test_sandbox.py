"""What a sandbox keeps from a submission, and which one is chosen."""

import json
import os
import shutil
import socket
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from bloodcells.codabench import sandbox
from bloodcells.codabench.isolation import Machine, run_isolated
from bloodcells.codabench.sandbox import Bubblewrap, Docker, NoSandbox, Place, chosen_sandbox, interpreter
from bloodcells.errors import KitError

pytestmark = pytest.mark.scores

IMAGE = "tensorflow/tensorflow:2.17.0"
SITE_PACKAGES = Path(np.__file__).parents[1]
PROBES = """
import ctypes, glob, json, os, pathlib, pwd, signal, socket, struct, subprocess, sys

SECRET, SECRET_NAME, PORT, KIT, PACKAGES, COMMAND = json.loads({settings!r})

def reads_a_file_of_the_user(): return open(SECRET).read()
def finds_it(): return [place for place, _, files in os.walk("/") if SECRET_NAME in files]
def reads_the_kits_command_line():
    return [path for path in glob.glob("/proc/[0-9]*/cmdline") if open(path).read() == COMMAND]
def reads_the_kits_environment():
    return [path for path in glob.glob("/proc/[0-9]*/environ") if b"A_SECRET" in open(path, "rb").read()]
def looks_up_the_home():
    home = pwd.getpwuid(os.getuid()).pw_dir
    return home not in ("/tmp", os.environ["HOME"]) and os.listdir(home)
def imports_the_kit():
    del sys.modules["bloodcells"]
    sys.path.extend(line for pth in glob.glob(PACKAGES + "/*.pth") for line in open(pth).read().split())
    import bloodcells
    return bloodcells.__file__
def writes_elsewhere(): return pathlib.Path(SECRET).with_name("written").write_text("x")
def writes_into_the_packages(): return pathlib.Path(PACKAGES, "numpy", "written").write_text("x")
def writes_into_the_system(): return pathlib.Path("/etc/written").write_text("x")
def writes_into_devices(): return pathlib.Path("/dev/written").write_text("x")
class Local(socket.socket):
    family = socket.AF_UNIX
def connects_by_a_subclass():
    with Local(socket.AF_INET) as one: one.connect(("127.0.0.1", PORT)); return True
def connects_by_ctypes():
    libc = ctypes.CDLL(None)
    address = struct.pack("=HH4s8x", 2, socket.htons(PORT), socket.inet_aton("127.0.0.1"))
    return libc.connect(libc.socket(2, 1, 0), address, 16) == 0
def connects_by_a_child():
    code = f"import socket; socket.create_connection(('127.0.0.1', {{PORT}}))"
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == 0
def signals_the_kit(): os.kill(KIT, 0); return True
def sees_other_processes(): return len(glob.glob("/proc/[0-9]*")) > 8

found = {{}}
for name, probe in list(globals().items()):
    if callable(probe) and not isinstance(probe, type):
        try: found[name] = bool(probe())
        except (Exception, SystemExit): found[name] = False
pathlib.Path(sys.argv[1], "found.json").write_text(json.dumps(found))
"""


def what_is_found(how: sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """What a program sees of this machine, by probe."""
    monkeypatch.setenv("A_SECRET", "x")
    app, secret = tmp_path / "app", tmp_path / "mine" / "the truth.npz"
    (app / "output").mkdir(parents=True)
    secret.parent.mkdir()
    secret.write_text("labels")
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = [str(secret), secret.name, server.getsockname()[1], os.getpid(), str(SITE_PACKAGES)]
        settings.append("\0".join(psutil.Process().cmdline()) + "\0")
        (app / "probes.py").write_text(PROBES.format(settings=json.dumps(settings)))
        machine = Machine(60, 10**9, sandbox=how)
        end = run_isolated(["/app/probes.py", "/app/output"], app, tmp_path / "logs", machine)
    assert end.exit_code == 0, end.stderr.read_text()
    return json.loads((app / "output" / "found.json").read_text())


def test_bubblewrap_lets_nothing_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        how, _ = chosen_sandbox("required", IMAGE)
    except KitError as error:
        pytest.skip(str(error))
    found = what_is_found(how, tmp_path, monkeypatch)
    assert len(found) == 15 and not any(found.values()), found
    assert not (tmp_path / "mine" / "written").exists()


def test_bubblewrap_hides_a_kit_that_is_installed_beside_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    (packages / "bloodcells").mkdir(parents=True)
    known = interpreter(sys.executable)
    monkeypatch.setattr(sandbox, "interpreter", lambda python: known._replace(packages=(str(packages),)))
    command = Bubblewrap().start(["/app/a.py"], Place(tmp_path, tmp_path, "/app"), sys.executable, 1).command
    assert command[command.index("--tmpfs") + 1] == str(packages / "bloodcells")


def test_without_a_sandbox_a_program_has_the_users_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = what_is_found(NoSandbox(), tmp_path, monkeypatch)
    assert {"reads_a_file_of_the_user", "reads_the_kits_command_line", "signals_the_kit"} <= {
        name for name, seen in found.items() if seen
    }


@pytest.fixture
def bwrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that puts a ``bwrap`` with this code alone on the path."""

    def installed(code: str | None) -> None:
        sandbox._what_stops_bubblewrap.cache_clear()
        for folder in ("bin", "empty"):
            (tmp_path / folder).mkdir(exist_ok=True)
        if code is not None:
            (tmp_path / "bin" / "bwrap").write_text(f"#!/bin/sh\n{code}\n")
            (tmp_path / "bin" / "bwrap").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / ("empty" if code is None else "bin")))

    yield installed
    sandbox._what_stops_bubblewrap.cache_clear()


def test_bubblewrap_is_taken_where_it_works(bwrap) -> None:
    bwrap("exit 0")
    for choice in ("auto", "required", "bwrap"):
        assert chosen_sandbox(choice, IMAGE) == (Bubblewrap(), "")
    assert chosen_sandbox("none", IMAGE)[0] == NoSandbox()


def test_where_it_is_not_the_user_is_told_and_may_require_it(bwrap) -> None:
    bwrap(None)
    how, line = chosen_sandbox("auto", IMAGE)
    assert how == NoSandbox()
    assert line == "no sandbox: a submission runs with your rights; install bubblewrap for strangers' zips"
    with pytest.raises(KitError, match=r"^no sandbox: expected bubblewrap, got none\. Install it, or choose"):
        chosen_sandbox("required", IMAGE)
    with pytest.raises(KitError, match=r"^no docker on the path"):
        chosen_sandbox("docker", IMAGE)


def test_a_bubblewrap_that_may_not_make_namespaces_is_none(bwrap) -> None:
    bwrap("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    assert (
        "(a bwrap that does not run here (bwrap: setting up uid map: Permission denied))"
        in chosen_sandbox("auto", IMAGE)[1]
    )
    with pytest.raises(KitError, match="got a bwrap that does not run here"):
        chosen_sandbox("required", IMAGE)


def test_an_unknown_sandbox_is_refused() -> None:
    with pytest.raises(KitError, match=r"^unknown sandbox: expected auto, required, .* got 'jail'\. Choose one\."):
        chosen_sandbox("jail", IMAGE)


DOCKER = """#!/bin/sh
# Runs what follows the image here, with /app where it is mounted from.
echo "$@" >> {log}
[ "$1" = run ] || exit 0
while [ "$1" != python3 ]; do case "$1" in *:/app) app="${{1%:/app}}";; esac; shift; done
shift
exec "{python}" $(echo "$@" | sed "s|/app|$app|g")
"""


def test_docker_runs_a_container_that_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, docker = tmp_path / "log", tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(log=log, python=sys.executable))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:{os.environ['PATH']}")
    assert chosen_sandbox("docker=python:3.11", IMAGE)[0] == Docker("python:3.11")
    how, _ = chosen_sandbox("docker", IMAGE)
    app = tmp_path / "app"
    app.mkdir()
    (app / "a.py").write_text("import sys; print(sys.argv[1])")
    end = run_isolated(["/app/a.py", "/app/x"], app, tmp_path / "logs", Machine(20, 10**9, sandbox=how))
    assert end.stdout.read_text() == f"{app}/x\n"
    started, killed = log.read_text().splitlines()
    for option in ("--network none", "--memory 1000000000", "--cap-drop ALL", f"{app}:/app", f"{IMAGE} python3 /app/a"):
        assert option in started
    assert killed == f"kill bloodcells-{os.getpid()}-{tmp_path.name}"


@pytest.mark.parametrize("code", ["", "#!/bin/sh\nexit 3\n"])
def test_what_is_no_interpreter_is_refused(code: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(code)
    python.chmod(0o755 if code else 0o644)
    with pytest.raises(KitError, match=r"cannot be run: expected a Python interpreter, got .* Build one"):
        interpreter(str(python))


def test_the_interpreter_is_read_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(sys.executable).parent)
    assert interpreter(Path(sys.executable).name) == interpreter(sys.executable)
    assert shutil.which(sys.executable) and str(SITE_PACKAGES) in interpreter(sys.executable).packages
