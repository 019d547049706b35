"""The examination itself: copies first, then junk among what is left, then one reason per image."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from bloodcells.cleaning.clusters import ALONE, cluster_ids, first_occurrence, groups_of
from bloodcells.cleaning.confirmation import Comparison, tints
from bloodcells.cleaning.hashing import VIEWS, exact_keys, phash
from bloodcells.cleaning.junk import appearance, junk_scores
from bloodcells.cleaning.neighbours import near_pairs
from bloodcells.cleaning.registration import patch_hashes, registered
from bloodcells.cleaning.settings import CleaningSettings
from bloodcells.cleaning.table import CleaningTable
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError
from bloodcells.progress import Progress

_DEFAULTS = CleaningSettings()
_REMOVED_FOR = ("exact_duplicates", "near_duplicates", "junk", "label_conflicts")


def examine(
    cells: CellSet, settings: CleaningSettings = _DEFAULTS, progress: Callable[[str, int, int], None] | None = None
) -> CleaningTable:
    """Decide for every image whether to learn from it.

    Copies are found by perceptual hash and confirmed on pixels. Of a cluster of copies the image of the lowest index
    that is no junk stays. Running it again on the kept images removes none. What a person decided overrules all that;
    labels that were decided count from the first.

    Args:
        cells: N labelled images.
        settings: thresholds.
        progress: called with the name of a step, the distinct images that have passed it, and all of them.

    Raises:
        KitError: more than ``settings.max_removed_share`` of the images would go, or the decisions are not about
            ``cells``.
    """
    started = time.perf_counter()
    if settings.decisions:
        cells = settings.decisions.relabelled(cells)
    everyone = np.arange(len(cells))
    original = first_occurrence(exact_keys(cells.images))
    distinct, row = np.unique(original, return_inverse=True)
    images = cells.images[distinct]

    def step(name: str) -> Progress | None:
        return partial(progress, name) if progress else None

    hashes = phash(images, step("hashing"))
    first, second = confirmed_pairs(images, settings, step("comparing"))
    copies = everyone[original != everyone]
    clusters = cluster_ids(
        len(cells), np.concatenate([distinct[first], original[copies]]), np.concatenate([distinct[second], copies])
    )
    conflict = _labels_in_cluster(cells.labels, clusters) > 1
    looks = appearance(images, step("judging"))
    scores, evidence, no_cell = (
        column[row] for column in junk_scores(looks, clusters[distinct], ~conflict[distinct], settings.junk_threshold)
    )
    if settings.keep_lone:
        no_cell = no_cell & (clusters != ALONE)
    groups = groups_of(clusters)
    junk = _everywhere(no_cell, groups)
    stays = _lowest(groups, ~no_cell) == everyone
    exact = original != everyone
    table = CleaningTable(
        label=cells.labels,
        phash=hashes[row],
        cluster=clusters,
        junk_score=scores,
        evidence=evidence,
        exact_duplicate=exact,
        near_duplicate=~stays & ~exact & ~junk,
        junk=junk,
        label_conflict=conflict,
        reason=np.select(
            [junk, conflict, stays, exact], ["junk", "label_conflict", "", "exact_duplicate"], "near_duplicate"
        ),
        seconds=time.perf_counter() - started,
        names=cells.names,
    )
    _refuse_to_empty(table, settings)
    return table.decided(settings.decisions) if settings.decisions else table


def confirmed_pairs(
    images: np.ndarray, settings: CleaningSettings, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of (M, S, S, 3) uint8 images that are one picture, enough of them to connect every cluster.

    Args:
        images: distinct ones.
        settings: thresholds.
        progress: called with the number of images that are ready to be compared, and of all.

    Returns:
        two (P,) int64 index arrays.
    """
    patches = registered(images, progress)
    probes = patch_hashes(patches)
    comparison = Comparison(patches, tints(images))
    links = np.empty((2, 0), np.int64)
    for first, second, probe in near_pairs(probes[:, 0], probes, settings.max_distance):
        clusters = cluster_ids(len(images), *links)
        open_ = (first < second) | (probe >= VIEWS)  # at full width a pair is met from both sides
        open_ &= (clusters[first] != clusters[second]) | (clusters[first] == ALONE)
        first, second, probe = first[open_], second[open_], probe[open_]
        alike = comparison.similarities(first, second, probe)
        links = np.append(links, np.stack([first, second])[:, alike >= settings.min_similarity], axis=1)
    return links[0], links[1]


def _labels_in_cluster(labels: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(N,) int64: how many different labels the copies of each image carry, 1 for an image alone."""
    pairs = np.unique(np.stack([clusters, labels], axis=1)[clusters != ALONE], axis=0)
    worn = np.bincount(pairs[:, 0], minlength=clusters.max(initial=ALONE) + 1)
    return np.where(clusters == ALONE, 1, worn[clusters] if len(worn) else 1)


def _everywhere(flags: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(N,) bool: whether the flag is set for every image of one's group."""
    clear = np.bincount(groups, weights=~flags)
    return clear[groups] == 0


def _lowest(groups: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """(N,) int64: the lowest eligible index of one's group, N where there is none."""
    lowest = np.full(groups.max(initial=-1) + 1, len(groups))
    np.minimum.at(lowest, groups[eligible], np.flatnonzero(eligible))
    return lowest[groups]


def _refuse_to_empty(table: CleaningTable, settings: CleaningSettings) -> None:
    removed = len(table) - len(table.kept)
    share = removed / max(len(table), 1)
    if share > settings.max_removed_share and not settings.allow_any_removal:
        counts = table.counts()
        found = ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in _REMOVED_FOR)
        raise KitError(
            f"cleaning removes too much: expected at most {settings.max_removed_share:.0%} of {len(table)} images, "
            f"got {removed} ({share:.0%}; {found}). Look at the file, or confirm with --yes."
        )
