"""Labels in doubt: predictions are out of fold and never from a copy; what is dropped is not predicted."""

import numpy as np
import pytest

from bloodcells.cleaning import examine, suspicion
from bloodcells.cleaning.suspicion import FOLDS, examine_labels, out_of_fold_probabilities, pooled_features
from bloodcells.data.sources.synthetic import draw_smear
from bloodcells.errors import KitError
from bloodcells.files import WEIGHTS
from bloodcells.network.network import DEFAULT_BACKBONE
from bloodcells.training.start import KIT


@pytest.fixture(scope="module")
def cells():
    return draw_smear(150, seed=1).cells


@pytest.fixture(scope="module")
def table(cells):
    return examine(cells)


def separable(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, 500) features in which every class has a place of its own."""
    draw = np.random.default_rng(seed)
    return draw.normal(0, 1, (8, 500))[labels] + draw.normal(0, 2, (len(labels), 500))


def test_wrong_labels_are_contradicted_by_the_other_images():
    truth = np.arange(400) % 8
    labels = truth.copy()
    labels[:8] = (truth[:8] + 3) % 8
    predicted = out_of_fold_probabilities(separable(truth), labels, np.arange(400), 8).argmax(axis=1)
    assert (predicted[:8] == truth[:8]).mean() >= 0.85 and (predicted[8:] == labels[8:]).mean() >= 0.95


def test_no_image_is_predicted_from_its_copy():
    """Features without any meaning, and a copy of every image: only a leak can predict its label."""
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(160) % 8, 2)
    features = np.repeat(draw.normal(0, 1, (160, 400)), 2, axis=0)
    apart = out_of_fold_probabilities(features, labels, np.repeat(np.arange(160), 2), 8)
    leaking = out_of_fold_probabilities(features, labels, np.arange(320), 8)
    assert (apart.argmax(axis=1) == labels).mean() < 0.3
    assert (leaking.argmax(axis=1) == labels).mean() > 0.6


def test_rows_are_probabilities_and_absent_classes_get_none():
    labels = np.arange(60) % 3 + 2
    done = []
    probabilities = out_of_fold_probabilities(
        separable(labels), labels, np.arange(60), 8, lambda *step: done.append(step)
    )
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, [0, 1, 5, 6, 7]] == 0).all()
    assert done == [(fold + 1, FOLDS) for fold in range(FOLDS)]


def test_the_kept_images_are_predicted_and_none_is_dropped(cells, table, monkeypatch):
    looked_at, steps = [], []

    def looks(images, init, progress, backbone):
        looked_at.append((len(images), init, backbone))
        return separable(table.label[table.kept])

    monkeypatch.setattr(suspicion, "pooled_features", looks)
    examined = examine_labels(cells, table, "weights.h5", lambda *step: steps.append(step))
    assert looked_at == [(len(table.kept), "weights.h5", DEFAULT_BACKBONE)]
    assert np.flatnonzero(~np.isnan(examined.probabilities[:, 0])).tolist() == table.kept.tolist()
    assert np.array_equal(examined.kept, table.kept) and examined.seconds > table.seconds
    assert examined.out_of_fold_accuracy > 0.9
    assert steps[-1] == ("predicting", FOLDS, FOLDS)
    assert table.probabilities is None


def test_a_class_of_few_pictures_is_named(cells, table):
    few = np.flatnonzero(table.label == 6)[4:]
    chosen = np.setdiff1d(np.arange(len(cells)), few)
    some = cells.take(chosen)
    with pytest.raises(KitError, match=rf"expected at least {FOLDS} distinct pictures .* of class 6 \(neutrophil\)"):
        examine_labels(some, examine(some), "imagenet")


def test_random_weights_are_refused(cells, table):
    with pytest.raises(KitError, match=r"with random weights: expected imagenet or an \.h5 file .*, got scratch"):
        examine_labels(cells, table, "scratch")


@pytest.mark.parametrize("init", ["kit", str(KIT / WEIGHTS)], ids=["kit", "file"])
def test_weights_that_have_learned_the_labels_are_refused(cells, table, init):
    with pytest.raises(KitError, match="with weights that have learned them: expected imagenet") as refusal:
        examine_labels(cells, table, init)
    assert f"got {init}. " in str(refusal.value)


@pytest.mark.trains
def test_features_belong_to_their_image(cells):
    few = cells.images[:5]
    seen = []
    features = pooled_features(few, "scratch", lambda *step: seen.append(step))
    assert features.shape == (5, 2016) and features.dtype == np.float32
    assert np.isfinite(features).all() and (features.std(axis=0) > 0).mean() > 0.9
    assert seen == [(5, 5)]
