"""The first thing inside an isolated process: what a container would have given the program, and nothing more.

Started by `isolation.run_isolated` as ``python -I -S launcher.py BYTES FOLDERS PROGRAM [ARGUMENT...]``. ``-S`` leaves
the ``.pth`` files of editable installs unread; FOLDERS (joined by ``os.pathsep``) are the bare package folders; no file
may grow beyond BYTES. The program runs in a child. When it has ended, so has every process that it has left behind.
"""

import builtins
import ctypes
import os
import resource
import runpy
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_POLL_SECONDS = 0.02


def main() -> None:
    """Limit what follows, and run PROGRAM as ``python3 PROGRAM ARGUMENT...`` would."""
    limit, folders, program, *arguments = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become children of this process
    child = os.fork()
    if child:
        end_as(outlived(child))
    sys.path[:] = [os.path.dirname(program), *sys.path, *folders.split(os.pathsep)]  # noqa: PTH120
    # The kit may be installed as an ordinary package; the scoring machine does not have it.
    sys.modules["bloodcells"] = None  # type: ignore[assignment]
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]  # -S leaves them out
    sys.addaudithook(refuse_network)
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook (PEP 578) that tells a submission in words what it will not find; only a sandbox holds it back."""
    if event == "socket.getaddrinfo":
        raise OSError(f"there is no network here: {arguments[0]} was asked for")
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and arguments[0].family != socket.AF_UNIX:
        raise OSError(f"there is no network here: {arguments[1]} was asked for")


def outlived(child: int) -> int:
    """Wait for the end of ``child``, kill all that it has left behind, and return how it ended.

    Where the kit is killed, nobody watches the limits any more: then everything ends at once.
    """
    kit, ended = os.getppid(), {}
    while child not in ended:
        if os.getppid() != kit:
            os.killpg(0, signal.SIGKILL)
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            ended[pid] = status
        else:
            time.sleep(_POLL_SECONDS)
    while left := children():
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(ended[child])


def children() -> list[int]:
    """The processes whose parent is this one, as far as the system says."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(entry.parent.name))
    return found


def end_as(code: int) -> None:
    """End with the exit code, or by the signal, of another process."""
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
