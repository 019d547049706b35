import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.data.cells import CellSet
from bloodcells.data.sources.drawing import draw_cell
from bloodcells.data.sources.synthetic import (
    CLASS_COUNTS,
    EXACT_DUPLICATES,
    FEWEST_CELLS,
    LABEL_CONFLICTS,
    NEAR_DUPLICATES,
    Smear,
    cartoon_face,
    draw_smear,
    landscape,
    smear_labels,
)
from bloodcells.errors import KitError

CELLS = 240


@pytest.fixture(scope="module")
def smear() -> Smear:
    return draw_smear(CELLS, seed=3)


def rows(smear: Smear, defect: str) -> np.ndarray:
    return np.flatnonzero(smear.truth.defect == defect)


def test_the_images_and_labels_pass_the_border(smear: Smear) -> None:
    cells = smear.cells
    assert cells.images.dtype == np.uint8
    assert cells.images.shape == (len(cells), *BLOOD.image_shape)
    assert cells.labels.dtype == np.int64
    assert np.bincount(cells.labels, minlength=8).min() >= 2
    assert len(cells) == len(smear.truth.defect) == len(smear.truth.original) == len(smear.truth.change)


def test_one_seed_gives_one_smear_and_another_gives_another(smear: Smear) -> None:
    assert draw_smear(CELLS, seed=3).cells.sha256 == smear.cells.sha256
    assert draw_smear(CELLS, seed=4).cells.sha256 != smear.cells.sha256


def test_a_cell_does_not_depend_on_how_many_are_drawn(smear: Smear) -> None:
    fewer = draw_smear(FEWEST_CELLS, seed=3)
    sound = np.intersect1d(rows(fewer, ""), rows(smear, ""))
    assert len(sound) > 50
    np.testing.assert_array_equal(fewer.cells.images[sound], smear.cells.images[sound])
    np.testing.assert_array_equal(fewer.cells.labels[sound], smear.cells.labels[sound])


def test_the_sound_cells_are_distinct(smear: Smear) -> None:
    assert len({image.tobytes() for image in smear.cells.images[rows(smear, "")]}) == CELLS


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_keep_the_proportions_of_the_competition(seed: int) -> None:
    counts = np.bincount(smear_labels(3000, seed), minlength=8)
    np.testing.assert_allclose(counts, 3000 * CLASS_COUNTS / CLASS_COUNTS.sum(), atol=4)


@pytest.mark.real_cells
def test_the_proportions_are_those_of_the_real_file(real_cells: CellSet) -> None:
    np.testing.assert_array_equal(np.bincount(real_cells.labels[: CLASS_COUNTS.sum()]), CLASS_COUNTS)


def test_the_number_of_each_defect_is_the_stated_one(smear: Smear) -> None:
    words, counts = np.unique(smear.truth.defect, return_counts=True)
    found = dict(zip(words.tolist(), counts.tolist(), strict=True))
    assert found.pop("junk") > 0
    assert found == {
        "": CELLS,
        "exact_duplicate": EXACT_DUPLICATES,
        "near_duplicate": NEAR_DUPLICATES,
        "label_conflict": LABEL_CONFLICTS,
    }


def test_junk_lies_behind_the_cells_in_the_proportions_of_the_competition(smear: Smear) -> None:
    junk = rows(smear, "junk")
    np.testing.assert_array_equal(junk, np.arange(junk[0], len(smear.cells)))
    faces = junk[(smear.cells.images[junk] == cartoon_face()).all(axis=(1, 2, 3))]
    landscapes = junk[(smear.cells.images[junk] == landscape()).all(axis=(1, 2, 3))]
    assert len(faces) + len(landscapes) == len(junk)
    assert len(set(np.bincount(smear.cells.labels[faces], minlength=8))) == 1
    assert set(smear.cells.labels[landscapes]) == {BLOOD.classes.index("monocyte")}
    assert len(faces) / len(smear.cells) == pytest.approx(1600 / 13759, abs=4 / len(smear.cells))
    assert len(landscapes) / len(smear.cells) == pytest.approx(200 / 13759, abs=1 / len(smear.cells))


def test_the_truth_about_copies_matches_the_pixels(smear: Smear) -> None:
    images, labels, original = smear.cells.images, smear.cells.labels, smear.truth.original
    exact, near, conflict = (rows(smear, word) for word in ("exact_duplicate", "near_duplicate", "label_conflict"))
    for index in (*exact, *conflict):
        np.testing.assert_array_equal(images[index], images[original[index]])
    for index in near:
        assert not np.array_equal(images[index], images[original[index]])
    np.testing.assert_array_equal(labels[exact], labels[original[exact]])
    np.testing.assert_array_equal(labels[near], labels[original[near]])
    assert (labels[conflict] != labels[original[conflict]]).all()
    assert set(smear.truth.defect[original[original >= 0]]) == {""}
    assert set(np.flatnonzero(original >= 0)) == {*exact, *near, *conflict}


def test_a_near_duplicate_is_what_its_change_says(smear: Smear) -> None:
    for index in rows(smear, "near_duplicate"):
        image = smear.cells.images[index].astype(float)
        source = smear.cells.images[smear.truth.original[index]].astype(float)
        match smear.truth.change[index]:
            case "flip":
                np.testing.assert_array_equal(image, source[:, ::-1])
            case "brightness":
                assert 0.9 < image.mean() / source.mean() < 0.99
            case "jpeg":
                assert 0 < np.abs(image - source).mean() < 8
            case other:
                pytest.fail(f"unknown change {other!r}")
    assert set(smear.truth.change[smear.truth.defect != "near_duplicate"]) == {""}


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(KitError, match=f"expected at least {FEWEST_CELLS} cells, got 10"):
        draw_smear(10)


def dark_area(label: int) -> float:
    """Mean number of pixels that nuclei and dark granules cover, over 12 cells."""
    drawn = np.array([draw_cell(label, np.random.default_rng((7, label, n))) for n in range(12)])
    return float((drawn[..., 1] < 110).sum(axis=(1, 2)).mean())


def test_the_classes_differ_in_the_order_of_their_nuclei() -> None:
    area = {name: dark_area(label) for label, name in enumerate(BLOOD.classes)}
    assert area["platelet"] < area["erythroblast"] < area["lymphocyte"] < area["basophil"]
    assert area["neutrophil"] < area["monocyte"] < area["immature granulocyte"]


def test_eosinophils_are_the_orange_ones() -> None:
    def orange(label: int) -> float:
        drawn = np.array([draw_cell(label, np.random.default_rng((8, label, n))) for n in range(12)]).astype(int)
        red, green, blue = np.moveaxis(drawn[:, 24:72, 24:72], -1, 0)
        return float(((red - green > 40) & (red - blue > 20)).mean())

    shares = [orange(label) for label in range(8)]
    assert int(np.argmax(shares)) == BLOOD.classes.index("eosinophil")
    assert max(shares) > 2 * sorted(shares)[-2]


def test_a_smear_has_bright_glass_between_the_cells(smear: Smear) -> None:
    sound = smear.cells.images[rows(smear, "")]
    assert np.quantile(sound[..., 1], 0.9) > 200
    assert (sound.std(axis=(1, 2, 3)) > 15).all()
