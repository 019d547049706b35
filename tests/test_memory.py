"""Freed memory is used again without the system being asked for it."""

import ctypes
import resource
import sys

import pytest

from bloodcells.memory import keep_freed_memory

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


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's malloc alone is asked")
def test_memory_is_kept_and_given_back_again() -> None:
    try:
        assert keep_freed_memory()
        assert page_faults() < 100
    finally:
        assert keep_freed_memory(False)
    assert page_faults() > 1000


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
