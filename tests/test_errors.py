"""What is quoted of another error's message: one line, and never nothing."""

import pytest

from bloodcells.errors import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one line"), "one line"),
        (OSError("a line\nand another"), "a line"),
        (RuntimeError("\n  a line behind an empty one\n"), "a line behind an empty one"),
        (ValueError(), "ValueError"),
        (KeyError("\n"), r"'\n'"),
        (OSError(" \n"), "OSError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_first_line(error, line):
    assert first_line(error) == line
