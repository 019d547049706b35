"""One page of what the kit's weights make of cells of another laboratory, and of what was tried to help there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bloodcells.ablation.records import read_records
from bloodcells.ablation.summary import summarise
from bloodcells.files import read_json, write_text
from bloodcells.measuring.external import CONFIDENT, Share
from bloodcells.pages.ablation_tables import elsewhere_table, in_words, seed_counts_in_words
from bloodcells.pages.tables import markdown_table

Record = Mapping[str, Any]
ARMS = "arms"
"""The folder of the records of an ablation whose arms were measured on these cells too."""

SOURCE = """265 crops of single cells of BCCD ([Shenggan/BCCD_Dataset](https://github.com/Shenggan/BCCD_Dataset), MIT):
another laboratory, another stain, another camera. The crops are of 1.2 times the box, those of platelets of 230 px; the
classes are those published with the set, by eye, and a few will be wrong. None of them was trained on."""


def write_external_page(folder: Path) -> Path:
    """Write ``README.md`` into ``folder`` from the records there, and return its path.

    Raises:
        KitError: a record is missing or damaged.
    """
    write_text(folder / "README.md", external_page(folder))
    return folder / "README.md"


def external_page(folder: Path) -> str:
    """The page of the records ``bccd.json``, ``bccd_white_balance.json`` and ``choices.json``, in Markdown."""
    record, balanced, choices = (
        read_json(folder / f"{name}.json") for name in ("bccd", "bccd_white_balance", "choices")
    )
    before = choices["rows"][0]
    home = ", ".join(f"{before[name]['right'] / before[name]['images']:.4f} {name}" for name in ("clean", "composite"))
    return f"""# Cells of another laboratory

{SOURCE}

The weights that come with the kit are right for **{Share(**record["accuracy"])}** of them; of validation cells of
their own laboratory for {home}.

```
{record["command"]}
{balanced["command"]}
python tests/benchmarks/other_laboratory.py --external data/bccd --data data/training_set.npz --every 2 \\
    --json reports/external/choices.json
```

{recall_table(record)}
*Recall of each class. {errors_in_words(record)}*

How these crops differ, by looking at them: the ground is grey-blue and not peach, nuclei are pale violet and not nearly
black, many crops are out of focus, and the cell fills its crop whatever its size, so that lymphocytes look as large as
monocytes. Crops of platelets show leucocytes at their border.

## What was tried

{choices_table(choices)}
*Eight gated views, but where views are named. Right: of the {before["external"]["images"]} crops. +, −: labels put
right and put wrong against the crops as they are; p: exact test of McNemar, for one row alone, and
{len(choices["rows"]) - 1} rows were looked at. Home: every second validation cell, n = {before["clean"]["images"]},
where a row loses no more labels of the crops than it gains; a folder for each class: the clean ones, each class alone,
which is where a statistic over a folder errs most. By folder: one change for all pictures, from statistics of all. The
hold-out was not touched.*

Of what gains on these crops, the white balance of the folder costs nothing at home: each channel is multiplied so that
the ground between the cells, the median over the pictures of what 5 % of a picture's pixels are brighter than, has the
colour of home. Its p, {_p(choices, "ground as at home, by folder")}, does not outlive that many rows: these crops
choose it as the one thing to try on a third laboratory, and show no more. Picture by picture it errs where a cell fills
the picture or the corruption has a colour; quantiles gain more here, and fail where a folder holds other shares of the
classes than the training cells.

So the white balance of the folder is an option of `evaluate --external` and of `predict`, `--white-balance`, and off
unless you ask for it. With it the kit is right for {Share(**balanced["accuracy"])} of these crops, balanced accuracy
{balanced["balanced_accuracy"]:.3f}. Nothing else here is an option.

{_augmentations(folder / ARMS)}"""


def _augmentations(folder: Path) -> str:
    summary = summarise(read_records(folder))
    arms = [arm.arm for arm in summary.arms]
    here = {arm: in_words(own.accuracy) for arm, own in summary.elsewhere.items()}
    home = {arm.arm: in_words(arm.accuracy["composite"]) for arm in summary.arms}
    seeds = " ".join(str(seed) for seed in sorted({seed for arm in summary.arms for seed in arm.seeds}))
    few = (
        " Arms without a spread were trained with the first seed alone."
        if len({arm.seeds for arm in summary.arms}) > 1
        else ""
    )
    return f"""## Which augmentations carry over

```
bloodcells ablate --data data/training_set.npz --init FILE.h5 --external data/bccd --seeds {seeds} \\
    --arms {" ".join(sorted(arms))} --out runs/transfer
```

{elsewhere_table(summary)}
*Short trainings as in [the ablation](../ablation/index.md), from one start: {summary.budget["cells"]:,} cells,
{summary.steps} steps. Single views; at home n = {summary.images["composite"]:,} validation cells. In parentheses: 95 %
interval of the paired difference on the crops. The order is that of home.{few} Nothing was trained or chosen on the
crops.*

What survives the composite corruption at home survives the other laboratory too: the same policies lead in both, and
Gaussian noise, CutMix and MixUp are level with flips in both. `full` and `chain` reach {home["full"]} and
{home["chain"]} at home, {here["full"]} and {here["chain"]} here: {seed_counts_in_words(summary)}, and other cells than
the competition's.
"""


def recall_table(record: Record) -> str:
    """A row for each class that occurs."""
    rows = [
        (name, share["images"], f"{share['right'] / share['images']:.3f}", f"{share['low']:.3f} to {share['high']:.3f}",
         record["taken_for"][name] or "–")
        for name, share in record["recall"].items()
    ]  # fmt: skip
    return markdown_table(("class", "n", "recall", "95 % interval", "most often taken for"), rows)


def errors_in_words(record: Record) -> str:
    """The balanced accuracy, and how sure the errors are."""
    errors = record["accuracy"]["images"] - record["accuracy"]["right"]
    return (
        f"Balanced accuracy {record['balanced_accuracy']:.3f}, over the classes that occur. "
        f"{record['confident_errors']} of {errors} errors have a probability above {CONFIDENT:g}: confidence is no "
        "safeguard here, and the temperature, which is chosen at home, makes these answers surer too."
    )


def scales_in_words(choices: Record) -> str:
    """How the scale of the crops moves the accuracy."""
    rows = [row for row in choices["rows"] if row["choice"].startswith(("crop=", "shrunk to "))]
    return ", ".join(f"{row['external']['right'] / row['external']['images']:.3f} with {row['choice']}" for row in rows)


def choices_table(choices: Record) -> str:
    """A row for each choice."""
    columns = ("choice", "right", "95 % interval", "+", "−", "p", "balanced accuracy", "home, clean",
               "home, composite", "home, a folder for each class")  # fmt: skip
    rows = []
    for row in choices["rows"]:
        found = row["external"]
        rows.append(
            (row["choice"], found["right"], f"{found['low']:.3f} to {found['high']:.3f}", found["gained"],
             found["lost"], f"{found['p']:.2g}", f"{row['balanced_accuracy']:.3f}",
             *(_at_home(row.get(name)) for name in ("clean", "composite", "by class")))
        )  # fmt: skip
    return markdown_table(columns, rows)


def _p(choices: Record, words: str) -> str:
    return f"{next(row['external']['p'] for row in choices['rows'] if row['choice'] == words):.2g}"


def _at_home(found: Record | None) -> str:
    if found is None:
        return "–"
    return f"{found['right'] / found['images']:.4f} (+{found['gained']} −{found['lost']})"
