from dataclasses import replace

import keras
import numpy as np
import pytest
from backbones import EVERY_BACKBONE, network_on
from competitions import BLOOD
from invented_runs import ENVIRONMENT, invented_config

from bloodcells.data.cells import CellSet
from bloodcells.data.splitting import Split
from bloodcells.measuring import explanation
from bloodcells.measuring.explanation import activation_maps, errors_of
from bloodcells.network.network import backbone_of, build_network
from bloodcells.run import Run

pytestmark = pytest.mark.usefixtures("small_backbone")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(image_size=64, working_size=64, classes=4)


@pytest.fixture(scope="module")
def cells() -> CellSet:
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    return CellSet(images, np.arange(6) % 4, "noise", BLOOD)


def test_the_most_confident_errors_come_first_and_nothing_right_is_among_them(network, cells, monkeypatch):
    probabilities = np.full((6, 4), 0.1)
    chosen, sure = [0, 2, 3, 3, 0, 2], [0.9, 0.5, 0.8, 0.7, 0.9, 0.6]
    probabilities[np.arange(6), chosen] = sure
    errors = errors_of(network, cells, probabilities, cells)
    assert errors.confidence.tolist() == pytest.approx([0.8, 0.6, 0.5])
    np.testing.assert_array_equal(errors.images, cells.images[[2, 5, 1]])
    assert (errors.labels != errors.predicted).all()
    assert errors.places.tolist() == [2, 5, 1]
    monkeypatch.setattr(explanation, "PICTURES", 2)
    fewer = errors_of(network, cells, probabilities, cells)
    np.testing.assert_array_equal(fewer.images, cells.images[[2, 5]])
    assert fewer.places.tolist() == [2, 5, 1] and len(fewer.maps) == 2


def test_what_was_done_to_an_image_and_what_it_was_is_kept_with_it(network, cells):
    corrupted = replace(cells, images=255 - cells.images, corruptions=np.array([f"jpeg+{place}" for place in range(6)]))
    errors = errors_of(network, corrupted, np.eye(4)[(cells.labels + 1) % 4], cells)
    np.testing.assert_array_equal(errors.originals, 255 - errors.images)
    assert errors.corruptions.tolist() == [f"jpeg+{place}" for place in errors.places]


def test_a_map_is_the_evidence_for_the_class(network):
    """An even image has the same evidence in every view and position: that of a single view, made symmetric."""
    even, classes = np.full((6, 64, 64, 3), 90.0, np.float32), np.array([0, 1, 2, 3, 0, 1])
    maps = activation_maps(network, even, classes)
    backbone = backbone_of(network)
    last = keras.Model(backbone.input, backbone.get_layer("top_activation").output)
    found = last.predict(network.get_layer("standardisation")(even), verbose=0)
    kernel = network.get_layer("probabilities").get_weights()[0]
    mean = np.stack([(image @ kernel[:, label]).mean() for image, label in zip(found, classes, strict=True)])
    assert maps.shape == (6, 4, 4) and maps.dtype == np.float32
    np.testing.assert_allclose(maps, np.broadcast_to((mean > 0)[:, None, None], maps.shape), atol=1e-3)


@pytest.mark.parametrize("name", ["ConvNeXtTiny", "MobileNetV3Large"])
def test_the_evidence_of_all_places_is_the_logit_up_to_a_factor(name):
    """Also where a normalisation stands between the mean over the places and the head."""
    network = network_on(name)
    draw, backbone = np.random.default_rng(0), backbone_of(network)
    backbone.layers[-1].set_weights([draw.normal(1, 0.3, weight.shape) for weight in backbone.layers[-1].get_weights()])
    images = draw.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    *_, pooling = (layer for layer in backbone.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    pooled = keras.Model(backbone.input, [pooling.output, backbone.output])
    mean, features = pooled.predict(network.get_layer("standardisation")(images), verbose=0)
    offset = backbone.layers[-1].get_weights()[1] if name == "ConvNeXtTiny" else 0.0
    logits = (features - offset) @ network.get_layer("probabilities").get_weights()[0]
    evidence = mean @ explanation._evidence_of_a_channel(network)
    np.testing.assert_allclose(evidence / np.linalg.norm(evidence), logits / np.linalg.norm(logits), atol=1e-3)


@pytest.mark.parametrize("name", EVERY_BACKBONE)
def test_every_backbone_shows_where_it_looked(published_backbone, name):
    network = network_on(name)
    maps = activation_maps(network, np.full((1, 32, 32, 3), 90, np.uint8), np.array([2]))
    assert maps.shape == (1, 2, 2) and np.isfinite(maps).all()


def test_a_map_moves_with_what_is_shown(network):
    """By a place of the finer grid, 16 px of 64, but where that leads into the next place of the network's own."""
    place = np.zeros((2, 64, 64, 3), np.float32) + 200
    place[0, 16:32, 24:40] = place[1, 32:48, 24:40] = (20, 0, 90)
    still, moved = activation_maps(network, place, np.array([1, 1]))
    after, before = moved[[1, 3]], still[[0, 2]]
    np.testing.assert_allclose(after / after.max(), before / before.max(), atol=1e-3)
    assert np.abs(moved - still).max() > 0.03


def test_a_map_turns_with_its_image(network, cells):
    classes = np.arange(6) % 4
    upright, turned = (activation_maps(network, np.rot90(cells.images, k, axes=(1, 2)), classes) for k in (0, 1))
    assert upright.max() == 1 and upright.min() < 0.9
    np.testing.assert_allclose(np.rot90(upright, axes=(1, 2)), turned, atol=1e-3)


def test_a_set_without_errors_is_kept_and_read_as_one(network, cells, tmp_path):
    none = errors_of(network, cells, np.eye(4)[cells.labels], cells)
    some = errors_of(network, cells, np.eye(4)[(cells.labels + 1) % 4], cells)
    run = Run(tmp_path)
    run.begin(invented_config(replace(BLOOD, image_size=64)), ENVIRONMENT)
    run.write_split(Split(np.array([12]), np.arange(6), np.arange(6, 12)))
    run.write_errors({part: {"clean": none, "composite": some} for part in ("validation", "holdout")})
    kept = run.read_errors()["holdout"]
    assert len(kept["clean"]) == 0
    np.testing.assert_array_equal(kept["composite"].maps, some.maps)
    assert Run(tmp_path / "elsewhere").read_errors() == {}
