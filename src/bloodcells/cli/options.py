"""Options that several verbs have, and what they stand for."""

import shlex
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bloodcells.cli.verb import option
from bloodcells.errors import KitError
from bloodcells.files import expanded

if TYPE_CHECKING:
    from bloodcells.cleaning import CleaningSettings
    from bloodcells.competition import Competition
    from bloodcells.data.cells import CellSet
    from bloodcells.data.sources import Reading

DATA, RUNS = Path("data"), Path("runs")
USUAL_DATA = DATA / "training_set.npz"
_FORGOTTEN = ""


READING = (
    option("--fit", metavar="FIT", help="pictures become square by crop (the centre square), crop=0.6 (0.6 of it), pad "
           "(the whole on white) or squash; given, arrays of another size are resized too (default: crop for picture "
           "files)"),
    option("--strict", action="store_true", help="refuse where a picture cannot be read (default: list it and go on)"),
    option("--keys", metavar="IMAGES,LABELS", help="arrays of the .npz (default: images,labels), or columns of the "
           "table (default: recognised)"),
    option("--split", choices=("train", "val", "test"), help="the part of a file of MedMNIST"),
)  # fmt: skip
COMPETITION = option("--competition", type=Path, metavar="FILE", help="the facts of another competition, a file like "
                     "competition.toml (default: the one that BLOODCELLS_COMPETITION names, else the blood "
                     "cells)")  # fmt: skip
SOURCE = (
    option("--data", default=_FORGOTTEN, help="an .npz, a folder of class folders, a folder with a table file,label, "
           "synthetic or bloodmnist (default: synthetic; you are asked where data/training_set.npz is)"),
    *READING,
    COMPETITION,
)  # fmt: skip
CLEANING = (
    option("--keep-lone", action="store_true", help="keep odd pictures that have no copies (default: they are dropped "
           "as junk, and listed)"),
    option("--decisions", type=Path, metavar="FILE", help="obey what you decided about single images on the page of "
           "clean: the decisions.csv that it saves (default: none)"),
    option("--yes", action="store_true", help="go on even where the cleaning removes most images"),
)  # fmt: skip
INIT = option("--init", default="auto", help="imagenet, kit, scratch, an ImageNet-style .h5 file or a .weights.h5 of "
              "this kit (default: imagenet for real cells where it can be had, else kit; kit for the synthetic "
              "smear)")  # fmt: skip
RUN = option("--run", type=Path, help="folder of a training run")
ONE_RUN = option("--run", type=Path, required=True, help="folder of a training run")
KIT_WEIGHTS = option("--weights", choices=("kit",), help="kit: what comes with the kit, nothing trained")
TTA = option("--tta", type=int, default=2, choices=(0, 1, 2), help="test-time augmentation: 0 none, 1 the four "
             "rotations, 2 the eight dihedral views (default: 2)")  # fmt: skip
FORCE = option("--force", action="store_true", help="replace the output if it exists")


def choose_data(told: Namespace) -> None:
    """Where no ``--data`` is given: the user's own file, if it lies at its usual place and the user says so."""
    if getattr(told, "data", None) != _FORGOTTEN:
        return
    told.data = "synthetic"
    if not USUAL_DATA.exists() or getattr(told, "external", None):
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise KitError(f"--data: expected {USUAL_DATA}, which is here, or synthetic, got neither. Say which.")
    if input(f"No --data is given. Take {USUAL_DATA}? [Y, or n for the synthetic smear] ").strip().lower() in ("", "y"):
        told.data = str(USUAL_DATA)
    told.command += f" --data {told.data}"


def cells(told: Namespace) -> "CellSet":
    """The cells of ``--data``."""
    from bloodcells.data.sources import open_source

    return open_source(told.data, DATA, competition(told), reading=reading(told))


def pictures_from_elsewhere(folder: str, known: "Competition", told: Namespace) -> "CellSet":
    """Labelled pictures that are no cells of ``--data``, for a network that knows the classes of a competition."""
    from bloodcells.data.sources import open_source

    return open_source(folder, DATA, known, reading=replace(reading(told), fewest=0))


def source_in_words(told: Namespace) -> str:
    """The options that name the cells, for the next command."""
    given = {name: getattr(told, name) for name in ("data", "fit", "keys", "split", "competition")}
    words = [word for name, value in given.items() if value for word in (f"--{name}", str(value))]
    return shlex.join([*words, *(["--strict"] if told.strict else [])])


def reading(told: Namespace) -> "Reading":
    """How pictures are read; as many of each class are expected as the verb needs."""
    from bloodcells.data.sources import Reading
    from bloodcells.data.sources.pictures import Fit

    keys = told.keys and tuple(key.strip() for key in told.keys.split(","))
    if told.split:
        keys = (f"{told.split}_images", f"{told.split}_labels")
    if keys and len(keys) != 2:
        raise KitError(f"--keys: expected two names, IMAGES,LABELS, got {told.keys!r}. Write both.")
    return Reading(told.fit and Fit.parsed(told.fit), told.strict, keys, told.verb.fewest)


def competition(told: Namespace) -> "Competition":
    """The competition of ``--competition``, or the one that stands in for it."""
    from bloodcells.competition import chosen_competition

    return chosen_competition(told.competition)


def cleaning(told: Namespace) -> "CleaningSettings":
    """What cleaning is told."""
    from bloodcells.cleaning import CleaningSettings
    from bloodcells.cleaning.decisions import read_decisions

    decisions = read_decisions(expanded(told.decisions)) if told.decisions else None
    return CleaningSettings(keep_lone=told.keep_lone, allow_any_removal=told.yes, decisions=decisions)


def trained_in_words(told: Namespace) -> str:
    """The runs of ``--run``, or the kit's weights."""
    runs = told.run if isinstance(told.run, list) else [told.run or "the kit's weights"]
    return " and ".join(map(str, runs))
