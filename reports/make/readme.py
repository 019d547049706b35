"""The parts of the README that are made: its picture, and its tables of published results."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_text
from bloodcells.pages.galleries import clean_beside_composite, each_corruption
from bloodcells.pages.plots import save_figure
from bloodcells.pages.record import RunRecord, read_records
from bloodcells.pages.tables import accuracy_interval, markdown_table
from bloodcells.pages.words import hardware
from reports.make.speed_page import score_table

PICTURE, CORRUPTIONS = "smear.png", "each_corruption.png"
TIMING = Path("speed") / "score.json"
COSTS = Path("guide") / "costs.md"
ROWS = 3
"""Runs of the kit that the table shows."""

_BASELINES = (
    ("the published EfficientNetB3 that this kit re-implements", "0.81 (hidden set)", "0.99 (validation)", ""),
    ("[best of 192 teams](https://github.com/Luca-Olivieri/blood_cells_classifier): ConvNeXtXLarge, 350 M parameters",
     "0.9687 (hidden set)", "not published", ""),
)  # fmt: skip
_COLUMNS = ("system", "accuracy, corrupted", "accuracy, clean", "n")
_NONE_YET = "no run is published yet"


def write_readme(readme: Path, reports: Path) -> Iterator[Path]:
    """Draw the picture into ``reports``, and put the tables into ``readme`` and its page of costs; give their paths.

    Raises:
        KitError: a record is missing or damaged, or a page lacks a pair of markers.
    """
    draw_pictures(reports / PICTURE)
    records = read_records(reports)
    tables = {
        readme: {"results": results_table(records, reports.name)},
        reports / COSTS: {
            "costs": cost_table(list(records.values())),
            "timing": score_table(read_json(reports / TIMING)),
        },
    }
    for page, own in tables.items():
        write_text(page, filled(page.read_text(encoding="utf-8"), own))
        yield page


def results_table(records: Mapping[str, RunRecord], reports: str) -> str:
    """The baselines and the first ``ROWS`` records, by their pages; links lead into the folder ``reports``.

    What a command of the kit makes comes before what it does not.
    """
    ordered = sorted(records.items(), key=lambda one: bool(one[1].config.note))[:ROWS]
    rows = [_result_row(record, f"{reports}/{page}/index.md") for page, record in ordered] or [
        ("this kit", _NONE_YET, "", "")
    ]
    return markdown_table(_COLUMNS, [*_BASELINES, *rows])


def cost_table(records: Sequence[RunRecord]) -> str:
    """What the published runs took, in minutes, by stage."""
    stages = list(records[0].seconds) if records else []
    rows = [
        (record.run, record.summary.parts["train"], len(record.epochs), record.config.recipe.working_size,
         *(f"{record.seconds[stage] / 60:.1f}" for stage in stages), f"{sum(record.seconds.values()) / 60:.1f}")
        for record in records
    ]  # fmt: skip
    table = markdown_table(("run", "cells", "epochs", "px", *stages, "all"), rows or [(_NONE_YET, *[""] * 4)])
    machines = "; ".join(f"{record.run} on {hardware(record)}" for record in records)
    return f"{table}\n*Minutes of each stage. {machines}.*\n" if records else table


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The text ``page`` with each of the ``tables`` between the markers of its name; the rest is kept as it is.

    Raises:
        KitError: a pair of marker comments is missing.
    """
    for block, table in tables.items():
        begin, end = f"<!-- {block}: made by make reports -->", f"<!-- end of {block} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise KitError(f"the page lacks its {block}: expected the lines {begin} and {end}. Put them back.")
        page = f"{before}{begin}\n{table}{end}{after}"
    return page


def draw_pictures(path: Path) -> None:
    """Sound cells of the synthetic smear, clean beside composite; beside it one of them under each corruption."""
    smear = draw_smear(400)
    sound = smear.cells.take((smear.truth.defect == "").nonzero()[0])
    title = "Synthetic cells, and the same cells under the composite corruption"
    save_figure(clean_beside_composite(sound, title), path)
    each = each_corruption(sound.images[0], "Each corruption of the composite set, at its mildest and at its harshest")
    save_figure(each, path.with_name(CORRUPTIONS))


def _result_row(record: RunRecord, page: str) -> tuple[object, ...]:
    config, summary = record.config, record.summary
    n, minutes = summary.parts["holdout"], sum(record.seconds.values()) / 60
    machine = "one core" if record.environment.cores == 1 else f"{record.environment.cores} cores"

    def scored(name: str) -> str:
        accuracy = summary.scores[name]["accuracy"]
        low, high = accuracy_interval(accuracy, n)
        return f"{accuracy:.4f} ({low:.3f} to {high:.3f})"

    if config.note:
        made = f"[the weights that come with it]({page})"
    else:
        made = f"[`{config.recipe_name or 'own settings'}`]({page}), {minutes:.0f} minutes on {machine}"
    return f"this kit: {made}", scored("composite"), scored("clean"), f"{n:,}"
