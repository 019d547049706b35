"""What a user of the kit is meant to read: the one exception, and lines that may quote others."""

from collections.abc import Mapping
from reprlib import Repr
from typing import TextIO, TypeVar

Entry = TypeVar("Entry")
_SHORT = Repr()  # what holds itself, or a million values, is not written out
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 3, 8, 8, 8
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


class KitError(Exception):
    """A refusal in one line: *what failed: expected X, got Y. Do Z.*

    The command line prints the message alone and exits with code 1; a defect of the kit keeps its traceback.
    Whatever the message quotes, it is one line without control characters.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class OutOfTime(KitError):
    """The minutes are over that the user gave; what was begun is kept, and the same command goes on with it."""


def printable(text: str) -> str:
    """``text`` as one line whose control characters are spelled out: a terminal obeys them, wherever they come from."""
    line = " ".join(text.splitlines())
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print each of ``lines`` as a `printable` one, at once; to standard output where no ``file`` is given."""
    print(*(printable(str(line)) for line in lines), sep="\n", file=file, flush=True)


def first_line(error: BaseException) -> str:
    """The first line of the error's message; the name of its type where the message is empty."""
    return printable((str(error).strip() or type(error).__name__).splitlines()[0])


def quoted(value: object, most: int = 60) -> str:
    """``value`` as a message shows it: printable, in one line of at most ``most`` characters, whatever it holds."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"a {type(value).__name__} that is too long"
    return text if len(text) <= most else text[: most - 3] + "..."


def looked_up(table: Mapping[str, Entry], name: str, what: str) -> Entry:
    """The entry of ``table`` called ``name``.

    Args:
        table: by name.
        name: as a user gave it.
        what: the table's entries in words, singular, for the refusal.

    Raises:
        KitError: there is no such entry; the line lists all names.
    """
    if name not in table:
        raise KitError(f"unknown {what}: expected one of {', '.join(table)}, got {name!r}. Choose one.")
    return table[name]
