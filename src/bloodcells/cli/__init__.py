"""The command line: parse, call one verb, print one summary.

Exit codes: 0 done, 1 refused or failed (one line says why), 2 wrong usage, 3 stopped after --minutes, 130
interrupted, 143 terminated, 141 where nobody reads what is printed.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress

from bloodcells import __version__
from bloodcells.cli import checking, looking, making, options, research
from bloodcells.ends import drop_unwritten, ended_by, prepare_streams, terminable
from bloodcells.errors import say
from bloodcells.lock import sole_writer

GROUPS = (making.GROUP, looking.GROUP, checking.GROUP, research.GROUP)
"""The verbs, as ``--help`` lists them."""
_ABOUT = """\
This kit cleans a competition's pictures, trains a network on them, and builds a zip that it scores on your machine as
Codabench will. `bloodcells VERB --help` lists the options of a verb.

for example: bloodcells run --data data/training_set.npz --recipe full
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    prepare_streams()
    try:
        told = parser().parse_args(arguments)
    finally:
        drop_unwritten()
    told.command = shlex.join(["bloodcells", *(sys.argv[1:] if arguments is None else arguments)])
    try:
        options.choose_data(told)
        if not getattr(told, "json", False):
            with suppress(OSError):  # a full disk or a closed pipe is no reason not to do the work
                say(told.verb.opening(told))
        with terminable(), sole_writer(told.verb.lock(told)):
            told.verb.action(told)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if told.debug and isinstance(error, Exception):
            raise
        return ended_by(error)
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; what it gives has the `Verb` as ``verb``."""
    listed = (
        f"\n{group.title}:\n" + "".join(f"  {verb.name:<10}{verb.summary}\n" for verb in group.verbs)
        for group in GROUPS
    )
    whole = argparse.ArgumentParser(
        prog="bloodcells",
        usage="bloodcells VERB [options]",
        description=_ABOUT + "".join(listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=__version__)
    subparsers = whole.add_subparsers(required=True, metavar="VERB", help=argparse.SUPPRESS)
    for verb in (verb for group in GROUPS for verb in group.verbs):
        described = f"{verb.summary[0].upper()}{verb.summary[1:]}."
        own = subparsers.add_parser(verb.name, description=described, prog=f"bloodcells {verb.name}")
        own.add_argument("--debug", action="store_true", help="show the traceback of an error")
        own.set_defaults(verb=verb)
        for option in verb.options:
            option(own)
    return whole
