"""The page of one run: figures, tables and the record they are made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bloodcells.competition import COMPETITION
from bloodcells.files import read_json, write_json, write_text
from bloodcells.measuring.explanation import read_errors
from bloodcells.pages import plots
from bloodcells.pages.galleries import errors_with_maps
from bloodcells.pages.record import run_record
from bloodcells.pages.tables import corruptions_table, metrics_table, pairs_table, phases_table, scores_table
from bloodcells.pages.words import SETS, VIEWS, hardware

_ERRORS = "errors.jpg"


def draw_run(run: Path, out: Path) -> Path:
    """Write ``index.md``, its figures and ``record.json`` into ``out``; weights and zips stay where they are.

    Args:
        run: a complete run folder, as the walk leaves it.
        out: folder for the page; what an earlier call left there is replaced.

    Returns:
        The path of ``index.md``.

    Raises:
        KitError: the run is not complete.
    """
    record = run_record(run)
    if any(record["errors"].values()):
        sheet = errors_with_maps(read_errors(run), COMPETITION.classes, "The most confident errors (hold-out)")
        plots.save_contact_sheet(sheet, out / _ERRORS)
    else:
        (out / _ERRORS).unlink(missing_ok=True)
    write_json(out / "record.json", record)
    return redraw_run(out)


def redraw_run(page: Path) -> Path:
    """Draw a published page again where it lies, from the ``record.json`` beside it.

    The picture of the most confident errors stays as it is: it shows cells, which no record holds.

    Raises:
        KitError: there is no record, or it is damaged.
    """
    record = read_json(page / "record.json")
    for name, figure in _figures(record).items():
        plots.save_figure(figure, page / name)
    write_text(page / "index.md", run_page(record))
    return page / "index.md"


def run_page(record: Mapping[str, Any]) -> str:
    """The page of a record, in Markdown."""
    return "\n".join((_head(record), _results(record), _data(record), _cost(record)))


def _figures(record: Mapping[str, Any]) -> dict[str, plots.Figure]:
    level = f"tta{record['tta_level']}"
    holdout = {name: levels[level] for name, levels in record["metrics"]["holdout"].items()}
    views = f"hold-out, {VIEWS[record['tta_level']]}"
    return {
        "learning_curves.png": plots.learning_curves(record["epochs"]),
        "accuracy.png": plots.accuracy_by_views(record["metrics"]),
        "confusion.png": plots.confusion_matrices(
            holdout, COMPETITION.classes, f"What each class is taken for ({views})"
        ),
        "recall.png": plots.recall_by_class(holdout, COMPETITION.classes, f"Recall of each class ({views})"),
        "reliability.png": plots.reliability_curves(holdout, f"Accuracy over confidence ({views})"),
    }


def _head(record: Mapping[str, Any]) -> str:
    config = record["config"]
    accuracy = {name: record["scores"][name]["accuracy"] for name in SETS}
    images = record["parts"]["holdout"]
    command = (
        f"```\n{record['command']}\n```" if record["command"]
        else "No single command makes this run: its settings, below, are of no profile or its cells are a smaller set."
    )  # fmt: skip
    return f"""# Run {record["run"]}

{COMPETITION.title}: EfficientNetB3, init `{config["init"]}`, policy `{config["policy"]}`, working at
{config["working_size"]} px, on *{record["cells"]}*. One run, seed {config["seed"]}, on {hardware(record)}.

The zip that would be uploaded scores **{accuracy["clean"]:.4f}** on the clean hold-out and
**{accuracy["composite"]:.4f}** on the same {images} cells under the composite corruption.

{command}
"""


def _results(record: Mapping[str, Any]) -> str:
    return f"""## Results

{metrics_table(record["metrics"])}
*Accuracy of the trained network. Clean: cells as they are. Composite: the same cells, each through a random chain of
corruptions that is frozen for all runs and never trained on. The interval (Wilson) is for drawing other cells;
another seed moves the figures too.*

![Clean beside composite accuracy, by test-time augmentation](accuracy.png)

*Accuracy by part and test-time augmentation (the mean over the views of a cell). The gap is clean minus composite, in
percentage points.*

![Accuracy after each epoch](learning_curves.png)

*Training ({record["parts"]["train"]} cells) and validation ({record["parts"]["validation"]} cells) accuracy after each
epoch, on single views. Training accuracy is the mean over the epoch, on augmented cells. No epoch is chosen by these
curves: the last one is used.*

![Confusion matrices of the hold-out](confusion.png)

*Rows: true class. Columns: predicted class. Numbers are images, shades their share of the row.*

![Recall of each class](recall.png)

*Share of each class that is recognised; n is the number of hold-out cells of the class in each set.*

![Accuracy over confidence](reliability.png)

*How often the network is right, by how sure it is; areas by the number of images. Above the line it is right more
often than it says: label smoothing keeps it modest.*

{_errors(record)}
{corruptions_table(record["metrics"]["holdout"]["composite"][f"tta{record['tta_level']}"]["by_corruption"])}
*Composite hold-out: an image counts under each corruption of its chain, the hardest first.*

## The zip

{scores_table(record["scores"])}
*`submission.zip` unpacked and run in an isolated process as the competition's worker does, on the hold-out. Duration is
that of `predict`, on the hardware named above. The walk refuses a zip that scores otherwise than the network.*
"""


def _errors(record: Mapping[str, Any]) -> str:
    if not any(record["errors"].values()):
        return ""
    return f"""![The most confident errors]({_ERRORS})

*Images over what spoke for the wrong class (Grad-CAM on a coarse grid, mean over the dihedral views, brighter is
more); true class, then the class they are taken for with its probability.*
"""


def _data(record: Mapping[str, Any]) -> str:
    counts = {
        name: "not examined" if value is None else value
        for name, value in record["cleaning"].items()
        if name != "seconds"
    }
    return f"""## Data

{pairs_table(counts, ("cleaning", "images"))}
*What the cleaning found; every image that is not kept is dropped for one reason.*

{pairs_table(record["parts"], ("part", "images"))}
*Copies of one picture are never in two parts. SHA-256 of the training cells:
`{record["training_cells_sha256"][:16]}`.*
"""


def _cost(record: Mapping[str, Any]) -> str:
    environment = record["environment"]
    settings = {name: value for name, value in record["config"].items() if name != "phases"}
    versions = {"Python": environment["python"], **environment["packages"]}
    return f"""## Cost and settings

{pairs_table(record["seconds"], ("stage", "seconds"))}
*On {hardware(record)}.*

{phases_table(record["config"], record["epochs"])}
*Clean, composite: validation accuracy on single views after the phase; – where it was not measured.*

{pairs_table(settings, ("setting", "value"))}
{pairs_table(versions, ("software", "version"))}
All of this page, and the confusion matrix of every set, as data: [record.json](record.json).
"""
