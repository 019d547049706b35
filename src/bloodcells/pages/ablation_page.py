"""The page of an ablation: figures, tables, and the figures' numbers as JSON, from the records of its arms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bloodcells.ablation.arms import changes_recipe
from bloodcells.ablation.records import read_records
from bloodcells.ablation.summary import AblationSummary, ArmSummary, summarise
from bloodcells.augmentation.policies import POLICIES
from bloodcells.corruption import composite
from bloodcells.data.cells import CellSet
from bloodcells.decoding import read_as
from bloodcells.files import read_json, write_json, write_text
from bloodcells.pages import ablation_plots, plots
from bloodcells.pages.ablation_plots import Near
from bloodcells.pages.ablation_tables import (
    arms_table,
    effects_table,
    elsewhere_table,
    points,
    seed_counts_in_words,
    throughput_table,
    unfinished_paragraph,
)
from bloodcells.pages.galleries import augmented_views, one_of_each_class, policy_views, side_by_side
from bloodcells.pages.tables import error_means_table, errors_by_corruption_table, pairs_table
from bloodcells.pages.words import hardware

VIEWS = 4
"""Augmented views of a cell in an arm's gallery."""
_CELL, _IN_A_STRIP = 1, 3  # which of the cells of the gallery stands beside an arm's effect, and how often


def draw_ablation(folder: Path, out: Path, near: Near, title: str, cells: CellSet | None = None) -> Path:
    """Write ``index.md``, its figures and ``ablation.json`` into ``out``, from what records there are.

    Nothing is written until everything is drawn; then every file is swapped in.

    Args:
        folder: the folder of the ablation; its records are read.
        out: folder for the page; what an earlier call left there is replaced.
        near: arm -> the corruptions of MedMNIST-C and the families of the composite set that are near to one of its
            augmentations; their cells are marked.
        title: the title of the competition.
        cells: for the galleries of the arms that are augmentation policies: cleaned ones, of which one of each class
            is shown; without them the page has none.

    Returns:
        The path of ``index.md``.

    Raises:
        KitError: there are no records, or they are damaged or not of one experiment.
        ValueError: ``near`` names no such corruption.
    """
    ablation_plots.check_near(near)
    summary = summarise(read_records(folder))
    figures = _figures(summary, near)
    galleries, strips = _pictures_of_cells(summary.arms, cells)
    for name in {file(arm) for file in (_gallery_file, _strip_file) for arm in POLICIES} - {*galleries, *strips}:
        (out / name).unlink(missing_ok=True)
    for name, figure in galleries.items():
        plots.save_contact_sheet(figure, out / name)
    for name, strip in strips.items():
        plots.save_picture(strip, out / name)
    return _write(out, summary, near, title, figures)


@dataclass(frozen=True)
class _Marks:
    """What a published page says and no record does."""

    competition: str
    near: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        """Refuse marks at columns that there are not."""
        ablation_plots.check_near(self.near)


def redraw_ablation(folder: Path) -> Path:
    """Draw a published page again where it lies, from ``records/`` and the marks of ``ablation.json`` beside it.

    The pictures of cells stay as they are: no record holds cells.

    Raises:
        KitError: a record is missing or damaged.
    """
    summary = summarise(read_records(folder))
    path = folder / "ablation.json"
    marks: _Marks = read_as(_Marks, read_json(path), path)
    return _write(folder, summary, marks.near, marks.competition, _figures(summary, marks.near))


def ablation_page(summary: AblationSummary, title: str, galleries: Mapping[str, str], strips: Mapping[str, str]) -> str:
    """The page in Markdown.

    Args:
        summary: of the ablation.
        title: the competition's.
        galleries: by arm, names of pictures beside the page that show what it does to a cell of each class.
        strips: by arm, names of those that show what it does to one cell.
    """
    sections = (
        _head(summary, title), _results(summary), _arms(summary, strips), _by_corruption(summary), _elsewhere(summary),
        _cost(summary), _gallery(galleries), _method(summary), _settings(summary),
    )  # fmt: skip
    return "\n".join(section for section in sections if section)


def _figures(summary: AblationSummary, near: Near) -> dict[str, plots.Figure]:
    if changes_recipe([arm.arm for arm in summary.arms]):
        near = {}  # all arms train with one augmentation: a dot in nearly every cell would say nothing of them
    return {
        "tradeoff.png": ablation_plots.clean_against_composite(summary),
        "accuracy.png": ablation_plots.accuracy_dots(summary),
        "differences.png": ablation_plots.difference_forest(summary),
        "medmnist_c.png": ablation_plots.medmnist_heat_map(summary, near),
        "families.png": ablation_plots.families_heat_map(summary, near),
        "cost.png": ablation_plots.accuracy_against_cost(summary),
    }


def _gallery_file(arm: str) -> str:
    return f"gallery_{arm}.jpg"


def _strip_file(arm: str) -> str:
    return f"cell_{arm}.jpg"


def _write(out: Path, summary: AblationSummary, near: Near, title: str, figures: Mapping[str, plots.Figure]) -> Path:
    """Write all but the pictures of cells, which lie in ``out`` already where there are any."""
    for name, figure in figures.items():
        plots.save_figure(figure, out / name)
    marks = {arm: sorted(near[arm]) for arm in sorted(near)}
    write_json(out / "ablation.json", {**summary.as_dict(), "competition": title, "near": marks})
    arms = [arm.arm for arm in summary.arms]
    galleries, strips = (
        {arm: file(arm) for arm in arms if (out / file(arm)).exists()} for file in (_gallery_file, _strip_file)
    )
    write_text(out / "index.md", ablation_page(summary, title, galleries, strips))
    return out / "index.md"


def _pictures_of_cells(
    arms: Sequence[ArmSummary], cells: CellSet | None
) -> tuple[dict[str, plots.Figure], dict[str, np.ndarray]]:
    """The galleries of the arms that are policies, by file, and their strips where only policies are compared."""
    if cells is None:
        return {}, {}
    shown = one_of_each_class(cells)
    views = {arm.arm: augmented_views(shown, arm.arm, VIEWS) for arm in arms if arm.arm in POLICIES}
    galleries = {_gallery_file(policy): policy_views(shown, own, policy) for policy, own in views.items()}
    if changes_recipe([arm.arm for arm in arms]):
        return galleries, {}
    return galleries, {
        _strip_file(policy): side_by_side([view[_CELL] for view in own[:_IN_A_STRIP]]) for policy, own in views.items()
    }


def _head(summary: AblationSummary, title: str) -> str:
    best = summary.arms[0]
    accuracy = best.accuracy["composite"].mean
    difference = best.difference["composite"]
    ahead = f", {points(difference)} points against `{summary.baseline}`" if difference else ""
    if len(best.seeds) > 1:
        first = f"Best on the composite set: **`{best.arm}`, {accuracy:.3f}**"
    else:
        first = f"Highest on the composite set, with one seed, which makes none the best: `{best.arm}`, {accuracy:.3f}"
    count = len(summary.arms)
    compared = "change to the recipe" if changes_recipe([one.arm for one in summary.arms]) else "augmentation"
    return f"""# What each {compared} is worth

{title}: {count} arm{"s" if count > 1 else ""}, {seed_counts_in_words(summary)}, on {_machines(summary)}.
For one seed every arm starts from the same weights and sees the same cells in the same order; only the {compared}
differs.

{first}{ahead}.
{unfinished_paragraph(summary)}"""


def _machines(summary: AblationSummary) -> str:
    return " and on ".join(dict.fromkeys(map(hardware, summary.environments)))


def _results(summary: AblationSummary) -> str:
    return f"""## Results

![Accuracy of each arm on corrupted cells against that on clean ones](tradeoff.png)

*Mean and standard deviation over the arm's seeds. The best place is the upper right corner.*

{arms_table(summary)}
*Mean ± standard deviation over the arm's seeds; best on the composite set first. Clean: {summary.images["clean"]} cells
as they are. Composite: {summary.images["composite"]} cells, each through a frozen random chain of corruptions.
MedMNIST-C: eleven corruptions at five severities of {summary.images["medmnist_c"]} cells. BE: balanced error relative
to AlexNet's, lower is better. In parentheses: 95 % interval of the paired difference, explained [below](#intervals).*

![Accuracy of each arm on the three sets](accuracy.png)

![Difference of each arm to {summary.baseline}](differences.png)

*The same differences, drawn. A thick bar that does not reach 0 is a difference that seeds and cells alone would make
less than once in twenty experiments. A thin bar is of one seed: other seeds may give another difference.*
"""


def _arms(summary: AblationSummary, strips: Mapping[str, str]) -> str:
    words = (
        f"\n*What {_IN_A_STRIP} draws of an arm make of one cell. Some arms mix it with others.*\n" if strips else ""
    )
    return f"""## The arms

{effects_table(summary, strips)}{words}"""


def _by_corruption(summary: AblationSummary) -> str:
    named = {arm.arm: arm.errors for arm in summary.arms}
    chosen = [named[arm] for arm in dict.fromkeys((summary.arms[0].arm, summary.baseline)) if arm in named]
    return f"""## By corruption

![Balanced accuracy of each arm under each corruption of MedMNIST-C](medmnist_c.png)

![Accuracy of each arm on composite images by family of corruption](families.png)

*A composite image has one to {max(composite.LENGTHS)} corruptions and counts in the column of each family among
them, so a column is no corruption alone. Benchmark and training share no code; a dot marks where an arm's augmentation
is nevertheless near to what is tested, in another form whose range may overlap, and the arm's figure there says less
about the unknown. We strengthened `full` by looking at corrupted validation cells, so its figures are a little
flattering.*

{error_means_table(named.values())}
*MedMNIST-C: balanced errors in per cent, mean over corruptions, severities and seeds; BE and relative BE after Di
Salvo, Doerrich and Ledig, MedMNIST-C (arXiv:2406.17536), whose rows for networks trained and tested at 224 px stand on
top. Ours are measured on {summary.images["medmnist_c"]} cells of 96 px with corruptions written anew, of which JPEG and
pixelate are harder here: rows to stand beside, not to beat.*

{errors_by_corruption_table(chosen)}
*The same by corruption, for AlexNet and ResNet-18 as published, the best arm and the one it is compared with. Those of
every arm are in the figure above and in [ablation.json](ablation.json).*
"""


def _elsewhere(summary: AblationSummary) -> str:
    if not summary.elsewhere:
        return ""
    return f"""## On pictures from elsewhere

{elsewhere_table(summary)}
*Of {summary.pictures}. Single views, mean ± standard deviation over the arm's seeds; in parentheses the 95 % interval
of the paired difference. Nothing was trained on these pictures, and they have no say in the order of the arms.*
"""


def _cost(summary: AblationSummary) -> str:
    return f"""## Cost

![Composite accuracy against minutes of training](cost.png)

*Composite accuracy, mean and range over the seeds, over the minutes that the fastest seed trained. The machine was
shared with other work, which only lengthens a training. On {_machines(summary)}.*

{throughput_table(summary)}
*Training: seconds of the fastest seed, and cells in a second, augmentation included, mean over the seeds. Augmentation
alone: what its pipeline gives on the same machine while nobody trains. Where it gives less than about three times what
training takes, training waits for it.*
"""


def _gallery(galleries: Mapping[str, str]) -> str:
    if not galleries:
        return ""
    pictures = "\n\n".join(f"![Augmented views by {arm}]({name})" for arm, name in galleries.items())
    return f"""## What the network sees

{pictures}

*A cell of each class, and {VIEWS} augmented views of it by each arm.*
"""


def _method(summary: AblationSummary) -> str:
    count = len(summary.start_sha256)
    starts = "one start" if count == 1 else f"{count} starts"
    return f"""## Intervals

The same seeds and the same images serve every arm, so an arm and `{summary.baseline}` are compared image by image and
seed by seed. Both are samples: another seed and other cells would each give another difference, and the interval covers
both. Mean squares between seeds, between images and of the rest give the variance of the mean difference; Student's t
gives the interval, with degrees of freedom between seeds - 1 (all the uncertainty is in the seeds) and many (it is in
the images). This is the analysis of Dorfman, Berbaum and Metz (1992) for a few readers of the same cases, degrees of
freedom by Hillis (2007, doi:10.1002/sim.2532). A bootstrap over the images would leave out the seeds; a t interval over
the seeds' means would leave out the images.

Each interval is for one arm by itself and not adjusted for the number of arms. All training is from {starts}, so the
intervals hold for that. With one seed the interval is Student's t over the cells: it leaves out what another seed would
change, and is too narrow.
"""


def _settings(summary: AblationSummary) -> str:
    budget = {**summary.budget, **({} if summary.steps is None else {"steps": summary.steps})}
    versions = [{"Python": one["python"], **one["packages"]} for one in summary.environments]
    starts = ", ".join(f"`{start[:16]}`" for start in summary.start_sha256)
    tables = "\n".join(pairs_table(one, ("software", "version")) for one in _distinct(versions))
    return f"""## Settings

{pairs_table(budget, ("setting", "value"))}
*These settings hold for every arm. SHA-256 of the training cells: `{summary.data_sha256[:16]}`; of the weights at the
start: {starts}.*

{tables}
All figures of this page as data: [ablation.json](ablation.json).
"""


def _distinct(values: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    return [one for place, one in enumerate(values) if one not in values[:place]]
