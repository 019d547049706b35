"""What is quoted of another error's message: one line, and never nothing; and a name that nobody knows."""

from pathlib import Path

import pytest

import bloodcells
from bloodcells.errors import KitError, first_line, looked_up, printable, quoted


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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Zählung  in a\u00a0row", r"Zählung  in a\xa0row"),
        ("two\r\nlines\x85and\u2028more", "two lines and more"),
        ("\x1b[2J\x07\x00\x9b\ta", r"\x1b[2J\x07\x00\x9b\ta"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text, line):
    assert printable(text) == str(KitError(text)) == line


def test_whatever_is_printed_with_a_value_in_it_is_printed_so():
    """What runs in a container of its own prints to a log."""
    printing = ("print(", "sys.stdout.write(", "sys.stderr.write(")
    package = Path(bloodcells.__file__).parent
    lines = {
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        if "programs" not in path.parts
        for line in path.read_text(encoding="utf-8").splitlines()
        if any(word in line for word in printing) and "json.dumps" not in line and "print()" not in line
    }
    assert {line.split(":")[0] for line in lines} == {"errors.py", "ends.py"}, lines


def test_what_is_quoted_is_short_and_printable_whatever_it_holds():
    endless: list[object] = []
    endless.append(endless)
    doubled: list[object] = []
    for _ in range(60):
        doubled = [doubled, doubled]
    for value in (endless, doubled, "x" * 10**6, "\x1b[2J\n", list(range(10**6)), 10**5000, {"a": {"b": [None]}}):
        assert quoted(value).isprintable() and 0 < len(quoted(value)) <= 60
    assert quoted("a b") == "'a b'" and quoted([1, 2.5, None]) == "[1, 2.5, None]"
