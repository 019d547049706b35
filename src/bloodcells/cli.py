"""The command line: parse, call one function, print one summary.

Exit codes: 0 done, 1 refused or failed (one line says why), 2 wrong usage, 130 interrupted.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

# Silences most of what TensorFlow says of GPUs and instruction sets; must be set before it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bloodcells import __version__
from bloodcells.errors import KitError

if TYPE_CHECKING:
    from bloodcells.cells import CellSet
    from bloodcells.cleaning import CleaningSettings
    from bloodcells.config import TrainingConfig

CHECKOUT = Path(__file__).resolve().parents[2]
DATA, RUNS = Path("data"), Path("runs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.verb(options)
    except KitError as error:
        if options.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        log_tail = getattr(error, "log_tail", "")
        if log_tail:
            print(log_tail, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.reporting.run_page import draw_run

    run = _run_folder(options)
    summary = walk.walk(
        _cells(options), _training_config(options), options.tta, CHECKOUT / "submission", run, _cleaning(options)
    )
    draw_run(run, run / "report")
    for part, sets in summary["accuracy"].items():
        print(f"{part} accuracy: " + ", ".join(f"{name} {value:.4f}" for name, value in sets.items()))
    for name, scores in summary["scores"].items():
        print(f"zip scored on the {name} hold-out: {scores['accuracy']:.4f}")
    print(f"upload {run / 'submission.zip'}; figures and tables: {run / 'report' / 'index.md'}")


def _clean(options: argparse.Namespace) -> None:
    from bloodcells import walk
    from bloodcells.cleaning.calibration import calibrate
    from bloodcells.reporting.cleaning_page import write_cleaning_page

    cells, settings = _cells(options), _cleaning(options)
    table = walk.clean(cells, options.out, settings)
    page = options.out / "cleaning.html"
    write_cleaning_page(page, cells, table, settings, calibrate(cells.take(table.kept), settings))
    print(", ".join(f"{name} {value}" for name, value in table.counts().items()))
    print(f"decisions: {options.out / 'cleaning.csv'}, page: {page}; nothing of the input was changed")


def _train(options: argparse.Namespace) -> None:
    from bloodcells import walk

    run = _run_folder(options)
    parts = walk.prepare(_cells(options), run, _cleaning(options))
    walk.fit(parts, _training_config(options), run)
    print(f"trained: {run}. Next: bloodcells evaluate --run {run} --data {options.data}")


def _evaluate(options: argparse.Namespace) -> None:
    from bloodcells import walk

    result = walk.measure(options.run, walk.parts_of(options.run, _cells(options)), options.tta)
    for part, sets in result.items():
        for name, levels in sets.items():
            print(f"{part} {name}: " + ", ".join(f"{key} {value['accuracy']:.4f}" for key, value in levels.items()))
    print(f"all metrics: {options.run / 'evaluation.json'}")


def _predict(options: argparse.Namespace) -> None:
    from bloodcells.cells import load_images
    from bloodcells.inference import predict_probabilities
    from bloodcells.predictions import write_predictions
    from bloodcells.training import load_network

    images = load_images(options.data)
    probabilities = predict_probabilities(load_network(options.run), images, options.tta)
    write_predictions(options.out, probabilities.argmax(axis=1), options.force)
    print(f"{len(images)} labels: {options.out}")


def _package(options: argparse.Namespace) -> None:
    from bloodcells.codabench.packager import package

    summary = package(options.run, options.out, CHECKOUT / "submission", options.tta, options.force)
    print(f"{summary.path}: {summary.bytes:,} bytes, {', '.join(summary.members)}")
    print(f"sha256 {summary.sha256}")


def _score(options: argparse.Namespace) -> None:
    from bloodcells.cells import load_cells
    from bloodcells.codabench.worker import score

    work = options.out or RUNS / "score" / options.zip.stem
    with redirect_stdout(sys.stderr):
        scores = score(options.zip, load_cells(options.data), work)
    if options.json:
        print(json.dumps(scores))
    else:
        print(", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
        print(f"page: {work / 'detailed_results.html'}")


def _corrupt(options: argparse.Namespace) -> None:
    from bloodcells.corruption import write_benchmark

    manifest = write_benchmark(_cells(options), options.out, options.seed)
    print(f"corrupted copies and their checksums: {manifest}")


def _fetch(options: argparse.Namespace) -> None:
    from bloodcells.sources.bloodmnist import fetch_bloodmnist

    print(fetch_bloodmnist(DATA))


def _report(options: argparse.Namespace) -> None:
    from bloodcells.reporting.run_page import draw_run

    print(draw_run(options.run, options.out))


def _cells(options: argparse.Namespace) -> "CellSet":
    from bloodcells.sources import open_source

    return open_source(options.data, DATA)


def _training_config(options: argparse.Namespace) -> "TrainingConfig":
    from bloodcells.config import starting_point, training_config

    init = starting_point(options.init, options.data)
    print(f"init: {init}")
    return training_config(options.profile, init, options.seed)


def _cleaning(options: argparse.Namespace) -> "CleaningSettings":
    from bloodcells.cleaning import CleaningSettings

    return CleaningSettings(allow_any_removal=options.yes)


def _run_folder(options: argparse.Namespace) -> Path:
    from bloodcells.config import run_name

    return options.out or RUNS / run_name(options.data, options.profile, options.seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bloodcells", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    def add(name: str, action: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=summary, description=summary)
        verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
        verb.set_defaults(verb=action)
        return verb

    whole = add("run", _run, "the whole way: clean, split, train, evaluate, package, score")
    train = add("train", _train, "clean, split and train; resumes where it stopped")
    for verb in (whole, train):
        _add_source(verb)
        verb.add_argument("--profile", default="quick", help="quick: minutes; full: what you upload (default: quick)")
        verb.add_argument("--init", default="auto", help="imagenet, scratch or an .h5 file (default: imagenet for real "
                          "cells, scratch for the synthetic smear)")  # fmt: skip
        verb.add_argument("--seed", type=int, default=0, help="of training; data and split do not change with it")
        verb.add_argument("--out", type=Path, help="run folder (default: runs/DATA-PROFILE-SEED)")
        _add_yes(verb)
    _add_tta(whole)

    clean = add("clean", _clean, "write a decision for every image; nothing of the input is changed")
    _add_source(clean)
    clean.add_argument("--out", type=Path, required=True, help="folder for cleaning.csv, cleaning.json and the page")
    _add_yes(clean)

    evaluate = add("evaluate", _evaluate, "measure a run on validation and hold-out, clean and corrupted")
    _add_run(evaluate)
    _add_source(evaluate)
    _add_tta(evaluate)

    predict = add("predict", _predict, "label the images of an .npz")
    _add_run(predict)
    predict.add_argument("--data", type=Path, required=True, help=".npz with the key images")
    predict.add_argument("--out", type=Path, required=True, help=".csv with the columns id,label, or .npy of labels")
    _add_tta(predict)
    _add_force(predict)

    package = add("package", _package, "write the submission zip of a run")
    _add_run(package)
    package.add_argument("--out", type=Path, required=True, help="the zip")
    _add_tta(package)
    _add_force(package)

    score = add("score", _score, "score a submission zip as Codabench does")
    score.add_argument("zip", type=Path, help="the submission")
    score.add_argument("--data", type=Path, required=True, help=".npz with images and labels")
    score.add_argument("--out", type=Path, help="folder to work in (default: runs/score/ZIP)")
    score.add_argument("--json", action="store_true", help="print the scores as one JSON object and nothing else")

    corrupt = add("corrupt", _corrupt, "write frozen corrupted copies of a set of cells, with checksums")
    _add_source(corrupt)
    corrupt.add_argument("--seed", type=int, default=0, help="of the corruption")
    corrupt.add_argument("--out", type=Path, required=True, help="folder for the copies")

    add("fetch", _fetch, "download BloodMNIST into data/, with checksum")

    report = add("report", _report, "draw the figures and tables of a run")
    _add_run(report)
    report.add_argument("--out", type=Path, required=True, help="folder for the page")
    return parser


def _add_source(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", default="synthetic", help="an .npz, synthetic or bloodmnist (default: synthetic)")


def _add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--run", type=Path, required=True, help="folder of a training run")


def _add_tta(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--tta", type=int, default=1, choices=(0, 1, 2), help="test-time augmentation: 0 none, 1 the "
                      "four rotations, 2 the eight dihedral views (default: 1)")  # fmt: skip


def _add_yes(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--yes", action="store_true", help="go on even where the cleaning removes most images")


def _add_force(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--force", action="store_true", help="replace the output if it exists")
