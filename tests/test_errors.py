"""What is quoted of another error's message: one line, and never nothing; and a name that nobody knows."""

import pytest

from bloodcells.errors import KitError, first_line, looked_up


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


def test_a_name_that_is_in_no_table_is_refused_with_those_that_are():
    table = {"red": 1, "blue": 2}
    assert looked_up(table, "blue", "colour") == 2
    with pytest.raises(KitError, match=r"^unknown colour: expected one of red, blue, got 'green'\. Choose one\.$"):
        looked_up(table, "green", "colour")
