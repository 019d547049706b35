"""The verbs that make a submission."""

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from bloodcells.cli import options
from bloodcells.cli.verb import Group, one_of, option
from bloodcells.cli.words import say_accuracies, warning_of_chance
from bloodcells.errors import KitError, say
from bloodcells.files import claim, expanded
from bloodcells.lock import lock_beside, lock_in

if TYPE_CHECKING:
    from bloodcells.codabench.packager import PackageSummary
    from bloodcells.recipe import Recipe
    from bloodcells.run import Sitting

GROUP = Group("make a submission")
_TRAINING = (
    *options.SOURCE,
    option("--recipe", "--profile", default="quick", metavar="RECIPE", help="quick: minutes; full: what you upload; "
           "scratch: from random weights, on a GPU; or a TOML file (default: quick)"),
    option("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe: phases.0.epochs=5 "
           "(phases count from 0), backbone=ConvNeXtTiny; repeatable"),
    options.INIT,
    option("--seed", type=int, default=0, help="the seed of the training; the split stays"),
    option("--devices", type=int, metavar="N", help="GPUs to train on at once, each with its share of every batch "
           "(default: all)"),
    option("--minutes", type=float, metavar="N", help="stop the training at the last end of an epoch that fits into so "
           "many; the same command goes on (default: train to the end)"),
    option("--out", type=Path, help="run folder (default: runs/DATA-RECIPE-SEED)"),
    *options.CLEANING,
)  # fmt: skip


@GROUP.verb(
    "run",
    "go the whole way: clean, split, train, measure, package, score",
    lambda told: f"From {told.data} to a scored zip, with the recipe {told.recipe}, in {_run_folder(told)}.",
    *_TRAINING,
    options.TTA,
    lock=lambda told: lock_in(_run_folder(told)),
    fewest=2,
)
def _run(told: Namespace) -> None:
    from bloodcells import walk
    from bloodcells.network.inference import TTA_VIEWS
    from bloodcells.pages.run_page import draw_run
    from bloodcells.run import Measurement, Run, metrics_by_set

    run, recipe, views = Run(_run_folder(told)), _recipe(told), TTA_VIEWS[told.tta]
    cells, settings = options.cells(told), options.cleaning(told)
    summary = walk.walk(cells, recipe, told.tta, run.folder, settings, _sitting(told))
    walk.say_step("report")
    page = draw_run(run.folder, run.report)
    sets = metrics_by_set(run.rows(Measurement), "validation", views)
    accuracies = {
        "on validation cells": {name: metrics.accuracy for name, metrics in sets.items()},
        "of the zip on the hold-out": {name: one["accuracy"] for name, one in summary.scores.items()},
    }
    for place, by_set in accuracies.items():
        say(f"Accuracy {place}: " + ", ".join(f"{value:.4f} {name}" for name, value in by_set.items()) + ".")
    warning = warning_of_chance(run, views)
    say(warning or f"Upload {run.submission}.", f"Figures and tables are in {page}.")


@GROUP.verb(
    "new",
    "write the facts of another competition, from its pictures",
    lambda told: f"Looking at the pictures of {told.data}.",
    option("name", help="the name of the competition"),
    option("--data", required=True, help="labelled images, as for run"),
    *options.READING,
    option("--out", type=Path, metavar="FILE", help="the file (default: NAME.toml)"),
    options.FORCE,
    lock=lambda told: lock_beside(_facts_file(told)),
)
def _new(told: Namespace) -> None:
    from bloodcells.data.sources.found import look_into
    from bloodcells.new import image_size, write_competition

    found = look_into(expanded(told.data), options.reading(told))
    told.competition = _facts_file(told)
    write_competition(told.competition, told.name, found, told.force)
    counted = ", ".join(f"{name} {count:,}" for name, count in zip(found.classes, found.counts, strict=True))
    say(f"Found {sum(found.counts):,} pictures: {counted}.")
    if not found.pictures and found.side != image_size(found):
        told.fit = told.fit or "squash"
    source = options.source_in_words(told)
    say(f"Read {told.competition} through: pictures are {image_size(found)} px there. Next: bloodcells run {source}")


def _facts_file(told: Namespace) -> Path:
    return told.out or Path(f"{'_'.join(told.name.split()).replace(os.sep, '_')}.toml")


@GROUP.verb(
    "clean",
    "write a decision for every image; nothing of the input is changed",
    lambda told: f"Cleaning {told.data}; the decisions go to {told.out}.",
    *options.SOURCE,
    option("--out", type=Path, required=True, help="folder for cleaning.csv, cleaning.json, the page and its pictures"),
    option("--init", help="look for wrong labels too, with a network that has not learned them: imagenet or an "
           "ImageNet-style .h5 file; minutes on a CPU; suspects are reported and stay (default: labels are not "
           "examined)"),
    option("--backbone", default="EfficientNetB3", help="the backbone of these weights, as in a recipe (default: "
           "EfficientNetB3)"),
    *options.CLEANING,
)  # fmt: skip
def _clean(told: Namespace) -> None:
    from bloodcells import walk
    from bloodcells.cleaning.calibration import calibrate
    from bloodcells.cleaning.table import TABLE_FILES
    from bloodcells.pages.cleaning_page import write_cleaning_page
    from bloodcells.pages.cleaning_pictures import DISTANCES, DROPPED, SUSPECTS, write_cleaning_pictures
    from bloodcells.progress import progress_bars
    from bloodcells.run import CleaningCounts

    cells, settings = options.cells(told), options.cleaning(told)
    claim(told.out, (*TABLE_FILES, "cleaning.html", DROPPED, SUSPECTS, DISTANCES))
    with progress_bars() as progress:
        table = walk.clean(cells, told.out, settings, told.init, progress, told.backbone)
    page = told.out / "cleaning.html"
    say("Drawing the page: the cleaning is tried on planted copies, and pictures are enlarged.")
    calibration = calibrate(cells.take(table.kept), settings)
    write_cleaning_page(page, cells, table, settings, calibration)
    write_cleaning_pictures(told.out, cells, table, settings, calibration)
    say(str(CleaningCounts(**table.counts())))
    if told.init is None:
        say("Labels were not examined; --init imagenet does it, in minutes.")
    say(f"Look at {page}; the decisions are in {told.out / 'cleaning.csv'}. Nothing of the input was changed.")


@GROUP.verb(
    "train",
    "clean, split and train; goes on where it stopped",
    lambda told: f"Cleaning and splitting {told.data}, then training {told.recipe} in {_run_folder(told)}.",
    *_TRAINING,
    lock=lambda told: lock_in(_run_folder(told)),
    fewest=2,
)
def _train(told: Namespace) -> None:
    from bloodcells import walk

    run, recipe = _run_folder(told), _recipe(told)
    parts = walk.prepare(options.cells(told), run, options.cleaning(told))
    walk.fit(parts, recipe, run, _sitting(told))
    source = options.source_in_words(told)
    say(f"The training is complete. Next: bloodcells evaluate --run {run} {source}")


@GROUP.verb(
    "package",
    "write the submission zip of a run, or of the weights that come with the kit",
    lambda told: f"Packing {options.trained_in_words(told)} into {told.out}.",
    one_of(
        option("--run", type=Path, action="append", help="folder of a training run, or kit; several make one zip that "
               "answers with the mean of their probabilities"),
        options.KIT_WEIGHTS,
        required=True,
    ),
    option("--data", help="the cells of several runs: which images get further views is chosen on their validation "
           "cells, and the zip is scored on their hold-out (default: all do, and it is not)"),
    *options.READING,
    option("--out", type=Path, required=True, help="the zip"),
    option("--backend", default="tflite", choices=("tflite", "keras"), help="what predicts: a TFLite flatbuffer with "
           "Keras as its stand-in, or Keras alone (default: tflite)"),
    options.TTA,
    options.FORCE,
    lock=lambda told: lock_beside(told.out),
)  # fmt: skip
def _package(told: Namespace) -> None:
    from bloodcells.run import Run
    from bloodcells.training.start import KIT

    runs = [KIT if str(run) == "kit" else run for run in told.run or (KIT,)]
    summary, hint = _packed_alone(runs[0], told) if len(runs) == 1 else _packed_together(runs, told)
    say(summary)
    if told.tta and summary.gate is None:
        say(f"Further views are taken of all images{hint}.")
    elif told.tta:
        say("Further views are taken only of images whose two most probable classes are less than "
            f"{summary.gate:.2f} apart in the first.")  # fmt: skip
    competition = Run(runs[0]).config.competition
    images, limit = competition.hidden_images, competition.time_limit
    say(f"{images:,} images would take {summary.projected_seconds:.0f} s on this machine; {limit:.0f} s are "
        "allowed.")  # fmt: skip


def _packed_alone(run: Path, told: Namespace) -> "tuple[PackageSummary, str]":
    """The zip of one run, and how images could be spared the further views."""
    from bloodcells.codabench.packager import package
    from bloodcells.training.start import KIT

    if told.data:
        raise KitError("--data: expected several --run to measure together, got one. Run bloodcells evaluate for it.")
    summary = package(run, told.out, told.tta, told.force, told.backend)
    if run == KIT:
        return summary, ""
    return summary, f"; evaluate --run {run} --tta {told.tta} finds out which can be spared them"


def _packed_together(runs: list[Path], told: Namespace) -> "tuple[PackageSummary, str]":
    """The zip of several runs, and how images could be spared the further views."""
    from bloodcells.codabench.packager import package_ensemble
    from bloodcells.data.sources import open_source
    from bloodcells.ensembling import make_ensemble
    from bloodcells.run import Run

    if not told.data:
        summary = package_ensemble(runs, told.out, told.tta, told.force, told.backend)
        return summary, "; with --data those that can be spared them are found on the validation cells"
    competition = Run(runs[0]).config.competition
    cells = open_source(told.data, options.DATA, competition, reading=options.reading(told))
    summary, record = make_ensemble(runs, cells, told.out, told.tta, told.force, told.backend, told.command)
    say_accuracies(record.measurements)
    scores = ", ".join(f"{one['accuracy']:.4f} {name}" for name, one in record.scores.items())
    say(f"Accuracy of the zip on the hold-out: {scores}. The record is {told.out.with_suffix('.json')}.")
    return summary, ""


def _run_folder(told: Namespace) -> Path:
    from bloodcells.recipe import run_name

    return told.out or options.RUNS / run_name(told.data, told.recipe, told.seed)


def _recipe(told: Namespace) -> "Recipe":
    from bloodcells.training.start import starting_recipe

    run, classes = _run_folder(told), options.competition(told).classes
    recipe = starting_recipe(told.recipe, told.init, told.data, classes, told.seed, told.set, run)
    say(f"The weights start from {recipe.init}.")
    return recipe


def _sitting(told: Namespace) -> "Sitting":
    from bloodcells.run import Request, Sitting

    return Sitting(Request(told.command, told.recipe, told.data), told.devices, told.minutes)
