"""The file of facts of a new competition, from its pictures."""

import json
import tomllib
from pathlib import Path

from bloodcells.competition import BLOOD_CELLS, Competition, read_competition
from bloodcells.data.sources.found import Found
from bloodcells.decoding import decoded
from bloodcells.errors import KitError
from bloodcells.files import refuse_to_overwrite, write_text
from bloodcells.measuring.evaluation import METRICS

SMALLEST, LARGEST = 32, 96
"""Sides, pixels, between which the facts put the images; the recipes look at them at 64 or 96 px."""


def image_size(found: Found) -> int:
    """Height and width, pixels, at which the pictures of a new competition are kept."""
    return min(max(found.side, SMALLEST), LARGEST)


def write_competition(path: Path, title: str, found: Found, force: bool = False) -> None:
    """Write a file such as ``competition.toml`` for the pictures that were ``found``.

    Raises:
        KitError: the file exists and ``force`` is not set, or the facts are none that `read_competition` takes.
    """
    refuse_to_overwrite(path, force)
    text = _facts(title, found)
    try:
        decoded(tomllib.loads(text), Competition)
    except ValueError as error:
        raise KitError(f"{path}: {error}. Give another name, or rename the classes.") from error
    write_text(path, text)


def _facts(title: str, found: Found) -> str:
    usual = read_competition(BLOOD_CELLS)
    classes = "".join(
        f"    {_text(name)},  # {count:,} pictures\n" for name, count in zip(found.classes, found.counts, strict=True)
    )
    versions = "".join(f"{name} = {_text(version)}\n" for name, version in usual.worker_versions.items())
    return f"""# A competition: name this file with --competition or BLOODCELLS_COMPETITION.
#
# Classes and size are those of the pictures found. Look up the rest on the competition's page; what stays here are the
# limits of Codabench that the kit knows.

title = {_text(title)}
classes = [  # a label is a place in this list, counted from 0
{classes}]
image_size = {image_size(found)}  # height and width, pixels; the shorter side of the pictures found: {found.side:,}

metric = "accuracy"  # what ranks: {", ".join(METRICS)}
leaderboard = {json.dumps(usual.leaderboard)}
hidden_images = {sum(found.counts)}  # not known: only to project the time of a run

memory_limit = {usual.memory_limit:_}  # bytes that a submission may take
time_limit = {usual.time_limit}  # seconds for the whole prediction, imports included
size_limit = {usual.size_limit:_}  # bytes of a submission zip

[worker_versions]  # of the machine that scores
{versions}"""


def _text(value: str) -> str:
    """A string of TOML, which is one of JSON but for a character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
