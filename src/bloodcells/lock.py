"""One writer at a time: a lock that names its holder and ends with its process, however that ends."""

import fcntl
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bloodcells.errors import KitError

_HELD: set[Path] = set()


def lock_in(folder: Path) -> Path:
    """The lock of a folder that is written to."""
    return folder / ".lock"


def lock_beside(file: Path) -> Path:
    """The lock of a file that is written."""
    return file.with_name(f".{file.name}.lock")


@contextmanager
def sole_writer(lock: Path) -> Iterator[None]:
    """Hold ``lock`` for the block; a block within it, in the same process, may hold it too.

    The file is removed in the end, and so are the folders that were made for it and stayed empty. Where a file system
    allows no such file or knows no locks, nothing is held.

    Raises:
        KitError: another process holds it.
    """
    lock = lock.absolute()
    if lock in _HELD:
        yield
        return
    missing = [folder for folder in lock.parents if not folder.exists()]
    handle = _acquired(lock)
    _HELD.add(lock)
    try:
        yield
    finally:
        _HELD.discard(lock)
        if handle is not None:
            lock.unlink(missing_ok=True)
            os.close(handle)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _acquired(lock: Path) -> int | None:
    """The open file of ``lock``, locked; None where there can be none."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 500).decode("utf-8", "replace") or "another process"
        os.close(handle)
        raise KitError(
            f"{lock.parent} is in use: expected no other writer, got {holder}. Wait for its end, or choose another "
            "folder with --out."
        ) from error
    except OSError:
        return handle
    if not _is_still(lock, handle):  # its holder removed it while we opened it
        os.close(handle)
        return _acquired(lock)
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    holder = f"process {os.getpid()} on {platform.node()} ({command}), since {time.strftime('%Y-%m-%d %H:%M:%S')}"
    with suppress(OSError):
        os.truncate(handle, 0)
        os.write(handle, holder.encode("utf-8", "backslashreplace"))
    return handle


def _is_still(lock: Path, handle: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
