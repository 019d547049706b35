import hashlib

import numpy as np

from bloodcells.codabench.golden import golden_images


def test_golden_images_are_the_same_everywhere() -> None:
    images = golden_images(96)
    assert images.shape == (16, 96, 96, 3) and images.dtype == np.uint8
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == "e526d098568733bf"


def test_golden_images_differ_from_each_other() -> None:
    images = golden_images(96)
    assert len({image.tobytes() for image in images}) == 16
    assert images.min() > 0 and images.max() < 255
