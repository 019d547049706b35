"""Clusters of copies: connected components of the confirmed pairs."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ALONE = -1
"""The cluster of an image without copies."""


def first_occurrence(keys: Sequence[bytes]) -> np.ndarray:
    """(N,) int64: for each key, the index of the first equal one (its own if there is none before it)."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(key, index) for index, key in enumerate(keys)], np.int64)


def cluster_ids(n_images: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number the connected components of two and more images by their lowest index, from 0.

    Args:
        n_images: images, paired or not.
        first, second: (M,) integers, the ends of the pairs.

    Returns:
        (n_images,) int64, ``ALONE`` for an image in no pair. The order of the pairs does not matter, and a chain
        a~b~c is one cluster even where a and c are no pair.
    """
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(n_images, n_images))
    _, component = connected_components(graph, directed=False)
    _, lowest, inverse, size = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    together = size[inverse] > 1
    clusters = np.full(n_images, ALONE, np.int64)
    clusters[together] = np.unique(lowest[inverse][together], return_inverse=True)[1]
    return clusters


def groups_of(clusters: np.ndarray) -> np.ndarray:
    """The cluster of each image; an image alone is a group of its own.

    Args:
        clusters: (N,) int64, as `cluster_ids` numbers them, or those of a part of its images.

    Returns:
        (N,) int64, from 0, equal for the images of one picture. Those alone have the highest numbers, in their order.
    """
    own = clusters.max(initial=ALONE) + 1 + np.arange(len(clusters))
    return np.where(clusters == ALONE, own, clusters)
