from types import SimpleNamespace

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.cleaning import CleaningSettings, examine
from bloodcells.corruption.composite import CORRUPTIONS, corrupt
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import FEWEST_CELLS, Smear, draw_smear
from bloodcells.pages.galleries import (
    answers,
    augmented_views,
    cells_by_class,
    clean_beside_composite,
    dropped_images,
    each_corruption,
    errors_with_maps,
    one_of_each_class,
    policy_gallery,
    policy_views,
    side_by_side,
)
from bloodcells.run import Errors

LEGIBLE = 9.5
"""Points: letters of 13 pixels at the 100 dots an inch that are published."""

pytestmark = pytest.mark.draws

STEP = BLOOD.image_size + 4


@pytest.fixture(scope="module")
def smear() -> Smear:
    return draw_smear(FEWEST_CELLS)


@pytest.fixture(scope="module")
def cells(smear: Smear) -> CellSet:
    return smear.cells.take(np.flatnonzero(smear.truth.defect == ""))


def tile(axes, row: int, column: int) -> np.ndarray:
    """The image at a place of a contact sheet."""
    sheet = axes.images[0].get_array()
    size = BLOOD.image_size
    return np.asarray(sheet[row * STEP : row * STEP + size, column * STEP : column * STEP + size])


def is_of_class(cells: CellSet, image: np.ndarray, label: int) -> bool:
    return bool((cells.images[cells.labels == label] == image).all((1, 2, 3)).any())


def names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_each_row_holds_cells_of_its_class(cells: CellSet) -> None:
    (axes,) = cells_by_class(cells, "cells", columns=3).axes
    for row, name in enumerate(BLOOD.classes):
        assert names(axes)[row] == f"{name} ({(cells.labels == row).sum()})"
        assert all(is_of_class(cells, tile(axes, row, column), row) for column in range(3))


def test_composite_stands_beside_the_same_clean_cell(cells: CellSet) -> None:
    clean, composite = clean_beside_composite(cells, "cells", columns=2, seed=5).axes
    rows = len(BLOOD.classes)
    shown = np.array([tile(clean, row, column) for row in range(rows) for column in range(2)])
    assert all(is_of_class(cells, image, place // 2) for place, image in enumerate(shown))
    expected = corrupt(CellSet(shown, np.repeat(range(rows), 2), "shown", BLOOD), seed=5).images
    for place, image in enumerate(expected):
        np.testing.assert_array_equal(tile(composite, *divmod(place, 2)), image)


def test_policies_are_shown_below_the_same_cells(cells: CellSet) -> None:
    (axes,) = policy_gallery(cells.images[:5], ("none", "flips"), "policies").axes
    assert names(axes) == ["as it is", "none", "flips"]
    for column in range(5):
        np.testing.assert_array_equal(tile(axes, 0, column), cells.images[column])
        np.testing.assert_array_equal(tile(axes, 1, column), cells.images[column])
        assert np.sort(tile(axes, 2, column), axis=None).tolist() == np.sort(cells.images[column], axis=None).tolist()


def test_views_of_a_policy_are_shown_below_a_cell_of_each_class(cells: CellSet) -> None:
    shown = one_of_each_class(cells)
    assert all(is_of_class(cells, image, label) for label, image in enumerate(shown))
    (axes,) = policy_views(shown, augmented_views(shown, "flips", views=3), "flips").axes
    assert names(axes) == ["as it is", "view 1", "view 2", "view 3"]
    for column, image in enumerate(shown):
        np.testing.assert_array_equal(tile(axes, 0, column), image)
        assert all(np.array_equal(np.sort(tile(axes, row, column), None), np.sort(image, None)) for row in (1, 2, 3))
    views = [np.concatenate([tile(axes, row, column) for column in range(len(shown))]) for row in (1, 2, 3)]
    assert len({view.tobytes() for view in views}) == 3


def test_what_is_dropped_is_shown_with_the_copy_that_is_kept(smear: Smear) -> None:
    table = examine(smear.cells, CleaningSettings())
    (axes,) = dropped_images(smear.cells, table, "dropped", columns=4).axes
    counts = table.counts()
    assert names(axes)[0] == f"junk ({counts['junk']})"
    row = next(row for row, name in enumerate(names(axes)) if name.startswith("exact duplicate"))
    np.testing.assert_array_equal(tile(axes, row, 0), tile(axes, row, 1))
    junk = smear.cells.images[smear.truth.defect == "junk"]
    assert (junk == tile(axes, 0, 0)).all((1, 2, 3)).any()
    assert not np.array_equal(tile(axes, 0, 0), tile(axes, 0, 1))


def test_clean_file_gives_a_sheet_that_says_so(cells: CellSet) -> None:
    table = SimpleNamespace(reason=np.full(len(cells), ""))
    (axes,) = dropped_images(cells, table, "dropped").axes
    assert names(axes) == ["nothing"]


def test_below_a_cell_of_each_class_stands_what_is_answered(cells: CellSet) -> None:
    sure = np.tile(np.eye(8)[3] * 0.93 + 0.001, (8, 1))
    figure = answers({"clean": cells, "composite": corrupt(cells, 1)}, lambda images: sure[: len(images)], "Answers")
    assert [axes.get_title() for axes in figure.axes] == list(BLOOD.classes)
    words = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes]
    assert words[3] == ["right\n0.93"] * 2 and words[0] == ["immature\ngranulocyte?\n0.93"] * 2
    assert all(tick.get_fontsize() >= LEGIBLE for axes in figure.axes for tick in axes.get_xticklabels())
    clean, corrupted = figure.axes[2].images[0].get_array()[:, :96], figure.axes[2].images[0].get_array()[:, 100:]
    place = int(np.flatnonzero((cells.images == clean).all(axis=(1, 2, 3)))[0])
    assert cells.labels[place] == 2 and np.array_equal(corrupted, corrupt(cells, 1).images[place])


def test_of_many_classes_some_are_answered(cells: CellSet) -> None:
    figure = answers({"clean": cells}, lambda images: np.eye(8)[: len(images)], "Answers", most=5)
    assert [axes.get_title() for axes in figure.axes] == [*BLOOD.classes[:5], "", "", ""]


def test_each_corruption_is_shown_at_both_ends_and_named(cells):
    panels = each_corruption(cells.images[0], "Each corruption").axes
    named = [axes.get_title() for axes in panels if axes.get_title()]
    assert len(named) == len(CORRUPTIONS) and "gaussian blur" in named
    assert {axes.images[0].get_array().shape for axes in panels if axes.images} == {(96, 96 + 4 + 96, 3)}


@pytest.fixture(scope="module")
def wrong(cells: CellSet) -> dict[str, Errors]:
    """Five errors of clean cells, and three of corrupted ones."""
    clean = cells.take(np.arange(8))
    return {"clean": _errors(clean, clean, 5), "composite": _errors(clean, corrupt(clean, seed=2), 3)}


def _errors(clean: CellSet, seen: CellSet, count: int) -> Errors:
    names = np.full(len(seen), "") if seen.corruptions is None else seen.corruptions
    return Errors(
        images=seen.images[:count], labels=seen.labels[:count], predicted=(seen.labels[:count] + 1) % 8,
        confidence=np.linspace(0.9, 0.5, count).astype(np.float32), maps=np.full((count, 6, 6), 0.5),
        originals=clean.images[:count], places=np.arange(count), corruptions=names[:count],
    )  # fmt: skip


def test_an_error_stands_behind_its_original_with_its_corruptions_and_a_scale(cells: CellSet, wrong) -> None:
    figure = errors_with_maps(wrong, BLOOD.classes, "errors")
    clean, composite, scale = figure.subfigs
    assert clean.get_suptitle() == "clean: what the network saw, where it looked"
    assert composite.get_suptitle() == "composite: as it was, corrupted, where it looked"
    axes = composite.axes[0]
    np.testing.assert_array_equal(
        axes.images[0].get_array()[:, :196], side_by_side([cells.images[0], wrong["composite"].images[0]])
    )
    truth, taken = BLOOD.classes[cells.labels[0]], BLOOD.classes[(cells.labels[0] + 1) % 8]
    chain = str(wrong["composite"].corruptions[0]).replace("_", " ").replace("+", ", ")
    assert axes.get_title("left") == f"{truth},\ntaken for {taken} 0.90\n{chain}"
    assert clean.axes[0].get_title("left") == f"{truth},\ntaken for {taken} 0.90"
    ends = [label.get_text() for label in scale.axes[0].get_xticklabels()]
    assert ends == ["nothing spoke for the wrong class", "the most did"]


def test_the_words_of_an_error_are_legible_and_apart(wrong) -> None:
    figure = errors_with_maps(wrong, BLOOD.classes, "errors")
    figure.draw_without_rendering()
    titles = [axes.title if axes.get_title() else axes._left_title for part in figure.subfigs for axes in part.axes]
    boxes = [title.get_window_extent() for title in titles if title.get_text()]
    assert len(boxes) == 8 and all(title.get_fontsize() >= LEGIBLE for title in titles)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_errors_that_an_earlier_kit_kept_are_drawn_without_what_it_did_not_keep(wrong) -> None:
    kept = wrong["composite"]
    old = Errors.of_an_earlier_kit(kept.images, kept.labels, kept.predicted, kept.confidence, kept.maps)
    (part, _) = errors_with_maps({"composite": old}, BLOOD.classes, "errors").subfigs
    assert part.get_suptitle() == "composite: what the network saw, where it looked"
    np.testing.assert_array_equal(part.axes[0].images[0].get_array()[:, :96], kept.images[0])
    assert part.axes[0].get_title("left").count("\n") == 1
