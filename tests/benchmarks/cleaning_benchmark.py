"""Cleaning measured on planted defects, beside the plain recipes of ImageHash and, where it is installed, imagededup.

    python tests/benchmarks/cleaning_benchmark.py --data data/training_set.npz
    python tests/benchmarks/cleaning_benchmark.py                                (the synthetic smear)

2,000 clean cells, 250 copies of each of seven kinds, 60 unrelated pictures of twelve kinds, in random order; half
a minute. A copy is recalled when it is in the cluster of its original. Precision of copies: of all pairs
of images in one cluster, those that show one cell. With ``--json FILE`` the figures are written too.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image
from planted import CHANGES, PICTURES, Planted, plant

from bloodcells.cleaning import CleaningSettings, examine
from bloodcells.cleaning.clusters import cluster_ids
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import CellSet, load_cells
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.files import write_json

Clusters = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a training set; without one, the synthetic smear")
    parser.add_argument("--cells", type=int, default=2_000)
    parser.add_argument("--copies", type=int, default=250, help="of each kind")
    parser.add_argument("--pictures", type=int, default=5, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clean = clean_cells(
        load_cells(options.data, chosen_competition())
        if options.data
        else draw_smear(options.cells, options.seed).cells
    )
    n_cells = min(options.cells, len(clean))
    planted = plant(clean, n_cells, min(options.copies, n_cells), options.pictures, options.seed)
    result = {"data": clean.origin, "images": len(planted.cells), "seed": options.seed, **measure(planted)}
    print(table(result))
    if options.json:
        write_json(options.json, result)


def clean_cells(cells: CellSet) -> CellSet:
    """The cells that the cleaning keeps, so that all copies of the benchmark are planted ones."""
    return cells.take(examine(cells, CleaningSettings(allow_any_removal=True)).kept)


def measure(planted: Planted) -> dict[str, Any]:
    """The cleaning, the plain recipe at four thresholds, and imagededup's default, on the same images."""
    started = time.process_time()
    found = examine(planted.cells, CleaningSettings(allow_any_removal=True))
    ours = {
        **copy_figures(planted, found.cluster),
        "unrelated_recall": float(found.junk[planted.unrelated].mean()),
        "unrelated_precision": float(planted.unrelated[found.junk].mean()),
        "unrelated_missed": sorted(set(planted.kind[planted.unrelated & ~found.junk].tolist())),
        "cpu_seconds": round(time.process_time() - started, 2),
    }
    methods = {"bloodcells": ours}
    for threshold in (0, 4, 8, 10):
        methods[f"imagehash.phash, distance <= {threshold}"] = copy_figures(
            planted, plain_recipe(planted.cells.images, threshold)
        )
    if importlib.util.find_spec("imagededup"):
        methods["imagededup, PHash, default"] = copy_figures(planted, imagededup_recipe(planted.cells.images))
    return {"methods": methods}


def copy_figures(planted: Planted, clusters: np.ndarray) -> dict[str, Any]:
    """Recall of the copies, by kind and together, and the precision of the pairs."""
    clean = np.flatnonzero((planted.kind == "") & ~planted.unrelated)
    place = dict(zip(planted.original[clean].tolist(), clean.tolist(), strict=True))
    copies = np.flatnonzero(np.isin(planted.kind, list(CHANGES)))
    with_original = clusters[[place[number] for number in planted.original[copies].tolist()]]
    recalled = (clusters[copies] >= 0) & (clusters[copies] == with_original)
    return {
        "copy_recall": float(recalled.mean()),
        "copy_precision": pair_precision(clusters, planted.original),
        "recall_by_kind": {
            kind: float(recalled[planted.kind[copies] == kind].mean()) for kind in CHANGES if kind in planted.kind
        },
    }


def pair_precision(clusters: np.ndarray, original: np.ndarray) -> float:
    """Of all pairs of images in one cluster, the share that shows one cell."""
    together = clusters >= 0
    pairs = _pairs(np.unique(clusters[together], return_counts=True)[1])
    both = np.stack([clusters[together], original[together]], axis=1)
    right = _pairs(np.unique(both, axis=0, return_counts=True)[1])
    return right / pairs if pairs else 1.0


def _pairs(sizes: np.ndarray) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def plain_recipe(images: np.ndarray, threshold: int) -> np.ndarray:
    """``imagehash.phash`` of every image, all pairs within ``threshold`` bits, connected components."""
    bits = [imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images]
    hashes = np.packbits(np.stack(bits), axis=1).view(">u8").ravel()
    ends = []
    for start in range(0, len(hashes), 64):
        near = np.bitwise_count(hashes[start : start + 64, None] ^ hashes) <= threshold
        first, second = np.nonzero(near)
        ends.append(np.stack([first + start, second])[:, first + start < second])
    return cluster_ids(len(hashes), *np.concatenate(ends, axis=1))


def imagededup_recipe(images: np.ndarray) -> np.ndarray:
    """imagededup's PHash with its default threshold of 10 bits, connected components."""
    from imagededup.methods import PHash  # no dependency of the kit: it needs torch

    hasher = PHash(verbose=False)
    encodings = {str(index): hasher.encode_image(image_array=image) for index, image in enumerate(images)}
    found = hasher.find_duplicates(encoding_map=encodings)
    pairs = [(int(one), int(other)) for one, others in found.items() for other in others]
    return cluster_ids(len(images), *np.array(pairs, np.int64).reshape(-1, 2).T)


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"{result['images']:,} images ({result['data']}), seed {result['seed']}",
        "",
        "| method | recall of copies | precision | " + " | ".join(CHANGES) + " | unrelated: recall | precision |",
        "| --- |" + " --- |" * (len(CHANGES) + 4),
    ]
    for name, figures in result["methods"].items():
        values = [figures["copy_recall"], figures["copy_precision"], *figures["recall_by_kind"].values()]
        values += [figures.get("unrelated_recall"), figures.get("unrelated_precision")]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    missed = result["methods"]["bloodcells"]["unrelated_missed"]
    lines += [
        "",
        f"Unrelated kinds with a picture that was missed: {', '.join(missed) or 'none'} (of {len(PICTURES)}).",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
