import keras
import pytest

from bloodcells.codabench.conversion import to_flatbuffer
from bloodcells.errors import KitError


def build() -> keras.Model:
    pixels = keras.Input((6, 6, 3))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(4, 3, name="conv")(pixels))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(keras.layers.Rescaling(1 / 255, name="scale")(x))
    return keras.Model(pixels, keras.layers.Dense(8, activation="softmax", name="head")(x), name="net")


def test_equal_networks_give_equal_bytes() -> None:
    first = build()
    again = build()
    again.set_weights(first.get_weights())
    content = to_flatbuffer(first)
    assert content[4:8] == b"TFL3"
    assert to_flatbuffer(first) == content
    assert to_flatbuffer(again) == content
    assert to_flatbuffer(build()) != content


@pytest.mark.trains
def test_beside_another_backend_of_keras_tensorflow_converts_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build()
    expected = to_flatbuffer(network)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert to_flatbuffer(network) == expected


def test_what_the_converter_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    def convert(_: object) -> bytes:
        raise RuntimeError("op not\nsupported")

    monkeypatch.setattr(tf.lite.TFLiteConverter, "convert", convert)
    with pytest.raises(KitError, match=r"^TensorFlow cannot convert the network: op not supported. Package with --"):
        to_flatbuffer(build())
