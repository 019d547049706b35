"""One page of what the cleaning was measured to do, made from the records that its benchmarks write."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from bloodcells.errors import KitError
from bloodcells.files import read_json, write_text
from bloodcells.pages.cleaning_pictures import DISTANCES, DROPPED, SUSPECTS
from bloodcells.pages.tables import markdown_table
from bloodcells.pages.words import hardware

Record = Mapping[str, Any]

_OWN = "bloodcells"


def write_benchmark_page(folder: Path) -> Path:
    """Write ``README.md`` into ``folder`` from the records there, and return its path.

    Raises:
        KitError: a record is missing or damaged.
    """
    page = folder / "README.md"
    write_text(page, benchmark_page(folder))
    return page


def benchmark_page(folder: Path) -> str:
    """The page of the records ``benchmark_seed*.json``, ``labels.json`` and ``speed.json``, in Markdown.

    Raises:
        KitError: a record is missing or damaged.
    """
    planted = [read_json(path) for path in sorted(folder.glob("benchmark_seed*.json"))]
    if not planted:
        raise KitError(
            f"no record of the planted benchmark: expected {folder / 'benchmark_seed0.json'}. "
            "Run python tests/benchmarks/cleaning_benchmark.py with --json."
        )
    labels, speed = read_json(folder / "labels.json"), read_json(folder / "speed.json")
    head = (
        "# What the cleaning was measured to do\n\n"
        "Made from the records in this folder: "
        "`make reports`.\n"
        "[cleaning.html](cleaning.html) shows what it found in the file of real cells (download it to look at it);\n"
        "[cleaning.json](cleaning.json) has its counts. `bloodcells clean --init FILE.h5` wrote them, and these:\n\n"
        f"![One row for each reason to drop]({DROPPED})\n\n"
        f"![Doubtful labels over the likelier ones]({SUSPECTS})\n\n"
        f"![Distances of copies and of different cells]({DISTANCES})\n"
    )
    return "\n".join((head, _planted_section(planted), _labels_section(labels), _speed_section(speed)))


def _planted_section(records: Sequence[Record]) -> str:
    first = records[0]
    kinds = list(first["methods"][_OWN]["recall_by_kind"])
    overall, by_kind = [], []
    for name in first["methods"]:
        figures = [record["methods"][name] for record in records]
        unrelated = [_spread(one[key] for one in figures) if key in figures[0] else "-"
                     for key in ("unrelated_recall", "unrelated_precision")]  # fmt: skip
        copies = [_spread(one[key] for one in figures) for key in ("copy_recall", "copy_precision")]
        overall.append((name, *copies, *unrelated))
        by_kind.append((name, *(_mean(one["recall_by_kind"][kind] for one in figures) for kind in kinds)))
    seeds = [record["seed"] for record in records]
    columns = ("method", "copies: recall", "precision", "unrelated pictures: recall", "precision")
    commands = "\n".join(
        f"python tests/benchmarks/cleaning_benchmark.py --data data/training_set.npz --seed {seed} "
        f"--json reports/cleaning/benchmark_seed{seed}.json"
        for seed in seeds
    )
    return f"""## Planted copies and unrelated pictures

{first["images"]:,} images of {first["data"]} for each of the seeds {_listed(seeds)}: cells that the cleaning keeps,
copies of them changed in {len(kinds)} ways, and unrelated pictures of twelve kinds, in random order.

```
{commands}
```

{markdown_table(columns, overall)}
*Mean over the seeds, in brackets the lowest and the highest. A copy is recalled when it is in the cluster of its
original; precision is the share of all pairs in one cluster that show one cell. The others are the plain recipes: all
pairs within so many bits of `imagehash.phash`, and imagededup's `PHash` with its defaults. They do not look for
unrelated pictures.*

{markdown_table(("recall by kind of copy", *kinds), by_kind)}
*Mean over the seeds.*
"""


def _labels_section(record: Record) -> str:
    planted, features = record["planted"], record["features"]
    rows = []
    for kind, name in product(dict.fromkeys(one["kind"] for one in planted), record["suspects"]):
        figures = [one["methods"][name] for one in planted if one["kind"] == kind]
        rows.append(
            (kind, name, record["suspects"][name], _mean((one["suspects"] for one in figures), "{:.0f}"),
             *(_spread(one[key] for one in figures) for key in ("recall", "precision", "named")))
        )  # fmt: skip
    columns = ("planted label", "reading of the probabilities", "suspects without planting", "with",
               "planted: recall", "precision", "true label named")  # fmt: skip
    compared = [
        (one["features"], one["working_size"], f"{one['accuracy']:.4f}", one["suspects"], f"{one['cpu_seconds']:.0f}")
        for one in features
    ]
    seconds, sample = record["cpu_seconds"], features[0]["cells"]
    numbers = _listed(dict.fromkeys(one["seed"] for one in planted))
    return f"""## Wrong labels

The {record["cells"]:,} cells that the cleaning keeps of {record["data"]} are seen at {record["working_size"]} px by a
backbone with init `{record["init"]}` ([what that is](../README.md)). A regression on its features, fitted in
{record["folds"]} folds, gives
**{record["accuracy"]:.2%}** of the cells left out their label. Then {record["share"]:.0%} of the labels
({planted[0]["planted"]}) are replaced, with the seeds {numbers}: by any other class, or by the look-alike, the class
that the features take for the next likely.

```
python tests/benchmarks/label_benchmark.py --data data/training_set.npz --init FILE.h5 --compare {sample} \\
    --json reports/cleaning/labels.json
```

{markdown_table(columns, rows)}
*Mean over the seeds, in brackets the lowest and the highest. Precision counts every suspect that was not planted as
wrong, though the labels may hold errors of their own: it is the least that it can be. The odds and the strength of the
regression were chosen on the same cells, in part on the same draws. Looking at the cells took
{seconds["looking"]} s of processor time, the folds {seconds["predicting"]} s; {hardware(record["environment"])}.*

{markdown_table(("features", "px", "out-of-fold accuracy", "suspects", "processor seconds"), compared)}
*On {sample:,} of the cells, labels as given: why the features are taken at five resolutions and the cells enlarged.*
"""


def _speed_section(record: Record) -> str:
    hashes = record["hashes"]
    rows = [
        (f"ImageHash, {what}", f"{hashes[name]:.2f}", "")
        for what, name in (("one view", "imagehash_one_view"), ("eight views one by one", "imagehash_eight_views"))
    ]
    registration, sixteen = hashes["bloodcells_registration"], hashes["bloodcells_sixteen_hashes"]
    times = hashes["imagehash_eight_views"] / (registration + sixteen)
    rows += [
        ("bloodcells, two windows around the nucleus", f"{registration:.2f}", ""),
        ("bloodcells, the eight views of both windows", f"{sixteen:.2f}", f"{times:.1f}"),
    ]
    pairs = [
        (f"{one['hashes']:,}", one["distance"], f"{one['seconds']:.1f}", f"{one['peak_gigabytes']:.2f}",
         f"{one['found']:,} of {one['planted']:,}")
        for one in record["pairs"]
    ]  # fmt: skip
    distances = " ".join(str(one["distance"]) for one in record["pairs"])
    machine = hardware(record["environment"])
    return f"""## Speed

Side by side in one run of one process, processor seconds; {machine}. Only the ratios carry over to
another machine.

```
python tests/benchmarks/cleaning_speed.py --data data/training_set.npz --distance {distances} \\
    --json reports/cleaning/speed.json
```

{markdown_table((f"hashes of {hashes['images']:,} images", "s", "eight views, times as fast"), rows)}
{markdown_table(("random hashes", "within bits", "seconds", "peak memory, GB", "planted pairs found"), pairs)}
*Seed 0, one run.*
"""


def _mean(values: Iterable[float], form: str = "{:.3f}") -> str:
    numbers = list(values)
    return form.format(sum(numbers) / len(numbers))


def _spread(values: Iterable[float]) -> str:
    numbers = list(values)
    return f"{_mean(numbers)} ({min(numbers):.3f} to {max(numbers):.3f})"


def _listed(values: Iterable[object]) -> str:
    *front, last = map(str, values)
    return f"{', '.join(front)} and {last}" if front else last
