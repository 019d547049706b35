"""Freed memory is used again without the system being asked for it."""

import resource
import sys

import numpy as np
import pytest

from bloodcells.memory import keep_freed_memory

SIZE = 64 * 1024**2


def page_faults_of_a_second_use() -> int:
    """The fewest of several: something else may ask for memory in between. Few are many, where pages are huge."""
    faults = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(SIZE, np.uint8)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's malloc alone is asked")
def test_memory_is_kept_and_given_back_again() -> None:
    try:
        assert keep_freed_memory()
        kept = page_faults_of_a_second_use()
    finally:
        assert keep_freed_memory(False)
    assert kept < 10 < page_faults_of_a_second_use()


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
