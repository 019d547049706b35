"""The planted benchmark at a size that a test can afford; the figures of the README come from its full size."""

import numpy as np
import pytest
from cleaning_benchmark import clean_cells, measure, pair_precision, table
from planted import PICTURES, plant

from bloodcells.cleaning.copies import CHANGES
from bloodcells.data.sources.synthetic import draw_smear


@pytest.fixture(scope="module")
def result():
    clean = clean_cells(draw_smear(400, seed=5).cells)
    planted = plant(clean, 390, copies_per_kind=30, pictures_per_kind=1, seed=0)
    return {"data": clean.origin, "images": len(planted.cells), "seed": 0, **measure(planted)}


@pytest.mark.trains
def test_copies_and_unrelated_pictures_are_found(result):
    ours = result["methods"]["bloodcells"]
    assert ours["copy_recall"] >= 0.98 and ours["copy_precision"] >= 0.995
    assert ours["unrelated_recall"] >= 0.9 and ours["unrelated_precision"] >= 0.95


@pytest.mark.trains
def test_the_plain_recipe_is_measured_on_the_same_images(result):
    plain = result["methods"]["imagehash.phash, distance <= 4"]
    assert plain["recall_by_kind"]["JPEG, quality 30-90"] >= 0.9
    assert plain["recall_by_kind"]["flip or quarter turn"] <= 0.1
    assert plain["copy_recall"] < result["methods"]["bloodcells"]["copy_recall"]


@pytest.mark.trains
def test_the_table_has_a_row_for_every_method(result):
    rows = [line for line in table(result).splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(result["methods"])
    assert {row.count("|") for row in rows} == {len(CHANGES) + 6}


def test_precision_counts_pairs():
    assert pair_precision(np.array([0, 0, 0, -1]), np.array([5, 5, 6, 5])) == pytest.approx(1 / 3)
    assert pair_precision(np.array([-1, -1]), np.array([5, 5])) == 1


def test_everything_planted_is_in_the_truth():
    clean = clean_cells(draw_smear(100, seed=5).cells)
    planted = plant(clean, 50, copies_per_kind=3, pictures_per_kind=2, seed=1)
    assert len(planted.cells) == 50 + 3 * len(CHANGES) + 2 * len(PICTURES)
    assert planted.unrelated.sum() == 2 * len(PICTURES)
    assert (planted.kind == "").sum() == 50
    assert not set(planted.original[planted.unrelated]) & set(planted.original[~planted.unrelated])
