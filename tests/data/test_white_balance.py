import numpy as np
import pytest

from bloodcells.data.white_balance import typical_ground, white_balanced


@pytest.fixture
def images() -> np.ndarray:
    """Forty dark squares of many sizes on a peach ground; four of them fill their picture."""
    pictures = np.full((40, 24, 24, 3), (230, 200, 180), np.uint8)
    for size, picture in enumerate(pictures):
        edge = max(0, 12 - size // 3) if size < 36 else 0
        picture[edge : 24 - edge, edge : 24 - edge] = (90, 40, 120)
    return pictures


def test_the_ground_is_that_between_the_cells(images):
    assert typical_ground(images) == (230, 200, 180)


def test_one_factor_a_channel_gives_all_pictures_the_ground_of_home(images):
    blue = np.rint(images * (0.8, 0.9, 1.1)).astype(np.uint8)
    back = white_balanced(blue, typical_ground(images))
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - images).max() <= 2
    assert np.array_equal(white_balanced(images, typical_ground(images)), images)


def test_a_large_set_is_told_by_a_thousand_of_its_pictures(images):
    many = np.repeat(images[:1], 2_500, axis=0)
    assert typical_ground(many) == typical_ground(images[:1])
