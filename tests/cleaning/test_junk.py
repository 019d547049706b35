"""The junk score: unrelated pictures stand out alone, sound cells do not."""

import numpy as np
import pytest
from competitions import BLOOD
from PIL import Image
from sklearn.datasets import load_sample_images

from bloodcells.cleaning import CleaningSettings, examine
from bloodcells.cleaning.junk import Appearance, appearance, junk_scores
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.synthetic import cartoon_face, landscape


def scored(images, threshold=1.0):
    alone = np.full(len(images), -1)
    return junk_scores(appearance(images), alone, np.ones(len(images), bool), threshold)


def unrelated() -> np.ndarray:
    draw = np.random.default_rng(0)
    down, across = np.mgrid[:96, :96]
    stripes = (np.sin(across / 3) > 0)[..., None] * np.array((40, 160, 90), np.uint8)
    squares = np.kron(draw.integers(0, 2, (24, 24)), np.ones((4, 4)))[..., None].repeat(3, axis=2) * 255
    gradient = np.stack([down, across, 255 - down], axis=2) * 255 // 255
    return np.stack(
        [
            cartoon_face(),
            landscape(),
            np.zeros((96, 96, 3)),
            np.full((96, 96, 3), 255),
            draw.integers(0, 256, (96, 96, 3)),
            stripes,
            squares,
            gradient,
        ]
    ).astype(np.uint8)


def test_single_unrelated_pictures_are_junk_and_cells_are_not(sound):
    planted = unrelated()
    _, _, junk = scored(np.concatenate([sound.images, planted]))
    assert junk[-len(planted) :].all()
    assert not junk[: -len(planted)].any()


def test_the_evidence_is_named(sound):
    flat, shuffled = np.full((1, 96, 96, 3), 230, np.uint8), sound.images[:1].reshape(-1, 3).copy()
    np.random.default_rng(0).shuffle(shuffled)
    images = np.concatenate([sound.images, flat, shuffled.reshape(1, 96, 96, 3), cartoon_face()[None]])
    _, evidence, junk = scored(images)
    assert evidence[-3:].tolist() == ["flat", "structure", "colour"] and junk[-3:].all()


@pytest.mark.parametrize("left", [0, 128, 255])
def test_a_picture_that_was_cut_off_is_junk(sound, left):
    """What a decoder leaves of half a file: black, grey or white below."""
    half = sound.images[:1].copy()
    half[:, 48:] = left
    _, evidence, junk = scored(np.concatenate([sound.images, half]))
    assert junk[-1] and evidence[-1] == "truncated"
    assert not junk[:-1].any()


def test_an_even_bottom_is_no_evidence_where_it_is_usual_or_the_top_is_even_too(sound):
    floor, padded = sound.images.copy(), sound.images.copy()
    floor[::10, 80:] = 200
    padded[0, :16] = padded[0, 80:] = 255
    assert "truncated" not in scored(floor)[1]
    assert scored(padded)[1][0] != "truncated"


def test_what_is_left_is_usual_by_its_own_measure(sound):
    images = np.concatenate([sound.images, unrelated()])
    threshold = 0.2  # low enough to take odd cells too, round after round
    scores, _, junk = scored(images, threshold)
    assert junk.sum() > len(unrelated())
    again_scores, _, again = scored(images[~junk], threshold)
    assert not again.any()
    assert np.array_equal(again_scores, scores[~junk])
    assert (scores[junk] >= threshold).all()


def test_few_images_cannot_say_what_is_usual(sound):
    images = np.concatenate([sound.images[:10], np.zeros((1, 96, 96, 3), np.uint8)])
    scores, evidence, junk = scored(images)
    assert junk.tolist() == [False] * 10 + [True] and evidence[-1] == "flat"
    assert (scores[:10] < 0.5).all()


def test_a_darkened_copy_of_a_cell_is_a_copy_and_no_junk(sound):
    """The lowest index of a cluster stays unless it is the odd one; its copies are never junk."""
    images = sound.images.copy()
    odd = np.clip(images[5] * 0.5, 0, 255).astype(np.uint8)
    cells = CellSet(np.concatenate([odd[None], images]), np.concatenate([sound.labels[5:6], sound.labels]), "", BLOOD)
    table = examine(cells)
    assert table.junk_score[0] > 1
    assert table.cluster[0] == table.cluster[6] >= 0
    assert table.reason[[0, 6]].tolist() == ["near_duplicate", ""]
    assert not table.junk.any()


def test_copies_do_not_vouch_for_each_other(sound):
    """Twenty pictures of one face are one picture: their colours are not common for it."""
    noise = np.random.default_rng(0).integers(-6, 7, (20, 96, 96, 3))
    faces = np.clip(cartoon_face() + noise, 0, 255).astype(np.uint8)
    cells = CellSet(
        np.concatenate([sound.images, faces]), np.concatenate([sound.labels, np.zeros(20, np.int64)]), "", BLOOD
    )
    table = examine(cells)
    assert len(set(table.cluster[-20:])) == 1 and table.cluster[-1] >= 0
    assert (table.reason[-20:] == "junk").all() and not table.junk[:-20].any()


def test_what_was_junk_once_keeps_the_score_that_said_so():
    """Colour B is on 12 of 1,401 images and rare; when 400 outliers are gone, 12 of 1,000 are enough to be common."""
    colours = np.zeros((1_401, 16**3), np.uint16)
    colours[:1_000, 0] = 9_000
    colours[:12, 4_000] = 6
    colours[1_000:1_400, 2_000:2_400] = 9_000 * np.eye(400, dtype=np.uint16)
    colours[1_400, 4_000] = 9_000
    structure = np.random.default_rng(0).normal(3, 1, (1_401, 3))
    looks = Appearance(colours, structure, np.full(1_401, 50.0), np.zeros(1_401), 9_216)
    scores, _, junk = junk_scores(looks, np.full(1_401, -1), np.ones(1_401, bool), 1.0)
    assert junk[1_000:].all() and not junk[:1_000].any()
    assert scores[1_400] >= 1


def cut_from_a_photograph(count: int) -> np.ndarray:
    """Parts of a flower's picture from near and far, which differ much more than cells do."""
    draw = np.random.default_rng(0)
    photograph = Image.fromarray(load_sample_images().images[1])
    parts = []
    for _ in range(count):
        side = int(draw.integers(90, 400))
        left, top = (int(draw.integers(0, length - side + 1)) for length in photograph.size)
        parts.append(photograph.resize((96, 96), Image.Resampling.LANCZOS, (left, top, left + side, top + side)))
    return np.stack([np.asarray(part) for part in parts])


def test_photographs_that_differ_much_are_no_junk() -> None:
    _, _, junk = scored(cut_from_a_photograph(300))
    assert not junk.any()


def test_strangers_among_drawings_that_differ_little_are_junk(sound) -> None:
    draw = np.random.default_rng(0)
    mottled = [Image.fromarray(one).resize((96, 96)) for one in draw.integers(110, 256, (300, 8, 8, 3), dtype=np.uint8)]
    drawings = np.stack([np.asarray(one) for one in mottled])
    for drawing, (top, left, side) in zip(drawings, draw.integers(25, 40, (300, 3)), strict=True):
        drawing[top : top + side, left : left + side] = draw.integers(0, 100, 3)
    _, _, junk = scored(np.concatenate([drawings, sound.images[:10]]))
    assert junk[-10:].all() and not junk[:-10].any()


def test_odd_pictures_without_copies_are_named_and_can_be_kept(sound) -> None:
    twice = np.full((2, 96, 96, 3), 9, np.uint8)
    images = np.concatenate([sound.images, cartoon_face()[None], twice])
    cells = CellSet(images, np.zeros(len(images), np.int64), "", BLOOD)
    alone = len(sound.images)
    dropped, kept = examine(cells), examine(cells, CleaningSettings(keep_lone=True))
    assert dropped.lone_junk.tolist() == [alone]
    assert kept.reason[alone] == "" and not len(kept.lone_junk)
    assert kept.reason[-2:].tolist() == dropped.reason[-2:].tolist() == ["junk", "junk"]
