import keras
import numpy as np
import pytest

from bloodcells.inference import TTA_VIEWS, dihedral_views, predict_probabilities


@pytest.fixture(scope="module")
def corner_reader() -> keras.Model:
    """Answers with what lies in the top left pixel, so that every view gives another answer."""
    pixels = keras.Input((4, 4, 3))
    return keras.Model(pixels, keras.layers.Cropping2D(((0, 3), (0, 3)))(pixels)[:, 0, 0])


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 4, 4, 3)).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_has_its_number_of_different_views(level):
    picture = np.arange(48.0).reshape(1, 4, 4, 3)
    views = [view(picture) for view in dihedral_views(level)]
    np.testing.assert_array_equal(views[0], picture)
    assert len({view.tobytes() for view in views}) == TTA_VIEWS[level] == len(views)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_probabilities_are_the_mean_over_the_views(corner_reader, level):
    cells = images(5)
    expected = np.mean([view(cells.astype(np.float32))[:, 0, 0] for view in dihedral_views(level)], axis=0)
    np.testing.assert_allclose(predict_probabilities(corner_reader, cells, level), expected, rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 7, 1030])
def test_any_number_of_images_passes(corner_reader, n):
    assert predict_probabilities(corner_reader, images(n), batch_size=64).shape == (n, 3)


def test_the_order_of_the_images_does_not_matter(corner_reader):
    cells, order = images(200), np.random.default_rng(1).permutation(200)
    np.testing.assert_array_equal(
        predict_probabilities(corner_reader, cells, 2)[order], predict_probabilities(corner_reader, cells[order], 2)
    )


@pytest.mark.parametrize("level", [-1, 3, 1.5])
def test_an_unknown_level_is_refused(level):
    with pytest.raises(ValueError, match="expected 0, 1 or 2"):
        dihedral_views(level)
