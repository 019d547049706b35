"""The verbs that look at a network."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bloodcells.cli import options
from bloodcells.cli.verb import Group, one_of, option
from bloodcells.cli.words import say_accuracies, warning_of_chance
from bloodcells.errors import KitError, say
from bloodcells.files import claim, write_json
from bloodcells.lock import lock_beside, lock_in

if TYPE_CHECKING:
    import numpy as np

    from bloodcells.run import Run

GROUP = Group("look at a network")
_WHITE_BALANCE = option("--white-balance", action="store_true", help="for pictures of another laboratory: give the "
                        "ground between their cells the colour that it had in training (default: pictures as they "
                        "are)")  # fmt: skip


def _evaluate_lock(told: Namespace) -> Path:
    if told.external:
        return lock_beside(told.out)
    if told.run is None:
        raise KitError("evaluate: expected --run, or --external beside --weights kit, got neither. Give one.")
    return lock_in(told.run)


@GROUP.verb(
    "evaluate",
    "measure a run on validation and hold-out cells, clean and corrupted",
    lambda told: f"Measuring {options.trained_in_words(told)} on {told.external or told.data}.",
    one_of(
        options.RUN,
        option("--weights", choices=("kit",), help="with --external: the weights that come with the kit"),
        required=True,
    ),
    *options.SOURCE,
    options.TTA,
    option("--external", metavar="FOLDER", help="measure on labelled pictures from elsewhere instead: accuracy and "
           "recall with their intervals, confident errors"),
    _WHITE_BALANCE,
    option("--out", type=Path, default=options.RUNS / "external.json", help="record of --external (default: "
           "runs/external.json)"),
    option("--medmnist-c", type=int, default=0, metavar="N", help="measure MedMNIST-C too, on N hold-out cells under "
           "55 corruptions (default: 0, not measured)"),
    lock=_evaluate_lock,
    fewest=2,
)  # fmt: skip
def _evaluate(told: Namespace) -> None:
    if told.white_balance and not told.external:
        raise KitError("--white-balance: expected pictures from elsewhere, got those of the run. Give --external.")
    if told.external:
        _measure_elsewhere(told)
    else:
        _measure(told)


@GROUP.verb(
    "report",
    "draw the figures and tables of a run",
    lambda told: f"Drawing the figures and tables of {told.run}.",
    options.ONE_RUN,
    option("--out", type=Path, required=True, help="folder for the page"),
)
def _report(told: Namespace) -> None:
    from bloodcells.pages.run_page import draw_run

    say(draw_run(told.run, told.out))


@GROUP.verb(
    "compare",
    "compare runs on one hold-out: curves, differences, pictures that flipped",
    lambda told: f"Comparing {', '.join(map(str, told.runs[1:]))} with {told.runs[0]}.",
    option("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs; the others are compared with the first"),
    option("--out", type=Path, required=True, help="folder for compare.html and compare.csv"),
)
def _compare(told: Namespace) -> None:
    from bloodcells.measuring.comparison import read_answers
    from bloodcells.pages.comparison_page import PAGE, TABLE, write_comparison

    rows = write_comparison(read_answers(told.runs), told.out)
    say(*(row for row in rows if row.group == "all"), f"page: {told.out / PAGE}, table: {told.out / TABLE}")


@GROUP.verb(
    "predict",
    "label pictures, and write the labels or probabilities to a file",
    lambda told: f"Labelling {told.data} with {options.trained_in_words(told)}.",
    one_of(options.RUN, options.KIT_WEIGHTS, required=True),
    option("--data", required=True, help="an .npz with the key images, a folder of pictures or a table"),
    *options.READING,
    _WHITE_BALANCE,
    option("--out", type=Path, required=True, help=".csv with the columns id,label, the id being the file or the place "
           "of the picture, or .npy"),
    one_of(
        option("--names", dest="form", action="store_const", const="name", default="index", help="write the names of "
               "the classes, not their indices"),
        option("--proba", dest="form", action="store_const", const="proba", help="write the probability of each class, "
               "a column each"),
        option("--like", type=Path, metavar="CSV", help="write the columns and ids of this file, such as "
               "sample_submission.csv, in their order"),
    ),
    options.TTA,
    options.FORCE,
    lock=lambda told: lock_beside(told.out),
)  # fmt: skip
def _predict(told: Namespace) -> None:
    from bloodcells.data.predictions import layout_like, plain_layout, refuse_to_write, rows_of, write_predictions
    from bloodcells.data.sources import open_images
    from bloodcells.run import Run
    from bloodcells.training.start import KIT

    refuse_to_write(told.out, told.force)
    run = Run(told.run or KIT)
    competition = run.config.competition
    classes = competition.classes
    layout = layout_like(told.like, classes) if told.like else plain_layout(told.form, classes)
    images, names = open_images(told.data, competition.image_size, options.reading(told))
    places, ids = rows_of(layout, names.tolist())
    balanced = _balanced(images[places], run, told)
    write_predictions(told.out, ids, run.predict(balanced, told.tta), layout)
    say(f"{len(ids):,} predictions are in {told.out}.")


def _measure(told: Namespace) -> None:
    from bloodcells import walk
    from bloodcells.corruption.corruption_error import be, relative_be
    from bloodcells.measuring.temperature import temperature_in_words
    from bloodcells.network.inference import TTA_VIEWS
    from bloodcells.run import Run, Temperature

    parts, run = walk.parts_of(told.run, options.cells(told)), Run(told.run)
    rows = walk.measure(told.run, parts, told.tta)
    run.note_commands(told.command)
    say_accuracies(rows)
    say(*(temperature_in_words(one) for one in run.rows(Temperature) if one.views == TTA_VIEWS[told.tta]))
    warning = warning_of_chance(run, TTA_VIEWS[told.tta])
    say(*([warning] if warning else []), f"All metrics are in {told.run / 'evaluation.json'}.")
    if told.medmnist_c:
        row = walk.measure_medmnist_c(told.run, parts, told.medmnist_c)
        say(f"MedMNIST-C: balanced error {row.mean:.4f}, BE {be(row):.2f}, relative BE {relative_be(row):.2f}")


def _measure_elsewhere(told: Namespace) -> None:
    from bloodcells.measuring.external import measure_external
    from bloodcells.run import Run
    from bloodcells.training.start import KIT

    claim(told.out.parent, (told.out.name,))
    run = Run(told.run or KIT)
    competition = run.config.competition
    cells = options.pictures_from_elsewhere(told.external, competition, told)
    images = _balanced(cells.images, run, told)
    found = measure_external(cells.labels, run.predict(images, told.tta), competition.classes)
    write_json(told.out, {"pictures": cells.origin, "sha256": cells.sha256, "command": told.command, **asdict(found)})
    say(*str(found).splitlines())
    say(f"The record is {told.out}.")


def _balanced(images: "np.ndarray", run: "Run", told: Namespace) -> "np.ndarray":
    from bloodcells.data.white_balance import white_balanced

    if not told.white_balance:
        return images
    ground = run.config.ground
    if ground is None:
        raise KitError(
            f"--white-balance: expected the ground of the training cells in the records of {run.folder}, got none. "
            "Leave the option out, or train again."
        )
    return white_balanced(images, ground)
