"""The published results as one page, ``index.md``, from the records in ``reports/``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bloodcells.ablation.records import read_records as read_arms
from bloodcells.ablation.summary import AblationSummary, summarise
from bloodcells.competition import BLOOD_CELLS, read_competition
from bloodcells.ensembling import EnsembleRecord
from bloodcells.files import read_json, write_text
from bloodcells.measuring.external import Share
from bloodcells.pages.ablation_tables import arms_table, elsewhere_table, seed_counts_in_words, unfinished_paragraph
from bloodcells.pages.plots import curves_of_runs, save_figure
from bloodcells.pages.record import RunRecord, read_records
from bloodcells.pages.tables import markdown_table, metrics_table
from bloodcells.pages.words import STAND_IN, hardware, start_in_words
from bloodcells.recipe import read_recipe
from bloodcells.run import SETS
from reports.make.ensemble_page import read_ensembles
from reports.make.external_page import ARMS
from reports.make.readme import CORRUPTIONS, TIMING, accuracy_in_words, results_table
from reports.make.seeds import Seeds, by_recipe
from reports.make.speed_page import score_table

ABLATION, EXTERNAL, RECIPES = "ablation", "external", "recipes"
CHOICES, LADDER, SOUP, TRIED = "prediction_choices.json", "composite_ladder.json", "weight_soup.json", "tried.md"
BLOOD = read_competition(BLOOD_CELLS)

CURVES = "curves.png"


def write_story(reports: Path) -> Path:
    """Write ``index.md`` into ``reports``, with the figure of all runs' curves; return its path.

    Raises:
        KitError: a record is missing or damaged.
    """
    epochs = {page: run.epochs for page, run in read_records(reports).items()}
    save_figure(curves_of_runs(epochs), reports / CURVES)
    write_text(reports / "index.md", story(reports))
    return reports / "index.md"


def story(reports: Path) -> str:
    """The page in Markdown."""
    runs = read_records(reports)
    sections = (
        _head(runs, read_ensembles(reports), read_json(reports / LADDER)),
        _data(read_json(reports / "cleaning" / "cleaning.json")),
        _ablation(summarise(read_arms(reports / ABLATION)), by_recipe(runs)),
        _recipe(summarise(read_arms(reports / RECIPES)), read_json(reports / SOUP)),
        _training(runs),
        _robustness(runs),
        _elsewhere(reports / EXTERNAL),
        _choices(read_json(reports / CHOICES)),
        _zip(read_json(reports / TIMING)),
        (reports / TRIED).read_text(encoding="utf-8"),
    )
    return "\n".join(sections)


def _head(runs: Mapping[str, RunRecord], ensembles: Mapping[str, EnsembleRecord], ladder: Mapping[str, Any]) -> str:
    none, randaugment = (ladder["accuracy"][policy]["composite"] for policy in ("none", "randaugment"))
    return f"""# {BLOOD.title}: what was measured

A network that is right for 99 % of its own validation cells was right for 81 % of the competition's hidden ones,
because those are corrupted. This page tells what the kit found on the way to closing that gap. A command makes each
figure and table from records that lie beside it. There is also [a technical report to print](report.pdf),
[what the cleaning found, picture by picture](cleaning/cleaning.html), and
[a list of everything that is published](README.md).

{results_table(by_recipe(runs), ensembles, ".")}
*The published systems were scored on the competition's hidden set. Ours are scored on held-out cells of a file that
has the shape and the origin of its training file, as they are (clean) and under the kit's own frozen corruption
(composite): a stand-in for the hidden set, not the same thing. n: cells of the hold-out; in brackets Wilson's 95 %
interval for drawing other cells, or after ± the standard deviation over the seeds. `bloodcells run` makes the rows that
name a recipe, from the ImageNet stand-in; no command makes the weights of the kit. {STAND_IN}*

The composite corruption is about as hard as the leaderboard suggests. On the hidden set a fine-tuned network without
augmentation scored 0.60 to 0.70, one with RandAugment 0.85 to 0.90. Under the composite they score {none:.3f} and
{randaugment:.3f} (n = {ladder["images"]:,} validation cells; {ladder["epochs"]["none"]} epochs from the ImageNet
stand-in, then {ladder["epochs"]["randaugment"]} more).

![A synthetic cell under each corruption of the composite set]({CORRUPTIONS})

*A synthetic cell under each corruption, at its mildest and at its harshest. Each cell of the composite set gets a chain
of one to three of them.*
"""


def _data(counts: Mapping[str, Any]) -> str:
    suspected = counts["suspected_labels"]
    labels = f" {suspected} labels contradict what the other cells say; they are shown and kept." if suspected else ""
    return f"""## The data, and what was wrong with it

Of {counts["images"]:,} images {counts["kept"]:,} are cells to learn from: {counts["junk"]:,} are pictures of
something else, {counts["exact_duplicates"]} are copies pixel by pixel and {counts["near_duplicates"]} are copies
that were turned, cropped or re-encoded.{labels}

![Images that were dropped, one row for each reason](cleaning/dropped.jpg)

*One row for each reason to drop an image. [All of them](cleaning/cleaning.html), and
[what the cleaning was measured to do](cleaning/README.md).*
"""


def _ablation(summary: AblationSummary, whole: Sequence[Seeds]) -> str:
    best, images = summary.arms[0], summary.images
    by_name = {arm.arm: arm for arm in summary.arms}
    base = by_name.get(summary.baseline, best)
    return f"""## Which augmentation survives corruption

{len(summary.arms)} augmentation policies were trained from shared starts on the same
{summary.budget["cells"]:,} cells for {summary.steps} steps, with {seed_counts_in_words(summary)}. On clean cells they
lie within a few points of one another; on corrupted ones `{best.arm}` is right for
{best.accuracy["composite"].mean:.1%} and `{base.arm}` for {base.accuracy["composite"].mean:.1%}.
{unfinished_paragraph(summary)}
![Accuracy of each augmentation on corrupted cells against that on clean ones]({ABLATION}/tradeoff.png)

*A point for each augmentation, with its standard deviation over the seeds. The upper right corner would be best: the
augmentations that help most on corrupted cells cost two or three points on clean ones.
[What each of them does to a cell]({ABLATION}/index.md#what-the-network-sees).*

{arms_table(summary)}
*Accuracy, mean ± standard deviation over the seeds; {images["clean"]} clean cells, the same under the composite
corruption, and 55 copies of {images["medmnist_c"]} under MedMNIST-C. BE: balanced error relative to AlexNet's, lower
is better. In parentheses: 95 % interval of the paired difference, over seeds and cells.*
{_shipped_or_best(summary, whole)}
![Difference of each augmentation to {summary.baseline}]({ABLATION}/differences.png)

*Accuracy minus that of `{summary.baseline}`, in percentage points, with 95 % intervals.*

![Accuracy of each augmentation by family of corruption]({ABLATION}/families.png)

*Composite cells by family of corruption; a dot marks what an augmentation comes near to.
[All of the ablation]({ABLATION}/index.md).*
"""


def _shipped_or_best(summary: AblationSummary, whole: Sequence[Seeds]) -> str:
    """Why the recipes name another policy than the best of the table, where they do."""
    best, shipped = summary.arms[0].arm, read_recipe("full", "imagenet", 0).policy
    if best == shipped:
        return ""
    told = {seeds.first.config.recipe.policy: seeds for seeds in whole if seeds.changes in ((), (f"policy={best}",))
            and seeds.first.config.recipe_name == "full"}  # fmt: skip
    if best in told and shipped in told:
        compared = " and ".join(f"`{policy}` {_after_a_whole_training(told[policy])}" for policy in (best, shipped))
        after = f"After whole trainings with the recipe `full` the zips score: {compared}."
    else:
        after = "Which of the two is ahead after a whole training is not measured yet."
    return f"""
`{best}` is ahead of `{shipped}` in this table of short trainings, and yet the recipe `full` and the kit's weights use
`{shipped}`. {after} `--set phases.1.policy={best} --set phases.2.policy={best}` trains with `{best}`.
"""


def _after_a_whole_training(seeds: Seeds) -> str:
    scores = " and ".join(f"{accuracy_in_words(seeds.accuracy(name))} {name}" for name in SETS)
    count = len(seeds.runs)
    return f"{scores} ({count} seed{'' if count == 1 else 's'})"


def _recipe(summary: AblationSummary, soup: Mapping[str, Any]) -> str:
    scores = [(words, *(f"{accuracy[name]:.3f}" for name in ("clean", "composite")))
              for words, accuracy in soup["accuracy"].items()]  # fmt: skip
    return f"""## Which changes to the recipe pay

`{summary.baseline}` again, with one thing changed each time: {len(summary.arms) - 1} changes, with
{seed_counts_in_words(summary)}, from the same start, on as many cells and steps.
{unfinished_paragraph(summary)}
{arms_table(summary)}
*The columns are those of the table above, the differences are to `{summary.baseline}` as it is. The interval of one
seed is for other cells alone. [What each arm changes]({RECIPES}/index.md).*

Several trainings of `{soup["arm"]}` from that start, their soup (the average of their weights; Wortsman et al. 2022)
and, at a pass for each, the mean of their probabilities:

{markdown_table(("weights", "clean", "composite"), scores)}
*Accuracy on the same {soup["images"]} validation cells. These are trainings of their own: when they were made, equal
seeds did not yet draw equal pictures, so seed 0 is another training here than above.*
"""


def _training(runs: Mapping[str, RunRecord]) -> str:
    rows = [
        (f"[{page}]({page}/index.md)", start_in_words(run.config.recipe.init), f"`{run.config.recipe.policy}`",
         run.config.recipe.working_size, run.config.recipe.seed, run.summary.parts["train"], len(run.epochs),
         f"{run.seconds['train'] / 60:.0f}", hardware(run.environment))
        for page, run in runs.items()
    ]  # fmt: skip
    columns = ("run", "start", "policy at the end", "px", "seed", "cells", "epochs", "minutes", "hardware")
    return f"""## Training

![Validation error of all runs after each epoch]({CURVES})

*Single views of the validation cells; both axes are logarithmic. A dotted line leads over epochs after which nothing
was measured.*

{markdown_table(columns, rows)}"""


def _robustness(runs: Mapping[str, RunRecord]) -> str:
    """The last seed of each recipe: the one with the highest score first, the others folded."""
    shown = [list(seeds.runs)[-1] for seeds in by_recipe(runs)]
    ordered = sorted(shown, key=lambda page: runs[page].summary.scores["composite"]["accuracy"], reverse=True)
    first, *others = (_held_up(page, runs[page]) for page in ordered) if ordered else ("",)
    folded = "\n".join(
        f"<details>\n<summary>{page}</summary>\n\n{text}\n</details>\n"
        for page, text in zip(ordered[1:], others, strict=True)
    )
    return f"## How well it holds up\n\n{first}\n{folded}"


def _held_up(page: str, run: RunRecord) -> str:
    text = f"""### {page}

{metrics_table(row for row in run.measurements if row.part == "holdout")}
*A row for each level of test-time augmentation, with Wilson's 95 % interval for drawing other cells.*

![Recall of each class]({page}/recall.png)

*The share of each class that is recognised, clean and corrupted. [All of this run]({page}/index.md).*

![Accuracy under each corruption]({page}/corruptions.png)

*Composite hold-out: an image counts under each corruption of its chain.*

![Accuracy over confidence]({page}/reliability.png)

*How often the network is right, by how sure it is.*
"""
    if any(run.errors.values()):
        text += f"""
![The most confident errors]({page}/errors.jpg)

*What the network was most sure of and wrong about, beside where it looked (Grad-CAM). Above each picture: its true
class, then the class that it said.*
"""
    return text


def _elsewhere(folder: Path) -> str:
    kit = Share(**read_json(folder / "bccd.json")["accuracy"])
    summary = summarise(read_arms(folder / ARMS))
    return f"""## On cells of another laboratory

The kit's weights are right for {kit} of crops that another laboratory stained and photographed. What survives the
composite corruption survives there too:

{elsewhere_table(summary)}
*Short trainings from one start, {seed_counts_in_words(summary)}.
[What these crops are, and what else was tried]({EXTERNAL}/README.md).*
"""


def _choices(record: Mapping[str, Any]) -> str:
    sets = list(record["rows"][0]["accuracy"])
    rows = [(row["choice"], *(f"{row['accuracy'][name]:.4f}" for name in sets)) for row in record["rows"]]
    kept = record["temperature"]
    errors = ", ".join(f"{name} {before:.3f} and {after:.3f}" for name, (before, after) in
                       kept["calibration_error"].items())  # fmt: skip
    return f"""## What could be done at test time

{markdown_table(("choice", *sets), rows)}
*These are accuracies of {record["run"]} on {record["images"]:,} of its validation cells: as they are, corrupted, and
half of either. The zip takes the orientations. BatchNorm re-estimated: its statistics are those of the cells that are
predicted, wholly or by half (Schneider et al. 2020). A temperature of {kept["temperature"]} changes no label;
calibration error without and with it: {errors}. On {hardware(record["environment"])};
`python tests/benchmarks/prediction_choices.py --run runs/{record["run"]}
--data data/training_set.npz --images {record["images"]} --json reports/{CHOICES}`.*
"""


def _zip(timing: Mapping[str, Any]) -> str:
    return f"""## The score of the zip

You upload what was scored: each zip was unpacked and run in a process of its own, as the competition's worker does. A
zip that does not score what its network scores is refused.

{score_table(timing)}
*From a zip to its score on as many images as the hidden set has, on {hardware(timing["environment"])}.
[More of the speed](speed/README.md).*
"""
