"""One page of what the speed was measured to be, made from the records that its benchmarks write."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bloodcells.competition import BLOOD_CELLS, read_competition
from bloodcells.files import read_json, write_text
from bloodcells.network.inference import TTA_VIEWS
from bloodcells.pages.tables import markdown_table
from bloodcells.pages.words import VIEWS, hardware

BLOOD = read_competition(BLOOD_CELLS)

Record = Mapping[str, Any]

_WALK = "notebooks_"
"""How the names of the records of a walk through the notebooks begin; they end with the platform."""
_WAYS = {"plain": "Keras, batches of 64", "all_views": "the zip, all views", "gated": "the zip, gated"}


def write_speed_page(folder: Path) -> Path:
    """Write ``README.md`` into ``folder`` from the records there, and return its path.

    Raises:
        KitError: a record is missing or damaged.
    """
    page = folder / "README.md"
    write_text(page, speed_page(folder))
    return page


def speed_page(folder: Path) -> str:
    """The page of the records that the benchmarks of ``tests/benchmarks`` have left in ``folder``, in Markdown.

    Raises:
        KitError: a record is missing or damaged.
    """
    head = (
        "# How fast it is\n\n"
        "Made from the records in this folder: `make reports`.\n"
        "One run each; the ratios carry over to another machine, the seconds do not.\n"
    )
    sections = {
        "score": _score_section, "predict": _predict_section, "training": _training_section,
        "augmentation": _augmentation_section,
    }  # fmt: skip
    walks = [read_json(path) for path in sorted(folder.glob(f"{_WALK}*.json"))]
    told = [section(read_json(folder / f"{name}.json")) for name, section in sections.items()]
    return "\n".join((head, *told, _walks_section(walks)))


def score_table(record: Record) -> str:
    """From a zip to its score, a row for each zip of ``score.json``."""
    columns = (
        "test-time augmentation", "images", "zip to score, s", "loading, s", "predicting, s", "images/s", "peak, GB",
        f"share of {BLOOD.time_limit:.0f} s",
    )  # fmt: skip
    rows = [
        (_views_in_words(row["settings"]), f"{row['images']:,}", f"{row['zip_to_score_seconds']:.0f}",
         f"{row['load_seconds']:.1f}", f"{row['predict_seconds']:.0f}", f"{row['images_per_second']:.0f}",
         f"{row['peak_memory'] / 1e9:.2f}", f"{row['prediction_run_seconds'] / BLOOD.time_limit:.0%}")
        for row in record["zips"]
    ]  # fmt: skip
    return markdown_table(columns, rows)


def _views_in_words(settings: Record) -> str:
    return VIEWS[TTA_VIEWS[settings["tta_level"]]] + (", gated" if "gate" in settings else "")


def _score_section(record: Record) -> str:
    machine = hardware(record["environment"])
    return f"""## From a zip to its score

```
bloodcells package --weights kit --tta 0 --out runs/tta0.zip
bloodcells package --weights kit --tta 1 --out runs/tta1.zip
bloodcells package --weights kit --tta 2 --out runs/tta2.zip
python tests/benchmarks/score_timing.py runs/tta[012].zip --data data/training_set.npz \\
    --json reports/speed/score.json
```

{score_table(record)}
*The local worker on as many cells as the hidden set has, imports included, on {machine}. Gated: only
cells of which the first view is unsure get the others; the kit's weights have a gate for eight views alone.*
"""


def _predict_section(record: Record) -> str:
    rows = []
    for name, levels in record["levels"].items():
        for level, figures in levels.items():
            views = VIEWS[TTA_VIEWS[int(level.removeprefix("tta"))]]
            rows += [
                (name, views, words, figures[way]["images_per_second"], figures[way].get("times", ""),
                 f"{figures[way]['equal_labels']:.4f}" if "equal_labels" in figures[way] else "")
                for way, words in _WAYS.items()
                if way in figures
            ]  # fmt: skip
    columns = ("hold-out", "views", "predicted by", "images/s", "times Keras", "labels equal")
    batches = [(size, rates["plain"], rates["packed"], rates["times"]) for size, rates in record["batches"].items()]
    processes = [
        (name, f"{one['load_seconds']:.1f}", f"{one['first_seconds']:.2f}", f"{one['images']:,}",
         f"{one['peak_memory'] / 1e9:.2f}")
        for name, one in record["processes"].items()
    ]  # fmt: skip
    images = next(iter(next(iter(record["levels"].values())).values()))["images"]
    return f"""## Prediction, beside plain Keras

```
python tests/benchmarks/predict_speed.py --run runs/{record["run"]} --data data/training_set.npz \\
    --out reports/speed/predict.json
```

{markdown_table(columns, rows)}
*{images:,} cells of each hold-out, {record["working_size"]} px, {record["threads"]} threads, in turns with
`keras.Model.predict` of the same network at the same views; the weights are those of an earlier training. Gated: only
images whose two most probable classes are less than {record["gate"]} apart in the first view get the others.*

{markdown_table(("batch", "Keras, images/s", "flatbuffer, images/s", "times"), batches)}
{markdown_table(("network", "load, s", "first label after, s", "images", "peak, GB"), processes)}
*Fresh processes, with the flatbuffer (at the highest level of test-time augmentation) and without it. On
{hardware(record["environment"])}.*
"""


def _training_section(record: Record) -> str:
    rows = []
    for row in record["rows"]:
        keras, memory, kit = (statistics.median(row[name]) for name in ("keras", "memory", "kit"))
        rows.append(
            (row["size"], row["threads"], row["batch"], f"{keras:.1f}", f"{memory:.1f}", f"{kit:.1f}",
             f"{kit / keras:.2f}")
        )  # fmt: skip
    smallest = min(row["size"] for row in record["rows"])
    rates = {row["threads"]: statistics.median(row["kit"]) for row in record["rows"] if row["size"] == smallest}
    columns = ("px", "threads", "batch", "Keras, images/s", "memory kept, images/s", "the kit, images/s", "times Keras")
    machine = hardware(record["environment"])
    return f"""## Training

```
python tests/benchmarks/training_speed.py --json reports/speed/training.json
```

{markdown_table(columns, rows)}
*The whole network, AdamW, no augmentation; median of {record["turns"]} turns, on {machine}. The kit keeps
freed memory and has its own BatchNormalization and 5 x 5 depthwise convolution, with the same results. At {smallest} px
one thread reaches {rates[min(rates)] / rates[max(rates)]:.0%} of what {max(rates)} threads do: several runs
side by side, with `TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1` and a core each, get more done than one after
another.*
"""


def _augmentation_section(record: Record) -> str:
    step = record["training"]["images_per_second"]
    rows = [
        (f"`{name}`", f"{figures['images_per_second']:,.0f}", f"{figures['times']:.1f}")
        for name, figures in record["policies"].items()
    ]
    size = record["working_size"]
    return f"""## Augmentation: who waits for whom

```
python tests/benchmarks/augmentation_throughput.py --data data/training_set.npz --working-size {size} \\
    --json reports/speed/augmentation.json
```

{markdown_table(("policy", "augmented, images/s", "times the training step"), rows)}
*Every policy alone, and the training step alone, which takes {step:.0f} images/s at {size} px, in turns on
{hardware(record["environment"])}; batches of {record["batch_size"]}, medians of {record["rounds"]} rounds. On a CPU the
pipeline waits for the step, and makes one batch after another, so that equal seeds give equal pictures. Beside a GPU it
makes as many batches at once as there are cores; whether the GPU then waits was not measured.*
"""


def _walks_section(records: Sequence[Record]) -> str:
    notebooks = list(records[0]["seconds"])
    columns = ("packages of", "Python", "TensorFlow", *notebooks, "all", "clean", "composite")
    rows = [
        (record["platform"], record["environment"]["python"], record["environment"]["packages"]["tensorflow"],
         *(f"{seconds / 60:.1f}" for seconds in (*record["seconds"].values(), sum(record["seconds"].values()))),
         *(f"{accuracy:.4f}" for accuracy in record["scores"].values()))
        for record in records
    ]  # fmt: skip
    one = records[0]
    return f"""## The notebooks, from the first cell to the scored zip

```
python tests/benchmarks/notebook_walk.py --data data/{one["cells"]} --platform {one["platform"]} \\
    --json reports/speed/{_WALK}{one["platform"].lower()}.json
```

{markdown_table(columns, rows)}
*Minutes, and what the zip scores on the hold-out (n = {one["images"]:,}). Profile `{one["profile"]}` on {one["cells"]},
beside the packages of the platform but on {hardware(one["environment"])}.*
"""
