"""The one exception that a user of the kit is meant to read, and what it quotes of others."""

from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


class KitError(Exception):
    """A refusal in one line: *what failed: expected X, got Y. Do Z.*

    The command line prints the message alone and exits with code 1; anything else that escapes is a
    defect of the kit and keeps its traceback.
    """


def first_line(error: BaseException) -> str:
    """The first line of the error's message; the name of its type where the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
