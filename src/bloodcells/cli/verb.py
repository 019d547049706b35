"""What a verb of the command line is, and how one is added: a decorated function is all of it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bloodcells.lock import lock_in

Action = Callable[[Namespace], None]
Words = Callable[[Namespace], str]
Option = Callable[[Any], object]
"""Adds itself to a parser, or to a group of one."""


@dataclass(frozen=True)
class Verb:
    """A verb. What a user has told it is an `argparse.Namespace`.

    Attributes:
        name: as one types it.
        summary: what it does, as ``--help`` says it.
        opening: its first line: what is done with which data. TensorFlow takes seconds to import after that.
        options: what it can be told.
        action: does it.
        lock: what one command at a time may hold: the lock of the folder or of the file that it writes.
        fewest: labelled pictures that it needs of each class.
    """

    name: str
    summary: str
    opening: Words
    options: tuple[Option, ...]
    action: Action
    lock: Callable[[Namespace], Path] = lambda told: lock_in(told.out)
    fewest: int = 0


@dataclass(frozen=True)
class Group:
    """Verbs that ``--help`` lists together, in the order in which they are written."""

    title: str
    verbs: list[Verb] = field(default_factory=list)

    def verb(
        self, name: str, summary: str, opening: Words, *options: Option, **rest: Any
    ) -> Callable[[Action], Action]:
        """Let the decorated function be the action of a `Verb` of the group."""

        def added(action: Action) -> Action:
            self.verbs.append(Verb(name, summary, opening, options, action, **rest))
            return action

        return added


def option(*names: str, **given: Any) -> Option:
    """An option, or what has a place; the arguments are those of `ArgumentParser.add_argument`."""
    return lambda parser: parser.add_argument(*names, **given)


def one_of(*options: Option, required: bool = False) -> Option:
    """Options of which one may be given, or must."""

    def add(parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group(required=required)
        for one in options:
            one(group)

    return add
