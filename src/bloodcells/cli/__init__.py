"""The command line: parse, call one function, print one summary.

Exit codes: 0 done, 1 refused or failed (one line says why), 2 wrong usage, 3 stopped after --minutes, 130
interrupted, 143 terminated, 141 where nobody reads what is printed.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bloodcells import __version__
from bloodcells.ends import drop_unwritten, ended_by, prepare_streams, terminable
from bloodcells.errors import KitError, say
from bloodcells.files import claim, expanded
from bloodcells.lock import lock_beside, lock_in, sole_writer

if TYPE_CHECKING:
    import numpy as np

    from bloodcells.cleaning import CleaningSettings
    from bloodcells.codabench.task import Bundle
    from bloodcells.competition import Competition
    from bloodcells.data.cells import CellSet
    from bloodcells.data.sources import Reading
    from bloodcells.recipe import Recipe
    from bloodcells.run import Measurement, Run, Sitting

DATA, RUNS = Path("data"), Path("runs")
USUAL_DATA = DATA / "training_set.npz"
_FORGOTTEN = ""

_ABOUT = """\
This kit cleans a competition's pictures, trains a network on them, and builds a zip that it scores on your machine as
Codabench will. `bloodcells VERB --help` lists the options of a verb.

for example: bloodcells run --data data/training_set.npz --recipe full
"""


_GROUPS = {
    "make a submission": ("run", "new", "clean", "train", "package"),
    "look at a network": ("evaluate", "report", "compare", "predict"),
    "check the zips of others": ("score", "bundle"),
    "research": ("ablate", "corrupt", "publish", "fetch"),
}
"""The verbs as ``--help`` lists them."""

_OPENINGS: dict[str, Callable[[argparse.Namespace], str]] = {
    "run": lambda told: f"From {told.data} to a scored zip, with the recipe {told.recipe}, in {_run_folder(told)}.",
    "new": lambda told: f"Looking at the pictures of {told.data}.",
    "clean": lambda told: f"Cleaning {told.data}; the decisions go to {told.out}.",
    "train": lambda told: f"Cleaning and splitting {told.data}, then training {told.recipe} in {_run_folder(told)}.",
    "package": lambda told: f"Packing {_trained(told)} into {told.out}.",
    "evaluate": lambda told: f"Measuring {_trained(told)} on {told.external or told.data}.",
    "report": lambda told: f"Drawing the figures and tables of {told.run}.",
    "compare": lambda told: f"Comparing {', '.join(map(str, told.runs[1:]))} with {told.runs[0]}.",
    "predict": lambda told: f"Labelling {told.data} with {_trained(told)}.",
    "score": lambda told: f"Scoring {told.zip} on {told.data or told.bundle} as Codabench does.",
    "bundle": lambda told: f"Packing a competition with the hidden set {told.data}; its solution is scored first.",
    "ablate": lambda told: f"Comparing augmentations on {told.data} in {told.out}.",
    "corrupt": lambda told: f"Corrupting {told.data} into {told.out}.",
    "publish": lambda told: f"Copying the weights of {told.run} to {told.out}.",
    "fetch": lambda told: "Fetching BloodMNIST, 0.5 GB.",
}
"""What each verb says first: what is done with which data. TensorFlow takes seconds to import after that."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    prepare_streams()
    try:
        options = _parser().parse_args(arguments)
    finally:
        drop_unwritten()
    options.command = shlex.join(["bloodcells", *(sys.argv[1:] if arguments is None else arguments)])
    try:
        _choose_data(options)
        if not getattr(options, "json", False):
            with suppress(OSError):  # a full disk or a closed pipe is no reason not to do the work
                say(options.opening(options))
        with terminable(), sole_writer(_lock(options)):
            options.verb(options)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if options.debug and isinstance(error, Exception):
            raise
        return ended_by(error)
    return 0


def _run(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.network.inference import TTA_VIEWS
    from bloodcells.pages.run_page import draw_run
    from bloodcells.run import Measurement, Run, metrics_by_set

    run, recipe = Run(_run_folder(options)), _recipe(options)
    summary = walk.walk(_cells(options), recipe, options.tta, run.folder, _cleaning(options), _sitting(options))
    walk.say_step("report")
    page = draw_run(run.folder, run.report)
    sets = metrics_by_set(run.rows(Measurement), "validation", TTA_VIEWS[options.tta])
    accuracies = {
        "on validation cells": {name: metrics.accuracy for name, metrics in sets.items()},
        "of the zip on the hold-out": {name: one["accuracy"] for name, one in summary.scores.items()},
    }
    for place, by_set in accuracies.items():
        say(f"Accuracy {place}: " + ", ".join(f"{value:.4f} {name}" for name, value in by_set.items()) + ".")
    warning = _warning_of_chance(run, TTA_VIEWS[options.tta])
    say(warning or f"Upload {run.submission}.", f"Figures and tables are in {page}.")


def _warning_of_chance(run: "Run", views: int) -> str | None:
    from bloodcells.measuring.chance import warning_of_chance
    from bloodcells.run import Config, Measurement, metrics_by_set

    clean = metrics_by_set(run.rows(Measurement), "validation", views)["clean"]
    counts = [sum(row) for row in clean.confusion]
    return warning_of_chance(clean.accuracy, counts, run.read(Config).competition.classes)


def _new(options: argparse.Namespace) -> None:
    from bloodcells.data.sources.found import look_into
    from bloodcells.new import image_size, write_competition

    found = look_into(expanded(options.data), _reading(options))
    options.competition = _facts_file(options)
    write_competition(options.competition, options.name, found, options.force)
    counted = ", ".join(f"{name} {count:,}" for name, count in zip(found.classes, found.counts, strict=True))
    say(f"Found {sum(found.counts):,} pictures: {counted}.")
    if not found.pictures and found.side != image_size(found):
        options.fit = options.fit or "squash"
    source = _source_in_words(options)
    say(f"Read {options.competition} through: pictures are {image_size(found)} px there. Next: bloodcells run {source}")


def _facts_file(options: argparse.Namespace) -> Path:
    return options.out or Path(f"{'_'.join(options.name.split()).replace(os.sep, '_')}.toml")


def _clean(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.cleaning.calibration import calibrate
    from bloodcells.cleaning.table import TABLE_FILES
    from bloodcells.pages.cleaning_page import write_cleaning_page
    from bloodcells.pages.cleaning_pictures import DISTANCES, DROPPED, SUSPECTS, write_cleaning_pictures
    from bloodcells.progress import progress_bars
    from bloodcells.run import CleaningCounts

    cells, settings = _cells(options), _cleaning(options)
    claim(options.out, (*TABLE_FILES, "cleaning.html", DROPPED, SUSPECTS, DISTANCES))
    with progress_bars() as progress:
        table = walk.clean(cells, options.out, settings, options.init, progress, options.backbone)
    page = options.out / "cleaning.html"
    say("Drawing the page: the cleaning is tried on planted copies, and pictures are enlarged.")
    calibration = calibrate(cells.take(table.kept), settings)
    write_cleaning_page(page, cells, table, settings, calibration)
    write_cleaning_pictures(options.out, cells, table, settings, calibration)
    say(str(CleaningCounts(**table.counts())))
    if options.init is None:
        say("Labels were not examined; --init imagenet does it, in minutes.")
    say(f"Look at {page}; the decisions are in {options.out / 'cleaning.csv'}. Nothing of the input was changed.")


def _train(options: argparse.Namespace) -> None:
    from bloodcells import walk

    run, recipe = _run_folder(options), _recipe(options)
    parts = walk.prepare(_cells(options), run, _cleaning(options))
    walk.fit(parts, recipe, run, _sitting(options))
    say(f"The training is complete. Next: bloodcells evaluate --run {run} {_source_in_words(options)}")


def _evaluate(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.corruption.corruption_error import be, relative_be
    from bloodcells.network.inference import TTA_VIEWS
    from bloodcells.run import Run

    if options.white_balance and not options.external:
        raise KitError("--white-balance: expected pictures from elsewhere, got those of the run. Give --external.")
    if options.external:
        _evaluate_external(options)
        return
    parts, run = walk.parts_of(options.run, _cells(options)), Run(options.run)
    rows = walk.measure(options.run, parts, options.tta)
    run.note_commands(options.command)
    _say_accuracies(rows)
    warning = _warning_of_chance(run, TTA_VIEWS[options.tta])
    say(*([warning] if warning else []), f"All metrics are in {options.run / 'evaluation.json'}.")
    if options.medmnist_c:
        row = walk.measure_medmnist_c(options.run, parts, options.medmnist_c)
        say(f"MedMNIST-C: balanced error {row.mean:.4f}, BE {be(row):.2f}, relative BE {relative_be(row):.2f}")


def _say_accuracies(rows: "Sequence[Measurement]") -> None:
    for (part, name), own in groupby(rows, lambda row: (row.part, row.set)):
        accuracies = ", ".join(f"{row.metrics.accuracy:.4f} over {row.views} view(s)" for row in own)
        say(f"Accuracy on {part} cells, {name}: {accuracies}.")


def _evaluate_external(options: argparse.Namespace) -> None:
    from dataclasses import asdict, replace

    from bloodcells.data.sources import open_source
    from bloodcells.files import write_json
    from bloodcells.measuring.external import measure_external
    from bloodcells.run import Config, Run
    from bloodcells.training.start import KIT

    claim(options.out.parent, (options.out.name,))
    run = Run(options.run or KIT)
    competition = run.read(Config).competition
    cells = open_source(options.external, DATA, competition, reading=replace(_reading(options), fewest=0))
    images = _balanced(cells.images, run, options)
    found = measure_external(cells.labels, run.predict(images, options.tta), competition.classes)
    write_json(options.out, {"pictures": cells.origin, "sha256": cells.sha256, "command": options.command,
                             **asdict(found)})  # fmt: skip
    say(*str(found).splitlines())
    say(f"The record is {options.out}.")


def _predict(options: argparse.Namespace) -> None:
    from bloodcells.data.predictions import layout_like, plain_layout, refuse_to_write, rows_of, write_predictions
    from bloodcells.data.sources import open_images
    from bloodcells.run import Config, Run
    from bloodcells.training.start import KIT

    refuse_to_write(options.out, options.force)
    run = Run(options.run or KIT)
    competition = run.read(Config).competition
    classes = competition.classes
    layout = layout_like(options.like, classes) if options.like else plain_layout(options.form, classes)
    images, names = open_images(options.data, competition.image_size, _reading(options))
    places, ids = rows_of(layout, names.tolist())
    balanced = _balanced(images[places], run, options)
    write_predictions(options.out, ids, run.predict(balanced, options.tta), layout)
    say(f"{len(ids):,} predictions are in {options.out}.")


def _balanced(images: "np.ndarray", run: "Run", options: argparse.Namespace) -> "np.ndarray":
    from bloodcells.data.white_balance import white_balanced
    from bloodcells.run import Config

    if not options.white_balance:
        return images
    ground = run.read(Config).ground
    if ground is None:
        raise KitError(
            f"--white-balance: expected the ground of the training cells in the records of {run.folder}, got none. "
            "Leave the option out, or train again."
        )
    return white_balanced(images, ground)


def _package(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.codabench.packager import package, package_ensemble
    from bloodcells.data.sources import open_source
    from bloodcells.run import Config, Run
    from bloodcells.training.start import KIT

    runs = [KIT if str(run) == "kit" else run for run in options.run or (KIT,)]
    if len(runs) == 1 and options.data:
        raise KitError("--data: expected several --run to measure together, got one. Run bloodcells evaluate for it.")
    if len(runs) == 1:
        summary = package(runs[0], options.out, options.tta, options.force, options.backend)
    else:
        gate, temperature = None, 1.0
        if options.data:
            competition = Run(runs[0]).read(Config).competition
            cells = open_source(options.data, DATA, competition, reading=_reading(options))
            found = walk.measure_ensemble(runs, cells, options.tta)
            gate = found.gate.gate if found.gate else None
            temperature = found.temperatures[-1].temperature
            _say_accuracies(found.rows)
        summary = package_ensemble(runs, options.out, options.tta, options.force, options.backend, gate, temperature)
    say(f"{summary.path} has {summary.bytes:,} bytes: {', '.join(summary.members)}; sha256 {summary.sha256}.")
    if options.tta:
        say(f"Further views are taken {_gate_in_words(summary.gate, runs, options.tta)}.")
    competition = Run(runs[0]).read(Config).competition
    images, limit = competition.hidden_images, competition.time_limit
    say(f"{images:,} images would take {summary.projected_seconds:.0f} s on this machine; {limit:.0f} s are allowed.")


def _gate_in_words(gate: float | None, runs: Sequence[Path], tta_level: int) -> str:
    from bloodcells.training.start import KIT

    if gate is not None:
        return f"only of images whose two most probable classes are less than {gate:.2f} apart in the first"
    if len(runs) > 1:
        return "of all images; with --data those that can be spared them are found on the validation cells"
    if runs[0] == KIT:
        return "of all images"
    return f"of all images; evaluate --run {runs[0]} --tta {tta_level} finds out which can be spared them"


def _publish(options: argparse.Namespace) -> None:
    from bloodcells.weights.publishing import publish_weights

    published = publish_weights(options.run, options.out, options.force, options.note)
    say(f"{options.out / published.file} has {published.bytes:,} bytes at half precision, which changes a probability "
        f"by at most {published.largest_change_of_a_probability:.2g}; sha256 {published.sha256}.")  # fmt: skip


def _score(options: argparse.Namespace) -> None:
    from bloodcells.codabench.agreement import score_with_worker
    from bloodcells.codabench.worker import describe_run, score
    from bloodcells.files import read_json

    if options.zip.is_dir():
        _rank(options)
        return
    work, tell, agreement = _score_folder(options), _teller(options), None
    with redirect_stdout(sys.stderr):
        test_set = _test_set(options)
        if options.worker:
            scores, agreement = score_with_worker(options.zip, test_set, work, options.worker, tell, options.sandbox)
        else:
            scores = score(options.zip, test_set, work, tell=tell, sandbox=options.sandbox)
    if options.json:
        print(json.dumps(scores))
        return
    say(_in_words(scores))
    say(*describe_run(read_json(work / "run.json")))
    if agreement:
        say(f"Compared with {agreement}.")
    say(f"Look at {work / 'detailed_results.html'}.")


def _rank(options: argparse.Namespace) -> None:
    from bloodcells.codabench.ranking import PAGE, TABLE, rank_folder

    work, python = _score_folder(options), options.worker or sys.executable
    with redirect_stdout(sys.stderr):
        rows = rank_folder(options.zip, _test_set(options), work, python, _teller(options), options.sandbox)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    say(*(f"{row.rank or '-'} {row.zip}: {row.reason or _in_words(row.scores)}" for row in rows))
    say(f"The table is {work / TABLE}, with a page beside it: {work / PAGE}.")


def _test_set(options: argparse.Namespace) -> "CellSet | Bundle":
    from bloodcells.codabench.task import Bundle

    return Bundle(options.bundle, _competition(options)) if options.bundle else _cells(options)


def _teller(options: argparse.Namespace) -> Callable[[str], None]:
    return (lambda line: None) if options.json else partial(say, file=sys.stderr)


def _in_words(scores: dict[str, float]) -> str:
    units = {name: f"{value:.2f} s" if name == "duration" else f"{value:.4f}" for name, value in scores.items()}
    return ", ".join(f"{name} {value}" for name, value in units.items())


def _bundle(options: argparse.Namespace) -> None:
    from bloodcells.codabench.bundle import write_bundle

    summary = write_bundle(_cells(options), options.solution, options.out, options.force)
    say(f"The solution scores {_in_words(summary.scores)}.")
    say(f"{summary.path} has {summary.bytes:,} bytes: {', '.join(summary.members)}; sha256 {summary.sha256}.")


def _corrupt(options: argparse.Namespace) -> None:
    from bloodcells.corruption import write_benchmark

    manifest = write_benchmark(_cells(options), options.out, options.seed)
    say(f"The corrupted copies lie beside their checksums in {manifest}.")


def _ablate(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.ablation.arms import RECIPE_BASELINE, RECIPES
    from bloodcells.ablation.budget import budget
    from bloodcells.ablation.experiment import nearness, pending, prepare_experiment, run_arm
    from bloodcells.ablation.tasks import run_arms_on_ray
    from bloodcells.augmentation.policies import POLICIES
    from bloodcells.pages.ablation_page import draw_ablation
    from bloodcells.training.start import starting_point

    groups = {"all": POLICIES, "recipes": (RECIPE_BASELINE, *RECIPES)}
    arms = groups.get(options.arms[0], options.arms) if len(options.arms) == 1 else options.arms
    work = pending(options.out, arms, options.seeds)
    say(f"{len(work)} of {len(arms) * len(options.seeds)} arms and seeds are to be trained.")
    claim(options.out, ("start", "runs", "records", "report"))
    parts = walk.prepare(_cells(options), options.out, _cleaning(options))
    init = starting_point(options.init, options.data, options.out / "start")
    say(f"The weights start from {init}.")
    experiment = prepare_experiment(parts.train, parts.validation, budget(options.budget), init, options.out)
    if options.ray:
        written = run_arms_on_ray(experiment, work, options.ray, options.ray_cpus, options.ray_gpus)
    else:
        written = (run_arm(experiment, arm, seed) for arm, seed in work)
    for count, path in enumerate(written, start=1):
        say(f"{count} of {len(work)}: {path}")
    say(draw_ablation(options.out, options.out / "report", nearness(), parts.train.competition.title, parts.validation))


def _fetch(options: argparse.Namespace) -> None:
    from bloodcells.data.sources.bloodmnist import fetch_bloodmnist

    say(fetch_bloodmnist(DATA))


def _report(options: argparse.Namespace) -> None:
    from bloodcells.pages.run_page import draw_run

    say(draw_run(options.run, options.out))


def _compare(options: argparse.Namespace) -> None:
    from bloodcells.measuring.comparison import read_answers
    from bloodcells.pages.comparison_page import PAGE, TABLE, write_comparison

    rows = write_comparison(read_answers(options.runs), options.out)
    say(*(row for row in rows if row.group == "all"), f"page: {options.out / PAGE}, table: {options.out / TABLE}")


def _sitting(options: argparse.Namespace) -> "Sitting":
    from bloodcells.run import Request, Sitting

    return Sitting(Request(options.command, options.recipe, options.data), options.devices, options.minutes)


def _cells(options: argparse.Namespace) -> "CellSet":
    from bloodcells.data.sources import open_source

    return open_source(options.data, DATA, _competition(options), reading=_reading(options))


def _source_in_words(options: argparse.Namespace) -> str:
    """The options that name the cells, for the next command."""
    told = {name: getattr(options, name) for name in ("data", "fit", "keys", "split", "competition")}
    words = [word for name, value in told.items() if value for word in (f"--{name}", str(value))]
    return shlex.join([*words, *(["--strict"] if options.strict else [])])


def _reading(options: argparse.Namespace) -> "Reading":
    from bloodcells.data.sources import Reading
    from bloodcells.data.sources.pictures import Fit

    keys = options.keys and tuple(key.strip() for key in options.keys.split(","))
    if options.split:
        keys = (f"{options.split}_images", f"{options.split}_labels")
    if keys and len(keys) != 2:
        raise KitError(f"--keys: expected two names, IMAGES,LABELS, got {options.keys!r}. Write both.")
    fewest = 2 if options.verb in (_run, _train, _evaluate, _ablate) else 0
    return Reading(options.fit and Fit.parsed(options.fit), options.strict, keys, fewest)


def _competition(options: argparse.Namespace) -> "Competition":
    from bloodcells.competition import chosen_competition

    return chosen_competition(options.competition)


def _recipe(options: argparse.Namespace) -> "Recipe":
    from bloodcells.training.start import starting_recipe

    run, classes = _run_folder(options), _competition(options).classes
    recipe = starting_recipe(options.recipe, options.init, options.data, classes, options.seed, options.set, run)
    say(f"The weights start from {recipe.init}.")
    return recipe


def _cleaning(options: argparse.Namespace) -> "CleaningSettings":
    from bloodcells.cleaning import CleaningSettings
    from bloodcells.cleaning.decisions import read_decisions

    decisions = read_decisions(expanded(options.decisions)) if options.decisions else None
    return CleaningSettings(keep_lone=options.keep_lone, allow_any_removal=options.yes, decisions=decisions)


def _score_folder(options: argparse.Namespace) -> Path:
    return options.out or RUNS / "score" / options.zip.stem


def _run_folder(options: argparse.Namespace) -> Path:
    from bloodcells.recipe import run_name

    return options.out or RUNS / run_name(options.data, options.recipe, options.seed)


def _evaluated_run(options: argparse.Namespace) -> Path:
    if options.run is None:
        raise KitError("evaluate: expected --run, or --external beside --weights kit, got neither. Give one.")
    run: Path = options.run
    return run


def _choose_data(options: argparse.Namespace) -> None:
    """Where no ``--data`` is given: the user's own file, if it lies at its usual place and the user says so."""
    if getattr(options, "data", None) != _FORGOTTEN:
        return
    options.data = "synthetic"
    if not USUAL_DATA.exists() or getattr(options, "external", None):
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise KitError(f"--data: expected {USUAL_DATA}, which is here, or synthetic, got neither. Say which.")
    if input(f"No --data is given. Take {USUAL_DATA}? [Y, or n for the synthetic smear] ").strip().lower() in ("", "y"):
        options.data = str(USUAL_DATA)
    options.command += f" --data {options.data}"


def _trained(options: argparse.Namespace) -> str:
    runs = options.run if isinstance(options.run, list) else [options.run or "the kit's weights"]
    return " and ".join(map(str, runs))


def _lock(options: argparse.Namespace) -> Path:
    """What one command at a time may hold: the lock of the folder or of the file that it writes."""
    if options.verb in (_predict, _package, _bundle, _new) or (options.verb is _evaluate and options.external):
        return lock_beside(_facts_file(options) if options.verb is _new else options.out)
    folders: dict[object, Callable[[argparse.Namespace], Path]] = {
        _run: _run_folder,
        _train: _run_folder,
        _evaluate: _evaluated_run,
        _score: _score_folder,
        _fetch: lambda _: DATA,
    }
    return lock_in(folders.get(options.verb, lambda options: options.out)(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bloodcells", usage="bloodcells VERB [options]", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB", help=argparse.SUPPRESS)
    summaries = dict[str, str]()

    def add(name: str, action: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        summaries[name] = summary
        described = f"{summary[0].upper()}{summary[1:]}."
        verb = verbs.add_parser(name, description=described, prog=f"bloodcells {name}")
        verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
        verb.set_defaults(verb=action, opening=_OPENINGS[name])
        return verb

    whole = add("run", _run, "go the whole way: clean, split, train, measure, package, score")
    train = add("train", _train, "clean, split and train; goes on where it stopped")
    for verb in (whole, train):
        _add_source(verb)
        verb.add_argument("--recipe", "--profile", default="quick", metavar="RECIPE", help="quick: minutes; full: what "
                          "you upload; scratch: from random weights, on a GPU; or a TOML file "
                          "(default: quick)")  # fmt: skip
        verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe: "
                          "phases.0.epochs=5 (phases count from 0), backbone=ConvNeXtTiny; repeatable")  # fmt: skip
        _add_init(verb)
        verb.add_argument("--seed", type=int, default=0, help="the seed of the training; the split stays")
        verb.add_argument("--devices", type=int, metavar="N", help="GPUs to train on at once, each with its "
                          "share of every batch (default: all)")  # fmt: skip
        verb.add_argument("--minutes", type=float, metavar="N", help="stop the training at the last end of an epoch "
                          "that fits into so many; the same command goes on (default: train to the end)")  # fmt: skip
        verb.add_argument("--out", type=Path, help="run folder (default: runs/DATA-RECIPE-SEED)")
        _add_cleaning(verb)
    _add_tta(whole)

    new = add("new", _new, "write the facts of another competition, from its pictures")
    new.add_argument("name", help="the name of the competition")
    new.add_argument("--data", required=True, help="labelled images, as for run")
    _add_reading(new)
    new.add_argument("--out", type=Path, metavar="FILE", help="the file (default: NAME.toml)")
    _add_force(new)

    clean = add("clean", _clean, "write a decision for every image; nothing of the input is changed")
    _add_source(clean)
    clean.add_argument("--out", type=Path, required=True, help="folder for cleaning.csv, cleaning.json, the page "
                       "and its pictures")  # fmt: skip
    clean.add_argument("--init", help="look for wrong labels too, with a network that has not learned them: imagenet "
                       "or an ImageNet-style .h5 file; minutes on a CPU; suspects are reported and stay (default: "
                       "labels are not examined)")  # fmt: skip
    clean.add_argument("--backbone", default="EfficientNetB3", help="the backbone of these weights, as in a recipe "
                       "(default: EfficientNetB3)")  # fmt: skip
    _add_cleaning(clean)

    evaluate = add("evaluate", _evaluate, "measure a run on validation and hold-out cells, clean and corrupted")
    trained = evaluate.add_mutually_exclusive_group(required=True)
    trained.add_argument("--run", type=Path, help="folder of a training run")
    trained.add_argument("--weights", choices=("kit",), help="with --external: the weights that come with the kit")
    _add_source(evaluate)
    _add_tta(evaluate)
    evaluate.add_argument("--external", metavar="FOLDER", help="measure on labelled pictures from elsewhere instead: "
                          "accuracy and recall with their intervals, confident errors")  # fmt: skip
    _add_white_balance(evaluate)
    evaluate.add_argument("--out", type=Path, default=RUNS / "external.json", help="record of --external (default: "
                          "runs/external.json)")  # fmt: skip
    evaluate.add_argument("--medmnist-c", type=int, default=0, metavar="N", help="measure MedMNIST-C too, on N "
                          "hold-out cells under 55 corruptions (default: 0, not measured)")  # fmt: skip

    predict = add("predict", _predict, "label pictures, and write the labels or probabilities to a file")
    _add_trained(predict)
    predict.add_argument("--data", required=True, help="an .npz with the key images, a folder of pictures or a table")
    _add_reading(predict)
    _add_white_balance(predict)
    predict.add_argument("--out", type=Path, required=True, help=".csv with the columns id,label, the id being the "
                         "file or the place of the picture, or .npy")  # fmt: skip
    said = predict.add_mutually_exclusive_group()
    said.add_argument("--names", dest="form", action="store_const", const="name", default="index", help="write the "
                      "names of the classes, not their indices")  # fmt: skip
    said.add_argument("--proba", dest="form", action="store_const", const="proba", help="write the probability of "
                      "each class, a column each")  # fmt: skip
    said.add_argument("--like", type=Path, metavar="CSV", help="write the columns and ids of this file, such as "
                      "sample_submission.csv, in their order")  # fmt: skip
    _add_tta(predict)
    _add_force(predict)

    package = add("package", _package, "write the submission zip of a run, or of the weights that come with the kit")
    trained = package.add_mutually_exclusive_group(required=True)
    trained.add_argument("--run", type=Path, action="append", help="folder of a training run, or kit; several make "
                         "one zip that answers with the mean of their probabilities")  # fmt: skip
    trained.add_argument("--weights", choices=("kit",), help="kit: what comes with the kit, nothing trained")
    package.add_argument("--data", help="the cells of several runs: which images get further views is chosen on their "
                         "validation cells (default: all do)")  # fmt: skip
    _add_reading(package)
    package.add_argument("--out", type=Path, required=True, help="the zip")
    package.add_argument("--backend", default="tflite", choices=("tflite", "keras"), help="what predicts: a TFLite "
                         "flatbuffer with Keras as its stand-in, or Keras alone (default: tflite)")  # fmt: skip
    _add_tta(package)
    _add_force(package)

    publish = add("publish", _publish, "copy a run's weights at half precision, with its records, to hand them on")
    _add_run(publish)
    publish.add_argument("--out", type=Path, required=True, help="folder for them; package reads it like a run")
    publish.add_argument("--note", default="", help="how the weights were made, where the records do not say it")
    _add_force(publish)

    score = add("score", _score, "score a submission zip as Codabench does, or rank a folder of them")
    score.add_argument("zip", type=Path, help="the submission, or a folder of submissions: scored to one table")
    source = score.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="labelled images, as for run")
    source.add_argument("--bundle", type=Path, help="a competition bundle: its programs and its hidden set")
    _add_reading(score)
    _add_competition(score)
    score.add_argument("--worker", metavar="PYTHON", help="score with this interpreter as well, one with the versions "
                       "of the competition's machine, and refuse a zip that answers otherwise there")  # fmt: skip
    score.add_argument("--sandbox", default="auto", metavar="HOW", help="auto: bubblewrap where it is installed; "
                       "required: it, or a refusal, for strangers' zips; docker or docker=IMAGE; none (default: "
                       "auto)")  # fmt: skip
    score.add_argument("--out", type=Path, help="folder to work in (default: runs/score/ZIP)")
    score.add_argument("--json", action="store_true", help="print the scores as one JSON object and nothing else")

    bundle = add("bundle", _bundle, "write a Codabench competition with your own hidden set")
    bundle.add_argument("--data", required=True, help="the hidden set: labelled images, as for run")
    _add_reading(bundle)
    _add_competition(bundle)
    bundle.add_argument("--solution", type=Path, required=True, help="a submission zip, as package writes it")
    bundle.add_argument("--out", type=Path, required=True, help="the zip")
    _add_force(bundle)

    corrupt = add("corrupt", _corrupt, "write frozen corrupted copies of a set of cells, with checksums")
    _add_source(corrupt)
    corrupt.add_argument("--seed", type=int, default=0, help="the seed of the corruption")
    corrupt.add_argument("--out", type=Path, required=True, help="folder for the copies")

    ablate = add(
        "ablate", _ablate, "train one arm for each augmentation policy and compare them; goes on where it stopped"
    )
    _add_source(ablate)
    ablate.add_argument("--arms", nargs="+", default=["flips", "randaugment", "augmix", "mixup", "cutmix",
                        "gaussian_noise"], metavar="ARM", help="policies, or changes to the recipe; all for every "
                        "policy, recipes for every change (default: flips, the published system's five)")  # fmt: skip
    ablate.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED", help="(default: 0 1 2)")
    ablate.add_argument("--budget", default="cpu", help="cpu: some minutes for an arm on 2 cores; gpu: every cell at "
                        "full size; trial: seconds, for no conclusion; or a TOML file (default: cpu)")  # fmt: skip
    _add_init(ablate)
    ablate.add_argument("--out", type=Path, required=True, help="folder of the ablation; its report/ holds the page")
    ablate.add_argument("--ray", metavar="ADDRESS", help="run the arms as tasks of a Ray cluster: its address, auto, "
                        "or local; needs the extra ray and a folder that all machines share")  # fmt: skip
    ablate.add_argument("--ray-cpus", type=int, default=2, help="cores for a task of Ray (default: 2)")
    ablate.add_argument("--ray-gpus", type=float, default=0, help="GPUs for a task of Ray (default: 0)")
    _add_cleaning(ablate)

    add("fetch", _fetch, "download BloodMNIST into data/, and verify its checksum")

    report = add("report", _report, "draw the figures and tables of a run")
    _add_run(report)
    report.add_argument("--out", type=Path, required=True, help="folder for the page")

    compare = add("compare", _compare, "compare runs on one hold-out: curves, differences, pictures that flipped")
    compare.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs; the others are compared "
                         "with the first")  # fmt: skip
    compare.add_argument("--out", type=Path, required=True, help="folder for compare.html and compare.csv")
    parser.description = _ABOUT + "".join(
        f"\n{title}:\n" + "".join(f"  {name:<10}{summaries[name]}\n" for name in names)
        for title, names in _GROUPS.items()
    )
    return parser


def _add_source(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", default=_FORGOTTEN, help="an .npz, a folder of class folders, a folder with a table "
                      "file,label, synthetic or bloodmnist (default: synthetic; you are asked where "
                      "data/training_set.npz is)")  # fmt: skip
    _add_reading(verb)
    _add_competition(verb)


def _add_reading(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--fit", metavar="FIT", help="pictures become square by crop (the centre square), crop=0.6 (0.6 "
                      "of it), pad (the whole on white) or squash; given, arrays of another size are resized too "
                      "(default: crop for picture files)")  # fmt: skip
    verb.add_argument("--strict", action="store_true", help="refuse where a picture cannot be read (default: list it "
                      "and go on)")  # fmt: skip
    verb.add_argument("--keys", metavar="IMAGES,LABELS", help="arrays of the .npz (default: images,labels), or columns "
                      "of the table (default: recognised)")  # fmt: skip
    verb.add_argument("--split", choices=("train", "val", "test"), help="the part of a file of MedMNIST")


def _add_white_balance(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--white-balance", action="store_true", help="for pictures of another laboratory: give the "
                      "ground between their cells the colour that it had in training (default: pictures as they "
                      "are)")  # fmt: skip


def _add_competition(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--competition", type=Path, metavar="FILE", help="the facts of another competition, a file like "
                      "competition.toml (default: the one that BLOODCELLS_COMPETITION names, else the blood "
                      "cells)")  # fmt: skip


def _add_init(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--init", default="auto", help="imagenet, kit, scratch, an ImageNet-style .h5 file or a "
                      ".weights.h5 of this kit (default: imagenet for real cells where it can be had, else kit; kit "
                      "for the synthetic smear)")  # fmt: skip


def _add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--run", type=Path, required=True, help="folder of a training run")


def _add_trained(verb: argparse.ArgumentParser) -> None:
    trained = verb.add_mutually_exclusive_group(required=True)
    trained.add_argument("--run", type=Path, help="folder of a training run")
    trained.add_argument("--weights", choices=("kit",), help="kit: what comes with the kit, nothing trained")


def _add_tta(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--tta", type=int, default=2, choices=(0, 1, 2), help="test-time augmentation: 0 none, 1 the "
                      "four rotations, 2 the eight dihedral views (default: 2)")  # fmt: skip


def _add_cleaning(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--keep-lone", action="store_true", help="keep odd pictures that have no copies (default: they "
                      "are dropped as junk, and listed)")  # fmt: skip
    verb.add_argument("--decisions", type=Path, metavar="FILE", help="obey what you decided about single "
                      "images on the page of clean: the decisions.csv that it saves (default: none)")  # fmt: skip
    verb.add_argument("--yes", action="store_true", help="go on even where the cleaning removes most images")


def _add_force(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--force", action="store_true", help="replace the output if it exists")
