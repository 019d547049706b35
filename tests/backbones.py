"""The backbones as parameters of tests: those that take longest to build only where slow tests are asked for."""

from functools import cache

import keras
import pytest

from bloodcells.network.network import BACKBONES, build_network

_LONG = ("EfficientNetB2", "EfficientNetV2S")
EVERY_BACKBONE = [pytest.param(name, marks=[pytest.mark.slow] * (name in _LONG)) for name in BACKBONES]


@cache
def network_on(name: str) -> keras.Model:
    """An untrained network of four classes at 32 px, the same one for all tests: they go by no weight of it."""
    return build_network(image_size=32, working_size=32, classes=4, backbone=name)
