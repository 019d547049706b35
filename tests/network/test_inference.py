import subprocess
import sys

import keras
import numpy as np
import pytest

from bloodcells.network import flatbuffer, inference
from bloodcells.network.inference import (
    TTA_VIEWS,
    dihedral,
    margins,
    predict_probabilities,
    tempered,
    turned_back,
    unsure,
    views_of,
)


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
    views = [dihedral(picture, view) for view in views_of(level)]
    np.testing.assert_array_equal(views[0], picture)
    assert len({view.tobytes() for view in views}) == TTA_VIEWS[level] == len(views)


@pytest.mark.parametrize("view", range(8))
def test_a_view_is_turned_back_to_the_picture(view):
    picture = np.arange(48.0).reshape(1, 4, 4, 3)
    np.testing.assert_array_equal(turned_back(dihedral(picture, view), view), picture)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_probabilities_are_the_mean_over_the_views(corner_reader, level):
    cells = images(5)
    expected = np.mean([dihedral(cells.astype(np.float32), view)[:, 0, 0] for view in views_of(level)], axis=0)
    np.testing.assert_allclose(predict_probabilities(corner_reader, cells, level), expected, rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 7, 1030])
def test_any_number_of_images_passes(corner_reader, n):
    assert predict_probabilities(corner_reader, images(n), batch_size=64).shape == (n, 3)


def test_the_order_of_the_images_does_not_matter(corner_reader):
    cells, order = images(200), np.random.default_rng(1).permutation(200)
    np.testing.assert_array_equal(
        predict_probabilities(corner_reader, cells, 2)[order], predict_probabilities(corner_reader, cells[order], 2)
    )


class CountingNetwork:
    """Is sure of the images whose top left pixel is bright, and counts what it is asked."""

    output_shape = (None, 3)

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, x: np.ndarray, batch_size: int, verbose: int) -> np.ndarray:
        self.asked += len(x)
        share = x[:, 0, 0, 0] / 255
        return np.stack([share, 1 - share, np.zeros_like(share)], axis=1)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_only_unsure_images_get_further_views(level):
    cells = images(300)
    first = predict_probabilities(CountingNetwork(), cells)
    all_views = predict_probabilities(CountingNetwork(), cells, level)
    open_ = unsure(first, 0.3)
    assert 50 < open_.sum() < 150
    network = CountingNetwork()
    probabilities = predict_probabilities(network, cells, level, gate=0.3)
    np.testing.assert_array_equal(probabilities, np.where(open_[:, None], all_views, first))
    assert network.asked == 300 + open_.sum() * (TTA_VIEWS[level] - 1)


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_the_gate_does_not_look_at_the_neighbours(gate):
    cells, order = images(200), np.random.default_rng(1).permutation(200)
    together = predict_probabilities(CountingNetwork(), cells, 2, gate=gate)
    np.testing.assert_array_equal(predict_probabilities(CountingNetwork(), cells[order], 2, gate=gate), together[order])
    alone = [predict_probabilities(CountingNetwork(), cell[None], 2, gate=gate)[0] for cell in cells[:20]]
    np.testing.assert_array_equal(alone, together[:20])


def test_the_margin_is_between_the_two_most_probable_classes():
    rows = np.array([[0.1, 0.7, 0.2], [0.4, 0.2, 0.4], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(margins(rows), [0.5, 0.0, 1.0])
    assert unsure(rows, 0.5000001).tolist() == [True, True, False]
    assert unsure(rows, None).tolist() == [True, True, True]
    assert unsure(rows[:0], 0.5).shape == (0,)


def test_it_needs_no_keras():
    """With a flatbuffer in the submission, Keras is never built up: importing it takes seconds."""
    code = """
import runpy, sys
for file in sys.argv[1:]:
    runpy.run_path(file)
print({"keras", "tensorflow"} & set(sys.modules))
"""
    command = [sys.executable, "-c", code, inference.__file__, flatbuffer.__file__]
    end = subprocess.run(command, capture_output=True, text=True, check=True)
    assert end.stdout == "set()\n"


@pytest.mark.parametrize("level", [-1, 3, 1.5])
def test_an_unknown_level_is_refused(level):
    with pytest.raises(ValueError, match="expected 0, 1 or 2"):
        views_of(level)


@pytest.mark.parametrize("temperature", [0.25, 0.58, 1.0, 4.0])
def test_no_temperature_changes_a_label(temperature: float) -> None:
    """Not even of classes that differ in the last bit."""
    probabilities = np.random.default_rng(0).dirichlet(np.ones(8), 5000).astype(np.float32)
    close = np.array([[0.4, np.nextafter(np.float32(0.4), np.float32(1)), 0.2, 0.0]], np.float32)
    for given in (probabilities, close):
        found = tempered(given, temperature)
        np.testing.assert_array_equal(found.argmax(axis=1), given.argmax(axis=1))
        np.testing.assert_allclose(found.sum(axis=1), 1)
