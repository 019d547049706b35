"""The cleaning's pictures: written where there is something to show, and removed where there no longer is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bloodcells.cleaning import CleaningSettings, CleaningTable
from bloodcells.pages.cleaning_pictures import write_cleaning_pictures
from bloodcells.pages.galleries import suspected_labels

pytestmark = pytest.mark.draws

SETTINGS = CleaningSettings()


@pytest.fixture(scope="module")
def doubtful(table) -> CleaningTable:
    """Of three images the labels are suspected."""
    doubts = np.full((len(table), 8), 0.01)
    doubts[np.arange(len(table)), table.label] = 0.93
    for index in table.kept[:3]:
        doubts[index] = np.roll(doubts[index], 1)
    return table.with_suspected_labels(doubts)


def test_pictures_are_drawn_and_a_stale_sheet_of_suspects_goes(
    tmp_path: Path, cells, table, doubtful, calibration
) -> None:
    write_cleaning_pictures(tmp_path, cells, doubtful, SETTINGS, calibration)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["distances.png", "dropped.jpg", "suspects.jpg"]
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 10
    write_cleaning_pictures(tmp_path, cells, table, SETTINGS, calibration)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["distances.png", "dropped.jpg"]


def test_each_suspect_is_drawn_once_with_its_number_and_both_labels(cells, doubtful) -> None:
    figure = suspected_labels(cells, doubtful, "Suspects", columns=2, most=2)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 2
    for axes, index in zip(shown, doubtful.suspects, strict=False):
        assert np.array_equal(axes.images[0].get_array(), cells.images[index])
        number, label, likelier = axes.get_title(loc="left").splitlines()
        assert number == f"image {index}" and label.endswith(" 0.01") and likelier.endswith("? 0.93")
