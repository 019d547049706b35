"""Clusters: connected, numbered by their lowest image, whatever the order of the pairs."""

import numpy as np

from bloodcells.cleaning.clusters import ALONE, cluster_ids, first_occurrence, groups_of


def test_a_chain_is_one_cluster_in_any_order():
    first, second = np.array([4, 1, 6]), np.array([2, 4, 5])  # 1~4~2, but not 1~2; and 5~6
    expected = [-1, 0, 0, -1, 0, 1, 1]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert cluster_ids(7, first[order], second[order]).tolist() == expected
        assert cluster_ids(7, second[order], first[order]).tolist() == expected


def test_clusters_are_numbered_by_their_lowest_image():
    assert cluster_ids(6, np.array([3, 0]), np.array([4, 5])).tolist() == [0, -1, -1, 1, 1, 0]


def test_no_pairs_leave_everybody_alone():
    none = np.empty(0, np.int64)
    assert cluster_ids(3, none, none).tolist() == [-1, -1, -1]


def test_the_first_occurrence_of_a_key():
    assert first_occurrence([b"a", b"b", b"a", b"c", b"b"]).tolist() == [0, 1, 0, 3, 1]


def test_an_image_alone_is_a_group_of_its_own():
    groups = groups_of(np.array([ALONE, 2, 0, ALONE, 2]))
    assert groups.tolist() == [3, 2, 0, 6, 2] and groups.dtype == np.int64
    assert groups_of(np.full(3, ALONE)).tolist() == [0, 1, 2]
    assert groups_of(np.empty(0, np.int64)).tolist() == []
