"""The page of one run: figures, tables and the record they are made from."""

import textwrap
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from bloodcells.errors import say
from bloodcells.files import refuse_to_replace, write_text
from bloodcells.pages import plots
from bloodcells.pages.errors_page import errors_page
from bloodcells.pages.galleries import errors_with_maps
from bloodcells.pages.record import RunRecord, is_recorded, read_record, run_record
from bloodcells.pages.tables import (
    corruptions_table,
    metrics_table,
    pairs_table,
    phases_table,
    scores_table,
    temperature_table,
)
from bloodcells.pages.words import PARTS, VIEWS, hardware
from bloodcells.run import SETS, Run, is_complete

_ERRORS, _ERRORS_PAGE = "errors.jpg", "errors.html"


def draw_run(folder: Path, out: Path) -> Path:
    """Write ``index.md``, its figures, ``errors.html`` and ``record.json`` into ``out``; weights and zips stay.

    ``errors.html`` is left out, and that is said, where the pictures of the errors were not kept.

    Args:
        folder: the folder of a complete run, as the walk leaves it.
        out: folder for the page; what an earlier call left there is replaced.

    Returns:
        The path of ``index.md``.

    Raises:
        KitError: the run is not complete, or ``out`` holds files of somebody else.
    """
    run, record = Run(folder), run_record(folder)
    errors = run.read_errors()
    if not is_recorded(out):
        refuse_to_replace(out, ("index.md", _ERRORS, _ERRORS_PAGE, *_figures(record)))
    record.write(out)
    if any(record.errors.values()):
        title = "The most confident errors (hold-out)"
        sheet = errors_with_maps(errors["holdout"], record.config.competition.classes, title)
        plots.save_contact_sheet(sheet, out / _ERRORS)
    else:
        (out / _ERRORS).unlink(missing_ok=True)
    if is_complete(errors):
        write_text(out / _ERRORS_PAGE, errors_page(record, errors, vars(run.read_split())))
    else:
        (out / _ERRORS_PAGE).unlink(missing_ok=True)
        say(f"no {_ERRORS_PAGE}: this run keeps no pictures of all its errors. Evaluate it for them.")
    return redraw_run(out)


def redraw_run(page: Path) -> Path:
    """Draw a published page again where it lies, from the record beside it.

    What shows the errors stays as it is: it shows cells, which no record holds.

    Raises:
        KitError: there is no record, or it is damaged.
    """
    record = read_record(page)
    for name, figure in _figures(record).items():
        plots.save_figure(figure, page / name)
    shown = [name for name in (_ERRORS, _ERRORS_PAGE) if (page / name).exists()]
    write_text(page / "index.md", run_page(record, shown))
    return page / "index.md"


def run_page(record: RunRecord, shown: Collection[str] = (_ERRORS,)) -> str:
    """The page of a record, in Markdown; ``shown`` are the files beside it that show errors."""
    return "\n".join((_head(record), _results(record, shown), _data(record), _cost(record)))


def _figures(record: RunRecord) -> dict[str, plots.Figure]:
    classes, holdout = record.config.competition.classes, record.holdout
    views = f"hold-out, {VIEWS[record.summary.views]}"
    return {
        "learning_curves.png": plots.learning_curves(record.epochs),
        "accuracy.png": plots.accuracy_by_views(record.measurements),
        "confusion.png": plots.confusion_matrices(holdout, classes, f"What each class is taken for ({views})"),
        "recall.png": plots.recall_by_class(holdout, classes, f"Recall of each class ({views})"),
        "corruptions.png": plots.accuracy_by_corruption(
            holdout["composite"].by_corruption or {}, f"Composite accuracy under each corruption ({views})"
        ),
        "reliability.png": plots.reliability_curves(holdout, record.temperature, f"Accuracy over confidence ({views})"),
    }


def _head(record: RunRecord) -> str:
    recipe, summary = record.config.recipe, record.summary
    accuracy = {name: summary.scores[name]["accuracy"] for name in SETS}
    return f"""# Run {record.run}

{record.config.competition.title}: {recipe.backbone}, init `{recipe.init}`, policy `{recipe.policy}`, working at
{recipe.working_size} px, on *{summary.cells}*. One run, seed {recipe.seed}, on {hardware(record.environment)}.

The zip that would be uploaded scores **{accuracy["clean"]:.4f}** on the clean hold-out and
**{accuracy["composite"]:.4f}** on the same {summary.parts["holdout"]:,} images under the composite corruption.

{_made_by(record)}
"""


def _made_by(record: RunRecord) -> str:
    """The commands; in their place the note, where there is one: they alone did not make the run."""
    if record.config.note:
        return textwrap.fill(record.config.note, 116)
    if not record.config.commands:
        return "No command made this run: the kit was called from Python, with the settings below."
    return "\n".join(("```", *record.config.commands, "```"))


def _results(record: RunRecord, shown: Collection[str]) -> str:
    parts = record.summary.parts
    return f"""## Results

{metrics_table(record.measurements)}
*Accuracy of the trained network. Clean: images as they are. Composite: the same images, each through a random chain of
corruptions that is frozen for all runs and never trained on. The interval (Wilson) is for drawing other images;
another seed moves the figures too.*

![Clean beside composite accuracy, by test-time augmentation](accuracy.png)

*Accuracy by part and test-time augmentation (the mean over the views of an image), with Wilson's 95 % interval.*

![Error after each epoch](learning_curves.png)

*Training ({parts["train"]:,} images) and validation ({parts["validation"]:,} images) error after each
epoch, on single views. The training error is the mean over the epoch, on augmented images. Where validation was not
measured, a dotted line leads on. No epoch is chosen by these curves: the last one is used.*

![Confusion matrices of the hold-out](confusion.png)

*Rows: true class. Columns: predicted class. Numbers are images, shades their share of the row.*

![Recall of each class](recall.png)

*Share of each class that is recognised, with Wilson's 95 % interval; n is the number of hold-out images of the class in
each set.*

![Accuracy over confidence](reliability.png)

*How often the network is right, by how sure it is, with the interval (Wilson) for drawing other images; bins of fewer
than ten images are hollow. Above the line it is right more often than it says: label smoothing keeps it modest.*

{_temperature(record)}
{_errors(record, shown)}
![Accuracy under each corruption](corruptions.png)

{corruptions_table(record.holdout["composite"].by_corruption or {})}
*Composite hold-out: an image counts under each corruption of its chain, the hardest first.*

## The zip

{scores_table(record.summary.scores)}
*`submission.zip` unpacked and run in an isolated process as the competition's worker does, on the hold-out. Duration is
that of `predict`, on the hardware named above. A zip that does not score what its network scores is refused.*
"""


def _temperature(record: RunRecord) -> str:
    if not record.temperature:
        return ""
    return f"""{temperature_table(record.temperature)}
*Probabilities p become p to the power of 1/{record.temperature.temperature:.2f}, made to sum to 1: the temperature at
which the true classes of the validation cells, clean and corrupted, are likeliest. It changes no label.*
"""


def _errors(record: RunRecord, shown: Collection[str]) -> str:
    if not any(record.errors.values()) or _ERRORS not in shown:
        return ""
    every = f"\n[Every wrong picture]({_ERRORS_PAGE}), with filters: download the page to look at it.\n"
    return f"""![The most confident errors]({_ERRORS})

*Above each picture: its true class, the class it is taken for with its probability, and what corrupted it. Beside it:
what spoke for the wrong class (Grad-CAM on a coarse grid, mean over the dihedral views; brighter is more).*
{every if _ERRORS_PAGE in shown else ""}"""


def _data(record: RunRecord) -> str:
    cleaning, decisions = asdict(record.summary.cleaning), record.config.decisions_sha256
    unsaid = {"seconds", "decisions_sha256"} | (set() if decisions else {"dropped_by_decision"})
    counts = {
        name: "not examined" if value is None else value for name, value in cleaning.items() if name not in unsaid
    }
    decided = (
        f" A person decided about single images: SHA-256 of the decisions `{decisions[:16]}`." if decisions else ""
    )
    return f"""## Data

{pairs_table(counts, ("cleaning", "images"))}
*What the cleaning found; every image that is not kept is dropped for one reason.{decided}*

{pairs_table({PARTS[part]: size for part, size in record.summary.parts.items()}, ("part", "images"))}
*Copies of one picture are never in two parts. SHA-256 of the training images:
`{record.config.data_sha256[:16]}`.*
"""


def _cost(record: RunRecord) -> str:
    config, environment = record.config, record.environment
    settings = {name: value for name, value in config.recipe.as_dict().items() if name != "phases"}
    versions = {"Python": environment.python, **environment.packages}
    if config.version:
        versions["bloodcells"] = config.version + (f", commit {config.commit}" if config.commit else "")
    return f"""## Cost and settings

{pairs_table({stage: f"{seconds / 60:.1f}" for stage, seconds in record.seconds.items()}, ("stage", "minutes"))}
*On {hardware(record.environment)}.*

{phases_table(config.recipe, record.epochs)}
*Clean, composite: validation accuracy on single views after the phase; – where it was not measured.*

{pairs_table(settings, ("setting", "value"))}
{pairs_table(versions, ("software", "version"))}
All of this page, and the confusion matrix of every set, as data: [record.json](record.json).
"""
