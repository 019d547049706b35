"""What the cleaning costs, side by side in one run: all hashes of a picture against ImageHash, and near pairs.

    python tests/benchmarks/cleaning_speed.py --data data/training_set.npz --distance 4 8 --json speed.json

Seconds are processor time of one process, so that a busy machine disturbs them less; memory is the peak of the process.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import imagehash
import numpy as np
from PIL import Image

from bloodcells.cleaning.hashing import VIEWS
from bloodcells.cleaning.neighbours import near_pairs
from bloodcells.cleaning.registration import patch_hashes, registered
from bloodcells.competition import chosen_competition
from bloodcells.data.cells import load_cells
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.files import write_json
from bloodcells.network.inference import dihedral

Result = TypeVar("Result")


def main() -> None:
    """Print both comparisons, or one of them; write them with ``--json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a training set; without one, the synthetic smear")
    parser.add_argument("--images", type=int, default=3_000, help="of it, for the hashes; 0 leaves them out")
    parser.add_argument(
        "--hashes", type=int, default=1_000_000, help="random ones, for the near pairs; 0 leaves them out"
    )
    parser.add_argument("--distance", type=int, nargs="+", default=[4])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {}
    if options.images:
        cells = load_cells(options.data, chosen_competition()) if options.data else draw_smear(options.images).cells
        result["hashes"] = {"data": cells.origin, **compare_hashes(cells.images[: options.images])}
    result["pairs"] = [measure_pairs(options.hashes, distance) for distance in options.distance if options.hashes]
    if options.json:
        from bloodcells.environment import describe_environment  # imports TensorFlow, which would count as memory

        write_json(options.json, {**result, "environment": describe_environment()})
    if any(figures["found"] < figures["planted"] for figures in result["pairs"]):
        sys.exit("a planted pair was missed")


def compare_hashes(images: np.ndarray) -> dict[str, Any]:
    """Seconds for the 16 hashes of each image that find copies, and for ImageHash's of one view and of eight."""

    def one_by_one(array: np.ndarray) -> list[object]:
        return [imagehash.phash(Image.fromarray(image)) for image in array]

    def eight_views() -> None:
        for view in range(VIEWS):
            one_by_one(np.ascontiguousarray(dihedral(images, view)))

    patch_hashes(registered(images[:64]))
    seconds = {
        "imagehash_one_view": round(_seconds(lambda: one_by_one(images)), 3),
        "imagehash_eight_views": round(_seconds(eight_views), 3),
        "bloodcells_registration": round(_seconds(lambda: registered(images)), 3),
    }
    patches = registered(images)
    seconds["bloodcells_sixteen_hashes"] = round(_seconds(lambda: patch_hashes(patches)), 3)
    print(f"{len(images):,} images: {seconds}")
    return {"images": len(images), **seconds}


def measure_pairs(n: int, distance: int) -> dict[str, Any]:
    """Near pairs of random hashes with planted copies: seconds, gigabytes and what was found."""
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 2**64, n, dtype=np.uint64)
    planted = n // 200
    for place in range(planted):
        bits = draw.choice(64, place % (distance + 1), replace=False).astype(np.uint64)
        hashes[n - 1 - place] = hashes[place] ^ np.bitwise_or.reduce(np.uint64(1) << bits, initial=np.uint64(0))
    before = _peak_gigabytes()
    found = np.zeros(planted, bool)
    pairs = 0

    def search() -> None:
        nonlocal pairs
        for first, second, _ in near_pairs(hashes, hashes[:, None], distance):
            pairs += len(first)
            own = (first < planted) & (second == n - 1 - first)
            found[first[own]] = True

    seconds = _seconds(search)
    peak = _peak_gigabytes()
    print(f"{n:,} hashes within {distance} bits: {seconds:.1f} s, peak {peak:.2f} GB, {before:.2f} of it before")
    print(f"{found.sum():,} of {planted:,} planted pairs found, {pairs // 2 - found.sum():,} others")
    return {
        "hashes": n,
        "distance": distance,
        "planted": planted,
        "found": int(found.sum()),
        "seconds": round(seconds, 1),
        "peak_gigabytes": round(peak, 2),
    }


def _seconds(work: Callable[[], Result]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
