"""One program in its own process, cut off from the kit, with limits on time, memory and output."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import psutil

from bloodcells.errors import KitError

LAUNCHER = Path(__file__).with_name("launcher.py")
_LOG_HEAD = 200_000
_LOG_TAIL = 800_000
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Machine:
    """What a process runs on.

    Attributes:
        seconds: wall-clock time until it is killed.
        memory: bytes of resident memory, all its children included, at which it is killed.
        python: the interpreter; its installed packages are there, and no others.
    """

    seconds: float
    memory: int
    python: str = sys.executable


@dataclass(frozen=True)
class Finished:
    """How an isolated process ended.

    Attributes:
        exit_code: of the process; negative for a signal.
        killed: why it was killed, in words; empty if it was not.
        seconds: wall-clock time.
        peak_memory: largest resident memory seen, bytes.
        others: share of all processors' time that other programs took meanwhile, 0..1.
        stdout: its standard output, capped.
        stderr: its standard error, capped.
    """

    exit_code: int
    killed: str
    seconds: float
    peak_memory: int
    others: float
    stdout: Path
    stderr: Path


def run_isolated(
    program: Path,
    arguments: Sequence[str],
    working_directory: Path,
    logs: Path,
    machine: Machine,
) -> Finished:
    """Run a Python program where nothing of the kit, the caller's folders or its environment can be seen.

    Memory is watched by polling, because an address-space limit kills TensorFlow long before its resident
    memory is large. There is no network for Python code; native code and child processes are not held back.

    Args:
        program: the ``.py`` file.
        arguments: its arguments.
        working_directory: where it runs.
        logs: folder for ``stdout.txt``, ``stderr.txt``, and an empty home and temporary folder.
        machine: the interpreter and the machine.
    """
    folders = os.pathsep.join(package_folders(machine.python))
    command = [machine.python, "-I", "-S", str(LAUNCHER), folders, str(program), *arguments]
    started, load = time.monotonic(), _Load()
    process = subprocess.Popen(
        command,
        cwd=working_directory,
        env=_clean_environment(logs),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout and process.stderr
    drains = [_Drain(process.stdout, logs / "stdout.txt"), _Drain(process.stderr, logs / "stderr.txt")]
    try:
        killed, peak_memory = _watch(process, started, machine)
    finally:
        _kill_group(process)
        for drain in drains:
            drain.finish()
    seconds = time.monotonic() - started
    return Finished(process.returncode, killed, seconds, peak_memory, load.others(), drains[0].path, drains[1].path)


@cache
def package_folders(python: str) -> list[str]:
    """The folders in which ``python`` finds installed packages, without what ``.pth`` files add.

    Raises:
        KitError: it cannot be run.
    """
    code = "import json, sys; print(json.dumps(sys.path))"
    try:
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    except (OSError, subprocess.CalledProcessError) as error:
        raise KitError(
            f"{python} cannot be run: expected a Python interpreter, got {error}. Build one with 'make test-worker'."
        ) from error
    return [path for path in json.loads(found.stdout) if Path(path).name in ("site-packages", "dist-packages")]


def _clean_environment(logs: Path) -> dict[str, str]:
    home, temporary = logs / "home", logs / "tmp"
    home.mkdir(parents=True, exist_ok=True)
    temporary.mkdir(exist_ok=True)
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "-1",  # the scoring machine is taken to have no GPU
        "TF_CPP_MIN_LOG_LEVEL": "1",
    }


def _watch(process: subprocess.Popen[bytes], started: float, machine: Machine) -> tuple[str, int]:
    """Wait for the end or a limit; return why it has to be killed (or nothing) and the peak memory in bytes."""
    peak_memory = 0
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return "", peak_memory
        except subprocess.TimeoutExpired:
            peak_memory = max(peak_memory, _resident_memory(process.pid))
        if peak_memory > machine.memory:
            return f"killed at {peak_memory / 1e9:.1f} GB of memory (limit {machine.memory / 1e9:.1f} GB)", peak_memory
        if time.monotonic() - started > machine.seconds:
            return f"killed after {machine.seconds:g} s (limit)", peak_memory


def _resident_memory(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process and its children, also of one that has ended by itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Load:
    """What this machine's processors do, from now on."""

    def __init__(self) -> None:
        self._before = self._times()

    def others(self) -> float:
        """Share of the time that was spent for other programs than those that this process has started, 0..1."""
        busy, own, idle = (after - before for after, before in zip(self._times(), self._before, strict=True))
        return max(busy - own, 0) / max(busy + idle, 1e-9)

    @staticmethod
    def _times() -> tuple[float, float, float]:
        machine, own = psutil.cpu_times(), os.times()
        idle = machine.idle + getattr(machine, "iowait", 0)
        busy = machine.user + machine.system + getattr(machine, "nice", 0)
        return busy, own.children_user + own.children_system, idle


class _Drain(threading.Thread):
    """Reads a stream to its end and keeps its first and its last part: a flood must not stop at a full pipe."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self._stream = stream
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0
        self.start()

    def run(self) -> None:
        while chunk := self._stream.read1(65_536):  # type: ignore[attr-defined]
            room = _LOG_HEAD - len(self._head)
            self._head += chunk[:room]
            self._tail += chunk[room:]
            surplus = len(self._tail) - _LOG_TAIL
            # Cut seldom: every cut moves the whole tail.
            if surplus > _LOG_TAIL:
                del self._tail[:surplus]
                self._dropped += surplus

    def finish(self) -> None:
        """Wait for the end of the stream and write the file."""
        self.join(timeout=5)
        if not self.is_alive():  # a child that has left the group may still hold the pipe
            self._stream.close()
        surplus = max(len(self._tail) - _LOG_TAIL, 0)
        dropped = self._dropped + surplus
        note = f"\n[... {dropped:,} bytes left out: output is capped ...]\n".encode() if dropped else b""
        self.path.write_bytes(bytes(self._head) + note + bytes(self._tail[surplus:]))
