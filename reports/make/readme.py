"""The parts of the README that are made: its picture, and its tables of published results."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bloodcells.ablation.statistics import Spread
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.ensembling import EnsembleRecord
from bloodcells.errors import KitError
from bloodcells.files import read_json, write_text
from bloodcells.pages.galleries import clean_beside_composite, each_corruption
from bloodcells.pages.plots import save_figure
from bloodcells.pages.record import RunRecord, read_records
from bloodcells.pages.tables import interval_in_words, markdown_table
from bloodcells.pages.words import hardware
from reports.make.ensemble_page import FOLDER as ENSEMBLES
from reports.make.ensemble_page import members_in_words, read_ensembles
from reports.make.seeds import Seeds, by_recipe
from reports.make.speed_page import score_table

PICTURE, CORRUPTIONS = "smear.png", "each_corruption.png"
TIMING = Path("speed") / "score.json"
COSTS = Path("guide") / "costs.md"

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
    as_shipped = [one for one in by_recipe(records) if not one.changes]
    tables = {
        readme: {"results": results_table(as_shipped, read_ensembles(reports), reports.name)},
        reports / COSTS: {
            "costs": cost_table(list(records.values())),
            "timing": score_table(read_json(reports / TIMING)),
        },
    }
    for page, own in tables.items():
        write_text(page, filled(page.read_text(encoding="utf-8"), own))
        yield page


def results_table(recipes: Sequence[Seeds], ensembles: Mapping[str, EnsembleRecord], reports: str) -> str:
    """The baselines, and a row for each of the ``recipes`` and ``ensembles``; links lead into the folder ``reports``.

    What a command of the kit makes comes before what it does not.
    """
    by_command = [_result_row(one, reports) for one in recipes if not one.first.config.note]
    together = [_ensemble_row(name, record, reports) for name, record in ensembles.items()]
    without = [_result_row(one, reports) for one in recipes if one.first.config.note]
    rows = [*by_command, *together, *without] or [("this kit", _NONE_YET, "", "")]
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
    machines = "; ".join(f"{record.run} on {hardware(record.environment)}" for record in records)
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


def _result_row(seeds: Seeds, reports: str) -> tuple[object, ...]:
    config, n = seeds.first.config, seeds.first.summary.parts["holdout"]
    pages = [f"{reports}/{page}/index.md" for page in seeds.runs]
    if config.note:
        return f"this kit: [the weights that come with it]({pages[0]})", *_accuracies(seeds, n), f"{n:,}"
    name = f"`{config.recipe_name or 'own settings'}`"
    numbered = ", ".join(
        f"[{record.config.recipe.seed}]({page})" for record, page in zip(seeds.runs.values(), pages, strict=True)
    )
    told = f"{name}, seeds {numbered}" if len(pages) > 1 else f"[{name}]({pages[0]})"
    changed = "".join(f" with `{change}`" for change in seeds.changes)
    return f"this kit: {told}{changed}, {_minutes(seeds)}", *_accuracies(seeds, n), f"{n:,}"


def _ensemble_row(name: str, record: EnsembleRecord, reports: str) -> tuple[object, ...]:
    n = record.images["holdout"]
    page = f"{reports}/{ENSEMBLES}/README.md#{name}"
    scored = (interval_in_words(record.scores[of]["accuracy"], n) for of in ("composite", "clean"))
    return f"this kit: [one zip]({page}) of {members_in_words(record)}", *scored, f"{n:,}"


def _accuracies(seeds: Seeds, n: int) -> list[str]:
    return [accuracy_in_words(seeds.accuracy(name), n) for name in ("composite", "clean")]


def accuracy_in_words(found: Spread, n: int | None = None) -> str:
    """With the spread over the seeds; where there is one seed, with the interval for ``n`` other cells."""
    if found.sd is not None:
        return f"{found.mean:.4f} ± {found.sd:.4f}"
    return f"{found.mean:.4f}" if n is None else interval_in_words(found.mean, n)


def _minutes(seeds: Seeds) -> str:
    least, most = (f"{minutes:.0f}" for minutes in seeds.minutes)
    sittings = [one for record in seeds.runs.values() for one in (record.environment, *record.environment.continued)]
    cores = {sitting.cores for sitting in sittings}
    machine = " or ".join("one core" if count == 1 else f"{count} cores" for count in sorted(cores))
    return f"{least} minutes on {machine}" if least == most else f"{least} to {most} minutes on {machine}"
