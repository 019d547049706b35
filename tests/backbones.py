"""The backbones as parameters of tests: those that take longest to build only where slow tests are asked for."""

import pytest

from bloodcells.network.network import BACKBONES

_LONG = ("EfficientNetB2", "EfficientNetV2S")
EVERY_BACKBONE = [pytest.param(name, marks=[pytest.mark.slow] * (name in _LONG)) for name in BACKBONES]
