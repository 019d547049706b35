"""What the cleaning costs, side by side in one run, as ratios: hashes against ImageHash, and near pairs of many hashes.

    python tests/benchmarks/cleaning_speed.py --data data/training_set.npz
    python tests/benchmarks/cleaning_speed.py --hashes 1000000 --distance 8

Seconds are processor time of one process, so that a busy machine disturbs them less; memory is the peak of the process.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import imagehash
import numpy as np
from PIL import Image

from bloodcells.cells import load_cells
from bloodcells.cleaning.hashing import VIEWS, average_hash, dhash, dihedral, phash, phash_views
from bloodcells.cleaning.neighbours import near_pairs
from bloodcells.sources.synthetic import draw_smear

Result = TypeVar("Result")


def main() -> None:
    """Print both comparisons, or one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a training set; without one, the synthetic smear")
    parser.add_argument("--images", type=int, default=3_000, help="of it, for the hashes; 0 leaves them out")
    parser.add_argument(
        "--hashes", type=int, default=1_000_000, help="random ones, for the near pairs; 0 leaves them out"
    )
    parser.add_argument("--distance", type=int, default=4)
    options = parser.parse_args()
    if options.images:
        cells = load_cells(options.data) if options.data else draw_smear(options.images).cells
        compare_hashes(cells.images[: options.images])
    if options.hashes:
        compare_pairs(options.hashes, options.distance)


def compare_hashes(images: np.ndarray) -> None:
    """All eight views at once against ImageHash on one view and on eight; then the other hashes."""

    def one_by_one(function: Callable[[Image.Image], object], array: np.ndarray) -> list[object]:
        return [function(Image.fromarray(image)) for image in array]

    def eight_views(array: np.ndarray) -> None:
        for view in range(VIEWS):
            one_by_one(imagehash.phash, np.ascontiguousarray(dihedral(array, view)))

    phash_views(images[:64])
    theirs = _seconds(lambda: one_by_one(imagehash.phash, images))
    theirs_eight = _seconds(lambda: eight_views(images))
    ours_eight = _seconds(lambda: phash_views(images))
    print(f"{len(images):,} images")
    print(f"imagehash.phash, one view      {theirs:7.2f} s")
    print(f"imagehash.phash, eight views   {theirs_eight:7.2f} s")
    print(f"phash_views, eight views       {ours_eight:7.2f} s   = {ours_eight / theirs:.2f} of one, "
          f"{theirs_eight / ours_eight:.1f} times as fast as eight")  # fmt: skip
    for ours, single in ((phash, imagehash.phash), (dhash, imagehash.dhash), (average_hash, imagehash.average_hash)):
        plain, batch = (
            _seconds(lambda single=single: one_by_one(single, images)),
            _seconds(lambda ours=ours: ours(images)),
        )
        print(f"{ours.__name__:13s} {batch:6.2f} s, ImageHash {plain:6.2f} s: {plain / batch:.1f} times as fast")


def compare_pairs(n: int, distance: int) -> None:
    """Near pairs of random hashes with planted copies; every planted one must be found."""
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
    if not found.all():
        sys.exit("a planted pair was missed")


def _seconds(work: Callable[[], Result]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
