"""The first thing inside an isolated process: what a container would have given the program, and nothing more.

Started by `isolation.run_isolated` as ``python -I -S launcher.py FOLDERS PROGRAM [ARGUMENT...]``. ``-S`` leaves
the ``.pth`` files of editable installs unread; FOLDERS (joined by ``os.pathsep``) are the bare package folders.
"""

import builtins
import os
import runpy
import signal
import socket
import sys
import threading
import time
from typing import Any


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook (PEP 578): no name resolution, no connection. Audit hooks cannot be taken off again."""
    if event == "socket.getaddrinfo":
        raise OSError(f"there is no network here: {arguments[0]} was asked for")
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and arguments[0].family != socket.AF_UNIX:
        raise OSError(f"there is no network here: {arguments[1]} was asked for")


def end_with_the_parent() -> None:
    """Leave nothing running when the kit is killed: whoever watches the limits is gone then."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Set up the interpreter and run PROGRAM as ``python3 PROGRAM ARGUMENT...`` would."""
    end_with_the_parent()
    folders, program, *arguments = sys.argv[1:]
    sys.path[:] = [os.path.dirname(program), *sys.path, *folders.split(os.pathsep)]  # noqa: PTH120
    # The kit may be installed as an ordinary package; the scoring machine does not have it.
    sys.modules["bloodcells"] = None  # type: ignore[assignment]
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]  # -S leaves them out
    sys.addaudithook(refuse_network)
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
