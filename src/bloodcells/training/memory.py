"""Freed memory stays with the process: on a CPU, asking for it again costs a tenth to a fifth of the training."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # the names of malloc.h, without M_
_DEFAULTS = {_TRIM_THRESHOLD: 128 * 1024, _TOP_PAD: 0, _MMAP_MAX: 65_536}
_KEEPING = {_TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 * 1024**2, _MMAP_MAX: 0}


def keep_freed_memory(keep: bool = True) -> bool:
    """Ask the C library not to return freed memory to the system, or, with ``keep`` false, to do so as at first.

    TensorFlow allocates and frees the activations of every step. GNU's ``malloc`` hands blocks of that size back at
    once, and the system clears each page when it is asked for again: 66,000 page faults a step at a batch of 32 and
    64 px. ``tests/benchmarks/training_speed.py`` measures what it gains.

    Returns:
        Whether the C library did as it was told; where it is not GNU's, nothing is changed.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all(mallopt(name, value) == 1 for name, value in (_KEEPING if keep else _DEFAULTS).items())
