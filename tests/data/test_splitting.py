"""The split: disjoint, complete, grouped, stratified, repeatable."""

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.data.splitting import PARTS, Split, leaked, read_split, split_cells
from bloodcells.errors import KitError


def cells(n: int = 2_000, in_clusters: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Labels of unequal classes, and clusters of one to seven images of a class."""
    draw = np.random.default_rng(4)
    labels = np.sort(draw.choice(8, n, p=np.array([5, 10, 6, 10, 5, 6, 12, 8]) / 62))
    clusters = np.full(n, -1)
    number = start = 0
    while start < in_clusters:
        end = start + int(draw.integers(2, 8))
        clusters[start:end][labels[start:end] == labels[start]] = number
        number, start = number + 1, end
    order = draw.permutation(n)
    return labels[order], clusters[order]


def part_of(split: Split, n: int) -> np.ndarray:
    part = np.full(n, -1)
    for number, name in enumerate(PARTS):
        part[getattr(split, name)] = number
    return part


def test_every_image_is_in_exactly_one_part():
    labels, clusters = cells()
    split = split_cells(labels, clusters, BLOOD.classes, seed=1)
    together = np.concatenate([split.train, split.validation, split.holdout])
    assert np.array_equal(np.sort(together), np.arange(len(labels)))
    for name in PARTS:
        indices = getattr(split, name)
        assert indices.dtype == np.int64 and np.array_equal(indices, np.sort(indices))


def test_no_cluster_is_in_two_parts():
    labels, clusters = cells()
    part = part_of(split_cells(labels, clusters, BLOOD.classes, seed=1), len(labels))
    for cluster in range(clusters.max() + 1):
        assert len(set(part[clusters == cluster])) == 1


def test_every_class_has_its_share_in_every_part():
    labels, clusters = cells()
    split = split_cells(labels, clusters, BLOOD.classes, seed=1, validation=0.2, holdout=0.1)
    for label in range(8):
        total = (labels == label).sum()
        assert abs((labels[split.validation] == label).sum() - 0.2 * total) <= 7  # the largest cluster
        assert abs((labels[split.holdout] == label).sum() - 0.1 * total) <= 7


def test_images_alone_are_split_to_an_image():
    labels = np.repeat(np.arange(8), 50)
    split = split_cells(labels, np.full(400, -1), BLOOD.classes, seed=0)
    assert np.array_equal(np.bincount(labels[split.holdout]), np.full(8, 5))
    assert np.array_equal(np.bincount(labels[split.validation]), np.full(8, 5))


def test_a_seed_decides():
    labels, clusters = cells()
    one, again, other = (split_cells(labels, clusters, BLOOD.classes, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.train, again.train) and np.array_equal(one.holdout, again.holdout)
    assert not np.array_equal(one.holdout, other.holdout)


def test_a_class_with_three_pictures_is_in_all_three_parts():
    labels = np.array([0] * 40 + [7] * 3)
    part = part_of(split_cells(labels, np.full(43, -1), BLOOD.classes, seed=0), 43)
    assert sorted(part[labels == 7]) == [0, 1, 2]


def test_a_class_too_scarce_for_three_parts_is_named():
    labels = np.array([0] * 40 + [7] * 4)
    clusters = np.full(44, -1)
    clusters[40:43] = 0  # three copies of one picture, and another
    with pytest.raises(KitError, match=r"class 7 \(platelet\) has 2 distinct pictures: expected at least 3"):
        split_cells(labels, clusters, BLOOD.classes, seed=0)


@pytest.mark.parametrize("shares", [(0, 0.1), (0.1, 0), (0.5, 0.5), (-0.1, 0.2)])
def test_shares_that_leave_a_part_empty_are_refused(shares):
    with pytest.raises(ValueError, match="shares: expected above 0 and below 1 together"):
        split_cells(np.zeros(30, np.int64), np.full(30, -1), BLOOD.classes, 0, *shares)


def test_a_split_is_read_as_it_was_written(tmp_path):
    labels, clusters = cells()
    split = split_cells(labels, clusters, BLOOD.classes, seed=1)
    split.write(tmp_path / "split.csv")
    assert (tmp_path / "split.csv").read_text().startswith("index,part\n0,")
    again = read_split(tmp_path / "split.csv")
    assert all(np.array_equal(getattr(split, name), getattr(again, name)) for name in PARTS)


WHOLE = "index,part\n0,train\n1,validation\n2,holdout\n"
NO_SPLITS = {
    "an unknown part": (WHOLE + "3,test\n", r"line 5: expected an index and one of train, .*, got \['3', 'test'\]"),
    "no index": (WHOLE + "x,train\n", "line 5: expected an index and"),
    "a negative index": (WHOLE + "-1,train\n", "line 5: expected an index and"),
    "digits of another alphabet": (WHOLE + "\u0663,train\n", "line 5: expected an index and"),
    "an index beyond any set": (WHOLE + "9" * 40 + ",train\n", "line 5: expected an index and"),
    "a third column": (WHOLE + "3,train,x\n", "line 5: expected an index and"),
    "an empty line": (WHOLE + "\n", "line 5: expected an index and"),
    "an image in two parts": (WHOLE + "0,holdout\n", "line 5: expected each index once, got 0 again"),
    "an image twice in a part": (WHOLE + "0,train\n", "line 5: expected each index once, got 0 again"),
    "an empty part": ("index,part\n0,train\n1,holdout\n", "expected images in each part, got none in validation"),
    "no lines": ("index,part\n", "expected images in each part, got none in train"),
    "nothing": ("", r"line 1: expected index,part, got \[\]"),
    "other columns": ("part\ntrain\n", r"line 1: expected index,part, got \['part'\]"),
    "not UTF-8": (WHOLE.encode() + b"\xff", "'utf-8' codec can't decode"),
    "NUL bytes": (WHOLE + "\0" * 100, "line 5: expected an index and"),
    "a million columns": ("," * 1_000_000, "line 1: expected index,part, got "),
    "a field of a megabyte": (WHOLE + "3" * 1_000_000, "field larger than field limit"),
}


@pytest.mark.parametrize(("content", "line"), NO_SPLITS.values(), ids=NO_SPLITS.keys())
def test_another_file_is_no_split_and_one_short_line_says_why(tmp_path, content, line):
    path = tmp_path / "split.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(KitError, match=line) as caught:
        read_split(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < len(str(path)) + 300


def test_a_missing_split_is_named(tmp_path):
    with pytest.raises(KitError, match="split not found"):
        read_split(tmp_path / "split.csv")


def test_leaks_are_held_out_images_with_a_copy_in_training():
    clusters = np.array([0, 0, 0, 1, 1, -1, -1])
    training = np.array([True, False, False, False, False, True, False])
    assert leaked(clusters, training).tolist() == [False, True, True, False, False, False, False]


def test_the_split_leaks_nothing_and_a_random_one_does():
    labels, clusters = cells()
    training = np.isin(np.arange(len(labels)), split_cells(labels, clusters, BLOOD.classes, seed=0).train)
    assert not leaked(clusters, training).any()
    assert leaked(clusters, np.random.default_rng(0).permutation(training)).any()
