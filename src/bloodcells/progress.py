"""How far a long piece of work has come, on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Progress = Callable[[int, int], None]
"""Called with how much of one step is done, and all of it."""

_IN_A_LOG = 20.0  # seconds between two lines where nobody watches


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that draws a bar for each step: the step's name, how much of it is done, and all of it.

    What follows the block starts on a line of its own, even where the block fails.
    """
    bars: dict[str, tqdm] = {}

    def show(step: str, done: int, total: int) -> None:
        if step not in bars:
            interval = 0.1 if sys.stderr.isatty() else _IN_A_LOG
            bars[step] = tqdm(desc=step, total=total, mininterval=interval, file=sys.stderr)
        bars[step].update(done - bars[step].n)
        if done == total:
            bars[step].close()

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()
