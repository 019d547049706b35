"""Whether the thresholds fit a set of cells: planted copies against the set's own distinct cells.

A threshold is right where it lies between two distributions. Both can be measured on any set that is clean: what
`copies.CHANGES` does to the hash and to the pixels of a cell, and how near two different cells come.
"""

from dataclasses import dataclass

import numpy as np

from bloodcells.cleaning.confirmation import Comparison, tints
from bloodcells.cleaning.copies import CHANGES
from bloodcells.cleaning.hashing import HASH_BITS
from bloodcells.cleaning.registration import patch_hashes, registered
from bloodcells.cleaning.settings import CleaningSettings
from bloodcells.data.cells import CellSet

_BLOCK = 64


@dataclass(frozen=True, eq=False)
class Calibration:
    """Distances and similarities of copies and of distinct cells.

    Attributes:
        n_cells: cells that were compared with each other.
        kind: (M,) str, what was done to each planted copy.
        copy_distance: (M,) int64, bits between copy and original in the best view.
        copy_similarity: (M,) float64, correlation of their aligned pixels in that view.
        pair_distance: (65,) int64, pairs of distinct cells by the bits between them in the best view.
        pair_similarity: (K,) float64, correlation of the pairs within ``max_distance``, each in every such view.
    """

    n_cells: int
    kind: np.ndarray
    copy_distance: np.ndarray
    copy_similarity: np.ndarray
    pair_distance: np.ndarray
    pair_similarity: np.ndarray


def calibrate(
    cells: CellSet, settings: CleaningSettings, n_cells: int = 2_000, copies_per_kind: int = 200, seed: int = 0
) -> Calibration:
    """Measure on a sample of ``cells``, which must hold no copies: take what the cleaning kept.

    Args:
        cells: distinct cells.
        settings: ``max_distance`` is used.
        n_cells: sample size; the cost grows with its square, 2,000 take seconds.
        copies_per_kind: planted copies of each kind.
        seed: the seed of the sample and the changes.
    """
    draw = np.random.default_rng(seed)
    sample = cells.images[draw.permutation(len(cells))[:n_cells]]
    patches = registered(sample)
    kind = np.repeat(list(CHANGES), min(copies_per_kind, len(sample)))
    source = np.concatenate([draw.permutation(len(sample))[:copies_per_kind] for _ in CHANGES])
    changed = np.stack([CHANGES[name](sample[one], draw) for name, one in zip(kind, source, strict=True)])
    copies = registered(changed)
    probes = patch_hashes(patches)
    distance, turn = _best(probes[source], patch_hashes(copies)[:, 0])
    together = Comparison(np.concatenate([patches, copies]), tints(np.concatenate([sample, changed])))
    similarity = together.similarities(source, len(sample) + np.arange(len(source)), turn)
    return Calibration(len(sample), kind, distance, similarity, *_distinct(probes, together, settings.max_distance))


def _best(probes: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest distance of each row and the view, as ``Comparison`` counts them, in which it is found."""
    apart = np.bitwise_count(probes ^ hashes[:, None])
    return apart.min(axis=1).astype(np.int64), apart.argmin(axis=1)


def _distinct(probes: np.ndarray, comparison: Comparison, max_distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances of all pairs, and similarities of the near ones."""
    n_cells = len(probes)
    counts = np.zeros(HASH_BITS + 1, np.int64)
    similarity = [np.empty(0)]
    for start in range(0, n_cells, _BLOCK):
        apart = np.bitwise_count(probes[start : start + _BLOCK, :, None] ^ probes[:, 0])
        after = np.arange(n_cells) > np.arange(start, start + len(apart))[:, None]
        counts += np.bincount(apart.min(axis=1)[after], minlength=HASH_BITS + 1)
        first, probe, second = np.nonzero((apart <= max_distance) & after[:, None])
        similarity.append(comparison.similarities(first + start, second, probe))
    return counts, np.concatenate(similarity)
