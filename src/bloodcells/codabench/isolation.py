"""One program in a process of its own, with limits on time, memory, processes, and what it writes and prints."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from bloodcells.codabench.sandbox import MOST_PROCESSES, MOST_WRITTEN, NoSandbox, Place, Sandbox

_LOG_HEAD = 200_000
_LOG_TAIL = 800_000
_POLL_SECONDS = 0.1
_ROUNDS = 50
_SHELLS_SIGNAL = 128


@dataclass(frozen=True)
class Machine:
    """What a process runs on.

    Attributes:
        seconds: wall-clock time until it is killed.
        memory: bytes of resident memory, all its children included, at which it is killed.
        python: the interpreter; its installed packages are there, and no others.
        sandbox: what holds it.
    """

    seconds: float
    memory: int
    python: str = sys.executable
    sandbox: Sandbox = field(default_factory=NoSandbox)


@dataclass(frozen=True)
class Finished:
    """How an isolated process ended.

    Attributes:
        exit_code: the exit code of the process; negative for a signal.
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
    words: Sequence[str], app: Path, logs: Path, machine: Machine, working_directory: str = "/app"
) -> Finished:
    """Run a Python program with nothing of the kit on its path, and nothing of the caller's environment.

    When it returns, the program has ended, and so has every process that it has started. Memory is watched by polling,
    because an address-space limit kills TensorFlow long before its resident memory is large.

    Args:
        words: the ``.py`` file and its arguments; paths begin with ``/app``.
        app: the folder that stands for ``/app``.
        logs: folder for ``stdout.txt`` and ``stderr.txt``.
        machine: the interpreter and the machine.
        working_directory: where it runs, ``/app`` or below.
    """
    logs.mkdir(parents=True, exist_ok=True)
    place = Place(app, logs / "tmp", working_directory)
    place.temporary.mkdir(exist_ok=True)
    start = machine.sandbox.start(words, place, machine.python, machine.memory)
    started, load = time.monotonic(), _Load()
    with contextlib.ExitStack() as ends:
        ends.callback(shutil.rmtree, place.temporary, ignore_errors=True)
        process = subprocess.Popen(
            start.command,
            cwd=start.working_directory,
            env=start.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout and process.stderr
        drains = [_Drain(process.stdout, logs / "stdout.txt"), _Drain(process.stderr, logs / "stderr.txt")]
        for drain in drains:
            ends.callback(drain.finish)
        ends.callback(_kill_tree, process)
        ends.callback(machine.sandbox.stop, place)
        watch = _Watch(process.pid, machine, (app, place.temporary))
        killed = watch.until_the_end(process)
        others = load.others(watch.processor_seconds)
    code = process.returncode
    if _SHELLS_SIGNAL < code <= _SHELLS_SIGNAL + signal.NSIG:  # as sandboxes tell it
        code = _SHELLS_SIGNAL - code
    seconds = time.monotonic() - started
    return Finished(code, killed, seconds, watch.peak_memory, others, drains[0].path, drains[1].path)


class _Watch:
    """The limits of a process and all that it starts.

    Attributes:
        peak_memory: largest resident memory seen, bytes.
        processor_seconds: used up to the last look, by those that were there then.
    """

    def __init__(self, pid: int, machine: Machine, folders: Sequence[Path]) -> None:
        self.peak_memory, self.processor_seconds = 0, 0.0
        self._pid, self._machine, self._folders = pid, machine, folders
        self._written_before, self._ends = _size(folders), time.monotonic() + machine.seconds

    def until_the_end(self, process: subprocess.Popen[bytes]) -> str:
        """Wait for the end or a limit; return why the process has to be killed, or nothing."""
        while True:
            try:
                process.wait(_POLL_SECONDS)
                return self._beyond_what_may_be_written()
            except subprocess.TimeoutExpired:
                reason = self._beyond_a_limit() or self._beyond_what_may_be_written()
                if reason:
                    return reason

    def _beyond_a_limit(self) -> str:
        processes = _tree(self._pid)
        memory, limit = sum(map(_resident_memory, processes)), self._machine.memory
        self.peak_memory = max(self.peak_memory, memory)
        self.processor_seconds = max(self.processor_seconds, sum(map(_processor_seconds, processes)))
        if memory > limit:
            return f"killed at {memory / 1e9:.1f} GB of memory (limit {limit / 1e9:.1f} GB)"
        if len(processes) > MOST_PROCESSES:
            return f"killed at {len(processes)} processes (limit {MOST_PROCESSES})"
        return f"killed after {self._machine.seconds:g} s (limit)" if time.monotonic() > self._ends else ""

    def _beyond_what_may_be_written(self) -> str:
        written = _size(self._folders) - self._written_before
        if written <= MOST_WRITTEN:
            return ""
        return f"killed at {written / 1e9:.1f} GB written (limit {MOST_WRITTEN / 1e9:.1f} GB)"


def _tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def _resident_memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _processor_seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system
    return 0


def _size(folders: Sequence[Path]) -> int:
    """Bytes on disk of all that is in the folders; links count for themselves."""
    total = 0
    for folder in folders:
        for place, _, files in os.walk(folder):
            for file in files:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(place, file)).st_blocks * 512  # noqa: PTH118 - many files
    return total


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its children; the process itself at last, as those whose parents end become its own.

    All are stopped before any is killed, so that none is born meanwhile.
    """
    stopped: set[psutil.Process] = set()
    for _ in range(_ROUNDS):
        born = set(_tree(process.pid)[1:]) - stopped
        for child in born:
            with contextlib.suppress(psutil.Error):
                child.suspend()
        stopped |= born
        if not born:
            break
    for child in stopped:
        with contextlib.suppress(psutil.Error):
            child.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Load:
    """What this machine's processors do, from now on."""

    def __init__(self) -> None:
        self._before = self._times()

    def others(self, own: float) -> float:
        """Share of the time that was spent for other programs than one that took ``own`` seconds of it, 0..1."""
        busy, idle = (after - before for after, before in zip(self._times(), self._before, strict=True))
        return max(busy - own, 0) / max(busy + idle, 1e-9)

    @staticmethod
    def _times() -> tuple[float, float]:
        machine = psutil.cpu_times()
        idle = machine.idle + getattr(machine, "iowait", 0)
        return machine.user + machine.system + getattr(machine, "nice", 0), idle


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
        if not self.is_alive():
            self._stream.close()
        surplus = max(len(self._tail) - _LOG_TAIL, 0)
        dropped = self._dropped + surplus
        note = f"\n[... {dropped:,} bytes left out: output is capped ...]\n".encode() if dropped else b""
        self.path.write_bytes(bytes(self._head) + note + bytes(self._tail[surplus:]))
