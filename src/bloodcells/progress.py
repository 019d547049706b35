"""How far a long piece of work has come, on standard error."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tqdm import tqdm

from bloodcells.errors import say

Progress = Callable[[int, int], None]
"""Called with how much of one step is done, and all of it."""

_IN_A_LOG = 60.0  # seconds between two lines where nobody watches


class Show(Protocol):
    """Called with the name of a step, how much of it is done, all of it, and what else there is to say."""

    def __call__(self, step: str, done: int, total: int, remark: str = "", /) -> None:
        """Draw the bar of the step, or write a line when it is time for one."""


def progress_bars() -> AbstractContextManager[Show]:
    """Yield a function that draws a bar for each step; in a pipe or a log it writes a line a minute instead.

    What follows the block starts on a line of its own, even where the block fails.
    """
    return _bars() if sys.stderr.isatty() else _lines()


@contextmanager
def _bars() -> Iterator[Show]:
    bars: dict[str, tqdm] = {}

    def show(step: str, done: int, total: int, remark: str = "", /) -> None:
        if step not in bars:
            width, height = shutil.get_terminal_size()  # where a terminal tells neither, 80 and 24
            bars[step] = tqdm(desc=step, total=total, file=sys.stderr, ncols=width, nrows=height)
        bars[step].set_postfix_str(remark, refresh=False)
        bars[step].update(done - bars[step].n)
        if done == total:
            bars[step].close()

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


@contextmanager
def _lines() -> Iterator[Show]:
    last = time.monotonic()

    def show(step: str, done: int, total: int, remark: str = "", /) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _IN_A_LOG:
            last = now
            say(f"{step}: {done:,} of {total:,}" + (f", {remark}" if remark else ""), file=sys.stderr)

    yield show
