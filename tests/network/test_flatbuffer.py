"""A flatbuffer beside the Keras network that it was made from."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from bloodcells.codabench.conversion import to_flatbuffer
from bloodcells.network.flatbuffer import Flatbuffer


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((12, 12, 3))
    x = keras.layers.Resizing(8, 8)(pixels)
    x = keras.layers.Conv2D(8, 3, activation="swish")(keras.layers.Rescaling(1 / 255)(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    return keras.Model(pixels, keras.layers.Dense(8, activation="softmax")(keras.layers.Dropout(0.5)(x)))


@pytest.fixture(scope="module")
def path(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("a folder é") / "network.tflite"
    path.write_bytes(to_flatbuffer(network))
    return path


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (n, 12, 12, 3)).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 7, 33])
def test_it_answers_as_keras_does(network: keras.Model, path: Path, n: int) -> None:
    answers = Flatbuffer(path).predict(images(n), batch_size=16)
    assert answers.shape == (n, 8) and answers.dtype == np.float32
    if n:
        np.testing.assert_allclose(answers, network.predict(images(n), verbose=0), atol=1e-5)


def test_the_batch_an_image_is_in_does_not_matter(path: Path) -> None:
    """Nor do the sizes of earlier calls: what a batch leaves behind must not reach the next one."""
    flatbuffer = Flatbuffer(path)
    one_by_one = flatbuffer.predict(images(33), batch_size=1)
    for batch_size in (16, 5, 64, 1, 32):
        np.testing.assert_array_equal(flatbuffer.predict(images(33), batch_size), one_by_one)
    assert flatbuffer.output_shape == (None, 8)


def test_the_answer_is_the_callers_own(path: Path) -> None:
    flatbuffer = Flatbuffer(path)
    first = flatbuffer.predict(images(3), batch_size=8)
    kept = first.copy()
    flatbuffer.predict(images(3)[::-1], batch_size=8)
    np.testing.assert_array_equal(first, kept)


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    for name, content in {"empty": b"", "text": b"<html>" * 100}.items():
        broken = tmp_path / name
        broken.write_bytes(content)
        with pytest.raises((ValueError, RuntimeError)):
            Flatbuffer(broken)
    with pytest.raises((ValueError, RuntimeError)):
        Flatbuffer(tmp_path / "absent.tflite")


def test_only_the_warning_of_the_successor_is_held_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    original = tf.lite.Interpreter

    def warning(*arguments: object, **options: object) -> object:
        warnings.warn("something else", UserWarning, stacklevel=2)
        return original(*arguments, **options)

    Flatbuffer(path)
    monkeypatch.setattr(tf.lite, "Interpreter", warning)
    with pytest.warns(UserWarning, match="something else"):
        Flatbuffer(path)
