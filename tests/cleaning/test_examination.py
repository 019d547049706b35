"""The examination as a whole: planted defects are found, one reason each; bad inputs are met; nothing is changed."""

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.cleaning import CleaningSettings, examine
from bloodcells.data.cells import CellSet
from bloodcells.errors import KitError

ANYTHING = CleaningSettings(allow_any_removal=True)


def joined(*parts: tuple[np.ndarray, np.ndarray]) -> CellSet:
    return CellSet(
        np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), "test", BLOOD
    )


def test_every_planted_defect_is_found_and_no_sound_cell_is_lost(smear, table):
    truth = smear.truth
    assert table.junk[truth.defect == "junk"].all() and not table.junk[truth.defect != "junk"].any()
    for defect in ("exact_duplicate", "near_duplicate"):
        copies = np.flatnonzero(truth.defect == defect)
        originals = truth.original[copies]
        assert (table.cluster[copies] == table.cluster[originals]).all()
        later = np.maximum(copies, originals)
        assert (table.reason[later] == defect).all()
    conflicts = np.flatnonzero(truth.defect == "label_conflict")
    both = np.concatenate([conflicts, truth.original[conflicts]])
    assert (table.reason[both] == "label_conflict").all() and table.label_conflict[both].all()
    sound = np.setdiff1d(np.flatnonzero(truth.defect == ""), truth.original)
    assert (table.reason[sound] == "").all() and (table.cluster[sound] == -1).all()


def test_the_input_is_not_changed(smear):
    digest = smear.cells.sha256
    cells = CellSet(smear.cells.images.copy(), smear.cells.labels.copy(), "copy", BLOOD)
    cells.images.setflags(write=False)
    examine(cells)
    assert cells.sha256 == digest


def test_running_it_on_its_own_output_removes_nothing(sound):
    again = examine(sound)
    assert len(again.kept) == len(sound) and again.counts()["kept"] == len(sound)


def test_flat_images_are_reported_and_not_clustered(sound):
    """All flat images share their hashes, yet black and white and grey are no copies of each other."""
    levels = np.array((0, 60, 120, 180, 255), np.uint8)
    flat = np.broadcast_to(levels[:, None, None, None], (5, 96, 96, 3))
    table = examine(joined((sound.images, sound.labels), (flat, np.zeros(5, np.int64))))
    assert (table.cluster[-5:] == -1).all()
    assert (table.reason[-5:] == "junk").all() and (table.evidence[-5:] == "flat").all()


def test_a_picture_with_two_labels_is_dropped_with_all_its_copies(sound):
    images, labels = sound.images, sound.labels
    other = (labels[7] + 1) % 8
    cells = joined((images, labels), (images[[7, 7, 8]], np.array([other, labels[7], labels[8]])))
    n = len(labels)
    table = examine(cells)
    assert table.reason[[7, n, n + 1]].tolist() == ["label_conflict"] * 3
    assert table.reason[[8, n + 2]].tolist() == ["", "exact_duplicate"]
    assert table.counts()["label_conflicts"] == 3


def test_a_chain_of_copies_keeps_its_lowest_image_in_any_order(sound):
    """Each step moves the frame by two pixels: neighbours are copies, the ends of the chain need not be."""
    padded = np.pad(sound.images[3], ((0, 0), (0, 12), (0, 0)), mode="edge")
    chain = np.stack([padded[:, offset : offset + 96] for offset in (2, 4, 6, 8, 10)])
    chain_labels = np.full(5, sound.labels[3])
    for order in (np.arange(5), np.array([4, 0, 3, 1, 2])):
        table = examine(joined((sound.images, sound.labels), (chain[order], chain_labels)))
        together = np.flatnonzero(table.cluster == table.cluster[3])
        assert together.tolist() == [3, *range(len(sound), len(sound) + 5)]
        assert table.reason[3] == "" and (table.reason[-5:] == "near_duplicate").all()


def test_more_than_the_stated_share_is_not_removed_unasked(sound):
    one = np.repeat(sound.images[:1], 40, axis=0), np.repeat(sound.labels[:1], 40)
    cells = joined(one)
    with pytest.raises(KitError, match=r"expected at most 50% of 40 images, got 39 \(98%; 39 exact duplicates.*--yes"):
        examine(cells)
    assert examine(cells, ANYTHING).kept.tolist() == [0]
    assert len(examine(cells, CleaningSettings(max_removed_share=0.99)).kept) == 1


def test_turned_copies_are_found(sound):
    turned = np.ascontiguousarray(np.rot90(sound.images[:4], axes=(1, 2)))
    cells = joined((sound.images, sound.labels), (turned, sound.labels[:4]))
    assert (examine(cells).reason[-4:] == "near_duplicate").all()


def test_progress_is_told_step_by_step(sound):
    seen = []
    table = examine(sound, progress=lambda *step: seen.append(step))
    distinct = int((~table.exact_duplicate).sum())
    assert list(dict.fromkeys(name for name, _, _ in seen)) == ["hashing", "comparing", "judging"]
    assert all((name, distinct, distinct) in seen for name, _, _ in seen)


def test_one_image_is_kept(sound):
    assert examine(sound.take(np.array([0]))).kept.tolist() == [0]


@pytest.mark.slow
@pytest.mark.real_cells
def test_the_competition_file(real_cells):
    """13,759 images: 1,800 of junk, 8 exact duplicates, and three cells that were photographed twice."""
    table = examine(real_cells)
    counts = table.counts()
    assert counts["junk"] == 1_800 and table.junk[11_959:].all() and not table.junk[:11_959].any()
    assert counts["exact_duplicates"] == 8 and counts["near_duplicates"] == 3
    assert counts["kept"] == 11_948
    assert np.flatnonzero(table.reason == "near_duplicate").tolist() == [3926, 9706, 11713]
    assert len(examine(real_cells.take(table.kept)).kept) == 11_948
