"""What keeps a stranger's code away from this machine: bubblewrap or Docker, whichever is installed.

A sandbox says how a program is started so that it sees its ``/app``, an empty ``/tmp``, the interpreter and its
packages to read, and nothing else: no network, no other processes, no files of the user.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from bloodcells.errors import KitError, first_line

LAUNCHER = Path(__file__).with_name("launcher.py")
MOST_WRITTEN = 1_000_000_000
"""Bytes that a program may write, in all and into one file."""
MOST_PROCESSES = 200
UNPROTECTED = "no sandbox: a submission runs with your rights; install bubblewrap for strangers' zips"

_SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
_READABLE = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime",
             "/sys/devices/system/cpu")  # fmt: skip
_USER = "1000"
_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session", "--uid", _USER, "--gid", _USER)


class Place(NamedTuple):
    """Where a program runs: the folders that stand for ``/app`` and ``/tmp``, and its working directory in ``/app``."""

    app: Path
    temporary: Path
    working_directory: str


class Start(NamedTuple):
    """How a program is started: command line, working directory and environment."""

    command: list[str]
    working_directory: Path
    environment: dict[str, str]


class Sandbox(Protocol):
    """One way to run a program."""

    def start(self, words: Sequence[str], place: Place, python: str, memory: int) -> Start:
        """How to start the Python program and its arguments in ``words``, paths of which begin with ``/app``."""

    def stop(self, place: Place) -> None:
        """End what killing the started process does not end."""


@dataclass(frozen=True)
class NoSandbox:
    """An ordinary process of the user's: it is asked to keep to its folders, and nothing holds it to that."""

    def start(self, words: Sequence[str], place: Place, python: str, memory: int) -> Start:
        """With ``/app`` replaced by the folder that stands for it."""
        here = [_outside(word, place.app) for word in words]
        cwd = Path(_outside(place.working_directory, place.app))
        return Start(_launched(python, str(LAUNCHER), here), cwd, _environment(str(place.temporary)))

    def stop(self, place: Place) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Bubblewrap:
    """Namespaces of its own for every run, by ``bwrap``."""

    def start(self, words: Sequence[str], place: Place, python: str, memory: int) -> Start:
        """With the interpreter and its packages to read, ``/app`` and ``/tmp`` to write."""
        shared, passwd = place.temporary / "shm", place.temporary / "passwd"
        shared.mkdir(exist_ok=True)
        passwd.write_text(f"submission:x:{_USER}:{_USER}::/tmp:/bin/sh\n")
        binds = [
            *_system_binds(),
            *("--bind", str(place.temporary), "/tmp"),
            *(word for folder in interpreter(python).roots for word in ("--ro-bind", folder, folder)),
            *(word for folder in _installed_kits(python) for word in ("--tmpfs", folder, "--remount-ro", folder)),
            *("--proc", "/proc", "--dev", "/dev", "--bind", str(shared), "/dev/shm", "--remount-ro", "/dev"),
            *("--ro-bind", str(passwd), "/etc/passwd", "--ro-bind", str(LAUNCHER), "/launcher.py"),
            *("--bind", str(place.app), "/app", "--remount-ro", "/", "--chdir", place.working_directory),
        ]
        command = ["bwrap", *_NAMESPACES, *binds, "--", *_launched(python, "/launcher.py", words)]
        return Start(command, place.app, _environment("/tmp"))

    def stop(self, place: Place) -> None:
        """Nothing to do: its processes end with it."""


@dataclass(frozen=True)
class Docker:
    """A container for every run, as Codabench makes them; the image brings the interpreter and its packages.

    Attributes:
        image: its name.
    """

    image: str

    def start(self, words: Sequence[str], place: Place, python: str, memory: int) -> Start:
        """In a container called after the folder, so that it can be killed."""
        options = [
            *("--rm", "--init", "--name", self._name(place), "--network", "none", "--memory", str(memory)),
            *("--pids-limit", str(MOST_PROCESSES), "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", f"{os.getuid()}:{os.getgid()}", "--ulimit", f"fsize={MOST_WRITTEN}", "--env", "HOME=/tmp"),
            *("--volume", f"{place.app}:/app", "--volume", f"{place.temporary}:/tmp"),
            *("--workdir", place.working_directory),
        ]
        return Start(["docker", "run", *options, self.image, "python3", *words], place.app, dict(os.environ))

    def stop(self, place: Place) -> None:
        """Kill the container."""
        subprocess.run(["docker", "kill", self._name(place)], capture_output=True, check=False)

    @staticmethod
    def _name(place: Place) -> str:
        return f"bloodcells-{os.getpid()}-{place.app.parent.name}"


def chosen_sandbox(choice: str, image: str) -> tuple[Sandbox, str]:
    """The sandbox that ``--sandbox`` asks for, and a line for the user where there is none.

    Args:
        choice: ``auto`` (bubblewrap where it works), ``required`` (it, or a refusal), ``bwrap``, ``docker``,
            ``docker=IMAGE`` or ``none``.
        image: of Docker, where the choice names none.

    Raises:
        KitError: what is asked for is not there, or unknown.
    """
    kind, _, named = choice.partition("=")
    if kind == "docker":
        if not shutil.which("docker"):
            raise KitError("no docker on the path: expected it for --sandbox docker, got none. Install it.")
        return Docker(named or image), ""
    if choice not in ("auto", "required", "bwrap", "none"):
        known = "auto, required, bwrap, docker, docker=IMAGE or none"
        raise KitError(f"unknown sandbox: expected {known}, got {choice!r}. Choose one.")
    if choice == "none":
        return NoSandbox(), UNPROTECTED
    problem = _what_stops_bubblewrap()
    if not problem:
        return Bubblewrap(), ""
    if choice == "auto":
        return NoSandbox(), UNPROTECTED if problem == _ABSENT else f"{UNPROTECTED} ({problem})"
    raise KitError(f"no sandbox: expected bubblewrap, got {problem}. Install it, or choose with --sandbox docker.")


class Interpreter(NamedTuple):
    """An interpreter: the folders of its installed packages, and all folders that it reads."""

    packages: tuple[str, ...]
    roots: tuple[str, ...]


@cache
def interpreter(python: str) -> Interpreter:
    """Where ``python`` and its packages are, without what ``.pth`` files add beyond package folders.

    Raises:
        KitError: it cannot be run.
    """
    code = (
        "import json, os, sys; print(json.dumps([sys.path, [sys.prefix, sys.base_prefix, sys.exec_prefix,"
        " os.path.dirname(os.path.realpath(sys.executable))]]))"
    )
    try:
        found = subprocess.run([_plain(python), "-c", code], capture_output=True, text=True, check=True, cwd="/")
        path, prefixes = json.loads(found.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise KitError(
            f"{python} cannot be run: expected a Python interpreter, got {error}. Build one with 'make test-worker'."
        ) from error
    packages = tuple(
        entry for entry in path if Path(entry).name in ("site-packages", "dist-packages") and Path(entry).is_dir()
    )
    links = (entry for folder in packages for entry in Path(folder).iterdir() if entry.is_symlink())
    roots = dict.fromkeys(map(_plain, (*prefixes, *packages, *(str(link.resolve().parent) for link in links))))
    own = tuple(root for root in roots if Path(root).is_dir() and not Path(root).is_relative_to("/usr"))
    return Interpreter(packages, own)


_ABSENT = "none"


@cache
def _what_stops_bubblewrap() -> str:
    """Why ``bwrap`` makes no sandbox here, in words; empty if it does."""
    if not shutil.which("bwrap"):
        return _ABSENT
    places = ("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--remount-ro", "/")
    probe = ["bwrap", *_NAMESPACES, *_system_binds(), *places, "/bin/sh", "-c", ":"]
    ended = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"a bwrap that does not run here ({first_line(OSError(ended.stderr))})" if ended.returncode else ""


@cache
def _system_binds() -> tuple[str, ...]:
    binds = ["--ro-bind", "/usr", "/usr"]
    for folder in map(Path, _SYSTEM):
        if folder.is_symlink():
            binds += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            binds += ["--ro-bind", str(folder), str(folder)]
    return (*binds, *(word for path in _READABLE for word in ("--ro-bind-try", path, path)))


def _installed_kits(python: str) -> list[str]:
    return [str(kit) for folder in interpreter(python).packages if (kit := Path(folder) / "bloodcells").is_dir()]


def _launched(python: str, launcher: str, words: Sequence[str]) -> list[str]:
    folders = os.pathsep.join(interpreter(python).packages)
    return [_plain(python), "-I", "-S", launcher, str(MOST_WRITTEN), folders, *words]


def _plain(path: str) -> str:
    """An absolute path without ``..``; not resolved, since a link is what makes an interpreter that of a venv."""
    return os.path.abspath(path)  # noqa: PTH100


def _environment(temporary: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": temporary,
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "-1",  # the scoring machine is taken to have no GPU
        "TF_CPP_MIN_LOG_LEVEL": "1",
    }


def _outside(word: str, app: Path) -> str:
    return str(app) + word.removeprefix("/app") if word == "/app" or word.startswith("/app/") else word
