import h5py
import keras
import numpy as np
import pytest
from competitions import BLOOD
from invented_runs import begun_run

from bloodcells.errors import KitError
from bloodcells.network.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    backbone_of,
    build_network,
)
from bloodcells.run import Run
from bloodcells.training.start import KIT, initialise, starting_point, starting_recipe

pytestmark = pytest.mark.usefixtures("small_backbone")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_network(image_size=32, working_size=32, classes=8)


@pytest.fixture(scope="module")
def imagenet_like() -> keras.Model:
    """What Keras builds for a file of ImageNet weights: its own normalisation layer holds the statistics."""
    keras.utils.set_random_seed(7)
    source = keras.applications.EfficientNetB3(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    normalisation = next(layer for layer in source.layers if isinstance(layer, keras.layers.Normalization))
    normalisation.set_weights([np.array(IMAGENET_MEAN), np.array(IMAGENET_STD) ** 2, np.array(0)])
    normalisation.finalize_state()
    return source


def test_a_file_gives_its_features_behind_our_preprocessing(network, imagenet_like, tmp_path):
    path = tmp_path / "notop weights.weights.h5"
    imagenet_like.save_weights(path)
    initialise(network, str(path))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    features = keras.Model(network.input, network.get_layer("dropout").input)
    expected = imagenet_like(pixels, training=False)
    np.testing.assert_allclose(features(pixels, training=False), expected, atol=1e-3 * np.abs(expected).max())


def test_weights_behind_another_preprocessing_are_refused(network, tmp_path):
    plain = keras.applications.EfficientNetB3(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    path = tmp_path / "plain.weights.h5"
    plain.save_weights(path)
    with pytest.raises(KitError, match="expects another preprocessing"):
        initialise(network, str(path))


def test_a_missing_file_is_told_with_the_alternatives(network):
    with pytest.raises(
        KitError, match=r"init not found: expected imagenet, kit, scratch or an existing \.h5 file, got nowhere"
    ):
        initialise(network, "nowhere.h5")


def test_a_file_of_another_kind_is_refused(network, tmp_path):
    path = tmp_path / "not weights.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(KitError, match="does not hold the weights of EfficientNetB3 without its top"):
        initialise(network, str(path))


def test_imagenet_without_a_network_says_what_to_do(network, monkeypatch):
    def unreachable(**_):
        raise Exception("URL fetch failure on https://example.org: None -- unreachable\nlong traceback")

    monkeypatch.setattr(keras.applications, "EfficientNetB3", unreachable)
    with pytest.raises(KitError, match="need the network once") as refusal:
        initialise(network, "imagenet")
    assert "\n" not in str(refusal.value)
    assert "--init kit" in str(refusal.value)


def test_weights_of_a_run_come_with_their_head(network, tmp_path):
    path = tmp_path / "run.weights.h5"
    keras.utils.set_random_seed(11)
    trained = build_network(image_size=32, working_size=32, classes=8)
    trained.save_weights(path)
    initialise(network, str(path))
    pairs = zip(trained.get_weights(), network.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_the_kit_knows_the_cells_at_another_size_and_lends_its_features_to_other_classes(published_backbone, capsys):
    smaller, of_shapes = build_network(96, 64, classes=8), build_network(64, 64, classes=5)
    for network in (smaller, of_shapes):
        initialise(network, "kit")
    assert "tells 8 other classes apart: the head starts anew, for 5" in capsys.readouterr().out
    weights = zip(*(backbone_of(network).get_weights() for network in (smaller, of_shapes)), strict=True)
    assert all(np.array_equal(one, other) for one, other in weights)
    with h5py.File(Run(KIT).weights) as file:
        assert np.array_equal(smaller.get_layer("probabilities").get_weights()[1], file["layers/dense/vars/1"])
    assert (KIT / "README.md").is_file()


@pytest.fixture
def no_network(monkeypatch):
    def unreachable(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "EfficientNetB3", unreachable)


def test_auto_takes_imagenet_for_real_cells_where_it_can_be_had(monkeypatch):
    monkeypatch.setattr(keras.applications, "EfficientNetB3", lambda **_: None)
    assert starting_point("auto", "data/training_set.npz") == "imagenet"


def test_auto_takes_the_kit_without_a_network_and_says_why(no_network, capsys):
    assert starting_point("auto", "data/training_set.npz") == "kit"
    assert "no ImageNet weights (URL fetch failure)" in capsys.readouterr().out


def test_auto_downloads_nothing_for_the_smear(no_network, capsys):
    assert starting_point("auto", "synthetic") == "kit"
    assert capsys.readouterr().out == ""


def test_auto_stays_with_what_a_run_began_with(no_network, tmp_path):
    begun_run(tmp_path, init="imagenet")
    assert starting_point("auto", "data/training_set.npz", tmp_path) == "imagenet"


def test_an_init_that_is_named_is_taken():
    assert starting_point("a.h5", "synthetic") == "a.h5"


def test_scratch_touches_nothing(network):
    before = network.get_weights()
    initialise(network, "scratch")
    assert all(np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["EfficientNetV2B0", "ConvNeXtTiny", "MobileNetV3Large"])
def test_a_file_of_another_backbone_gives_its_features_too(name, tmp_path):
    keras.utils.set_random_seed(7)
    source = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    path = tmp_path / "notop.weights.h5"
    source.save_weights(path)
    network = build_network(image_size=32, working_size=32, classes=8, backbone=name)
    initialise(network, str(path), name)
    weights = zip(source.layers[-3].get_weights(), backbone_of(network).layers[-3].get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in weights)


def test_a_file_of_another_backbone_than_told_is_refused(network, tmp_path):
    other = build_network(image_size=32, working_size=32, classes=8, backbone="EfficientNetB0")
    for path, weights in (("trained.weights.h5", other), ("notop.weights.h5", backbone_of(other))):
        weights.save_weights(tmp_path / path)
        with pytest.raises(KitError, match=r"does not hold the weights of .* EfficientNetB3|of EfficientNetB3 without"):
            initialise(network, str(tmp_path / path))


def test_the_kits_weights_start_no_other_backbone():
    with pytest.raises(KitError, match=r"the kit's weights are of EfficientNetB3: .* for ConvNeXtTiny, got kit"):
        starting_recipe("quick", "kit", "synthetic", BLOOD.classes, changes=["backbone=ConvNeXtTiny"])
    assert (
        starting_recipe("quick", "auto", "synthetic", BLOOD.classes, changes=["backbone=ConvNeXtTiny"]).init
        == "scratch"
    )
    assert starting_recipe("quick", "auto", "synthetic", BLOOD.classes).init == "kit"


EIGHT_OTHERS = tuple(f"flower {place}" for place in range(8))


@pytest.mark.parametrize(
    ("classes", "new_head"),
    [(BLOOD.classes, False), (tuple(map(str.upper, BLOOD.classes)), False), (EIGHT_OTHERS, True),
     (BLOOD.classes[::-1], True), (BLOOD.classes[:5], True)],
)  # fmt: skip
def test_a_head_of_other_classes_by_name_is_trained_first(classes, new_head):
    phases = starting_recipe("quick", "kit", "a folder", classes).phases
    assert [phase.head_only for phase in phases] == ([True, False] if new_head else [False])


def test_eight_other_classes_take_the_backbone_alone(tmp_path, capsys):
    run = begun_run(tmp_path)
    trained = build_network(image_size=32, working_size=32, classes=8)
    trained.save_weights(run.weights)
    for classes, as_it_was in ((BLOOD.classes, True), (EIGHT_OTHERS, False)):
        network = build_network(image_size=32, working_size=32, classes=8)
        initialise(network, str(run.weights), classes=classes)
        assert np.array_equal(network.get_weights()[-2], trained.get_weights()[-2]) == as_it_was
        pairs = zip(backbone_of(trained).get_weights(), backbone_of(network).get_weights(), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)
    assert capsys.readouterr().out == "weights.weights.h5 tells 8 other classes apart: the head starts anew, for 8\n"
