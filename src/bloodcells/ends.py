"""How the program ends: whatever stops it is one line on standard error and an exit code."""

import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from bloodcells.errors import KitError, OutOfTime, first_line, printable

_CLOSED_PIPE = 128 + signal.SIGPIPE


class Terminated(KeyboardInterrupt):
    """A signal that asks for the end; what was begun is tidied up as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def terminable() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise `Terminated`, where they are not ignored or handled already."""
    signals: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        signals = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for one in signals:
        signal.signal(one, _raise)
    try:
        yield
    finally:
        for one in signals:
            signal.signal(one, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def prepare_streams() -> None:
    """Let every character be printed, in any locale, and printing where the stream was closed go nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - it stays open
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def ended_by(error: BaseException) -> int:
    """Say in a line why the program ends, and return its exit code; raise again what is a defect of the kit."""
    code, line = _told(error)
    if line:
        remarks = (f"remark: {printable(one)}" for one in getattr(error, "remarks", ()))
        quoted = (f"    {printable(one)}" for one in getattr(error, "log_tail", "").splitlines())
        with suppress(OSError):
            print(line, *remarks, *quoted, sep="\n", file=sys.stderr)
    drop_unwritten()
    return code


def _told(error: BaseException) -> tuple[int, str]:
    if isinstance(error, Terminated):
        return 128 + error.number, f"terminated: {_next_step(error)}"
    if isinstance(error, KeyboardInterrupt):
        return 130, f"interrupted: {_next_step(error)}"
    if isinstance(error, BrokenPipeError):
        return _CLOSED_PIPE, ""
    if isinstance(error, OutOfTime):
        return 3, f"stopped: {error}"
    if isinstance(error, KitError):
        return 1, f"error: {error}"
    if isinstance(error, ImportError) and (versions := _other_versions()):
        return (
            1,
            f"error: {first_line(error)}: expected the packages that the kit asks for, got {versions}. Install those.",
        )
    if isinstance(error, MemoryError):
        return (
            1,
            f"error: the memory does not suffice ({first_line(error)}). Close other programs, or take fewer images.",
        )
    if isinstance(error, OSError):
        place = error.filename or ("the current folder" if isinstance(error, FileNotFoundError) else "writing")
        told = os.strerror(errno.ENOSPC) if _finds_the_disk_full(error) else error.strerror or error
        reason = printable(f"{place}: {told}")
        return 1, f"error: cannot go on: {reason}. Put that right and give the same command again; what is done stays."
    raise error


def _finds_the_disk_full(error: OSError) -> bool:
    """NumPy says it with two numbers alone, and `shutil.copytree` with a list of what it could not copy."""
    told = str(error)
    return os.strerror(errno.ENOSPC) in told or re.fullmatch(r"\d+ requested and \d+ written", told) is not None


def _next_step(interruption: KeyboardInterrupt) -> str:
    told = getattr(interruption, "__notes__", ["what is finished is kept; give the same command again"])
    return ", ".join(map(printable, told))


def _other_versions() -> str:
    from bloodcells.environment import installed_otherwise

    differing = installed_otherwise()
    return ", ".join(f"{name} {found} (asked for: {asked})" for name, (asked, found) in differing.items())


def drop_unwritten() -> None:
    """Flush standard output, or let Python find nothing to complain of where it does so at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
