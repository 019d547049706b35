"""Freed memory is used again without the system being asked for it."""

import ctypes
import json
import os
import resource
import subprocess
import sys

import pytest

from bloodcells.training.memory import keep_freed_memory

SIZE = 64 * 1024**2


def page_faults() -> int:
    """The fewest of several uses of a large block, after a first one."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    faults = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        block = library.malloc(SIZE)
        ctypes.memset(block, 1, SIZE)
        library.free(block)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(faults[1:])


def kept_then_given_back() -> tuple[bool, int, bool, int]:
    """What the library answers and the page faults, first with memory kept and then without."""
    return keep_freed_memory(), page_faults(), keep_freed_memory(False), page_faults()


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's malloc alone is asked")
def test_memory_is_kept_and_given_back_again() -> None:
    """In a new process: this one may hold a free block of that size from tests before."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, __file__], capture_output=True, check=True, env=environment).stdout
    kept, faults_when_kept, given_back, faults_when_given_back = json.loads(told)
    assert kept and given_back
    assert faults_when_kept < 100
    assert faults_when_given_back > 1000


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


if __name__ == "__main__":
    print(json.dumps(kept_then_given_back()))
