import numpy as np

from bloodcells.data.jpeg import encoded, through_jpeg


def test_a_picture_comes_back_changed_the_more_the_lower_the_quality():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    good, bad = (np.abs(through_jpeg(image, quality).astype(int) - image).mean() for quality in (95, 10))
    assert encoded(image, 10).startswith(b"\xff\xd8\xff")
    assert 0 < good < bad
